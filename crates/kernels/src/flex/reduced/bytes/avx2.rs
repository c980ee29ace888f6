//! Rows of floats in bytes, with AVX2.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_ps, _mm256_cvtps_epi32, _mm256_loadu_ps, _mm256_max_ps,
    _mm256_min_ps, _mm256_mul_ps, _mm256_packs_epi32, _mm256_packus_epi16,
    _mm256_permutevar8x32_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
};

use super::{ROUND, Row, Scale};

/// Values that are divided together.
const CHUNK: usize = 32;

/// The values in chunks, the last with zeros at its end, which change neither step nor zero.
fn chunks(values: &[f32]) -> impl Iterator<Item = [f32; CHUNK]> {
    let (whole, rest) = values.as_chunks::<CHUNK>();
    let mut last = [0.0; CHUNK];
    last[..rest.len()].copy_from_slice(rest);
    let last = (!rest.is_empty()).then_some(last);
    whole.iter().copied().chain(last)
}

/// # Safety
/// The machine has AVX2.
#[expect(unsafe_code, reason = "arrays are loaded")]
#[target_feature(enable = "avx2,fma")]
unsafe fn load(chunk: &[f32; CHUNK]) -> [__m256; 4] {
    // SAFETY: 32 values are four times eight.
    [0, 8, 16, 24].map(|first| unsafe { _mm256_loadu_ps(chunk.as_ptr().wrapping_add(first)) })
}

#[expect(unsafe_code, reason = "an array is stored")]
#[target_feature(enable = "avx2,fma")]
unsafe fn lanes(values: __m256) -> [f32; 8] {
    let mut lanes = [0.0; 8];
    // SAFETY: there is room for eight values.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), values) };
    lanes
}

/// # Safety
/// The machine has AVX2, and `quads` has room for as many bytes as there are values.
#[expect(unsafe_code, reason = "the instructions of the machine")]
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn divide(quads: &mut [u32], values: &[f32]) -> Row {
    let nothing = _mm256_setzero_ps();
    let (mut low, mut high, mut rest) = ([nothing; 4], [nothing; 4], [nothing; 4]);
    for chunk in chunks(values) {
        // SAFETY: the machine has the instructions.
        let loaded = unsafe { load(&chunk) };
        for (part, loaded) in loaded.into_iter().enumerate() {
            // Of a value that is not a number, the other is taken.
            low[part] = _mm256_min_ps(loaded, low[part]);
            high[part] = _mm256_max_ps(loaded, high[part]);
            rest[part] = _mm256_add_ps(rest[part], _mm256_mul_ps(loaded, nothing));
        }
    }
    // SAFETY: the machine has the instructions.
    let [low, high, rest] =
        [low, high, rest].map(|parts| parts.map(|part| unsafe { lanes(part) }).concat());
    let least = low.into_iter().fold(0.0, f32::min);
    let most = high.into_iter().fold(0.0, f32::max);
    let scale = Scale::new(least, most, rest.into_iter().sum());
    let quads = &mut quads[..values.len().div_ceil(4)];
    let (whole, last) = quads.as_chunks_mut::<{ CHUNK / 4 }>();
    let mut spare = [0; CHUNK / 4];
    let places = whole.iter_mut().chain([&mut spare]);
    for (quads, chunk) in places.zip(chunks(values)) {
        // SAFETY: the machine has the instructions.
        let bytes = unsafe { bytes(load(&chunk), &scale) };
        // SAFETY: eight quads are 32 bytes.
        unsafe { _mm256_storeu_si256(quads.as_mut_ptr().cast(), bytes) };
    }
    last.copy_from_slice(&spare[..last.len()]);
    // Behind the last value are zeros, and not bytes that mean zero.
    if let (Some(quad), rest @ 1..) = (quads.last_mut(), values.len() % 4) {
        *quad &= (1 << (8 * rest)) - 1;
    }
    scale.row
}

/// # Safety
/// The machine has AVX2.
#[expect(unsafe_code, reason = "the instructions of the machine")]
#[target_feature(enable = "avx2,fma")]
unsafe fn bytes(values: [__m256; 4], scale: &Scale) -> __m256i {
    let [per_step, zero, round] =
        [scale.per_step, scale.zero, ROUND].map(|value| _mm256_set1_ps(value));
    let (nothing, greatest) = (_mm256_setzero_ps(), _mm256_set1_ps(255.0));
    let [a, b, c, d] = values.map(|values| {
        let steps = _mm256_add_ps(_mm256_mul_ps(values, per_step), round);
        let steps = _mm256_add_ps(_mm256_sub_ps(steps, round), zero);
        let steps = _mm256_min_ps(_mm256_max_ps(steps, nothing), greatest);
        _mm256_cvtps_epi32(steps)
    });
    // Packing interleaves the halves of its factors; the permutation puts four bytes each in order.
    let packed = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}
