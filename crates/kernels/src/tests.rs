//! Compares the fused operations with the compositions: results and gradients within 1e-5.

use burn::module::Module as _;
use burn::nn::{EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig, RmsNorm};
use burn::tensor::{Bool, Device, Distribution, Gradients, Int, Tensor, Tolerance};

use super::sight::Sight;
use super::*;

mod attention;
mod disentangled;
mod dropout;
mod pre_norm;
mod precision;

fn device() -> Device {
    let device = Device::flex();
    device.seed(11);
    device.autodiff()
}

fn random(dims: [usize; 3], device: &Device) -> Tensor<3> {
    Tensor::random(dims, Distribution::Normal(0.0, 1.0), device).require_grad()
}

/// Gradients of a loss that weights every output value differently.
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
    // These are sums over all rows: values and errors grow with the number of rows.
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

// More rows than one task, with a remainder; widths that are no multiple of a vector.
const ROWS: [(usize, usize); 3] = [(1, 1), (3, 37), (9, 131)];

#[test]
fn linear_is_that_of_burn() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let layer = layer(21, 13, &device);
        let x = random([batch_size, seq_length, 21], &device);
        let fused = flex::linear(&layer, &x).unwrap();
        let (weights, biases) = parameters(&[&layer]);
        compare(&[&x], &weights, &biases, &fused, &layer.forward(x.clone()));
        let layer = Linear {
            bias: None,
            ..layer
        };
        let fused = flex::linear(&layer, &x).unwrap();
        compare(&[&x], &weights, &[], &fused, &layer.forward(x.clone()));
    }
}

/// A norm with random γ and β.
fn layer_norm_of(width: usize, device: &Device) -> LayerNorm {
    let mut norm = LayerNormConfig::new(width)
        .with_epsilon(EPSILON)
        .init(device);
    let vector = |mean| {
        let vector = Tensor::random([width], Distribution::Normal(mean, 0.5), device);
        burn::module::Param::from_tensor(vector.require_grad())
    };
    norm.gamma = vector(1.0);
    norm.beta = Some(vector(0.0));
    norm
}

const EPSILON: f64 = 1e-3;

/// Residual addition and norm, without dropout.
fn add(norm: &LayerNorm) -> AddNorm<'_> {
    AddNorm {
        norm,
        epsilon: EPSILON,
        dropout: 0.0,
    }
}

fn vectors(norm: &LayerNorm) -> [Tensor<1>; 2] {
    [norm.gamma.val(), norm.beta.as_ref().unwrap().val()]
}

#[test]
fn feed_forward_and_norm_are_those_of_burn_for_every_activation() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
            let (inner, outer) = (layer(12, 45, &device), layer(45, 12, &device));
            let norm = layer_norm_of(12, &device);
            let x = random([batch_size, seq_length, 12], &device);
            let layers = [&inner, &outer];
            let fused = flex::feed_forward_norm(layers, activation, add(&norm), &x).unwrap();
            let out = outer.forward(activation.forward(inner.forward(x.clone())));
            let composed = composed::add_norm(&norm, 0.0, out, x.clone());
            let (weights, mut biases) = parameters(&layers);
            biases.extend(vectors(&norm));
            compare(&[&x], &weights, &biases, &fused, &composed);
        }
    }
}

#[test]
fn add_norm_is_that_of_burn() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let norm = layer_norm_of(35, &device);
        let x = random([batch_size, seq_length, 35], &device);
        let residual = random([batch_size, seq_length, 35], &device);
        let fused = flex::add_norm(add(&norm), &x, &residual).unwrap();
        let composed = composed::add_norm(&norm, 0.0, x.clone(), residual.clone());
        compare(&[&x, &residual], &[], &vectors(&norm), &fused, &composed);
    }
}

/// Computes gradients with a single trainable input: one weight or bias, `x`, or the norm.
#[test]
fn what_is_frozen_changes_no_other_gradient() {
    let device = device();
    let layers: Vec<Linear> = (0..6).map(|_| layer(12, 12, &device)).collect();
    let norm = layer_norm_of(12, &device);
    let x = random([2, 9, 12], &device);
    let layout = TokenLayout::new(padding(2, 9, &device), None);
    let mask = layout.mask(attention::BOTH_SIDES);
    let run = |x: &Tensor<3>, layers: &[Linear], norm: &LayerNorm| {
        let [query, key, value, output, inner, outer] = layers else {
            unreachable!()
        };
        let projections = Projections {
            query,
            key,
            value,
            output,
        };
        let packed = layout.pack(x.clone());
        let out = projections.attend_and_norm(attention::THREE_HEADS, add(norm), packed, &mask);
        let out = feed_forward_norm([inner, outer], Activation::Gelu, add(norm), out);
        backward(layout.unpack(out))
    };
    let all = run(&x, &layers, &norm);
    let frozen: Vec<Linear> = layers.iter().map(|layer| layer.clone().no_grad()).collect();
    let frozen_x = x.clone().set_require_grad(false);
    let frozen_norm = norm.clone().no_grad();
    let only_x = run(&x, &frozen, &frozen_norm);
    assert_eq!(
        x.grad(&only_x).unwrap().into_data(),
        x.grad(&all).unwrap().into_data()
    );
    let gamma = norm.gamma.val();
    let only_norm = run(&frozen_x, &frozen, &norm);
    assert_eq!(
        gamma.grad(&only_norm).unwrap().into_data(),
        gamma.grad(&all).unwrap().into_data()
    );
    for (index, layer) in layers.iter().enumerate() {
        let [weight, bias] = [true, false].map(|of_weight| {
            let mut layers = frozen.clone();
            if of_weight {
                layers[index].weight = layer.weight.clone();
            } else {
                layers[index].bias = layer.bias.clone();
            }
            run(&frozen_x, &layers, &frozen_norm)
        });
        let tensor = layer.weight.val();
        assert_eq!(
            tensor.grad(&weight).unwrap().into_data(),
            tensor.grad(&all).unwrap().into_data()
        );
        let tensor = layer.bias.as_ref().unwrap().val();
        assert_eq!(
            tensor.grad(&bias).unwrap().into_data(),
            tensor.grad(&all).unwrap().into_data()
        );
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
        let fused = flex::layer_norm(&norm, epsilon, &x).unwrap();
        let vectors = [norm.gamma.val()];
        compare(&[&x], &[], &vectors, &fused, &norm.forward(x.clone()));
        let norm = burn::nn::RmsNormConfig::new(35).with_epsilon(epsilon);
        let norm = RmsNorm {
            gamma: burn::module::Param::from_tensor(gamma),
            ..norm.init(&device)
        };
        let fused = flex::rms_norm(&norm, &x).unwrap();
        let vectors = [norm.gamma.val()];
        compare(&[&x], &[], &vectors, &fused, &norm.forward(x.clone()));
    }
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

/// Rows of different lengths; one has padding before and between its tokens.
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

/// Token spans in every row: some overlap, one is empty, and the first row has none.
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

/// Tokens outside all spans of their row.
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

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    // Without dropout, because other tests use the same generator concurrently.
    let device = device();
    let (inner, outer) = (layer(12, 45, &device), layer(45, 12, &device));
    let (norm, same) = (layer_norm_of(12, &device), layer(12, 12, &device));
    let square = Projections {
        query: &same,
        key: &same,
        value: &same,
        output: &same,
    };
    let x = random([9, 131, 12], &device);
    let run = || {
        let layers = [&inner, &outer];
        let out = flex::feed_forward_norm(layers, Activation::Gelu, add(&norm), &x).unwrap();
        let layout = TokenLayout::new(padding(9, 131, &device), None);
        let mask = layout.mask(attention::BOTH_SIDES);
        let attend = attention::THREE_HEADS;
        let out = square.attend_and_norm(attend, add(&norm), layout.pack(out), &mask);
        let gradients = backward(out.clone());
        let of_weight = inner.weight.val().grad(&gradients).unwrap();
        (out.into_data(), of_weight.into_data())
    };
    let one = in_pool(1, run);
    assert_eq!(one, in_pool(3, run));
}

/// Runs a function in a pool of `threads` threads.
fn in_pool<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(run)
}
