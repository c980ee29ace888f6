//! The blocks as compositions of Burn's operations, for every backend.

use burn::nn::{DropoutConfig, LayerNorm};
use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Tensor};

use super::Attend;

// Finite, so that a row of nothing but padding stays free of NaN; small enough that `exp` of it is
// exactly zero beside any real score, so that padding cannot change a result.
const PADDING: f32 = -1e30;

/// What every layer adds to its scores, 0 where the last axis is a token: broadcasts to
/// `[batch_size, num_heads, seq_length, seq_length]`.
pub(super) fn padding_bias(mask_pad: Tensor<2, Bool>) -> Tensor<4> {
    let [_, seq_length] = mask_pad.dims();
    let bias = mask_pad
        .float()
        .mul_scalar(PADDING)
        .unsqueeze_dims::<4>(&[1, 1]);
    if bias.device().is_autodiff() {
        return bias;
    }
    // Burn's attention reads one row per query; here it is copied once, there for each layer.
    bias.repeat_dim(2, seq_length)
}

pub(super) fn attention(
    options: Attend,
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    bias: Tensor<4>,
) -> Tensor<3> {
    let [batch_size, seq_length, d_model] = query.dims();
    let split = |states: Tensor<3>| {
        let heads = options.num_heads;
        states
            .reshape([batch_size, seq_length, heads, d_model / heads])
            .swap_dims(1, 2)
    };
    let (query, key, value) = (split(query), split(key), split(value));
    let context = if query.device().is_autodiff() {
        in_steps(options, query, key, value, bias)
    } else {
        let settings = AttentionModuleOptions::default();
        burn_attention(query, key, value, None, Some(bias), settings)
    };
    context
        .swap_dims(1, 2)
        .reshape([batch_size, seq_length, d_model])
}

/// Burn's attention knows no dropout, and where gradients are needed it is made of more steps than
/// these. The softmax is divided by its sum only after the product with the values: `seq_length ·
/// d_head` divisions instead of `seq_length²`, forwards and backwards.
///
/// # Shapes
/// - all tensors: `[batch_size, num_heads, seq_length, d_head]`
fn in_steps(
    options: Attend,
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    bias: Tensor<4>,
) -> Tensor<4> {
    let [_, _, _, d_head] = query.dims();
    let scale = 1.0 / (d_head as f64).sqrt();
    let scores = (query * scale).matmul(key.transpose()) + bias;
    let greatest = scores.clone().detach().max_dim(3);
    let weights = (scores - greatest).exp();
    let sums = weights.clone().sum_dim(3);
    let dropout = DropoutConfig::new(options.dropout).init();
    dropout.forward(weights).matmul(value) / sums
}

pub(super) fn add_norm(
    norm: &LayerNorm,
    dropout: f64,
    x: Tensor<3>,
    residual: Tensor<3>,
) -> Tensor<3> {
    norm.forward(residual + DropoutConfig::new(dropout).init().forward(x))
}
