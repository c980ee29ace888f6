//! The state of one token.

use burn::module::Module;
use burn::tensor::{Int, Tensor, assert_shape};

use super::{SegmentPooling, TokenStates};

/// The state of the first token.
#[derive(Module, Debug, Default)]
pub struct FirstPooling {}

/// The state of the last token.
#[derive(Module, Debug, Default)]
pub struct LastPooling {}

impl SegmentPooling for FirstPooling {
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        token(states.starts(), states)
    }
}

impl SegmentPooling for LastPooling {
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        token(states.ends() - 1, states)
    }
}

fn token(position: Tensor<3, Int>, states: TokenStates) -> Tensor<3> {
    let [batch_size, num_segments, _] = position.dims();
    let [_, _, d_model] = states.hidden.dims();
    assert_shape!(states.hidden, [batch_size, _, d_model]);
    let shape = [batch_size, num_segments, d_model];
    let absent = states.absent();
    // An absent segment may point before the first token; what it picks is replaced by zeros.
    let picked = states.hidden.gather(1, position.clamp_min(0).expand(shape));
    picked.mask_fill(absent.expand(shape), 0.0)
}
