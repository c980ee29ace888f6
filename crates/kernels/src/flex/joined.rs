//! Several linear layers with the same input, with outputs side by side.

use super::by_columns;
use super::gemm::{Matrix, gemm_side_by_side};
use super::linear::{LinearLayer, add_to_rows, column_sums};
use super::over_rows::product_over_rows;
use super::reduced::{self, Blocks, Products};
use super::rows::{MANY, Unwritten, by_rows, per_task};
use super::transposed::Transposed;
use super::unpacked;

/// Applies the layers: `[rows, input]` to `[rows, Σ output]`.
pub(super) fn forward<const N: usize>(x: &[f32], layers: [LinearLayer<'_>; N]) -> Vec<f32> {
    let (input, output) = widths(&layers);
    let rows = x.len() / input;
    if by_columns::applies(rows, &layers) {
        return by_columns::forward(Matrix::new(x, rows, input), &layers, |_| ());
    }
    let [out] = by_rows(rows, per_task(rows, MANY), [output], |rows, [out]| {
        let x = Matrix::new(&x[rows.start * input..rows.end * input], rows.len(), input);
        [forward_rows(out, x, layers)]
    });
    out
}

/// One task's rows of the result.
pub(super) fn forward_rows<'a, const N: usize>(
    out: &'a mut Unwritten,
    x: Matrix<'_>,
    layers: [LinearLayer<'_>; N],
) -> &'a mut [f32] {
    if layers.iter().all(|layer| layer.packed.is_some()) {
        return reduced::layers(out, x, &layers);
    }
    let is_unpacked = |layer: &LinearLayer<'_>| unpacked::applies(x.num_rows(), layer.width);
    if layers.iter().all(is_unpacked) {
        return unpacked::layers(out, x, &layers);
    }
    let out = gemm_side_by_side(out, 1.0, x, &layers.map(|layer| layer.matrix()));
    if layers.iter().any(|layer| layer.bias.is_some()) {
        let bias = layers.map(|layer| match layer.bias {
            Some(bias) => bias.to_vec(),
            None => vec![0.0; layer.width.output],
        });
        add_to_rows(out, &bias.concat());
    }
    out
}

/// Width of the input, and total width of the outputs.
fn widths(layers: &[LinearLayer<'_>]) -> (usize, usize) {
    let output = layers.iter().map(|layer| layer.width.output).sum();
    (layers[0].width.input, output)
}

/// Gradient of the input: the sum of `g Wᵀ` over the layers, plus the `other` gradient, if there is
/// one.
pub(super) fn input_gradient<const N: usize>(
    gradient: &[f32],
    layers: [LinearLayer<'_>; N],
    products: Products,
    other: Option<&[f32]>,
) -> Vec<f32> {
    let (input, output) = widths(&layers);
    let rows = gradient.len() / output;
    let weights = layers.map(|layer| (layer.width.output, Transposed::of(layer, products)));
    let [out] = by_rows(rows, per_task(rows, MANY), [input], |rows, [out]| {
        let other = other.map(|other| &other[rows.start * input..rows.end * input]);
        let gradient = &gradient[rows.start * output..rows.end * output];
        let gradient = Matrix::new(gradient, rows.len(), output);
        let (out, mut first, weights) = if let Some(other) = other {
            (out.write_copy_of_slice(other), 0, &weights[..])
        } else {
            let ((width, weight), weights) = weights.split_first().expect("layers");
            let out = weight.multiply(out, gradient.columns(0, *width));
            (out, *width, weights)
        };
        for (width, weight) in weights {
            weight.multiply_add(out, gradient.columns(first, *width));
            first += width;
        }
        [out]
    });
    out
}

/// Gradients of weight and bias, as needed.
pub(super) fn layer_gradients<const N: usize>(
    x: &[f32],
    gradient: &[f32],
    layers: [LinearLayer<'_>; N],
    products: Products,
    needed: [[bool; 2]; N],
) -> [[Option<Vec<f32>>; 2]; N] {
    let (input, output) = widths(&layers);
    let rows = x.len() / input;
    let x = Matrix::new(x, rows, input);
    let states = Matrix::new(gradient, rows, output);
    let of_biases = needed.iter().any(|[_, bias]| *bias);
    let sums = of_biases.then(|| column_sums(gradient, output));
    let of_weights = needed.iter().any(|[weight, _]| *weight);
    let rounded = (of_weights && products.are_bf16()).then(|| Blocks::of(x));
    let product = |part| match &rounded {
        Some(x) => reduced::product_over_rows(x, &Blocks::of(part)),
        None => product_over_rows(x, part),
    };
    let mut first = 0;
    std::array::from_fn(|layer| {
        let ([weight, bias], width) = (needed[layer], layers[layer].width.output);
        let columns = first..first + width;
        first += width;
        let part = states.columns(columns.start, width);
        let sums = sums.as_ref().filter(|_| bias);
        [
            weight.then(|| product(part)),
            sums.map(|sums| sums[columns].to_vec()),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flex::linear::{self, Width, add_values, weight_gradient};

    #[test]
    fn layers_side_by_side_are_those_one_by_one() {
        let values = |count: usize, from: usize| -> Vec<f32> {
            let values = from..from + count;
            values.map(|value| (value % 5) as f32 - 2.0).collect()
        };
        let (rows, input, outputs) = (40, 6, [2, 1, 4]);
        let weights = outputs.map(|output| values(input * output, output));
        let biases = outputs.map(|output| values(output, output));
        let layers: [LinearLayer<'_>; 3] = std::array::from_fn(|layer| LinearLayer {
            weight: &weights[layer],
            bias: (layer != 1).then_some(biases[layer].as_slice()),
            packed: None,
            width: Width {
                input,
                output: outputs[layer],
            },
        });
        let (x, gradient) = (values(rows * input, 0), values(rows * 7, 1));
        let mut expected = values(rows * input, 3);
        let out = forward(&x, layers);
        let x_gradient = input_gradient(&gradient, layers, Products::F32, Some(&expected));
        let needed = [[true, true], [false, true], [true, false]];
        let found = layer_gradients(&x, &gradient, layers, Products::F32, needed);
        let mut first = 0;
        for (layer, output) in outputs.into_iter().enumerate() {
            let part = |states: &[f32]| -> Vec<f32> {
                let states = states.chunks_exact(7);
                let part = states.flat_map(|state| &state[first..first + output]);
                part.copied().collect()
            };
            assert_eq!(part(&out), linear::forward(&x, layers[layer]));
            let gradient = part(&gradient);
            add_values(
                &mut expected,
                &linear::input_gradient(&gradient, layers[layer], Products::F32),
            );
            let [of_weight, of_bias] = needed[layer];
            let width = layers[layer].width;
            let of_weight = of_weight.then(|| weight_gradient(&x, &gradient, width, Products::F32));
            let of_bias = of_bias.then(|| column_sums(&gradient, output));
            assert_eq!(found[layer], [of_weight, of_bias]);
            first += output;
        }
        assert_eq!(x_gradient, expected);
    }
}
