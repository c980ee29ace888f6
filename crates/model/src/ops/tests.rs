//! The fused operations against the compositions: results and gradients within 1e-5.
#![cfg(feature = "flex")]

use burn::backend::Dispatch;
use burn::nn::{EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::{Bool, Device, Distribution, Gradients, Int, Tensor, Tolerance};

use super::backend::FusedOps as _;
use super::sight::Sight;
use super::*;

mod disentangled;

fn device() -> Device {
    let device = Device::flex();
    device.seed(11);
    device.autodiff()
}

fn random(dims: [usize; 3], device: &Device) -> Tensor<3> {
    Tensor::random(dims, Distribution::Normal(0.0, 1.0), device).require_grad()
}

/// A loss that weighs every value of a result differently.
fn backward(out: Tensor<3>) -> Gradients {
    let dims = out.dims();
    let count = i64::try_from(dims.iter().product::<usize>()).unwrap();
    let weights = Tensor::<1, Int>::arange(0..count, &out.device()).float();
    let weights = (weights * 0.37).sin().reshape(dims);
    (out * weights).sum().backward()
}

#[track_caller]
fn same<const D: usize>(left: Tensor<D>, right: Tensor<D>, scale: f32) {
    let tolerance = Tolerance::<f32>::rel_abs(1e-5, 1e-5 * scale);
    left.into_data()
        .assert_approx_eq(&right.into_data(), tolerance);
}

/// Compares results, and the gradients of `inputs` and `layers`.
fn compare(
    inputs: &[&Tensor<3>],
    matrices: &[Tensor<2>],
    vectors: &[Tensor<1>],
    fused: &Tensor<3>,
    composed: &Tensor<3>,
) {
    same(fused.clone(), composed.clone(), 1.0);
    let (fused, composed) = (backward(fused.clone()), backward(composed.clone()));
    for input in inputs {
        let (left, right) = (input.grad(&fused).unwrap(), input.grad(&composed).unwrap());
        same(left, right, 1.0);
    }
    // Sums over all rows: errors and values grow with their number.
    for matrix in matrices {
        let (left, right) = (
            matrix.grad(&fused).unwrap(),
            matrix.grad(&composed).unwrap(),
        );
        same(left, right, 10.0);
    }
    for vector in vectors {
        let (left, right) = (
            vector.grad(&fused).unwrap(),
            vector.grad(&composed).unwrap(),
        );
        same(left, right, 10.0);
    }
}

fn parameters(layers: &[&Linear]) -> (Vec<Tensor<2>>, Vec<Tensor<1>>) {
    layers
        .iter()
        .map(|layer| (layer.weight.val(), layer.bias.as_ref().unwrap().val()))
        .unzip()
}

fn layer(input: usize, output: usize, device: &Device) -> Linear {
    let layer = LinearConfig::new(input, output).init(device);
    let bias = Tensor::random([output], Distribution::Normal(0.0, 1.0), device).require_grad();
    Linear {
        bias: Some(burn::module::Param::from_tensor(bias)),
        ..layer
    }
}

// More rows than one task has, and a rest; widths that no vector divides.
const ROWS: [(usize, usize); 3] = [(1, 1), (3, 37), (9, 131)];

#[test]
fn linear_is_that_of_burn() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let layer = layer(21, 13, &device);
        let x = random([batch_size, seq_length, 21], &device);
        let fused = fused::linear(&layer, &x).unwrap();
        let (weights, biases) = parameters(&[&layer]);
        compare(&[&x], &weights, &biases, &fused, &layer.forward(x.clone()));
        let layer = Linear {
            bias: None,
            ..layer
        };
        let fused = fused::linear(&layer, &x).unwrap();
        compare(&[&x], &weights, &[], &fused, &layer.forward(x.clone()));
    }
}

#[test]
fn feed_forward_is_that_of_burn_for_every_activation() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
            let (inner, outer) = (layer(12, 45, &device), layer(45, 12, &device));
            let x = random([batch_size, seq_length, 12], &device);
            let fused = fused::feed_forward(&inner, &outer, activation, &x).unwrap();
            let composed = outer.forward(activation.forward(inner.forward(x.clone())));
            let (weights, biases) = parameters(&[&inner, &outer]);
            compare(&[&x], &weights, &biases, &fused, &composed);
        }
    }
}

#[test]
fn add_norm_is_that_of_burn() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let epsilon = 1e-3;
        let config = LayerNormConfig::new(35).with_epsilon(epsilon);
        let norm: LayerNorm = config.init(&device);
        let vectors = [norm.gamma.val(), norm.beta.as_ref().unwrap().val()];
        let x = random([batch_size, seq_length, 35], &device);
        let residual = random([batch_size, seq_length, 35], &device);
        let fused = fused::add_norm(&norm, epsilon, 0.0, &x, &residual).unwrap();
        let composed = composed::add_norm(&norm, 0.0, x.clone(), residual.clone());
        compare(&[&x, &residual], &[], &vectors, &fused, &composed);
    }
}

/// Rows of different lengths; one with padding before and between its tokens.
fn padding(batch_size: usize, seq_length: usize, device: &Device) -> Tensor<2, Bool> {
    let rows: Vec<i32> = (0..batch_size)
        .flat_map(|row| {
            (0..seq_length).map(move |token| {
                let gap = row == 1 && seq_length > 4 && (token == 0 || token == 3);
                i32::from(gap || token >= seq_length - row.min(seq_length - 1) / 2)
            })
        })
        .collect();
    let data = burn::tensor::TensorData::new(rows, [batch_size, seq_length]);
    Tensor::<2, Int>::from_data(data, device).bool()
}

/// Spans of tokens in every row: some overlap, one is empty, and in the first row there are none.
fn spans(batch_size: usize, seq_length: usize, device: &Device) -> Tensor<3, Int> {
    let end = i32::try_from(seq_length).unwrap();
    let rows: Vec<i32> = (0..batch_size)
        .flat_map(|row| match row {
            0 => [0; 6],
            _ => [end / 3, end / 2, end / 2 - 1, end - end / 4, end, end],
        })
        .collect();
    Tensor::from_data(
        burn::tensor::TensorData::new(rows, [batch_size, 3, 2]),
        device,
    )
}

/// Which tokens lie in none of their row's spans.
fn unread(spans: &Tensor<3, Int>, seq_length: usize) -> Tensor<2, Bool> {
    let [batch_size, num_spans, _] = spans.dims();
    let shape = [batch_size, num_spans, seq_length];
    let end = i64::try_from(seq_length).unwrap();
    let token = Tensor::<1, Int>::arange(0..end, &spans.device());
    let token = token.unsqueeze::<3>().expand(shape);
    let edge = |k| spans.clone().narrow(2, k, 1).expand(shape);
    let from_start = token.clone().greater_equal(edge(0));
    let inside = from_start.bool_and(token.lower(edge(1)));
    inside.any_dim(1).squeeze_dim::<2>(1).bool_not()
}

const THREE_HEADS: Attend = Attend {
    num_heads: 3,
    num_key_value_heads: 3,
    dropout: 0.0,
};

const BOTH_SIDES: Reach = Reach {
    causal: false,
    window: None,
};

/// Queries, keys and values from the order of a batch, and the result back to it.
fn packed_attention(
    options: Attend,
    [query, key, value]: [Tensor<3>; 3],
    layout: &TokenLayout,
    reach: Reach,
) -> Tensor<3> {
    let query = layout.wanted(layout.pack(query));
    let (key, value) = (layout.pack(key), layout.pack(value));
    let mask = layout.wanted_mask(&layout.mask(reach));
    layout.unpack(options.forward(query, key, value, &mask))
}

/// Compares what stands where `outside` is false.
fn compare_attention(
    options: Attend,
    mask: &Tensor<2, Bool>,
    outside: Tensor<2, Bool>,
    layout: &TokenLayout,
    reach: Reach,
) {
    let [batch_size, seq_length] = mask.dims();
    let (heads, shared) = (options.num_heads, options.num_key_value_heads);
    let inputs = [heads, shared, shared]
        .map(|heads| random([batch_size, seq_length, 5 * heads], &mask.device()));
    let fused = packed_attention(options, inputs.clone(), layout, reach);
    let sight = Sight::new(mask.clone(), reach);
    let [query, key, value] = inputs.clone();
    let composed = composed::attention(options, query, key, value, &sight);
    // What stands there has no meaning.
    let outside = outside
        .unsqueeze_dim::<3>(2)
        .expand([batch_size, seq_length, 5 * heads]);
    let fused = fused.mask_fill(outside.clone(), 0.0);
    let composed = composed.mask_fill(outside, 0.0);
    compare(&inputs.each_ref(), &[], &[], &fused, &composed);
}

#[test]
fn attention_is_that_of_burn_with_padding_anywhere() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let mask = padding(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), None);
        compare_attention(THREE_HEADS, &mask, mask.clone(), &layout, BOTH_SIDES);
    }
}

#[test]
fn attention_reaches_as_far_as_that_of_burn_and_heads_share_keys() {
    let device = device();
    let options = Attend {
        num_heads: 6,
        num_key_value_heads: 2,
        dropout: 0.0,
    };
    for (batch_size, seq_length) in [(3, 37), (2, 300)] {
        let mask = padding(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), None);
        for causal in [false, true] {
            for window in [None, Some(0), Some(7), Some(150)] {
                let reach = Reach { causal, window };
                compare_attention(options, &mask, mask.clone(), &layout, reach);
            }
        }
    }
}

#[test]
fn attention_of_wanted_tokens_is_that_of_all_of_them() {
    let device = device();
    for (batch_size, seq_length) in [(3, 37), (5, 301)] {
        let mask = padding(batch_size, seq_length, &device);
        let spans = spans(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), Some(spans.clone()));
        let unread = unread(&spans, seq_length);
        for reach in [
            BOTH_SIDES,
            Reach {
                causal: true,
                window: Some(40),
            },
        ] {
            let outside = mask.clone().bool_or(unread.clone());
            compare_attention(THREE_HEADS, &mask, outside, &layout, reach);
        }
    }
}

/// Angles of all positions of a sequence.
fn turns(seq_length: usize, pairs: usize) -> [Vec<f32>; 2] {
    let angles = (0..seq_length * pairs).map(|k| (k / pairs) as f32 / (1 + k % pairs) as f32);
    let angles: Vec<f32> = angles.collect();
    [f32::cos, f32::sin].map(|function| angles.iter().map(|angle| function(*angle)).collect())
}

#[test]
fn rotary_positions_are_those_of_the_composition() {
    let device = device();
    for (batch_size, seq_length) in [(3, 37), (9, 131)] {
        let mask = padding(batch_size, seq_length, &device);
        let spans = spans(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask, Some(spans));
        let [cos, sin] = turns(seq_length, 3);
        let tensors = [&cos, &sin].map(|values| {
            let data = burn::tensor::TensorData::new(values.clone(), [1, 1, seq_length, 3]);
            Tensor::<4>::from_data(data, &device)
        });
        let angles = Angles::new(cos, sin, 3, &device);
        let mask = layout.wanted_mask(&layout.mask(BOTH_SIDES));
        for side in [Side::Key, Side::Query] {
            let arranged = |states| match side {
                Side::Key => layout.pack(states),
                Side::Query => layout.wanted(layout.pack(states)),
            };
            let states = random([batch_size, seq_length, 12], &device);
            let expected = arranged(rotate::composed(states.clone(), 2, &tensors));
            let fused = angles.turn(arranged(states.clone()), 2, &mask, side);
            compare(&[&states], &[], &[], &fused, &expected);
        }
    }
}

#[test]
fn norms_without_a_shift_are_those_of_burn() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let epsilon = 1e-3;
        let gamma = Tensor::random([35], Distribution::Normal(1.0, 0.5), &device).require_grad();
        let x = random([batch_size, seq_length, 35], &device) * 2.0 + 0.5;
        let x = x.detach().require_grad();
        let config = LayerNormConfig::new(35).with_epsilon(epsilon);
        let mut norm = config.with_bias(false).init(&device);
        norm.gamma = burn::module::Param::from_tensor(gamma.clone());
        let fused = fused::layer_norm(&norm, epsilon, &x).unwrap();
        let vectors = [norm.gamma.val()];
        compare(&[&x], &[], &vectors, &fused, &norm.forward(x.clone()));
        let norm = burn::nn::RmsNormConfig::new(35).with_epsilon(epsilon);
        let norm = RmsNorm {
            gamma: burn::module::Param::from_tensor(gamma),
            ..norm.init(&device)
        };
        let fused = fused::rms_norm(&norm, &x).unwrap();
        let vectors = [norm.gamma.val()];
        compare(&[&x], &[], &vectors, &fused, &norm.forward(x.clone()));
    }
}

#[test]
fn gated_feed_forward_is_that_of_burn_for_every_activation() {
    let device = device();
    let plain = |input, output| {
        LinearConfig::new(input, output)
            .with_bias(false)
            .init(&device)
    };
    for (batch_size, seq_length) in ROWS {
        for activation in [
            GateActivation::Silu,
            GateActivation::Gelu,
            GateActivation::GeluTanh,
        ] {
            let (gate, factor, outer) = (plain(12, 45), plain(12, 45), plain(45, 12));
            let x = random([batch_size, seq_length, 12], &device);
            let fused = fused::gated(&gate, &factor, &outer, activation, &x).unwrap();
            let gates = activation.forward(gate.forward(x.clone()));
            let composed = outer.forward(gates * factor.forward(x.clone()));
            let weights = [&gate, &factor, &outer].map(|layer| layer.weight.val());
            compare(&[&x], &weights, &[], &fused, &composed);
        }
    }
}

#[test]
fn a_row_of_nothing_but_padding_is_zero_and_moves_nothing() {
    let device = device();
    let x = random([2, 3, 15], &device);
    let mask = Tensor::<2, Int>::from_data([[1, 1, 1], [0, 0, 0]], &device).bool();
    let layout = TokenLayout::new(mask, None);
    let out = packed_attention(
        THREE_HEADS,
        [(); 3].map(|()| x.clone()),
        &layout,
        BOTH_SIDES,
    );
    let zeros = |values: Tensor<3>| {
        let values = values.narrow(0, 0, 1).into_data();
        values.iter::<f32>().all(|value| value == 0.0)
    };
    assert!(zeros(out.clone()));
    assert!(zeros(x.grad(&backward(out)).unwrap()));
}

#[test]
fn rows_of_a_table_and_its_gradient() {
    let device = device();
    let table = EmbeddingConfig::new(700, 6).init(&device);
    let ids = Tensor::<2, Int>::from_ints([[3, 699, 3], [0, 5, 3]], &device);
    let fused = embedding(&table, ids.clone());
    let composed = table.forward(ids);
    compare(&[], &[table.weight.val()], &[], &fused, &composed);
}

#[test]
fn without_gradients_nothing_is_dropped() {
    let device = device();
    let x = random([2, 3, 4], &device);
    let plain = x.clone().without_autodiff();
    same(dropout(0.5, plain.clone()), plain, 1.0);
    let dropped = dropout(0.5, x.clone()).into_data();
    let zeros = dropped.iter::<f32>().filter(|value| *value == 0.0).count();
    assert!((1..24).contains(&zeros), "{zeros} of 24 are zeros");
}

/// With the same mask forwards and backwards, a loss linear in an input changes by its gradient.
#[test]
fn dropout_is_the_same_forwards_and_backwards() {
    let device = device();
    let norm = LayerNormConfig::new(8).init(&device);
    // Not drawn: other tests draw from the same generator meanwhile.
    let dropout = flex::Dropout {
        probability: 0.4,
        seed: 5,
    };
    let tokens = flex::PackedTokens::new(&[true; 18], 9);
    let (x, residual) = (random([2, 9, 8], &device), random([2, 9, 8], &device));
    let attend = |value: Tensor<3>| {
        let options = backend::AttentionOptions {
            num_heads: 2,
            num_key_value_heads: 2,
            scale: 0.5,
            dropout,
            rows: flex::Rows {
                queries: tokens.clone(),
                keys: tokens.clone(),
                reach: BOTH_SIDES,
            },
        };
        let states = residual.clone().into_dispatch();
        let value = value.into_dispatch();
        Tensor::from_dispatch(Dispatch::fused_attention(
            states.clone(),
            states,
            value,
            options,
        ))
    };
    let add_norm = |x: Tensor<3>| {
        Tensor::from_dispatch(Dispatch::fused_add_norm(
            x.into_dispatch(),
            residual.clone().into_dispatch(),
            norm.gamma.val().into_dispatch(),
            norm.beta.as_ref().unwrap().val().into_dispatch(),
            1e-5,
            dropout,
        ))
    };
    let drop =
        |x: Tensor<3>| Tensor::from_dispatch(Dispatch::fused_dropout(x.into_dispatch(), dropout));
    check_direction(attend, &x, &residual, 1e-4);
    check_direction(drop, &x, &residual, 1e-4);
    check_direction(add_norm, &x, &residual, 2e-2);
}

/// Compares a change along a direction with what the gradient says of it.
fn check_direction(
    block: impl Fn(Tensor<3>) -> Tensor<3>,
    x: &Tensor<3>,
    residual: &Tensor<3>,
    tolerance: f32,
) {
    let weights = (residual.clone().detach() * 3.0).sin();
    let run = |x: Tensor<3>| (block(x) * weights.clone()).sum();
    let direction = (residual.clone().detach() * 2.0).cos() * 0.01;
    let moved = run(x.clone() + direction.clone()) - run(x.clone() - direction.clone());
    let gradient = x.grad(&run(x.clone()).backward()).unwrap();
    let expected = (gradient * direction.without_autodiff()).sum() * 2.0;
    let (moved, expected) = (moved.into_scalar::<f32>(), expected.into_scalar::<f32>());
    let error = (moved - expected).abs();
    assert!(
        error < tolerance * expected.abs().max(0.1),
        "{moved} {expected}"
    );
}

#[test]
fn dropout_keeps_the_mean_and_differs_from_call_to_call() {
    let device = device();
    let options = Attend {
        num_heads: 1,
        num_key_value_heads: 1,
        dropout: 0.3,
    };
    let ones = Tensor::<3>::ones([8, 40, 16], &device);
    let mask = Tensor::<2, Int>::zeros([8, 40], &device).bool();
    let layout = TokenLayout::new(mask, None);
    let run = || packed_attention(options, [(); 3].map(|()| ones.clone()), &layout, BOTH_SIDES);
    let (first, second) = (run(), run());
    let mean = first.clone().mean().into_scalar::<f32>();
    assert!((mean - 1.0).abs() < 0.03, "{mean}");
    assert_ne!(first.into_data(), second.into_data());
}

#[test]
fn adamw_is_that_of_burn() {
    use burn::optim::{AdamWConfig, Optimizer as _};
    let device = Device::flex();
    device.seed(3);
    let random = || Tensor::<2>::random([50, 700], Distribution::Normal(0.0, 1.0), &device);
    let config = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.1);
    let (burn, mut state) = (config.build(), None);
    let mut expected = random();
    let mut moments = Moments {
        parameter: expected.clone(),
        first: expected.zeros_like(),
        second: expected.zeros_like(),
    };
    for time in 1..=5 {
        let gradient = random();
        let learning_rate = 0.01 * time as f64;
        (expected, state) = burn.step(learning_rate, expected, gradient.clone(), state);
        let step = AdamStep {
            learning_rate,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.1,
            time,
        };
        moments = adamw_step(moments, gradient, step);
        same(moments.parameter.clone(), expected.clone(), 1.0);
    }
    let momentum = state.unwrap().momentum;
    same(moments.first, momentum.moment_1, 1.0);
    same(moments.second, momentum.moment_2, 1.0);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    // Without dropout: other tests draw from the same generator meanwhile.
    let device = device();
    let (inner, outer) = (layer(12, 45, &device), layer(45, 12, &device));
    let x = random([9, 131, 12], &device);
    let run = || {
        let out = fused::feed_forward(&inner, &outer, Activation::Gelu, &x).unwrap();
        let layout = TokenLayout::new(padding(9, 131, &device), None);
        let out = packed_attention(
            THREE_HEADS,
            [(); 3].map(|()| out.clone()),
            &layout,
            BOTH_SIDES,
        );
        let gradients = backward(out.clone());
        let of_weight = inner.weight.val().grad(&gradients).unwrap();
        (out.into_data(), of_weight.into_data())
    };
    let one = in_pool(1, run);
    assert_eq!(one, in_pool(3, run));
}

/// What is found on a number of threads.
fn in_pool<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(run)
}
