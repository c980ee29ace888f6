//! From tokens to tensors: which examples go together, padded to one shape.

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
