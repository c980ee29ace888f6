//! Dropout without a stored mask: the mask is a function of a seed and the position.
//!
//! It is therefore the same in the forward and backward pass and on any thread.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Distribution, Tensor};

use super::buffer::{last, tensor, values};
use super::is_fused;
use super::kernel::{Kernel, run};
use super::math::vector_fn;
use super::rows::{MANY, by_rows, per_task, zeroed};

/// Dropout of single values. `None` if the device has no fused blocks.
pub(crate) fn dropout(probability: f64, x: &Tensor<3>) -> Option<Tensor<3>> {
    is_fused(x).then(|| {
        let dropout = Dropout::draw(probability, &x.device());
        if dropout.acts() {
            run(dropout, [x.clone().into_dispatch()])
        } else {
            x.clone()
        }
    })
}

/// Input and output: `[.., width]`; the mask treats them as a matrix with rows of `width` values.
impl Kernel<1> for Dropout {
    type Saved = Self;

    fn forward_saved(self, [x]: [FlexTensor; 1]) -> (FlexTensor, Self) {
        (self.drop_values(&x), self)
    }

    /// Applies the same mask to the gradient.
    fn backward(dropout: Self, gradient: &FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        [Some(dropout.drop_values(gradient))]
    }
}

/// Which values of a tensor are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Dropout {
    /// Probability of zero, in `[0, 1)`.
    pub(crate) probability: f32,
    /// Determines the mask.
    pub(crate) seed: u64,
}

impl Dropout {
    /// No dropout.
    pub(crate) const NONE: Self = Self {
        probability: 0.0,
        seed: 0,
    };

    /// A new mask for each call, from the device's random generator; no dropout outside training.
    pub(super) fn draw(probability: f64, device: &Device) -> Self {
        if probability == 0.0 || !device.is_autodiff() {
            return Self::NONE;
        }
        let device = device.clone().without_autodiff();
        let drawn = Tensor::<1>::random([4], Distribution::Uniform(0.0, 1.0), &device);
        let drawn: Vec<f32> = drawn.into_data().iter::<f32>().collect();
        // 16 random bits of each; a uniform f32 has 24.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole numbers below 2¹⁶"
        )]
        let seed = drawn
            .iter()
            .fold(0, |seed, value| seed << 16 | (value * 65_536.0) as u64);
        #[expect(clippy::cast_possible_truncation, reason = "probabilities are f32")]
        Self {
            probability: probability as f32,
            seed,
        }
    }

    /// Applies the mask to `x`, `[.., width]`.
    fn drop_values(self, x: &FlexTensor) -> FlexTensor {
        tensor(drop_rows(values(x), last(x), self), x.shape())
    }

    /// Whether any value can become zero.
    pub(crate) fn acts(self) -> bool {
        self.probability > 0.0
    }

    /// The mask of a row.
    #[inline(always)]
    pub(super) fn row(self, row: usize) -> RowMask {
        // The finalizer of SplitMix64, https://prng.di.unimi.it/splitmix64.c, gives neighboring
        // rows unrelated keys.
        let mut key = self
            .seed
            .wrapping_add((row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        key ^= key >> 31;
        #[expect(clippy::cast_possible_truncation, reason = "the halves of the key")]
        let (low, high) = (key as u32, (key >> 32) as u32);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a probability below 1 in steps of 2⁻³¹"
        )]
        let threshold = (f64::from(self.probability) * f64::from(1_u32 << 31)) as u32;
        RowMask {
            low,
            high,
            threshold: threshold.cast_signed(),
            scale: 1.0 / (1.0 - self.probability),
        }
    }
}

/// Which values of a row are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowMask {
    low: u32,
    high: u32,
    threshold: i32,
    scale: f32,
}

impl RowMask {
    /// Factor of the value in a column: 0, or 1 / (1 - probability).
    #[inline(always)]
    pub(super) fn factor(self, column: usize) -> f32 {
        // The finalizer of MurmurHash3 over the column, with both halves of the row's key.
        #[expect(clippy::cast_possible_truncation, reason = "rows are shorter than 2³²")]
        let mut hash = (column as u32).wrapping_mul(0x9e37_79b9) ^ self.low;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13) ^ self.high).wrapping_mul(0xc2b2_ae35);
        hash ^= hash >> 16;
        if (hash >> 1).cast_signed() < self.threshold {
            0.0
        } else {
            self.scale
        }
    }
}

/// Applies dropout to rows of `width` values.
pub(super) fn drop_rows(values: &[f32], width: usize, dropout: Dropout) -> Vec<f32> {
    let rows = values.len() / width;
    let [out] = by_rows(rows, per_task(rows, MANY), [width], |rows, [out]| {
        let out = zeroed(out);
        let values = &values[rows.start * width..rows.end * width];
        drop_part(out, values, width, dropout, rows.start);
        [out]
    });
    out
}

vector_fn! {
    /// One task's rows of [`drop_rows`]; `first` is the index of the first row.
    fn drop_part(out: &mut [f32], values: &[f32], width: usize, dropout: Dropout, first: usize) {
        let rows = out.chunks_exact_mut(width).zip(values.chunks_exact(width));
        for (row, (out, values)) in rows.enumerate() {
            let mask = dropout.row(first + row);
            for (column, (out, value)) in out.iter_mut().zip(values).enumerate() {
                *out = value * mask.factor(column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(dropout: Dropout, row: usize, columns: usize) -> Vec<bool> {
        let mask = dropout.row(row);
        (0..columns).map(|k| mask.factor(k) > 0.0).collect()
    }

    #[test]
    fn as_many_values_are_dropped_as_the_probability_says() {
        for probability in [0.1_f32, 0.5, 0.9] {
            let dropout = Dropout {
                probability,
                seed: 7,
            };
            let total: f64 = (0..200)
                .flat_map(|row| (0..500).map(move |column| dropout.row(row).factor(column)))
                .map(f64::from)
                .sum();
            // Mean 1, standard deviation √(p / (1 - p) / 100,000), 0.0095 at 0.9.
            assert!((total / 1e5 - 1.0).abs() < 0.04, "{probability}: {total}");
        }
    }

    #[test]
    fn rows_columns_and_seeds_are_unrelated() {
        let dropout = Dropout {
            probability: 0.5,
            seed: 7,
        };
        let agreement = |left: &[bool], right: &[bool]| {
            let same = left.iter().zip(right).filter(|(a, b)| a == b).count();
            same as f64 / left.len() as f64
        };
        let row = kept(dropout, 0, 10_000);
        for other in [
            kept(dropout, 1, 10_000),
            kept(dropout, 64, 10_000),
            kept(Dropout { seed: 8, ..dropout }, 0, 10_000),
        ] {
            assert!((agreement(&row, &other) - 0.5).abs() < 0.03);
        }
        for shift in [1, 2, 16, 384] {
            assert!((agreement(&row[shift..], &row[..10_000 - shift]) - 0.5).abs() < 0.03);
        }
        assert_eq!(row, kept(dropout, 0, 10_000));
    }
}
