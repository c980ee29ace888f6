//! The metrics of this crate: a row for each.

use super::Absence::{
    ConstantRatings, ConstantScores, NoMidpoint, NoPairsWithinResponse, NothingAboveMidpoint,
    OnePair, OneSidedRatings,
};
use super::Better::{Higher, Lower, Nearest};
use super::MetricGroup::{Cut, Order, Value};
use super::{Absence, Better, Metric, MetricGroup, SegmentMetric, WeightedPairs};

/// A metric of this crate.
struct BuiltIn {
    name: &'static str,
    label: &'static str,
    /// The documentation of its constant, as it stands there.
    about: &'static str,
    group: MetricGroup,
    better: Better,
    absences: &'static [Absence],
    compute: fn(&WeightedPairs) -> Option<f64>,
}

impl SegmentMetric for BuiltIn {
    fn name(&self) -> &str {
        self.name
    }

    fn compute(&self, pairs: &WeightedPairs) -> Option<f64> {
        (self.compute)(pairs)
    }

    fn label(&self) -> &str {
        self.label
    }

    fn about(&self) -> &str {
        self.about.trim_ascii().trim_end_matches('.')
    }

    fn better(&self) -> Better {
        self.better
    }

    fn group(&self) -> MetricGroup {
        self.group
    }

    fn absences(&self) -> &[Absence] {
        self.absences
    }
}

/// Why a correlation may not exist.
const CORRELATION: &[Absence] = &[OnePair, ConstantScores, ConstantRatings];
/// Why a curve over cuts of the scores may not exist.
const CURVE: &[Absence] = &[OnePair, OneSidedRatings, NoMidpoint];

/// Makes a constant of each row, and the list of all of them in the same order.
macro_rules! built_in {
    ($($(#[doc = $doc:literal])+ $id:ident: $name:literal, $label:literal, $group:ident, $better:expr,
       $absences:expr, $compute:expr;)*) => {
        impl Metric {
            $($(#[doc = $doc])+ pub const $id: Self = Self(&BuiltIn {
                name: $name,
                label: $label,
                about: concat!($($doc),+),
                group: $group,
                better: $better,
                absences: $absences,
                compute: $compute,
            });)*

            /// The metrics of this crate, in the order in which reports show them.
            pub const BUILT_IN: &[Self] = &[$(Self::$id),*];
        }
    };
}

built_in! {
    /// Mean squared error.
    MSE: "mse", "MSE", Value, Lower, &[], |pairs| Some(pairs.moments().mse());
    /// Root of the mean squared error.
    RMSE: "rmse", "RMSE", Value, Lower, &[], |pairs| Some(pairs.moments().mse().sqrt());
    /// Mean absolute error.
    MAE: "mae", "MAE", Value, Lower, &[], |pairs| Some(pairs.moments().mae());
    /// Mean error, prediction minus target.
    BIAS: "bias", "bias", Value, Nearest(0.0), &[], |pairs| Some(pairs.moments().bias());
    /// Coefficient of determination.
    R2: "r2", "R²", Value, Higher, &[OnePair, ConstantRatings], |pairs| pairs.moments().r2();
    /// Largest absolute error.
    MAX_ERROR: "max_error", "largest error", Value, Lower, &[],
        |pairs| Some(pairs.moments().max_error());
    /// Pearson's correlation.
    PEARSON: "pearson", "Pearson", Order, Higher, CORRELATION, |pairs| pairs.moments().pearson();
    /// Spearman's rank correlation.
    SPEARMAN: "spearman", "Spearman", Order, Higher, CORRELATION, |pairs| pairs.spearman();
    /// Kendall's τ-b.
    KENDALL_TAU_B: "kendall_tau_b", "Kendall τ-b", Order, Higher, CORRELATION,
        |pairs| pairs.kendall_tau_b();
    /// Lin's concordance.
    CONCORDANCE: "concordance", "concordance", Order, Higher, CORRELATION,
        |pairs| pairs.moments().concordance();
    /// Share of pairs within a response in the right order.
    PAIRWISE_ACCURACY: "pairwise_accuracy", "pairwise accuracy", Order, Higher,
        &[OnePair, NoPairsWithinResponse], |pairs| pairs.pairwise_accuracy();
    /// Area under the ROC curve.
    AUROC: "auroc", "AUROC", Cut, Higher, CURVE, |pairs| pairs.auroc();
    /// Average precision.
    AUPRC: "auprc", "AUPRC", Cut, Higher, CURVE, |pairs| pairs.auprc();
    /// F1 of the positives.
    F1: "f1", "F1", Cut, Higher, &[NoMidpoint, NothingAboveMidpoint], |pairs| pairs.moments().f1();
}
