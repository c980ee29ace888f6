//! Gated feed-forward block of a pre-norm layer, `x + dropout((activation(n W₁) · n W₂) W₃)` for
//! `n = norm(x)`, a few rows at a time, so that intermediate values stay in the cache. What the first two
//! layers give lies side by side.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::activation::{gelu, gelu_tanh, silu};
use super::buffer::{gradients_of, tensor, values};
use super::dropout::Dropout;
use super::gemm::Matrix;
use super::is_fused;
use super::joined;
use super::kernel::{Kernel, run};
use super::linear::{self, LinearLayer, forward_rows, weight_gradient};
use super::math::vector_fn;
use super::norm::{FusedNorm, Scaled};
use super::reduced::{self, Packed, Products};
use super::residual;
use super::rows::{by_rows, per_task, unwritten, zeroed};
use super::transposed::Transposed;
use crate::{GateActivation, GatedFeedForward, PreNorm};

/// `x + dropout(block(norm(x)))`. `None` if a layer has a bias, there is no norm or it has a shift, or
/// the device has no fused blocks.
///
/// # Panics
/// If gate and factor layer differ in their sizes.
pub(crate) fn gated(
    block: GatedFeedForward<'_>,
    norm: PreNorm<'_>,
    x: &Tensor<3>,
) -> Option<Tensor<3>> {
    let layers = [block.gate, block.factor, block.outer];
    let (kind, gamma) = FusedNorm::of(norm.norm?)?;
    if !is_fused(x) || layers.iter().any(|layer| layer.bias.is_some()) {
        return None;
    }
    assert_eq!(
        block.gate.weight.dims(),
        block.factor.weight.dims(),
        "sizes of gate and factor"
    );
    let [gate, factor, outer] = layers.map(|layer| layer.weight.val().into_dispatch());
    let kernel = FusedGated {
        activation: block.activation,
        norm: kind,
        dropout: Dropout::draw(norm.dropout, &x.device()),
        packed: layers.map(|layer| reduced::packed(layer, x)),
        products: Products::current(),
    };
    let (x, gamma) = (x.clone().into_dispatch(), gamma.into_dispatch());
    Some(run(kernel, [x, gamma, gate, factor, outer]))
}

/// Inputs: `x`, γ, and the weights of the gate, factor and outer layers.
#[derive(Debug, Clone)]
pub(crate) struct FusedGated {
    pub(crate) activation: GateActivation,
    pub(crate) norm: FusedNorm,
    /// Dropout before the residual addition.
    pub(crate) dropout: Dropout,
    /// Packed weights of the gate, factor and outer layers, in inference only.
    pub(crate) packed: [Option<Arc<Packed>>; 3],
    pub(crate) products: Products,
}

impl Kernel<5> for FusedGated {
    /// The kernel, its inputs, and the outputs of the gate and factor layers.
    type Saved = (Self, [FlexTensor; 5], Arc<[f32]>);

    fn forward(self, inputs: [FlexTensor; 5]) -> FlexTensor {
        let packed = self.packed(&inputs);
        let (x, block) = self.block(&inputs, &packed);
        tensor(block.forward(x), inputs[0].shape())
    }

    fn forward_saved(self, inputs: [FlexTensor; 5]) -> (FlexTensor, Self::Saved) {
        let packed = self.packed(&inputs);
        let (x, block) = self.block(&inputs, &packed);
        let [out, kept] = block.forward_kept(x);
        let out = tensor(out, inputs[0].shape());
        (out, (self, inputs, kept.into()))
    }

    fn backward(
        (kernel, inputs, kept): Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; 5],
    ) -> [Option<FlexTensor>; 5] {
        let (x, block) = kernel.block(&inputs, &kernel.packed);
        let found = block.backward(x, &kept, values(gradient), needed);
        gradients_of(&inputs, found)
    }
}

impl FusedGated {
    /// The packed weights of a forward pass.
    fn packed(&self, [_, _, gate, factor, outer]: &[FlexTensor; 5]) -> [Option<Arc<Packed>>; 3] {
        let weights = [gate, factor, outer];
        self.products.packed(self.packed.clone(), weights)
    }

    /// The values of `x`, and the block.
    fn block<'a>(
        &'a self,
        inputs: &'a [FlexTensor; 5],
        packed: &'a [Option<Arc<Packed>>; 3],
    ) -> (&'a [f32], Block<'a>) {
        let [x, gamma, gate, factor, outer] = inputs;
        let block = Block {
            inner: [
                LinearLayer::new(gate, None).packed(packed[0].as_ref()),
                LinearLayer::new(factor, None).packed(packed[1].as_ref()),
            ],
            outer: LinearLayer::new(outer, None).packed(packed[2].as_ref()),
            activation: self.activation,
            norm: self.norm.with(gamma),
            dropout: self.dropout,
            products: self.products,
        };
        (values(x), block)
    }
}

/// Layers, without biases, and settings of the block.
#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    /// Gate and factor layer, `d_model → d_inner`.
    inner: [LinearLayer<'a>; 2],
    /// `d_inner → d_model`.
    outer: LinearLayer<'a>,
    activation: GateActivation,
    norm: Scaled<'a>,
    dropout: Dropout,
    products: Products,
}

/// Maximum rows per task, so that intermediate values stay in the cache.
const ROWS: usize = 128;

impl Block<'_> {
    /// The result only, for inference.
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (narrow, wide) = (self.outer.width.output, self.outer.width.input);
        let rows = x.len() / narrow;
        let [out] = by_rows(rows, per_task(rows, ROWS), [narrow], |rows, [out]| {
            let x = &x[rows.start * narrow..rows.end * narrow];
            let (mut normed, mut states) = (unwritten(x.len()), unwritten(rows.len() * 2 * wide));
            let normed = self.norm.forward_rows(&mut normed, x);
            let normed = Matrix::new(normed, rows.len(), narrow);
            let states = joined::forward_rows(&mut states, normed, self.inner);
            multiply(states, wide, self.activation);
            let hidden = Matrix::strided(states, rows.len(), wide, 2 * wide);
            let out = linear::multiply(out, hidden, self.outer);
            residual::add_rows(out, x, narrow, self.dropout, rows.start);
            [out]
        });
        out
    }

    /// The result, and `n W₁` and `n W₂` side by side for the backward pass.
    fn forward_kept(&self, x: &[f32]) -> [Vec<f32>; 2] {
        let (narrow, wide) = (self.outer.width.output, self.outer.width.input);
        let rows = x.len() / narrow;
        let widths = [narrow, 2 * wide];
        by_rows(rows, per_task(rows, ROWS), widths, |rows, [out, kept]| {
            let x = &x[rows.start * narrow..rows.end * narrow];
            let mut normed = unwritten(x.len());
            let normed = self.norm.forward_rows(&mut normed, x);
            let normed = Matrix::new(normed, rows.len(), narrow);
            let kept = joined::forward_rows(kept, normed, self.inner);
            let mut hidden = unwritten(rows.len() * wide);
            let hidden = zeroed(&mut hidden);
            products(hidden, kept, wide, self.activation);
            let out = forward_rows(out, hidden, self.outer);
            residual::add_rows(out, x, narrow, self.dropout, rows.start);
            [out, kept]
        })
    }

    /// Gradients of the `needed` inputs. `kept` is that of [`forward_kept`](Self::forward_kept).
    fn backward(
        &self,
        x: &[f32],
        kept: &[f32],
        gradient: &[f32],
        needed: [bool; 5],
    ) -> [Option<Vec<f32>>; 5] {
        let (narrow, wide) = (self.outer.width.output, self.outer.width.input);
        let (rows, products) = (x.len() / narrow, self.products);
        let [of_x, of_gamma, of_gate, of_factor, of_outer] = needed;
        let dropped = residual::dropped(gradient, narrow, self.dropout);
        let transposed = Transposed::of(self.outer, products);
        let widths = [2 * wide, wide];
        let task = per_task(rows, ROWS);
        let [states, hidden] = by_rows(rows, task, widths, |rows, [states, hidden]| {
            let gradient = &dropped[rows.start * narrow..rows.end * narrow];
            let gradient = Matrix::new(gradient, rows.len(), narrow);
            let hidden = transposed.multiply(hidden, gradient);
            let states = zeroed(states);
            let kept = &kept[rows.start * 2 * wide..rows.end * 2 * wide];
            multiply_backward(states, hidden, kept, wide, self.activation);
            [states, hidden]
        });
        let width = self.outer.width;
        let outer = of_outer.then(|| weight_gradient(&hidden, &dropped, width, products));
        drop((transposed, dropped, hidden));
        let [normed, moments] = self.norm.forward(x);
        let needed = [[of_gate, false], [of_factor, false]];
        let [[gate, _], [factor, _]] =
            joined::layer_gradients(&normed, &states, self.inner, products, needed);
        drop(normed);
        let [x, gamma] = if of_x || of_gamma {
            let of_normed = joined::input_gradient(&states, self.inner, products, None);
            let of = self.norm.backward(x, &moments, &of_normed, Some(gradient));
            of.map(Some)
        } else {
            [None, None]
        };
        [x, gamma, gate, factor, outer]
    }
}

vector_fn! {
    /// Replaces the gates, the first `width` values of every row, by their activation times the
    /// factors behind them.
    fn multiply(states: &mut [f32], width: usize, activation: GateActivation) {
        #[inline(always)]
        fn all(states: &mut [f32], width: usize, function: impl Fn(f32) -> (f32, f32)) {
            for row in states.chunks_exact_mut(2 * width) {
                let (gates, factors) = row.split_at_mut(width);
                for (gate, factor) in gates.iter_mut().zip(factors) {
                    *gate = function(*gate).0 * *factor;
                }
            }
        }
        match activation {
            GateActivation::Silu => all(states, width, silu),
            GateActivation::Gelu => all(states, width, gelu),
            GateActivation::GeluTanh => all(states, width, gelu_tanh),
        }
    }

    /// Writes the activation of the gates times the factors behind them, `kept`.
    fn products(hidden: &mut [f32], kept: &[f32], width: usize, activation: GateActivation) {
        #[inline(always)]
        fn all(
            hidden: &mut [f32],
            kept: &[f32],
            width: usize,
            function: impl Fn(f32) -> (f32, f32),
        ) {
            let rows = hidden.chunks_exact_mut(width).zip(kept.chunks_exact(2 * width));
            for (hidden, kept) in rows {
                let (gates, factors) = kept.split_at(width);
                for (hidden, (gate, factor)) in hidden.iter_mut().zip(gates.iter().zip(factors)) {
                    *hidden = function(*gate).0 * *factor;
                }
            }
        }
        match activation {
            GateActivation::Silu => all(hidden, kept, width, silu),
            GateActivation::Gelu => all(hidden, kept, width, gelu),
            GateActivation::GeluTanh => all(hidden, kept, width, gelu_tanh),
        }
    }

    /// Writes the gradients of gates and factors, `kept`, side by side, from those of the products, in
    /// `hidden`, which it replaces by the products.
    fn multiply_backward(
        gradients: &mut [f32],
        hidden: &mut [f32],
        kept: &[f32],
        width: usize,
        activation: GateActivation,
    ) {
        #[inline(always)]
        fn all(
            gradients: &mut [f32],
            hidden: &mut [f32],
            kept: &[f32],
            width: usize,
            function: impl Fn(f32) -> (f32, f32),
        ) {
            let rows = gradients.chunks_exact_mut(2 * width).zip(kept.chunks_exact(2 * width));
            for ((gradients, kept), hidden) in rows.zip(hidden.chunks_exact_mut(width)) {
                let (of_gates, of_factors) = gradients.split_at_mut(width);
                let (gates, factors) = kept.split_at(width);
                let values = hidden.iter_mut().zip(gates.iter().zip(factors));
                let gradients = of_gates.iter_mut().zip(of_factors);
                for ((hidden, (gate, factor)), (of_gate, of_factor)) in values.zip(gradients) {
                    let (value, derivative) = function(*gate);
                    *of_gate = *hidden * *factor * derivative;
                    *of_factor = *hidden * value;
                    *hidden = value * *factor;
                }
            }
        }
        match activation {
            GateActivation::Silu => all(gradients, hidden, kept, width, silu),
            GateActivation::Gelu => all(gradients, hidden, kept, width, gelu),
            GateActivation::GeluTanh => all(gradients, hidden, kept, width, gelu_tanh),
        }
    }
}
