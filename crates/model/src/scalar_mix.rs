//! A learned mix of an encoder's layers.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

/// A learned mix of an encoder's layers: `Σ_l softmax(w)_l h_l` over the embeddings and the states of every
/// layer, with one weight for each, which start at zero: as their mean.
///
/// The scalar mix of Peters et al. (2018), <https://aclanthology.org/N18-1202>, without its common factor,
/// which a linear head can learn. The states of the supported families are normed, so that their sizes agree.
#[derive(Module, Debug)]
pub struct ScalarMix {
    /// `w`, `[num_layers + 1]`.
    weights: Param<Tensor<1>>,
}

impl ScalarMix {
    /// The mean of the embeddings and of so many layers.
    pub fn new(num_layers: usize, device: &Device) -> Self {
        Self {
            weights: Initializer::Zeros.init([num_layers + 1], device),
        }
    }

    /// The mixed states.
    ///
    /// # Shapes
    /// - `states`: one `[batch_size, seq_length, d_model]` for the embeddings and for each layer
    /// - returns: `[batch_size, seq_length, d_model]`
    ///
    /// # Panics
    /// If there are more or fewer states than weights.
    pub fn forward(&self, states: Vec<Tensor<3>>) -> Tensor<3> {
        let weights = softmax(self.weights.val(), 0);
        assert_eq!(weights.dims(), [states.len()], "one weight for each layer");
        let weighted = states.into_iter().enumerate().map(|(layer, states)| {
            let weight = weights.clone().narrow(0, layer, 1);
            states * weight.reshape([1, 1, 1])
        });
        weighted
            .reduce(|sum, states| sum + states)
            .expect("an encoder has layers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_weighted_by_a_softmax_and_alike_at_first() {
        let device = Device::flex();
        let states = || {
            [3.0, 6.0, -9.0]
                .map(|value| Tensor::<3>::full([1, 2, 2], value, &device))
                .to_vec()
        };
        let mixed = |mix: &ScalarMix| -> f32 {
            let mixed = mix.forward(states());
            mixed.slice([0..1, 1..2, 0..1]).into_scalar()
        };
        assert!(mixed(&ScalarMix::new(2, &device)).abs() < 1e-6);
        // exp(ln 2), exp(ln 5) and exp(0), of eight.
        let logs = [2f32.ln(), 5f32.ln(), 0.0];
        let mix = ScalarMix {
            weights: Param::from_tensor(Tensor::from_floats(logs, &device)),
        };
        let expected = (2.0 * 3.0 + 5.0 * 6.0 - 9.0) / 8.0;
        assert!((mixed(&mix) - expected).abs() < 1e-5);
    }
}
