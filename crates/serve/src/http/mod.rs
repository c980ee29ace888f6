//! The routes, one file each, and what stands before all of them.

mod body;
mod drop_in;
mod gate;
mod health;
mod info;
mod lines;
mod metrics;
mod openapi;
mod record_log;
mod reload;
mod score;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::refusal::Refusal;
use crate::scoring::Service;
use crate::{Event, page};

/// Every route of the server.
pub(crate) fn router(service: &Arc<Service>) -> Router {
    let guarded = Router::new()
        .route("/info", get(info::info))
        .route("/v1/score", post(score::score))
        .route("/reload", post(reload::reload))
        .route("/metrics", get(metrics::metrics))
        .merge(drop_in::guarded())
        .layer(from_fn_with_state(Arc::clone(service), gate::key));
    let open = Router::new()
        .route("/openapi.json", get(openapi::openapi))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .merge(drop_in::open());
    let observer = Arc::clone(&service.observer);
    page::routes(guarded.merge(open))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(
            move |panic: Box<dyn std::any::Any + Send>| {
                let message = crate::queue::panic_message(panic.as_ref());
                observer(Event::Panic { message });
                let refusal = Refusal::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the server failed on this request",
                );
                axum::response::IntoResponse::into_response(refusal)
            },
        ))
        .layer(from_fn_with_state(Arc::clone(service), gate::origin))
        .layer(from_fn_with_state(Arc::clone(service), record_log::record))
        .with_state(Arc::clone(service))
}

async fn not_found(uri: axum::http::Uri) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        format!("found no route {:?}", uri.path()),
    )
    .with_hint("docs/serving.md and GET /openapi.json list the routes")
}

async fn wrong_method(method: axum::http::Method, uri: axum::http::Uri) -> Refusal {
    let message = format!("found {method} {:?}, expected another method", uri.path());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
