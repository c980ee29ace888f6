//! Segments in the order of their scores.

use super::NoThreshold;
use super::figures::FlagCounts;
use crate::ResponsePairs;
use crate::metrics::{order, same};

/// A segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    score: f64,
    /// Index of its response.
    pub(super) response: usize,
    /// Whether its rating is at most the midpoint.
    pub(super) low: bool,
}

/// Segments in the order of their scores. A *place* is one of the distinct scores, from the lowest: the threshold that
/// flags it and all below.
#[derive(Clone, Debug)]
pub(super) struct Sorted {
    items: Vec<Item>,
    /// For each place, the number of segments up to it.
    ends: Vec<usize>,
    responses: usize,
}

impl Sorted {
    pub(super) fn new(pairs: &ResponsePairs, midpoint: f64) -> Self {
        let mut items = Vec::with_capacity(pairs.len());
        for (response, (scores, ratings)) in pairs.responses().enumerate() {
            let of_response = scores.iter().zip(ratings).map(|(&score, &rating)| Item {
                score,
                response,
                low: rating <= midpoint,
            });
            items.extend(of_response);
        }
        items.sort_by(|a, b| order(a.score, b.score));
        let mut ends = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let next = items.get(index + 1);
            if next.is_none_or(|next| !same(next.score, item.score)) {
                ends.push(index + 1);
            }
        }
        Self {
            items,
            ends,
            responses: pairs.num_responses(),
        }
    }

    /// Refuses segments that no threshold can part.
    pub(super) fn check(&self) -> Result<(), NoThreshold> {
        let low = self.items.iter().filter(|item| item.low).count();
        match (self.items.len(), low, self.ends.len()) {
            (0, _, _) => Err(NoThreshold::Nothing),
            (_, 0, _) => Err(NoThreshold::NoneLow),
            (all, low, _) if low == all => Err(NoThreshold::AllLow),
            (_, _, 1) => Err(NoThreshold::OneScore),
            _ => Ok(()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn responses(&self) -> usize {
        self.responses
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// Number of places.
    pub(super) fn places(&self) -> usize {
        self.ends.len()
    }

    /// The threshold of a place.
    pub(super) fn score(&self, place: usize) -> f64 {
        self.items[self.ends[place] - 1].score
    }

    /// Number of segments that the threshold of a place flags.
    pub(super) fn flagged(&self, place: usize) -> usize {
        self.ends[place]
    }

    /// The segments that the threshold of a place flags.
    pub(super) fn at_most(&self, place: usize) -> &[Item] {
        &self.items[..self.ends[place]]
    }

    /// The counts at the threshold of a place, or without any flag.
    pub(super) fn counts_at(&self, place: Option<usize>) -> FlagCounts {
        let flagged = place.map_or(0, |place| self.flagged(place));
        let mut counts = FlagCounts::default();
        for (index, item) in self.items.iter().enumerate() {
            counts.add(index < flagged, item.low);
        }
        counts
    }

    /// Flags one more place.
    pub(super) fn flag(&self, place: usize, counts: &mut FlagCounts) {
        let before = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        for item in &self.items[before..self.ends[place]] {
            if item.low {
                counts.missed -= 1;
                counts.right += 1;
            } else {
                counts.rest -= 1;
                counts.wrong += 1;
            }
        }
    }

    /// Ascending places to try: a few hundred at most, close together where few segments are flagged, and never the last,
    /// which flags everything. They depend on the scores alone.
    pub(super) fn grid(&self) -> Vec<usize> {
        const EVEN: usize = 100;
        const RATIO: f64 = 1.05;
        let len = self.items.len();
        let even = (1..EVEN).map(|step| step * len / EVEN);
        let close = std::iter::successors(Some(1.0), |count| Some(count * RATIO))
            .take_while(|&count| count <= len as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 1 to the number of segments"
        )]
        let close = close.map(|count| count as usize);
        // The first place that flags at least so many.
        let place = |count: usize| self.ends.partition_point(|&end| end < count);
        let mut grid: Vec<usize> = even.chain(close).map(place).collect();
        grid.retain(|&place| place + 1 < self.ends.len());
        grid.sort_unstable();
        grid.dedup();
        grid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_distinct_scores_and_the_last_is_never_tried() {
        let pairs = [(0.5, 0.0), (0.1, 0.0), (0.5, 1.0), (0.9, 1.0)];
        let sorted = Sorted::new(&ResponsePairs::ungrouped(pairs), 0.5);
        assert_eq!((sorted.places(), sorted.grid()), (3, vec![0, 1]));
        assert_eq!((sorted.flagged(0), sorted.flagged(1)), (1, 3));
        let mut counts = sorted.counts_at(None);
        for place in 0..sorted.places() {
            sorted.flag(place, &mut counts);
            assert_eq!(counts, sorted.counts_at(Some(place)));
        }
    }
}
