//! The figures of one set of scores: per aspect, at segment and at response level, beside the
//! trivial baselines.

mod aspect;
mod by_truncation;
mod checks;
mod doubtful;
mod provenance;
mod rater_ceiling;
mod raters;
mod recalibrated;
mod response_ratings;

use gradus_bundle::{DoubtThresholds, PredictionInterval};
use serde::{Deserialize, Serialize};

pub use aspect::{AspectEvaluation, BaselineEvaluation, IntervalAbsence, LevelValues};
pub use by_truncation::{ByTruncation, PartValues};
pub use doubtful::DoubtfulFigures;
pub use provenance::{ContextRead, Provenance, ScoreSource};
pub use rater_ceiling::RaterCeiling;
pub use raters::RatersBeside;
pub use recalibrated::{CalibrationFigures, Recalibrated};
pub use response_ratings::{
    RecalibratedResponses, ResponseBaseline, ResponseCalibration, ResponsePart, ResponseRatings,
};

use self::aspect::evaluate_aspect;
use self::checks::{check_baselines, check_response_baselines, check_scores};
use self::response_ratings::WholeResponses;
use crate::baselines::{BaselineScores, ResponseBaselineScores};
use crate::bootstrap::Bootstrap;
use crate::calibration::Recalibrations;
use crate::prediction_interval::IntervalCoverage;
use crate::slices::{SliceKey, Slicer};
use crate::threshold::ClassFigures;
use crate::{Aggregation, JudgedAspect, Level, Metric, Result, ScoredResponse, UnscoredCounts};

/// The version of the JSON that [`Evaluation`] is written as.
const FORMAT_VERSION: u32 = 1;

/// An aspect to evaluate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aspect {
    /// Its name, as in the ratings.
    pub name: String,
    /// The rating that divides negative and positive for AUROC, AUPRC and F1; above is positive.
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
/// provenance       see Provenance; null if it was not set
/// aggregation      "mean" | "sum" | "min" | "max" | "product" | "last"
/// counts           { responses, segments, unscored_responses: by reason }: all of the input, rated or not
/// bootstrap        how intervals were computed, see Bootstrap; null without intervals
/// aspects[]        in the given order
///   aspect         name
///   counts         see AspectCounts: rated, scored, unscored by reason, responses
///   segment        model at segment level: { values: MetricValues, intervals: { METRIC: Interval },
///                  intervals_absent: why there are none, or null }
///   response       model at response level, scores and ratings of segments aggregated: the same
///   response_ratings  response scores against the ratings of whole responses, see ResponseRatings:
///                  { counts, given, figures, baselines[], by_truncation, reliability, recalibrated,
///                  slices[], raters }; null where no response is rated; its by_truncation has
///                  { values: MetricValues, baselines[] } of either part
///   raters         { agreement: RaterAgreement, model_rmse, ceiling: RaterCeiling }; null where no segment has several ratings
///   baselines[]    { name, segment: MetricValues, response: MetricValues }
///   by_truncation  { whole, shortened }, each { responses, segment: MetricValues, response: MetricValues,
///                  baselines[] }: whole texts, and texts truncated or read in windows; null if no
///                  judged text is known to be either
///   reliability    calibration of the segment scores, see Reliability; null without scores
///   recalibrated   figures before and after recalibration, see Recalibrated; null without one
///   slices[]       { key: "position" | "length" | { meta: KEY }, part, responses, values: MetricValues },
///                  the largest MSE first
///   lowest_is_last see LowestIsLast; null where no response has two scored segments
///   classes        precision, recall and F1 of the low and of the high class, see ClassFigures; null without a
///                  midpoint or without scores; response_ratings has it, too
///   doubtful       the flags of the bundle's threshold, see DoubtfulFigures; null without one
///   prediction_interval  how many ratings lie within the bundle's intervals, see IntervalCoverage; null without one
///   ablations[]    figures without a part of the input and with that of another record, see Ablation
/// ```
/// `MetricValues.absences` says why metrics do not exist.
/// Segment level is every segment that is rated and scored. Response level takes, of each
/// response, these same segments and aggregates their scores to the prediction and their ratings
/// to the target: an unrated segment enters neither. Baselines are judged on the same segments.
/// Against the rating of a whole response stands its own score, or that of all of its scored
/// segments aggregated, rated or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Version of this layout.
    pub format_version: u32,
    /// The origin of scores and ratings; `None` until it is set.
    #[serde(default)]
    pub provenance: Option<Provenance>,
    /// How segments became responses.
    pub aggregation: Aggregation,
    /// Size of the input.
    pub counts: Counts,
    /// How the intervals were computed; `None` until [`add_intervals`](Self::add_intervals).
    #[serde(default)]
    pub bootstrap: Option<Bootstrap>,
    /// One entry per aspect, in the given order.
    pub aspects: Vec<AspectEvaluation>,
}

/// Size of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Responses, rated or not.
    pub responses: usize,
    /// Segments, rated or not.
    pub segments: usize,
    /// Responses without any score, by reason.
    #[serde(default)]
    pub unscored_responses: UnscoredCounts,
}

impl Evaluation {
    /// Evaluates `scored`, whose segments carry one score per entry of `aspects`, in that order.
    ///
    /// Each of `baselines` shows up under the aspect it names.
    ///
    /// # Errors
    /// [`ScoreCount`](crate::EvalError::ScoreCount) or
    /// [`ResponseScoreCount`](crate::EvalError::ResponseScoreCount) if a segment, or a response
    /// that has scores of its own, has more or fewer than there are aspects; [`BaselineAspect`](crate::EvalError::BaselineAspect),
    /// [`BaselineResponses`](crate::EvalError::BaselineResponses) or
    /// [`BaselineSegments`](crate::EvalError::BaselineSegments) if a baseline was predicted for
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
                unscored_responses: UnscoredCounts::of_responses(scored),
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

    /// Adds the intervals of `metrics`, resampling responses, at both levels of every aspect and
    /// against the ratings of whole responses.
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
            let pairs = [Level::Segment, Level::Response]
                .map(|level| judged.pairs(level, self.aggregation, midpoint));
            let intervals = bootstrap.metrics_of_both(pairs.each_ref(), metrics);
            let values = [&mut evaluation.segment, &mut evaluation.response];
            for ((values, intervals), pairs) in values.into_iter().zip(intervals).zip(&pairs) {
                values.set_intervals(intervals, pairs, bootstrap);
            }
            evaluation.classes = ClassFigures::of(&pairs[0], Some(bootstrap));
            evaluation.raters = evaluation.raters.map(|raters| {
                let ratings = rater_ceiling::of_segments(scored, &judged, &aspect.name);
                raters.with_ceiling(ratings, Some(bootstrap))
            });
            let whole = WholeResponses::collect(scored, index, aspect, self.aggregation);
            if let (Some(whole), Some(found)) = (whole, &mut evaluation.response_ratings) {
                whole.add_intervals(&mut found.figures, bootstrap, metrics);
                found.classes = whole.classes(Some(bootstrap));
                found.raters = whole.raters(scored, &aspect.name, Some(bootstrap));
            }
        }
        self.bootstrap = (bootstrap.resamples > 0).then(|| bootstrap.clone());
    }

    /// Adds the slices of `keys` with at least `min_segments` segments, or responses rated as a
    /// whole, the largest MSE first.
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
                whole: false,
            };
            evaluation.slices = slicer.slices(keys, Metric::MSE);
            let whole = WholeResponses::collect(scored, index, aspect, self.aggregation);
            if let (Some(whole), Some(found)) = (whole, &mut evaluation.response_ratings) {
                found.slices = whole.slices(scored, keys, min_segments);
            }
        }
    }

    /// Adds baselines that were fitted on ratings of whole responses, each under the aspect it
    /// names and where responses are rated on it.
    ///
    /// `scored` and `aspects` must be those the evaluation was computed from.
    ///
    /// # Errors
    /// [`BaselineAspect`](crate::EvalError::BaselineAspect) or
    /// [`BaselineResponses`](crate::EvalError::BaselineResponses) if a baseline was predicted for
    /// something else.
    pub fn add_response_baselines(
        &mut self,
        scored: &[ScoredResponse],
        aspects: &[Aspect],
        baselines: &[ResponseBaselineScores],
    ) -> Result<()> {
        check_response_baselines(scored, aspects, baselines)?;
        for (index, (aspect, evaluation)) in aspects.iter().zip(&mut self.aspects).enumerate() {
            let whole = WholeResponses::collect(scored, index, aspect, self.aggregation);
            if let (Some(whole), Some(found)) = (whole, &mut evaluation.response_ratings) {
                let of_aspect = baselines.iter().filter(|b| b.aspect == aspect.name);
                whole.add_baselines(found, scored, &of_aspect.collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    /// Adds what the flags of a bundle's thresholds are worth to every aspect that has one; without `bootstrap` there are no
    /// intervals.
    ///
    /// `raw` are the responses the evaluation is about, with scores as the model gives them.
    pub fn add_thresholds(
        &mut self,
        raw: &[ScoredResponse],
        aspects: &[Aspect],
        thresholds: &DoubtThresholds,
        bootstrap: Option<&Bootstrap>,
    ) {
        for (index, (aspect, evaluation)) in aspects.iter().zip(&mut self.aspects).enumerate() {
            evaluation.doubtful = thresholds.get(&aspect.name).and_then(|threshold| {
                let judged = JudgedAspect::collect(raw, index, &aspect.name);
                DoubtfulFigures::compute(&judged, threshold, bootstrap)
            });
        }
    }

    /// Adds how many ratings lie within the prediction intervals of a bundle, for every aspect that has one; `intervals`
    /// says which. Without `bootstrap` the share has no interval of its own.
    ///
    /// `scored` are the responses that the evaluation is about.
    pub fn add_prediction_intervals<'a>(
        &mut self,
        scored: &[ScoredResponse],
        aspects: &[Aspect],
        intervals: impl Fn(&str) -> Option<&'a PredictionInterval>,
        bootstrap: Option<&Bootstrap>,
    ) {
        for (index, (aspect, evaluation)) in aspects.iter().zip(&mut self.aspects).enumerate() {
            evaluation.prediction_interval = intervals(&aspect.name).and_then(|interval| {
                let judged = JudgedAspect::collect(scored, index, &aspect.name);
                IntervalCoverage::compute(&judged, interval, bootstrap)
            });
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
            if let Some(found) = &mut evaluation.response_ratings {
                found.recalibrated = RecalibratedResponses::compute(
                    raw,
                    (index, aspects),
                    recalibrations,
                    self.aggregation,
                    applied,
                );
            }
        }
    }
}
