//! `POST /v1/score`: native records.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::{body, lines};
use crate::answer::{RecordAnswer, json};
use crate::http::openapi::{Refusals, ScoreAnswer, ScoreBody, UrlModel, UrlPlacement, UrlScoring};
use crate::refusal::Refusal;
use crate::request::{Form, ScoreRequest};
use crate::scoring::Service;
use crate::settings::Settings;

/// The answer to an object with `records`.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RecordAnswers {
    /// One answer a record, in their order.
    records: Vec<RecordAnswer>,
}

/// Scores one record, a list, or an object with `records`; the answer has the same form. A stream of lines is
/// answered by one.
#[utoipa::path(
    post,
    path = "/v1/score",
    tag = "native",
    params(UrlModel, UrlScoring, UrlPlacement),
    request_body(content((ScoreBody = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, description = "Scores, in the form of the request", content((ScoreAnswer = "application/json"), (String = "application/x-ndjson"))), Refusals),
    security((), ("key" = [])),
)]
pub(super) async fn score(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let settings = Settings::of_uri(&uri)?;
    if lines::are_announced(&headers) {
        return lines::answer(&service, settings, &headers, body);
    }
    let bytes = body::read(&headers, body, &service.limits).await?;
    let ScoreRequest {
        records,
        tokens,
        settings,
        form,
    } = ScoreRequest::read(&bytes, settings)?;
    let scored = service
        .score(records, &settings, move |number| form.place(number))
        .await?;
    let answers = scored.records.iter().zip(&tokens).map(|(record, tokens)| {
        RecordAnswer::new(record, tokens.as_ref(), &scored.model, &settings.scoring)
    });
    let mut answers: Vec<RecordAnswer> = answers.collect();
    Ok(match form {
        Form::One => json(StatusCode::OK, &answers.remove(0)),
        Form::List => json(StatusCode::OK, &answers),
        Form::Records => json(StatusCode::OK, &RecordAnswers { records: answers }),
    })
}
