//! Blocks of pre-norm layers.

use burn::module::{Module as _, Param};
use burn::nn::RmsNormConfig;

use super::attention::{BOTH_SIDES, turns};
use super::*;
use crate::layout::Mask;

const WIDTH: usize = 14;
const PAIRS: usize = 3;

/// A layer norm without a shift, with a random γ.
fn centered(width: usize, device: &Device) -> LayerNorm {
    let mut norm = layer_norm_of(width, device);
    norm.beta = None;
    norm
}

/// An RMS norm with a random γ.
fn rms(width: usize, device: &Device) -> RmsNorm {
    let gamma = Tensor::random([width], Distribution::Normal(1.0, 0.5), device).require_grad();
    RmsNorm {
        gamma: Param::from_tensor(gamma),
        ..RmsNormConfig::new(width).with_epsilon(EPSILON).init(device)
    }
}

fn plain(input: usize, output: usize, device: &Device) -> Linear {
    let layer = LinearConfig::new(input, output).with_bias(false);
    layer.init(device)
}

fn before(norm: Option<BlockNorm<'_>>) -> PreNorm<'_> {
    PreNorm { norm, dropout: 0.0 }
}

#[test]
fn gated_feed_forward_is_that_of_burn_for_every_activation_and_norm() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        for activation in [
            GateActivation::Silu,
            GateActivation::Gelu,
            GateActivation::GeluTanh,
        ] {
            let [gate, factor] = [(); 2].map(|()| plain(WIDTH, 45, &device));
            let outer = plain(45, WIDTH, &device);
            let (layer_norm, rms) = (centered(WIDTH, &device), rms(WIDTH, &device));
            for norm in [BlockNorm::Layer(&layer_norm, EPSILON), BlockNorm::Rms(&rms)] {
                let x = random([batch_size, seq_length, WIDTH], &device);
                let block = GatedFeedForward {
                    gate: &gate,
                    factor: &factor,
                    outer: &outer,
                    activation,
                };
                let fused = flex::gated(block, before(Some(norm)), &x).unwrap();
                let (normed, gamma) = match norm {
                    BlockNorm::Layer(norm, _) => (norm.forward(x.clone()), norm.gamma.val()),
                    BlockNorm::Rms(norm) => (norm.forward(x.clone()), norm.gamma.val()),
                };
                let gates = activation.forward(gate.forward(normed.clone()));
                let composed = x.clone() + outer.forward(gates * factor.forward(normed));
                let weights = [&gate, &factor, &outer].map(|layer| layer.weight.val());
                compare(&[&x], &weights, &[gamma], &fused, &composed);
            }
        }
    }
}

/// The attention of a family, with heads of six features.
#[derive(Clone)]
struct Attention {
    num_heads: usize,
    num_key_value_heads: usize,
    /// Query, key, value and output layer.
    layers: [Linear; 4],
    head_norms: Option<[RmsNorm; 2]>,
    norm: Option<RmsNorm>,
}

impl Attention {
    fn new(num_heads: usize, num_key_value_heads: usize, device: &Device) -> Self {
        let d_head = 2 * PAIRS;
        let (width, shared) = (num_heads * d_head, num_key_value_heads * d_head);
        Self {
            num_heads,
            num_key_value_heads,
            layers: [
                plain(WIDTH, width, device),
                plain(WIDTH, shared, device),
                plain(WIDTH, shared, device),
                plain(width, WIDTH, device),
            ],
            head_norms: None,
            norm: Some(rms(WIDTH, device)),
        }
    }

    /// The blocks of ModernBERT's first layer, Llama, Qwen2 and Qwen3.
    fn families(device: &Device) -> [Self; 4] {
        let first = Self {
            norm: None,
            ..Self::new(3, 3, device)
        };
        let mut biased = Self::new(6, 2, device);
        for part in &mut biased.layers[..3] {
            let [input, output] = part.weight.dims();
            part.bias = layer(input, output, device).bias;
        }
        let normed = Self {
            head_norms: Some([(); 2].map(|()| rms(2 * PAIRS, device))),
            ..Self::new(4, 2, device)
        };
        [first, Self::new(6, 3, device), biased, normed]
    }

    fn attend(&self) -> Attend {
        Attend {
            num_heads: self.num_heads,
            num_key_value_heads: self.num_key_value_heads,
            dropout: 0.0,
        }
    }

    fn block<'a>(&'a self, angles: &'a Angles) -> RotaryAttention<'a> {
        let [query, key, value, output] = self.layers.each_ref();
        RotaryAttention {
            projections: Projections {
                query,
                key,
                value,
                output,
            },
            head_norms: self.head_norms.as_ref().map(<[_; 2]>::each_ref),
            attend: self.attend(),
            angles,
        }
    }

    fn pre_norm(&self) -> PreNorm<'_> {
        before(self.norm.as_ref().map(BlockNorm::Rms))
    }

    /// The block of Burn's operations.
    fn composed(&self, x: &Tensor<3>, tensors: &[Tensor<4>; 2], sight: &Sight) -> Tensor<3> {
        let [query, key, value, output] = self.layers.each_ref();
        let normed = match &self.norm {
            Some(norm) => norm.forward(x.clone()),
            None => x.clone(),
        };
        let [query, key, value] = [query, key, value].map(|layer| layer.forward(normed.clone()));
        let turned = |states: Tensor<3>, heads: usize, part: usize| {
            let [batch_size, tokens, width] = states.dims();
            let states = match &self.head_norms {
                Some(norms) => {
                    let states = states.reshape([batch_size, tokens * heads, width / heads]);
                    norms[part]
                        .forward(states)
                        .reshape([batch_size, tokens, width])
                }
                None => states,
            };
            rotate::composed(states, heads, tensors)
        };
        let query = turned(query, self.num_heads, 0);
        let key = turned(key, self.num_key_value_heads, 1);
        let attended = composed::attention(self.attend(), query, key, value, sight);
        x.clone() + output.forward(attended)
    }

    fn weights(&self) -> [Tensor<2>; 4] {
        self.layers.each_ref().map(|layer| layer.weight.val())
    }

    /// γ of all norms, and biases.
    fn vectors(&self) -> Vec<Tensor<1>> {
        let heads = self.head_norms.iter().flatten();
        let gammas = self.norm.iter().chain(heads).map(|norm| norm.gamma.val());
        let biases = self.layers.iter().filter_map(|layer| layer.bias.as_ref());
        gammas.chain(biases.map(Param::val)).collect()
    }
}

fn angles(seq_length: usize, device: &Device) -> (Angles, [Tensor<4>; 2]) {
    let [cos, sin] = turns(seq_length, PAIRS);
    let tensors = [&cos, &sin].map(|values| {
        let data = burn::tensor::TensorData::new(values.clone(), [1, 1, seq_length, PAIRS]);
        Tensor::<4>::from_data(data, device)
    });
    (Angles::new(cos, sin, PAIRS, device), tensors)
}

#[test]
fn attention_of_every_family_is_that_of_burn() {
    let device = device();
    for (batch_size, seq_length) in [(1, 1), (3, 37), (5, 301)] {
        let (angles, tensors) = angles(seq_length, &device);
        let mask = padding(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), None);
        let near = Reach {
            causal: true,
            window: Some(20),
        };
        for attention in Attention::families(&device) {
            for reach in [BOTH_SIDES, near] {
                let x = random([batch_size, seq_length, WIDTH], &device);
                let Mask::Rows(rows) = layout.mask(reach).0 else {
                    unreachable!()
                };
                let (block, packed) = (attention.block(&angles), layout.pack(x.clone()));
                let fused = flex::rotary_attention(block, attention.pre_norm(), &packed, &rows);
                let fused = layout.unpack(fused.unwrap());
                let sight = Sight::new(mask.clone(), reach);
                let composed = attention.composed(&x, &tensors, &sight);
                // What stands there has no meaning.
                let outside = mask.clone().unsqueeze_dim::<3>(2).expand(x.dims());
                let composed = composed.mask_fill(outside, 0.0);
                let (weights, vectors) = (attention.weights(), attention.vectors());
                compare(&[&x], &weights, &vectors, &fused, &composed);
            }
        }
    }
}

/// The last layer computes some tokens, operation by operation.
#[test]
fn attention_of_wanted_tokens_is_that_of_all_of_them() {
    let device = device();
    let (angles, _) = angles(37, &device);
    let (mask, spans) = (padding(3, 37, &device), spans(3, 37, &device));
    let layout = TokenLayout::new(mask, Some(spans));
    let rows = layout.mask(BOTH_SIDES);
    for attention in Attention::families(&device) {
        let packed = layout.pack(random([3, 37, WIDTH], &device));
        let attend = |last| {
            let (norm, block) = (attention.pre_norm(), attention.block(&angles));
            norm.attend(block, packed.clone(), &rows, last)
        };
        same(attend(Some(&layout)), layout.wanted(attend(None)), 1.0);
    }
}

#[track_caller]
fn same_gradients<const D: usize>(of: &Tensor<D>, found: &Gradients, expected: &Gradients) {
    let [found, expected] = [found, expected].map(|gradients| of.grad(gradients).unwrap());
    assert_eq!(found.into_data(), expected.into_data());
}

/// Computes gradients with a single trainable input.
#[test]
fn what_is_frozen_changes_no_other_gradient() {
    let device = device();
    let (angles, _) = angles(40, &device);
    let layout = TokenLayout::new(padding(2, 40, &device), None);
    let mask = layout.mask(BOTH_SIDES);
    let gated = [(WIDTH, 45), (WIDTH, 45), (45, WIDTH)];
    let gated = gated.map(|(input, output)| plain(input, output, &device));
    let x = random([2, 40, WIDTH], &device);
    for attention in Attention::families(&device) {
        let norm = rms(WIDTH, &device);
        let run = |x: &Tensor<3>, attention: &Attention, gated: &[Linear; 3], norm: &RmsNorm| {
            let (packed, block) = (layout.pack(x.clone()), attention.block(&angles));
            let hidden = attention.pre_norm().attend(block, packed, &mask, None);
            let [gate, factor, outer] = gated.each_ref();
            let block = GatedFeedForward {
                gate,
                factor,
                outer,
                activation: GateActivation::Silu,
            };
            let out = before(Some(BlockNorm::Rms(norm))).feed_forward(block, hidden);
            backward(layout.unpack(out))
        };
        let all = run(&x, &attention, &gated, &norm);
        let frozen = Attention {
            layers: attention.layers.clone().map(Linear::no_grad),
            head_norms: attention
                .head_norms
                .clone()
                .map(|norms| norms.map(RmsNorm::no_grad)),
            norm: attention.norm.clone().map(RmsNorm::no_grad),
            ..attention
        };
        let frozen_gated = gated.clone().map(Linear::no_grad);
        let frozen_x = x.clone().set_require_grad(false);
        let frozen_norm = norm.clone().no_grad();
        let only = run(&x, &frozen, &frozen_gated, &frozen_norm);
        same_gradients(&x, &only, &all);
        for index in 0..4 {
            let mut some = frozen.clone();
            some.layers[index].weight = attention.layers[index].weight.clone();
            let only = run(&frozen_x, &some, &frozen_gated, &frozen_norm);
            let weight = attention.layers[index].weight.val();
            same_gradients(&weight, &only, &all);
        }
        for index in 0..3 {
            let mut some = frozen_gated.clone();
            some[index] = gated[index].clone();
            let only = run(&frozen_x, &frozen, &some, &frozen_norm);
            let weight = gated[index].weight.val();
            same_gradients(&weight, &only, &all);
        }
        let only = run(&frozen_x, &frozen, &frozen_gated, &norm);
        same_gradients(&norm.gamma.val(), &only, &all);
        for index in (0..3).filter(|index| attention.layers[*index].bias.is_some()) {
            let mut some = frozen.clone();
            some.layers[index].bias = attention.layers[index].bias.clone();
            let only = run(&frozen_x, &some, &frozen_gated, &frozen_norm);
            let bias = attention.layers[index].bias.as_ref().unwrap().val();
            same_gradients(&bias, &only, &all);
        }
        if let Some(norms) = &attention.head_norms {
            for part in [0, 1] {
                let mut some = frozen.clone();
                some.head_norms.as_mut().unwrap()[part] = norms[part].clone();
                let only = run(&frozen_x, &some, &frozen_gated, &frozen_norm);
                same_gradients(&norms[part].gamma.val(), &only, &all);
            }
        }
        if let Some(norm) = &attention.norm {
            let some = Attention {
                norm: Some(norm.clone()),
                ..frozen.clone()
            };
            let only = run(&frozen_x, &some, &frozen_gated, &frozen_norm);
            let gamma = norm.gamma.val();
            same_gradients(&gamma, &only, &all);
        }
    }
}

#[test]
fn dropout_is_the_same_forwards_and_backwards() {
    let device = device();
    // Not drawn: other tests draw from the same generator meanwhile.
    let dropout = flex::Dropout {
        probability: 0.4,
        seed: 5,
    };
    let tokens = flex::PackedTokens::new(&[true; 18], 9);
    let [cos, sin] = turns(9, PAIRS);
    let kind = flex::FusedNorm {
        centered: false,
        epsilon: 1e-5,
    };
    let attention = flex::FusedRotaryAttention {
        attention: flex::FusedAttention {
            num_heads: 2,
            num_key_value_heads: 2,
            scale: 0.5,
            dropout,
            rows: flex::Rows {
                queries: tokens.clone(),
                keys: tokens,
                reach: BOTH_SIDES,
            },
            products: flex::Products::F32,
        },
        dropout,
        norm: Some(kind),
        head_norms: None,
        has_biases: false,
        turns: rotate::Turns {
            cos: cos.into(),
            sin: sin.into(),
            pairs: PAIRS,
        },
        packed: [const { None }; 4],
        products: flex::Products::F32,
    };
    let gated = flex::FusedGated {
        activation: GateActivation::Silu,
        norm: kind,
        dropout,
        packed: [const { None }; 3],
        products: flex::Products::F32,
    };
    let width = 2 * 2 * PAIRS;
    let gamma = rms(width, &device).gamma.val();
    let weight = |input, output| plain(input, output, &device).weight.val().into_dispatch();
    let square = weight(width, width);
    let [wide, narrow] = [weight(width, 20), weight(20, width)];
    let attend = |x: Tensor<3>| {
        let [x, gamma] = [x.into_dispatch(), gamma.clone().into_dispatch()];
        let weights = [(); 4].map(|()| square.clone());
        let [query, key, value, output] = weights;
        let inputs = [x, query, key, value, output, gamma];
        flex::run(attention.clone(), inputs)
    };
    let feed_forward = |x: Tensor<3>| {
        let [x, gamma] = [x.into_dispatch(), gamma.clone().into_dispatch()];
        let inputs = [x, gamma, wide.clone(), wide.clone(), narrow.clone()];
        flex::run(gated.clone(), inputs)
    };
    let [x, other] = [(); 2].map(|()| random([2, 9, width], &device));
    super::dropout::check_direction(attend, &x, &other, 2e-2);
    super::dropout::check_direction(feed_forward, &x, &other, 2e-2);
    // Each of the two drops something: probabilities, and what is added to the residual.
    let [of_probabilities, of_sum] = [
        (dropout, flex::Dropout::NONE),
        (flex::Dropout::NONE, dropout),
    ]
    .map(|(inside, outside)| {
        let mut kernel = attention.clone();
        (kernel.attention.dropout, kernel.dropout) = (inside, outside);
        kernel
    });
    let none = flex::FusedRotaryAttention {
        dropout: flex::Dropout::NONE,
        ..of_sum.clone()
    };
    let run = |kernel: flex::FusedRotaryAttention| -> Tensor<3> {
        let [x, gamma] = [x.clone().into_dispatch(), gamma.clone().into_dispatch()];
        let [query, key, value, output] = [(); 4].map(|()| square.clone());
        flex::run(kernel, [x, query, key, value, output, gamma])
    };
    let far = |left: Tensor<3>, right: Tensor<3>| {
        let error = (left - right).abs().max().into_scalar::<f32>();
        assert!(error > 0.01, "{error}");
    };
    far(run(of_probabilities), run(none.clone()));
    far(run(of_sum), run(none));
    let without = flex::FusedGated {
        dropout: flex::Dropout::NONE,
        ..gated.clone()
    };
    let inputs = [x.clone().into_dispatch(), gamma.clone().into_dispatch()];
    let [states, gamma] = inputs;
    let inputs = [states, gamma, wide.clone(), wide.clone(), narrow.clone()];
    far(feed_forward(x.clone()), flex::run(without, inputs));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let device = device();
    let (angles, _) = angles(131, &device);
    let layout = TokenLayout::new(padding(9, 131, &device), None);
    let mask = layout.mask(BOTH_SIDES);
    let gated = [(WIDTH, 45), (WIDTH, 45), (45, WIDTH)];
    let [gate, factor, outer] = gated.map(|(input, output)| plain(input, output, &device));
    let x = random([9, 131, WIDTH], &device);
    for attention in Attention::families(&device) {
        let run = || {
            let (packed, block) = (layout.pack(x.clone()), attention.block(&angles));
            let hidden = attention.pre_norm().attend(block, packed, &mask, None);
            let block = GatedFeedForward {
                gate: &gate,
                factor: &factor,
                outer: &outer,
                activation: GateActivation::Gelu,
            };
            let norm = rms_of(&attention);
            let out = before(Some(BlockNorm::Rms(&norm))).feed_forward(block, hidden);
            let gradients = backward(out.clone());
            let of_key = attention.layers[1].weight.val().grad(&gradients).unwrap();
            let of_gate = gate.weight.val().grad(&gradients).unwrap();
            [out.into_data(), of_key.into_data(), of_gate.into_data()]
        };
        assert_eq!(in_pool(1, run), in_pool(3, run));
    }
}

/// The norm of an attention block, or one with γ = 1.
fn rms_of(attention: &Attention) -> RmsNorm {
    let device = attention.layers[0].weight.device();
    let none = || RmsNormConfig::new(WIDTH).init(&device);
    attention.norm.clone().unwrap_or_else(none)
}
