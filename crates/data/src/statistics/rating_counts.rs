use std::collections::{BTreeMap, HashMap};

use crate::ratings::mean_and_sd;
use crate::{AgreementCounts, Example, Histogram, RatingStats, Segment};

/// The frequency of every rating of every aspect, and the agreement of raters.
#[derive(Debug, Default)]
pub(crate) struct RatingCounts {
    counts: BTreeMap<String, HashMap<u64, u64>>,
    raters: AgreementCounts,
}

impl RatingCounts {
    /// Adds the ratings of the segments of an example.
    pub(crate) fn add_segments(&mut self, example: &Example) {
        for Segment { ratings, .. } in &example.segments {
            self.add(ratings);
        }
        self.raters.add_segments(example);
    }

    /// Adds the ratings of the response of an example.
    pub(crate) fn add_response(&mut self, example: &Example) {
        self.add(&example.ratings);
        self.raters.add_response(example);
    }

    fn add(&mut self, ratings: &BTreeMap<String, f64>) {
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
    }

    pub(crate) fn stats(&self) -> BTreeMap<String, RatingStats> {
        let aspects = self.counts.iter();
        aspects
            .map(|(aspect, counts)| {
                let mut stats = rating_stats(counts);
                if let Some((agreement, kappa)) = self.raters.of(aspect) {
                    (stats.raters, stats.kappa) = (Some(agreement), kappa);
                }
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
        kappa: None,
    }
}
