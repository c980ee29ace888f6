//! The frequency of every rating, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::distinct_sketch::{DistinctSketch, mixed};
use crate::ratings::mean_and_sd;
use crate::{Histogram, MOST_DISTINCT_RATINGS, RatingStats};

/// Counts ratings one by one as long as there are at most [`MOST_DISTINCT_RATINGS`] different ones, and then in groups.
///
/// Ratings of a group agree in the first bits of their `f64`. Whenever there are too many groups, one bit less has to
/// agree, so that groups do not depend on the order of the ratings.
#[derive(Debug)]
pub(super) struct RatingTally {
    groups: HashMap<u64, Group, BuildHasherDefault<Mixed>>,
    /// How many of the last bits need not agree.
    shift: u32,
    most: usize,
    range: (f64, f64),
    /// Ratings that were seen, as soon as groups have different ones.
    seen: Option<DistinctSketch>,
}

/// Ratings that are counted together, and their mean.
#[derive(Debug, Clone, Copy)]
struct Group {
    count: u64,
    mean: f64,
}

impl RatingTally {
    pub(super) fn new() -> Self {
        Self::keeping(MOST_DISTINCT_RATINGS)
    }

    fn keeping(most: usize) -> Self {
        Self {
            groups: HashMap::default(),
            shift: 0,
            most,
            range: (f64::INFINITY, f64::NEG_INFINITY),
            seen: None,
        }
    }

    pub(super) fn add(&mut self, rating: f64) {
        // Adding zero turns -0.0 into 0.0, so that the two count as one rating.
        let rating = rating + 0.0;
        let bits = rating.to_bits();
        self.range = (self.range.0.min(rating), self.range.1.max(rating));
        if let Some(seen) = &mut self.seen {
            seen.add(bits);
        }
        let one = Group {
            count: 1,
            mean: rating,
        };
        let group = self.groups.entry(bits >> self.shift);
        group.and_modify(|group| group.add(one)).or_insert(one);
        while self.groups.len() > self.most {
            self.coarsen();
        }
    }

    /// Lets the ratings of a group agree in one bit less.
    fn coarsen(&mut self) {
        let groups = &self.groups;
        // As long as they are counted one by one, the groups are the ratings.
        self.seen.get_or_insert_with(|| {
            let mut seen = DistinctSketch::new();
            for &bits in groups.keys() {
                seen.add(bits);
            }
            seen
        });
        self.shift += 1;
        // Sorted, so that rounding does not depend on the order of the map.
        let mut fine: Vec<(u64, Group)> = std::mem::take(&mut self.groups).into_iter().collect();
        fine.sort_unstable_by_key(|(bits, _)| *bits);
        for (bits, group) in fine {
            let coarse = self.groups.entry(bits >> 1);
            coarse.and_modify(|other| other.add(group)).or_insert(group);
        }
    }

    /// Statistics of the ratings, of which there is at least one.
    pub(super) fn stats(&self) -> RatingStats {
        let groups = self.groups.values();
        let mut values: Vec<(f64, u64)> = groups.map(|group| (group.mean, group.count)).collect();
        // Sorted, also to make sums independent of the order of the map.
        values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (min, max) = self.range;
        let (mean, sd) = mean_and_sd(values.iter().copied());
        let mut histogram = Histogram::new(min, max);
        for &(value, count) in &values {
            histogram.add(value, count);
        }
        let seen = self.seen.as_ref();
        RatingStats {
            count: values.iter().map(|(_, count)| count).sum(),
            distinct: seen.map_or(values.len(), DistinctSketch::estimate),
            approximate: seen.is_some(),
            min,
            mean,
            max,
            sd,
            histogram,
            raters: None,
            kappa: None,
        }
    }
}

impl Group {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        // They have one sign, so that the difference does not overflow.
        self.mean += (other.mean - self.mean) * (other.count as f64 / self.count as f64);
    }
}

/// Hashes the bits of a rating.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mixed(self.0 ^ number);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stats(most: usize, ratings: impl IntoIterator<Item = f64>) -> RatingStats {
        let mut tally = RatingTally::keeping(most);
        ratings.into_iter().for_each(|rating| tally.add(rating));
        assert!(tally.groups.len() <= most, "{} groups", tally.groups.len());
        tally.stats()
    }

    #[test]
    fn up_to_the_limit_all_is_exact_and_above_it_close() {
        let number = 20_000_u32;
        let ratings = || (0..number).map(|k| f64::from(k * 7919 % number) / f64::from(number));
        let exact = stats(20_000, ratings());
        assert!(!exact.approximate);
        assert_eq!(exact.distinct, 20_000);
        let close = stats(1000, ratings());
        assert!(close.approximate);
        assert_eq!(
            (close.count, close.min, close.max),
            (exact.count, exact.min, exact.max)
        );
        assert!((close.mean - exact.mean).abs() < 1e-9, "{}", close.mean);
        assert!((close.sd / exact.sd - 1.0).abs() < 1e-4, "{}", close.sd);
        let distinct = f64::from(u32::try_from(close.distinct).unwrap());
        assert!((distinct / 20_000.0 - 1.0).abs() < 0.06, "{distinct}");
        for (close, exact) in close.histogram.counts.iter().zip(exact.histogram.counts) {
            assert!(close.abs_diff(exact) < 160, "{close} {exact}");
        }
    }

    #[test]
    fn a_constant_among_many_numbers_keeps_its_share() {
        let many = (0..5000).flat_map(|k| [0.0, f64::from(k) / 5000.0]);
        let stats = stats(64, many);
        assert_eq!(stats.count, 10_000);
        assert!(
            stats.histogram.counts[0].abs_diff(5500) < 100,
            "{:?}",
            stats.histogram
        );
    }

    proptest! {
        #[test]
        fn groups_do_not_depend_on_the_order(
            ratings in prop::collection::vec(-1e300..1e300_f64, 1..200),
        ) {
            let forward = stats(16, ratings.iter().copied());
            let backward = stats(16, ratings.iter().rev().copied());
            prop_assert_eq!(forward.distinct, backward.distinct);
            prop_assert_eq!(forward.histogram.counts, backward.histogram.counts);
            prop_assert_eq!(forward.count, ratings.len() as u64);
            prop_assert!(forward.mean.is_finite() && forward.sd.is_finite());
        }
    }
}
