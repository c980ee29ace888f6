//! The greatest value of each feature.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{SegmentPooling, TokenStates};

/// The greatest value of each feature over the tokens.
#[derive(Module, Debug, Default)]
pub struct MaxPooling {}

impl SegmentPooling for MaxPooling {
    /// Segment by segment, so that no tensor of `[batch_size, num_segments, seq_length, d_model]`
    /// has to exist.
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let outside = states.membership().bool_not();
        let absent = states.absent();
        let hidden = states.hidden;
        let [batch_size, seq_length, d_model] = hidden.dims();
        let [_, num_segments, _] = outside.dims();
        let maxima = (0..num_segments).map(|segment| {
            let outside = outside.clone().narrow(1, segment, 1).swap_dims(1, 2);
            let outside = outside.expand([batch_size, seq_length, d_model]);
            hidden.clone().mask_fill(outside, f32::MIN).max_dim(1)
        });
        let maxima = Tensor::cat(maxima.collect(), 1);
        maxima.mask_fill(absent.expand([batch_size, num_segments, d_model]), 0.0)
    }
}
