//! Values of a column, read where they lie.

#![expect(
    unsafe_code,
    reason = "the producer of an array vouches for the length of its buffers"
)]

use std::slice;

use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::{DataType, Field};
use gradus::data::{RecordError, RecordProblem};
use serde_json::{Number, Value};

/// Keys whose numbers a record holds as `f64`.
pub(super) const RATING_KEYS: [&str; 4] = ["rating", "ratings", "labels", "weight"];

/// An array with its type, which [`fits`](Self::fits).
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    pub(super) kind: &'a DataType,
    pub(super) array: &'a FFI_ArrowArray,
    /// Whether its numbers are ratings.
    pub(super) rated: bool,
}

/// Whether nothing is there in a row of an array with a buffer of nulls.
pub(super) fn is_null(array: &FFI_ArrowArray, row: usize) -> bool {
    array.num_buffers() > 0
        && !array.buffer(0).is_null()
        && array.null_count_opt() != Some(0)
        && !bit(array, 0, array.offset() + row)
}

fn bit(array: &FFI_ArrowArray, buffer: usize, at: usize) -> bool {
    // SAFETY: buffers are as long as the array.
    let byte = unsafe { array.buffer(buffer).add(at / 8).read() };
    byte >> (at % 8) & 1 == 1
}

/// The first type inside this one whose values are neither texts nor numbers, truth values, lists or objects.
pub(super) fn unreadable(kind: &DataType) -> Option<&DataType> {
    use DataType as D;
    match kind {
        D::Null | D::Boolean | D::Float32 | D::Float64 | D::Utf8 | D::LargeUtf8 | D::Utf8View => {
            None
        }
        kind if kind.is_integer() => None,
        D::List(item)
        | D::LargeList(item)
        | D::ListView(item)
        | D::LargeListView(item)
        | D::FixedSizeList(item, _)
        | D::Map(item, _) => unreadable(item.data_type()),
        D::Struct(fields) => fields
            .iter()
            .find_map(|field| unreadable(field.data_type())),
        D::Dictionary(_, values) => unreadable(values),
        kind => Some(kind),
    }
}

impl<'a> Column<'a> {
    /// A column of a batch; nothing if the array does not have the parts of its type.
    pub(super) fn new(field: &'a Field, array: &'a FFI_ArrowArray) -> Option<Self> {
        let column = Self {
            kind: field.data_type(),
            array,
            rated: RATING_KEYS.contains(&field.name().as_str()),
        };
        column.fits().then_some(column)
    }

    pub(super) fn with(self, kind: &'a DataType, array: &'a FFI_ArrowArray) -> Self {
        Self {
            kind,
            array,
            ..self
        }
    }

    fn fits(self) -> bool {
        use DataType as D;
        let (buffers, children): (usize, Vec<&DataType>) = match self.kind {
            D::Null => (0, vec![]),
            D::Utf8 | D::LargeUtf8 | D::Utf8View => (3, vec![]),
            D::List(item) | D::LargeList(item) | D::Map(item, _) => (2, vec![item.data_type()]),
            D::ListView(item) | D::LargeListView(item) => (3, vec![item.data_type()]),
            D::FixedSizeList(item, _) => (1, vec![item.data_type()]),
            D::Struct(fields) => (1, fields.iter().map(|field| field.data_type()).collect()),
            D::Dictionary(_, values) => {
                let dictionary = self.array.dictionary();
                return self.array.num_buffers() >= 2
                    && dictionary.is_some_and(|array| self.with(values, array).fits());
            }
            _ => (2, vec![]),
        };
        self.array.num_buffers() >= buffers
            && self.array.num_children() == children.len()
            && (children.iter().enumerate())
                .all(|(index, &kind)| self.with(kind, self.array.child(index)).fits())
    }

    /// The value of a row; `null` is nothing there.
    pub(super) fn value(self, row: usize) -> Result<Value, RecordError> {
        use DataType as D;
        if self.is_null(row) {
            return Ok(Value::Null);
        }
        let at = self.array.offset() + row;
        Ok(match self.kind {
            D::Boolean => Value::Bool(self.bit(1, at)),
            D::Float32 => float(f64::from(self.read::<f32>(1, at)))?,
            D::Float64 => float(self.read::<f64>(1, at))?,
            D::Utf8 | D::LargeUtf8 | D::Utf8View => Value::String(self.text(at)?.to_owned()),
            D::Dictionary(keys, values) => {
                let key = self.with(keys, self.array).whole(at);
                let key = key.and_then(|key| usize::try_from(key).ok());
                let dictionary = self.array.dictionary();
                let (Some(key), Some(array)) = (key, dictionary) else {
                    return Err(damaged("a key that the dictionary does not have"));
                };
                if key >= array.len() {
                    return Err(damaged("a key that the dictionary does not have"));
                }
                return self.with(values, array).value(key);
            }
            D::Struct(fields) => return self.object(fields.iter().map(AsRef::as_ref), at),
            D::Map(entry, _) => return self.entries(entry.data_type(), at),
            _ => match self.whole(at) {
                Some(number) => self.number(number)?,
                None => return self.list(at),
            },
        })
    }

    fn is_null(self, row: usize) -> bool {
        matches!(self.kind, DataType::Null) || is_null(self.array, row)
    }

    fn bit(self, buffer: usize, at: usize) -> bool {
        bit(self.array, buffer, at)
    }

    pub(super) fn read<T: Copy>(self, buffer: usize, at: usize) -> T {
        // SAFETY: buffers are as long as the array, and `T` is a number as its type says.
        unsafe {
            self.array
                .buffer(buffer)
                .cast::<T>()
                .add(at)
                .read_unaligned()
        }
    }

    /// The whole number at a place of a column of those.
    fn whole(self, at: usize) -> Option<i128> {
        Some(match self.kind {
            DataType::Int8 => self.read::<i8>(1, at).into(),
            DataType::Int16 => self.read::<i16>(1, at).into(),
            DataType::Int32 => self.read::<i32>(1, at).into(),
            DataType::Int64 => self.read::<i64>(1, at).into(),
            DataType::UInt8 => self.read::<u8>(1, at).into(),
            DataType::UInt16 => self.read::<u16>(1, at).into(),
            DataType::UInt32 => self.read::<u32>(1, at).into(),
            DataType::UInt64 => self.read::<u64>(1, at).into(),
            _ => return None,
        })
    }

    fn number(self, number: i128) -> Result<Value, RecordError> {
        #[expect(clippy::cast_possible_truncation, reason = "back from a whole number")]
        let exact = (number as f64) as i128 == number;
        if self.rated && !exact {
            let found = number.to_string();
            return Err(RecordError::new("", RecordProblem::Inexact { found }));
        }
        let small = i64::try_from(number).map(Value::from);
        Ok(small.unwrap_or_else(|_| u64::try_from(number).map_or(Value::Null, Value::from)))
    }

    /// The text at a place, where it lies.
    fn text(self, at: usize) -> Result<&'a str, RecordError> {
        let (start, length) = match self.kind {
            DataType::Utf8View => {
                let view = self.read::<[u32; 4]>(1, at);
                let length = view[0] as usize;
                let start = if length <= 12 {
                    // SAFETY: a view is 16 bytes, of which the text begins at the fifth.
                    unsafe { self.array.buffer(1).add(16 * at + 4) }
                } else {
                    let buffer = 2 + view[2] as usize;
                    if buffer + 1 >= self.array.num_buffers() {
                        return Err(damaged("a text in a buffer that is not there"));
                    }
                    // SAFETY: the view says where the text begins in the buffer.
                    unsafe { self.array.buffer(buffer).add(view[3] as usize) }
                };
                (start, length)
            }
            kind => {
                let (start, end) = self.range(*kind == DataType::LargeUtf8, at)?;
                // SAFETY: offsets lie inside the buffer of texts.
                (unsafe { self.array.buffer(2).add(start) }, end - start)
            }
        };
        let bytes = match length {
            0 => &[][..],
            // SAFETY: as above; the array outlives the column.
            _ => unsafe { slice::from_raw_parts(start, length) },
        };
        str::from_utf8(bytes).map_err(|_| {
            let found = format!("{length} bytes that are none");
            let expected = "a text in UTF-8";
            RecordError::new("", RecordProblem::WrongType { found, expected })
        })
    }

    /// Where a text or a list begins and ends.
    pub(super) fn range(self, large: bool, at: usize) -> Result<(usize, usize), RecordError> {
        let offset = |at| {
            if large {
                self.read::<i64>(1, at)
            } else {
                self.read::<i32>(1, at).into()
            }
        };
        match (usize::try_from(offset(at)), usize::try_from(offset(at + 1))) {
            (Ok(start), Ok(end)) if start <= end => Ok((start, end)),
            _ => Err(damaged("offsets that run backwards")),
        }
    }
}

fn float(number: f64) -> Result<Value, RecordError> {
    Number::from_f64(number).map(Value::Number).ok_or_else(|| {
        let found = number.to_string();
        RecordError::new("", RecordProblem::NotFinite { found })
    })
}

/// An error whose place is this far further out.
pub(super) fn inside(step: &str, error: RecordError) -> RecordError {
    let dot = if error.field.is_empty() || error.field.starts_with('[') {
        ""
    } else {
        "."
    };
    RecordError::new(format!("{step}{dot}{}", error.field), error.problem)
}

/// What no producer of Arrow should write.
pub(super) fn damaged(found: &str) -> RecordError {
    let found = found.to_owned();
    let expected = "a column as Arrow's format has it";
    RecordError::new("", RecordProblem::WrongType { found, expected })
}
