//! The prediction intervals of a bundle: how far ratings lie from its scores.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use gradus_baselines::OffsetUse;
use gradus_data::{CutSegments, TextsSketch};
use gradus_model::{ConfigProblem, Precision, Result};
use serde::{Deserialize, Serialize};

use crate::{Bundle, load_manifest, settled};

/// The prediction interval of one aspect: the rating of a segment lies at most `half_width` from its score, for the share
/// `coverage` of the segments of new responses like those it was learned on, where each response counts alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionInterval {
    /// Share of ratings within the interval, above 0 and below 1.
    pub coverage: f64,
    /// Distance of either end from the score, in rating units.
    pub half_width: f64,
    /// How the scores came about; the interval holds for no others.
    pub scored_with: ScoringChoices,
    /// What it was learned on, as it was named.
    pub fitted_on: String,
    /// The records it was learned on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<TextsSketch>,
    /// Number of responses it was learned on.
    pub responses: usize,
    /// Number of segments it was learned on.
    pub segments: usize,
}

/// Prediction intervals by the name of their aspect.
pub type PredictionIntervals = BTreeMap<String, PredictionInterval>;

/// Choices that change the scores of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoringChoices {
    /// Whether the bundle's recalibration is applied; `false` where there is none.
    pub recalibrated: bool,
    /// What becomes of the bundle's offset; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<OffsetUse>,
    /// Number format of the encoder's products.
    pub precision: Precision,
    /// Distance of windows over long responses, in tokens; `None` where they are cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<usize>,
    /// Treatment of segments that do not fit completely.
    pub cut_segments: CutSegments,
}

impl PredictionInterval {
    /// Why it does not hold for scores that come about by `choices`; `None` if it does.
    pub fn withheld(&self, choices: &ScoringChoices) -> Option<String> {
        let differ = self.scored_with.differences(choices);
        (!differ.is_empty()).then(|| {
            format!(
                "no prediction intervals: the bundle's hold for scores that are {}; these are {choices} (differs: {}); \
                 `gradus interval` learns others",
                self.scored_with,
                differ.join(", ")
            )
        })
    }
}

impl ScoringChoices {
    /// The names of the choices that differ, as options are named.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let differ = [
            ("recalibration", self.recalibrated != other.recalibrated),
            ("offset", self.offset != other.offset),
            ("precision", self.precision != other.precision),
            ("stride", self.stride != other.stride),
            ("cut-segments", self.cut_segments != other.cut_segments),
        ];
        let differ = differ.into_iter().filter(|(_, differ)| *differ);
        differ.map(|(name, _)| name).collect()
    }
}

impl fmt::Display for ScoringChoices {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recalibrated = if self.recalibrated {
            "recalibrated"
        } else {
            "not recalibrated"
        };
        write!(formatter, "{recalibrated}, {}", self.precision)?;
        if let Some(offset) = self.offset {
            write!(formatter, ", offset {offset}")?;
        }
        if let Some(stride) = self.stride {
            write!(formatter, ", windows of stride {stride}")?;
        }
        if self.cut_segments != CutSegments::default() {
            write!(formatter, ", cut segments: {}", self.cut_segments)?;
        }
        Ok(())
    }
}

impl Bundle {
    /// Changes the prediction intervals of the bundle in `directory`.
    ///
    /// They are in the manifest, which a rename replaces, so that the bundle is complete at every moment. Simultaneous
    /// calls wait for each other.
    ///
    /// # Errors
    /// If `directory` is not a bundle, if a part is missing or foreign, if there is an interval for an aspect that the
    /// bundle does not have or one of impossible numbers, if another process is writing it, or if writing fails. Then the
    /// bundle stays as it was.
    pub fn change_prediction_intervals(
        directory: &Path,
        change: impl FnOnce(&mut PredictionIntervals),
    ) -> Result<()> {
        Self::change_manifest(directory, |manifest| {
            change(&mut manifest.prediction_intervals);
            check(&manifest.prediction_intervals, &manifest.aspects())
        })
    }

    /// The prediction intervals that the manifest of the bundle in `directory` has. No other file is read.
    ///
    /// # Errors
    /// If `directory` is not a bundle.
    pub fn prediction_intervals(directory: &Path) -> Result<PredictionIntervals> {
        Self::recover(directory)?;
        settled(directory, || {
            Ok(load_manifest(directory)?.manifest.prediction_intervals)
        })
    }
}

/// Checks that every interval has possible numbers and belongs to one of `known`, the model's aspects.
pub(crate) fn check(
    intervals: &PredictionIntervals,
    known: &[String],
) -> std::result::Result<(), ConfigProblem> {
    for (aspect, interval) in intervals {
        if !known.contains(aspect) {
            return Err(ConfigProblem::new(
                "prediction_intervals",
                format!("for {aspect:?}"),
                format!("for the bundle's aspects: {}", known.join(", ")),
            ));
        }
        let PredictionInterval {
            coverage,
            half_width,
            ..
        } = *interval;
        let numbers = [
            (
                "coverage",
                coverage,
                coverage > 0.0 && coverage < 1.0,
                "a share above 0 and below 1",
            ),
            (
                "half_width",
                half_width,
                half_width.is_finite() && half_width >= 0.0,
                "a finite number of at least 0",
            ),
        ];
        for (key, value, possible, expected) in numbers {
            if !possible {
                let key = format!("prediction_intervals.{aspect}.{key}");
                return Err(ConfigProblem::new(key, value.to_string(), expected));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICES: ScoringChoices = ScoringChoices {
        recalibrated: true,
        offset: Some(OffsetUse::Keep),
        precision: Precision::F32,
        stride: None,
        cut_segments: CutSegments::Drop,
    };

    #[test]
    fn choices_name_what_differs() {
        assert!(CHOICES.differences(&CHOICES).is_empty());
        let other = ScoringChoices {
            recalibrated: false,
            offset: Some(OffsetUse::Drop),
            precision: Precision::Int8,
            stride: Some(128),
            cut_segments: CutSegments::Score,
        };
        let all = [
            "recalibration",
            "offset",
            "precision",
            "stride",
            "cut-segments",
        ];
        assert_eq!(CHOICES.differences(&other), all);
        assert_eq!(
            (CHOICES.to_string(), other.to_string()),
            (
                "recalibrated, f32, offset keep".to_owned(),
                "not recalibrated, int8, offset drop, windows of stride 128, cut segments: score"
                    .to_owned()
            )
        );
    }

    #[test]
    fn impossible_numbers_are_refused_with_their_key() {
        let interval = |coverage: f64, half_width: f64| PredictionInterval {
            coverage,
            half_width,
            scored_with: CHOICES,
            fitted_on: "valid.jsonl".into(),
            texts: None,
            responses: 9,
            segments: 20,
        };
        let found = |interval| {
            let intervals = PredictionIntervals::from([("good".to_owned(), interval)]);
            check(&intervals, &["good".to_owned()]).map_err(|problem| problem.key)
        };
        assert_eq!(found(interval(0.9, 0.0)), Ok(()));
        let coverage = Err("prediction_intervals.good.coverage".to_owned());
        for share in [0.0, 1.0, f64::NAN] {
            assert_eq!(found(interval(share, 1.0)), coverage);
        }
        let half_width = Err("prediction_intervals.good.half_width".to_owned());
        for width in [-0.1, f64::INFINITY, f64::NAN] {
            assert_eq!(found(interval(0.9, width)), half_width);
        }
    }
}
