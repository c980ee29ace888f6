//! The figures of one set of scores: per aspect, at segment and at response level, beside the
//! trivial baselines.

use crate::baselines::BaselineScores;
use crate::bootstrap::{Bootstrap, Interval};
use crate::calibration::Reliability;
use crate::process::LowestIsLast;
use crate::{
    Aggregation, AspectCounts, EvalError, JudgedAspect, Level, Metric, MetricValues, Result,
    ScoredResponse, ScoredSegment,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
/// aggregation      "mean" | "sum" | "min" | "max" | "product" | "last"
/// counts           { responses, segments }: all of the input, rated or not
/// aspects[]        in the order asked for
///   aspect         name
///   counts         see AspectCounts: rated, scored, unscored by reason, responses
///   segment        model at segment level: { values: MetricValues, intervals: { METRIC: Interval } }
///   response       model at response level: the same
///   baselines[]    { name, segment: MetricValues, response: MetricValues }
///   reliability    calibration of the segment scores, see Reliability; null without scores
///   lowest_is_last see LowestIsLast; null where no response has two scored segments
/// ```
/// Segment level is every segment that is rated and scored. Response level takes, of each
/// response, these same segments and aggregates their scores to the prediction and their ratings
/// to the target: an unrated segment enters neither. Baselines are judged on the same segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Version of this layout.
    pub format_version: u32,
    /// How segments became responses.
    pub aggregation: Aggregation,
    /// Size of the input.
    pub counts: Counts,
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

/// The figures of one aspect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AspectEvaluation {
    /// The aspect.
    pub aspect: String,
    /// What was rated and what was scored.
    pub counts: AspectCounts,
    /// The model at segment level.
    pub segment: LevelValues,
    /// The model at response level.
    pub response: LevelValues,
    /// The baselines, in the order given.
    pub baselines: Vec<BaselineEvaluation>,
    /// Calibration of the model's segment scores; `None` where nothing is both rated and scored.
    pub reliability: Option<Reliability>,
    /// How often the lowest of the model's scores, over all segments it scored, rated or not, is
    /// the last one. `None` where no response has two.
    pub lowest_is_last: Option<LowestIsLast>,
}

/// The model's figures at one level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelValues {
    /// Every metric.
    pub values: MetricValues,
    /// Intervals of those metrics that have one; empty until
    /// [`Evaluation::add_intervals`] fills them in.
    pub intervals: BTreeMap<Metric, Interval>,
}

/// The figures of a baseline, on the same segments as the model's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineEvaluation {
    /// Name of the baseline.
    pub name: String,
    /// At segment level.
    pub segment: MetricValues,
    /// At response level.
    pub response: MetricValues,
}

impl Evaluation {
    /// Evaluates `scored`, whose segments carry one score per entry of `aspects`, in that order.
    ///
    /// Each of `baselines` shows up under the aspect it names.
    ///
    /// # Errors
    /// [`EvalError::ScoreCount`] where a segment has more or fewer scores than there are aspects;
    /// [`EvalError::BaselineAspect`], [`EvalError::BaselineResponses`] or
    /// [`EvalError::BaselineSegments`] where a baseline was predicted for something else.
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
            aggregation,
            counts: Counts {
                responses: scored.len(),
                segments: scored.iter().map(|response| response.segments.len()).sum(),
            },
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
            let intervals = |level| {
                bootstrap.metrics(&judged.pairs(level, self.aggregation, midpoint), metrics)
            };
            evaluation.segment.intervals = intervals(Level::Segment);
            evaluation.response.intervals = intervals(Level::Response);
        }
    }
}

fn lowest_is_last(scored: &[ScoredResponse], aspect: usize) -> Option<LowestIsLast> {
    let score = |segment: &ScoredSegment| segment.scores.as_ref()?.get(aspect).copied();
    let by_response: Vec<Vec<f64>> = scored
        .iter()
        .map(|response| response.segments.iter().filter_map(score).collect())
        .collect();
    LowestIsLast::compute(by_response.iter().map(Vec::as_slice))
}

fn check_scores(scored: &[ScoredResponse], expected: usize) -> Result<()> {
    for response in scored {
        for (segment, ScoredSegment { scores, .. }) in response.segments.iter().enumerate() {
            let found = scores.as_ref().map_or(expected, Vec::len);
            if found != expected {
                let id = response.id.clone();
                return Err(EvalError::ScoreCount {
                    id,
                    segment,
                    found,
                    expected,
                });
            }
        }
    }
    Ok(())
}

fn check_baselines(
    scored: &[ScoredResponse],
    aspects: &[Aspect],
    baselines: &[BaselineScores],
) -> Result<()> {
    for BaselineScores {
        name,
        aspect,
        scores,
    } in baselines
    {
        let name = name.clone();
        if !aspects.iter().any(|known| known.name == *aspect) {
            let known = aspects
                .iter()
                .map(|a| a.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(EvalError::BaselineAspect {
                name,
                aspect: aspect.clone(),
                known,
            });
        }
        let (found, expected) = (scores.len(), scored.len());
        if found != expected {
            return Err(EvalError::BaselineResponses {
                name,
                found,
                expected,
            });
        }
        for (response, scores) in scored.iter().zip(scores) {
            let (found, expected) = (scores.len(), response.segments.len());
            if found != expected {
                let id = response.id.clone();
                return Err(EvalError::BaselineSegments {
                    name,
                    id,
                    found,
                    expected,
                });
            }
        }
    }
    Ok(())
}

fn evaluate_aspect(
    scored: &[ScoredResponse],
    index: usize,
    aspect: &Aspect,
    aggregation: Aggregation,
    baselines: &[BaselineScores],
) -> AspectEvaluation {
    let judged = JudgedAspect::collect(scored, index, &aspect.name);
    let midpoint = judged.midpoint(aspect.midpoint);
    let values = |judged: &JudgedAspect, level| {
        MetricValues::compute(&judged.pairs(level, aggregation, midpoint))
    };
    let level = |level| LevelValues {
        values: values(&judged, level),
        intervals: BTreeMap::new(),
    };
    let baselines = baselines
        .iter()
        .filter(|baseline| baseline.aspect == aspect.name);
    let pairs = judged.pairs(Level::Segment, aggregation, midpoint);
    AspectEvaluation {
        aspect: aspect.name.clone(),
        counts: judged.counts,
        reliability: Reliability::compute(pairs.predictions(), pairs.targets(), Reliability::BINS),
        lowest_is_last: lowest_is_last(scored, index),
        segment: level(Level::Segment),
        response: level(Level::Response),
        baselines: baselines
            .map(|baseline| {
                let judged =
                    judged.rescored(|response, segment| baseline.scores[response][segment]);
                BaselineEvaluation {
                    name: baseline.name.clone(),
                    segment: values(&judged, Level::Segment),
                    response: values(&judged, Level::Response),
                }
            })
            .collect(),
    }
}
