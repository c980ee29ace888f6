//! Pairs of prediction and target, grouped by response.

use crate::metrics::all_finite;

/// Predictions and targets in two parallel lists, segments of one response side by side.
///
/// Only finite pairs can be added, so that every metric over the lists is free of NaN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponsePairs {
    predictions: Vec<f64>,
    targets: Vec<f64>,
    /// The end of each response.
    ends: Vec<usize>,
    midpoint: Option<f64>,
}

impl ResponsePairs {
    /// No pairs, and no midpoint.
    pub fn new() -> Self {
        Self::default()
    }

    /// One response per pair: for figures at response level, or where nothing is grouped.
    pub fn ungrouped(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut all = Self::new();
        for pair in pairs {
            all.push_response([pair]);
        }
        all
    }

    /// The same pairs with targets cut at `midpoint` in AUROC, AUPRC and F1; a midpoint that is
    /// not finite counts as none.
    #[must_use]
    pub fn with_midpoint(mut self, midpoint: Option<f64>) -> Self {
        self.midpoint = midpoint.filter(|value| value.is_finite());
        self
    }

    /// Adds one response as pairs `(prediction, target)`. Pairs with a value that is not finite
    /// are left out; a response without pairs is not added. Returns how many pairs were added.
    pub fn push_response(&mut self, pairs: impl IntoIterator<Item = (f64, f64)>) -> usize {
        let start = self.predictions.len();
        for (prediction, target) in pairs {
            if all_finite(&[prediction, target]) {
                self.predictions.push(prediction);
                self.targets.push(target);
            }
        }
        let added = self.predictions.len() - start;
        if added > 0 {
            self.ends.push(self.predictions.len());
        }
        added
    }

    /// All predictions, response after response.
    pub fn predictions(&self) -> &[f64] {
        &self.predictions
    }

    /// All targets, parallel to [`predictions`](Self::predictions).
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// The target that divides negative and positive: above is positive.
    pub fn midpoint(&self) -> Option<f64> {
        self.midpoint
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.predictions.len()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.predictions.is_empty()
    }

    /// Number of responses with at least one pair.
    pub fn num_responses(&self) -> usize {
        self.ends.len()
    }

    /// Predictions and targets of each response.
    pub fn responses(&self) -> impl Iterator<Item = (&[f64], &[f64])> {
        self.ranges()
            .map(|range| (&self.predictions[range.clone()], &self.targets[range]))
    }

    /// The index range of each response in the lists.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| start..end)
    }

    /// Half way between the lowest and the highest target. `None` without pairs.
    pub fn middle_of_targets(&self) -> Option<f64> {
        let lowest = self.targets.iter().copied().reduce(f64::min)?;
        let highest = self.targets.iter().copied().reduce(f64::max)?;
        Some(lowest / 2.0 + highest / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_that_are_not_finite_and_empty_responses_are_left_out() {
        let mut pairs = ResponsePairs::new();
        assert_eq!(pairs.push_response([(f64::NAN, 0.0), (0.5, 1.0)]), 1);
        assert_eq!(pairs.push_response([(0.5, f64::INFINITY)]), 0);
        assert_eq!(pairs.push_response([(0.1, 0.2), (0.3, 0.4)]), 2);
        assert_eq!((pairs.len(), pairs.num_responses()), (3, 2));
        let lengths: Vec<usize> = pairs.responses().map(|(p, _)| p.len()).collect();
        assert_eq!(lengths, [1, 2]);
    }
}
