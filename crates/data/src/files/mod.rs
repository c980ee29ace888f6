//! Data files: compressed reading and atomic writing.

mod atomic_file;
mod compression;
mod zstd;

pub use atomic_file::*;
pub use compression::Compression;
pub(crate) use compression::{decompress, foreign_compression};
