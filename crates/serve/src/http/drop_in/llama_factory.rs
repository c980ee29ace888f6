//! LLaMA-Factory: `POST /v1/score/evaluation`, what `reward_model_type: api` asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{Asked, name_model, reward, score, split};
use crate::answer::json;
use crate::http::openapi::{EvaluationBody, Refusals, UrlModel, UrlScoring};
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

/// `{"model", "messages": [..]}`: a message is a prompt with its response, split by `--query-separator`.
#[utoipa::path(
    post,
    path = "/v1/score/evaluation",
    tag = "LLaMA-Factory",
    params(UrlModel, UrlScoring),
    request_body(content = EvaluationBody),
    responses((status = 200, description = "A score for each message", body = Scores), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn evaluate(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        mut settings,
    } = asked;
    name_model(&service, &mut settings, fields.text("model")?);
    let messages = fields.needed_texts("messages")?;
    // Texts are truncated by tokens, with the settings of the bundle.
    fields.ignore(&["max_length"]);
    fields.finish("model, messages and max_length")?;
    let place = |place: usize| format!("messages[{place}]");
    let records = messages.iter().enumerate();
    let records =
        records.map(|(number, whole)| split::at_separator(&service, &place(number), whole));
    let records = records.collect::<Result<_, _>>()?;
    let scored = score(&service, &settings, records, place).await?;
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
