//! Writes tensors as safetensors.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufWriter, Write};
use std::path::Path;

use burn::module::Module;
use burn_store::burn_pack::Tensor as PackTensor;
use burn_store::{BurnToPyTorchAdapter, ModuleSnapshot};
use fs_err::File;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use super::device_weights::DeviceWeights;
use super::keys::KeyTable;
use super::quantized::{Axis, bytes_of, halves_of, steps_of};
use crate::error::{ModelError, Result};

/// A tensor to write.
pub(crate) struct OutTensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: OutValues,
}

/// Source of the values of an [`OutTensor`].
pub(crate) enum OutValues {
    /// Stacked parameters, read from the device when they are written.
    Stored(Vec<PackTensor>, Form),
    /// 32-bit floats in memory.
    Here(Vec<f32>),
}

impl OutValues {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Stored(_, form) => form.dtype(),
            Self::Here(_) => Dtype::F32,
        }
    }
}

/// What is written of a parameter.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// 32-bit floats.
    Floats,
    /// 16-bit floats.
    Halves,
    /// A matrix in steps.
    Bytes(Axis),
    /// The steps of such a matrix.
    Steps(Axis),
}

impl Form {
    fn dtype(self) -> Dtype {
        match self {
            Self::Floats | Self::Steps(_) => Dtype::F32,
            Self::Halves => Dtype::F16,
            Self::Bytes(_) => Dtype::I8,
        }
    }

    /// The bytes of a parameter of this width.
    fn encode(self, values: Vec<f32>, width: usize) -> Vec<u8> {
        match self {
            Self::Floats => little_endian(&values),
            Self::Halves => halves_of(values),
            Self::Bytes(axis) => bytes_of(&values, width, axis),
            Self::Steps(axis) => little_endian(&steps_of(&values, width, axis)),
        }
    }
}

/// The bytes that [`write_tensors`] writes of a module's `tensors`, in memory, without waiting for the device; errors
/// call them `path`.
pub(crate) async fn module_bytes<M: Module>(
    module: &M,
    tensors: Vec<OutTensor>,
    path: &Path,
) -> Result<Vec<u8>> {
    let (header, tensors) = in_order(path, tensors, "gradus")?;
    let weights = DeviceWeights::of(module);
    let mut bytes = header;
    for OutTensor { name, values, .. } in tensors {
        let (parameters, form) = match values {
            OutValues::Here(values) => {
                bytes.extend(little_endian(&values));
                continue;
            }
            OutValues::Stored(parameters, form) => (parameters, form),
        };
        for parameter in parameters {
            let values = weights.read(path, &name, &parameter).await?;
            bytes.extend(form.encode(values, width(&parameter)));
        }
    }
    Ok(bytes)
}

/// The parameters of a module under our names, as 32-bit floats.
pub(crate) fn own_tensors<M: Module>(module: &M) -> Vec<OutTensor> {
    let tensors = module.collect(None, None, true).into_iter();
    let tensors = tensors.map(|tensor| OutTensor {
        name: tensor.name.clone(),
        shape: tensor.shape.to_vec(),
        values: OutValues::Stored(vec![tensor], Form::Floats),
    });
    tensors.collect()
}

/// The parameters of a module with the names and layout of published files.
pub(crate) fn published_tensors<M: Module>(
    module: &M,
    keys: &KeyTable,
    prefix: &str,
) -> Vec<OutTensor> {
    let mut parts: BTreeMap<String, BTreeMap<usize, PackTensor>> = BTreeMap::new();
    for tensor in module.collect(None, Some(Box::new(BurnToPyTorchAdapter)), true) {
        let name = format!("{prefix}{}", keys.published(&tensor.name));
        let part = keys.part(&tensor.name);
        parts.entry(name).or_default().insert(part, tensor);
    }
    let joined = parts.into_iter().map(|(name, parts)| {
        let parts: Vec<PackTensor> = parts.into_values().collect();
        let mut shape = parts[0].shape.to_vec();
        if let Some(rows) = shape.first_mut() {
            *rows *= parts.len();
        }
        OutTensor {
            name,
            shape,
            values: OutValues::Stored(parts, Form::Floats),
        }
    });
    joined.collect()
}

/// Writes tensors, sorted by width and name, with one in memory at a time. Equal weights give equal bytes. `format` is
/// the format entry of the metadata.
///
/// Does not use `safetensors::serialize_to_file`, which makes the file readable only by its owner
/// and cannot report a device failure.
pub(crate) fn write_tensors(tensors: Vec<OutTensor>, format: &str, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write_to(&mut file, tensors, format, path)?;
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(())
}

/// The same into `file`, which errors call `path`.
fn write_to(
    file: &mut impl Write,
    tensors: Vec<OutTensor>,
    format: &str,
    path: &Path,
) -> Result<()> {
    let (header, tensors) = in_order(path, tensors, format)?;
    file.write_all(&header)?;
    for OutTensor { name, values, .. } in tensors {
        match values {
            OutValues::Here(values) => file.write_all(&little_endian(&values))?,
            OutValues::Stored(parameters, form) => {
                for parameter in parameters {
                    let width = width(&parameter);
                    let values = read_back(path, &name, parameter)?;
                    file.write_all(&form.encode(values, width))?;
                }
            }
        }
    }
    Ok(())
}

/// The header with its length, and the tensors in the order in which it lists them.
fn in_order(
    path: &Path,
    mut tensors: Vec<OutTensor>,
    format: &str,
) -> Result<(Vec<u8>, Vec<OutTensor>)> {
    // The widest first, so that all are aligned.
    let width = |tensor: &OutTensor| Reverse(tensor.values.dtype().bitsize());
    tensors.sort_by(|a, b| width(a).cmp(&width(b)).then_with(|| a.name.cmp(&b.name)));
    let header = header(path, &tensors, format)?;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    Ok((bytes, tensors))
}

/// The length of a parameter's last dimension.
fn width(parameter: &PackTensor) -> usize {
    parameter.shape.to_vec().last().copied().unwrap_or_default()
}

fn header(path: &Path, tensors: &[OutTensor], format: &str) -> Result<Vec<u8>> {
    let mut end = 0;
    let infos = tensors.iter().map(|tensor| {
        let start = end;
        let dtype = tensor.values.dtype();
        end += tensor.shape.iter().product::<usize>() * dtype.bitsize() / 8;
        (
            tensor.name.clone(),
            TensorInfo {
                dtype,
                shape: tensor.shape.clone(),
                data_offsets: (start, end),
            },
        )
    });
    let format = HashMap::from([("format".to_owned(), format.to_owned())]);
    let metadata = Metadata::new(Some(format), infos.collect()).map_err(|error| {
        ModelError::NotSafetensors {
            path: path.into(),
            reason: error.to_string(),
        }
    })?;
    let mut header =
        serde_json::to_vec(&metadata).map_err(|error| ModelError::json(path, error))?;
    // The format asks for data aligned to eight bytes; spaces after the JSON are allowed.
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// Reads the values of a parameter from its device.
pub(crate) fn read_back(path: &Path, name: &str, parameter: PackTensor) -> Result<Vec<f32>> {
    let failed = |reason: String| ModelError::ReadBack {
        path: path.into(),
        tensor: name.to_owned(),
        reason,
    };
    let data =
        burn_store::bridge::into_data(parameter).map_err(|error| failed(error.to_string()))?;
    data.convert::<f32>()
        .try_into_vec::<f32>()
        .map_err(|error| failed(format!("{error:?}")))
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
