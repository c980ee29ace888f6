//! `layer_norm(x + dropout(attention(x)))` of a transformer layer whose tokens look at each other:
//! the projections, the attention of all heads and what follows as one operation. Queries, keys and
//! values lie side by side, and the gradients of `x` are summed where they are made.

use super::add_norm::{self, Norm};
use super::attention::{self, Inputs, Outputs, Shape};
use super::dropout::Dropout;
use super::joined;
use super::linear::{self, Layer, column_sums, weight_gradient};
use super::packed::Rows;

/// What the block is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttentionNorm<'a> {
    /// Of query, key and value.
    pub(super) inputs: [Layer<'a>; 3],
    pub(super) output: Layer<'a>,
    pub(super) norm: Norm<'a>,
    pub(super) rows: &'a Rows,
    pub(super) shape: Shape,
    /// On what is added to `x`.
    pub(super) dropout: Dropout,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    attended: Attended,
    /// As the norm keeps them.
    normalized: Vec<f32>,
    inverse: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Attended {
    /// Queries, keys and values side by side, `[tokens, Σ width]`.
    states: Vec<f32>,
    /// `[tokens, num_heads · d_head]`.
    context: Vec<f32>,
    /// Of the exponentials, `[tokens, num_heads]`.
    log_sums: Vec<f32>,
}

/// Which gradients are needed: of `x`, and of weights and biases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed {
    pub(super) x: bool,
    pub(super) inputs: [[bool; 2]; 3],
    pub(super) output: [bool; 2],
}

/// Those that are needed, and those of the norm.
#[derive(Debug)]
pub(super) struct Gradients {
    pub(super) x: Option<Vec<f32>>,
    pub(super) inputs: [[Option<Vec<f32>>; 2]; 3],
    pub(super) output: [Option<Vec<f32>>; 2],
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

impl AttentionNorm<'_> {
    /// The result; nothing else is kept.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (_, out) = self.attend(x);
        add_norm::forward(&out, x, &self.norm, self.dropout)
    }

    /// The result, and what the backward pass needs.
    pub(super) fn forward_kept(&self, x: &[f32]) -> (Vec<f32>, Kept) {
        let (attended, out) = self.attend(x);
        let [out, normalized, inverse] = add_norm::forward_kept(&out, x, &self.norm, self.dropout);
        let kept = Kept {
            attended,
            normalized,
            inverse,
        };
        (out, kept)
    }

    /// Attention and its output layer.
    fn attend(&self, x: &[f32]) -> (Attended, Vec<f32>) {
        let states = joined::forward(x, self.inputs);
        let inputs = Inputs::joined(&states, self.rows, &self.shape);
        let [context, log_sums] = attention::forward(&inputs, &self.shape);
        let out = linear::forward(&context, self.output);
        let attended = Attended {
            states,
            context,
            log_sums,
        };
        (attended, out)
    }

    /// Gradients of what is `needed`, and of the norm.
    pub(super) fn backward(
        &self,
        x: &[f32],
        kept: &Kept,
        gradient: &[f32],
        needed: Needed,
    ) -> Gradients {
        let norm = add_norm::backward(
            &kept.normalized,
            &kept.inverse,
            gradient,
            self.norm.gamma,
            self.dropout,
        );
        let gradient = norm.x.as_deref().unwrap_or(&norm.residual);
        let Attended { context, .. } = &kept.attended;
        let width = self.output.width;
        let [weight, bias] = needed.output;
        let output = [
            weight.then(|| weight_gradient(context, gradient, width)),
            bias.then(|| column_sums(gradient, width.output)),
        ];
        let (mut of_x, mut inputs) = (None, [const { [const { None }; 2] }; 3]);
        if needed.x || needed.inputs.as_flattened().contains(&true) {
            let context = linear::input_gradient(gradient, self.output);
            let states = self.attend_backward(&kept.attended, &context);
            inputs = joined::layer_gradients(x, &states, self.inputs, needed.inputs);
            let of = || joined::input_gradient(&states, self.inputs, &norm.residual);
            of_x = needed.x.then(of);
        }
        Gradients {
            x: of_x,
            inputs,
            output,
            gamma: norm.gamma,
            beta: norm.beta,
        }
    }

    /// From the gradient of the context to that of queries, keys and values.
    fn attend_backward(&self, attended: &Attended, gradient: &[f32]) -> Vec<f32> {
        let inputs = Inputs::joined(&attended.states, self.rows, &self.shape);
        let outputs = Outputs {
            context: &attended.context,
            log_sums: &attended.log_sums,
            gradient,
        };
        attention::backward_joined(&inputs, &outputs, &self.shape)
    }
}
