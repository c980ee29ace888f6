//! Multi-head self-attention over the real tokens of a batch.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Tensor};

use super::parts::linear;

/// What every layer adds to its attention scores so that nothing attends to padding.
///
/// Built once for a batch and shared by its layers.
#[derive(Debug, Clone)]
pub struct AttentionMask {
    /// Broadcasts to `[batch_size, num_heads, seq_length, seq_length]`: 0 where the last axis is
    /// a token, very small where it is padding.
    bias: Tensor<4>,
}

impl AttentionMask {
    // Finite, so that a row of nothing but padding stays free of NaN; small enough that `exp`
    // of it is exactly zero beside any real score, so that padding cannot change a result.
    const PADDING: f32 = -1e30;

    /// # Shapes
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding
    pub fn from_padding(mask_pad: Tensor<2, Bool>) -> Self {
        let [_, seq_length] = mask_pad.dims();
        let bias = mask_pad
            .float()
            .mul_scalar(Self::PADDING)
            .unsqueeze_dims::<4>(&[1, 1]);
        if bias.device().is_autodiff() {
            return Self { bias };
        }
        // Burn's attention reads one row per query; here it is copied once, there for each layer.
        Self {
            bias: bias.repeat_dim(2, seq_length),
        }
    }
}

/// Bidirectional multi-head self-attention. See Vaswani et al. (2017), <https://arxiv.org/abs/1706.03762>.
#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    dropout: Dropout,
    num_heads: usize,
}

impl Attention {
    /// A block with weights from `N(0, std²)`; `dropout` acts on the attention probabilities.
    ///
    /// # Panics
    /// If `num_heads` does not divide `d_model`, or `dropout` is outside of `[0, 1)`.
    pub fn new(d_model: usize, num_heads: usize, dropout: f64, std: f64, device: &Device) -> Self {
        assert!(
            num_heads > 0 && d_model.is_multiple_of(num_heads),
            "{num_heads} heads do not divide d_model {d_model}"
        );
        Self {
            query: linear(d_model, d_model, std, device),
            key: linear(d_model, d_model, std, device),
            value: linear(d_model, d_model, std, device),
            output: linear(d_model, d_model, std, device),
            dropout: DropoutConfig::new(dropout).init(),
            num_heads,
        }
    }

    /// Copies the query weights to the key weights, so that attention starts as similarity.
    #[must_use]
    pub fn with_keys_as_queries(mut self) -> Self {
        // Detached: a shared autodiff node would give both the sum of their gradients.
        self.key.weight = Param::from_tensor(self.query.weight.val().detach());
        self
    }

    /// # Shapes
    /// - `hidden` and the result: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, hidden: Tensor<3>, mask: &AttentionMask) -> Tensor<3> {
        let [batch_size, seq_length, d_model] = hidden.dims();
        let query = self.split_heads(self.query.forward(hidden.clone()));
        let key = self.split_heads(self.key.forward(hidden.clone()));
        let value = self.split_heads(self.value.forward(hidden));
        let context = if query.device().is_autodiff() {
            self.attend_in_steps(query, key, value, mask)
        } else {
            let bias = Some(mask.bias.clone());
            attention(
                query,
                key,
                value,
                None,
                bias,
                AttentionModuleOptions::default(),
            )
        };
        self.output.forward(
            context
                .swap_dims(1, 2)
                .reshape([batch_size, seq_length, d_model]),
        )
    }

    /// Burn's attention knows no dropout, and where gradients are needed it is made of more steps
    /// than these. The softmax is divided by its sum only after the product with the values:
    /// `seq_length · d_head` divisions instead of `seq_length²`, forwards and backwards.
    ///
    /// # Shapes
    /// - all tensors: `[batch_size, num_heads, seq_length, d_head]`
    fn attend_in_steps(
        &self,
        query: Tensor<4>,
        key: Tensor<4>,
        value: Tensor<4>,
        mask: &AttentionMask,
    ) -> Tensor<4> {
        let [_, _, _, d_head] = query.dims();
        let scale = 1.0 / (d_head as f64).sqrt();
        let scores = (query * scale).matmul(key.transpose()) + mask.bias.clone();
        let greatest = scores.clone().detach().max_dim(3);
        let weights = (scores - greatest).exp();
        let sums = weights.clone().sum_dim(3);
        self.dropout.forward(weights).matmul(value) / sums
    }

    fn split_heads(&self, projected: Tensor<3>) -> Tensor<4> {
        let [batch_size, seq_length, d_model] = projected.dims();
        let d_head = d_model / self.num_heads;
        projected
            .reshape([batch_size, seq_length, self.num_heads, d_head])
            .swap_dims(1, 2)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn keys_that_start_as_queries_have_a_gradient_of_their_own() {
        let device = Device::flex().autodiff();
        let attention = Attention::new(8, 2, 0.0, 0.5, &device).with_keys_as_queries();
        let hidden = Tensor::random([1, 5, 8], Distribution::Default, &device);
        let mask = AttentionMask::from_padding(Tensor::<2>::zeros([1, 5], &device).bool());
        let gradients = attention.forward(hidden, &mask).square().sum().backward();
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
