//! Writing the tensors of a module as safetensors.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn::module::Module;
use burn_store::ModuleSnapshot;
use burn_store::burn_pack::Tensor as PackTensor;
use fs_err::File;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::{ModelError, Result};

/// Writes the parameters of a module under their own names, sorted, as 32-bit floats, one
/// tensor in memory at a time; the same weights always give the same bytes.
///
/// Not `safetensors::serialize_to_file`, which makes the file readable to its owner only and
/// has no way to report that a device failed.
pub(crate) fn save_module<M: Module>(module: &M, path: &Path) -> Result<()> {
    let mut tensors = module.collect(None, None, true);
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut file = BufWriter::new(File::create(path)?);
    let header = header(path, &tensors)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors {
        file.write_all(&little_endian(path, tensor)?)?;
    }
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(())
}

fn header(path: &Path, tensors: &[PackTensor]) -> Result<Vec<u8>> {
    let mut end = 0;
    let infos = tensors.iter().map(|tensor| {
        let start = end;
        end += tensor.shape.num_elements() * size_of::<f32>();
        let shape = tensor.shape.to_vec();
        (
            tensor.name.clone(),
            TensorInfo {
                dtype: Dtype::F32,
                shape,
                data_offsets: (start, end),
            },
        )
    });
    let format = HashMap::from([("format".to_owned(), "gradus".to_owned())]);
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

fn little_endian(path: &Path, tensor: PackTensor) -> Result<Vec<u8>> {
    let name = tensor.name.clone();
    let failed = |reason: String| ModelError::ReadBack {
        path: path.into(),
        tensor: name.clone(),
        reason,
    };
    let data = burn_store::bridge::into_data(tensor).map_err(|error| failed(error.to_string()))?;
    let values = data
        .convert::<f32>()
        .try_into_vec::<f32>()
        .map_err(|error| failed(format!("{error:?}")))?;
    Ok(values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect())
}
