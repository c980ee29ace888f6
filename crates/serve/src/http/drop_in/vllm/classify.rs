//! `POST /classify`: one number for each aspect of a response.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::{List, Records, list, read};
use crate::answer::json;
use crate::http::drop_in::{Asked, reward, score};
use crate::http::openapi::{ClassifyBody, Refusals, UrlModel, UrlScoring};
use crate::refusal::Refusal;
use crate::scoring::{ScoredRecord, Service};

/// The scores of a response.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Classification {
    index: usize,
    /// The aspects, comma-separated.
    label: String,
    /// The score of each aspect, in rating units.
    probs: Vec<f64>,
    /// The number of aspects.
    num_classes: usize,
}

/// What the body may hold.
const KNOWN: &str = "model, input or messages, user, use_activation (false)";

/// `POST /classify`: the score of every response, as `probs`.
#[utoipa::path(
    post,
    path = "/classify",
    tag = "vLLM",
    params(UrlModel, UrlScoring),
    request_body(content = ClassifyBody),
    responses((status = 200, description = "The scores of each response", body = List<Classification>), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn classify(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        mut settings,
    } = asked;
    let Records { examples, chat } = read(&service, &mut fields, &mut settings)?;
    fields.finish(KNOWN)?;
    let place = Records::place(chat);
    let scored = score(&service, &settings, examples, place).await;
    let scored = scored.map_err(Records::in_chat(chat))?;
    let names: Vec<&str> = scored.model.scorer.aspects().collect();
    let classify = |(index, record): (usize, &ScoredRecord)| {
        let probs = match (&service.drop_ins.reward_aspect, &names[..]) {
            (None, [_, _, ..]) => record
                .scores
                .response
                .iter()
                .map(|score| {
                    score.or(service.drop_ins.unscored_reward).ok_or_else(|| {
                        Refusal::field(
                            place(index),
                            "a response without a score",
                            "one that can be scored",
                        )
                    })
                })
                .collect::<Result<Vec<f64>, _>>()?,
            _ => vec![reward(&service, &scored.model, record, &place(index))?],
        };
        let label = service
            .drop_ins
            .reward_aspect
            .clone()
            .unwrap_or_else(|| names.join(","));
        Ok(Classification {
            index,
            label,
            num_classes: probs.len(),
            probs,
        })
    };
    let data = scored
        .records
        .iter()
        .enumerate()
        .map(classify)
        .collect::<Result<_, Refusal>>()?;
    Ok(json(StatusCode::OK, &list(&scored, "classify", data)))
}
