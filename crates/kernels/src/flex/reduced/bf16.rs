//! Matrix products of bf16 with sums in f32, by the instructions AVX512-BF16.
//!
//! A sum adds its terms two at a time in the order of the inner dimension, from zero, whatever the
//! number of rows: a row of a product does not depend on the others.

use std::ops::Range;

use super::out::Out;
use super::panels::Panels;
use crate::flex::gemm::{Matrix, Write};
use crate::flex::math::vector_fn;

/// Whether this machine multiplies bf16.
pub(crate) fn is_available() -> bool {
    cfg_select! {
        target_arch = "x86_64" => {
            crate::flex::math::has_avx512() && std::arch::is_x86_feature_detected!("avx512bf16")
        }
        _ => false,
    }
}

/// A left factor: rows of bf16, two side by side in a `u32`, with a zero after an odd number.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pairs: Vec<u32>,
    per_row: usize,
}

impl Rows {
    /// Rounds the rows of a row-major matrix.
    pub(super) fn of(x: Matrix<'_>) -> Self {
        let mut rows = Self::zeros(x.num_rows(), x.num_columns());
        for (row, pairs) in rows.pairs.chunks_exact_mut(rows.per_row.max(1)).enumerate() {
            round_row(pairs, x.row(row), 1.0);
        }
        rows
    }

    /// Rows of zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        let per_row = columns.div_ceil(2);
        Self {
            pairs: vec![0; rows * per_row],
            per_row,
        }
    }

    /// Replaces a row by `factor` times the values, rounded.
    pub(super) fn set(&mut self, row: usize, values: &[f32], factor: f32) {
        let pairs = &mut self.pairs[row * self.per_row..(row + 1) * self.per_row];
        round_row(pairs, values, factor);
    }

    /// Replaces a row by `exp(score - greatest)` of the scores in `seen`, rounded, and zeros elsewhere.
    /// Returns their sum before rounding, 0 where none is seen, and the greatest score.
    ///
    /// # Panics
    /// If the machine has no bf16 products.
    pub(super) fn set_exponentials(
        &mut self,
        row: usize,
        scores: &[f32],
        seen: Range<usize>,
    ) -> [f32; 2] {
        assert!(is_available(), "a machine that multiplies bf16");
        assert_eq!(scores.len().div_ceil(2), self.per_row, "scores of a row");
        let pairs = &mut self.pairs[row * self.per_row..(row + 1) * self.per_row];
        cfg_select! {
            target_arch = "x86_64" => {
                // SAFETY: the machine has the instructions; there is no other requirement.
                #[expect(unsafe_code, reason = "the compiler cannot see the check")]
                unsafe {
                    avx512::exponentials(pairs, scores, seen)
                }
            }
            _ => unreachable!("no such machine: {pairs:?}, {seen:?}"),
        }
    }

    /// Writes the product of the first rows with `weight`, and adds a bias.
    ///
    /// # Panics
    /// If the sizes do not agree, or the machine has no bf16 products.
    pub(super) fn multiply(&self, weight: &Panels, bias: Option<&[f32]>, out: &mut Out<'_>) {
        // SAFETY: nothing is read of the result.
        #[expect(unsafe_code, reason = "the result may have no values yet")]
        unsafe {
            self.product(weight, bias, Write::Replace, out);
        }
    }

    /// Adds the product of the first rows with `weight` to values, as many as it has.
    ///
    /// # Panics
    /// As [`multiply`](Self::multiply).
    pub(super) fn multiply_add(&self, weight: &Panels, values: &mut [f32]) {
        let mut out = Out::of_values(values, weight.columns());
        // SAFETY: all of it has values.
        #[expect(unsafe_code, reason = "the compiler cannot see what was written")]
        unsafe {
            self.product(weight, None, Write::Add, &mut out);
        }
    }

    /// # Safety
    /// All values of the result were written, if the product is added to them.
    #[expect(unsafe_code, reason = "its callers know what was written")]
    unsafe fn product(
        &self,
        weight: &Panels,
        bias: Option<&[f32]>,
        write: Write,
        out: &mut Out<'_>,
    ) {
        assert!(is_available(), "a machine that multiplies bf16");
        assert_eq!(self.per_row, weight.groups(), "terms of a product");
        assert_eq!(weight.columns(), out.columns(), "columns of a product");
        assert!(
            out.rows() * self.per_row <= self.pairs.len(),
            "rows of a product"
        );
        if let Some(bias) = bias {
            assert_eq!(bias.len(), weight.columns(), "a bias per column");
        }
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: the machine has the instructions; the sizes were checked above, and there are
            // values where the product is added.
            unsafe {
                avx512::multiply(&self.pairs, weight, bias, write, out);
            }
        }
    }
}

/// Writes `leftᵀ right`, or adds it to the result: both have their terms in groups, and one column of
/// `left` makes one row, from column `first` of `left` on.
///
/// # Safety
/// All values of the result were written, if the product is added to them.
///
/// # Panics
/// If the sizes do not agree, `first` is not a multiple of eight, or the machine has no bf16 products.
#[expect(unsafe_code, reason = "its callers know what was written")]
pub(super) unsafe fn multiply_transposed(
    left: &Panels,
    first: usize,
    right: &Panels,
    write: Write,
    out: &mut Out<'_>,
) {
    assert!(is_available(), "a machine that multiplies bf16");
    assert_eq!(left.groups(), right.groups(), "terms of a product");
    assert!(
        first.is_multiple_of(8) && first + out.rows() <= left.columns(),
        "rows of a product"
    );
    assert_eq!(right.columns(), out.columns(), "columns of a product");
    cfg_select! {
        target_arch = "x86_64" => {
            // SAFETY: the machine has the instructions; the sizes were checked above, and there are
            // values where the product is added.
            unsafe { avx512::multiply_transposed(left, first, right, write, out) }
        }
        _ => unreachable!("no such machine: {write:?}"),
    }
}

/// The nearest bf16, ties to even, in the lower half; not a number stays so.
#[inline(always)]
pub(super) fn round(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if value.is_nan() {
        (bits >> 16) | 0x40
    } else {
        rounded
    }
}

vector_fn! {
    fn round_row(pairs: &mut [u32], values: &[f32], factor: f32) {
        let (whole, rest) = values.as_chunks::<2>();
        for (pair, [low, high]) in pairs.iter_mut().zip(whole) {
            *pair = round(low * factor) | round(high * factor) << 16;
        }
        if let ([last], Some(pair)) = (rest, pairs.get_mut(whole.len())) {
            *pair = round(last * factor);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m256bh, __m256i, __m512, __m512bh, __m512i, _mm256_storeu_si256, _mm512_add_ps,
        _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_load_si512, _mm512_loadu_ps,
        _mm512_mask_max_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_maskz_mov_ps,
        _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps, _mm512_roundscale_ps,
        _mm512_scalef_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
    };
    use std::ops::Range;

    use super::{Out, Panels, Write};
    use crate::flex::reduced::panels::{Line, PANEL};

    /// # Safety
    /// The machine has AVX512-BF16; `pairs` has `out.rows()` rows of `weight.groups()`, `out` as
    /// many columns as `weight`, and so has the bias; it has values if the product is added.
    #[expect(unsafe_code, reason = "sums stay in registers")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn multiply(
        pairs: &[u32],
        weight: &Panels,
        bias: Option<&[f32]>,
        write: Write,
        out: &mut Out<'_>,
    ) {
        let per_row = weight.groups();
        let rows = out.rows();
        for (number, panel) in weight.panels().enumerate() {
            let first = number * PANEL;
            let masks = masks(weight.columns() - first);
            let bias: [__m512; 2] = std::array::from_fn(|half| match bias {
                // SAFETY: only columns of the mask are read.
                Some(bias) => unsafe {
                    _mm512_maskz_loadu_ps(
                        masks[half],
                        bias.as_ptr().wrapping_add(first + 16 * half),
                    )
                },
                None => _mm512_setzero_ps(),
            });
            let mut row = 0;
            while row < rows {
                let left = &pairs[row * per_row..];
                let to = out.start(row, first);
                let to = Tile {
                    start: to,
                    stride: out.stride(),
                    masks,
                    write,
                };
                // SAFETY: the tile lies in `left`, in the panel and in the columns of `out`.
                unsafe {
                    row += match rows - row {
                        12.. => tile::<12>(left, panel, bias, to),
                        8.. => tile::<8>(left, panel, bias, to),
                        4.. => tile::<4>(left, panel, bias, to),
                        2.. => tile::<2>(left, panel, bias, to),
                        _ => tile::<1>(left, panel, bias, to),
                    };
                }
            }
        }
    }

    /// Masks of the columns of a panel, of which `columns` and those of later panels are left.
    fn masks(columns: usize) -> [u16; 2] {
        [columns.min(16), columns.saturating_sub(16).min(16)].map(lanes)
    }

    /// Where the sums of a tile are written: up to 32 columns of rows `stride` values apart.
    #[derive(Clone, Copy)]
    struct Tile {
        start: *mut f32,
        stride: usize,
        masks: [u16; 2],
        write: Write,
    }

    impl Tile {
        /// Sums to begin with: zeros, or the values that are there.
        ///
        /// # Safety
        /// There are `rows` rows with columns for the masks, and values in them if the sums are added.
        #[expect(unsafe_code, reason = "sums stay in registers")]
        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn begin<const ROWS: usize>(self, rows: usize) -> [[__m512; 2]; ROWS] {
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            if self.write == Write::Add {
                // All rows, so that the compiler unrolls the loop and keeps sums in registers.
                for (row, sums) in sums.iter_mut().enumerate() {
                    if row >= rows {
                        break;
                    }
                    for (half, sum) in sums.iter_mut().enumerate() {
                        let from = self.start.wrapping_add(row * self.stride + 16 * half);
                        // SAFETY: only values of the mask are read, which are there.
                        *sum = unsafe { _mm512_maskz_loadu_ps(self.masks[half], from) };
                    }
                }
            }
            sums
        }

        /// Writes the sums and a bias.
        ///
        /// # Safety
        /// There are `rows` rows with columns for the masks.
        #[expect(unsafe_code, reason = "sums stay in registers")]
        #[inline]
        #[target_feature(enable = "avx512f")]
        unsafe fn end<const ROWS: usize>(
            self,
            sums: [[__m512; 2]; ROWS],
            rows: usize,
            bias: [__m512; 2],
        ) {
            for (row, sums) in sums.into_iter().enumerate() {
                if row >= rows {
                    break;
                }
                for half in 0..2 {
                    let to = self.start.wrapping_add(row * self.stride + 16 * half);
                    let sum = _mm512_add_ps(sums[half], bias[half]);
                    // SAFETY: the caller has room for the columns of the mask.
                    unsafe { _mm512_mask_storeu_ps(to, self.masks[half], sum) };
                }
            }
        }
    }

    /// `ROWS` rows of one panel's columns. Returns `ROWS`.
    ///
    /// # Safety
    /// The machine has AVX512-BF16; `pairs` has `ROWS` rows; `to` has as many rows with columns for
    /// its masks, and values in them if sums are added.
    #[expect(unsafe_code, reason = "sums stay in registers")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn tile<const ROWS: usize>(
        pairs: &[u32],
        panel: &[[Line; 2]],
        bias: [__m512; 2],
        to: Tile,
    ) -> usize {
        let per_row = panel.len();
        debug_assert!(ROWS * per_row <= pairs.len());
        // SAFETY: as the caller promises.
        let mut sums = unsafe { to.begin::<ROWS>(ROWS) };
        for (pair, lines) in panel.iter().enumerate() {
            let right = lines_of(lines);
            for (row, sums) in sums.iter_mut().enumerate() {
                // SAFETY: row and pair are in `pairs`.
                let left = unsafe { *pairs.get_unchecked(row * per_row + pair) };
                let left = pair_of(_mm512_set1_epi32(left.cast_signed()));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = _mm512_dpbf16_ps(*sum, left, right);
                }
            }
        }
        // SAFETY: as the caller promises.
        unsafe { to.end(sums, ROWS, bias) };
        ROWS
    }

    /// Rows of a tile whose left factor is in panels, too; divides a line.
    const TRANSPOSED: usize = 8;

    /// # Safety
    /// The machine has AVX512-BF16; both factors have the same groups of terms, `first` is a multiple of
    /// eight, and `left` has all rows of `out` as columns from there on; `out` has as many columns as
    /// `right`, and values if the product is added.
    #[expect(unsafe_code, reason = "sums stay in registers")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn multiply_transposed(
        left: &Panels,
        first: usize,
        right: &Panels,
        write: Write,
        out: &mut Out<'_>,
    ) {
        let groups = left.groups();
        let left: Vec<&[[Line; 2]]> = left.panels().collect();
        if groups == 0 {
            return;
        }
        for (number, right) in right.panels().enumerate() {
            let column = number * PANEL;
            let masks = masks(out.columns() - column);
            for row in (0..out.rows()).step_by(TRANSPOSED) {
                let place = first + row;
                let (left, half) = (left[place / PANEL], place % PANEL / 16);
                let to = Tile {
                    start: out.start(row, column),
                    stride: out.stride(),
                    masks,
                    write,
                };
                let rows = (out.rows() - row).min(TRANSPOSED);
                // SAFETY: as the caller promises.
                let mut sums = unsafe { to.begin::<TRANSPOSED>(rows) };
                for (left, right) in left.iter().zip(right) {
                    let right = lines_of(right);
                    let chunks = left[half].0.as_chunks::<TRANSPOSED>().0;
                    let left = &chunks[place % 16 / TRANSPOSED];
                    for (left, sums) in left.iter().zip(&mut sums) {
                        let left = pair_of(_mm512_set1_epi32(left.cast_signed()));
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = _mm512_dpbf16_ps(*sum, left, right);
                        }
                    }
                }
                // SAFETY: as the caller promises.
                unsafe { to.end(sums, rows, [_mm512_setzero_ps(); 2]) };
            }
        }
    }

    /// The two lines of a group, as pairs of bf16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn lines_of(lines: &[Line; 2]) -> [__m512bh; 2] {
        lines.each_ref().map(|line| {
            // SAFETY: a line is aligned, and 64 bytes.
            #[expect(unsafe_code, reason = "a load of a whole line")]
            let bits = unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) };
            pair_of(bits)
        })
    }

    /// `exp(score - greatest)` of the scores in `seen`, two by two. Returns their sum, and the greatest
    /// score.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) fn exponentials(pairs: &mut [u32], scores: &[f32], seen: Range<usize>) -> [f32; 2] {
        let chunks = scores.chunks(16).zip((0..).step_by(16));
        let mask = |first: usize| {
            let below = |end: usize| (1_u32 << end.saturating_sub(first).min(16)) - 1;
            u16::try_from(below(seen.end) & !below(seen.start)).expect("sixteen bits")
        };
        let mut greatest = _mm512_set1_ps(f32::NEG_INFINITY);
        for (chunk, first) in chunks.clone() {
            let mask = mask(first) & lanes(chunk.len());
            greatest = _mm512_mask_max_ps(greatest, mask, greatest, load(chunk));
        }
        let greatest = _mm512_reduce_max_ps(greatest);
        let mut sums = [_mm512_setzero_ps(); 2];
        for ((chunk, first), pairs) in chunks.zip(pairs.chunks_mut(8)) {
            let mask = mask(first) & lanes(chunk.len());
            let exponent = _mm512_sub_ps(load(chunk), _mm512_set1_ps(greatest));
            let value = _mm512_maskz_mov_ps(mask, exp(exponent));
            let sum = &mut sums[first / 16 % 2];
            *sum = _mm512_add_ps(*sum, value);
            let value = bits_of(_mm512_cvtneps_pbh(value));
            // SAFETY: eight values are written to places for as many.
            #[expect(unsafe_code, reason = "a store of a whole vector")]
            if let Some(pairs) = pairs.first_chunk_mut::<8>() {
                unsafe { _mm256_storeu_si256(pairs.as_mut_ptr().cast(), value) };
            } else {
                let mut rounded = [0_u32; 8];
                unsafe { _mm256_storeu_si256(rounded.as_mut_ptr().cast(), value) };
                pairs.copy_from_slice(&rounded[..pairs.len()]);
            }
        }
        [
            _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1])),
            greatest,
        ]
    }

    /// The first `count` of sixteen.
    fn lanes(count: usize) -> u16 {
        u16::try_from((1_u32 << count) - 1).expect("at most sixteen")
    }

    /// Up to sixteen values, then zeros.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(values: &[f32]) -> __m512 {
        // SAFETY: only values of the slice are read.
        #[expect(unsafe_code, reason = "a load of a slice")]
        unsafe {
            match values.first_chunk::<16>() {
                Some(values) => _mm512_loadu_ps(values.as_ptr()),
                None => _mm512_maskz_loadu_ps(lanes(values.len()), values.as_ptr()),
            }
        }
    }

    /// `eˣ` for `x ≤ 0` within 3e-6 of itself, as precise as bf16 needs; 0 where it is too small.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn exp(x: __m512) -> __m512 {
        let power = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E));
        let whole = _mm512_roundscale_ps::<0x08>(power);
        let rest = _mm512_sub_ps(power, whole);
        let mut series = _mm512_set1_ps(1.339_887_4e-3);
        for factor in [
            9.618_437e-3,
            5.550_332_6e-2,
            0.240_226_48,
            std::f32::consts::LN_2,
            1.0,
        ] {
            series = _mm512_fmadd_ps(series, rest, _mm512_set1_ps(factor));
        }
        _mm512_scalef_ps(series, whole)
    }

    /// Pairs of bf16 as bits.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn bits_of(pairs: __m256bh) -> __m256i {
        // SAFETY: both are 32 bytes, of any value.
        #[expect(unsafe_code, reason = "there is no function for it")]
        unsafe {
            std::mem::transmute::<__m256bh, __m256i>(pairs)
        }
    }

    /// The same bits as pairs of bf16.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn pair_of(bits: __m512i) -> __m512bh {
        // SAFETY: both are 64 bytes, of any value.
        #[expect(unsafe_code, reason = "there is no function for it")]
        unsafe {
            std::mem::transmute::<__m512i, __m512bh>(bits)
        }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flex::rows::unwritten;

    #[test]
    fn rounding_is_to_the_nearest_with_ties_to_even() {
        for (value, expected) in [
            (0.0_f32, 0x0000),
            (-0.0, 0x8000),
            (1.0, 0x3f80),
            (1.0 + 1.0 / 256.0, 0x3f80),
            (1.0 + 3.0 / 256.0, 0x3f82),
            (1.0 + 1.01 / 256.0, 0x3f81),
            (-1.5, 0xbfc0),
            (f32::MAX, 0x7f80),
            (f32::NEG_INFINITY, 0xff80),
        ] {
            assert_eq!(round(value), expected, "{value}");
        }
        let not_a_number = f32::from_bits(round(f32::from_bits(0x7f80_0001)) << 16);
        assert!(not_a_number.is_nan());
    }

    #[test]
    fn exponentials_of_seen_scores_and_their_sum() {
        if !is_available() {
            return;
        }
        for (count, seen) in [
            (1, 0..1),
            (16, 0..16),
            (33, 3..30),
            (40, 17..17),
            (90, 0..90),
        ] {
            let scores: Vec<f32> = (0..count).map(|k| 3.0 * (k as f32).sin() - 90.0).collect();
            let mut rows = Rows::zeros(2, count);
            let [sum, found] = rows.set_exponentials(1, &scores, seen.clone());
            let greatest = scores[seen.clone()]
                .iter()
                .fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            assert_eq!(found, greatest);
            let mut total = 0.0;
            for (key, score) in scores.iter().enumerate() {
                let pair = rows.pairs[rows.per_row + key / 2];
                let found = f32::from_bits((pair >> (16 * (key % 2))) << 16);
                let expected = if seen.contains(&key) {
                    (score - greatest).exp()
                } else {
                    0.0
                };
                assert!(
                    (found - expected).abs() <= 0.004 * expected,
                    "{found} {expected}"
                );
                total += expected;
            }
            assert!((sum - total).abs() <= 1e-5 * total, "{sum} {total}");
            assert!(rows.pairs[..rows.per_row].iter().all(|pair| *pair == 0));
        }
        let mut rows = Rows::zeros(1, 2);
        assert!(rows.set_exponentials(0, &[f32::NAN, 0.0], 0..2)[0].is_nan());
        assert_eq!(rows.set_exponentials(0, &[0.0, -200.0], 0..2), [1.0, 0.0]);
    }

    /// The product of the rounded factors in f64, and the same of their magnitudes.
    fn reference(x: Matrix<'_>, weight: Matrix<'_>) -> Vec<[f64; 2]> {
        let rounded = |value: f32| f64::from(f32::from_bits(round(value) << 16));
        let mut out = Vec::new();
        for row in 0..x.num_rows() {
            for column in 0..weight.num_columns() {
                let terms = (0..x.num_columns())
                    .map(|term| rounded(x.row(row)[term]) * rounded(weight.row(term)[column]));
                out.push(terms.fold([0.0, 0.0], |[sum, size], term| {
                    [sum + term, size + term.abs()]
                }));
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_product_is_that_of_the_rounded_factors_and_touches_nothing_else(
            rows in 1_usize..40, terms in 1_usize..70, columns in 1_usize..80,
            first in 0_usize..3, seed: u32, has_bias: bool,
        ) {
            if !is_available() {
                return Ok(());
            }
            let mut state = seed;
            let mut draw = |count: usize| -> Vec<f32> {
                let mut next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 23) as f32 - 1.0
                };
                (0..count).map(|_| next()).collect()
            };
            let (x, weight) = (draw(rows * terms), draw(terms * columns));
            let bias = draw(columns);
            let x = Matrix::new(&x, rows, terms);
            let weight = Matrix::new(&weight, terms, columns);
            let bias = has_bias.then_some(&bias[..]);
            let stride = first + columns + 1;
            let mut out = unwritten(rows * stride);
            out.fill(std::mem::MaybeUninit::new(7.0));
            let mut part = Out::new(&mut out, rows, stride, first, columns);
            Rows::of(x).multiply(&Panels::bf16(weight), bias, &mut part);
            #[expect(unsafe_code, reason = "all of it was filled")]
            let out = unsafe { out.assume_init_ref() };
            let expected = reference(x, weight);
            for (place, found) in out.iter().enumerate() {
                let (row, column) = (place / stride, place % stride);
                if column < first || column == stride - 1 {
                    prop_assert_eq!(*found, 7.0);
                    continue;
                }
                let column = column - first;
                let [sum, size] = expected[row * columns + column];
                let bias = bias.map_or(0.0, |bias| f64::from(bias[column]));
                let error = (f64::from(*found) - sum - bias).abs();
                prop_assert!(error <= 1e-6 * (size + 1.0), "{place}: {found}, {sum}");
            }
        }

        #[test]
        fn a_product_of_a_transpose_is_that_of_rows_and_adds_to_what_is_there(
            rows in 1_usize..40, terms in 1_usize..40, columns in 1_usize..80,
            first in 0_usize..5, seed: u32,
        ) {
            if !is_available() {
                return Ok(());
            }
            let mut state = seed;
            let mut draw = |count: usize| -> Vec<f32> {
                let mut next = || {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / (1 << 23) as f32 - 1.0
                };
                (0..count).map(|_| next()).collect()
            };
            let first = 8 * first;
            let (x, right) = (draw(terms * (first + rows)), draw(terms * columns));
            let mut found = draw(rows * columns);
            let mut expected = found.clone();
            let width = first + rows;
            let transposed: Vec<f32> = (0..rows * terms)
                .map(|place| x[place % terms * width + first + place / terms])
                .collect();
            let panels = Panels::bf16(Matrix::new(&right, terms, columns));
            Rows::of(Matrix::new(&transposed, rows, terms)).multiply_add(&panels, &mut expected);
            let left = Panels::bf16(Matrix::new(&x, terms, width));
            let mut out = Out::of_values(&mut found, columns);
            #[expect(unsafe_code, reason = "all of it has values")]
            unsafe {
                multiply_transposed(&left, first, &panels, Write::Add, &mut out);
            }
            prop_assert_eq!(&found, &expected);
            let before = expected.clone();
            Rows::of(Matrix::new(&transposed, rows, terms)).multiply_add(&panels, &mut expected);
            prop_assert_ne!(before, expected);
        }
    }
}
