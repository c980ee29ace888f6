//! `activation(x W₁ + b₁) W₂ + b₂`, a few rows at a time, so that what lies between the two
//! products never leaves the cache.

use rayon::prelude::*;

use super::activation::{gelu, gelu_tanh, relu};
use super::gemm::{Matrix, MatrixMut, Write, gemm};
use super::linear::{Width, column_sums, forward_rows, weight_gradient};
use super::math::vector_fn;
use super::rows::per_task;
use crate::encoder::Activation;

/// The two layers: `[d_model, d_inner]`, `[d_inner]`, `[d_inner, d_model]`, `[d_model]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) inner_weight: &'a [f32],
    pub(super) inner_bias: &'a [f32],
    pub(super) outer_weight: &'a [f32],
    pub(super) outer_bias: &'a [f32],
    pub(super) activation: Activation,
}

impl Layers<'_> {
    fn inner(&self) -> Width {
        Width {
            input: self.inner_weight.len() / self.inner_bias.len(),
            output: self.inner_bias.len(),
        }
    }

    fn outer(&self) -> Width {
        Width {
            input: self.inner_bias.len(),
            output: self.outer_bias.len(),
        }
    }
}

/// The block's result; nothing else is kept.
pub(super) fn forward(x: &[f32], layers: &Layers<'_>) -> Vec<f32> {
    let (inner, outer) = (layers.inner(), layers.outer());
    let rows = x.len() / inner.input;
    let mut out = vec![0.0; rows * outer.output];
    let task = per_task(rows);
    out.par_chunks_mut(task * outer.output)
        .zip(x.par_chunks(task * inner.input))
        .for_each_init(
            || vec![0.0; task * inner.output],
            |hidden, (out, x)| {
                let hidden = &mut hidden[..x.len() / inner.input * inner.output];
                forward_rows(hidden, x, layers.inner_weight, Some(layers.inner_bias), inner);
                activate(hidden, layers.activation);
                forward_rows(out, hidden, layers.outer_weight, Some(layers.outer_bias), outer);
            },
        );
    out
}

/// The block's result, and `x W₁ + b₁` for the backward pass.
pub(super) fn forward_kept(x: &[f32], layers: &Layers<'_>) -> (Vec<f32>, Vec<f32>) {
    let (inner, outer) = (layers.inner(), layers.outer());
    let rows = x.len() / inner.input;
    let mut out = vec![0.0; rows * outer.output];
    let mut kept = vec![0.0; rows * inner.output];
    let task = per_task(rows);
    out.par_chunks_mut(task * outer.output)
        .zip(x.par_chunks(task * inner.input))
        .zip(kept.par_chunks_mut(task * inner.output))
        .for_each_init(
            || vec![0.0; task * inner.output],
            |hidden, ((out, x), kept)| {
                let hidden = &mut hidden[..kept.len()];
                forward_rows(kept, x, layers.inner_weight, Some(layers.inner_bias), inner);
                hidden.copy_from_slice(kept);
                activate(hidden, layers.activation);
                forward_rows(out, hidden, layers.outer_weight, Some(layers.outer_bias), outer);
            },
        );
    (out, kept)
}

vector_fn! {
    fn activate(values: &mut [f32], activation: Activation) {
        #[inline(always)]
        fn all(values: &mut [f32], function: impl Fn(f32) -> (f32, f32)) {
            for value in values {
                *value = function(*value).0;
            }
        }
        match activation {
            Activation::Gelu => all(values, gelu),
            Activation::GeluTanh => all(values, gelu_tanh),
            Activation::Relu => all(values, relu),
        }
    }

    /// Makes of the gradients of the activations those of what they were made of, `before`, and
    /// of `before` the activations again.
    fn activate_backward(
        gradients: &mut [f32],
        activated: &mut [f32],
        before: &[f32],
        activation: Activation,
    ) {
        #[inline(always)]
        fn all(
            gradients: &mut [f32],
            activated: &mut [f32],
            before: &[f32],
            function: impl Fn(f32) -> (f32, f32),
        ) {
            for ((gradient, activated), before) in gradients.iter_mut().zip(activated).zip(before) {
                let (value, derivative) = function(*before);
                *activated = value;
                *gradient *= derivative;
            }
        }
        match activation {
            Activation::Gelu => all(gradients, activated, before, gelu),
            Activation::GeluTanh => all(gradients, activated, before, gelu_tanh),
            Activation::Relu => all(gradients, activated, before, relu),
        }
    }
}

/// Gradients of `x`, `W₁`, `b₁`, `W₂` and `b₂`, of each one that is needed. `kept` is `x W₁ + b₁`,
/// as [`forward_kept`] gave it.
pub(super) fn backward(
    x: &[f32],
    kept: &[f32],
    gradient: &[f32],
    layers: &Layers<'_>,
    needed: [bool; 5],
) -> [Option<Vec<f32>>; 5] {
    let (inner, outer) = (layers.inner(), layers.outer());
    let rows = x.len() / inner.input;
    let mut x_gradient = vec![0.0; x.len()];
    // Before the activation, and the activations themselves, again.
    let mut hidden_gradient = vec![0.0; kept.len()];
    let mut hidden = vec![0.0; kept.len()];
    let task = per_task(rows);
    x_gradient
        .par_chunks_mut(task * inner.input)
        .zip(hidden_gradient.par_chunks_mut(task * inner.output))
        .zip(hidden.par_chunks_mut(task * inner.output))
        .zip(kept.par_chunks(task * inner.output))
        .zip(gradient.par_chunks(task * outer.output))
        .for_each(|((((x_gradient, hidden_gradient), hidden), kept), gradient)| {
            let rows = gradient.len() / outer.output;
            gemm(
                MatrixMut::new(hidden_gradient, rows, outer.input),
                Write::Replace,
                1.0,
                Matrix::new(gradient, rows, outer.output),
                Matrix::new(layers.outer_weight, outer.input, outer.output).transposed(),
            );
            activate_backward(hidden_gradient, hidden, kept, layers.activation);
            gemm(
                MatrixMut::new(x_gradient, rows, inner.input),
                Write::Replace,
                1.0,
                Matrix::new(hidden_gradient, rows, inner.output),
                Matrix::new(layers.inner_weight, inner.input, inner.output).transposed(),
            );
        });
    let [x_needed, inner_weight, inner_bias, outer_weight, outer_bias] = needed;
    [
        x_needed.then_some(x_gradient),
        inner_weight.then(|| weight_gradient(x, &hidden_gradient, inner)),
        inner_bias.then(|| column_sums(&hidden_gradient, inner.output)),
        outer_weight.then(|| weight_gradient(&hidden, gradient, outer)),
        outer_bias.then(|| column_sums(gradient, outer.output)),
    ]
}
