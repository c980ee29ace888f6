//! Examples as metrics and baselines see them.

use gradus_data::{Example, TruncationCounts};
use serde::{Deserialize, Serialize};

use crate::baselines::{
    Baseline, BaselineExample, BaselineScores, BaselineSegment, FittedBaseline,
};
use crate::{Result, ScoredResponse, ScoredSegment, Scorer, SegmentScore, UnscoredReason};

/// Scores `examples` and puts the scores beside the ratings. `counts` grows by what was cut.
///
/// # Errors
/// If an example cannot be cut into segments or encoded.
pub fn scored_responses(
    scorer: &Scorer,
    examples: &[Example],
    counts: &mut TruncationCounts,
) -> Result<Vec<ScoredResponse>> {
    Ok(beside_all(examples, scorer.score(examples, counts)?))
}

/// The same, with scores as the model gives them, whatever the bundle says about recalibration.
///
/// # Errors
/// If an example cannot be cut into segments or encoded.
pub fn raw_responses(
    scorer: &Scorer,
    examples: &[Example],
    counts: &mut TruncationCounts,
) -> Result<Vec<ScoredResponse>> {
    Ok(beside_all(examples, scorer.score_raw(examples, counts)?))
}

fn beside_all(examples: &[Example], scores: Vec<Vec<SegmentScore>>) -> Vec<ScoredResponse> {
    let pairs = examples.iter().zip(scores);
    pairs
        .map(|(example, scores)| beside(example, scores))
        .collect()
}

/// The scores of a response beside its ratings.
fn beside(example: &Example, scores: Vec<SegmentScore>) -> ScoredResponse {
    let segments = example.segments.iter().zip(scores).map(|(segment, score)| {
        let (start, end) = (segment.span.start, segment.span.end);
        let ratings = segment.ratings.clone();
        match score {
            SegmentScore::Scored(scores) => ScoredSegment::scored(start, end, ratings, scores),
            SegmentScore::Truncated => {
                ScoredSegment::unscored(start, end, ratings, UnscoredReason::Truncated)
            }
            SegmentScore::NoTokens => {
                ScoredSegment::unscored(start, end, ratings, UnscoredReason::NoTokens)
            }
        }
    });
    ScoredResponse {
        id: example.id.clone(),
        segments: segments.collect(),
        meta: example.meta.clone(),
    }
}

/// The trivial baselines of every aspect, fitted on a training set; kept beside a model so that
/// they can be shown wherever it is judged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Baselines {
    /// One entry per aspect.
    pub aspects: Vec<AspectBaselines>,
}

/// The fitted baselines of one aspect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AspectBaselines {
    /// Name of the aspect.
    pub aspect: String,
    /// Every baseline of [`Baseline::ALL`], in that order.
    pub fitted: Vec<FittedBaseline>,
}

impl Baselines {
    /// Fits every baseline on the ratings of each aspect.
    ///
    /// # Errors
    /// [`EvalError::NothingRated`](crate::EvalError::NothingRated) for an aspect without a rating.
    pub fn fit<'a>(
        aspects: impl IntoIterator<Item = &'a str>,
        examples: &[Example],
    ) -> Result<Self> {
        let aspects = aspects.into_iter().map(|aspect| {
            let examples = of_aspect(aspect, examples);
            let fitted = Baseline::ALL.iter().map(|baseline| baseline.fit(&examples));
            Ok(AspectBaselines {
                aspect: aspect.to_owned(),
                fitted: fitted.collect::<Result<_>>()?,
            })
        });
        Ok(Self {
            aspects: aspects.collect::<Result<_>>()?,
        })
    }

    /// What the baselines say about `examples`.
    pub fn scores(&self, examples: &[Example]) -> Vec<BaselineScores> {
        let scores = self
            .aspects
            .iter()
            .flat_map(|AspectBaselines { aspect, fitted }| {
                let examples = of_aspect(aspect, examples);
                fitted
                    .iter()
                    .map(|baseline| baseline.scores(aspect, &examples))
                    .collect::<Vec<_>>()
            });
        scores.collect()
    }
}

pub(crate) fn of_aspect<'a>(aspect: &str, examples: &'a [Example]) -> Vec<BaselineExample<'a>> {
    let example = |example: &'a Example| BaselineExample {
        prompt: &example.prompt,
        response: &example.response,
        segments: (0..example.segments.len())
            .map(|k| BaselineSegment {
                text: example.segment_text(k),
                rating: example.segments[k].ratings.get(aspect).copied(),
            })
            .collect(),
    };
    examples.iter().map(example).collect()
}
