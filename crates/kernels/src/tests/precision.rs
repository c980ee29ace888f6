//! Blocks in reduced precision: close to those in f32, and the same rows whatever else is computed.

use proptest::prelude::*;

use super::*;

/// A post-norm layer of width 24 with 3 heads.
struct Layer {
    attention: [Linear; 4],
    feed_forward: [Linear; 2],
    norm: LayerNorm,
}

impl Layer {
    fn new() -> Self {
        let device = device();
        let layer = |input, output| layer(input, output, &device).valid();
        Self {
            attention: std::array::from_fn(|_| layer(24, 24)),
            feed_forward: [layer(24, 41), layer(41, 24)],
            norm: layer_norm_of(24, &device).valid(),
        }
    }

    /// Attention and feed-forward block of states without padding, `[1, tokens, 24]`; the tokens of a row see
    /// each other.
    fn forward(&self, states: Tensor<3>, lengths: &[usize]) -> Tensor<3> {
        let longest = lengths.iter().copied().max().unwrap();
        let padding: Vec<bool> = lengths
            .iter()
            .flat_map(|length| (0..longest).map(move |token| token >= *length))
            .collect();
        let mask = burn::tensor::TensorData::new(padding, [lengths.len(), longest]);
        let layout = TokenLayout::new(Tensor::<2, Bool>::from_data(mask, &states.device()), None);
        let [query, key, value, output] = &self.attention;
        let layers = Projections {
            query,
            key,
            value,
            output,
        };
        let attend = Attend {
            num_heads: 3,
            num_key_value_heads: 3,
            dropout: 0.0,
        };
        let norm = AddNorm {
            norm: &self.norm,
            epsilon: EPSILON,
            dropout: 0.0,
        };
        let mask = layout.mask(Reach::default());
        let hidden = layers.attend_and_norm(attend, norm, states, &mask);
        let [inner, outer] = &self.feed_forward;
        feed_forward_norm([inner, outer], Activation::Gelu, norm, hidden)
    }
}

fn values(states: Tensor<3>) -> Vec<f32> {
    states.into_data().try_into_vec().unwrap()
}

fn plain_device() -> Device {
    device().without_autodiff()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_row_is_the_same_alone_and_in_any_batch(
        lengths in proptest::collection::vec(1_usize..150, 1..5),
    ) {
        let device = plain_device();
        let layer = Layer::new();
        let tokens = lengths.iter().sum();
        let states = Tensor::random([1, tokens, 24], Distribution::Default, &device);
        for precision in [Precision::Bf16, Precision::Int8] {
            let weights = ScoringWeights::new(precision, &device);
            let all = weights.during(|| layer.forward(states.clone(), &lengths));
            let mut first = 0;
            for length in &lengths {
                let row = states.clone().narrow(1, first, *length);
                // Without packed weights from before.
                let alone = ScoringWeights::new(precision, &device);
                let alone = alone.during(|| layer.forward(row, &[*length]));
                let expected = all.clone().narrow(1, first, *length);
                if weights.precision() == precision {
                    prop_assert_eq!(values(alone), values(expected));
                }
                first += length;
            }
        }
    }
}

#[test]
fn a_layer_is_close_to_that_in_f32_and_not_the_same() {
    let device = plain_device();
    let layer = Layer::new();
    let states = Tensor::random([1, 200, 24], Distribution::Default, &device);
    let exact = layer.forward(states.clone(), &[150, 50]);
    for (precision, most) in [(Precision::Bf16, 0.1), (Precision::Int8, 0.2)] {
        let weights = ScoringWeights::new(precision, &device);
        let found = weights.during(|| layer.forward(states.clone(), &[150, 50]));
        let error = (found - exact.clone()).abs().max().into_scalar::<f32>();
        assert!(error < most, "{precision}: {error}");
        let is_reduced = weights.precision() == precision;
        assert_eq!(error > 0.0, is_reduced, "{precision}: {error}");
    }
}

#[test]
fn a_weight_that_changes_is_packed_anew() {
    let device = plain_device();
    let mut layer = layer(8, 5, &super::device()).valid();
    let x = Tensor::<3>::ones([1, 2, 8], &device);
    let weights = ScoringWeights::new(Precision::Bf16, &device);
    let before = weights.during(|| linear(&layer, x.clone()));
    layer.weight = layer.weight.map(|weight| weight * 2.0);
    let bias = layer.bias.as_ref().unwrap().val();
    let bias = bias.reshape([1, 1, 5]);
    let after = weights.during(|| linear(&layer, x));
    same(after - bias.clone(), (before - bias) * 2.0, 1.0);
}

#[test]
fn training_stays_in_f32() {
    let device = device();
    let layer = layer(8, 5, &device);
    let x = Tensor::<3>::ones([1, 2, 8], &device);
    let weights = ScoringWeights::new(Precision::Bf16, &device);
    let found = weights.during(|| linear(&layer, x.clone()));
    assert_eq!(values(found), values(linear(&layer, x)));
}
