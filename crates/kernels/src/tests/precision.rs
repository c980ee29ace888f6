//! Blocks in reduced precision: close to those in f32, and the same rows whatever else is computed.

use proptest::prelude::*;

use super::*;

/// A post-norm layer and a pre-norm layer after it, of width 24 with 3 heads.
struct Layer {
    attention: [Linear; 4],
    feed_forward: [Linear; 2],
    norm: LayerNorm,
    /// Norm, gate, factor and outer layer of the pre-norm layer, whose attention has the layers above.
    gated: (LayerNorm, [Linear; 3]),
}

impl Layer {
    fn new() -> Self {
        let device = device();
        let layer = |input, output| layer(input, output, &device).valid();
        let plain = |input, output| Linear {
            bias: None,
            ..layer(input, output)
        };
        let mut norm = layer_norm_of(24, &device).valid();
        norm.beta = None;
        Self {
            attention: std::array::from_fn(|_| layer(24, 24)),
            feed_forward: [layer(24, 41), layer(41, 24)],
            norm: layer_norm_of(24, &device).valid(),
            gated: (norm, [plain(24, 41), plain(24, 41), plain(41, 24)]),
        }
    }

    /// The layers on states without padding, `[1, tokens, 24]`; the tokens of a row see each other.
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
        let hidden = feed_forward_norm([inner, outer], Activation::Gelu, norm, hidden);
        let (norm, [gate, factor, outer]) = &self.gated;
        let norm = PreNorm {
            norm: Some(BlockNorm::Layer(norm, EPSILON)),
            dropout: 0.0,
        };
        let [cos, sin] = super::attention::turns(longest, 4);
        let output = &Linear {
            bias: None,
            ..output.clone()
        };
        let block = RotaryAttention {
            projections: Projections { output, ..layers },
            head_norms: None,
            attend,
            angles: &Angles::new(cos, sin, 4, &hidden.device()),
        };
        let hidden = norm.attend(block, hidden, &mask, None);
        let block = GatedFeedForward {
            gate,
            factor,
            outer,
            activation: GateActivation::Silu,
        };
        norm.feed_forward(block, hidden)
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
fn a_model_in_f32_stays_so_on_a_thread_that_awaits_one_in_bf16() {
    let device = plain_device();
    let layer = layer(8, 5, &super::device()).valid();
    let x = Tensor::<3>::ones([1, 2, 8], &device);
    let (f32, bf16) = [Precision::F32, Precision::Bf16]
        .map(|precision| ScoringWeights::new(precision, &device))
        .into();
    let found = bf16.during(|| f32.during_tokens(2, || linear(&layer, x.clone())));
    assert_eq!(values(found), values(linear(&layer, x)));
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

/// A layer in training.
struct Trained {
    attention: [Linear; 4],
    wide: Linear,
    narrow: Linear,
    norm: LayerNorm,
}

impl Trained {
    fn new(device: &Device) -> Self {
        Self {
            attention: std::array::from_fn(|_| layer(24, 24, device)),
            wide: layer(24, 41, device),
            narrow: layer(41, 24, device),
            norm: layer_norm_of(24, device),
        }
    }

    /// A post-norm layer, or a causal pre-norm layer with a gated feed-forward block: its states, and
    /// the gradients of its input and weights.
    fn pass(
        &self,
        x: &Tensor<3>,
        is_post_norm: bool,
        precision: TrainingPrecision,
    ) -> Vec<Vec<f32>> {
        let Self {
            attention,
            wide,
            narrow,
            norm,
        } = self;
        let [query, key, value, output] = attention;
        let projections = Projections {
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
        let [_, tokens, _] = x.dims();
        let mask = Tensor::<2, Int>::zeros([1, tokens], &x.device()).bool();
        let mask = TokenLayout::new(mask, None).mask(Reach {
            causal: !is_post_norm,
            window: None,
        });
        let [cos, sin] = super::attention::turns(tokens, 4);
        let angles = Angles::new(cos, sin, 4, &x.device());
        let without_bias = |layer: &Linear| Linear {
            bias: None,
            ..layer.clone()
        };
        let out = precision.during(|| {
            if is_post_norm {
                let norm = add(norm);
                let hidden = projections.attend_and_norm(attend, norm, x.clone(), &mask);
                feed_forward_norm([wide, narrow], Activation::Gelu, norm, hidden)
            } else {
                let mut norm = norm.clone();
                norm.beta = None;
                let norm = PreNorm {
                    norm: Some(BlockNorm::Layer(&norm, EPSILON)),
                    dropout: 0.0,
                };
                let output = &without_bias(output);
                let block = RotaryAttention {
                    projections: Projections {
                        output,
                        ..projections
                    },
                    head_norms: None,
                    attend,
                    angles: &angles,
                };
                let hidden = norm.attend(block, x.clone(), &mask, None);
                let [gate, factor] = [wide, wide].map(without_bias);
                let block = GatedFeedForward {
                    gate: &gate,
                    factor: &factor,
                    outer: &without_bias(narrow),
                    activation: GateActivation::Silu,
                };
                norm.feed_forward(block, hidden)
            }
        });
        // Weights of changing signs, as in `backward`, would leave little of the sums over rows.
        let gradients = out.clone().square().sum().backward();
        let mut found = vec![values(out), values(x.grad(&gradients).unwrap())];
        for layer in attention.iter().chain([wide, narrow]) {
            let gradient = layer.weight.val().grad(&gradients).unwrap();
            found.push(gradient.into_data().try_into_vec().unwrap());
        }
        found
    }
}

#[test]
fn training_in_bf16_is_close_to_that_in_f32_and_not_the_same() {
    let device = device();
    let (x, layer) = (random([1, 300, 24], &device), Trained::new(&device));
    let bf16 = TrainingPrecision::Bf16.on(&device).unwrap();
    for is_post_norm in [true, false] {
        let exact = layer.pass(&x, is_post_norm, TrainingPrecision::F32);
        let found = layer.pass(&x, is_post_norm, bf16);
        for (number, (exact, found)) in exact.iter().zip(&found).enumerate() {
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                let squares = values.map(|value| f64::from(value).powi(2));
                squares.sum::<f64>().sqrt()
            };
            let size = norm(&mut exact.iter().copied());
            let error = norm(&mut exact.iter().zip(found).map(|(a, b)| a - b)) / size;
            assert!(error < 0.04, "{is_post_norm}, value {number}: {error}");
            let is_bf16 = bf16 == TrainingPrecision::Bf16;
            assert_eq!(
                error > 0.0,
                is_bf16,
                "{is_post_norm}, value {number}: {error}"
            );
        }
    }
}

#[test]
fn training_is_the_same_with_any_number_of_threads() {
    let device = device();
    let (x, layer) = (random([1, 700, 24], &device), Trained::new(&device));
    for precision in [TrainingPrecision::F32, TrainingPrecision::Bf16] {
        let precision = precision.on(&device).unwrap();
        for is_post_norm in [true, false] {
            let [one, three] = [1, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let work = || layer.pass(&x, is_post_norm, precision);
                pool.build().unwrap().install(work)
            });
            assert!(one == three, "{is_post_norm} in {precision}");
        }
    }
}

/// Attention in both number formats, with the same dropout of probabilities.
#[test]
fn dropout_of_attention_is_the_same_in_bf16() {
    let device = device();
    let tokens = flex::PackedTokens::new(&[true; 90], 45);
    let inputs: [_; 3] = std::array::from_fn(|_| random([1, 90, 16], &device));
    let attend = |products, probability| {
        let kernel = flex::FusedAttention {
            num_heads: 2,
            num_key_value_heads: 2,
            scale: 0.3,
            dropout: flex::Dropout {
                probability,
                seed: 5,
            },
            rows: flex::Rows {
                queries: tokens.clone(),
                keys: tokens.clone(),
                reach: Reach::default(),
            },
            products,
        };
        let out: Tensor<3> = flex::run(kernel, inputs.clone().map(Tensor::into_dispatch));
        let gradients = backward(out.clone());
        let gradients = inputs
            .each_ref()
            .map(|input| input.grad(&gradients).unwrap());
        [vec![out.without_autodiff()], gradients.into()].concat()
    };
    let bf16 = match TrainingPrecision::Bf16.on(&device).unwrap() {
        TrainingPrecision::Bf16 => flex::Products::Bf16,
        TrainingPrecision::F32 => flex::Products::F32,
    };
    let exact = attend(flex::Products::F32, 0.4);
    let far = |found: Vec<Tensor<3>>| -> Vec<f32> {
        let pairs = found.into_iter().zip(&exact);
        let error = |(found, exact): (Tensor<3>, &Tensor<3>)| {
            let size = exact.clone().abs().max().into_scalar::<f32>();
            (found - exact.clone()).abs().max().into_scalar::<f32>() / size
        };
        pairs.map(error).collect()
    };
    let found = far(attend(bf16, 0.4));
    assert!(found.iter().all(|error| *error < 0.03), "{found:?}");
    let without = far(attend(bf16, 0.0));
    assert!(without.iter().all(|error| *error > 0.1), "{without:?}");
}
