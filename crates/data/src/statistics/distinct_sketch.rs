//! How many different numbers there are, without keeping them.

/// An estimate of the number of different values (`HyperLogLog`, Flajolet et al. 2007), with a standard error of 1.6 %.
#[derive(Debug)]
pub(super) struct DistinctSketch {
    /// Of the hashes that start alike, the most zeros that follow, and one.
    zeros: Vec<u8>,
}

/// How many bits of a hash choose the entry.
const CHOOSE: u32 = 12;

impl DistinctSketch {
    pub(super) fn new() -> Self {
        Self {
            zeros: vec![0; 1 << CHOOSE],
        }
    }

    pub(super) fn add(&mut self, value: u64) {
        let hash = mixed(value);
        // The bit behind the last counts as a one.
        let rest = hash << CHOOSE | 1 << (CHOOSE - 1);
        #[expect(clippy::cast_possible_truncation, reason = "at most 53")]
        let zeros = rest.leading_zeros() as u8 + 1;
        let entry = &mut self.zeros[(hash >> (u64::BITS - CHOOSE)) as usize];
        *entry = zeros.max(*entry);
    }

    /// The number; for a few thousand and more.
    pub(super) fn estimate(&self) -> usize {
        let entries = self.zeros.len() as f64;
        let bias = 0.7213 / (1.0 + 1.079 / entries);
        let sum: f64 = self
            .zeros
            .iter()
            .map(|&zeros| (-f64::from(zeros)).exp2())
            .sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of values"
        )]
        let estimate = (bias * entries * entries / sum).round() as usize;
        estimate
    }
}

/// A number whose bits all depend on all bits of `number`, and no other number's (`SplitMix64`, Steele et al. 2014).
pub(super) fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_once_and_the_estimate_is_near() {
        for number in [20_000_u64, 1_000_000] {
            let mut sketch = DistinctSketch::new();
            for value in (0..number).chain(0..number / 2) {
                sketch.add(value);
            }
            let error = sketch.estimate() as f64 / number as f64 - 1.0;
            assert!(error.abs() < 0.05, "{number}: {error}");
        }
    }
}
