//! Multi-head self-attention over the real tokens of a batch.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Bool, Device, Tensor, activation};

use super::parts::linear;

/// What every layer adds to its attention scores so that nothing attends to padding.
///
/// Built once for a batch and shared by its layers.
#[derive(Debug, Clone)]
pub struct AttentionMask {
    /// `[batch_size, 1, 1, seq_length]`: 0 for tokens, very small for padding.
    bias: Tensor<4>,
}

impl AttentionMask {
    // Finite, so that a row of nothing but padding stays free of NaN; small enough that `exp`
    // of it is exactly zero beside any real score, so that padding cannot change a result.
    const PADDING: f32 = -1e30;

    /// # Shapes
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding
    pub fn from_padding(mask_pad: Tensor<2, Bool>) -> Self {
        let bias = mask_pad.float().mul_scalar(Self::PADDING);
        Self { bias: bias.unsqueeze_dims(&[1, 1]) }
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

    /// # Shapes
    /// - `hidden` and the result: `[batch_size, seq_length, d_model]`
    pub fn forward(&self, hidden: Tensor<3>, mask: &AttentionMask) -> Tensor<3> {
        let [batch_size, seq_length, d_model] = hidden.dims();
        let d_head = d_model / self.num_heads;

        // Scaling the queries touches seq_length · d_head numbers, the scores seq_length².
        let scale = 1.0 / (d_head as f64).sqrt();
        let query = self.split_heads(self.query.forward(hidden.clone()) * scale);
        let key = self.split_heads(self.key.forward(hidden.clone()));
        let value = self.split_heads(self.value.forward(hidden));

        let scores = query.matmul(key.transpose()) + mask.bias.clone();
        let attention = self.dropout.forward(activation::softmax(scores, 3));
        let context = attention.matmul(value).swap_dims(1, 2);
        self.output.forward(context.reshape([batch_size, seq_length, d_model]))
    }

    fn split_heads(&self, projected: Tensor<3>) -> Tensor<4> {
        let [batch_size, seq_length, d_model] = projected.dims();
        let d_head = d_model / self.num_heads;
        projected.reshape([batch_size, seq_length, self.num_heads, d_head]).swap_dims(1, 2)
    }
}
