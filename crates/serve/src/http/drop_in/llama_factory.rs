//! LLaMA-Factory: `POST /v1/score/evaluation`, what `reward_model_type: api` asks.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::{fields, known_model, reward, score, split};
use crate::answer::json;
use crate::http::openapi::EvaluationBody;
use crate::http::openapi::Refusals;
use crate::refusal::Refusal;
use crate::scoring::Service;

/// The scores of messages.
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Scores {
    id: &'static str,
    object: &'static str,
    /// The bundle.
    model: String,
    /// The score of each response.
    scores: Vec<f64>,
}

/// `{"model", "messages": [..]}`: a message is a prompt with its response, parted by `--query-separator`.
#[utoipa::path(
    post,
    path = "/v1/score/evaluation",
    tag = "LLaMA-Factory",
    request_body(content = EvaluationBody),
    responses((status = 200, description = "A score for each message", body = Scores), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn evaluate(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut fields = fields(&service, &headers, body).await?;
    let model = known_model(&service, fields.text("model")?);
    let messages = fields.needed_texts("messages")?;
    // Texts are truncated by tokens, with the settings of the bundle.
    fields.pass_over(&["max_length"]);
    fields.finish("model, messages and max_length")?;
    let place = |place: usize| format!("messages[{place}]");
    let records = messages.iter().enumerate();
    let records =
        records.map(|(number, whole)| split::at_separator(&service, &place(number), whole));
    let records = records.collect::<Result<_, _>>()?;
    let scored = score(&service, model, records, place).await?;
    let records = scored.records.iter().enumerate();
    let scores =
        records.map(|(number, record)| reward(&service, &scored.model, record, &place(number)));
    let answer = Scores {
        id: "scoreeval",
        object: "score.evaluation",
        model: scored.model.name.clone(),
        scores: scores.collect::<Result<_, _>>()?,
    };
    Ok(json(StatusCode::OK, &answer))
}
