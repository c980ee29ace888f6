//! Products in reduced precision. For scoring, weights are packed at their first use and kept; in
//! training, in every pass.

mod attention;
mod attention_backward;
mod bf16;
mod bytes;
mod int8;
mod out;
mod over_rows;
mod panels;
mod training;
mod weights;

use super::gemm::Matrix;
use super::linear::LinearLayer;
use super::rows::Unwritten;

pub(super) use attention::forward as attention;
pub(super) use attention_backward::Factors;
pub(crate) use bf16::is_available as has_bf16;
pub(super) use out::Out;
pub(super) use over_rows::{Blocks, product_over_rows};
pub(super) use panels::Panels;
pub(crate) use training::{Products, in_training};
pub(crate) use weights::{Packer, during};
pub(super) use weights::{of_attention, packed};

/// A weight, `[input, output]`, packed for products in reduced precision.
#[derive(Debug)]
pub(crate) enum Packed {
    /// For products of bf16.
    Bf16(Panels),
    /// For products of bytes.
    Int8(int8::Weight),
}

impl Packed {
    /// A row-major matrix in bf16.
    pub(super) fn bf16(matrix: Matrix<'_>) -> Self {
        Self::Bf16(Panels::bf16(matrix))
    }

    /// A row-major matrix in bytes.
    pub(super) fn int8(matrix: Matrix<'_>) -> Self {
        Self::Int8(int8::Weight::of(matrix))
    }
}

/// Rows that are rounded and multiplied at a time, so that they stay in the cache.
const ROWS: usize = 96;

/// Writes `x W + b` of layers with packed weights side by side, on the calling thread.
///
/// # Panics
/// If the sizes do not agree, or the weight of a layer is not packed.
pub(super) fn layers<'a>(
    out: &'a mut Unwritten,
    x: Matrix<'_>,
    layers: &[LinearLayer<'_>],
) -> &'a mut [f32] {
    let width: usize = layers.iter().map(|layer| layer.width.output).sum();
    assert_eq!(x.num_rows() * width, out.len(), "sizes of a matrix product");
    for first in (0..x.num_rows()).step_by(ROWS) {
        let count = ROWS.min(x.num_rows() - first);
        let x = x.rows(first, count);
        let memory = &mut out[first * width..(first + count) * width];
        let (mut halves, mut bytes) = (None, None);
        let mut column = 0;
        for layer in layers {
            let mut out = Out::new(memory, count, width, column, layer.width.output);
            match layer.packed.expect("a packed weight") {
                Packed::Bf16(panels) => {
                    let rows = halves.get_or_insert_with(|| bf16::Rows::of(x));
                    rows.multiply(panels, layer.bias, &mut out);
                }
                Packed::Int8(weight) => {
                    let rows = bytes.get_or_insert_with(|| int8::Rows::of(x));
                    rows.multiply(weight, layer.bias, &mut out);
                }
            }
            column += layer.width.output;
        }
    }
    // SAFETY: the layers have written all columns of all rows.
    #[expect(unsafe_code, reason = "the loop above writes all of it")]
    unsafe {
        out.assume_init_mut()
    }
}

/// Writes the product of rows with a packed matrix of bf16, on the calling thread.
///
/// # Panics
/// If the sizes do not agree.
pub(super) fn product<'a>(out: &'a mut Unwritten, x: Matrix<'_>, panels: &Panels) -> &'a mut [f32] {
    let width = panels.columns();
    assert_eq!(x.num_rows() * width, out.len(), "sizes of a matrix product");
    for (rows, first, count) in in_blocks(x) {
        let memory = &mut out[first * width..(first + count) * width];
        rows.multiply(panels, None, &mut Out::new(memory, count, width, 0, width));
    }
    // SAFETY: the products have written all columns of all rows.
    #[expect(unsafe_code, reason = "the loop above writes all of it")]
    unsafe {
        out.assume_init_mut()
    }
}

/// Adds the product of rows with a packed matrix of bf16, on the calling thread.
///
/// # Panics
/// If the sizes do not agree.
pub(super) fn add_product(out: &mut [f32], x: Matrix<'_>, panels: &Panels) {
    let width = panels.columns();
    assert_eq!(x.num_rows() * width, out.len(), "sizes of a matrix product");
    for (rows, first, count) in in_blocks(x) {
        let values = &mut out[first * width..(first + count) * width];
        rows.multiply_add(panels, values);
    }
}

/// Rounded rows, a few at a time, with the index of the first and their number.
fn in_blocks(x: Matrix<'_>) -> impl Iterator<Item = (bf16::Rows, usize, usize)> {
    (0..x.num_rows()).step_by(ROWS).map(move |first| {
        let count = ROWS.min(x.num_rows() - first);
        (bf16::Rows::of(x.rows(first, count)), first, count)
    })
}
