//! The form of errors: each route answers as the server whose clients ask it does, since they read that form.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::refusal::{ErrorText, Refusal};

/// The form of the errors of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    /// `{"error": {"message", ..}}`, also for clients that read the status only (`OpenRLHF`, slime).
    Native,
    /// vLLM and `OpenAI`: `{"error": {"message", "type", "param", "code"}}`.
    Vllm,
    /// text-embeddings-inference: `{"error": "..", "error_type": ".."}`.
    Tei,
    /// Open Inference Protocol: `{"error": ".."}`.
    OpenInference,
    /// Servers made with `FastAPI` (LLaMA-Factory, `LettuceDetect`): `{"detail": ".."}`.
    Detail,
}

impl Wording {
    pub(super) fn of_route(route: &str) -> Self {
        match route {
            "/classify" | "/pooling" => Self::Vllm,
            "/predict" => Self::Tei,
            "/v1/score/evaluation" | "/v1/lettucedetect/spans" => Self::Detail,
            route if route == "/v2" || route.starts_with("/v2/") => Self::OpenInference,
            _ => Self::Native,
        }
    }

    /// The name of the schema of its errors.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::Native => "ErrorBody",
            Self::Vllm => "VllmError",
            Self::Tei => "TeiError",
            Self::OpenInference => "OpenInferenceError",
            Self::Detail => "DetailError",
        }
    }

    fn body(self, refusal: Refusal) -> Vec<u8> {
        let status = refusal.status;
        let error = *refusal.error;
        let body = match self {
            Self::Native => serde_json::to_vec(&crate::refusal::ErrorBody { error }),
            Self::Vllm => serde_json::to_vec(&VllmError::new(status, error)),
            Self::Tei => serde_json::to_vec(&TeiError {
                error_type: tei_type(status),
                error: sentence(&error),
                place: error.into(),
            }),
            Self::OpenInference => serde_json::to_vec(&OpenInferenceError {
                error: sentence(&error),
                place: error.into(),
            }),
            Self::Detail => serde_json::to_vec(&DetailError {
                detail: sentence(&error),
                place: error.into(),
            }),
        };
        body.expect("answers have text keys only")
    }
}

/// Puts the error of an answer into the form of its route.
pub(super) async fn word(request: Request, next: Next) -> Response {
    let wording = Wording::of_route(request.uri().path());
    let mut response = next.run(request).await;
    if wording != Wording::Native
        && let Some(refusal) = response.extensions_mut().remove::<Refusal>()
    {
        *response.body_mut() = Body::from(wording.body(refusal));
    }
    response
}

/// What these clients show is one text, so it has the hint too.
fn sentence(error: &ErrorText) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

/// What every form has beside the keys of its protocol.
#[derive(Serialize, ToSchema)]
struct Place {
    /// The field of the body it is about, such as `inputs[0].shape`.
    field: Option<String>,
    /// What was found there.
    found: Option<String>,
    /// What was expected there.
    expected: Option<String>,
    /// What to do about it.
    hint: Option<String>,
}

impl From<ErrorText> for Place {
    fn from(error: ErrorText) -> Self {
        Self {
            field: error.field,
            found: error.found,
            expected: error.expected,
            hint: error.hint,
        }
    }
}

/// An error of the routes of vLLM.
#[derive(Serialize, ToSchema)]
pub(super) struct VllmError {
    error: VllmErrorText,
}

/// What is wrong with a request.
#[derive(Serialize, ToSchema)]
struct VllmErrorText {
    /// All of it in one sentence.
    message: String,
    /// The kind of error, such as `BadRequestError`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field of the body it is about.
    param: Option<String>,
    /// The status of the answer.
    code: u16,
    #[serde(flatten)]
    place: Place,
}

impl VllmError {
    fn new(status: StatusCode, error: ErrorText) -> Self {
        let kind = match status.as_u16() {
            401 => "AuthenticationError",
            403 => "PermissionDeniedError",
            404 => "NotFoundError",
            429 => "RateLimitError",
            503 => "ServiceUnavailableError",
            500.. => "InternalServerError",
            _ => "BadRequestError",
        };
        Self {
            error: VllmErrorText {
                message: sentence(&error),
                kind,
                param: error.field.clone(),
                code: status.as_u16(),
                place: error.into(),
            },
        }
    }
}

/// An error of the route of text-embeddings-inference.
#[derive(Serialize, ToSchema)]
pub(super) struct TeiError {
    /// All of it in one sentence.
    error: String,
    /// `Validation`, `Overloaded`, `Unhealthy` or `Backend`.
    error_type: &'static str,
    #[serde(flatten)]
    place: Place,
}

fn tei_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        429 => "Overloaded",
        503 => "Unhealthy",
        500.. => "Backend",
        _ => "Validation",
    }
}

/// An error of the routes of the Open Inference Protocol.
#[derive(Serialize, ToSchema)]
pub(super) struct OpenInferenceError {
    /// All of it in one sentence.
    error: String,
    #[serde(flatten)]
    place: Place,
}

/// An error of the routes of LLaMA-Factory and `LettuceDetect`.
#[derive(Serialize, ToSchema)]
pub(super) struct DetailError {
    /// All of it in one sentence.
    detail: String,
    #[serde(flatten)]
    place: Place,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(route: &str, refusal: Refusal) -> Value {
        serde_json::from_slice(&Wording::of_route(route).body(refusal)).unwrap()
    }

    #[test]
    fn each_protocol_has_its_own_keys() {
        let refusal = || Refusal::field("input", "nothing", "a text").with_hint("send one");
        let message = "field `input`: found nothing, expected a text";
        let (field, found, expected, hint) = ("input", "nothing", "a text", "send one");
        let whole = format!("{message}; send one");
        for (route, wanted) in [
            (
                "/get_reward",
                json!({"error": {"message": message, "field": field, "found": found, "expected": expected, "hint": hint}}),
            ),
            (
                "/pooling",
                json!({"error": {"message": whole, "type": "BadRequestError", "param": field, "code": 422, "field": field, "found": found, "expected": expected, "hint": hint}}),
            ),
            (
                "/predict",
                json!({"error": whole, "error_type": "Validation", "field": field, "found": found, "expected": expected, "hint": hint}),
            ),
            (
                "/v2/models/{model}",
                json!({"error": whole, "field": field, "found": found, "expected": expected, "hint": hint}),
            ),
            (
                "/v1/score/evaluation",
                json!({"detail": whole, "field": field, "found": found, "expected": expected, "hint": hint}),
            ),
        ] {
            assert_eq!(body(route, refusal()), wanted, "{route}");
        }
    }

    #[test]
    fn kinds_follow_the_status() {
        for (status, vllm, tei) in [
            (400, "BadRequestError", "Validation"),
            (401, "AuthenticationError", "Validation"),
            (404, "NotFoundError", "Validation"),
            (429, "RateLimitError", "Overloaded"),
            (500, "InternalServerError", "Backend"),
            (503, "ServiceUnavailableError", "Unhealthy"),
        ] {
            let refusal = Refusal::new(StatusCode::from_u16(status).unwrap(), "no");
            let answer = body("/classify", refusal.clone());
            assert_eq!(
                (&answer["error"]["type"], &answer["error"]["code"]),
                (&json!(vllm), &json!(status))
            );
            assert_eq!(body("/predict", refusal)["error_type"], tei);
        }
    }
}
