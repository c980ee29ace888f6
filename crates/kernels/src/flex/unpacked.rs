//! Products with a weight as it is stored, by AVX-512.
//!
//! The `gemm` crate copies a weight for every task, or reads it once for every six rows; here, a tile is so wide
//! that it reads whole lines, and asks for those of the next one ahead of time.

use std::ops::Range;

use super::gemm::{Matrix, Write};
use super::linear::{LinearLayer, Width};
use super::reduced::Out;
use super::rows::Unwritten;

/// Columns that are multiplied together.
pub(super) const PANEL: usize = 48;

/// Terms that are added before they are added to the result: as in the `gemm` crate, so that sums
/// are the same.
const TERMS: usize = 512;

/// Whether sums are those of the `gemm` crate, in its order of terms: it has others for narrow results,
/// very few terms, and a row of many terms.
pub(super) fn applies(rows: usize, width: Width) -> bool {
    let is_usual = width.output > 64 && width.input > 2 && (rows > 1 || width.input <= TERMS);
    is_available() && is_usual
}

/// Whether this machine has the instructions.
fn is_available() -> bool {
    cfg_select! {
        target_arch = "x86_64" => crate::flex::math::has_avx512(),
        _ => false,
    }
}

/// Writes `x W + b` of layers side by side, on the calling thread.
///
/// # Panics
/// If the sizes do not agree, there are no terms, or the machine does not have the instructions.
pub(super) fn layers<'a>(
    memory: &'a mut Unwritten,
    x: Matrix<'_>,
    layers: &[LinearLayer<'_>],
) -> &'a mut [f32] {
    let widths: Vec<usize> = layers.iter().map(|layer| layer.width.output).collect();
    let outs = Out::side_by_side(memory, x.num_rows(), &widths);
    for (layer, mut out) in layers.iter().zip(outs) {
        let columns = 0..layer.width.output;
        multiply(x, layer.matrix(), columns, layer.bias, &mut out);
    }
    // SAFETY: the layers have written all columns of all rows.
    #[expect(unsafe_code, reason = "the loop above writes all of it")]
    unsafe {
        memory.assume_init_mut()
    }
}

/// Writes `x W`, on the calling thread.
///
/// # Panics
/// If the sizes do not agree, there are no terms, or the machine does not have the instructions.
pub(super) fn product<'a>(
    memory: &'a mut Unwritten,
    x: Matrix<'_>,
    weight: Matrix<'_>,
) -> &'a mut [f32] {
    let columns = weight.num_columns();
    assert_eq!(x.num_rows() * columns, memory.len(), "sizes of a product");
    let mut out = Out::new(memory, x.num_rows(), columns, 0, columns);
    write(x, weight, 0..columns, None, &mut out, Write::Replace);
    // SAFETY: the product has written all columns of all rows.
    #[expect(unsafe_code, reason = "the line above writes all of it")]
    unsafe {
        memory.assume_init_mut()
    }
}

/// Adds `x W`, on the calling thread.
///
/// # Panics
/// If the sizes do not agree, there are no terms, or the machine does not have the instructions.
pub(super) fn add_product(out: &mut [f32], x: Matrix<'_>, weight: Matrix<'_>) {
    let mut out = Out::of_values(out, weight.num_columns());
    let columns = 0..weight.num_columns();
    write(x, weight, columns, None, &mut out, Write::Add);
}

/// Writes the product with some columns of `weight`, and adds a bias.
///
/// # Panics
/// If the sizes do not agree, there are no terms, or the machine does not have the instructions.
pub(super) fn multiply(
    x: Matrix<'_>,
    weight: Matrix<'_>,
    columns: Range<usize>,
    bias: Option<&[f32]>,
    out: &mut Out<'_>,
) {
    write(x, weight, columns, bias, out, Write::Replace);
}

fn write(
    x: Matrix<'_>,
    weight: Matrix<'_>,
    columns: Range<usize>,
    bias: Option<&[f32]>,
    out: &mut Out<'_>,
    write: Write,
) {
    assert!(is_available(), "a machine with AVX-512");
    assert_eq!(x.num_columns(), weight.num_rows(), "terms of a product");
    assert!(weight.num_rows() > 0, "a product has terms");
    assert_eq!(
        (x.num_rows(), columns.len()),
        (out.rows(), out.columns()),
        "sizes of a product"
    );
    if let Some(bias) = bias {
        assert_eq!(bias.len(), weight.num_columns(), "a bias per column");
    }
    #[cfg(target_arch = "x86_64")]
    {
        let bias = bias.map(|bias| &bias[columns.clone()]);
        let weight = weight.columns(columns.start, columns.len());
        // SAFETY: the machine has the instructions; the sizes were checked above.
        #[expect(unsafe_code, reason = "the compiler cannot see the check")]
        unsafe {
            avx512::multiply(x, weight, bias, out, write == Write::Add);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512, _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_fmadd_ps, _mm512_mask_storeu_ps,
        _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    };

    use super::{Matrix, Out, PANEL, TERMS};

    /// Vectors of a panel.
    const VECTORS: usize = PANEL / 16;

    /// Rows of a tile.
    const ROWS: usize = 8;

    /// The columns of a tile in a part of the terms.
    #[derive(Clone, Copy)]
    struct Part {
        /// The first term's weights.
        weight: *const f32,
        /// Values from a term's weights to the next one's.
        stride: usize,
        terms: usize,
        masks: [u16; VECTORS],
        /// Whether the result holds values to add to, such as a part before it.
        adds: bool,
        /// Whether to ask for the weights of the next panel.
        is_first: bool,
    }

    /// # Safety
    /// The machine has AVX-512; `out` has the rows of `x` and the columns of `weight`, and values if they are added
    /// to; the bias has these columns; `x` has as many columns as `weight` rows, which has its rows' values side by
    /// side.
    #[expect(unsafe_code, reason = "sums stay in registers")]
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn multiply(
        x: Matrix<'_>,
        weight: Matrix<'_>,
        bias: Option<&[f32]>,
        out: &mut Out<'_>,
        adds: bool,
    ) {
        let (rows, terms, columns) = (x.num_rows(), x.num_columns(), weight.num_columns());
        let size = terms.div_ceil(terms.div_ceil(TERMS).max(1)).max(1);
        let stride = out.stride();
        for first in (0..columns).step_by(PANEL) {
            let masks = std::array::from_fn(|vector| {
                let count = (columns - first).saturating_sub(16 * vector).min(16);
                u16::try_from((1_u32 << count) - 1).expect("at most sixteen columns")
            });
            for term in (0..terms).step_by(size) {
                let from = weight.row(term)[first..].as_ptr();
                let count = size.min(terms - term);
                for row in (0..rows).step_by(ROWS) {
                    let part = Part {
                        weight: from,
                        stride: weight.row_stride(),
                        terms: count,
                        masks,
                        adds: adds || term > 0,
                        is_first: row == 0,
                    };
                    let strides = [x.row_stride(), x.column_stride()];
                    let x = (x.from(row, term).as_ptr(), strides);
                    let to = (out.start(row, first), stride);
                    // SAFETY: the tile lies in `x`, `weight` and `out`.
                    unsafe {
                        match (rows - row).min(ROWS) {
                            1 => tile::<1>(x, part, to),
                            2 => tile::<2>(x, part, to),
                            3 => tile::<3>(x, part, to),
                            4 => tile::<4>(x, part, to),
                            5 => tile::<5>(x, part, to),
                            6 => tile::<6>(x, part, to),
                            7 => tile::<7>(x, part, to),
                            _ => tile::<ROWS>(x, part, to),
                        }
                    }
                }
            }
            if let Some(bias) = bias {
                for row in 0..rows {
                    // SAFETY: the panel lies in the row of `out`, and the bias has its columns.
                    unsafe { add(out.start(row, first), &bias[first..], masks) };
                }
            }
        }
    }

    /// Adds a part of the terms of `COUNT` rows of a panel.
    ///
    /// # Safety
    /// The machine has AVX-512; `x` points to `COUNT` rows of the part's terms, rows and terms the given numbers of
    /// values apart, and `to` to as many rows with room for the columns of the masks, `stride` values apart; the
    /// part's weights can be read in these columns.
    #[expect(unsafe_code, reason = "sums stay in registers")]
    #[target_feature(enable = "avx512f")]
    unsafe fn tile<const COUNT: usize>(
        (x, [row_stride, term_stride]): (*const f32, [usize; 2]),
        part: Part,
        (to, stride): (*mut f32, usize),
    ) {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; COUNT];
        for term in 0..part.terms {
            let weight = part.weight.wrapping_add(term * part.stride);
            let weights: [__m512; VECTORS] = std::array::from_fn(|vector| {
                // SAFETY: only columns of the mask are read.
                unsafe {
                    _mm512_maskz_loadu_ps(part.masks[vector], weight.wrapping_add(16 * vector))
                }
            });
            if part.is_first {
                for vector in 0..VECTORS {
                    let next = weight.wrapping_add(PANEL + 16 * vector);
                    // What is asked for need not exist.
                    _mm_prefetch::<_MM_HINT_T1>(next.cast());
                }
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: row and term are in `x`.
                let value = unsafe { *x.wrapping_add(row * row_stride + term * term_stride) };
                let value = _mm512_set1_ps(value);
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_fmadd_ps(weights, value, *sum);
                }
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            for (vector, mut sum) in sums.into_iter().enumerate() {
                let (mask, to) = (
                    part.masks[vector],
                    to.wrapping_add(row * stride + 16 * vector),
                );
                // SAFETY: the caller has room for the columns of the mask, which a part before has
                // written if it adds.
                unsafe {
                    if part.adds {
                        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, to));
                    }
                    _mm512_mask_storeu_ps(to, mask, sum);
                }
            }
        }
    }

    /// Adds the bias to the columns of a panel.
    ///
    /// # Safety
    /// The machine has AVX-512; the columns of the masks are in `to` and in the bias.
    #[expect(unsafe_code, reason = "columns of a mask")]
    #[target_feature(enable = "avx512f")]
    unsafe fn add(to: *mut f32, bias: &[f32], masks: [u16; VECTORS]) {
        for (vector, mask) in masks.into_iter().enumerate() {
            let to = to.wrapping_add(16 * vector);
            let bias = bias.as_ptr().wrapping_add(16 * vector);
            // SAFETY: only columns of the mask are read and written.
            unsafe {
                let sum = _mm512_add_ps(
                    _mm512_maskz_loadu_ps(mask, to),
                    _mm512_maskz_loadu_ps(mask, bias),
                );
                _mm512_mask_storeu_ps(to, mask, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flex::gemm::{MatrixMut, gemm, gemm_new, gemm_side_by_side};
    use crate::flex::linear::add_to_rows;
    use crate::flex::rows::unwritten;

    #[test]
    fn layers_side_by_side_are_those_of_the_crate_to_the_bit() {
        let values = |count: usize, step: usize| -> Vec<f32> {
            let values = (0..count).map(|value| (value * step % 257) as f32 / 100.0 - 1.3);
            values.collect()
        };
        for (rows, input) in [(1, 384), (2, 70), (9, 384), (64, 1536), (150, 513)] {
            let (x, bias) = (values(rows * input, 31), values(100, 7));
            let weights = [values(input * 100, 13), values(input * 65, 101)];
            let layers = [(0, Some(&*bias)), (1, None)].map(|(layer, bias)| LinearLayer {
                weight: &weights[layer],
                bias,
                packed: None,
                width: Width {
                    input,
                    output: weights[layer].len() / input,
                },
            });
            if !layers.iter().all(|layer| applies(rows, layer.width)) {
                assert!(!is_available(), "{rows} rows of {input}");
                return;
            }
            let x = Matrix::new(&x, rows, input);
            let mut memory = unwritten(rows * 165);
            let found = super::layers(&mut memory, x, &layers).to_vec();
            let mut expected = unwritten(rows * 165);
            let both = layers.map(|layer| layer.matrix());
            let expected = gemm_side_by_side(&mut expected, 1.0, x, &both);
            add_to_rows(expected, &[&bias[..], &[0.0; 65]].concat());
            assert!(found == expected, "{rows} rows of {input}");
            if rows == 1 {
                // The crate adds to a single row term by term: its sums are not these.
                continue;
            }
            let mut sums = values(rows * 100, 3);
            let mut expected = sums.clone();
            add_product(&mut sums, x, layers[0].matrix());
            let out = MatrixMut::new(&mut expected, rows, 100);
            gemm(out, Write::Add, 1.0, x, layers[0].matrix());
            assert!(sums == expected, "sums of {rows} rows of {input}");
            let columns = values(input * rows, 17);
            let columns = Matrix::new(&columns, input, rows).transposed();
            let [mut found, mut expected] = [(); 2].map(|()| unwritten(rows * 100));
            let found = product(&mut found, columns, layers[0].matrix());
            let expected = gemm_new(&mut expected, 1.0, columns, layers[0].matrix());
            assert!(found == expected, "columns of {input} and {rows} rows");
        }
    }
}
