//! slime: `POST /slime/reward`, what `--rm-type remote_rm --rm-url` asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::{Asked, record, reward, score, split};
use crate::answer::json;
use crate::http::openapi::{Refusals, SlimeBody, UrlModel, UrlScoring};
use crate::refusal::Refusal;
use crate::scoring::Service;

/// `{"prompt", "response", "label"}`: the answer is the number itself, or with `--reward-key` an object that
/// has it under this key.
#[utoipa::path(
    post,
    path = "/slime/reward",
    tag = "slime",
    params(UrlModel, UrlScoring),
    request_body(content = SlimeBody),
    responses((status = 200, description = "The reward, or an object that has it", body = serde_json::Value), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn reward_of(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        settings,
    } = asked;
    let prompt = fields
        .take("prompt")
        .ok_or_else(|| Refusal::missing("prompt", "a text or messages"))?;
    let prompt = split::prompt("prompt", prompt)?;
    let response = fields.needed_text("response")?;
    fields.ignore(&["label", "metadata"]);
    fields.finish("prompt, response and label")?;
    let records = vec![record(prompt, response)];
    let scored = score(&service, &settings, records, |_| String::new()).await?;
    let reward = reward(&service, &scored.model, &scored.records[0], "response")?;
    Ok(match &service.drop_ins.reward_key {
        None => json(StatusCode::OK, &reward),
        Some(key) => json(
            StatusCode::OK,
            &Map::from_iter([(key.clone(), Value::from(reward))]),
        ),
    })
}
