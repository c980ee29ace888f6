//! Attention masks, and their form for the compositions.

use burn::tensor::{Bool, Device, Int, Tensor};

/// Which tokens of its row a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Whether it attends to no later tokens.
    pub causal: bool,
    /// Maximum distance, in tokens; `None` for unlimited.
    pub window: Option<usize>,
}

/// Additive attention mask. Built once per batch and shared by the layers with the same reach.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// `[batch_size, 1, seq_length, seq_length]`, or one row for all queries: 0 if the query
    /// attends to the key, else [`HIDDEN`](Self::HIDDEN).
    bias: Tensor<4>,
}

impl Sight {
    // Finite, so that a fully masked row has no NaN; small enough that its `exp` is exactly zero
    // relative to any real score.
    const HIDDEN: f32 = -1e30;

    /// # Shapes
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding
    pub(crate) fn new(mask_pad: Tensor<2, Bool>, reach: Reach) -> Self {
        let [batch_size, seq_length] = mask_pad.dims();
        let device = mask_pad.device();
        let padding = mask_pad.unsqueeze_dims::<4>(&[1, 1]);
        let hidden = match beyond(seq_length, reach, &device) {
            None if device.is_autodiff() => padding,
            // Burn's attention needs one row per query.
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

    /// Applies the mask to the scores.
    ///
    /// # Shapes
    /// - `scores` and the result: `[batch_size, num_heads, seq_length, seq_length]`
    pub(crate) fn onto(&self, scores: Tensor<4>) -> Tensor<4> {
        scores + self.bias.clone()
    }

    /// The mask in the form of Burn's attention.
    pub(crate) fn bias(&self) -> Tensor<4> {
        self.bias.clone()
    }
}

/// `[seq_length, seq_length]`: true if the key is out of the query's reach; `None` if all are
/// within reach.
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
}
