//! The Open Inference Protocol, version 2: `/v2/models/{model}/infer` and what belongs to it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use gradus_data::{Example, describe_value};
use serde::Serialize;
use serde_json::{Value, json as value};

use super::fields::{Fields, texts};
use super::{Asked, record, score};
use crate::answer::{RecordAnswer, json};
use crate::http::openapi::{InferBody, Refusals, UrlScoring};
use crate::refusal::Refusal;
use crate::scoring::{Scored, Service};
use crate::settings::ScoringSettings;

/// The answer to a request.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Inference {
    model_name: String,
    /// The digest of the bundle.
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    outputs: Vec<Output>,
}

/// A tensor of an answer.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Output {
    name: &'static str,
    datatype: &'static str,
    shape: Vec<usize>,
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
}

/// `GET /v2`.
#[utoipa::path(
    get,
    path = "/v2",
    tag = "Open Inference Protocol",
    responses((status = 200, description = "The server", body = serde_json::Value), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn server() -> Response {
    let server = value!({"name": "gradus", "version": env!("CARGO_PKG_VERSION"), "extensions": []});
    json(StatusCode::OK, &server)
}

/// `GET /v2/models/{model}`: its tensors.
#[utoipa::path(
    get,
    path = "/v2/models/{model}",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The name of the bundle")),
    responses((status = 200, description = "The tensors of a bundle", body = serde_json::Value), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn model(
    State(service): State<Arc<Service>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let model = service.models.get(Some(&named(name)?))?;
    let text = |name: &str| value!({"name": name, "datatype": "BYTES", "shape": [-1]});
    let aspects = model.scorer.aspects().count();
    let metadata = value!({
        "name": model.name,
        "versions": [model.digest],
        "platform": "gradus",
        "inputs": [text("prompt"), text("context"), text("response")],
        "outputs": [{"name": "score", "datatype": "FP32", "shape": [-1, aspects]}, text("segments")],
    });
    Ok(json(StatusCode::OK, &metadata))
}

/// `GET /v2/models/{model}/ready`.
#[utoipa::path(
    get,
    path = "/v2/models/{model}/ready",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The name of the bundle")),
    responses((status = 200, description = "The bundle answers", body = serde_json::Value), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn model_ready(
    State(service): State<Arc<Service>>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let model = service.models.get(Some(&named(name)?))?;
    Ok(json(
        StatusCode::OK,
        &value!({"name": model.name, "ready": true}),
    ))
}

/// `POST /v2/models/{model}/infer`: inputs `prompt`, `response` and, if wanted, `context`, each a tensor of
/// `BYTES`; outputs `score`, one number an aspect, and `segments`, JSON as `POST /v1/score` answers.
#[utoipa::path(
    post,
    path = "/v2/models/{model}/infer",
    tag = "Open Inference Protocol",
    params(("model" = String, Path, description = "The name of the bundle"), UrlScoring),
    request_body(content = InferBody),
    responses((status = 200, description = "Scores", body = Inference), Refusals),
    security((), ("key" = [])),
)]
pub(in crate::http) async fn infer(
    State(service): State<Arc<Service>>,
    name: Result<Path<String>, PathRejection>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let Asked {
        mut fields,
        mut settings,
    } = asked;
    if let Some(other) = settings.model.replace(named(name)?) {
        let found = format!("{other:?} in the query");
        return Err(Refusal::field("model", found, "a name in the path only"));
    }
    let id = fields.text("id")?;
    let wanted = wanted_outputs(&mut fields)?;
    let (records, places) = records(&mut fields)?;
    fields.ignore(&["parameters"]);
    fields.finish("id, inputs, outputs and parameters")?;
    let scored = score(&service, &settings, records, |number| format!("[{number}]")).await;
    let scored = scored.map_err(|refusal| in_tensor(refusal, &places))?;
    let outputs = wanted.into_iter().map(|output| {
        let output = output_of(&service, &scored, output);
        output.map_err(|refusal| in_tensor(refusal, &places))
    });
    let answer = Inference {
        model_name: scored.model.name.clone(),
        model_version: scored.model.digest.clone(),
        id,
        outputs: outputs.collect::<Result<_, _>>()?,
    };
    Ok(json(StatusCode::OK, &answer))
}

/// The bundle that the address names.
fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    let Path(name) = name.map_err(|_| {
        Refusal::field("model", "bytes that are no UTF-8", "the name of a bundle")
            .with_status(StatusCode::NOT_FOUND)
    })?;
    Ok(name)
}

fn output_of(service: &Service, scored: &Scored, name: &'static str) -> Result<Output, Refusal> {
    let count = scored.records.len();
    if name == "segments" {
        let settings = ScoringSettings::default();
        let data = scored.records.iter().map(|record| {
            let answer = RecordAnswer::new(record, None, &scored.model, &settings);
            let text =
                serde_json::to_string(&answer.segments).expect("answers have text keys only");
            Value::from(text)
        });
        return Ok(Output {
            name,
            datatype: "BYTES",
            shape: vec![count],
            data: data.collect(),
        });
    }
    let mut data = Vec::new();
    for (number, record) in scored.records.iter().enumerate() {
        for score in &record.scores.response {
            let score = score.or(service.drop_ins.unscored_reward).ok_or_else(|| {
                let field = format!("[{number}].response");
                Refusal::field(
                    field,
                    "a response without a score",
                    "one that can be scored",
                )
            })?;
            data.push(Value::from(score));
        }
    }
    Ok(Output {
        name,
        datatype: "FP32",
        shape: vec![count, scored.model.scorer.aspects().count()],
        data,
    })
}

/// The outputs that a request asks for; `score` where it names none.
fn wanted_outputs(fields: &mut Fields) -> Result<Vec<&'static str>, Refusal> {
    let outputs = match fields.take("outputs") {
        None => Vec::new(),
        Some(Value::Array(outputs)) => outputs,
        Some(other) => {
            let found = describe_value(&other);
            return Err(Refusal::field("outputs", found, "a list of tensors"));
        }
    };
    if outputs.is_empty() {
        return Ok(vec!["score"]);
    }
    let names = outputs.iter().enumerate().map(|(place, output)| {
        let field = format!("outputs[{place}]");
        match name_of(&field, output)? {
            Some("score") => Ok("score"),
            Some("segments") => Ok("segments"),
            _ => Err(Refusal::field(
                format!("{field}.name"),
                describe_value(&output["name"]),
                "score or segments",
            )),
        }
    });
    names.collect()
}

/// The name of a tensor, which has to be an object.
fn name_of<'a>(field: &str, tensor: &'a Value) -> Result<Option<&'a str>, Refusal> {
    match tensor {
        Value::Object(tensor) => Ok(tensor.get("name").and_then(Value::as_str)),
        other => Err(Refusal::field(
            field,
            describe_value(other),
            "a tensor, which is an object",
        )),
    }
}

/// The tensors that a record has a text of, each with its place in `inputs`.
type Places = Vec<(&'static str, usize)>;

/// Names the field of a record as the client does: `[2].response` is the third text of the tensor `response`.
fn in_tensor(refusal: Refusal, places: &[(&str, usize)]) -> Refusal {
    let field = refusal.error.field.clone().unwrap_or_default();
    let parts = field.split_once("].").and_then(|(number, name)| {
        let (_, place) = places.iter().find(|(known, _)| *known == name)?;
        Some(format!("inputs[{place}].data{number}]"))
    });
    match parts {
        Some(theirs) => refusal.renamed(&field, &theirs),
        None => refusal,
    }
}

/// One record for each place of the tensors `prompt` and `response`.
fn records(fields: &mut Fields) -> Result<(Vec<Example>, Places), Refusal> {
    let inputs = fields
        .take("inputs")
        .ok_or_else(|| Refusal::missing("inputs", "a list of tensors"))?;
    let Value::Array(inputs) = inputs else {
        return Err(Refusal::field(
            "inputs",
            describe_value(&inputs),
            "a list of tensors",
        ));
    };
    let (mut prompts, mut responses, mut contexts) = (None, None, None);
    let mut places = Places::new();
    for (place, input) in inputs.into_iter().enumerate() {
        let field = format!("inputs[{place}]");
        let (name, target) = match name_of(&field, &input)? {
            Some("prompt") => ("prompt", &mut prompts),
            Some("response") => ("response", &mut responses),
            Some("context") => ("context", &mut contexts),
            _ => {
                return Err(Refusal::field(
                    format!("{field}.name"),
                    describe_value(&input["name"]),
                    "prompt, response or context",
                ));
            }
        };
        if target.is_some() {
            let found = format!("a second tensor `{name}`");
            return Err(Refusal::field(
                format!("{field}.name"),
                found,
                "one of each name",
            ));
        }
        *target = Some(tensor(&field, input)?);
        places.push((name, place));
    }
    let prompts = prompts.ok_or_else(|| Refusal::missing("inputs", "a tensor `prompt`"))?;
    let responses = responses.ok_or_else(|| Refusal::missing("inputs", "a tensor `response`"))?;
    let counts = [Some(responses.len()), contexts.as_ref().map(Vec::len)];
    if let Some(other) = counts
        .into_iter()
        .flatten()
        .find(|&count| count != prompts.len())
    {
        return Err(Refusal::field(
            "inputs",
            format!("tensors of {} and {other} texts", prompts.len()),
            "as many in each",
        ));
    }
    if prompts.is_empty() {
        return Err(Refusal::field(
            "inputs",
            "tensors without a text",
            "at least one",
        ));
    }
    let mut contexts = contexts.into_iter().flatten();
    let pairs = prompts.into_iter().zip(responses);
    let records = pairs.map(|(prompt, response)| Example {
        context: contexts.next(),
        ..record(prompt, response)
    });
    Ok((records.collect(), places))
}

fn tensor(field: &str, mut input: Value) -> Result<Vec<String>, Refusal> {
    if input["datatype"] != "BYTES" {
        return Err(Refusal::field(
            format!("{field}.datatype"),
            describe_value(&input["datatype"]),
            "\"BYTES\"",
        ));
    }
    let data = texts(&format!("{field}.data"), input["data"].take())?;
    let sizes = input["shape"].as_array();
    let sizes = sizes.and_then(|sizes| sizes.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
    let count = sizes.and_then(|sizes| sizes.into_iter().try_fold(1, u64::checked_mul));
    if count != Some(data.len() as u64) {
        let expected = format!("[{}], as `data` has that many texts", data.len());
        return Err(Refusal::field(
            format!("{field}.shape"),
            input["shape"].to_string(),
            expected,
        ));
    }
    Ok(data)
}
