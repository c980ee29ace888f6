//! `activation(x W₁ + b₁) W₂ + b₂`, a few rows at a time, so that what lies between the two
//! products never leaves the cache.

use super::activation::{gelu, gelu_tanh, relu};
use super::linear::{Width, column_sums, forward_rows, input_gradient_rows, weight_gradient};
use super::math::vector_fn;
use super::rows::{by_rows, per_task, unwritten, zeroed};
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
    // Less than a task's share: what lies between the products is to stay in the cache.
    let block = per_task(rows, 256);
    let [out] = by_rows(rows, block, [outer.output], |rows, [out]| {
        let x = &x[rows.start * inner.input..rows.end * inner.input];
        let mut hidden = unwritten(rows.len() * inner.output);
        let hidden = forward_rows(
            &mut hidden,
            x,
            layers.inner_weight,
            Some(layers.inner_bias),
            inner,
        );
        activate(hidden, layers.activation);
        [forward_rows(
            out,
            hidden,
            layers.outer_weight,
            Some(layers.outer_bias),
            outer,
        )]
    });
    out
}

/// The block's result, and `x W₁ + b₁` for the backward pass.
pub(super) fn forward_kept(x: &[f32], layers: &Layers<'_>) -> [Vec<f32>; 2] {
    let (inner, outer) = (layers.inner(), layers.outer());
    let rows = x.len() / inner.input;
    let widths = [outer.output, inner.output];
    let block = per_task(rows, 256);
    by_rows(rows, block, widths, |rows, [out, kept]| {
        let x = &x[rows.start * inner.input..rows.end * inner.input];
        let kept = forward_rows(kept, x, layers.inner_weight, Some(layers.inner_bias), inner);
        let mut hidden = kept.to_vec();
        activate(&mut hidden, layers.activation);
        let out = forward_rows(
            out,
            &hidden,
            layers.outer_weight,
            Some(layers.outer_bias),
            outer,
        );
        [out, kept]
    })
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
    let widths = [inner.input, inner.output, inner.output];
    let block = per_task(rows, 256);
    let [x_gradient, hidden_gradient, hidden] = by_rows(
        rows,
        block,
        widths,
        |rows, [x_gradient, hidden_gradient, hidden]| {
            let gradient = &gradient[rows.start * outer.output..rows.end * outer.output];
            let kept = &kept[rows.start * inner.output..rows.end * inner.output];
            let hidden_gradient =
                input_gradient_rows(hidden_gradient, gradient, layers.outer_weight, outer);
            let hidden = zeroed(hidden);
            activate_backward(hidden_gradient, hidden, kept, layers.activation);
            let x_gradient =
                input_gradient_rows(x_gradient, hidden_gradient, layers.inner_weight, inner);
            [x_gradient, hidden_gradient, hidden]
        },
    );
    let [x_needed, inner_weight, inner_bias, outer_weight, outer_bias] = needed;
    [
        x_needed.then_some(x_gradient),
        inner_weight.then(|| weight_gradient(x, &hidden_gradient, inner)),
        inner_bias.then(|| column_sums(&hidden_gradient, inner.output)),
        outer_weight.then(|| weight_gradient(&hidden, gradient, outer)),
        outer_bias.then(|| column_sums(gradient, outer.output)),
    ]
}
