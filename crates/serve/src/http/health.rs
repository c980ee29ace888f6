//! Whether the server is there, and whether it answers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::answer::json;
use crate::phase::Phase;
use crate::refusal::{ErrorBody, Refusal};
use crate::scoring::Service;

/// What the two routes say where all is well.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Status {
    /// `ok` or `ready`.
    status: &'static str,
}

/// `GET /health`: the process answers.
#[utoipa::path(
    get,
    path = "/health",
    tag = "native",
    responses((status = 200, description = "The process answers", body = Status), (status = 403, description = "A page of another site asks", body = ErrorBody), (status = 405, description = "Another method", body = ErrorBody)),
)]
pub(super) async fn health() -> Response {
    json(StatusCode::OK, &Status { status: "ok" })
}

/// `GET /ready`: requests are answered; 503 while bundles are loaded and while the server ends.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "native",
    responses((status = 200, description = "Requests are answered", body = Status), (status = 403, description = "A page of another site asks", body = ErrorBody), (status = 405, description = "Another method", body = ErrorBody), (status = 503, description = "Loading or ending", body = ErrorBody)),
)]
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Response {
    match service.phases.now() {
        Phase::Loading => Refusal::loading().into_response(),
        Phase::Ready => json(StatusCode::OK, &Status { status: "ready" }),
        Phase::Draining | Phase::Closing | Phase::Over => {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is ending").into_response()
        }
    }
}
