//! Products in reduced precision, for scoring: weights are packed at their first use and kept.

mod attention;
mod bf16;
mod int8;
mod out;
mod panels;
mod weights;

use super::gemm::Matrix;
use super::linear::LinearLayer;
use super::rows::Unwritten;
use out::Out;
use panels::Panels;

pub(super) use attention::forward as attention;
pub(crate) use bf16::is_available as has_bf16;
pub(crate) use weights::{Packer, during};
pub(super) use weights::{is_bf16, packed};

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
