//! Tensors between safetensors files and modules.
//!
//! Every name, shape and type is compared with the module's before a single byte goes into it:
//! a file either fits as a whole, or one error lists everything that does not.

mod apply;
mod expected;
mod file;
mod keys;
mod mismatch;
mod report;
mod save;

pub(crate) use apply::{Naming, check_module, load_module};
pub(crate) use expected::expected_tensors;
pub(crate) use file::{LowRank, StoredTensor, read_header};
pub use keys::KeyTable;
pub use mismatch::{WeightMismatch, WrongShape};
pub use report::{CastTensor, LeftTensor, LoadReport};
pub(crate) use save::{
    OutTensor, OutValues, published_tensors, read_back, save_module, write_tensors,
};
