//! `OpenRLHF`: `POST /get_reward`, what `--reward.remote_url` asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Asked, reward, score, split};
use crate::answer::json;
use crate::http::openapi::{GetRewardBody, Refusals, UrlModel, UrlScoring};
use crate::refusal::Refusal;
use crate::scoring::{Scored, Service};

/// The rewards of queries.
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Rewards {
    /// The score of each response.
    rewards: Vec<f64>,
    /// The same: `OpenRLHF` filters samples by them.
    scores: Vec<f64>,
    /// Numbers for the log of the training.
    #[schema(value_type = std::collections::HashMap<String, f64>)]
    extra_logs: Map<String, Value>,
}

/// `{"query": [..], "prompts": [..], "labels": [..]}`: a query is a prompt with its response.
#[utoipa::path(
    post,
    path = "/get_reward",
    tag = "OpenRLHF",
    params(UrlModel, UrlScoring),
    request_body(content = GetRewardBody),
    responses((status = 200, description = "A reward for each query", body = Rewards), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn get_reward(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        settings,
    } = asked;
    let queries = fields.needed_texts("query")?;
    let prompts = fields.texts("prompts")?;
    fields.ignore(&["labels"]);
    fields.finish("query, prompts and labels")?;
    if let Some(prompts) = &prompts
        && prompts.len() != queries.len()
    {
        let expected = format!("{}, as many as in `query`", queries.len());
        return Err(Refusal::field(
            "prompts",
            format!("{} prompts", prompts.len()),
            expected,
        ));
    }
    let records = queries.iter().enumerate().map(|(place, query)| {
        let field = format!("query[{place}]");
        match &prompts {
            Some(prompts) => split::behind_prompt(&service, &field, query, &prompts[place]),
            None => split::at_separator(&service, &field, query),
        }
    });
    let records = records.collect::<Result<_, _>>()?;
    let place = |place| format!("query[{place}]");
    let scored = score(&service, &settings, records, place).await?;
    let records = scored.records.iter().enumerate();
    let rewards = records
        .map(|(place, record)| reward(&service, &scored.model, record, &format!("query[{place}]")));
    let rewards: Vec<f64> = rewards.collect::<Result<_, _>>()?;
    let answer = Rewards {
        scores: rewards.clone(),
        rewards,
        extra_logs: logs(&scored),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// Means over the responses: segments, those without a score, and the score of each aspect.
fn logs(scored: &Scored) -> Map<String, Value> {
    let count = scored.records.len() as f64;
    let segments = scored
        .records
        .iter()
        .flat_map(|record| &record.scores.segments);
    let without = segments
        .clone()
        .filter(|segment| segment.scores().is_none());
    let mut logs = Map::new();
    logs.insert("segments".into(), (segments.count() as f64 / count).into());
    logs.insert(
        "unscored_segments".into(),
        (without.count() as f64 / count).into(),
    );
    for (aspect, name) in scored.model.scorer.aspects().enumerate() {
        let scores: Vec<f64> = scored
            .records
            .iter()
            .filter_map(|record| record.scores.response[aspect])
            .collect();
        if !scores.is_empty() {
            logs.insert(
                format!("score_{name}"),
                (scores.iter().sum::<f64>() / scores.len() as f64).into(),
            );
        }
    }
    logs
}
