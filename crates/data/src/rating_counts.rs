use std::collections::{BTreeMap, HashMap};

use crate::scale::mean_and_sd;
use crate::{Histogram, RatingStats};

/// How often every rating of every aspect occurs.
#[derive(Debug, Default)]
pub(crate) struct RatingCounts(BTreeMap<String, HashMap<u64, u64>>);

impl RatingCounts {
    pub(crate) fn add(&mut self, ratings: &BTreeMap<String, f64>) {
        for (aspect, &rating) in ratings {
            if !self.0.contains_key(aspect) {
                self.0.insert(aspect.to_owned(), HashMap::new());
            }
            if let Some(counts) = self.0.get_mut(aspect) {
                // Adding zero turns -0.0 into 0.0, so that the two count as one rating.
                *counts.entry((rating + 0.0).to_bits()).or_default() += 1;
            }
        }
    }

    pub(crate) fn stats(self) -> BTreeMap<String, RatingStats> {
        let aspects = self.0.into_iter();
        aspects
            .map(|(aspect, counts)| (aspect, rating_stats(counts)))
            .collect()
    }
}

/// Figures for at least one rating, given by its bits and how often it occurs.
fn rating_stats(counts: HashMap<u64, u64>) -> RatingStats {
    let mut values: Vec<(f64, u64)> = counts
        .into_iter()
        .map(|(bits, count)| (f64::from_bits(bits), count))
        .collect();
    // Sorted also so that sums do not depend on the order of the map.
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
    }
}
