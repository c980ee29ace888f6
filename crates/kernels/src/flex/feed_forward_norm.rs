//! `layer_norm(x + dropout(activation(x W₁ + b₁) W₂ + b₂))`, a few rows at a time, so that
//! intermediate values stay in the cache.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::activation::{gelu, gelu_tanh, relu};
use super::add_norm::{self, FusedAddNorm, Norm};
use super::buffer::{gradients_of, tensor, values};
use super::by_columns;
use super::dropout::Dropout;
use super::gemm::Matrix;
use super::is_fused;
use super::kernel::{Kernel, run};
use super::linear::{LinearLayer, add_values, column_sums, forward_rows, weight_gradient};
use super::math::vector_fn;
use super::reduced::{self, Packed, Products};
use super::rows::{Unwritten, by_rows, mapped, mapped_beside, per_task, unwritten, zeroed};
use super::transposed::Transposed;
use crate::{Activation, AddNorm};

/// `norm(x + dropout(outer(activation(inner(x)))))`. `None` if a layer has no bias, the norm has no
/// shift, or the device has no fused blocks.
pub(crate) fn feed_forward_norm(
    [inner, outer]: [&Linear; 2],
    activation: Activation,
    norm: AddNorm<'_>,
    x: &Tensor<3>,
) -> Option<Tensor<3>> {
    let (inner_bias, outer_bias) = (inner.bias.as_ref()?, outer.bias.as_ref()?);
    let beta = norm.norm.beta.as_ref()?;
    is_fused(x).then(|| {
        let inputs = [
            x.clone().into_dispatch(),
            inner.weight.val().into_dispatch(),
            inner_bias.val().into_dispatch(),
            outer.weight.val().into_dispatch(),
            outer_bias.val().into_dispatch(),
            norm.norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
        ];
        let norm = FusedAddNorm::new(norm, &x.device());
        let kernel = FusedFeedForwardNorm {
            activation,
            norm,
            packed: [inner, outer].map(|layer| reduced::packed(layer, x)),
            products: Products::current(),
        };
        run(kernel, inputs)
    })
}

/// Inputs: `x`, weight and bias of the inner and the outer layer, γ and β.
#[derive(Debug, Clone)]
pub(crate) struct FusedFeedForwardNorm {
    pub(crate) activation: Activation,
    pub(crate) norm: FusedAddNorm,
    /// Packed weights of the inner and the outer layer, in inference only.
    pub(crate) packed: [Option<Arc<Packed>>; 2],
    pub(crate) products: Products,
}

impl Kernel<7> for FusedFeedForwardNorm {
    type Saved = (Self, [FlexTensor; 7], Arc<Kept>);

    fn forward(self, inputs: [FlexTensor; 7]) -> FlexTensor {
        let packed = self.packed(&inputs);
        let (x, block) = self.block(&inputs, &packed);
        tensor(block.forward(x), inputs[0].shape())
    }

    fn forward_saved(self, inputs: [FlexTensor; 7]) -> (FlexTensor, Self::Saved) {
        let packed = self.packed(&inputs);
        let (x, block) = self.block(&inputs, &packed);
        let (out, kept) = block.forward_kept(x);
        let out = tensor(out, inputs[0].shape());
        (out, (self, inputs, Arc::new(kept)))
    }

    fn backward(
        (kernel, inputs, kept): Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; 7],
    ) -> [Option<FlexTensor>; 7] {
        let (x, block) = kernel.block(&inputs, &kernel.packed);
        let found = block.backward(x, &kept, values(gradient), needed);
        gradients_of(&inputs, found)
    }
}

impl FusedFeedForwardNorm {
    /// The packed weights of a forward pass.
    fn packed(&self, inputs: &[FlexTensor; 7]) -> [Option<Arc<Packed>>; 2] {
        let weights = [&inputs[1], &inputs[3]];
        self.products.packed(self.packed.clone(), weights)
    }

    /// The values of `x`, and the block.
    fn block<'a>(
        &'a self,
        inputs: &'a [FlexTensor; 7],
        packed: &'a [Option<Arc<Packed>>; 2],
    ) -> (&'a [f32], Block<'a>) {
        let [x, inner, inner_bias, outer, outer_bias, gamma, beta] = inputs;
        let block = Block {
            inner: LinearLayer::new(inner, Some(inner_bias)).packed(packed[0].as_ref()),
            outer: LinearLayer::new(outer, Some(outer_bias)).packed(packed[1].as_ref()),
            activation: self.activation,
            norm: self.norm.norm(gamma, beta),
            dropout: self.norm.dropout,
            products: self.products,
        };
        (values(x), block)
    }
}

/// Maximum rows per task, so that intermediate values stay in the cache.
const ROWS: usize = 256;
/// The same with packed weights, whose products are not faster with more rows.
const PACKED_ROWS: usize = 96;

/// Layers and settings of the block.
#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    inner: LinearLayer<'a>,
    outer: LinearLayer<'a>,
    activation: Activation,
    norm: Norm<'a>,
    /// Dropout before the residual addition.
    dropout: Dropout,
    products: Products,
}

/// State saved for the backward pass.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Input of the activation, `x W₁ + b₁`.
    before: Vec<f32>,
    /// Normalized rows before γ and β.
    normalized: Vec<f32>,
    inverse: Vec<f32>,
}

impl Block<'_> {
    /// The result only, for inference.
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (inner, outer) = (self.inner.width, self.outer.width);
        let rows = x.len() / inner.input;
        if by_columns::applies(rows, &[self.inner, self.outer]) {
            let activate = |values: &mut [f32]| activate(values, self.activation);
            let states = Matrix::new(x, rows, inner.input);
            let hidden = by_columns::forward(states, &[self.inner], activate);
            let hidden = Matrix::new(&hidden, rows, inner.output);
            let added = by_columns::forward(hidden, &[self.outer], |_| ());
            return add_norm::forward(&added, x, &self.norm, self.dropout);
        }
        let most = if self.inner.packed.is_some() {
            PACKED_ROWS
        } else {
            ROWS
        };
        let [out] = by_rows(rows, per_task(rows, most), [outer.output], |rows, [out]| {
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

    /// The result and the state saved for the backward pass.
    fn forward_kept(&self, x: &[f32]) -> (Vec<f32>, Kept) {
        let (inner, outer) = (self.inner.width, self.outer.width);
        let rows = x.len() / inner.input;
        let widths = [outer.output, inner.output, outer.output, 1];
        let block = per_task(rows, ROWS);
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

    /// Gradients of the `needed` inputs.
    fn backward(
        &self,
        x: &[f32],
        kept: &Kept,
        gradient: &[f32],
        needed: [bool; 7],
    ) -> [Option<Vec<f32>>; 7] {
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
        let block = per_task(rows, ROWS);
        let products = self.products;
        let [of_inner, of_outer] =
            [self.inner, self.outer].map(|layer| Transposed::of(layer, products));
        let [x_gradient, before_gradient, hidden] = by_rows(
            rows,
            block,
            widths,
            |rows, [x_gradient, before_gradient, hidden]| {
                let gradient = &gradient[rows.start * outer.output..rows.end * outer.output];
                let before = &kept.before[rows.start * inner.output..rows.end * inner.output];
                let residual = &norm.residual[rows.start * inner.input..rows.end * inner.input];
                let matrix = Matrix::new(gradient, rows.len(), outer.output);
                let before_gradient = of_outer.multiply(before_gradient, matrix);
                let hidden = activate_backward(before_gradient, hidden, before, self.activation);
                let matrix = Matrix::new(before_gradient, rows.len(), inner.output);
                let x_gradient = of_inner.multiply(x_gradient, matrix);
                add_values(x_gradient, residual);
                [x_gradient, before_gradient, hidden]
            },
        );
        let [of_x, inner_weight, inner_bias, outer_weight, outer_bias, ..] = needed;
        [
            of_x.then_some(x_gradient),
            inner_weight.then(|| weight_gradient(x, &before_gradient, inner, products)),
            inner_bias.then(|| column_sums(&before_gradient, inner.output)),
            outer_weight.then(|| weight_gradient(&hidden, gradient, outer, products)),
            outer_bias.then(|| column_sums(gradient, outer.output)),
            Some(norm.gamma),
            Some(norm.beta),
        ]
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

    /// Replaces the gradients of the activations by those of their inputs, `before`, and recomputes
    /// the activations.
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
