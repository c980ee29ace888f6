//! `GET /openapi.json`: the routes, what they take and what they answer.
//!
//! Bodies are read by the readers of records and of fields; the types here describe them, and nothing is
//! read into them.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::Value;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::drop_in::{lettuce_detect, llama_factory, open_inference, openrlhf, slime, tei, vllm};
use super::wording::{DetailError, OpenInferenceError, TeiError, VllmError, Wording};
use super::{health, info, metrics, reload, score};
use crate::refusal::ErrorBody;

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
        vllm::classify,
        vllm::pool,
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

/// Every answer of a route that scores, other than the scores.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers")]
pub(super) enum Refusals {
    /// Not JSON, or not a request of HTTP.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// No key, or another one.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
    /// A page of another site asks, or the server has no key for this route.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// No such model.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// Another method.
    #[response(status = 405)]
    WrongMethod(ErrorBody),
    /// The body did not arrive in time.
    #[response(status = 408)]
    Timeout(ErrorBody),
    /// A body or a list that is too long.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// A compressed body, or one that is not JSON.
    #[response(status = 415)]
    Compressed(ErrorBody),
    /// JSON that is no request of this route.
    #[response(status = 422)]
    Unprocessable(ErrorBody),
    /// The queue is full; `retry-after` says when to ask again.
    #[response(status = 429)]
    Full(ErrorBody),
    /// The server failed.
    #[response(status = 500)]
    Failed(ErrorBody),
    /// Bundles are being loaded, the server is ending, or scoring took too long.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// A record in one of the four shapes of docs/data-format.md, with settings and the policy's tokens beside its
/// own keys.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct RecordBody {
    /// Name of the record.
    id: Option<String>,
    /// What the response answers.
    prompt: String,
    /// What the answer should rest on.
    context: Option<String>,
    /// The judged text. Needed unless `segments` or `completions` has its pieces.
    response: Option<String>,
    /// Spans (`start`, `end`), or the texts of the segments.
    segments: Option<Vec<Value>>,
    /// The texts of the segments, as TRL has them.
    completions: Option<Vec<String>>,
    /// The characters of each token of the policy: `[[start, end], ..]`.
    offsets: Option<Vec<[usize; 2]>>,
    /// The text of each token of the policy.
    tokens: Option<Vec<String>>,
    /// How scores become rewards of tokens; default `end`.
    #[schema(pattern = "^(end|spread|constant|difference)$")]
    placement: Option<String>,
    /// The name of the bundle; default: the first.
    model: Option<String>,
    /// How scores of segments become that of the response; default: as the bundle says.
    aggregation: Option<String>,
    /// Without recalibration.
    raw: Option<bool>,
    /// Windows over long responses begin at multiples of this many tokens.
    #[schema(minimum = 1)]
    stride: Option<usize>,
    /// How a response without segments is cut; default: as the bundle says.
    segmenter: Option<String>,
}

/// Records, with settings for all of them.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct RecordsBody {
    #[schema(min_items = 1)]
    records: Vec<RecordBody>,
    model: Option<String>,
    aggregation: Option<String>,
    raw: Option<bool>,
    #[schema(minimum = 1)]
    stride: Option<usize>,
    segmenter: Option<String>,
    placement: Option<String>,
}

/// What `POST /v1/score` takes.
#[derive(serde::Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) enum ScoreBody {
    Record(Box<RecordBody>),
    List(Vec<RecordBody>),
    Records(RecordsBody),
}

/// What `POST /v1/score` answers, in the form of the request.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes answers")]
pub(super) enum ScoreAnswer {
    Record(Box<crate::answer::RecordAnswer>),
    List(Vec<crate::answer::RecordAnswer>),
    Records(score::RecordAnswers),
}

/// What `POST /reload` takes; an empty body loads all bundles again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct ReloadBody {
    model: Option<String>,
}

/// What `OpenRLHF` asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct GetRewardBody {
    /// Prompts, each with its response behind it.
    #[schema(min_items = 1)]
    query: Vec<String>,
    /// The prompt of each query.
    prompts: Option<Vec<String>>,
    /// Passed over.
    labels: Option<Vec<Value>>,
}

/// What slime asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct SlimeBody {
    /// A text, or the messages of a chat.
    prompt: Value,
    response: String,
    /// Passed over.
    label: Option<Value>,
}

/// What LLaMA-Factory asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct EvaluationBody {
    model: Option<String>,
    /// Prompts with their responses, parted by `--query-separator`.
    #[schema(min_items = 1)]
    messages: Vec<String>,
}

/// What clients of vLLM ask `POST /classify`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct ClassifyBody {
    model: Option<String>,
    /// A text or a list of texts, parted by `--query-separator`.
    input: Option<Value>,
    /// A chat; the last message is the assistant's.
    messages: Option<Vec<HashMap<String, String>>>,
    /// Only `false`.
    use_activation: Option<bool>,
}

/// What clients of vLLM ask `POST /pooling`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct PoolingBody {
    model: Option<String>,
    input: Option<Value>,
    messages: Option<Vec<HashMap<String, String>>>,
    /// Only `token_classify`.
    task: Option<String>,
    /// Of each response the texts of its tokens.
    tokens: Option<Vec<Value>>,
    /// Of each response the characters of its tokens.
    offsets: Option<Vec<Value>>,
    /// Default `constant`.
    placement: Option<String>,
}

/// What clients of text-embeddings-inference ask.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct PredictBody {
    /// A text, a pair of prompt and response, or a list of these.
    inputs: Value,
    truncate: Option<bool>,
    raw_scores: Option<bool>,
    /// Empty, as clients of the Hugging Face Hub send it.
    parameters: Option<HashMap<String, Value>>,
}

/// A request of the Open Inference Protocol.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct InferBody {
    id: Option<String>,
    /// Tensors `prompt`, `response` and, if wanted, `context`.
    inputs: Vec<TensorBody>,
    /// `score` and `segments`; default `score`.
    outputs: Option<Vec<HashMap<String, String>>>,
}

/// A tensor of texts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct TensorBody {
    name: String,
    shape: Vec<usize>,
    /// Only `BYTES`.
    datatype: String,
    data: Vec<String>,
}

/// What clients of `LettuceDetect` ask.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(super) struct SpansBody {
    #[schema(min_items = 1)]
    contexts: Vec<String>,
    question: Option<String>,
    answer: String,
}
