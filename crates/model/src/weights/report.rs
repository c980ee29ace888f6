//! The account of a file's tensors.

use serde::{Deserialize, Serialize};

/// How every tensor of a file was used. Names are as in the file, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadReport {
    /// Tensors that are now in the model.
    pub used: Vec<String>,
    /// Tensors that are known and not needed.
    pub left: Vec<LeftTensor>,
    /// Those of the used tensors that were converted to 32-bit floats.
    pub cast: Vec<CastTensor>,
}

/// A tensor that is known and not needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftTensor {
    /// Its name in the file.
    pub name: String,
    /// Why the model does without it.
    pub reason: String,
}

/// A tensor that was converted to 32-bit floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CastTensor {
    /// Its name in the file.
    pub name: String,
    /// Its type in the file, as safetensors spells it.
    pub from: String,
}
