//! Attention for the families that limit which tokens see each other.

use burn::nn::Dropout;
use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, Device, Int, Tensor};

/// Which tokens a token sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Whether it sees nothing behind itself.
    pub(super) causal: bool,
    /// The greatest distance it sees; `None` for all.
    pub(super) window: Option<usize>,
}

/// What is added to the attention scores so that a token sees what it may and nothing else.
///
/// Built once for a batch and shared by the layers of one reach.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    /// `[batch_size, 1, seq_length, seq_length]`, or one row for all queries: 0 where the query
    /// sees the key, very small where it does not.
    bias: Tensor<4>,
}

impl Sight {
    // Finite, so that a row that sees nothing stays free of NaN; small enough that `exp` of it
    // is exactly zero beside any real score.
    const HIDDEN: f32 = -1e30;

    /// # Shapes
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding
    pub(super) fn new(mask_pad: Tensor<2, Bool>, reach: Reach) -> Self {
        let [batch_size, seq_length] = mask_pad.dims();
        let device = mask_pad.device();
        let padding = mask_pad.unsqueeze_dims::<4>(&[1, 1]);
        let hidden = match beyond(seq_length, reach, &device) {
            None if device.is_autodiff() => padding,
            // Burn's attention reads one row per query.
            None => padding.repeat_dim(2, seq_length),
            Some(beyond) => {
                let shape = [batch_size, 1, seq_length, seq_length];
                let beyond = beyond.unsqueeze::<4>().expand(shape);
                beyond.bool_or(padding.expand(shape))
            }
        };
        Self {
            bias: hidden.float().mul_scalar(Self::HIDDEN),
        }
    }

    /// The same with scores of its own for every head and pair of tokens.
    ///
    /// # Shapes
    /// - `scores` and the result: `[batch_size, num_heads, seq_length, seq_length]`
    pub(super) fn onto(&self, scores: Tensor<4>) -> Tensor<4> {
        scores + self.bias.clone()
    }
}

/// `[seq_length, seq_length]`: true where the query does not reach the key; `None` where each
/// reaches all.
fn beyond(seq_length: usize, reach: Reach, device: &Device) -> Option<Tensor<2, Bool>> {
    #[expect(clippy::cast_possible_wrap, reason = "no sequence has 2^63 tokens")]
    let (length, window) = (seq_length as i64, reach.window.map(|window| window as i64));
    let position = Tensor::<1, Int>::arange(0..length, device);
    let shape = [seq_length, seq_length];
    let query = position.clone().unsqueeze_dim::<2>(1).expand(shape);
    let distance = query - position.unsqueeze_dim::<2>(0).expand(shape);
    let behind = reach.causal.then(|| distance.clone().lower_elem(0));
    let far = window.map(|window| distance.abs().greater_elem(window));
    match (behind, far) {
        (Some(behind), Some(far)) => Some(behind.bool_or(far)),
        (behind, far) => behind.or(far),
    }
}

/// Each query's average of the values, weighted by the softmax of `query · key / √d_head`.
///
/// Key and value may have fewer heads than the query, which then share them in groups.
///
/// # Shapes
/// - `query` and the result: `[batch_size, num_heads, seq_length, d_head]`
/// - `key`, `value`: `[batch_size, num_key_value_heads, seq_length, d_head]`
pub(super) fn attend(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    sight: &Sight,
    dropout: &Dropout,
) -> Tensor<4> {
    let [_, num_heads, _, d_head] = query.dims();
    let (key, value) = (shared(key, num_heads), shared(value, num_heads));
    if query.device().is_autodiff() {
        // Burn's attention knows no dropout, and where gradients are needed it is made of more
        // steps than these.
        let scale = 1.0 / (d_head as f64).sqrt();
        let scores = sight.onto((query * scale).matmul(key.transpose()));
        return weigh(scores, value, dropout);
    }
    let options = AttentionModuleOptions::default();
    attention(query, key, value, None, Some(sight.bias.clone()), options)
}

/// The average of the values by the softmax of finished scores. The softmax is divided by its sum
/// only after the product with the values.
///
/// # Shapes
/// - `scores`: `[batch_size, num_heads, seq_length, seq_length]`
/// - `value` and the result: `[batch_size, num_heads, seq_length, d_head]`
pub(super) fn weigh(scores: Tensor<4>, value: Tensor<4>, dropout: &Dropout) -> Tensor<4> {
    let greatest = scores.clone().detach().max_dim(3);
    let weights = (scores - greatest).exp();
    let sums = weights.clone().sum_dim(3);
    dropout.forward(weights).matmul(value) / sums
}

/// Repeats each head for the queries that share it.
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
pub(super) fn split_heads(projected: Tensor<3>, num_heads: usize) -> Tensor<4> {
    let [batch_size, seq_length, width] = projected.dims();
    projected
        .reshape([batch_size, seq_length, num_heads, width / num_heads])
        .swap_dims(1, 2)
}

/// The reverse of [`split_heads`].
pub(super) fn join_heads(heads: Tensor<4>) -> Tensor<3> {
    let [batch_size, num_heads, seq_length, d_head] = heads.dims();
    heads
        .swap_dims(1, 2)
        .reshape([batch_size, seq_length, num_heads * d_head])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(causal: bool, window: Option<usize>) -> Vec<Vec<usize>> {
        let device = Device::flex();
        let padded = Tensor::<2, Int>::from_data([[0, 0, 0, 0, 1]], &device).bool();
        let sight = Sight::new(padded, Reach { causal, window });
        let bias: Vec<f32> = sight.bias.into_data().try_into_vec().unwrap();
        let rows = bias.chunks(5).map(|row| {
            let seen = row.iter().enumerate().filter(|(_, bias)| **bias == 0.0);
            seen.map(|(key, _)| key).collect()
        });
        rows.collect()
    }

    #[test]
    fn nothing_sees_padding_and_without_a_reach_all_else_is_seen() {
        assert_eq!(seen(false, None), vec![vec![0, 1, 2, 3]; 5]);
    }

    #[test]
    fn a_causal_token_sees_itself_and_what_is_before_it() {
        let expected: [&[usize]; 5] = [&[0], &[0, 1], &[0, 1, 2], &[0, 1, 2, 3], &[0, 1, 2, 3]];
        assert_eq!(seen(true, None), expected);
    }

    #[test]
    fn a_window_hides_what_is_farther_away() {
        let expected: [&[usize]; 5] = [&[0, 1], &[0, 1, 2], &[1, 2, 3], &[2, 3], &[3]];
        assert_eq!(seen(false, Some(1)), expected);
        let expected: [&[usize]; 5] = [&[0], &[0, 1], &[1, 2], &[2, 3], &[3]];
        assert_eq!(seen(true, Some(1)), expected);
    }

    #[test]
    fn queries_share_heads_in_groups_of_neighbours() {
        let heads = Tensor::<1>::from_floats([1.0, 2.0], &Device::flex()).reshape([1, 2, 1, 1]);
        let repeated: Vec<f32> = shared(heads, 4).into_data().try_into_vec().unwrap();
        assert_eq!(repeated, [1.0, 1.0, 2.0, 2.0]);
    }
}
