//! Pooling: token states to one vector per segment.

use std::fmt;
use std::str::FromStr;

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Bool, Device, Int, Tensor, assert_shape};
use serde::{Deserialize, Serialize};

use crate::error::ConfigProblem;
use crate::row_wise::product;

/// The method that pools the states of a segment's tokens to one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The average over the tokens.
    #[default]
    Mean,
    /// The state of the last token.
    Last,
    /// The state of the first token.
    First,
    /// The greatest value of each feature over the tokens.
    Max,
    /// An average whose weights are learned: `Σ_t a_t h_t` with `a = softmax_t(h_t · q / √d_model)`
    /// over the tokens of the segment and one query `q` for the whole model, which starts at zero,
    /// as the mean. The word attention of Yang et al. (2016), <https://aclanthology.org/N16-1174>,
    /// without its hidden layer.
    Attention,
}

impl Pooling {
    /// All kinds, in the order help texts list them.
    pub const ALL: [Self; 5] = [
        Self::Mean,
        Self::Last,
        Self::First,
        Self::Max,
        Self::Attention,
    ];
}

/// A [`Pooling`] with the parameters it needs.
#[derive(Module, Debug)]
pub struct Pooler {
    /// Of attention pooling: `[d_model]`.
    query: Option<Param<Tensor<1>>>,
    #[module(skip)]
    kind: Pooling,
}

impl Pooler {
    /// A pooler of token states of width `d_model`. It uses no random numbers.
    pub fn new(kind: Pooling, d_model: usize, device: &Device) -> Self {
        let query = matches!(kind, Pooling::Attention);
        Self {
            query: query.then(|| Initializer::Zeros.init([d_model], device)),
            kind,
        }
    }

    /// Which pooling it is.
    pub fn kind(&self) -> Pooling {
        self.kind
    }

    /// Pools the token states of each segment. A segment without tokens, `(0, 0)` by convention,
    /// pools to zeros and sends no gradient. Padding lies in no segment.
    ///
    /// # Shapes
    /// - `hidden`: `[batch_size, seq_length, d_model]`
    /// - `segment_spans`: `[batch_size, num_segments, 2]`, first token and one past the last
    /// - returns: `[batch_size, num_segments, d_model]`
    ///
    /// # Panics
    /// If the batch sizes differ.
    pub fn forward(&self, hidden: Tensor<3>, segment_spans: Tensor<3, Int>) -> Tensor<3> {
        let [batch_size, _, _] = hidden.dims();
        assert_shape!(segment_spans, [batch_size, _, 2]);
        let spans = Spans::new(segment_spans);
        if let Some(query) = &self.query {
            return attention(hidden, query.val(), &spans);
        }
        match self.kind {
            Pooling::Last => token(hidden, spans.end.clone() - 1, &spans),
            Pooling::First => token(hidden, spans.start.clone(), &spans),
            Pooling::Max => max(hidden, &spans),
            // Attention without its query would be this.
            Pooling::Mean | Pooling::Attention => mean(hidden, &spans),
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Mean => "mean",
            Self::Last => "last",
            Self::First => "first",
            Self::Max => "max",
            Self::Attention => "attention",
        })
    }
}

impl FromStr for Pooling {
    type Err = ConfigProblem;

    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let known = Self::ALL
            .into_iter()
            .find(|pooling| pooling.to_string() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(|pooling| format!("`{pooling}`"));
            ConfigProblem::new("pooling", format!("`{text}`"), names.join(", "))
        })
    }
}

/// First tokens and ends, each `[batch_size, num_segments, 1]`.
struct Spans {
    start: Tensor<3, Int>,
    end: Tensor<3, Int>,
}

impl Spans {
    fn new(spans: Tensor<3, Int>) -> Self {
        Self {
            start: spans.clone().narrow(2, 0, 1),
            end: spans.narrow(2, 1, 1),
        }
    }

    /// `[batch_size, num_segments, seq_length]`: true where the token lies in the segment.
    fn membership(&self, seq_length: usize) -> Tensor<3, Bool> {
        let [batch_size, num_segments, _] = self.start.dims();
        let shape = [batch_size, num_segments, seq_length];
        #[expect(clippy::cast_possible_wrap, reason = "no sequence has 2^63 tokens")]
        let positions = 0..seq_length as i64;
        let position = Tensor::<1, Int>::arange(positions, &self.start.device());
        let position = position.unsqueeze::<3>().expand(shape);
        let from_start = position
            .clone()
            .greater_equal(self.start.clone().expand(shape));
        from_start.bool_and(position.lower(self.end.clone().expand(shape)))
    }

    /// `[batch_size, num_segments, 1]`: true where the segment has no token.
    fn absent(&self) -> Tensor<3, Bool> {
        self.end.clone().lower_equal(self.start.clone())
    }
}

/// One product with the membership matrix sums all segments.
fn mean(hidden: Tensor<3>, spans: &Spans) -> Tensor<3> {
    let [_, seq_length, _] = hidden.dims();
    let membership = spans.membership(seq_length).float();
    let num_tokens = membership.clone().sum_dim(2).clamp_min(1.0);
    product(membership, hidden) / num_tokens
}

/// A softmax for each segment over its own tokens, divided by its sum after the product.
fn attention(hidden: Tensor<3>, query: Tensor<1>, spans: &Spans) -> Tensor<3> {
    let [batch_size, seq_length, d_model] = hidden.dims();
    let membership = spans.membership(seq_length);
    let [_, num_segments, _] = membership.dims();
    let shape = [batch_size, num_segments, seq_length];
    let query = query.reshape([1, d_model, 1]) / (d_model as f64).sqrt();
    let scores = product(hidden.clone(), query).swap_dims(1, 2).expand(shape);
    // Finite, so that a segment without tokens stays free of NaN.
    let scores = scores.mask_fill(membership.clone().bool_not(), OUTSIDE);
    let greatest = scores.clone().detach().max_dim(2);
    let weights = (scores - greatest).exp() * membership.float();
    // A column of ones, so that the weights are summed in the order of the states.
    let ones = Tensor::ones([batch_size, seq_length, 1], &hidden.device());
    let sums = product(weights, Tensor::cat(vec![hidden, ones], 2));
    let total = sums.clone().narrow(2, d_model, 1);
    // The greatest weight of a segment is 1. Absent ones need a divisor whose square is no zero:
    // the gradient divides by that.
    sums.narrow(2, 0, d_model) / total.clamp_min(1.0)
}

/// Score of a token outside of the segment.
const OUTSIDE: f32 = -1e30;

fn token(hidden: Tensor<3>, position: Tensor<3, Int>, spans: &Spans) -> Tensor<3> {
    let [batch_size, num_segments, _] = position.dims();
    let [_, _, d_model] = hidden.dims();
    let shape = [batch_size, num_segments, d_model];
    // An absent segment may point before the first token; what it picks is replaced by zeros.
    let picked = hidden.gather(1, position.clamp_min(0).expand(shape));
    picked.mask_fill(spans.absent().expand(shape), 0.0)
}

/// Segment by segment, so that no tensor of `[batch_size, num_segments, seq_length, d_model]`
/// has to exist.
fn max(hidden: Tensor<3>, spans: &Spans) -> Tensor<3> {
    let [batch_size, seq_length, d_model] = hidden.dims();
    let outside = spans.membership(seq_length).bool_not();
    let [_, num_segments, _] = outside.dims();
    let maxima = (0..num_segments).map(|segment| {
        let outside = outside.clone().narrow(1, segment, 1).swap_dims(1, 2);
        let outside = outside.expand([batch_size, seq_length, d_model]);
        hidden.clone().mask_fill(outside, f32::MIN).max_dim(1)
    });
    let maxima = Tensor::cat(maxima.collect(), 1);
    maxima.mask_fill(
        spans.absent().expand([batch_size, num_segments, d_model]),
        0.0,
    )
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, TensorData, Tolerance};
    use proptest::prelude::*;

    use super::*;

    /// Two rows of four tokens with two features.
    fn hidden(device: &Device) -> Tensor<3> {
        Tensor::from_data(
            [
                [[1.0, 8.0], [3.0, 6.0], [5.0, -1.0], [7.0, 0.5]],
                [[-1.0, -2.0], [-3.0, -4.0], [9.0, 9.0], [9.0, 9.0]],
            ],
            device,
        )
    }

    fn pool(pooling: Pooling, hidden: Tensor<3>, spans: Tensor<3, Int>) -> Tensor<3> {
        let [_, _, d_model] = hidden.dims();
        let pooler = Pooler::new(pooling, d_model, &hidden.device());
        let query: Vec<f32> = (0..d_model).map(|k| 0.3 - 0.5 * k as f32).collect();
        let query = Tensor::<1>::from_floats(query.as_slice(), &hidden.device());
        let pooler = Pooler {
            query: pooler.query.map(|_| Param::from_tensor(query)),
            ..pooler
        };
        pooler.forward(hidden, spans)
    }

    #[test]
    fn attention_is_a_softmax_over_the_segment_and_the_mean_at_birth() {
        let device = Device::flex();
        let weight = |h: [f64; 2]| ((0.3 * h[0] - 0.2 * h[1]) / 2f64.sqrt()).exp();
        let (first, second) = (weight([3.0, 6.0]), weight([5.0, -1.0]));
        let expected = (3.0 * first + 5.0 * second) / (first + second);
        let pooled = pool(Pooling::Attention, hidden(&device), spans(&device));
        let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
        assert!((f64::from(pooled[0]) - expected).abs() < 1e-5, "{pooled:?}");
        let newborn = |kind| {
            let pooler = Pooler::new(kind, 2, &device);
            pooler.forward(hidden(&device), spans(&device)).into_data()
        };
        newborn(Pooling::Attention)
            .assert_approx_eq::<f32>(&newborn(Pooling::Mean), Tolerance::absolute(1e-6));
    }

    #[test]
    fn attention_survives_scores_that_are_far_apart() {
        let device = Device::flex();
        let hidden = hidden(&device) * 1e5;
        let pooled = pool(Pooling::Attention, hidden, spans(&device));
        let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
        assert!(pooled.iter().all(|value| value.is_finite()), "{pooled:?}");
    }

    fn spans(device: &Device) -> Tensor<3, Int> {
        Tensor::from_data([[[1, 3], [3, 4]], [[0, 2], [0, 0]]], device)
    }

    #[test]
    fn each_kind_pools_the_tokens_of_the_segment_only() {
        let device = Device::flex();
        for (pooling, expected) in [
            (
                Pooling::Mean,
                [[[4.0, 2.5], [7.0, 0.5]], [[-2.0, -3.0], [0.0, 0.0]]],
            ),
            (
                Pooling::Last,
                [[[5.0, -1.0], [7.0, 0.5]], [[-3.0, -4.0], [0.0, 0.0]]],
            ),
            (
                Pooling::First,
                [[[3.0, 6.0], [7.0, 0.5]], [[-1.0, -2.0], [0.0, 0.0]]],
            ),
            (
                Pooling::Max,
                [[[5.0, 6.0], [7.0, 0.5]], [[-1.0, -2.0], [0.0, 0.0]]],
            ),
        ] {
            let pooled = pool(pooling, hidden(&device), spans(&device)).into_data();
            pooled.assert_approx_eq::<f32>(&TensorData::from(expected), Tolerance::absolute(1e-6));
        }
    }

    /// The gradient of a fixed weighted sum of the pooled states, weights 1, 2, 3, ..
    fn objective(pooling: Pooling, hidden: Tensor<3>, spans: Tensor<3, Int>) -> Tensor<1> {
        let pooled = pool(pooling, hidden, spans);
        let shape = pooled.dims();
        let num_weights = i64::try_from(shape.iter().product::<usize>()).unwrap();
        let weights = Tensor::<1, Int>::arange(1..num_weights + 1, &pooled.device());
        (pooled * weights.float().reshape(shape)).sum()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let plain = Device::flex();
        let autodiff = plain.clone().autodiff();
        let values: Vec<f32> = hidden(&plain).into_data().try_into_vec().unwrap();
        for pooling in Pooling::ALL {
            // Attention alone is no piecewise linear function of the states.
            let curved = pooling == Pooling::Attention;
            let (step, tolerance) = if curved { (0.02, 0.05) } else { (0.25, 1e-3) };
            let input = hidden(&autodiff).require_grad();
            let gradients = objective(pooling, input.clone(), spans(&autodiff)).backward();
            let gradient: Vec<f32> = input
                .grad(&gradients)
                .unwrap()
                .into_data()
                .try_into_vec()
                .unwrap();
            for index in 0..values.len() {
                let shifted = |by: f32| {
                    let mut values = values.clone();
                    values[index] += by;
                    let hidden = Tensor::from_data(TensorData::new(values, [2, 4, 2]), &plain);
                    objective(pooling, hidden, spans(&plain)).into_scalar::<f32>()
                };
                let difference = (shifted(step) - shifted(-step)) / (2.0 * step);
                assert!(
                    (gradient[index] - difference).abs() < tolerance,
                    "{pooling:?}, value {index}: gradient {}, difference {difference}",
                    gradient[index]
                );
            }
        }
    }

    #[test]
    fn a_batch_of_absent_segments_pools_to_zeros_with_a_zero_gradient() {
        let device = Device::flex().autodiff();
        for pooling in Pooling::ALL {
            let input = hidden(&device).require_grad();
            let pooled = pool(pooling, input.clone(), Tensor::zeros([2, 3, 2], &device));
            let gradients = pooled.clone().square().sum().backward();
            let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
            assert_eq!(pooled, [0.0; 12], "{pooling:?}");
            let gradient: Vec<f32> = input
                .grad(&gradients)
                .unwrap()
                .into_data()
                .try_into_vec()
                .unwrap();
            assert_eq!(gradient, [0.0; 16], "{pooling:?}");
        }
    }

    #[test]
    fn names_are_lowercase_words() {
        let names = serde_json::to_string(&Pooling::ALL).unwrap();
        assert_eq!(names, r#"["mean","last","first","max","attention"]"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn tokens_outside_of_a_segment_do_not_matter(
            start in 0_i32..5, length in 1_i32..5, padding in 0_i32..4,
        ) {
            let device = Device::flex();
            let inside = Tensor::<3>::random([1, length, 3], Distribution::Default, &device);
            let before = Tensor::random([1, start, 3], Distribution::Default, &device);
            let after = Tensor::random([1, padding, 3], Distribution::Default, &device);
            for pooling in Pooling::ALL {
                let alone = Tensor::from_data([[[0, length]]], &device);
                let alone = pool(pooling, inside.clone(), alone);
                let mut parts = vec![inside.clone()];
                if start > 0 { parts.insert(0, before.clone()); }
                if padding > 0 { parts.push(after.clone()); }
                let within = Tensor::from_data([[[start, start + length]]], &device);
                let within = pool(pooling, Tensor::cat(parts, 1), within);
                within.into_data().assert_approx_eq::<f32>(
                    &alone.into_data(), Tolerance::absolute(1e-6));
            }
        }
    }
}
