//! Turns examples and their scores into the input of metrics and baselines.

use burn::tensor::read_sync;
use gradus_data::{Example, TruncationCounts};
use gradus_model::SegmentModel;
use serde::{Deserialize, Serialize};

use crate::baselines::{
    self, Baseline, BaselineExample, BaselineScores, BaselineSegment, FittedBaseline, Places,
    ResponseBaselineScores,
};
use crate::{
    ExampleScores, Result, ScoredResponse, ScoredSegment, Scorer, SegmentScore, UnscoredReason,
};

/// Scores `examples`; returns scores with ratings, and the counts of truncations.
///
/// # Errors
/// Those of [`Scorer::score`].
pub fn scored_responses<M: SegmentModel>(
    scorer: &Scorer<M>,
    examples: &[Example],
) -> Result<(Vec<ScoredResponse>, TruncationCounts)> {
    read_sync(scored_responses_async(scorer, examples))
}

/// [`scored_responses`] where nothing may wait for a device, as in a browser.
///
/// # Errors
/// Those of [`Scorer::score`].
pub async fn scored_responses_async<M: SegmentModel>(
    scorer: &Scorer<M>,
    examples: &[Example],
) -> Result<(Vec<ScoredResponse>, TruncationCounts)> {
    let scores = scorer.score_async(examples).await?;
    Ok(beside_all(examples, scores))
}

/// The same without recalibration.
///
/// # Errors
/// Those of [`Scorer::score`].
pub fn raw_responses<M: SegmentModel>(
    scorer: &Scorer<M>,
    examples: &[Example],
) -> Result<(Vec<ScoredResponse>, TruncationCounts)> {
    Ok(beside_all(examples, scorer.score_raw(examples)?))
}

fn beside_all(
    examples: &[Example],
    scores: Vec<ExampleScores>,
) -> (Vec<ScoredResponse>, TruncationCounts) {
    let mut counts = TruncationCounts::default();
    let scored = examples.iter().zip(scores).map(|(example, scores)| {
        counts += scores.truncation;
        ScoredResponse {
            shortened: scores.truncation.is_shortened(),
            ..beside(example, scores.segments)
        }
    });
    (scored.collect(), counts)
}

/// The scores of a response with its ratings.
fn beside(example: &Example, scores: Vec<SegmentScore>) -> ScoredResponse {
    let segments = example.segments.iter().zip(scores).map(|(segment, score)| {
        let (start, end) = (segment.span.start, segment.span.end);
        let ratings = segment.ratings.clone();
        let mut scored = match score {
            SegmentScore::Scored(scores) => ScoredSegment::scored(start, end, ratings, scores),
            SegmentScore::Cut(scores) => ScoredSegment {
                cut: true,
                ..ScoredSegment::scored(start, end, ratings, scores)
            },
            SegmentScore::Truncated => {
                ScoredSegment::unscored(start, end, ratings, UnscoredReason::Truncated)
            }
            SegmentScore::NoTokens => {
                ScoredSegment::unscored(start, end, ratings, UnscoredReason::NoTokens)
            }
        };
        scored.raters.clone_from(&segment.raters);
        scored
    });
    response_of(example, segments.collect())
}

/// A response with these segments; ids, ratings and metadata are those of the example.
pub(crate) fn response_of(example: &Example, segments: Vec<ScoredSegment>) -> ScoredResponse {
    let reasons = segments
        .iter()
        .map(|segment| (segment.scores.is_some(), segment.unscored));
    ScoredResponse {
        id: example.id.clone(),
        ratings: example.ratings.clone(),
        raters: example.raters.clone(),
        scores: None,
        unscored: UnscoredReason::of_response(&example.response, reasons),
        chars: example.response.chars().count(),
        meta: example.meta.clone(),
        segments,
        ..ScoredResponse::default()
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
    /// Every baseline of [`Baseline::ALL`], in that order, fitted on the ratings of segments; none
    /// where no segment is rated.
    pub fitted: Vec<FittedBaseline>,
    /// The same, fitted on the ratings of whole responses, each as one segment that is all of the
    /// response; none where no response is rated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_responses: Vec<FittedBaseline>,
    /// Position and length, and the bag of words, with the places of segments in the text ([`Places::Text`]), so that
    /// scores which they are part of do not depend on which segments are listed; fitted on the ratings of segments. None
    /// where that was not asked for, or no segment is rated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_text: Vec<FittedBaseline>,
}

impl Baselines {
    /// Fits every baseline on the ratings of each aspect: those of segments, and those of whole
    /// responses.
    ///
    /// # Errors
    /// [`EvalError::NothingRated`](crate::EvalError::NothingRated) for an aspect without a rating of
    /// either.
    pub fn fit<'a>(
        aspects: impl IntoIterator<Item = &'a str>,
        examples: &[Example],
    ) -> Result<Self> {
        let aspects = aspects.into_iter().map(|aspect| {
            let of_responses = whole_of_aspect(aspect, examples);
            let examples = BaselineExample::of_aspect(aspect, examples);
            let rated = |examples: &[BaselineExample]| {
                let mut segments = examples.iter().flat_map(|example| &example.segments);
                segments.any(|segment| segment.rating.is_some_and(f64::is_finite))
            };
            let fit = |examples: &[BaselineExample]| -> Result<Vec<FittedBaseline>> {
                let fitted = Baseline::ALL.iter().map(|baseline| baseline.fit(examples));
                Ok(fitted.collect::<baselines::Result<_>>()?)
            };
            let whole = rated(&of_responses);
            Ok(AspectBaselines {
                aspect: aspect.to_owned(),
                // Without a rating of either kind the error says so.
                fitted: if whole && !rated(&examples) {
                    Vec::new()
                } else {
                    fit(&examples)?
                },
                of_responses: if whole {
                    fit(&of_responses)?
                } else {
                    Vec::new()
                },
                of_text: Vec::new(),
            })
        });
        Ok(Self {
            aspects: aspects.collect::<Result<_>>()?,
        })
    }

    /// These with the baselines [of the text](AspectBaselines::of_text), fitted on the same `examples`.
    ///
    /// # Errors
    /// None where [`fit`](Self::fit) had none.
    pub fn with_places_of_text(mut self, examples: &[Example]) -> Result<Self> {
        for entry in &mut self.aspects {
            if entry.fitted.is_empty() {
                continue;
            }
            let examples = BaselineExample::of_aspect(&entry.aspect, examples);
            let placed = Baseline::ALL.into_iter();
            let placed = placed.filter(|baseline| *baseline != Baseline::TrainMean);
            let fitted = placed.map(|baseline| baseline.fit_by(Places::Text, &examples));
            entry.of_text = fitted.collect::<baselines::Result<_>>()?;
        }
        Ok(self)
    }

    /// Predictions for `examples` of the baselines that were fitted on ratings of whole responses.
    pub fn response_scores(&self, examples: &[Example]) -> Vec<ResponseBaselineScores> {
        let mut scores = Vec::new();
        for entry in &self.aspects {
            let examples = whole_of_aspect(&entry.aspect, examples);
            let of_aspect = entry.of_responses.iter();
            scores.extend(of_aspect.map(|fitted| fitted.response_scores(&entry.aspect, &examples)));
        }
        scores
    }

    /// Predictions of the baselines for the segments of `examples`.
    pub fn scores(&self, examples: &[Example]) -> Vec<BaselineScores> {
        let scores = self
            .aspects
            .iter()
            .flat_map(|AspectBaselines { aspect, fitted, .. }| {
                let examples = BaselineExample::of_aspect(aspect, examples);
                fitted
                    .iter()
                    .map(|baseline| baseline.scores(aspect, &examples))
                    .collect::<Vec<_>>()
            });
        scores.collect()
    }
}

/// Examples of which each is one segment, rated as the response is as a whole.
fn whole_of_aspect<'a>(aspect: &str, examples: &'a [Example]) -> Vec<BaselineExample<'a>> {
    let example = |example: &'a Example| BaselineExample {
        prompt: &example.prompt,
        response: &example.response,
        segments: vec![BaselineSegment {
            text: &example.response,
            start: 0,
            rating: example.ratings.get(aspect).copied(),
        }],
    };
    examples.iter().map(example).collect()
}
