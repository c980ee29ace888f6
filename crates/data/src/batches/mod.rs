//! From tokens to tensors: examples are grouped into batches and padded.

mod batch;
mod batch_weights;
mod loader;
mod prefetch;
mod sampler;
mod source;

pub use batch::*;
pub use batch_weights::*;
pub use loader::*;
pub use prefetch::Prefetch;
pub use sampler::*;
pub use source::*;
