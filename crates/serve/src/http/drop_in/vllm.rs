//! vLLM: `POST /classify`, which verl asks too, and `POST /pooling` with one number a token.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use gradus_data::Example;
use gradus_eval::token_rewards::{Placement, TokenSource, TokenSpans};
use serde::Serialize;
use serde_json::{Value, json as value};

use super::fields::{Fields, texts};
use super::{fields, known_model, reward, score, split};
use crate::answer::json;
use crate::http::openapi::ClassifyBody;
use crate::http::openapi::PoolingBody;
use crate::http::openapi::Refusals;
use crate::refusal::Refusal;
use crate::scoring::{Scored, Service};

/// A list of results.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct List<T: utoipa::ToSchema> {
    id: String,
    object: &'static str,
    /// Seconds since 1970.
    created: u64,
    /// The bundle.
    model: String,
    data: Vec<T>,
    usage: Usage,
}

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

/// One list of numbers a token.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Pooled {
    index: usize,
    object: &'static str,
    /// Of each token one number an aspect.
    data: Vec<Vec<f64>>,
}

/// Tokens that the model has read.
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
    completion_tokens: usize,
}

/// What both routes take.
const KNOWN: &str = "model, input or messages, user, use_activation (false)";

/// What either route is asked for.
struct Asked {
    /// The name of the bundle.
    model: Option<String>,
    records: Vec<Example>,
    /// Of a chat, the number of its messages.
    chat: Option<usize>,
}

impl Asked {
    /// What messages call a record.
    fn place(chat: Option<usize>) -> impl Fn(usize) -> String + Copy {
        move |number| match chat {
            Some(_) => "messages".to_owned(),
            None => format!("input[{number}]"),
        }
    }

    /// The same about a chat: its response is its last message, its prompt all before.
    fn in_chat(chat: Option<usize>) -> impl Fn(Refusal) -> Refusal {
        move |refusal| match chat {
            Some(count) => refusal
                .renamed(
                    "messages.response",
                    &format!("messages[{}].content", count.saturating_sub(1)),
                )
                .renamed("messages.prompt", "messages"),
            None => refusal,
        }
    }
}

/// The name of the bundle and the records of either route.
fn read(service: &Service, fields: &mut Fields) -> Result<Asked, Refusal> {
    let model = known_model(service, fields.text("model")?);
    fields.pass_over(&["user", "request_id", "priority", "add_special_tokens"]);
    // Scores are in rating units; there is no activation to apply.
    fields.only("use_activation", &value!(false))?;
    fields.only("activation", &value!(false))?;
    match (fields.take("input"), fields.take("messages")) {
        (Some(input), None) => {
            let is_ids = |value: &Value| {
                value.is_number()
                    || value
                        .as_array()
                        .is_some_and(|ids| ids.iter().any(Value::is_number))
            };
            if input
                .as_array()
                .is_some_and(|values| values.iter().any(is_ids))
            {
                return Err(Refusal::field(
                    "input",
                    "token ids",
                    "texts, as this model has another tokenizer",
                ));
            }
            let inputs = texts("input", input)?;
            if inputs.is_empty() {
                return Err(Refusal::field(
                    "input",
                    "an empty list",
                    "at least one text",
                ));
            }
            let records = inputs.iter().enumerate();
            let records = records.map(|(place, whole)| {
                split::at_separator(service, &format!("input[{place}]"), whole)
            });
            let records = records.collect::<Result<_, _>>()?;
            Ok(Asked {
                model,
                records,
                chat: None,
            })
        }
        (None, Some(messages)) => {
            let count = messages.as_array().map_or(0, Vec::len);
            let records = vec![split::chat("messages", messages)?];
            Ok(Asked {
                model,
                records,
                chat: Some(count),
            })
        }
        (Some(_), Some(_)) => Err(Refusal::field(
            "messages",
            "both `input` and `messages`",
            "one of the two",
        )),
        (None, None) => Err(Refusal::missing(
            "input",
            "a text, a list of texts, or `messages`",
        )),
    }
}

fn list<T: utoipa::ToSchema>(scored: &Scored, kind: &str, data: Vec<T>) -> List<T> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let tokens = scored.records.iter().map(|record| record.tokens).sum();
    List {
        id: format!("{kind}-{:x}", now.as_nanos()),
        object: "list",
        created: now.as_secs(),
        model: scored.model.name.clone(),
        data,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
            completion_tokens: 0,
        },
    }
}

/// `POST /classify`: the score of every response, as `probs`.
#[utoipa::path(
    post,
    path = "/classify",
    tag = "vLLM",
    request_body(content = ClassifyBody),
    responses((status = 200, description = "The scores of each response", body = List<Classification>), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn classify(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut fields = fields(&service, &headers, body).await?;
    let Asked {
        model,
        records,
        chat,
    } = read(&service, &mut fields)?;
    fields.finish(KNOWN)?;
    let place = Asked::place(chat);
    let scored = score(&service, model, records, place).await;
    let scored = scored.map_err(Asked::in_chat(chat))?;
    let names: Vec<&str> = scored.model.scorer.aspects().collect();
    let classify = |(index, record): (usize, &crate::scoring::ScoredRecord)| {
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

/// `POST /pooling` with `task: "token_classify"`: one list a token. The tokens are those of `tokens` or
/// `offsets`, which the client gives for each response.
#[utoipa::path(
    post,
    path = "/pooling",
    tag = "vLLM",
    request_body(content = PoolingBody),
    responses((status = 200, description = "Numbers for each token", body = List<Pooled>), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn pool(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut fields = fields(&service, &headers, body).await?;
    fields.only("task", &value!("token_classify"))?;
    fields.only("encoding_format", &value!("float"))?;
    let placement = match fields.text("placement")? {
        None => Placement::Constant,
        Some(name) => name
            .parse()
            .map_err(|_| Refusal::field("placement", format!("{name:?}"), Placement::NAMES))?,
    };
    let Asked {
        model,
        records,
        chat,
    } = read(&service, &mut fields)?;
    let spans = spans(&mut fields, &records)?;
    fields
        .finish("model, input or messages, task (token_classify), tokens or offsets, placement")?;
    let scored = score(&service, model, records, Asked::place(chat)).await;
    let scored = scored.map_err(Asked::in_chat(chat))?;
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
