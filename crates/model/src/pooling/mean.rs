//! The average over the tokens.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{SegmentPooling, TokenStates};

/// The average over the tokens.
#[derive(Module, Debug, Default)]
pub struct MeanPooling {}

impl SegmentPooling for MeanPooling {
    /// One product with the membership matrix sums all segments.
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        states.mean_of(states.in_segments())
    }
}
