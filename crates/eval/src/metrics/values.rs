//! All metrics of one set of pairs, with the reasons for those that do not exist.

use super::{
    Metric, Moments, MseDecomposition, WeightedMetrics, all_finite, decompose_mse, finite,
    is_constant, mean,
};
use crate::ResponsePairs;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Every metric over one set of pairs. A metric that does not exist is `None` (`null` in JSON);
/// [`MetricValues::absences`] says why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricValues {
    /// Number of pairs of prediction and target.
    pub count: usize,
    /// Mean of the predictions.
    pub prediction_mean: Option<f64>,
    /// Standard deviation of the predictions (of the population).
    pub prediction_sd: Option<f64>,
    /// Mean of the targets.
    pub target_mean: Option<f64>,
    /// Standard deviation of the targets (of the population).
    pub target_sd: Option<f64>,
    /// Mean squared error.
    pub mse: Option<f64>,
    /// Root of the mean squared error.
    pub rmse: Option<f64>,
    /// Mean absolute error.
    pub mae: Option<f64>,
    /// Mean of prediction minus target.
    pub bias: Option<f64>,
    /// Coefficient of determination.
    pub r2: Option<f64>,
    /// Largest absolute error.
    pub max_error: Option<f64>,
    /// Pearson's correlation.
    pub pearson: Option<f64>,
    /// Spearman's rank correlation.
    pub spearman: Option<f64>,
    /// Kendall's τ-b.
    pub kendall_tau_b: Option<f64>,
    /// Lin's concordance.
    pub concordance: Option<f64>,
    /// Share of pairs of segments within a response in the right order.
    pub pairwise_accuracy: Option<f64>,
    /// Area under the ROC curve, targets cut at `midpoint`.
    pub auroc: Option<f64>,
    /// Average precision, targets cut at `midpoint`.
    pub auprc: Option<f64>,
    /// F1, targets and predictions cut at `midpoint`.
    pub f1: Option<f64>,
    /// Where targets were cut in two: above is positive. `None` where no cut makes sense.
    pub midpoint: Option<f64>,
    /// The mean squared error taken apart.
    pub decomposition: Option<MseDecomposition>,
    /// Why some metrics do not exist; empty where all do.
    pub absences: Vec<Absence>,
}

impl MetricValues {
    /// Computes every metric over `pairs`.
    pub fn compute(pairs: &ResponsePairs) -> Self {
        let computed = WeightedMetrics::of_all(pairs, &Metric::ALL);
        let value = |metric: Metric| computed[metric as usize];
        let (predictions, targets) = (pairs.predictions(), pairs.targets());
        Self {
            count: pairs.len(),
            prediction_mean: mean_of(predictions),
            prediction_sd: sd_of(predictions),
            target_mean: mean_of(targets),
            target_sd: sd_of(targets),
            mse: value(Metric::Mse),
            rmse: value(Metric::Rmse),
            mae: value(Metric::Mae),
            bias: value(Metric::Bias),
            r2: value(Metric::R2),
            max_error: value(Metric::MaxError),
            pearson: value(Metric::Pearson),
            spearman: value(Metric::Spearman),
            kendall_tau_b: value(Metric::KendallTauB),
            concordance: value(Metric::Concordance),
            pairwise_accuracy: value(Metric::PairwiseAccuracy),
            auroc: value(Metric::Auroc),
            auprc: value(Metric::Auprc),
            f1: value(Metric::F1),
            midpoint: pairs.midpoint(),
            decomposition: decompose_mse(predictions, targets),
            absences: Absence::find(pairs),
        }
    }

    /// The value of one metric.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Mse => self.mse,
            Metric::Rmse => self.rmse,
            Metric::Mae => self.mae,
            Metric::Bias => self.bias,
            Metric::R2 => self.r2,
            Metric::MaxError => self.max_error,
            Metric::Pearson => self.pearson,
            Metric::Spearman => self.spearman,
            Metric::KendallTauB => self.kendall_tau_b,
            Metric::Concordance => self.concordance,
            Metric::PairwiseAccuracy => self.pairwise_accuracy,
            Metric::Auroc => self.auroc,
            Metric::Auprc => self.auprc,
            Metric::F1 => self.f1,
        }
    }
}

impl MetricValues {
    /// Why a metric does not exist; `None` where it does.
    pub fn absence(&self, metric: Metric) -> Option<Absence> {
        if self.get(metric).is_some() {
            return None;
        }
        let explains = |absence: &Absence| absence.explains(metric);
        self.absences.iter().copied().find(explains)
    }
}

fn mean_of(values: &[f64]) -> Option<f64> {
    if values.is_empty() || !all_finite(values) {
        None
    } else {
        finite(mean(values))
    }
}

fn sd_of(values: &[f64]) -> Option<f64> {
    mean_of(values)?;
    finite(Moments::of(values, values).variance_targets().sqrt())
}

/// A reason why metrics do not exist. `Display` gives a phrase for people.
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
    /// The numbers are too large to be squared, or too close together to be told apart.
    OutOfRange,
}

impl Absence {
    /// The reasons that apply to `pairs`, most general first.
    fn find(pairs: &ResponsePairs) -> Vec<Self> {
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
            !one && Metric::PairwiseAccuracy.compute(pairs).is_none(),
            Self::NoPairsWithinResponse,
        );
        if pairs.midpoint().is_some() {
            note(
                !one && Metric::Auroc.compute(pairs).is_none(),
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
            broken(Metric::Mse) || varied && broken(Metric::Pearson),
            Self::OutOfRange,
        );
        absences
    }
}

impl Absence {
    /// Whether this is a reason for `metric` not to exist.
    fn explains(self, metric: Metric) -> bool {
        use Metric::{
            Auprc, Auroc, Concordance, F1, KendallTauB, PairwiseAccuracy, Pearson, R2, Spearman,
        };
        let correlation = matches!(metric, Pearson | Spearman | KendallTauB | Concordance);
        match self {
            Self::NothingToCompare | Self::OutOfRange => true,
            Self::OnePair => correlation || matches!(metric, R2 | PairwiseAccuracy | Auroc | Auprc),
            Self::ConstantScores => correlation,
            Self::ConstantRatings => correlation || metric == R2,
            Self::OneSidedRatings => matches!(metric, Auroc | Auprc),
            Self::NoPairsWithinResponse => metric == PairwiseAccuracy,
            Self::NoMidpoint => matches!(metric, Auroc | Auprc | F1),
            Self::NothingAboveMidpoint => metric == F1,
        }
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
