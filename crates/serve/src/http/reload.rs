//! Loading bundles again.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};

use super::body;
use crate::answer::json;
use crate::http::openapi::{Refusals, ReloadBody, UrlModel};
use crate::models::Reloaded;
use crate::refusal::Refusal;
use crate::request::read_json;
use crate::scoring::Service;
use crate::settings::Settings;

/// What became of the bundles.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ReloadAnswer {
    models: Vec<ReloadedModel>,
}

/// What became of a bundle.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ReloadedModel {
    /// What requests call it.
    name: String,
    /// SHA-256 of its manifest, where it was loaded.
    digest: Option<String>,
    /// Why it was not; the one that was there stays.
    error: Option<String>,
}

/// `POST /reload`: loads the bundle that the body or the URL names, or all, again. Needs a key.
#[utoipa::path(
    post,
    path = "/reload",
    tag = "native",
    params(UrlModel),
    request_body(content = Option<ReloadBody>),
    responses((status = 200, description = "All is loaded", body = ReloadAnswer), Refusals),
    security((), ("key" = [])),
)]
pub(super) async fn reload(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    if service.key.is_none() {
        let message = "found a server without a key, expected one with a key";
        let hint = "start it with --key-file or GRADUS_KEY, or send the process SIGHUP";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message).with_hint(hint));
    }
    if service.models.loaded().is_empty() {
        return Err(Refusal::loading());
    }
    let of_url = Settings::model_of_uri(&uri)?;
    let bytes = body::read(&headers, body, &service.limits).await?;
    let name = wanted(&bytes)?.or(of_url);
    let work = Arc::clone(&service);
    let reloaded = tokio::task::spawn_blocking(move || work.models.reload(name.as_deref()));
    let reloaded = reloaded
        .await
        .map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "loading failed"))??;
    let failed = reloaded.iter().any(|model| model.outcome.is_err());
    let status = if failed {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    };
    let models = reloaded.into_iter().map(ReloadedModel::from).collect();
    Ok(json(status, &ReloadAnswer { models }))
}

/// The bundle that a body names; an empty body names none.
fn wanted(body: &[u8]) -> Result<Option<String>, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let value = read_json(body)?;
    let mut object = match value {
        Value::Object(object) => object,
        _ => Map::from_iter([("model".to_owned(), value)]),
    };
    let model = object.shift_remove("model");
    if let Some(key) = object.keys().next() {
        return Err(Refusal::field(key, "an unknown key", "only model"));
    }
    match model {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(name)),
        Some(other) => Err(Refusal::field(
            "model",
            gradus_data::describe_value(&other),
            "a text",
        )),
    }
}

impl From<Reloaded> for ReloadedModel {
    fn from(reloaded: Reloaded) -> Self {
        let (digest, error) = match reloaded.outcome {
            Ok(model) => (Some(model.digest.clone()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            name: reloaded.name,
            digest,
            error,
        }
    }
}
