//! Report of the tensors used from a file.

use serde::{Deserialize, Serialize};

/// How every tensor of a file was used. Names are as in the file, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// Tensors loaded into the model.
    pub used: Vec<String>,
    /// Known tensors that are not loaded.
    pub left: Vec<LeftTensor>,
    /// Loaded tensors that were converted to 32-bit floats.
    pub cast: Vec<CastTensor>,
}

/// A known tensor that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftTensor {
    /// Its name in the file.
    pub name: String,
    /// Why it is not loaded.
    pub reason: String,
}

/// A tensor that was converted to 32-bit floats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CastTensor {
    /// Its name in the file.
    pub name: String,
    /// Its type in the file, in the notation of safetensors.
    pub from: String,
}
