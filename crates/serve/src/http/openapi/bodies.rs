//! What the routes take. The readers of records and of fields read bodies; nothing is read into these types.

use std::collections::HashMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::http::score;

/// A step of windows in tokens, or a word.
pub(super) fn stride() -> RefOr<Schema> {
    let tokens = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    let word = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["none", "auto"]));
    let either = OneOfBuilder::new().item(tokens).item(word).build();
    RefOr::T(Schema::OneOf(either))
}

/// A record in one of the four shapes of docs/data-format.md, with settings and the policy's tokens beside its
/// own keys.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct RecordBody {
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
    /// Windows over long responses begin at multiples of this many tokens; `none` cuts such a response;
    /// default: as the bundle was trained.
    #[schema(schema_with = stride, required = false)]
    stride: Option<Value>,
    /// How a response without segments is cut; default: as the bundle says.
    segmenter: Option<String>,
}

/// Records, with settings for all of them.
#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct RecordsBody {
    #[schema(min_items = 1)]
    records: Vec<RecordBody>,
    model: Option<String>,
    aggregation: Option<String>,
    raw: Option<bool>,
    #[schema(schema_with = stride, required = false)]
    stride: Option<Value>,
    segmenter: Option<String>,
    placement: Option<String>,
}

/// What `POST /v1/score` takes.
#[derive(serde::Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) enum ScoreBody {
    Record(Box<RecordBody>),
    List(Vec<RecordBody>),
    Records(RecordsBody),
}

/// What `POST /v1/score` answers, in the form of the request.
#[derive(serde::Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes answers")]
pub(in crate::http) enum ScoreAnswer {
    Record(Box<crate::answer::RecordAnswer>),
    List(Vec<crate::answer::RecordAnswer>),
    Records(score::RecordAnswers),
}

/// What `POST /reload` takes; an empty body loads all bundles again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct ReloadBody {
    model: Option<String>,
}

/// What `OpenRLHF` asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct GetRewardBody {
    /// Prompts, each with its response behind it.
    #[schema(min_items = 1)]
    query: Vec<String>,
    /// The prompt of each query.
    prompts: Option<Vec<String>>,
    /// Has no effect.
    labels: Option<Vec<Value>>,
}

/// What slime asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct SlimeBody {
    /// A text, or the messages of a chat.
    prompt: Value,
    response: String,
    /// Has no effect.
    label: Option<Value>,
}

/// What LLaMA-Factory asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct EvaluationBody {
    model: Option<String>,
    /// Prompts with their responses, split by `--query-separator`.
    #[schema(min_items = 1)]
    messages: Vec<String>,
}

/// What clients of vLLM ask `POST /classify`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct ClassifyBody {
    model: Option<String>,
    /// A text or a list of texts, split by `--query-separator`.
    input: Option<Value>,
    /// A chat; the last message is the assistant's.
    messages: Option<Vec<HashMap<String, String>>>,
    /// Only `false`.
    use_activation: Option<bool>,
}

/// What clients of vLLM ask `POST /pooling`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct PoolingBody {
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
pub(in crate::http) struct PredictBody {
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
pub(in crate::http) struct InferBody {
    id: Option<String>,
    /// Tensors `prompt`, `response` and, if wanted, `context`.
    inputs: Vec<TensorBody>,
    /// `score` and `segments`; default `score`.
    outputs: Option<Vec<HashMap<String, String>>>,
}

/// A tensor of texts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct TensorBody {
    name: String,
    shape: Vec<usize>,
    /// Only `BYTES`.
    datatype: String,
    data: Vec<String>,
}

/// What clients of `LettuceDetect` ask.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes bodies")]
pub(in crate::http) struct SpansBody {
    #[schema(min_items = 1)]
    contexts: Vec<String>,
    question: Option<String>,
    answer: String,
}
