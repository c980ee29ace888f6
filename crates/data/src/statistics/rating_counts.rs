use std::collections::BTreeMap;

use super::rating_tally::RatingTally;
use crate::{AgreementCounts, Example, RatingStats, Segment};

/// The frequency of every rating of every aspect, and the agreement of raters.
#[derive(Debug, Default)]
pub(crate) struct RatingCounts {
    counts: BTreeMap<String, RatingTally>,
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
            if let Some(counts) = self.counts.get_mut(aspect) {
                counts.add(rating);
            } else {
                let mut counts = RatingTally::new();
                counts.add(rating);
                self.counts.insert(aspect.to_owned(), counts);
            }
        }
    }

    pub(crate) fn stats(&self) -> BTreeMap<String, RatingStats> {
        let aspects = self.counts.iter();
        aspects
            .map(|(aspect, counts)| {
                let mut stats = counts.stats();
                if let Some((agreement, kappa)) = self.raters.of(aspect) {
                    (stats.raters, stats.kappa) = (Some(agreement), kappa);
                }
                (aspect.clone(), stats)
            })
            .collect()
    }
}
