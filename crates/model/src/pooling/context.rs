//! The segment beside its prompt and its response.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{SegmentPooling, TokenStates};

/// The averages `s`, `p` and `r` over the segment, the prompt and the whole response, and the products of
/// features `s ⊙ p` and `s ⊙ r`, one behind the other: what a linear head needs to compare a segment with
/// what was asked, and with the rest of the answer.
///
/// After the features of the estimator of COMET (Rei et al., 2020), <https://aclanthology.org/2020.emnlp-main.213>.
/// The response is what the model's input holds of it, whether it is listed as a segment or not.
#[derive(Module, Debug, Default)]
pub struct ContextPooling {}

impl ContextPooling {
    /// Width of the vector, in token states.
    pub(super) const WIDTH: usize = 5;
}

impl SegmentPooling for ContextPooling {
    fn reads_prompt(&self) -> bool {
        true
    }

    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let segments = states.mean_of(states.in_segments());
        let shape = segments.dims();
        let absent = states.absent().expand(shape);
        let beside = |members| {
            let mean = states.mean_of(members).expand(shape);
            mean.mask_fill(absent.clone(), 0.0)
        };
        let prompt = beside(states.in_prompt());
        let response = beside(states.in_response());
        let products = [&prompt, &response].map(|other| segments.clone() * other.clone());
        let [with_prompt, with_response] = products;
        Tensor::cat(
            vec![segments, prompt, response, with_prompt, with_response],
            2,
        )
    }
}
