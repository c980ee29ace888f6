//! Loads and saves modules as safetensors.
//!
//! All names, shapes and types are checked before any value is loaded: a file fits completely, or
//! one error lists all differences.

mod apply;
mod device_weights;
mod expected;
mod file;
mod keys;
mod mismatch;
mod quantized;
mod report;
mod save;

pub(crate) use apply::{Naming, check_module, load_module};
pub(crate) use expected::expected_tensors;
pub(crate) use file::{Damaged, LowRank, StoredTensor, read_header, read_header_in_memory};
pub(crate) use keys::KeyTable;
pub use mismatch::{WeightMismatch, WrongShape};
pub use quantized::EmbeddingFormat;
pub(crate) use quantized::{join_steps, quantized_tensors};
pub use report::{CastTensor, LeftTensor, LoadReport};
pub(crate) use save::{
    OutTensor, OutValues, module_bytes, own_tensors, published_tensors, read_back, write_tensors,
};
