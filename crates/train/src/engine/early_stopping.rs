//! Early stopping: finds the best validation, and counts those without improvement.

use serde::{Deserialize, Serialize};

use crate::plan::EarlyStopping;

/// The best validation and the patience used so far; part of a checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// The best value; larger is better.
    best: Option<f64>,
    /// The value that an improvement must exceed by `min_delta`.
    reference: Option<f64>,
    /// Validations since the last improvement.
    waited: usize,
    /// Whether there was any validation.
    any: bool,
}

impl Watch {
    /// Adds the value of a validation (larger is better), `None` if its metric is undefined. Returns whether
    /// it is the best so far. The first always is, so that there are weights to keep.
    pub(crate) fn observe(&mut self, goodness: Option<f64>, min_delta: f64) -> bool {
        let exceeds = |value: Option<f64>, by: f64| match (goodness, value) {
            (Some(new), Some(old)) => new > old + by,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let best = !self.any || exceeds(self.best, 0.0);
        self.any = true;
        if exceeds(self.reference, min_delta) {
            self.reference = goodness;
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        if best {
            self.best = goodness;
        }
        best
    }

    /// Whether `patience` validations have passed without an improvement.
    pub(crate) fn is_over(&self, stopping: Option<&EarlyStopping>) -> bool {
        stopping.is_some_and(|stopping| self.waited >= stopping.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopping(patience: usize, min_delta: f64) -> EarlyStopping {
        EarlyStopping {
            patience,
            min_delta,
            ..EarlyStopping::default()
        }
    }

    /// Observes until the end; returns which were best and after how many it was over.
    fn watch(goodness: &[Option<f64>], stopping: &EarlyStopping) -> (Vec<bool>, Option<usize>) {
        let (mut watch, mut best) = (Watch::default(), Vec::new());
        for (k, value) in goodness.iter().enumerate() {
            best.push(watch.observe(*value, stopping.min_delta));
            if watch.is_over(Some(stopping)) {
                return (best, Some(k + 1));
            }
        }
        (best, None)
    }

    #[test]
    fn patience_counts_validations_that_are_not_better() {
        let values = [-0.5, -0.4, -0.45, -0.39, -0.4, -0.41, -0.1].map(Some);
        let (best, over) = watch(&values, &stopping(2, 0.0));
        assert_eq!(best, [true, true, false, true, false, false]);
        assert_eq!(over, Some(6));
    }

    #[test]
    fn a_gain_below_min_delta_is_kept_but_does_not_end_the_waiting() {
        let values = [-0.5, -0.49, -0.48, -0.47].map(Some);
        let (best, over) = watch(&values, &stopping(3, 0.1));
        assert_eq!(best, [true; 4]);
        assert_eq!(over, Some(4));
    }

    #[test]
    fn a_metric_that_does_not_exist_is_never_better_but_the_first_is_kept() {
        let values = [None, None, Some(0.1), None];
        let (best, over) = watch(&values, &stopping(9, 0.0));
        assert_eq!(best, [true, false, true, false]);
        assert_eq!(over, None);
    }

    #[test]
    fn without_early_stopping_nothing_is_ever_over() {
        let mut watch = Watch::default();
        for _ in 0..100 {
            watch.observe(Some(0.0), 0.0);
        }
        assert!(!watch.is_over(None));
    }
}
