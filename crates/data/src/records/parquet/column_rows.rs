//! The levels and values of one column in a batch of rows.

use std::cell::Cell;
use std::sync::Arc;

use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use serde_json::{Number, Value};

use super::decode::{Meaning, of_float, of_int96, of_json};
use super::error::Damage;
use crate::RecordProblem;

/// What is the same for all values of a column.
pub(super) struct ColumnType {
    /// Its path, such as `segments.list.element.start`.
    pub(super) name: String,
    pub(super) meaning: Meaning,
    /// Whether its numbers become `f64`.
    pub(super) rated: bool,
    pub(super) max_definition: i16,
}

/// What a column has in a batch of rows, and where reading stands in it.
pub(super) struct ColumnRows {
    of: Arc<ColumnType>,
    pub(super) values: Values,
    pub(super) definition: Vec<i16>,
    pub(super) repetition: Vec<i16>,
    /// Number of levels.
    pub(super) levels: usize,
    /// The next level and the next value. Texts are borrowed while these move on.
    level: Cell<usize>,
    value: Cell<usize>,
    /// Where the row starts, its level and its value, and where it ends.
    start: Cell<(usize, usize)>,
    end: Cell<usize>,
}

pub(super) enum Values {
    None,
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// A value as it lies in its column.
pub(super) enum Scalar<'a> {
    Bool(bool),
    Whole(i64),
    Number(f64),
    Text(&'a str),
    /// A text that is JSON.
    Json(&'a str),
}

impl ColumnRows {
    pub(super) fn new(of: Arc<ColumnType>) -> Self {
        Self {
            of,
            values: Values::None,
            definition: Vec::new(),
            repetition: Vec::new(),
            levels: 0,
            level: Cell::new(0),
            value: Cell::new(0),
            start: Cell::new((0, 0)),
            end: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn max_definition(&self) -> i16 {
        self.of.max_definition
    }

    /// Finds the end of the next row.
    pub(super) fn start_row(&self) -> Result<(), Damage> {
        let level = self.end.get();
        self.level.set(level);
        let starts = self.repetition.get(level).is_none_or(|&level| level == 0);
        if level >= self.levels || !starts {
            return Err(self.torn());
        }
        self.start.set((level, self.value.get()));
        let rest = self.repetition.get(level + 1..).unwrap_or_default();
        let length = rest.iter().take_while(|&&level| level > 0).count();
        self.end.set(level + 1 + length);
        Ok(())
    }

    /// Goes back to the start of the row.
    pub(super) fn rewind(&self) {
        let (level, value) = self.start.get();
        self.level.set(level);
        self.value.set(value);
    }

    /// Passes over what is left of the row.
    pub(super) fn end_row(&self) -> Result<(), Damage> {
        while !self.is_at_end() {
            self.skip()?;
        }
        Ok(())
    }

    /// Whether the row has nothing more.
    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.level.get() >= self.end.get()
    }

    /// The definition level of the next value; `None` at the end of the row.
    #[inline]
    pub(super) fn next_definition(&self) -> Option<i16> {
        if self.is_at_end() {
            return None;
        }
        let level = self.definition.get(self.level.get()).copied();
        Some(level.unwrap_or_else(|| self.max_definition()))
    }

    /// The definition level of the next value.
    pub(super) fn definition(&self) -> Result<i16, Damage> {
        self.next_definition().ok_or_else(|| self.torn())
    }

    /// The repetition level of the next value; 0 at the end of the row.
    #[inline]
    pub(super) fn repetition(&self) -> i16 {
        if self.is_at_end() {
            return 0;
        }
        self.repetition.get(self.level.get()).copied().unwrap_or(0)
    }

    /// Passes over one level, and its value if it has one; `None` at the end of the row.
    #[inline]
    pub(super) fn pass(&self) -> Option<()> {
        if self.next_definition()? == self.max_definition() {
            self.value.set(self.value.get() + 1);
        }
        self.level.set(self.level.get() + 1);
        Some(())
    }

    /// Passes over one level, and its value if it has one.
    pub(super) fn skip(&self) -> Result<(), Damage> {
        self.pass().ok_or_else(|| self.torn())
    }

    /// Bytes of the next value, which is there.
    #[inline]
    pub(super) fn size(&self) -> usize {
        match &self.values {
            Values::Bytes(values) => values
                .get(self.value.get())
                .map_or(0, |value| bytes(value).len()),
            Values::Fixed(values) => values
                .get(self.value.get())
                .map_or(0, |value| bytes(value).len()),
            _ => 1,
        }
    }

    /// The next value, which is there.
    pub(super) fn take(&self) -> Result<Result<Value, (String, RecordProblem)>, Damage> {
        let value = self.value.get();
        self.skip()?;
        self.decode(value).ok_or_else(|| self.torn())
    }

    /// The next value, which is there, if it is of a kind that needs no more than a look.
    #[inline]
    pub(super) fn take_scalar(&self) -> Option<Scalar<'_>> {
        let at = self.value.get();
        self.pass()?;
        let text = |value| str::from_utf8(bytes(value)).ok();
        match (&self.values, self.of.meaning) {
            (Values::Bool(values), Meaning::Plain) => Some(Scalar::Bool(*values.get(at)?)),
            (Values::Int32(values), Meaning::Plain) => {
                Some(Scalar::Whole(i64::from(*values.get(at)?)))
            }
            (Values::Int64(values), Meaning::Plain) => Some(Scalar::Whole(*values.get(at)?)),
            (Values::Float(values), Meaning::Plain) => {
                Some(Scalar::Number(f64::from(*values.get(at)?)))
            }
            (Values::Double(values), Meaning::Plain) => Some(Scalar::Number(*values.get(at)?)),
            (Values::Bytes(values), Meaning::Plain) => text(values.get(at)?).map(Scalar::Text),
            (Values::Bytes(values), Meaning::Json) => text(values.get(at)?).map(Scalar::Json),
            _ => None,
        }
    }

    fn decode(&self, at: usize) -> Option<Result<Value, (String, RecordProblem)>> {
        let value = match &self.values {
            Values::None => return None,
            Values::Bool(values) => Ok((*values.get(at)?).into()),
            Values::Int32(values) => self.of.meaning.of_integer(i64::from(*values.get(at)?)),
            Values::Int64(values) => self.of.meaning.of_integer(*values.get(at)?),
            Values::Int96(values) => Ok(of_int96(values.get(at)?)),
            Values::Float(values) => of_float(f64::from(*values.get(at)?)),
            Values::Double(values) => of_float(*values.get(at)?),
            Values::Bytes(values) => self.of.meaning.of_bytes(bytes(values.get(at)?)),
            Values::Fixed(values) => self.of.meaning.of_bytes(bytes(values.get(at)?)),
        };
        Some(match (value, self.of.meaning) {
            (Ok(Value::String(text)), Meaning::Json) => of_json(&text),
            (Ok(Value::Number(number)), _) if self.of.rated && !is_exact(&number) => {
                let found = number.to_string();
                Err((String::new(), RecordProblem::Inexact { found }))
            }
            (value, _) => value.map_err(|problem| (String::new(), problem)),
        })
    }

    pub(super) fn torn(&self) -> Damage {
        Damage::new("its lists do not fit those of the columns beside it").in_column(&self.of.name)
    }
}

/// Whether a number is the same as an `f64`.
fn is_exact(number: &Number) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which is compared"
    )]
    let is_same = |whole: i128| (whole as f64) as i128 == whole;
    number.is_f64()
        || number.as_i64().is_some_and(|whole| is_same(whole.into()))
        || number.as_u64().is_some_and(|whole| is_same(whole.into()))
}

fn bytes(value: &ByteArray) -> &[u8] {
    // One that was never filled has no data, of which the library would panic.
    if *value == ByteArray::new() {
        &[]
    } else {
        value.data()
    }
}
