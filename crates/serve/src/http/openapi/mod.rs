//! `GET /openapi.json`: the routes, what they take and what they answer.

mod bodies;
mod refusals;
mod url;

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{Modify, OpenApi};

pub(super) use self::bodies::*;
pub(super) use self::refusals::Refusals;
pub(super) use self::url::{UrlModel, UrlPlacement, UrlScoring};
use super::drop_in::{lettuce_detect, llama_factory, open_inference, openrlhf, slime, tei, vllm};
use super::wording::{DetailError, OpenInferenceError, TeiError, VllmError, Wording};
use super::{health, info, metrics, reload, score};

/// `GET /openapi.json`.
pub(super) async fn openapi() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        Api::openapi()
            .to_json()
            .expect("a schema has text keys only")
    });
    let mut response = Response::new(Body::from(TEXT.as_str()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[derive(OpenApi)]
#[openapi(
    info(title = "gradus serve", description = "Scores of the segments of responses, over HTTP. docs/serving.md says what each field does."),
    paths(
        score::score,
        info::info,
        health::health,
        health::ready,
        metrics::metrics,
        reload::reload,
        openrlhf::get_reward,
        slime::reward_of,
        llama_factory::evaluate,
        vllm::classify::classify,
        vllm::pooling::pool,
        tei::predict,
        open_inference::server,
        open_inference::model,
        open_inference::model_ready,
        open_inference::infer,
        lettuce_detect::spans,
    ),
    components(schemas(VllmError, TeiError, OpenInferenceError, DetailError)),
    modifiers(&BearerKey, &WordedErrors)
)]
struct Api;

/// The key, where the server has one.
struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components
            .get_or_insert_default()
            .add_security_scheme("key", scheme);
    }
}

/// Errors in the form of their route.
struct WordedErrors;

impl Modify for WordedErrors {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for (route, item) in &mut api.paths.paths {
            let schema = Wording::of_route(route).schema();
            let operations = [item.get.as_mut(), item.post.as_mut()];
            let responses = operations
                .into_iter()
                .flatten()
                .flat_map(|operation| operation.responses.responses.iter_mut());
            for (status, response) in responses {
                let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) else {
                    continue;
                };
                for content in response.content.values_mut() {
                    if let RefOr::T(content) = content {
                        content.schema = Some(RefOr::Ref(Ref::from_schema_name(schema)));
                    }
                }
            }
        }
    }
}
