//! Reasons why a metric is undefined.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Metric, is_constant};
use crate::ResponsePairs;

/// Why a metric is undefined. `Display` gives a phrase for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Absence {
    /// There is nothing both rated and scored: no metric exists.
    NothingToCompare,
    /// One pair only: no correlation, no R².
    OnePair,
    /// All scores are the same: no correlation.
    ConstantScores,
    /// All ratings are the same: no correlation, no R².
    ConstantRatings,
    /// All ratings fall on one side of the midpoint: no AUROC, no AUPRC.
    OneSidedRatings,
    /// No two segments of one response have different ratings: no pairwise accuracy.
    NoPairsWithinResponse,
    /// The ratings have no natural midpoint (a sum or product): no AUROC, AUPRC or F1.
    NoMidpoint,
    /// Neither ratings nor scores lie above the midpoint: no F1.
    NothingAboveMidpoint,
    /// The numbers are too large to be squared, or too close to be distinguished.
    OutOfRange,
}

impl Absence {
    /// The reasons that apply to `pairs`, most general first.
    pub(super) fn find(pairs: &ResponsePairs) -> Vec<Self> {
        let (predictions, targets) = (pairs.predictions(), pairs.targets());
        if pairs.is_empty() {
            return vec![Self::NothingToCompare];
        }
        let one = pairs.len() == 1;
        let mut absences = Vec::new();
        let mut note = |applies: bool, absence: Self| {
            if applies {
                absences.push(absence);
            }
        };
        note(one, Self::OnePair);
        note(!one && is_constant(predictions), Self::ConstantScores);
        note(!one && is_constant(targets), Self::ConstantRatings);
        note(
            !one && Metric::PAIRWISE_ACCURACY.compute(pairs).is_none(),
            Self::NoPairsWithinResponse,
        );
        if pairs.midpoint().is_some() {
            note(
                !one && Metric::AUROC.compute(pairs).is_none(),
                Self::OneSidedRatings,
            );
            note(
                Metric::F1.compute(pairs).is_none(),
                Self::NothingAboveMidpoint,
            );
        } else {
            note(true, Self::NoMidpoint);
        }
        let varied = !is_constant(predictions) && !is_constant(targets);
        let broken = |metric: Metric| metric.compute(pairs).is_none();
        note(
            broken(Metric::MSE) || varied && broken(Metric::PEARSON),
            Self::OutOfRange,
        );
        absences
    }
}

impl Absence {
    /// Whether this is a reason for `metric` not to exist.
    pub(super) fn explains(self, metric: Metric) -> bool {
        let general = [Self::NothingToCompare, Self::OutOfRange];
        general.contains(&self) || metric.definition().absences().contains(&self)
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NothingToCompare => "nothing is both rated and scored",
            Self::OnePair => "there is only one pair of score and rating",
            Self::ConstantScores => "all scores are the same",
            Self::ConstantRatings => "all ratings are the same",
            Self::OneSidedRatings => "all ratings lie on one side of the midpoint",
            Self::NoPairsWithinResponse => "no response has two segments with different ratings",
            Self::NoMidpoint => "the ratings have no natural midpoint",
            Self::NothingAboveMidpoint => "neither ratings nor scores lie above the midpoint",
            Self::OutOfRange => "the numbers are too large or too close together",
        })
    }
}
