//! vLLM: `POST /classify`, which verl asks too, and `POST /pooling`.

pub(in crate::http) mod classify;
pub(in crate::http) mod pooling;

use std::time::{SystemTime, UNIX_EPOCH};

use gradus_data::Example;
use serde::Serialize;
use serde_json::{Value, json as value};

use super::fields::{Fields, texts};
use super::{name_model, split};
use crate::refusal::Refusal;
use crate::scoring::{Scored, Service};
use crate::settings::Settings;

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

/// Tokens that the model has read.
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
    completion_tokens: usize,
}

/// The records of either route.
struct Records {
    examples: Vec<Example>,
    /// Of a chat, the number of its messages.
    chat: Option<usize>,
}

impl Records {
    /// What messages call a record.
    fn place(chat: Option<usize>) -> impl Fn(usize) -> String + Copy {
        move |number| match chat {
            Some(_) => "messages".to_owned(),
            None => format!("input[{number}]"),
        }
    }

    /// Names the field of a chat as the client does: the response is the last message, the prompt all before.
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

/// Reads what both routes take.
fn read(
    service: &Service,
    fields: &mut Fields,
    settings: &mut Settings,
) -> Result<Records, Refusal> {
    name_model(service, settings, fields.text("model")?);
    fields.ignore(&["user", "request_id", "priority", "add_special_tokens"]);
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
            let examples = inputs.iter().enumerate().map(|(place, whole)| {
                split::at_separator(service, &format!("input[{place}]"), whole)
            });
            Ok(Records {
                examples: examples.collect::<Result<_, _>>()?,
                chat: None,
            })
        }
        (None, Some(messages)) => {
            let count = messages.as_array().map_or(0, Vec::len);
            Ok(Records {
                examples: vec![split::chat("messages", messages)?],
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
