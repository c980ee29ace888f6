//! The offset alone, as a model.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

/// The last layer of a head of Gradus, in the path of its parameters.
const OUTPUT: [&str; 3] = ["head", "output", "weight"];

/// The model with a head whose last layer has weights of 0: every segment has the same score, and so the offset as the
/// prediction. A head of another program stays as it is.
///
/// Training does not begin with it: without weights the head gives the encoder no gradient, and a new encoder does not
/// get off the ground.
pub(super) fn without_weights<M: Module>(model: M) -> M {
    model.map(&mut ZeroOutput(Vec::new()))
}

struct ZeroOutput(Vec<String>);

impl ModuleMapper for ZeroOutput {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.0.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.0.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.0.ends_with(&OUTPUT.map(str::to_owned)) {
            return param;
        }
        param.map(|weight| {
            let zeros = weight.zeros_like();
            if weight.is_require_grad() {
                zeros.require_grad()
            } else {
                zeros
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};
    use gradus_model::encoder::BertConfig;
    use gradus_model::{
        EncoderConfig, HeadConfig, Pooling, RewardModel, RewardModelConfig, SegmentInput,
    };

    use super::*;

    #[test]
    fn every_segment_has_the_bias_as_its_score_and_the_encoder_is_as_it_was() {
        let device = Device::flex();
        for head in ["linear", "mlp:8"] {
            let encoder = EncoderConfig::Bert(BertConfig::new(9, 16, 1, 2));
            let config = RewardModelConfig {
                head: head.parse::<HeadConfig>().unwrap(),
                ..RewardModelConfig::new(encoder, Pooling::Mean, 2)
            };
            device.seed(1);
            let model = config.init(&device).with_head_bias(&[0.5, -1.0]);
            let spans = Tensor::<3, Int>::from_data([[[1, 2], [2, 4]]], &device);
            let scores = |model: &RewardModel| -> Vec<f32> {
                let token_ids = Tensor::<2, Int>::from_data([[1, 2, 3, 4]], &device);
                let input = SegmentInput {
                    type_ids: token_ids.zeros_like(),
                    mask_pad: token_ids.clone().equal_elem(0),
                    response_spans: None,
                    segment_spans: spans.clone(),
                    token_ids,
                };
                model.forward(input).into_data().iter::<f32>().collect()
            };
            assert_ne!(scores(&model), [0.5, -1.0, 0.5, -1.0]);
            let first = without_weights(model.clone());
            assert_eq!(scores(&first), [0.5, -1.0, 0.5, -1.0], "{head}");
            assert_eq!(first.num_params(), model.num_params());
        }
    }
}
