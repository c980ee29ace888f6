//! Scores as JSON.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use gradus_data::TruncationCounts;
use gradus_eval::{SegmentScore, UnscoredReason};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::models::Model;
use crate::request::Alignment;
use crate::scoring::ScoredRecord;
use crate::settings::ScoringSettings;

/// A record with the scores of its segments.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RecordAnswer {
    /// The id of the record, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Its segments, in the order of the text.
    pub(crate) segments: Vec<SegmentAnswer>,
    /// The score of the response: those of its segments, aggregated.
    #[serde(flatten)]
    pub(crate) score: Score,
    /// Why the response has no score: `empty`, `no_segments`, `truncated` or `no_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unscored: Option<&'static str>,
    /// How the score of the response was made of those of its segments.
    pub(crate) aggregation: String,
    /// What the model has not read.
    pub(crate) truncated: Truncated,
    /// One reward for each token that the record has in `tokens` or `offsets`; by aspect where there are
    /// several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_rewards: Option<TokenRewards>,
}

/// One number a token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum TokenRewards {
    /// Of a bundle with one aspect.
    One(Vec<f64>),
    /// Of a bundle with several, by aspect.
    #[schema(value_type = std::collections::HashMap<String, Vec<f64>>)]
    Several(Map<String, Value>),
}

impl TokenRewards {
    fn new(record: &ScoredRecord, alignment: &Alignment, aspects: &[&str]) -> Self {
        let of_aspect = |aspect| record.rewards(&alignment.spans, alignment.placement, aspect);
        if let [_] = aspects {
            return Self::One(of_aspect(0));
        }
        let names = aspects.iter().enumerate();
        Self::Several(
            names
                .map(|(aspect, &name)| (name.to_owned(), of_aspect(aspect).into()))
                .collect(),
        )
    }
}

/// A segment and its score.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SegmentAnswer {
    /// Its first character in the response, from 0. Unicode characters are counted.
    pub(crate) start: usize,
    /// One past its last character.
    pub(crate) end: usize,
    /// Its score.
    #[serde(flatten)]
    pub(crate) score: Score,
    /// Why it has no score: `truncated` or `no_tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unscored: Option<&'static str>,
    /// Whether the score is that of a part of it, the rest of which did not fit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
    /// `doubtful` if the score is at most the bundle's threshold; by aspect where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flag: Option<Value>,
    /// Lower end of the bundle's prediction interval, where it holds for such scores; by aspect where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) low: Option<Value>,
    /// Its upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) high: Option<Value>,
}

/// A score in rating units, `null` where there is none.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum Score {
    /// Of a bundle with one aspect.
    One {
        /// The score.
        score: Option<f64>,
    },
    /// Of a bundle with several.
    Several {
        /// The scores by aspect.
        #[schema(value_type = std::collections::HashMap<String, Option<f64>>)]
        scores: Map<String, Value>,
    },
}

impl Score {
    fn new(aspects: &[&str], values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut values = values.into_iter();
        if let [_] = aspects {
            return Self::One {
                score: values.next().flatten(),
            };
        }
        let scores = aspects.iter().map(|&aspect| aspect.to_owned());
        Self::Several {
            scores: scores.zip(values.map(Value::from)).collect(),
        }
    }
}

/// Tokens of a record that the model has not read.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Truncated {
    /// Of the context.
    pub(crate) context_tokens_dropped: usize,
    /// Of the prompt.
    pub(crate) prompt_tokens_dropped: usize,
    /// Of the response.
    pub(crate) response_tokens_dropped: usize,
    /// Windows in which the response was read, where it was too long for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) windows: Option<usize>,
}

impl From<&TruncationCounts> for Truncated {
    fn from(counts: &TruncationCounts) -> Self {
        Self {
            context_tokens_dropped: counts.context_tokens_dropped,
            prompt_tokens_dropped: counts.prompt_tokens_dropped,
            response_tokens_dropped: counts.response_tokens_dropped,
            windows: (counts.windows > 0).then_some(counts.windows),
        }
    }
}

impl RecordAnswer {
    pub(crate) fn new(
        record: &ScoredRecord,
        alignment: Option<&Alignment>,
        model: &Model,
        settings: &ScoringSettings,
    ) -> Self {
        let ScoredRecord {
            example, scores, ..
        } = record;
        let aspects: Vec<&str> = model.scorer.aspects().collect();
        let segments = example.segments.iter().zip(&scores.segments);
        let segments = segments.enumerate().map(|(index, (segment, score))| {
            let values = score.scores();
            let of_aspect = |aspect| values.map(|values: &[f64]| values[aspect]);
            let [low, high] = scores.ends(index, &aspects);
            SegmentAnswer {
                start: segment.span.start,
                end: segment.span.end,
                score: Score::new(&aspects, (0..aspects.len()).map(of_aspect)),
                unscored: score.unscored().map(UnscoredReason::name),
                cut: matches!(score, SegmentScore::Cut(_)),
                flag: scores.flag(index, &aspects),
                low,
                high,
            }
        });
        let aggregation = settings
            .aggregation
            .unwrap_or_else(|| model.scorer.aggregation());
        Self {
            id: Some(example.id.clone()).filter(|id| !id.is_empty()),
            segments: segments.collect(),
            score: Score::new(&aspects, scores.response.iter().copied()),
            unscored: scores.unscored(&example.response).map(UnscoredReason::name),
            aggregation: aggregation.to_string(),
            truncated: Truncated::from(&scores.truncation),
            token_rewards: alignment
                .map(|alignment| TokenRewards::new(record, alignment, &aspects)),
        }
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("answers have text keys only");
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
