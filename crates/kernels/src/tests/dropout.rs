//! Dropout of all blocks.

use super::attention::{BOTH_SIDES, packed_attention};
use super::*;

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
    let attention = flex::FusedAttention {
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
    };
    let add_norm = flex::FusedAddNorm {
        epsilon: 1e-5,
        dropout,
    };
    let states = residual.clone().into_dispatch();
    let (square, wide, narrow) = (
        layer(8, 8, &device),
        layer(8, 20, &device),
        layer(20, 8, &device),
    );
    let weight = |layer: &Linear| layer.weight.val().into_dispatch();
    let bias = |layer: &Linear| layer.bias.as_ref().unwrap().val().into_dispatch();
    let [gamma, beta] = vectors(&norm).map(Tensor::into_dispatch);
    let attend = |value: Tensor<3>| {
        let inputs = [states.clone(), states.clone(), value.into_dispatch()];
        flex::run(attention.clone(), inputs)
    };
    let attention_norm = |x: Tensor<3>| {
        let kernel = flex::FusedAttentionNorm {
            attention: attention.clone(),
            norm: add_norm,
            packed: [const { None }; 4],
            products: flex::Products::F32,
        };
        let (weight, bias) = (weight(&square), bias(&square));
        let x = x.into_dispatch();
        let inputs = std::array::from_fn(|input| match input {
            0 => x.clone(),
            9 => gamma.clone(),
            10 => beta.clone(),
            odd if odd % 2 == 1 => weight.clone(),
            _ => bias.clone(),
        });
        flex::run(kernel, inputs)
    };
    let feed_forward_norm = |x: Tensor<3>| {
        let kernel = flex::FusedFeedForwardNorm {
            activation: Activation::Gelu,
            norm: add_norm,
            packed: [const { None }; 2],
            products: flex::Products::F32,
        };
        let inputs = [
            x.into_dispatch(),
            weight(&wide),
            bias(&wide),
            weight(&narrow),
            bias(&narrow),
            gamma.clone(),
            beta.clone(),
        ];
        flex::run(kernel, inputs)
    };
    let add_norm = |x: Tensor<3>| {
        let inputs = [
            x.into_dispatch(),
            states.clone(),
            gamma.clone(),
            beta.clone(),
        ];
        flex::run(add_norm, inputs)
    };
    let drop = |x: Tensor<3>| flex::run(dropout, [x.into_dispatch()]);
    check_direction(attend, &x, &residual, 1e-4);
    check_direction(drop, &x, &residual, 1e-4);
    check_direction(add_norm, &x, &residual, 2e-2);
    check_direction(attention_norm, &x, &residual, 2e-2);
    check_direction(feed_forward_norm, &x, &residual, 2e-2);
}

/// Compares a change along a direction with what the gradient says of it.
pub(super) fn check_direction(
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
