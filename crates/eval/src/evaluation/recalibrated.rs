//! Metrics before and after recalibration.

use serde::{Deserialize, Serialize};

use crate::calibration::{Recalibration, RecalibrationKind, Reliability};
use crate::{Aggregation, Aspect, JudgedAspect, Level, MetricValues};

/// The metrics of an aspect before and after recalibration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recalibrated {
    /// The kind of recalibration.
    pub kind: RecalibrationKind,
    /// Whether the main figures of the evaluation are those after it.
    pub applied: bool,
    /// Of the scores as the model gives them.
    pub before: CalibrationFigures,
    /// Of the recalibrated scores, on the same segments.
    pub after: CalibrationFigures,
}

/// The figures that a recalibration may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationFigures {
    /// Every metric at segment level.
    pub segment: MetricValues,
    /// Every metric at response level.
    pub response: MetricValues,
    /// Calibration of the segment scores; `None` if nothing is both rated and scored.
    pub reliability: Option<Reliability>,
}

impl Recalibrated {
    /// The figures of `raw`, scores as the model gives them, and of the same recalibrated.
    pub fn compute(
        raw: &JudgedAspect,
        aspect: &Aspect,
        recalibration: &Recalibration,
        aggregation: Aggregation,
        applied: bool,
    ) -> Self {
        let mut after = raw.clone();
        for segment in after.responses.iter_mut().flat_map(|r| &mut r.segments) {
            segment.score = recalibration.apply(segment.score);
        }
        let midpoint = raw.midpoint(aspect.midpoint);
        Self {
            kind: recalibration.kind(),
            applied,
            before: CalibrationFigures::of(raw, aggregation, midpoint),
            after: CalibrationFigures::of(&after, aggregation, midpoint),
        }
    }
}

impl CalibrationFigures {
    fn of(judged: &JudgedAspect, aggregation: Aggregation, midpoint: Option<f64>) -> Self {
        let segment = judged.pairs(Level::Segment, aggregation, midpoint);
        let response = judged.pairs(Level::Response, aggregation, midpoint);
        let (scores, ratings) = (segment.predictions(), segment.targets());
        Self {
            reliability: Reliability::compute(scores, ratings, Reliability::BINS),
            response: MetricValues::compute(&response),
            segment: MetricValues::compute(&segment),
        }
    }
}
