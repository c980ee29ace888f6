//! Rows of floats in bytes, with AVX-512.

use std::arch::x86_64::{
    __m512, _mm_mask_storeu_epi8, _mm512_add_ps, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32,
    _mm512_maskz_loadu_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_ps,
    _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
};

use super::{ROUND, Row, Scale};

/// Sixteen values from `start` on and the mask of those that there are; 0 for the others.
///
/// # Safety
/// The machine has AVX-512.
#[expect(unsafe_code, reason = "the load is masked")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load(values: &[f32], start: usize) -> (__m512, u16) {
    let left = (values.len() - start).min(16);
    let mask = u16::MAX >> (16 - left);
    // SAFETY: only values of the slice are read.
    let loaded = unsafe { _mm512_maskz_loadu_ps(mask, values.as_ptr().wrapping_add(start)) };
    (loaded, mask)
}

/// # Safety
/// The machine has AVX-512, and `quads` has room for as many bytes as there are values.
#[expect(unsafe_code, reason = "sixteen bytes are stored at once")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn divide(quads: &mut [u32], values: &[f32]) -> Row {
    let nothing = _mm512_setzero_ps();
    let (mut low, mut high, mut rest) = (nothing, nothing, nothing);
    for start in (0..values.len()).step_by(16) {
        // SAFETY: the machine has the instructions.
        let (loaded, _) = unsafe { load(values, start) };
        // Of a value that is not a number, the other is taken.
        low = _mm512_min_ps(loaded, low);
        high = _mm512_max_ps(loaded, high);
        rest = _mm512_add_ps(rest, _mm512_mul_ps(loaded, nothing));
    }
    let (least, most) = (_mm512_reduce_min_ps(low), _mm512_reduce_max_ps(high));
    let scale = Scale::new(least, most, _mm512_reduce_add_ps(rest));
    let [per_step, zero, round] =
        [scale.per_step, scale.zero, ROUND].map(|value| _mm512_set1_ps(value));
    let greatest = _mm512_set1_ps(255.0);
    let bytes: *mut i8 = quads.as_mut_ptr().cast();
    for start in (0..values.len()).step_by(16) {
        // SAFETY: the machine has the instructions.
        let (loaded, mask) = unsafe { load(values, start) };
        let steps = _mm512_add_ps(_mm512_mul_ps(loaded, per_step), round);
        let steps = _mm512_add_ps(_mm512_sub_ps(steps, round), zero);
        let steps = _mm512_min_ps(_mm512_max_ps(steps, nothing), greatest);
        let found = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(steps));
        // SAFETY: the caller has room for the bytes of the mask.
        unsafe { _mm_mask_storeu_epi8(bytes.wrapping_add(start), mask, found) };
    }
    scale.row
}
