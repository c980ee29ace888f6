//! `GET /metrics`, in the text format of Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use crate::http::openapi::Refusals;
use crate::scoring::Service;

/// `GET /metrics`.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "native",
    responses((status = 200, description = "Numbers in the text format of Prometheus", body = String, content_type = "text/plain"), Refusals),
    security((), ("key" = [])),
)]
pub(super) async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let text = service.metrics.render(&service.queue);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
        .into_response()
}
