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
mod wording;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
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
        .layer(from_fn_with_state(Arc::clone(service), gate::host))
        .layer(from_fn(wording::word))
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
    let found = format!("{method} {:?}", uri.path());
    let expected = "a method that the header `allow` names";
    Refusal::body(StatusCode::METHOD_NOT_ALLOWED, found, expected)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{HeaderValue, Request, Response, header};
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use serde_json::Value;

    use super::*;
    use crate::phase::Phase;

    async fn answer(
        service: &Arc<Service>,
        (method, path): (&str, &str),
        body: &'static str,
    ) -> Response<Body> {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body)).unwrap();
        TowerToHyperService::new(router(service))
            .call(request)
            .await
            .unwrap()
    }

    /// Status and JSON of an answer.
    async fn ask(
        service: &Arc<Service>,
        request: (&str, &str),
        body: &'static str,
    ) -> (u16, Value) {
        let answer = answer(service, request, body).await;
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        (status, serde_json::from_slice(&body.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn it_is_ready_between_loading_and_ending_only() {
        let service = Arc::new(Service::for_tests());
        for path in ["/ready", "/v2/health/ready"] {
            let (status, body) = ask(&service, ("GET", path), "").await;
            assert_eq!(status, 503, "{path}");
            assert!(body.to_string().contains("still being loaded"), "{body}");
        }
        let record = r#"{"prompt":"p","response":"One."}"#;
        assert_eq!(ask(&service, ("POST", "/v1/score"), record).await.0, 503);
        assert_eq!(ask(&service, ("GET", "/health"), "").await.0, 200);
        service.phases.reach(Phase::Ready);
        assert_eq!(ask(&service, ("GET", "/ready"), "").await.0, 200);
        service.phases.reach(Phase::Draining);
        let (status, body) = ask(&service, ("GET", "/ready"), "").await;
        assert_eq!(
            (status, &body["error"]["message"]),
            (503, &"the server is ending".into())
        );
        assert_eq!(ask(&service, ("GET", "/health"), "").await.0, 200);
    }

    #[tokio::test]
    async fn every_answer_closes_its_connection_once_the_server_is_ending() {
        let service = Arc::new(Service::for_tests());
        for (phase, closes) in [
            (Phase::Loading, false),
            (Phase::Ready, false),
            (Phase::Draining, true),
            (Phase::Closing, true),
        ] {
            service.phases.reach(phase);
            for request in [
                ("GET", "/health"),
                ("GET", "/nowhere"),
                ("POST", "/v1/score"),
            ] {
                let answer = answer(&service, request, "{").await;
                let connection = answer.headers().get(header::CONNECTION);
                let expected = closes.then(|| HeaderValue::from_static("close"));
                assert_eq!(connection, expected.as_ref(), "{phase:?} {request:?}");
            }
        }
    }

    #[tokio::test]
    async fn errors_before_a_route_have_its_form_too() {
        let service = Arc::new(Service::for_tests());
        let (status, body) = ask(&service, ("GET", "/predict"), "").await;
        assert_eq!((status, &body["error_type"]), (405, &"Validation".into()));
        let (status, body) = ask(&service, ("GET", "/v2/models/%ff"), "").await;
        assert_eq!((status, &body["field"]), (404, &"model".into()), "{body}");
        assert!(body["error"].is_string(), "{body}");
        let (status, body) = ask(&service, ("GET", "/v2/nothing"), "").await;
        assert_eq!((status, body["error"].is_string()), (404, true), "{body}");
    }
}
