//! `(activation(x W₁) · x W₂) W₃`, a few rows at a time, so that intermediate values stay in the
//! cache.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::activation::{gelu, gelu_tanh, silu};
use super::buffer::{gradients_of, tensor, values};
use super::gemm::Matrix;
use super::is_fused;
use super::kernel::{Kernel, run};
use super::linear::{LinearLayer, forward_rows, weight_gradient};
use super::math::vector_fn;
use super::reduced::{self, Packed, Products};
use super::rows::{by_rows, per_task, unwritten, zeroed};
use super::transposed::Transposed;
use crate::GateActivation;

/// `outer(activation(gate(x)) · factor(x))`. `None` if a layer has a bias, or the device has no
/// fused blocks.
pub(crate) fn gated(
    gate: &Linear,
    factor: &Linear,
    outer: &Linear,
    activation: GateActivation,
    x: &Tensor<3>,
) -> Option<Tensor<3>> {
    let layers = [gate, factor, outer];
    let plain = layers.iter().all(|layer| layer.bias.is_none());
    (plain && is_fused(x)).then(|| {
        let packed = layers.map(|layer| reduced::packed(layer, x));
        let [gate, factor, outer] = layers.map(|layer| layer.weight.val().into_dispatch());
        let x = x.clone().into_dispatch();
        let kernel = FusedGated {
            activation,
            packed,
            products: Products::current(),
        };
        run(kernel, [x, gate, factor, outer])
    })
}

/// Inputs: `x`, and the weights of the gate, factor and outer layers.
#[derive(Debug, Clone)]
struct FusedGated {
    activation: GateActivation,
    /// Packed weights of the gate, factor and outer layers, in inference only.
    packed: [Option<Arc<Packed>>; 3],
    products: Products,
}

impl Kernel<4> for FusedGated {
    /// The kernel, its inputs, and the outputs of the gate and factor layers.
    type Saved = (Self, [FlexTensor; 4], [Arc<[f32]>; 2]);

    fn forward(self, inputs: [FlexTensor; 4]) -> FlexTensor {
        let packed = self.packed(&inputs);
        let out = forward(values(&inputs[0]), &self.layers(&inputs, &packed));
        tensor(out, inputs[0].shape())
    }

    fn forward_saved(self, inputs: [FlexTensor; 4]) -> (FlexTensor, Self::Saved) {
        let packed = self.packed(&inputs);
        let layers = self.layers(&inputs, &packed);
        let [out, gates, factors] = forward_kept(values(&inputs[0]), &layers);
        let out = tensor(out, inputs[0].shape());
        (out, (self, inputs, [gates, factors].map(Arc::from)))
    }

    fn backward(
        (kernel, inputs, kept): Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; 4],
    ) -> [Option<FlexTensor>; 4] {
        let found = backward(
            values(&inputs[0]),
            kept.each_ref().map(|kept| &**kept),
            values(gradient),
            &kernel.layers(&inputs, &kernel.packed),
            needed,
        );
        gradients_of(&inputs, found)
    }
}

impl FusedGated {
    /// The packed weights of a forward pass.
    fn packed(&self, [_, gate, factor, outer]: &[FlexTensor; 4]) -> [Option<Arc<Packed>>; 3] {
        let weights = [gate, factor, outer];
        self.products.packed(self.packed.clone(), weights)
    }

    fn layers<'a>(
        &'a self,
        inputs: &'a [FlexTensor; 4],
        packed: &'a [Option<Arc<Packed>>; 3],
    ) -> Layers<'a> {
        let [_, gate, factor, outer] = inputs;
        Layers {
            gate: LinearLayer::new(gate, None).packed(packed[0].as_ref()),
            factor: LinearLayer::new(factor, None).packed(packed[1].as_ref()),
            outer: LinearLayer::new(outer, None).packed(packed[2].as_ref()),
            activation: self.activation,
            products: self.products,
        }
    }
}

/// The three layers, without biases: `d_model → d_inner` twice and `d_inner → d_model`.
#[derive(Debug, Clone, Copy)]
struct Layers<'a> {
    gate: LinearLayer<'a>,
    factor: LinearLayer<'a>,
    outer: LinearLayer<'a>,
    activation: GateActivation,
    products: Products,
}

/// Maximum rows per task, so that intermediate values stay in the cache.
const ROWS: usize = 128;

/// The result only, for inference.
fn forward(x: &[f32], layers: &Layers<'_>) -> Vec<f32> {
    let inner = layers.gate.width;
    let rows = x.len() / inner.input;
    let [out] = by_rows(rows, per_task(rows, ROWS), [inner.input], |rows, [out]| {
        let x = &x[rows.start * inner.input..rows.end * inner.input];
        let mut memory = [(); 2].map(|()| unwritten(rows.len() * inner.output));
        let [gate, factor] = memory.each_mut();
        let gate = forward_rows(gate, x, layers.gate);
        let factor = forward_rows(factor, x, layers.factor);
        multiply(gate, factor, layers.activation);
        [forward_rows(out, gate, layers.outer)]
    });
    out
}

/// The result, and `x W₁` and `x W₂` for the backward pass.
fn forward_kept(x: &[f32], layers: &Layers<'_>) -> [Vec<f32>; 3] {
    let inner = layers.gate.width;
    let rows = x.len() / inner.input;
    let widths = [inner.input, inner.output, inner.output];
    by_rows(
        rows,
        per_task(rows, ROWS),
        widths,
        |rows, [out, gate, factor]| {
            let x = &x[rows.start * inner.input..rows.end * inner.input];
            let gate = forward_rows(gate, x, layers.gate);
            let factor = forward_rows(factor, x, layers.factor);
            let mut hidden = gate.to_vec();
            multiply(&mut hidden, factor, layers.activation);
            let out = forward_rows(out, &hidden, layers.outer);
            [out, gate, factor]
        },
    )
}

vector_fn! {
    fn multiply(gates: &mut [f32], factors: &[f32], activation: GateActivation) {
        #[inline(always)]
        fn all(gates: &mut [f32], factors: &[f32], function: impl Fn(f32) -> (f32, f32)) {
            for (gate, factor) in gates.iter_mut().zip(factors) {
                *gate = function(*gate).0 * factor;
            }
        }
        match activation {
            GateActivation::Silu => all(gates, factors, silu),
            GateActivation::Gelu => all(gates, factors, gelu),
            GateActivation::GeluTanh => all(gates, factors, gelu_tanh),
        }
    }

    /// Replaces the gradients of the products by those of the gates and `factors` by their
    /// gradients, and recomputes the products in `hidden`.
    fn multiply_backward(
        gradients: &mut [f32],
        factors: &mut [f32],
        hidden: &mut [f32],
        gates: &[f32],
        activation: GateActivation,
    ) {
        #[inline(always)]
        fn all(
            gradients: &mut [f32],
            factors: &mut [f32],
            hidden: &mut [f32],
            gates: &[f32],
            function: impl Fn(f32) -> (f32, f32),
        ) {
            let values = gradients.iter_mut().zip(factors).zip(hidden).zip(gates);
            for (((gradient, factor), hidden), gate) in values {
                let (value, derivative) = function(*gate);
                *hidden = value * *factor;
                let of_product = *gradient;
                *gradient = of_product * *factor * derivative;
                *factor = of_product * value;
            }
        }
        match activation {
            GateActivation::Silu => all(gradients, factors, hidden, gates, silu),
            GateActivation::Gelu => all(gradients, factors, hidden, gates, gelu),
            GateActivation::GeluTanh => all(gradients, factors, hidden, gates, gelu_tanh),
        }
    }
}

/// Gradients of `x`, `W₁`, `W₂` and `W₃`, as needed. `kept` is `x W₁` and `x W₂` from
/// [`forward_kept`].
fn backward(
    x: &[f32],
    [gates, factors]: [&[f32]; 2],
    gradient: &[f32],
    layers: &Layers<'_>,
    needed: [bool; 4],
) -> [Option<Vec<f32>>; 4] {
    let (inner, outer) = (layers.gate.width, layers.outer.width);
    let rows = x.len() / inner.input;
    let widths = [inner.input, inner.output, inner.output, inner.output];
    let products = layers.products;
    let [of_gate, of_factor, of_outer] =
        [layers.gate, layers.factor, layers.outer].map(|layer| Transposed::of(layer, products));
    let [x_gradient, gate_gradient, factor_gradient, hidden] = by_rows(
        rows,
        per_task(rows, ROWS),
        widths,
        |rows, [x_gradient, gate_gradient, factor_gradient, hidden]| {
            let wide = rows.start * inner.output..rows.end * inner.output;
            let gradient = &gradient[rows.start * inner.input..rows.end * inner.input];
            let gradient = Matrix::new(gradient, rows.len(), outer.output);
            let gate_gradient = of_outer.multiply(gate_gradient, gradient);
            let [factor_gradient, hidden] = [factor_gradient, hidden].map(zeroed);
            factor_gradient.copy_from_slice(&factors[wide.clone()]);
            let gates = &gates[wide];
            multiply_backward(
                gate_gradient,
                factor_gradient,
                hidden,
                gates,
                layers.activation,
            );
            let wide = |gradient| Matrix::new(gradient, rows.len(), inner.output);
            let x_gradient = of_gate.multiply(x_gradient, wide(gate_gradient));
            of_factor.multiply_add(x_gradient, wide(factor_gradient));
            [x_gradient, gate_gradient, factor_gradient, hidden]
        },
    );
    let [x_needed, gate, factor, outer_needed] = needed;
    [
        x_needed.then_some(x_gradient),
        gate.then(|| weight_gradient(x, &gate_gradient, inner, products)),
        factor.then(|| weight_gradient(x, &factor_gradient, inner, products)),
        outer_needed.then(|| weight_gradient(&hidden, gradient, outer, products)),
    ]
}
