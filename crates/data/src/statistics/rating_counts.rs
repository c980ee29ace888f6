use std::collections::{BTreeMap, HashMap};

use crate::ratings::mean_and_sd;
use crate::{Histogram, RaterSums, RatingStats};

/// The frequency of every rating of every aspect, and the agreement of raters.
#[derive(Debug, Default)]
pub(crate) struct RatingCounts {
    counts: BTreeMap<String, HashMap<u64, u64>>,
    raters: BTreeMap<String, RaterSums>,
}

impl RatingCounts {
    pub(crate) fn add(
        &mut self,
        ratings: &BTreeMap<String, f64>,
        raters: &BTreeMap<String, Vec<f64>>,
    ) {
        for (aspect, &rating) in ratings {
            // Adding zero turns -0.0 into 0.0, so that the two count as one rating.
            let bits = (rating + 0.0).to_bits();
            if let Some(counts) = self.counts.get_mut(aspect) {
                *counts.entry(bits).or_default() += 1;
            } else {
                let counts = HashMap::from([(bits, 1)]);
                self.counts.insert(aspect.to_owned(), counts);
            }
        }
        for (aspect, ratings) in raters {
            let sums = self.raters.entry(aspect.clone()).or_default();
            sums.add(ratings);
        }
    }

    pub(crate) fn stats(&self) -> BTreeMap<String, RatingStats> {
        let raters = &self.raters;
        let aspects = self.counts.iter();
        aspects
            .map(|(aspect, counts)| {
                let agreement = raters.get(aspect).and_then(RaterSums::agreement);
                let mut stats = rating_stats(counts);
                stats.raters = agreement;
                (aspect.clone(), stats)
            })
            .collect()
    }
}

/// Statistics of ratings, given as bits and frequencies; at least one.
fn rating_stats(counts: &HashMap<u64, u64>) -> RatingStats {
    let mut values: Vec<(f64, u64)> = counts
        .iter()
        .map(|(&bits, &count)| (f64::from_bits(bits), count))
        .collect();
    // Sorted, also to make sums independent of the order of the map.
    values.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (min, max) = (values[0].0, values[values.len() - 1].0);
    let (mean, sd) = mean_and_sd(values.iter().copied());
    let mut histogram = Histogram::new(min, max);
    for &(value, count) in &values {
        histogram.add(value, count);
    }
    let count = values.iter().map(|(_, count)| count).sum();
    RatingStats {
        count,
        distinct: values.len(),
        min,
        mean,
        max,
        sd,
        histogram,
        raters: None,
    }
}
