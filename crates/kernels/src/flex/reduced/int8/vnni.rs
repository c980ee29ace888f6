//! Products with AVX-512 VNNI.

use std::arch::x86_64::{
    __m512, __m512i, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_load_si512,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_mul_ps, _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_sub_epi32,
};

use super::{Line, Out, PANEL, Row, Rows, Weight};

/// Sixteen columns.
#[derive(Clone, Copy)]
struct Columns {
    steps: __m512,
    sums: __m512i,
    bias: __m512,
    mask: u16,
}

/// # Safety
/// The machine has AVX-512 VNNI; the sizes were checked by the caller.
#[expect(unsafe_code, reason = "sums stay in registers")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn multiply(
    left: &Rows,
    weight: &Weight,
    bias: Option<&[f32]>,
    out: &mut Out<'_>,
) {
    let per_row = left.per_row;
    let rows = out.rows();
    for (number, panel) in weight.panels.panels().enumerate() {
        let first = number * PANEL;
        let count = (weight.panels.columns() - first).min(PANEL);
        let columns: [Columns; 2] = std::array::from_fn(|half| {
            let first = first + 16 * half;
            let own = &weight.columns[first..first + 16];
            let count = count.saturating_sub(16 * half).min(16);
            let mask = u16::try_from((1_u32 << count) - 1).expect("at most sixteen columns");
            let steps: [f32; 16] = std::array::from_fn(|index| own[index].step);
            let sums: [i32; 16] = std::array::from_fn(|index| own[index].sum);
            // SAFETY: of the bias, only columns of the mask are read.
            unsafe {
                Columns {
                    steps: _mm512_loadu_ps(steps.as_ptr()),
                    sums: _mm512_loadu_si512(sums.as_ptr().cast()),
                    bias: match bias {
                        Some(bias) => {
                            _mm512_maskz_loadu_ps(mask, bias.as_ptr().wrapping_add(first))
                        }
                        None => _mm512_setzero_ps(),
                    },
                    mask,
                }
            }
        });
        let has_bias = bias.is_some();
        let mut row = 0;
        while row < rows {
            let (quads, of_rows) = (&left.quads[row * per_row..], &left.steps[row..]);
            let to = (out.start(row, first), out.stride());
            // SAFETY: the tile lies in `quads`, in the panel and in the columns of `out`.
            unsafe {
                row += match rows - row {
                    12.. => tile::<12>(quads, of_rows, panel, &columns, has_bias, to),
                    8.. => tile::<8>(quads, of_rows, panel, &columns, has_bias, to),
                    4.. => tile::<4>(quads, of_rows, panel, &columns, has_bias, to),
                    2.. => tile::<2>(quads, of_rows, panel, &columns, has_bias, to),
                    _ => tile::<1>(quads, of_rows, panel, &columns, has_bias, to),
                };
            }
        }
    }
}

/// `COUNT` rows of one panel's columns. Returns `COUNT`.
///
/// # Safety
/// The machine has AVX-512 VNNI; `quads` has `COUNT` rows; `to` points to as many rows, the given
/// number of values apart, with room for the columns of the masks.
#[expect(unsafe_code, reason = "sums stay in registers")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const COUNT: usize>(
    quads: &[u32],
    rows: &[Row],
    panel: &[[Line; 2]],
    columns: &[Columns; 2],
    has_bias: bool,
    (to, stride): (*mut f32, usize),
) -> usize {
    let per_row = panel.len();
    debug_assert!(COUNT * per_row <= quads.len());
    let mut sums = [[_mm512_setzero_si512(); 2]; COUNT];
    for (quad, lines) in panel.iter().enumerate() {
        // SAFETY: a line is aligned, and 64 bytes.
        let right = lines
            .each_ref()
            .map(|line| unsafe { _mm512_load_si512(std::ptr::from_ref(line).cast()) });
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: row and quad are in `quads`.
            let left = unsafe { *quads.get_unchecked(row * per_row + quad) };
            let left = _mm512_set1_epi32(left.cast_signed());
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = _mm512_dpbusd_epi32(*sum, left, right);
            }
        }
    }
    for (row, (sums, of_row)) in sums.into_iter().zip(rows).enumerate() {
        for (half, (sum, columns)) in sums.into_iter().zip(columns).enumerate() {
            let zeros = _mm512_mullo_epi32(_mm512_set1_epi32(of_row.zero), columns.sums);
            let steps = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, zeros));
            let step = _mm512_mul_ps(_mm512_set1_ps(of_row.step), columns.steps);
            let mut value = _mm512_mul_ps(steps, step);
            if has_bias {
                value = _mm512_add_ps(value, columns.bias);
            }
            let to = to.wrapping_add(row * stride + 16 * half);
            // SAFETY: the caller has room for the columns of the mask.
            unsafe { _mm512_mask_storeu_ps(to, columns.mask, value) };
        }
    }
    COUNT
}
