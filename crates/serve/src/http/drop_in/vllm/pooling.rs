//! `POST /pooling`: numbers for each token of a response.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gradus_data::Example;
use gradus_eval::token_rewards::{Placement, TokenSource, TokenSpans};
use serde::Serialize;
use serde_json::{Value, json as value};

use super::{List, Records, list, read};
use crate::answer::json;
use crate::http::drop_in::fields::Fields;
use crate::http::drop_in::{Asked, score};
use crate::http::openapi::{PoolingBody, Refusals, UrlModel, UrlPlacement, UrlScoring};
use crate::refusal::Refusal;
use crate::scoring::Service;

/// One list of numbers a token.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Pooled {
    index: usize,
    object: &'static str,
    /// Of each token one number an aspect.
    data: Vec<Vec<f64>>,
}

/// `POST /pooling` with `task: "token_classify"`: one list a token. The tokens are those of `tokens` or
/// `offsets`, which the client gives for each response.
#[utoipa::path(
    post,
    path = "/pooling",
    tag = "vLLM",
    params(UrlModel, UrlScoring, UrlPlacement),
    request_body(content = PoolingBody),
    responses((status = 200, description = "Numbers for each token", body = List<Pooled>), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn pool(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        mut settings,
    } = asked;
    fields.only("task", &value!("token_classify"))?;
    fields.only("encoding_format", &value!("float"))?;
    let of_url = settings.placement.take();
    let placement = match fields.text("placement")? {
        None => of_url.unwrap_or(Placement::Constant),
        Some(name) => name
            .parse()
            .map_err(|_| Refusal::field("placement", format!("{name:?}"), Placement::NAMES))?,
    };
    let Records { examples, chat } = read(&service, &mut fields, &mut settings)?;
    let spans = spans(&mut fields, &examples)?;
    fields
        .finish("model, input or messages, task (token_classify), tokens or offsets, placement")?;
    let scored = score(&service, &settings, examples, Records::place(chat)).await;
    let scored = scored.map_err(Records::in_chat(chat))?;
    let aspects = scored.model.scorer.aspects().count();
    let data = scored
        .records
        .iter()
        .zip(&spans)
        .enumerate()
        .map(|(index, (record, spans))| {
            let columns: Vec<Vec<f64>> = (0..aspects)
                .map(|aspect| record.rewards(spans, placement, aspect))
                .collect();
            let tokens = columns.first().map_or(0, Vec::len);
            Pooled {
                index,
                object: "pooling",
                data: (0..tokens)
                    .map(|token| columns.iter().map(|column| column[token]).collect())
                    .collect(),
            }
        });
    let data = data.collect();
    Ok(json(StatusCode::OK, &list(&scored, "pool", data)))
}

/// The tokens of each response: `tokens` or `offsets` is a list of lists, or one list where there is one
/// response.
fn spans(fields: &mut Fields, records: &[Example]) -> Result<Vec<TokenSpans>, Refusal> {
    let (key, lists) = match (fields.take("tokens"), fields.take("offsets")) {
        (Some(tokens), None) => ("tokens", tokens),
        (None, Some(offsets)) => ("offsets", offsets),
        (Some(_), Some(_)) => {
            return Err(Refusal::field(
                "tokens",
                "both `tokens` and `offsets`",
                "one of the two",
            ));
        }
        (None, None) => {
            return Err(Refusal::missing(
                "tokens",
                "the tokens of each response, or `offsets`: this model has another tokenizer than the client",
            ));
        }
    };
    let depth = if key == "tokens" { 1 } else { 2 };
    let (lists, is_flat) = match lists {
        Value::Array(lists) if records.len() == 1 && !is_nested(&lists, depth) => {
            (vec![Value::Array(lists)], true)
        }
        Value::Array(lists) => (lists, false),
        other => {
            return Err(Refusal::field(
                key,
                gradus_data::describe_value(&other),
                "a list for each response",
            ));
        }
    };
    if lists.len() != records.len() {
        return Err(Refusal::field(
            key,
            format!("{} lists", lists.len()),
            format!("{}, one for each response", records.len()),
        ));
    }
    let pairs = lists.into_iter().zip(records).enumerate();
    let spans = pairs.map(|(place, (list, record))| {
        let mut object = serde_json::Map::from_iter([(key.to_owned(), list)]);
        let mut located = || {
            let source = TokenSource::take(&mut object)?;
            let source = source.ok_or_else(|| Refusal::missing(key, "a list"))?;
            Ok::<_, Refusal>(source.locate(&record.response)?)
        };
        located().map_err(|refusal| {
            if is_flat {
                refusal
            } else {
                refusal.renamed(key, &format!("{key}[{place}]"))
            }
        })
    });
    spans.collect()
}

/// Whether the first element has lists this many levels below it.
fn is_nested(lists: &[Value], depth: usize) -> bool {
    let Some(Value::Array(inner)) = lists.first() else {
        return false;
    };
    depth <= 1 || is_nested(inner, depth - 1)
}
