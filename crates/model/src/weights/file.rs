//! The header of a safetensors file, on disk or in memory, and reading one tensor at a time.

use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Bytes, DType, Shape, TensorData};
use burn_store::bridge;
use burn_store::burn_pack::{Error as PackError, Tensor as PackTensor};
use fs_err::File;
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::quantized::Steps;
use crate::error::{ModelError, Result};

/// The header's length precedes it, as a little-endian `u64`.
const LENGTH_BYTES: usize = 8;

/// The format's own limit; a longer header indicates another kind of file.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
enum Source {
    File(Arc<Path>),
    Memory(Arc<[u8]>),
}

/// A tensor in a file that has not been read.
#[derive(Debug, Clone)]
pub(crate) struct StoredTensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    source: Source,
    offset: u64,
    num_bytes: usize,
    /// Number of equal parts of which this is one; 1 for a whole tensor.
    pub(crate) num_parts: usize,
    /// Rows of the tensor in the file; those of `shape` for a whole tensor.
    pub(crate) file_rows: Option<usize>,
    /// Index of the first of these rows in the file.
    first_row: usize,
    /// Low-rank change to add when the tensor is read.
    pub(crate) change: Option<Arc<LowRank>>,
    /// Of bytes: what they are multiplied by when the tensor is read.
    pub(crate) steps: Option<Arc<Steps>>,
}

/// A change of a matrix, `[rows, width]`: `scale · b · a`.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// `[rank, width]`
    pub(crate) a: StoredTensor,
    /// `[rows, rank]`
    pub(crate) b: StoredTensor,
    pub(crate) scale: f64,
}

impl LowRank {
    /// Adds the change to the values of some rows, starting at `first_row`.
    fn add(&self, values: &mut [f32], first_row: usize) -> Result<(), PackError> {
        let &[rank, width] = self.a.shape.as_slice() else {
            return Err(PackError::ValidationError("no matrix".into()));
        };
        let (a, b) = (self.a.values()?, self.b.values()?);
        for (row, values) in values.chunks_mut(width.max(1)).enumerate() {
            let weights = b.iter().skip((first_row + row) * rank).take(rank);
            for (weight, a) in weights.zip(a.chunks(width.max(1))) {
                #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
                let weight = (f64::from(*weight) * self.scale) as f32;
                for (value, a) in values.iter_mut().zip(a) {
                    *value += weight * a;
                }
            }
        }
        Ok(())
    }
}

/// Lists the tensors of a file after checking that the header is valid and describes exactly the
/// bytes of the file.
pub(crate) fn read_header(path: &Path) -> Result<Vec<StoredTensor>> {
    let file = File::open(path)?;
    let file_bytes = file.metadata()?.len();
    header(path, file, file_bytes, &Source::File(path.into()))
}

/// The same for a file in memory, which errors call `path`.
pub(crate) fn read_header_in_memory(path: &Path, content: Arc<[u8]>) -> Result<Vec<StoredTensor>> {
    let file_bytes = content.len() as u64;
    let source = Source::Memory(content.clone());
    header(path, Cursor::new(&*content), file_bytes, &source)
}

fn header(
    path: &Path,
    mut file: impl Read,
    file_bytes: u64,
    source: &Source,
) -> Result<Vec<StoredTensor>> {
    let not_safetensors = |reason: String| ModelError::NotSafetensors {
        path: path.into(),
        reason,
    };
    if file_bytes < LENGTH_BYTES as u64 {
        return Err(not_safetensors(format!("{file_bytes} bytes are too few")));
    }
    let mut length = [0; LENGTH_BYTES];
    file.read_exact(&mut length)?;
    let header_bytes = u64::from_le_bytes(length);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(not_safetensors(
            "its first bytes are not a valid header length".into(),
        ));
    }
    let data_start = LENGTH_BYTES as u64 + header_bytes;
    if data_start > file_bytes {
        return Err(damaged(path, file_bytes, data_start));
    }
    let mut header = Vec::new();
    file.by_ref().take(header_bytes).read_to_end(&mut header)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|error| not_safetensors(error.to_string()))?;
    let data_bytes = header.data_len() as u64;
    let expected_bytes = data_start.saturating_add(data_bytes);
    if expected_bytes != file_bytes {
        return Err(damaged(path, file_bytes, expected_bytes));
    }
    let stored = header
        .tensors()
        .into_iter()
        .map(|(name, info)| StoredTensor {
            name,
            dtype: info.dtype,
            shape: info.shape.clone(),
            source: source.clone(),
            offset: data_start + info.data_offsets.0 as u64,
            num_bytes: info.data_offsets.1 - info.data_offsets.0,
            num_parts: 1,
            file_rows: info.shape.first().copied(),
            first_row: 0,
            change: None,
            steps: None,
        });
    Ok(stored.collect())
}

fn damaged(path: &Path, found: u64, expected: u64) -> ModelError {
    ModelError::DamagedSafetensors {
        path: PathBuf::from(path),
        found,
        expected,
    }
}

impl StoredTensor {
    /// Splits the tensor into parts with equal numbers of rows; remaining rows belong to none.
    pub(crate) fn split(self, num_parts: usize) -> Vec<Self> {
        let rows = self.file_rows.unwrap_or(0) / num_parts;
        let row_bytes = self.num_bytes / self.file_rows.unwrap_or(1).max(1);
        let part = |number: usize| {
            let mut part = self.clone();
            if let Some(first) = part.shape.first_mut() {
                *first = rows;
            }
            part.offset += (number * rows * row_bytes) as u64;
            part.num_bytes = rows * row_bytes;
            part.num_parts = num_parts;
            part.first_row = number * rows;
            part
        };
        (0..num_parts).map(part).collect()
    }

    /// Shape of the tensor in the file, for a part of this shape.
    pub(crate) fn whole(&self, part: &[usize]) -> Vec<usize> {
        let mut whole = part.to_vec();
        if let Some(first) = whole.first_mut() {
            *first *= self.num_parts;
        }
        whole
    }

    /// The shape of the tensor in the file.
    pub(crate) fn file_shape(&self) -> Vec<usize> {
        let mut shape = self.shape.clone();
        if let (Some(first), Some(rows)) = (shape.first_mut(), self.file_rows) {
            *first = rows;
        }
        shape
    }

    /// The tensor under its parameter's name; its bytes are read on demand, and its name is noted in
    /// `damaged` if a value is NaN or infinite. `None` for types other than floating-point numbers of
    /// 16, 32 or 64 bits.
    pub(crate) fn into_parameter(self, parameter: String, damaged: &Damaged) -> Option<PackTensor> {
        let stored = self.float_type()?;
        let dtype = if self.change.is_some() {
            DType::F32
        } else {
            stored
        };
        let shape = Shape::from(self.shape.clone());
        let damaged = damaged.clone();
        let provider = move || {
            let data = self.read(stored)?;
            if !is_finite(&data) {
                match self.change {
                    None => damaged.note(&self.name),
                    Some(_) => damaged.note(&format!("{} with its adapter", self.name)),
                }
            }
            Ok(data)
        };
        Some(bridge::deferred(parameter, dtype, shape, None, provider))
    }

    fn float_type(&self) -> Option<DType> {
        match self.dtype {
            Dtype::F16 => Some(DType::F16),
            Dtype::BF16 => Some(DType::BF16),
            Dtype::F32 => Some(DType::F32),
            Dtype::F64 => Some(DType::F64),
            Dtype::I8 if self.steps.is_some() => Some(DType::F32),
            _ => None,
        }
    }

    fn read(&self, dtype: DType) -> Result<TensorData, PackError> {
        let bytes = self
            .read_bytes()
            .map_err(|error| PackError::IoError(error.to_string()))?;
        let shape = Shape::from(self.shape.clone());
        if let Some(steps) = &self.steps {
            let width = self.shape.last().copied().unwrap_or_default();
            let values = steps.apply(&bytes, width, &steps.tensor.values()?);
            return Ok(TensorData::new(values, shape));
        }
        let data = TensorData::try_from_bytes(Bytes::from_bytes_vec(bytes), shape.clone(), dtype)
            .map_err(|error| PackError::TensorBytesSizeMismatch(error.to_string()))?;
        let Some(change) = &self.change else {
            return Ok(data);
        };
        let mut values = floats(data)?;
        change.add(&mut values, self.first_row)?;
        Ok(TensorData::new(values, shape))
    }

    /// The values as 32-bit floats.
    fn values(&self) -> Result<Vec<f32>, PackError> {
        let no_floats = || PackError::ValidationError(format!("`{}` holds no floats", self.name));
        floats(self.read(self.float_type().ok_or_else(no_floats)?)?)
    }

    fn read_bytes(&self) -> std::io::Result<Vec<u8>> {
        match &self.source {
            Source::File(path) => self.read_from(File::open(&**path)?),
            Source::Memory(content) => self.read_from(Cursor::new(&**content)),
        }
    }

    fn read_from(&self, mut source: impl Read + Seek) -> std::io::Result<Vec<u8>> {
        source.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = vec![0; self.num_bytes];
        source.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.float_type().is_some()
    }
}

/// Names of tensors with a value that is NaN or infinite, found while they are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Damaged(Arc<Mutex<Vec<String>>>);

impl Damaged {
    fn note(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }

    /// Refuses what was read if a value was not finite: every score would be NaN, or depend on
    /// whether a text happens to meet that value.
    pub(crate) fn refuse(&self, place: &Path) -> Result<()> {
        let mut tensors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tensors.is_empty() {
            return Ok(());
        }
        tensors.sort();
        Err(ModelError::NotFiniteWeights {
            path: place.into(),
            tensors: tensors.clone(),
        })
    }
}

/// Values that are looked at together.
const BLOCK: usize = 4096;

/// Whether every value is a finite 32-bit float.
fn is_finite(data: &TensorData) -> bool {
    let bytes = data.as_bytes();
    // All bits of the exponent are set in NaN and in infinite numbers. Whole blocks are looked at, since a
    // loop that ends at the first of them is not vectorized.
    let halves = |exponent: u16| {
        let fine = |half: &[u8; 2]| u16::from_ne_bytes(*half) & exponent != exponent;
        let mut blocks = bytes.as_chunks::<2>().0.chunks(BLOCK);
        blocks.all(|block| block.iter().fold(true, |all, half| all & fine(half)))
    };
    match data.dtype() {
        DType::F16 => halves(0x7c00),
        DType::BF16 => halves(0x7f80),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what it becomes is looked at"
        )]
        DType::F64 => data.iter::<f64>().all(|value| (value as f32).is_finite()),
        _ => {
            let exponent = 0x7f80_0000;
            let fine = |word: &[u8; 4]| u32::from_ne_bytes(*word) & exponent != exponent;
            let mut blocks = bytes.as_chunks::<4>().0.chunks(BLOCK);
            blocks.all(|block| block.iter().fold(true, |all, word| all & fine(word)))
        }
    }
}

fn floats(data: TensorData) -> Result<Vec<f32>, PackError> {
    let values = data.convert::<f32>().try_into_vec::<f32>();
    values.map_err(|error| PackError::ValidationError(format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_not_finite_are_found_in_every_type() {
        for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
            for (value, finite) in [
                (0.0_f64, true),
                (-65504.0, true),
                (1e-40, true),
                (f64::NAN, false),
                (f64::INFINITY, false),
                (f64::NEG_INFINITY, false),
            ] {
                let values = vec![1.0, value, -2.0];
                let data = TensorData::new(values, [3]).convert_dtype(dtype);
                assert_eq!(is_finite(&data), finite, "{value} as {dtype:?}");
            }
        }
        let beyond = TensorData::new(vec![1e300_f64], [1]);
        assert!(!is_finite(&beyond), "becomes infinite as a 32-bit float");
    }
}
