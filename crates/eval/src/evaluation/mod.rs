//! The figures of one set of scores: per aspect, at segment and at response level, beside the
//! trivial baselines.

mod aspect;
mod checks;
mod provenance;
mod recalibrated;

use serde::{Deserialize, Serialize};

pub use aspect::{AspectEvaluation, BaselineEvaluation, IntervalAbsence, LevelValues};
pub use provenance::{Provenance, ScoreSource};
pub use recalibrated::{CalibrationFigures, Recalibrated};

use self::aspect::evaluate_aspect;
use self::checks::{check_baselines, check_scores};
use crate::baselines::BaselineScores;
use crate::bootstrap::Bootstrap;
use crate::calibration::Recalibrations;
use crate::slices::{SliceKey, Slicer};
use crate::{Aggregation, JudgedAspect, Level, Metric, Result, ScoredResponse};

/// The version of the JSON that [`Evaluation`] is written as.
const FORMAT_VERSION: u32 = 1;

/// An aspect to evaluate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aspect {
    /// Its name, as in the ratings.
    pub name: String,
    /// Where ratings are cut in two for AUROC, AUPRC and F1, in rating units; above is positive.
    /// `None`: half way between the lowest and the highest rating that is evaluated.
    pub midpoint: Option<f64>,
}

impl Aspect {
    /// An aspect whose midpoint is taken from the ratings.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            midpoint: None,
        }
    }

    /// The aspect with a midpoint of its own.
    #[must_use]
    pub fn with_midpoint(mut self, midpoint: f64) -> Self {
        self.midpoint = Some(midpoint);
        self
    }
}

/// Everything measured about one set of scores.
///
/// # JSON
/// Written with `serde_json` it is an object with exactly these keys; a number that does not exist
/// is `null`, and every key is always there.
/// ```text
/// format_version   1; a change of meaning or a removed key raises it, a new key does not
/// provenance       what was evaluated, see Provenance; null where nobody said
/// aggregation      "mean" | "sum" | "min" | "max" | "product" | "last"
/// counts           { responses, segments }: all of the input, rated or not
/// bootstrap        how intervals were computed, see Bootstrap; null without intervals
/// aspects[]        in the order asked for
///   aspect         name
///   counts         see AspectCounts: rated, scored, unscored by reason, responses
///   segment        model at segment level: { values: MetricValues, intervals: { METRIC: Interval },
///                  intervals_absent: why there are none, or null }
///   response       model at response level: the same
///   baselines[]    { name, segment: MetricValues, response: MetricValues }
///   reliability    calibration of the segment scores, see Reliability; null without scores
///   recalibrated   figures before and after recalibration, see Recalibrated; null without one
///   slices[]       { key: "position" | "length" | { meta: KEY }, part, responses, values: MetricValues },
///                  the largest MSE first
///   lowest_is_last see LowestIsLast; null where no response has two scored segments
/// ```
/// `MetricValues.absences` says why metrics do not exist.
/// Segment level is every segment that is rated and scored. Response level takes, of each
/// response, these same segments and aggregates their scores to the prediction and their ratings
/// to the target: an unrated segment enters neither. Baselines are judged on the same segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Version of this layout.
    pub format_version: u32,
    /// What was evaluated; `None` until it is filled in.
    #[serde(default)]
    pub provenance: Option<Provenance>,
    /// How segments became responses.
    pub aggregation: Aggregation,
    /// Size of the input.
    pub counts: Counts,
    /// How the intervals were computed; `None` until [`add_intervals`](Self::add_intervals).
    #[serde(default)]
    pub bootstrap: Option<Bootstrap>,
    /// One entry per aspect, in the order asked for.
    pub aspects: Vec<AspectEvaluation>,
}

/// Size of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Responses, rated or not.
    pub responses: usize,
    /// Segments, rated or not.
    pub segments: usize,
}

impl Evaluation {
    /// Evaluates `scored`, whose segments carry one score per entry of `aspects`, in that order.
    ///
    /// Each of `baselines` shows up under the aspect it names.
    ///
    /// # Errors
    /// [`ScoreCount`](crate::EvalError::ScoreCount) where a segment has more or fewer scores than
    /// there are aspects; [`BaselineAspect`](crate::EvalError::BaselineAspect),
    /// [`BaselineResponses`](crate::EvalError::BaselineResponses) or
    /// [`BaselineSegments`](crate::EvalError::BaselineSegments) where a baseline was predicted for
    /// something else.
    pub fn compute(
        scored: &[ScoredResponse],
        aspects: &[Aspect],
        aggregation: Aggregation,
        baselines: &[BaselineScores],
    ) -> Result<Self> {
        check_scores(scored, aspects.len())?;
        check_baselines(scored, aspects, baselines)?;
        Ok(Self {
            format_version: FORMAT_VERSION,
            provenance: None,
            aggregation,
            counts: Counts {
                responses: scored.len(),
                segments: scored.iter().map(|response| response.segments.len()).sum(),
            },
            bootstrap: None,
            aspects: aspects
                .iter()
                .enumerate()
                .map(|(index, aspect)| {
                    evaluate_aspect(scored, index, aspect, aggregation, baselines)
                })
                .collect(),
        })
    }

    /// Adds the intervals of `metrics`, resampling responses, at both levels of every aspect.
    ///
    /// `scored` and `aspects` must be those the evaluation was computed from.
    pub fn add_intervals(
        &mut self,
        scored: &[ScoredResponse],
        aspects: &[Aspect],
        bootstrap: &Bootstrap,
        metrics: &[Metric],
    ) {
        for (index, (aspect, evaluation)) in aspects.iter().zip(&mut self.aspects).enumerate() {
            let judged = JudgedAspect::collect(scored, index, &aspect.name);
            let midpoint = judged.midpoint(aspect.midpoint);
            let add = |values: &mut LevelValues, level| {
                let pairs = judged.pairs(level, self.aggregation, midpoint);
                values.intervals = bootstrap.metrics(&pairs, metrics);
                values.intervals_absent = if !values.intervals.is_empty() {
                    None
                } else if bootstrap.resamples == 0 {
                    Some(IntervalAbsence::NoResamples)
                } else if pairs.num_responses() < 2 {
                    Some(IntervalAbsence::FewResponses)
                } else {
                    Some(IntervalAbsence::Undefined)
                };
            };
            add(&mut evaluation.segment, Level::Segment);
            add(&mut evaluation.response, Level::Response);
        }
        self.bootstrap = (bootstrap.resamples > 0).then(|| bootstrap.clone());
    }

    /// Adds the slices of `keys` with at least `min_segments` segments, the largest MSE first.
    ///
    /// `scored` and `aspects` must be those the evaluation was computed from.
    pub fn add_slices(
        &mut self,
        scored: &[ScoredResponse],
        aspects: &[Aspect],
        keys: &[SliceKey],
        min_segments: usize,
    ) {
        for (index, (aspect, evaluation)) in aspects.iter().zip(&mut self.aspects).enumerate() {
            let judged = JudgedAspect::collect(scored, index, &aspect.name);
            let slicer = Slicer {
                scored,
                judged: &judged,
                midpoint: judged.midpoint(aspect.midpoint),
                min_segments,
            };
            evaluation.slices = slicer.slices(keys, Metric::Mse);
        }
    }

    /// Adds the figures before and after recalibration to every aspect that has one.
    ///
    /// `raw` are the responses the evaluation is about, with scores as the model gives them, and
    /// `applied` says whether the evaluation was computed from recalibrated scores or from these.
    pub fn add_recalibration(
        &mut self,
        raw: &[ScoredResponse],
        aspects: &[Aspect],
        recalibrations: &Recalibrations,
        applied: bool,
    ) {
        for (index, (aspect, evaluation)) in aspects.iter().zip(&mut self.aspects).enumerate() {
            let recalibration = recalibrations.of(&aspect.name);
            evaluation.recalibrated = recalibration.map(|recalibration| {
                let judged = JudgedAspect::collect(raw, index, &aspect.name);
                Recalibrated::compute(&judged, aspect, recalibration, self.aggregation, applied)
            });
        }
    }
}
