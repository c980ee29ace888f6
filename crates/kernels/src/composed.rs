//! Attention composed of Burn's operations, for every backend.

use burn::nn::{Dropout, DropoutConfig, LayerNorm};
use burn::tensor::Tensor;
use burn::tensor::module::attention as burn_attention;
use burn::tensor::ops::AttentionModuleOptions;

use crate::Attend;
use crate::casts::{self, matmul};
use crate::sight::Sight;

/// # Shapes
/// - `query` and the result: `[batch_size, seq_length, num_heads · d_head]`
/// - `key`, `value`: `[batch_size, seq_length, num_key_value_heads · d_head]`
pub(crate) fn attention(
    options: Attend,
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    sight: &Sight,
) -> Tensor<3> {
    let Attend {
        num_heads,
        num_key_value_heads,
        dropout,
    } = options;
    let query = split_heads(query, num_heads);
    let [key, value] =
        [key, value].map(|states| shared(split_heads(states, num_key_value_heads), num_heads));
    if query.device().is_autodiff() || casts::are_rounded(&query) {
        // Burn's attention has no dropout and no softmax in another format than its products, and under autodiff it
        // consists of more operations than these.
        let [_, _, _, d_head] = query.dims();
        let scale = 1.0 / (d_head as f64).sqrt();
        let scores = sight.onto(matmul(query * scale, key.transpose()));
        return join_heads(weigh(scores, value, &DropoutConfig::new(dropout).init()));
    }
    let settings = AttentionModuleOptions::default();
    let context = burn_attention(query, key, value, None, Some(sight.bias()), settings);
    join_heads(context)
}

/// `softmax(scores) · value`. Divides by the softmax's sum after the product with the values, which
/// takes `seq_length · d_head` divisions instead of `seq_length²`, in both passes.
///
/// # Shapes
/// - `scores`: `[batch_size, num_heads, seq_length, seq_length]`
/// - `value` and the result: `[batch_size, num_heads, seq_length, d_head]`
pub(crate) fn weigh(scores: Tensor<4>, value: Tensor<4>, dropout: &Dropout) -> Tensor<4> {
    let greatest = scores.clone().detach().max_dim(3);
    let weights = (scores - greatest).exp();
    let sums = weights.clone().sum_dim(3);
    matmul(dropout.forward(weights), value) / sums
}

/// Repeats each head for the query heads that share it. Ainslie et al. (2023),
/// <https://arxiv.org/abs/2305.13245>.
fn shared(heads: Tensor<4>, num_heads: usize) -> Tensor<4> {
    let [batch_size, num_shared, seq_length, d_head] = heads.dims();
    if num_shared == num_heads {
        return heads;
    }
    let group = num_heads / num_shared;
    heads
        .unsqueeze_dim::<5>(2)
        .expand([batch_size, num_shared, group, seq_length, d_head])
        .reshape([batch_size, num_heads, seq_length, d_head])
}

/// `[batch_size, seq_length, num_heads · d_head]` to `[batch_size, num_heads, seq_length, d_head]`.
pub(crate) fn split_heads(projected: Tensor<3>, num_heads: usize) -> Tensor<4> {
    let [batch_size, seq_length, width] = projected.dims();
    projected
        .reshape([batch_size, seq_length, num_heads, width / num_heads])
        .swap_dims(1, 2)
}

/// The inverse of [`split_heads`].
pub(crate) fn join_heads(heads: Tensor<4>) -> Tensor<3> {
    let [batch_size, num_heads, seq_length, d_head] = heads.dims();
    heads
        .swap_dims(1, 2)
        .reshape([batch_size, seq_length, num_heads * d_head])
}

pub(crate) fn add_norm(
    norm: &LayerNorm,
    dropout: f64,
    x: Tensor<3>,
    residual: Tensor<3>,
) -> Tensor<3> {
    norm.forward(residual + DropoutConfig::new(dropout).init().forward(x))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn queries_share_heads_in_groups_of_neighbors() {
        let heads = Tensor::<1>::from_floats([1.0, 2.0], &Device::flex()).reshape([1, 2, 1, 1]);
        let repeated: Vec<f32> = shared(heads, 4).into_data().try_into_vec().unwrap();
        assert_eq!(repeated, [1.0, 1.0, 2.0, 2.0]);
    }
}
