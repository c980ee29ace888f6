//! Bidirectional multi-head self-attention.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::parts::linear;
use gradus_kernels::{AddNorm, Attend, AttentionMask, Projections};

/// Bidirectional multi-head self-attention. See Vaswani et al. (2017),
/// <https://arxiv.org/abs/1706.03762>.
#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    #[module(skip)]
    dropout: f64,
    num_heads: usize,
}

impl Attention {
    /// A block with weights from `N(0, std²)`; `dropout` acts on the attention probabilities.
    ///
    /// # Panics
    /// If `num_heads` does not divide `d_model`, or `dropout` is outside `[0, 1)`.
    pub fn new(d_model: usize, num_heads: usize, dropout: f64, std: f64, device: &Device) -> Self {
        assert!(
            (0.0..1.0).contains(&dropout),
            "dropout {dropout} is outside of [0, 1)"
        );
        assert!(
            num_heads > 0 && d_model.is_multiple_of(num_heads),
            "{num_heads} heads do not divide d_model {d_model}"
        );
        Self {
            query: linear(d_model, d_model, std, device),
            key: linear(d_model, d_model, std, device),
            value: linear(d_model, d_model, std, device),
            output: linear(d_model, d_model, std, device),
            dropout,
            num_heads,
        }
    }

    /// Copies the query weights to the key weights, so that attention starts as a similarity.
    #[must_use]
    pub fn with_keys_as_queries(mut self) -> Self {
        // Detached, because a shared autodiff node would give both the sum of their gradients.
        self.key.weight = Param::from_tensor(self.query.weight.val().detach());
        self
    }

    /// `norm(queries + dropout(attention(queries, hidden)))`; without `queries`, all tokens of
    /// `hidden` are queries.
    ///
    /// # Shapes
    /// - `queries`, `hidden` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub fn forward(
        &self,
        queries: Option<Tensor<3>>,
        hidden: Tensor<3>,
        mask: &AttentionMask,
        norm: AddNorm<'_>,
    ) -> Tensor<3> {
        let layers = Projections {
            query: &self.query,
            key: &self.key,
            value: &self.value,
            output: &self.output,
        };
        let attend = Attend {
            num_heads: self.num_heads,
            num_key_value_heads: self.num_heads,
            dropout: self.dropout,
        };
        match queries {
            Some(queries) => {
                let attended = layers.attend(attend, queries.clone(), hidden, mask);
                norm.forward(attended, queries)
            }
            None => layers.attend_and_norm(attend, norm, hidden, mask),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LayerNormConfig;
    use burn::tensor::{Device, Distribution};

    use super::*;
    use gradus_kernels::{Reach, TokenLayout};

    #[test]
    fn keys_that_start_as_queries_have_a_gradient_of_their_own() {
        let device = Device::flex().autodiff();
        let attention = Attention::new(8, 2, 0.0, 0.5, &device).with_keys_as_queries();
        let hidden = Tensor::random([1, 5, 8], Distribution::Default, &device);
        let layout = TokenLayout::new(Tensor::<2>::zeros([1, 5], &device).bool(), None);
        let mask = layout.mask(Reach::default());
        let norm = AddNorm {
            norm: &LayerNormConfig::new(8).init(&device),
            epsilon: 1e-5,
            dropout: 0.0,
        };
        let out = attention.forward(None, hidden, &mask, norm);
        let gradients = out.square().sum().backward();
        let gradient = |layer: &Linear| -> Vec<f32> {
            let gradient = layer.weight.val().grad(&gradients).unwrap();
            gradient.into_data().try_into_vec().unwrap()
        };
        assert_eq!(
            attention.query.weight.val().into_data(),
            attention.key.weight.val().into_data()
        );
        assert_ne!(gradient(&attention.query), gradient(&attention.key));
    }
}
