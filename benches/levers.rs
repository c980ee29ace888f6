//! Benefit of each fused operation: the composition of Burn's operations against the block in
//! [`gradus::kernels`], forward and backward, with the sizes of MiniLM-L6 (16 rows of 256 tokens,
//! width 384, 12 heads, feed-forward width 1,536).
//!
//! `cargo bench --bench levers`. Two optimizations are not blocks: no work on padding, and no
//! unused states in the last layer; see `gradus bench` and docs/performance-history.md for them.

#[path = "../src/allocator.rs"]
mod allocator;

use std::time::Duration;

use burn::nn::{
    Dropout, DropoutConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, RmsNorm,
    RmsNormConfig,
};
use burn::optim::{AdamWConfig, Optimizer as _};
use burn::tensor::{Bool, Device, Distribution, Int, Tensor, activation};
use divan::Bencher;
use gradus::kernels::{
    self, Activation, AdamStep, AddNorm, Angles, Attend, BlockNorm, GateActivation,
    GatedFeedForward, Moments, PreNorm, Projections, Reach, RotaryAttention, Side, TokenLayout,
};

const ROWS: usize = 16;
const LENGTH: usize = 256;
const WIDTH: usize = 384;
const HEADS: usize = 12;
const WIDE: usize = 1536;
const DROPOUT: f64 = 0.1;

const BOTH: [Made; 2] = [Made::Composed, Made::Fused];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Made {
    Composed,
    Fused,
}

fn main() {
    // As the program does.
    allocator::keep_memory();
    divan::Divan::default()
        .max_time(Duration::from_secs(3))
        .config_with_args()
        .main();
}

fn device() -> Device {
    let device = Device::flex();
    device.seed(0);
    device.autodiff()
}

fn states(device: &Device) -> Tensor<3> {
    let normal = Distribution::Normal(0.0, 1.0);
    Tensor::random([ROWS, LENGTH, WIDTH], normal, device).require_grad()
}

fn no_padding(device: &Device) -> Tensor<2, Bool> {
    Tensor::<2, Int>::zeros([ROWS, LENGTH], device).bool()
}

/// Runs a block and its gradients.
fn run(bencher: Bencher, block: impl Fn() -> Tensor<3>) {
    bencher.bench_local(|| block().sum().backward());
}

fn layer(input: usize, output: usize, bias: bool, device: &Device) -> Linear {
    LinearConfig::new(input, output)
        .with_bias(bias)
        .init(device)
}

#[divan::bench(args = BOTH)]
fn linear(bencher: Bencher, made: Made) {
    let device = device();
    let (layer, x) = (layer(WIDTH, WIDTH, true, &device), states(&device));
    run(bencher, || match made {
        Made::Composed => layer.forward(x.clone()),
        Made::Fused => kernels::linear(&layer, x.clone()),
    });
}

/// Includes the residual sum and layer norm, without dropout.
#[divan::bench(args = BOTH)]
fn feed_forward_norm(bencher: Bencher, made: Made) {
    let device = device();
    let inner = layer(WIDTH, WIDE, true, &device);
    let (outer, x) = (layer(WIDE, WIDTH, true, &device), states(&device));
    let norm = layer_norm(&device);
    run(bencher, || match made {
        Made::Composed => {
            let hidden = activation::gelu(inner.forward(x.clone()));
            norm.forward(x.clone() + outer.forward(hidden))
        }
        Made::Fused => {
            let norm = add_norm_of(&norm, 0.0);
            kernels::feed_forward_norm([&inner, &outer], Activation::Gelu, norm, x.clone())
        }
    });
}

/// The block of a pre-norm layer: norm, gated feed-forward block and residual sum.
#[divan::bench(args = BOTH)]
fn gated_feed_forward(bencher: Bencher, made: Made) {
    let device = device();
    let [gate, factor] = [(); 2].map(|()| layer(WIDTH, WIDE, false, &device));
    let (outer, x) = (layer(WIDE, WIDTH, false, &device), states(&device));
    let norm = RmsNormConfig::new(WIDTH).init(&device);
    run(bencher, || match made {
        Made::Composed => {
            let normed = norm.forward(x.clone());
            let gates = activation::silu(gate.forward(normed.clone()));
            x.clone() + outer.forward(gates * factor.forward(normed))
        }
        Made::Fused => {
            let block = GatedFeedForward {
                gate: &gate,
                factor: &factor,
                outer: &outer,
                activation: GateActivation::Silu,
            };
            pre_norm_of(&norm).feed_forward(block, x.clone())
        }
    });
}

fn pre_norm_of(norm: &RmsNorm) -> PreNorm<'_> {
    PreNorm {
        norm: Some(BlockNorm::Rms(norm)),
        dropout: 0.0,
    }
}

/// Softmax attention composed of differentiable operations.
fn composed_attention(query: Tensor<3>, key: Tensor<3>, value: Tensor<3>) -> Tensor<3> {
    let [query, key, value] = [query, key, value].map(split);
    let scale = 1.0 / ((WIDTH / HEADS) as f64).sqrt();
    let scores = (query * scale).matmul(key.transpose());
    join(activation::softmax(scores, 3).matmul(value))
}

fn split(states: Tensor<3>) -> Tensor<4> {
    let heads = [ROWS, LENGTH, HEADS, WIDTH / HEADS];
    states.reshape(heads).swap_dims(1, 2)
}

fn join(heads: Tensor<4>) -> Tensor<3> {
    heads.swap_dims(1, 2).reshape([ROWS, LENGTH, WIDTH])
}

#[divan::bench(args = BOTH)]
fn attention(bencher: Bencher, made: Made) {
    let device = device();
    let [query, key, value] = [(); 3].map(|()| states(&device));
    let layout = TokenLayout::new(no_padding(&device), None);
    let mask = layout.mask(Reach::default());
    let attend = Attend {
        num_heads: HEADS,
        num_key_value_heads: HEADS,
        dropout: 0.0,
    };
    run(bencher, || {
        let (query, key, value) = (query.clone(), key.clone(), value.clone());
        match made {
            Made::Composed => composed_attention(query, key, value),
            Made::Fused => {
                let [query, key, value] = [query, key, value].map(|states| layout.pack(states));
                attend.forward(query, key, value, &mask)
            }
        }
    });
}

/// Attention with its four linear layers, residual sum and layer norm.
#[divan::bench(args = BOTH)]
fn attention_norm(bencher: Bencher, made: Made) {
    let device = device();
    let layers = [(); 4].map(|()| layer(WIDTH, WIDTH, true, &device));
    let [query, key, value, output] = layers.each_ref();
    let (norm, x) = (layer_norm(&device), states(&device));
    let layout = TokenLayout::new(no_padding(&device), None);
    let mask = layout.mask(Reach::default());
    let attend = Attend {
        num_heads: HEADS,
        num_key_value_heads: HEADS,
        dropout: 0.0,
    };
    run(bencher, || match made {
        Made::Composed => {
            let [query, key, value] = [query, key, value].map(|layer| layer.forward(x.clone()));
            let attended = output.forward(composed_attention(query, key, value));
            norm.forward(x.clone() + attended)
        }
        Made::Fused => {
            let projections = Projections {
                query,
                key,
                value,
                output,
            };
            let (norm, packed) = (add_norm_of(&norm, 0.0), layout.pack(x.clone()));
            projections.attend_and_norm(attend, norm, packed, &mask)
        }
    });
}

fn layer_norm(device: &Device) -> LayerNorm {
    LayerNormConfig::new(WIDTH).with_epsilon(1e-12).init(device)
}

fn add_norm_of(norm: &LayerNorm, dropout: f64) -> AddNorm<'_> {
    AddNorm {
        norm,
        epsilon: 1e-12,
        dropout,
    }
}

/// Dropout, residual sum and layer norm.
#[divan::bench(args = BOTH)]
fn add_norm(bencher: Bencher, made: Made) {
    let device = device();
    let (x, residual) = (states(&device), states(&device));
    let norm = layer_norm(&device);
    let dropout: Dropout = DropoutConfig::new(DROPOUT).init();
    run(bencher, || match made {
        Made::Composed => norm.forward(residual.clone() + dropout.forward(x.clone())),
        Made::Fused => add_norm_of(&norm, DROPOUT).forward(x.clone(), residual.clone()),
    });
}

#[divan::bench(args = BOTH)]
fn rms_norm(bencher: Bencher, made: Made) {
    let device = device();
    let (norm, x) = (RmsNormConfig::new(WIDTH).init(&device), states(&device));
    run(bencher, || match made {
        Made::Composed => norm.forward(x.clone()),
        Made::Fused => kernels::rms_norm(&norm, x.clone()),
    });
}

/// Pairs of features of a head.
const PAIRS: usize = WIDTH / HEADS / 2;

/// Rotary angles, and their cosines and sines.
fn rotary_angles(device: &Device) -> (Angles, [Tensor<4>; 2]) {
    let tables = [f32::cos, f32::sin].map(|function: fn(f32) -> f32| {
        let angles = (0..LENGTH * PAIRS).map(|k| function(k as f32 / 100.0));
        angles.collect::<Vec<f32>>()
    });
    let tensors = tables
        .each_ref()
        .map(|values| Tensor::<1>::from_floats(&values[..], device).reshape([1, 1, LENGTH, PAIRS]));
    let [cos, sin] = tables;
    (Angles::new(cos, sin, PAIRS, device), tensors)
}

fn composed_turn(x: Tensor<3>, [cos, sin]: [Tensor<4>; 2]) -> Tensor<3> {
    let heads = split(x);
    let first = heads.clone().narrow(3, 0, PAIRS);
    let second = heads.narrow(3, PAIRS, PAIRS);
    let turned = [
        first.clone() * cos.clone() - second.clone() * sin.clone(),
        second * cos + first * sin,
    ];
    join(Tensor::cat(turned.into(), 3))
}

#[divan::bench(args = BOTH)]
fn rotary_positions(bencher: Bencher, made: Made) {
    let device = device();
    let (x, (angles, tensors)) = (states(&device), rotary_angles(&device));
    let layout = TokenLayout::new(no_padding(&device), None);
    let mask = layout.mask(Reach::default());
    run(bencher, || match made {
        Made::Composed => composed_turn(x.clone(), tensors.clone()),
        Made::Fused => angles.turn(layout.pack(x.clone()), HEADS, &mask, Side::Query),
    });
}

/// The block of a pre-norm layer: norm, attention with its four linear layers and rotary positions, and
/// residual sum.
#[divan::bench(args = BOTH)]
fn rotary_attention(bencher: Bencher, made: Made) {
    let device = device();
    let layers = [(); 4].map(|()| layer(WIDTH, WIDTH, false, &device));
    let [query, key, value, output] = layers.each_ref();
    let (x, (angles, tensors)) = (states(&device), rotary_angles(&device));
    let norm = RmsNormConfig::new(WIDTH).init(&device);
    let layout = TokenLayout::new(no_padding(&device), None);
    let mask = layout.mask(Reach::default());
    run(bencher, || match made {
        Made::Composed => {
            let normed = norm.forward(x.clone());
            let [query, key, value] =
                [query, key, value].map(|layer| layer.forward(normed.clone()));
            let [query, key] = [query, key].map(|states| composed_turn(states, tensors.clone()));
            x.clone() + output.forward(composed_attention(query, key, value))
        }
        Made::Fused => {
            let block = RotaryAttention {
                projections: Projections {
                    query,
                    key,
                    value,
                    output,
                },
                head_norms: None,
                attend: Attend {
                    num_heads: HEADS,
                    num_key_value_heads: HEADS,
                    dropout: 0.0,
                },
                angles: &angles,
            };
            pre_norm_of(&norm).attend(block, layout.pack(x.clone()), &mask, None)
        }
    });
}

/// One step for the 11.7 million weights of the token embeddings.
#[divan::bench(args = BOTH)]
fn adamw(bencher: Bencher, made: Made) {
    let device = Device::flex();
    let random = || Tensor::<2>::random([30_522, WIDTH], Distribution::Normal(0.0, 1.0), &device);
    let config = AdamWConfig::new()
        .with_epsilon(1e-8)
        .with_weight_decay(0.01);
    let (burn, gradient) = (config.build(), random());
    let (_, mut state) = burn.step(1e-5, random(), gradient.clone(), None);
    let mut parameter = Some(random());
    let mut moments = Some(Moments {
        parameter: random(),
        first: random(),
        second: random().abs(),
    });
    let step = AdamStep {
        learning_rate: 1e-5,
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        time: 10,
    };
    bencher.bench_local(|| match made {
        Made::Composed => {
            let held = parameter.take().expect("put back after every step");
            let (moved, next) = burn.step(1e-5, held, gradient.clone(), state.take());
            (parameter, state) = (Some(moved), next);
        }
        Made::Fused => {
            let held = moments.take().expect("put back after every step");
            moments = Some(kernels::adamw_step(held, gradient.clone(), step));
        }
    });
}
