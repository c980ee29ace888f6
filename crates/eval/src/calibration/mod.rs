//! Measures how well scores are calibrated, and recalibrates them.
//!
//! [`Reliability`] shows mean rating against mean score; a [`Recalibration`] is a monotone map from
//! scores to ratings, fitted on data held out from training and applied to scores afterwards. It
//! changes values, never the order. The maps are part of the bundle (`gradus-bundle`).

#[cfg(feature = "scorer")]
mod applied;
mod isotonic;
mod linear;
mod reliability;

#[cfg(feature = "scorer")]
pub use applied::{recalibrated, recalibrated_segments};
#[cfg(feature = "scorer")]
pub use gradus_bundle::{AspectRecalibration, Recalibrations, ResponseRecalibration};
pub use gradus_scores::{Isotonic, Linear, Recalibration, RecalibrationKind};
pub use reliability::{Reliability, ReliabilityBin};

/// Fits a map from `scores` to `ratings`. `None` for no pairs, unequal lengths, or a value
/// that is NaN or infinite.
pub fn fit_recalibration(
    kind: RecalibrationKind,
    scores: &[f64],
    ratings: &[f64],
) -> Option<Recalibration> {
    match kind {
        RecalibrationKind::Linear => linear::fit(scores, ratings).map(Recalibration::Linear),
        RecalibrationKind::Isotonic => isotonic::fit(scores, ratings).map(Recalibration::Isotonic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_read_back_from_json_as_they_were() {
        let (scores, ratings) = ([0.1, 0.4, 0.3, 0.9], [0.0, 0.5, 0.6, 1.0]);
        for kind in [RecalibrationKind::Linear, RecalibrationKind::Isotonic] {
            let fitted = fit_recalibration(kind, &scores, &ratings).unwrap();
            let json = serde_json::to_string(&fitted).unwrap();
            assert_eq!(
                serde_json::from_str::<Recalibration>(&json).unwrap(),
                fitted,
                "{json}"
            );
        }
    }

    #[test]
    fn nothing_and_nan_cannot_be_fitted() {
        for kind in [RecalibrationKind::Linear, RecalibrationKind::Isotonic] {
            assert_eq!(fit_recalibration(kind, &[], &[]), None);
            assert_eq!(fit_recalibration(kind, &[f64::NAN], &[0.5]), None);
            assert_eq!(fit_recalibration(kind, &[0.1, 0.2], &[0.5]), None);
        }
    }
}
