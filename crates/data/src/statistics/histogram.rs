use std::fmt;

use serde::{Deserialize, Serialize};

/// Number of bins of a [`Histogram`].
pub const HISTOGRAM_BINS: usize = 10;

/// Counts of numbers in bins of equal width between the lowest and the highest number.
///
/// A bin includes its lower edge, and the last one also its upper edge. If all numbers are equal, they are in the
/// first bin. Displayed as one block character per bin, with a height relative to the fullest bin; `·` is an empty bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Histogram {
    /// Lower edge of the first bin.
    pub min: f64,
    /// Upper edge of the last bin.
    pub max: f64,
    /// Number of numbers in each bin.
    pub counts: [u64; HISTOGRAM_BINS],
}

impl Histogram {
    /// An empty histogram for numbers between `min` and `max`, both finite.
    pub(crate) fn new(min: f64, max: f64) -> Self {
        Self {
            min,
            max,
            counts: [0; HISTOGRAM_BINS],
        }
    }

    pub(crate) fn add(&mut self, value: f64, times: u64) {
        self.counts[self.bin_of(value)] += times;
    }

    /// Lower and upper edge of a bin, counted from 0.
    pub fn edges(&self, bin: usize) -> (f64, f64) {
        let edge = |k: usize| {
            let share = k as f64 / HISTOGRAM_BINS as f64;
            self.min * (1.0 - share) + self.max * share
        };
        (edge(bin), edge(bin + 1))
    }

    fn bin_of(&self, value: f64) -> usize {
        // Halved, so that the difference of two huge numbers does not overflow.
        let width = self.max / 2.0 - self.min / 2.0;
        if width <= 0.0 {
            return 0;
        }
        let share = (value / 2.0 - self.min / 2.0) / width;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 10"
        )]
        let bin = (share * HISTOGRAM_BINS as f64) as usize;
        bin.min(HISTOGRAM_BINS - 1)
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        // Not a blank: HTML and Markdown make one of several.
        const EMPTY: char = '·';
        let fullest = self.counts.iter().copied().max().unwrap_or(0).max(1);
        for &count in &self.counts {
            // Rounded up, so that a bin that is not empty shows at least the lowest block.
            let height = (count * BLOCKS.len() as u64).div_ceil(fullest);
            let block = usize::try_from(height)
                .ok()
                .and_then(|height| height.checked_sub(1));
            write!(f, "{}", block.map_or(EMPTY, |block| BLOCKS[block]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram_of(values: &[f64]) -> Histogram {
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut histogram = Histogram::new(min, max);
        for &value in values {
            histogram.add(value, 1);
        }
        histogram
    }

    #[test]
    fn both_ends_lie_inside() {
        let histogram = histogram_of(&[0.0, 0.25, 0.5, 1.0, 1.0]);
        assert_eq!(histogram.counts, [1, 0, 1, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(histogram.edges(0), (0.0, 0.1));
        assert_eq!(histogram.edges(9).1.to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn a_constant_lies_in_the_first_bin() {
        assert_eq!(histogram_of(&[0.7, 0.7]).counts[0], 2);
    }

    #[test]
    fn bars_are_as_high_as_their_share() {
        let histogram = Histogram {
            min: 0.0,
            max: 1.0,
            counts: [8, 0, 4, 1, 0, 0, 0, 0, 0, 100],
        };
        assert_eq!(histogram.to_string(), "▁·▁▁·····█");
    }

    proptest! {
        #[test]
        fn every_number_is_counted(values in proptest::collection::vec(any::<f64>(), 1..50)) {
            prop_assume!(values.iter().all(|value| value.is_finite()));
            let histogram = histogram_of(&values);
            prop_assert_eq!(histogram.counts.iter().sum::<u64>(), values.len() as u64);
        }
    }
}
