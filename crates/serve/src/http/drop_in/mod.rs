//! Routes of other servers, so that their clients can ask this one. Each file is one of them: what it
//! reads becomes native records, and scores become what it answers.
//!
//! A field that has no meaning here is refused by name, unless leaving it out changes nothing that the
//! client asked for; docs/serving.md has the table. Settings may stand in the URL, as most of these bodies have no
//! place for them.

mod fields;
pub(super) mod lettuce_detect;
pub(super) mod llama_factory;
pub(super) mod open_inference;
pub(super) mod openrlhf;
pub(super) mod slime;
mod split;
pub(super) mod tei;
pub(super) mod vllm;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use gradus_data::Example;

use self::fields::Asked;
use crate::models::Model;
use crate::refusal::Refusal;
use crate::scoring::{Scored, ScoredRecord, Service};
use crate::settings::Settings;

/// The routes that need a key, where there is one.
pub(super) fn guarded() -> Router<Arc<Service>> {
    Router::new()
        .route("/get_reward", post(openrlhf::get_reward))
        .route("/slime/reward", post(slime::reward_of))
        .route("/v1/score/evaluation", post(llama_factory::evaluate))
        .route("/classify", post(vllm::classify::classify))
        .route("/pooling", post(vllm::pooling::pool))
        .route("/predict", post(tei::predict))
        .route("/v2", get(open_inference::server))
        .route("/v2/models/{model}", get(open_inference::model))
        .route("/v2/models/{model}/ready", get(open_inference::model_ready))
        .route("/v2/models/{model}/infer", post(open_inference::infer))
        .route("/v1/lettucedetect/spans", post(lettuce_detect::spans))
}

/// The routes that probes ask.
pub(super) fn open() -> Router<Arc<Service>> {
    Router::new()
        .route("/v2/health/live", get(super::health::health))
        .route("/v2/health/ready", get(super::health::ready))
}

/// A record of a prompt and a response.
fn record(prompt: String, response: String) -> Example {
    Example {
        prompt,
        response,
        ..Example::default()
    }
}

/// Scores records for an answer without numbers for tokens; `place` names a record in messages.
async fn score(
    service: &Arc<Service>,
    settings: &Settings,
    records: Vec<Example>,
    place: impl Fn(usize) -> String + Send + 'static,
) -> Result<Scored, Refusal> {
    if settings.placement.is_some() {
        let expected = "no such setting, as this route gives no numbers for tokens";
        return Err(Refusal::field("placement", "a placement", expected));
    }
    service.score(records, settings, place).await
}

/// Chooses the bundle of the name in a body, unless the URL names one. Clients of these routes send the name that
/// their own server would know; one that is no bundle's chooses none.
fn name_model(service: &Service, settings: &mut Settings, name: Option<String>) {
    if settings.model.is_none() {
        settings.model = name.filter(|name| service.models.has(name));
    }
}

/// The place of the aspect of `--reward-aspect`, or of the only one.
fn reward_aspect(service: &Service, model: &Model) -> Result<usize, Refusal> {
    let names: Vec<&str> = model.scorer.aspects().collect();
    let (place, expected) = match &service.drop_ins.reward_aspect {
        None => (
            (names.len() == 1).then_some(0),
            "one aspect, as the answer is one number".to_owned(),
        ),
        Some(wanted) => (
            names.iter().position(|name| name == wanted),
            format!("{wanted:?}, the aspect of --reward-aspect"),
        ),
    };
    place.ok_or_else(|| {
        let found = format!("a bundle with the aspects {}", names.join(", "));
        Refusal::body(StatusCode::UNPROCESSABLE_ENTITY, found, expected)
            .with_hint("start the server with --reward-aspect NAME")
    })
}

/// The one number that a client takes: the score of the response on the aspect of `--reward-aspect`, or on the
/// only one; where there is none, the number of `--unscored-reward`.
fn reward(
    service: &Service,
    model: &Model,
    record: &ScoredRecord,
    field: &str,
) -> Result<f64, Refusal> {
    let aspect = reward_aspect(service, model)?;
    let score = record.scores.response.get(aspect).copied().flatten();
    score.or(service.drop_ins.unscored_reward).ok_or_else(|| {
        Refusal::field(field, "a response without a score", "one that can be scored")
            .with_hint("an empty response, for instance, has none; --unscored-reward NUMBER answers with that number")
    })
}
