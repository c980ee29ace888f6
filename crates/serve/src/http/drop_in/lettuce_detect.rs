//! `LettuceDetect`: `POST /v1/lettucedetect/spans`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gradus_data::{Example, RatingScale};
use serde::Serialize;

use super::{Asked, reward_aspect, score};
use crate::answer::json;
use crate::http::openapi::{Refusals, SpansBody, UrlModel, UrlScoring};
use crate::models::Model;
use crate::refusal::Refusal;
use crate::scoring::{ScoredRecord, Service};

/// From this score on a span is reported, as `LettuceDetect` does.
const REPORTED: f64 = 0.5;

/// The spans that the contexts do not support.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Spans {
    predictions: Vec<Span>,
}

/// A span of the answer.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Span {
    /// Its first character.
    start: usize,
    /// One past its last character.
    end: usize,
    text: String,
    /// From 0, the highest rating, to 1, the lowest.
    hallucination_score: f64,
}

/// `{"contexts": [..], "question", "answer"}`: the segments of the answer that are rated in the lower half.
#[utoipa::path(
    post,
    path = "/v1/lettucedetect/spans",
    tag = "LettuceDetect",
    params(UrlModel, UrlScoring),
    request_body(content = SpansBody),
    responses((status = 200, description = "Spans that are rated low", body = Spans), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn spans(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        settings,
    } = asked;
    let contexts = fields.needed_texts("contexts")?;
    let question = fields.text("question")?.unwrap_or_default();
    let answer = fields.needed_text("answer")?;
    fields.finish("contexts, question and answer")?;
    let example = Example {
        prompt: question,
        context: Some(contexts.join("\n")),
        response: answer,
        ..Example::default()
    };
    let scored = score(&service, &settings, vec![example], |_| String::new()).await;
    let scored = scored.map_err(|refusal| {
        let names = [
            ("prompt", "question"),
            ("context", "contexts"),
            ("response", "answer"),
        ];
        names.iter().fold(refusal, |refusal, (own, theirs)| {
            refusal.renamed(own, theirs)
        })
    })?;
    let aspect = reward_aspect(&service, &scored.model)?;
    let range = range(&service, &scored.model, aspect)?;
    let predictions = of_record(&scored.records[0], aspect, range);
    Ok(json(StatusCode::OK, &Spans { predictions }))
}

fn of_record(record: &ScoredRecord, aspect: usize, (low, high): (f64, f64)) -> Vec<Span> {
    let example = &record.example;
    let segments = record.scores.segments.iter().enumerate();
    let spans = segments.filter_map(|(number, segment)| {
        let score = segment.scores()?[aspect];
        let span = example.segments[number].span;
        Some(Span {
            start: span.start,
            end: span.end,
            text: example.segment_text(number).to_owned(),
            hallucination_score: ((high - score) / (high - low)).clamp(0.0, 1.0),
        })
    });
    spans
        .filter(|span| span.hallucination_score >= REPORTED)
        .collect()
}

/// The lowest and the highest rating: of `--rating-range`, or of the bundle's scale.
fn range(service: &Service, model: &Model, aspect: usize) -> Result<(f64, f64), Refusal> {
    if let Some(range) = service.drop_ins.rating_range {
        return Ok(range);
    }
    if let RatingScale::MinMax { min, max } = model.scorer.text_config().aspects[aspect].scale {
        return Ok((min, max));
    }
    let message = "found a bundle that does not know the range of its ratings, expected one to turn scores into shares";
    Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
        .with_hint("start the server with --rating-range LOW:HIGH"))
}
