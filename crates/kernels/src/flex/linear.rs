//! `x W + b` over rows, and its gradients.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::Linear;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::buffer::{tensor, values};
use super::by_columns;
use super::gemm::{Matrix, gemm_new};
use super::is_fused;
use super::kernel::{Kernel, run};
use super::math::{add, vector_fn};
use super::over_rows::product_over_rows;
use super::reduced::{self, Blocks, Packed, Products};
use super::rows::{MANY, Unwritten, by_rows, per_task};
use super::transposed::Transposed;
use super::unpacked;

/// `x W + b`, or `x W` without a bias. `None` if the device has no fused blocks.
pub(crate) fn linear<const D: usize>(layer: &Linear, x: &Tensor<D>) -> Option<Tensor<D>> {
    if !is_fused(x) {
        return None;
    }
    let kernel = FusedLinear {
        packed: reduced::packed(layer, x),
        products: Products::current(),
    };
    let weight = layer.weight.val().into_dispatch();
    let x = x.clone().into_dispatch();
    Some(match &layer.bias {
        Some(bias) => run(kernel, [x, weight, bias.val().into_dispatch()]),
        None => run(kernel, [x, weight]),
    })
}

/// Inputs: `x`, `[.., input]`, the weight, `[input, output]`, and optionally the bias, `[output]`.
#[derive(Debug, Clone)]
struct FusedLinear {
    /// The packed weight, in inference only.
    packed: Option<Arc<Packed>>,
    products: Products,
}

impl<const N: usize> Kernel<N> for FusedLinear {
    /// `x`, the weight and how they are multiplied.
    type Saved = (FlexTensor, FlexTensor, Products);

    fn forward_saved(self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::Saved) {
        let (x, weight) = (&inputs[0], &inputs[1]);
        let [packed] = self.products.packed([self.packed], [weight]);
        let layer = LinearLayer::new(weight, inputs.get(2)).packed(packed.as_ref());
        let mut shape = x.shape();
        let last = shape.num_dims() - 1;
        shape[last] = layer.width.output;
        let out = tensor(forward(values(x), layer), shape);
        (out, (x.clone(), weight.clone(), self.products))
    }

    fn backward(
        (x, weight, products): Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; N],
    ) -> [Option<FlexTensor>; N] {
        let gradient = values(gradient);
        let layer = LinearLayer::new(&weight, None);
        std::array::from_fn(|input| {
            needed[input].then(|| match input {
                0 => tensor(input_gradient(gradient, layer, products), x.shape()),
                1 => tensor(
                    weight_gradient(values(&x), gradient, layer.width, products),
                    weight.shape(),
                ),
                _ => tensor(
                    column_sums(gradient, layer.width.output),
                    [layer.width.output].into(),
                ),
            })
        })
    }
}

/// Input and output size of a linear layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Width {
    pub(super) input: usize,
    pub(super) output: usize,
}

/// A linear layer: weight, `[input, output]`, and optional bias, `[output]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinearLayer<'a> {
    pub(super) weight: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) width: Width,
    /// The weight for products in reduced precision.
    pub(super) packed: Option<&'a Packed>,
}

impl<'a> LinearLayer<'a> {
    /// From a weight, `[input, output]`, and an optional bias, `[output]`.
    pub(super) fn new(weight: &'a FlexTensor, bias: Option<&'a FlexTensor>) -> Self {
        let [input, output] = weight.shape().dims();
        Self {
            weight: values(weight),
            bias: bias.map(values),
            width: Width { input, output },
            packed: None,
        }
    }

    /// With a packed weight, if there is one.
    pub(super) fn packed(self, packed: Option<&'a Arc<Packed>>) -> Self {
        Self {
            packed: packed.map(|packed| &**packed),
            ..self
        }
    }

    pub(super) fn matrix(&self) -> Matrix<'a> {
        Matrix::new(self.weight, self.width.input, self.width.output)
    }
}

/// `x W + b`: `[rows, input]` to `[rows, output]`.
pub(super) fn forward(x: &[f32], layer: LinearLayer<'_>) -> Vec<f32> {
    let Width { input, output } = layer.width;
    let rows = x.len() / input;
    if by_columns::applies(rows, &[layer]) {
        return by_columns::forward(Matrix::new(x, rows, input), &[layer], |_| ());
    }
    let [out] = by_rows(rows, per_task(rows, MANY), [output], |rows, [out]| {
        [forward_rows(
            out,
            &x[rows.start * input..rows.end * input],
            layer,
        )]
    });
    out
}

/// One task's rows of the result.
pub(super) fn forward_rows<'a>(
    out: &'a mut Unwritten,
    x: &[f32],
    layer: LinearLayer<'_>,
) -> &'a mut [f32] {
    let input = layer.width.input;
    multiply(out, Matrix::new(x, x.len() / input, input), layer)
}

/// `x W + b`, on the calling thread.
pub(super) fn multiply<'a>(
    out: &'a mut Unwritten,
    x: Matrix<'_>,
    layer: LinearLayer<'_>,
) -> &'a mut [f32] {
    if layer.packed.is_some() {
        return reduced::layers(out, x, &[layer]);
    }
    if unpacked::applies(x.num_rows(), layer.width) {
        return unpacked::layers(out, x, &[layer]);
    }
    let out = gemm_new(out, 1.0, x, layer.matrix());
    if let Some(bias) = layer.bias {
        add_to_rows(out, bias);
    }
    out
}

/// Gradient of the input: `g Wᵀ`.
pub(super) fn input_gradient(
    gradient: &[f32],
    layer: LinearLayer<'_>,
    products: Products,
) -> Vec<f32> {
    let Width { input, output } = layer.width;
    let rows = gradient.len() / output;
    let weight = Transposed::of(layer, products);
    let [out] = by_rows(rows, per_task(rows, MANY), [input], |rows, [out]| {
        let gradient = &gradient[rows.start * output..rows.end * output];
        [weight.multiply(out, Matrix::new(gradient, rows.len(), output))]
    });
    out
}

/// Gradient of the weight: `xᵀ g`.
pub(super) fn weight_gradient(
    x: &[f32],
    gradient: &[f32],
    width: Width,
    products: Products,
) -> Vec<f32> {
    let rows = x.len() / width.input;
    let x = Matrix::new(x, rows, width.input);
    let gradient = Matrix::new(gradient, rows, width.output);
    match products {
        Products::F32 => product_over_rows(x, gradient),
        Products::Bf16 => reduced::product_over_rows(&Blocks::of(x), &Blocks::of(gradient)),
    }
}

/// Sum over the rows: the gradient of the bias.
pub(super) fn column_sums(gradient: &[f32], columns: usize) -> Vec<f32> {
    let rows = gradient.len() / columns;
    let partial: Vec<Vec<f32>> = gradient
        .par_chunks(per_task(rows, MANY) * columns)
        .map(|gradient| sum_of_rows(gradient, columns))
        .collect();
    in_order(partial, columns)
}

vector_fn! {
    pub(super) fn add_values(out: &mut [f32], values: &[f32]) {
        add(out, values);
    }

    pub(super) fn add_to_rows(rows: &mut [f32], values: &[f32]) {
        for row in rows.chunks_exact_mut(values.len()) {
            add(row, values);
        }
    }

    fn sum_of_rows(rows: &[f32], columns: usize) -> Vec<f32> {
        let mut sums = vec![0.0; columns];
        for row in rows.chunks_exact(columns) {
            add(&mut sums, row);
        }
        sums
    }
}

/// Sum of the tasks' results, in order.
pub(super) fn in_order(partial: Vec<Vec<f32>>, columns: usize) -> Vec<f32> {
    let mut partial = partial.into_iter();
    let mut total = partial.next().unwrap_or_else(|| vec![0.0; columns]);
    for sums in partial {
        add_values(&mut total, &sums);
    }
    total
}
