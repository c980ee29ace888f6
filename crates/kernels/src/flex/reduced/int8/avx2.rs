//! Products with AVX2: bytes are widened to 16 bits, pairs of which are multiplied and added in 32 bits, so
//! that no sum overflows.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_load_si128, _mm256_add_epi32, _mm256_add_ps,
    _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_hadd_epi32, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_mul_ps,
    _mm256_mullo_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_sub_epi32,
};

use super::{Line, Out, PANEL, Row, Rows, Weight};

/// Columns of a tile: a fourth of a panel.
const COLUMNS: usize = 8;

/// Eight columns.
#[derive(Clone, Copy)]
struct Columns {
    steps: __m256,
    sums: __m256i,
    bias: Option<__m256>,
    /// Which of them there are.
    mask: __m256i,
}

/// # Safety
/// The machine has AVX2; the sizes were checked by the caller.
#[expect(unsafe_code, reason = "sums stay in registers")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn multiply(
    left: &Rows,
    weight: &Weight,
    bias: Option<&[f32]>,
    out: &mut Out<'_>,
) {
    let (per_row, rows) = (left.per_row, out.rows());
    let wide: Vec<i64> = left.quads.iter().map(|quad| widened(*quad)).collect();
    for (number, panel) in weight.panels.panels().enumerate() {
        let first = number * PANEL;
        let count = (weight.panels.columns() - first).min(PANEL);
        let parts: [Columns; PANEL / COLUMNS] = std::array::from_fn(|part| {
            let first = first + COLUMNS * part;
            let count = count.saturating_sub(COLUMNS * part);
            // SAFETY: of the bias, only columns of the panel are read.
            unsafe { columns(weight, bias, first, count) }
        });
        let mut row = 0;
        while row < rows {
            let (wide, of_rows) = (&wide[row * per_row..], &left.steps[row..]);
            let mut done = 0;
            for (part, columns) in parts[..count.div_ceil(COLUMNS)].iter().enumerate() {
                let to = (out.start(row, first + COLUMNS * part), out.stride());
                // SAFETY: the tile lies in `wide`, in the panel and in the columns of `out`.
                unsafe {
                    done = match rows - row {
                        6.. => tile::<6>(wide, of_rows, panel, part, columns, to),
                        4.. => tile::<4>(wide, of_rows, panel, part, columns, to),
                        2.. => tile::<2>(wide, of_rows, panel, part, columns, to),
                        _ => tile::<1>(wide, of_rows, panel, part, columns, to),
                    };
                }
            }
            row += done;
        }
    }
}

/// Four bytes as numbers of 16 bits.
#[inline(always)]
fn widened(quad: u32) -> i64 {
    let quad = u64::from(quad);
    let pairs = (quad | quad << 16) & 0x0000_ffff_0000_ffff;
    ((pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff).cast_signed()
}

/// `count`, or eight if that is more, columns from `first` on.
///
/// # Safety
/// The machine has AVX2; there are so many columns, also in the bias.
#[expect(unsafe_code, reason = "loads of columns that are there")]
#[target_feature(enable = "avx2,fma")]
unsafe fn columns(weight: &Weight, bias: Option<&[f32]>, first: usize, count: usize) -> Columns {
    let own = &weight.columns[first..first + COLUMNS];
    let steps: [f32; COLUMNS] = std::array::from_fn(|index| own[index].step);
    let sums: [i32; COLUMNS] = std::array::from_fn(|index| own[index].sum);
    let mask: [i32; COLUMNS] = std::array::from_fn(|index| if index < count { -1 } else { 0 });
    // SAFETY: the arrays have eight values; of the bias, only columns of the mask are read.
    unsafe {
        let mask = _mm256_loadu_si256(mask.as_ptr().cast());
        let bias = bias.map(|bias| _mm256_maskload_ps(bias.as_ptr().wrapping_add(first), mask));
        Columns {
            steps: _mm256_loadu_ps(steps.as_ptr()),
            sums: _mm256_loadu_si256(sums.as_ptr().cast()),
            bias,
            mask,
        }
    }
}

/// `COUNT` rows of eight columns, those of a `part` of the panel. Returns `COUNT`.
///
/// # Safety
/// The machine has AVX2; `wide` has `COUNT` rows; `to` points to as many rows, the given number of values
/// apart, with room for the columns of the mask.
#[expect(unsafe_code, reason = "sums stay in registers")]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const COUNT: usize>(
    wide: &[i64],
    rows: &[Row],
    panel: &[[Line; 2]],
    part: usize,
    columns: &Columns,
    (to, stride): (*mut f32, usize),
) -> usize {
    let per_row = panel.len();
    debug_assert!(COUNT * per_row <= wide.len());
    // Of every column, the sum of the first two terms of each quad, and of the last two.
    let mut sums = [[_mm256_setzero_si256(); 2]; COUNT];
    for (quad, lines) in panel.iter().enumerate() {
        let line = std::ptr::from_ref(&lines[part / 2]).cast::<__m128i>();
        let first = 2 * (part % 2);
        // SAFETY: a line is aligned, and four times 16 bytes, of four columns each.
        let right = [first, first + 1]
            .map(|four| unsafe { _mm256_cvtepi8_epi16(_mm_load_si128(line.wrapping_add(four))) });
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: row and quad are in `wide`.
            let left = _mm256_set1_epi64x(unsafe { *wide.get_unchecked(row * per_row + quad) });
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(left, right));
            }
        }
    }
    for (row, ([low, high], of_row)) in sums.into_iter().zip(rows).enumerate() {
        // Adds the two sums of every column, and puts columns 2 and 3 before 4 and 5.
        let sums = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(low, high));
        let zeros = _mm256_mullo_epi32(_mm256_set1_epi32(of_row.zero), columns.sums);
        let steps = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, zeros));
        let step = _mm256_mul_ps(_mm256_set1_ps(of_row.step), columns.steps);
        let mut value = _mm256_mul_ps(steps, step);
        if let Some(bias) = columns.bias {
            value = _mm256_add_ps(value, bias);
        }
        // SAFETY: the caller has room for the columns of the mask.
        unsafe { _mm256_maskstore_ps(to.wrapping_add(row * stride), columns.mask, value) };
    }
    COUNT
}
