//! Seeds of random numbers, as a function of the step and micro-batch.
//!
//! Dropout uses the device's generator, which is seeded again for every micro-batch of every step. A resumed run
//! thus draws the same numbers, and checkpoints do not store the generator.

/// Seed of micro-batch `number` (from 0) of step `step` (from 1).
///
/// Two rounds of `SplitMix64` (Steele, Lea and Flood, 2014): neighboring steps get unrelated seeds.
pub(crate) fn micro_batch_seed(seed: u64, step: usize, number: usize) -> u64 {
    mix(mix(mix(seed) ^ step as u64) ^ number as u64)
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn seeds_differ_between_runs_steps_and_micro_batches() {
        let mut seen = BTreeSet::new();
        for seed in 0..10 {
            for step in 0..20 {
                for piece in 0..10 {
                    seen.insert(micro_batch_seed(seed, step, piece));
                }
            }
        }
        assert_eq!(seen.len(), 2000);
    }

    #[test]
    fn the_first_number_of_the_published_generator_comes_out() {
        // `SplitMix64` seeded with 0.
        assert_eq!(mix(0), 0xE220_A839_7B1D_CDAF);
    }
}
