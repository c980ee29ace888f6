//! text-embeddings-inference: `POST /predict`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gradus_data::{Example, describe_value};
use serde::Serialize;
use serde_json::Value;

use super::fields::text;
use super::{Asked, record, score, split};
use crate::answer::json;
use crate::http::openapi::{PredictBody, Refusals, UrlModel, UrlScoring};
use crate::refusal::Refusal;
use crate::scoring::{ScoredRecord, Service};

/// The score of an aspect.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Prediction {
    /// The score, in rating units.
    score: f64,
    /// The aspect.
    label: String,
}

/// `{"inputs", "truncate", "raw_scores"}`: an input is a pair of prompt and response, or one text that
/// `--query-separator` parts; a list of inputs is a list of such.
#[utoipa::path(
    post,
    path = "/predict",
    tag = "text-embeddings-inference",
    params(UrlModel, UrlScoring),
    request_body(content = PredictBody),
    responses((status = 200, description = "The scores of each input", body = serde_json::Value), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn predict(
    State(service): State<Arc<Service>>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        settings,
    } = asked;
    let truncate = fields.flag("truncate")?.unwrap_or(false);
    let inputs = fields
        .take("inputs")
        .ok_or_else(|| Refusal::missing("inputs", "a text, a pair of texts, or a list of these"))?;
    // Scores have no activation that `raw_scores` could skip. Texts are truncated as in training.
    fields.flag("raw_scores")?;
    fields.ignore(&["truncation_direction"]);
    fields.parameters(&["function_to_apply"])?;
    fields.finish("inputs, truncate and raw_scores")?;
    let (records, is_batch) = read(&service, inputs)?;
    let place = move |number: usize| {
        if is_batch {
            format!("inputs[{number}]")
        } else {
            "inputs".to_owned()
        }
    };
    let scored = score(&service, &settings, records, place).await?;
    let names: Vec<&str> = scored.model.scorer.aspects().collect();
    let records = scored.records.iter().enumerate();
    let predictions = records
        .map(|(number, record)| predictions(&service, &names, record, truncate, &place(number)));
    let mut predictions: Vec<Vec<Prediction>> = predictions.collect::<Result<_, _>>()?;
    Ok(if is_batch {
        json(StatusCode::OK, &predictions)
    } else {
        json(StatusCode::OK, &predictions.remove(0))
    })
}

/// The scores of a response, the highest first.
fn predictions(
    service: &Service,
    names: &[&str],
    record: &ScoredRecord,
    truncate: bool,
    place: &str,
) -> Result<Vec<Prediction>, Refusal> {
    let cut = &record.scores.truncation;
    let dropped =
        cut.context_tokens_dropped + cut.prompt_tokens_dropped + cut.response_tokens_dropped;
    if dropped > 0 && !truncate {
        let found = format!("a text of which {dropped} tokens are too many for the model");
        return Err(Refusal::field(
            place,
            found,
            "one that fits, or `truncate`: true",
        ));
    }
    let scores = names.iter().zip(&record.scores.response);
    let predictions = scores.map(|(&name, score)| {
        let score = score.or(service.drop_ins.unscored_reward);
        let score = score.ok_or_else(|| {
            Refusal::field(
                place,
                "a response without a score",
                "one that can be scored",
            )
        })?;
        Ok(Prediction {
            score,
            label: name.to_owned(),
        })
    });
    let mut predictions: Vec<Prediction> = predictions.collect::<Result<_, Refusal>>()?;
    predictions.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(predictions)
}

/// The records of `inputs`, and whether it is a list of inputs.
fn read(service: &Service, inputs: Value) -> Result<(Vec<Example>, bool), Refusal> {
    match inputs {
        Value::Array(inputs) if inputs.iter().any(Value::is_array) => {
            let inputs = inputs.into_iter().enumerate();
            let records =
                inputs.map(|(number, input)| one(service, &format!("inputs[{number}]"), input));
            Ok((records.collect::<Result<_, _>>()?, true))
        }
        input => Ok((vec![one(service, "inputs", input)?], false)),
    }
}

fn one(service: &Service, field: &str, input: Value) -> Result<Example, Refusal> {
    match input {
        Value::String(whole) => split::at_separator(service, field, &whole),
        Value::Array(texts) => match <[Value; 2]>::try_from(texts) {
            Ok([prompt, response]) => Ok(record(
                text(&format!("{field}[0]"), prompt)?,
                text(&format!("{field}[1]"), response)?,
            )),
            Err(texts) => match <[Value; 1]>::try_from(texts) {
                Ok([whole]) => split::at_separator(service, field, &text(field, whole)?),
                Err(texts) => Err(Refusal::field(
                    field,
                    format!("a list of {} texts", texts.len()),
                    "a pair of prompt and response",
                )),
            },
        },
        other => Err(Refusal::field(
            field,
            describe_value(&other),
            "a text, a pair of texts, or a list of these",
        )),
    }
}
