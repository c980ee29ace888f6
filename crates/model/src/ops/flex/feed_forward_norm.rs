//! `layer_norm(x + dropout(activation(x W₁ + b₁) W₂ + b₂))`, a few rows at a time, so that what lies
//! between the two products and before the norm never leaves the cache.

use super::activation::{gelu, gelu_tanh, relu};
use super::add_norm::{self, Norm};
use super::dropout::Dropout;
use super::linear::{
    Layer, add_values, column_sums, forward_rows, input_gradient_rows, weight_gradient,
};
use super::math::vector_fn;
use super::rows::{Unwritten, by_rows, mapped, mapped_beside, per_task, unwritten, zeroed};
use crate::encoder::Activation;

/// Rows of a block: less than a task's share.
const BLOCK: usize = 256;

/// What the block is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeedForwardNorm<'a> {
    pub(super) inner: Layer<'a>,
    pub(super) outer: Layer<'a>,
    pub(super) activation: Activation,
    pub(super) norm: Norm<'a>,
    /// On what is added to `x`.
    pub(super) dropout: Dropout,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// `x W₁ + b₁`.
    before: Vec<f32>,
    /// As the norm keeps them.
    normalized: Vec<f32>,
    inverse: Vec<f32>,
}

/// Which gradients are needed; those of the norm are made in any case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed {
    pub(super) x: bool,
    /// Weight and bias.
    pub(super) inner: [bool; 2],
    pub(super) outer: [bool; 2],
}

/// Those that are needed, and those of the norm.
#[derive(Debug)]
pub(super) struct Gradients {
    pub(super) x: Option<Vec<f32>>,
    pub(super) inner: [Option<Vec<f32>>; 2],
    pub(super) outer: [Option<Vec<f32>>; 2],
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

impl FeedForwardNorm<'_> {
    /// The result; nothing else is kept.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (inner, outer) = (self.inner.width, self.outer.width);
        let rows = x.len() / inner.input;
        let block = per_task(rows, BLOCK);
        let [out] = by_rows(rows, block, [outer.output], |rows, [out]| {
            let x = &x[rows.start * inner.input..rows.end * inner.input];
            let mut hidden = unwritten(rows.len() * inner.output);
            let hidden = forward_rows(&mut hidden, x, self.inner);
            activate(hidden, self.activation);
            let mut added = unwritten(x.len());
            let added = forward_rows(&mut added, hidden, self.outer);
            let out = zeroed(out);
            add_norm::rows_forward(out, added, x, self.norm, self.dropout, rows.start);
            [out]
        });
        out
    }

    /// The result, and what the backward pass needs.
    pub(super) fn forward_kept(&self, x: &[f32]) -> (Vec<f32>, Kept) {
        let (inner, outer) = (self.inner.width, self.outer.width);
        let rows = x.len() / inner.input;
        let widths = [outer.output, inner.output, outer.output, 1];
        let block = per_task(rows, BLOCK);
        let [out, before, normalized, inverse] = by_rows(
            rows,
            block,
            widths,
            |rows, [out, before, normalized, inverse]| {
                let x = &x[rows.start * inner.input..rows.end * inner.input];
                let before = forward_rows(before, x, self.inner);
                let mut hidden = unwritten(before.len());
                let hidden = activated(&mut hidden, before, self.activation);
                let mut added = unwritten(x.len());
                let added = forward_rows(&mut added, hidden, self.outer);
                let [out, normalized, inverse] = [out, normalized, inverse].map(zeroed);
                let kept = (&mut *normalized, &mut *inverse);
                let (norm, dropout) = (self.norm, self.dropout);
                add_norm::rows_forward_kept(out, kept, added, x, norm, dropout, rows.start);
                [out, before, normalized, inverse]
            },
        );
        let kept = Kept {
            before,
            normalized,
            inverse,
        };
        (out, kept)
    }

    /// Gradients of what is `needed`, and of the norm.
    pub(super) fn backward(
        &self,
        x: &[f32],
        kept: &Kept,
        gradient: &[f32],
        needed: Needed,
    ) -> Gradients {
        let (inner, outer) = (self.inner.width, self.outer.width);
        let norm = add_norm::backward(
            &kept.normalized,
            &kept.inverse,
            gradient,
            self.norm.gamma,
            self.dropout,
        );
        let gradient = norm.x.as_deref().unwrap_or(&norm.residual);
        let rows = x.len() / inner.input;
        let widths = [inner.input, inner.output, inner.output];
        let block = per_task(rows, BLOCK);
        let [x_gradient, before_gradient, hidden] = by_rows(
            rows,
            block,
            widths,
            |rows, [x_gradient, before_gradient, hidden]| {
                let gradient = &gradient[rows.start * outer.output..rows.end * outer.output];
                let before = &kept.before[rows.start * inner.output..rows.end * inner.output];
                let residual = &norm.residual[rows.start * inner.input..rows.end * inner.input];
                let before_gradient = input_gradient_rows(before_gradient, gradient, self.outer);
                let hidden = activate_backward(before_gradient, hidden, before, self.activation);
                let x_gradient = input_gradient_rows(x_gradient, before_gradient, self.inner);
                add_values(x_gradient, residual);
                [x_gradient, before_gradient, hidden]
            },
        );
        let [weight, bias] = needed.inner;
        let of_inner = [
            weight.then(|| weight_gradient(x, &before_gradient, inner)),
            bias.then(|| column_sums(&before_gradient, inner.output)),
        ];
        let [weight, bias] = needed.outer;
        let of_outer = [
            weight.then(|| weight_gradient(&hidden, gradient, outer)),
            bias.then(|| column_sums(gradient, outer.output)),
        ];
        Gradients {
            x: needed.x.then_some(x_gradient),
            inner: of_inner,
            outer: of_outer,
            gamma: norm.gamma,
            beta: norm.beta,
        }
    }
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

    fn activated<'a>(
        out: &'a mut Unwritten,
        before: &[f32],
        activation: Activation,
    ) -> &'a mut [f32] {
        match activation {
            Activation::Gelu => mapped(out, before, |value| gelu(value).0),
            Activation::GeluTanh => mapped(out, before, |value| gelu_tanh(value).0),
            Activation::Relu => mapped(out, before, |value| relu(value).0),
        }
    }

    /// Makes of the gradients of the activations those of what they were made of, `before`, and
    /// writes the activations again.
    fn activate_backward<'a>(
        gradients: &mut [f32],
        activated: &'a mut Unwritten,
        before: &[f32],
        activation: Activation,
    ) -> &'a mut [f32] {
        #[inline(always)]
        fn all<'a>(
            gradients: &mut [f32],
            activated: &'a mut Unwritten,
            before: &[f32],
            function: impl Fn(f32) -> (f32, f32),
        ) -> &'a mut [f32] {
            mapped_beside(activated, before, gradients, |before, gradient| {
                let (value, derivative) = function(before);
                *gradient *= derivative;
                value
            })
        }
        match activation {
            Activation::Gelu => all(gradients, activated, before, gelu),
            Activation::GeluTanh => all(gradients, activated, before, gelu_tanh),
            Activation::Relu => all(gradients, activated, before, relu),
        }
    }
}
