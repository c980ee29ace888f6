//! Weights in bytes: the linear layers and embeddings of an encoder.
//!
//! A matrix `W` is stored as bytes `W` with `W.column_steps` (of a linear layer, the value of a step
//! of each column) or `W.row_steps` (of an embedding, of each row): an element is its byte times its
//! step. These are the bytes and steps of products in `int8` ([`Precision::Int8`]).
//!
//! [`Precision::Int8`]: gradus_kernels::Precision::Int8

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use burn_store::ModuleSnapshot;
use gradus_kernels::{steps, weight_step};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::file::StoredTensor;
use super::save::{Form, OutTensor, OutValues};

/// How the embeddings of a quantized bundle are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbeddingFormat {
    /// Bytes, with a step of its own for each embedding.
    #[default]
    Int8,
    /// 16-bit floats.
    F16,
    /// 32-bit floats: as they were.
    F32,
}

impl EmbeddingFormat {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::F16 => "f16",
            Self::F32 => "f32",
        }
    }
}

impl fmt::Display for EmbeddingFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for EmbeddingFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Int8, Self::F16, Self::F32]
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or_else(|| "expected int8, f16 or f32".to_owned())
    }
}

/// What shares a step in a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Columns,
    Rows,
}

impl Axis {
    fn suffix(self) -> &'static str {
        match self {
            Self::Columns => ".column_steps",
            Self::Rows => ".row_steps",
        }
    }

    fn count(self, shape: &[usize]) -> Option<usize> {
        match (self, shape) {
            (Self::Columns, [_, columns]) => Some(*columns),
            (Self::Rows, [rows, _]) => Some(*rows),
            _ => None,
        }
    }

    /// The place of a value's step.
    fn of(self, place: usize, width: usize) -> usize {
        match self {
            Self::Columns => place % width,
            Self::Rows => place / width,
        }
    }
}

/// The steps of a matrix in bytes, in the same file.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) tensor: StoredTensor,
    axis: Axis,
}

impl Steps {
    /// The values that bytes stand for.
    pub(crate) fn apply(&self, bytes: &[u8], width: usize, steps: &[f32]) -> Vec<f32> {
        let mut values = Vec::with_capacity(bytes.len());
        for (row, bytes) in bytes.chunks_exact(width.max(1)).enumerate() {
            let counts = bytes.iter().map(|byte| f32::from(byte.cast_signed()));
            match self.axis {
                Axis::Columns => values.extend(counts.zip(steps).map(|(count, step)| count * step)),
                Axis::Rows => values.extend(counts.map(|count| count * steps[row])),
            }
        }
        values
    }
}

/// Joins matrices in bytes with their steps. One without steps that fit stays as it is, and is
/// refused for its type; so are steps without such a matrix, by their name.
pub(crate) fn join_steps(tensors: Vec<StoredTensor>) -> Vec<StoredTensor> {
    let (mut found, mut others): (BTreeMap<String, StoredTensor>, Vec<StoredTensor>) =
        (BTreeMap::new(), Vec::new());
    for tensor in tensors {
        let is_steps = [Axis::Columns, Axis::Rows].map(|axis| tensor.name.ends_with(axis.suffix()));
        if is_steps.contains(&true) {
            found.insert(tensor.name.clone(), tensor);
        } else {
            others.push(tensor);
        }
    }
    for tensor in &mut others {
        for axis in [Axis::Columns, Axis::Rows] {
            let name = format!("{}{}", tensor.name, axis.suffix());
            let fits = |steps: &StoredTensor| {
                tensor.dtype == Dtype::I8
                    && steps.dtype == Dtype::F32
                    && axis.count(&tensor.shape) == steps.shape.first().copied()
                    && steps.shape.len() == 1
            };
            if tensor.steps.is_none() && found.get(&name).is_some_and(fits) {
                let steps = found.remove(&name).map(|tensor| Steps { tensor, axis });
                tensor.steps = steps.map(Arc::new);
            }
        }
    }
    others.extend(found.into_values());
    others
}

/// The parameters of a module under our names: matrices of linear layers under `encoder` in bytes, its
/// embeddings in this format, and all others in 32-bit floats.
pub(crate) fn quantized_tensors<M: Module>(module: &M, format: EmbeddingFormat) -> Vec<OutTensor> {
    let mut kinds = Kinds::default();
    module.visit(&mut kinds);
    let mut out = Vec::new();
    for tensor in module.collect(None, None, true) {
        let (name, shape) = (tensor.name.clone(), tensor.shape.to_vec());
        let axis = match (kinds.found.get(&name), format) {
            (Some(Kind::Linear), _) => Some(Axis::Columns),
            (Some(Kind::Embedding), EmbeddingFormat::Int8) => Some(Axis::Rows),
            (Some(Kind::Embedding), EmbeddingFormat::F16) => {
                let values = OutValues::Stored(vec![tensor], Form::Halves);
                out.push(OutTensor {
                    name,
                    shape,
                    values,
                });
                continue;
            }
            _ => None,
        };
        let (Some(axis), &[_, _]) = (axis, shape.as_slice()) else {
            let values = OutValues::Stored(vec![tensor], Form::Floats);
            out.push(OutTensor {
                name,
                shape,
                values,
            });
            continue;
        };
        out.push(OutTensor {
            name: format!("{name}{}", axis.suffix()),
            shape: vec![axis.count(&shape).unwrap_or_default()],
            values: OutValues::Stored(vec![tensor.clone()], Form::Steps(axis)),
        });
        out.push(OutTensor {
            name,
            shape,
            values: OutValues::Stored(vec![tensor], Form::Bytes(axis)),
        });
    }
    out
}

/// The steps of a matrix with rows of this width.
pub(super) fn steps_of(values: &[f32], width: usize, axis: Axis) -> Vec<f32> {
    let rows = values.len() / width.max(1);
    let mut greatest = vec![0.0_f32; axis.count(&[rows, width]).unwrap_or_default()];
    for (place, value) in values.iter().enumerate() {
        let greatest = &mut greatest[axis.of(place, width)];
        *greatest = greatest.max(value.abs());
    }
    greatest.into_iter().map(weight_step).collect()
}

/// A matrix in bytes.
pub(super) fn bytes_of(values: &[f32], width: usize, axis: Axis) -> Vec<u8> {
    let own = steps_of(values, width, axis);
    let values = values.iter().enumerate();
    let byte = |(place, value): (usize, &f32)| steps(*value, own[axis.of(place, width)]);
    values.map(|of| byte(of).cast_unsigned()).collect()
}

/// As 16-bit floats; those that are too large for them become infinite, which loading refuses.
pub(super) fn halves_of(values: Vec<f32>) -> Vec<u8> {
    let count = values.len();
    let data = TensorData::new(values, [count]).convert_dtype(DType::F16);
    data.as_bytes().to_vec()
}

/// What a weight is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Embedding,
}

/// The weights of an encoder's linear layers and embeddings, by name.
#[derive(Default)]
struct Kinds {
    path: Vec<String>,
    containers: Vec<String>,
    found: BTreeMap<String, Kind>,
}

impl ModuleVisitor for Kinds {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.containers.push(container.to_owned());
        if super::expected::has_name(container) {
            self.path.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.containers.pop();
        if super::expected::has_name(container) {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        let kind = match self.containers.last().map(String::as_str) {
            Some("Struct:Linear") => Kind::Linear,
            Some("Struct:Embedding") => Kind::Embedding,
            _ => return,
        };
        let is_encoder = self.path.first().is_some_and(|name| name == "encoder");
        let is_weight = self.path.last().is_some_and(|name| name == "weight");
        if is_encoder && is_weight {
            self.found.insert(self.path.join("."), kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_steps_make_what_is_divided_into_them_again() {
        let values: Vec<f32> = (0..35_u8)
            .map(|n| (f32::from(n) * 1.3).sin() * 0.2)
            .collect();
        for axis in [Axis::Columns, Axis::Rows] {
            let (bytes, own) = (bytes_of(&values, 7, axis), steps_of(&values, 7, axis));
            assert_eq!(own.len(), if axis == Axis::Columns { 7 } else { 5 });
            let value = |(place, byte): (usize, &u8)| {
                f32::from(byte.cast_signed()) * own[axis.of(place, 7)]
            };
            let made: Vec<f32> = bytes.iter().enumerate().map(value).collect();
            for (place, (made, value)) in made.iter().zip(&values).enumerate() {
                assert!((made - value).abs() <= 0.5001 * own[axis.of(place, 7)]);
            }
            assert_eq!(bytes_of(&made, 7, axis), bytes);
            assert_eq!(steps_of(&made, 7, axis), own);
        }
    }

    #[test]
    fn names_of_formats_are_read_as_they_are_written() {
        for format in [
            EmbeddingFormat::Int8,
            EmbeddingFormat::F16,
            EmbeddingFormat::F32,
        ] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "f8".parse::<EmbeddingFormat>().unwrap_err();
        assert_eq!(error, "expected int8, f16 or f32");
    }
}
