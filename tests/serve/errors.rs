//! Errors in the form of each route, and what all forms say.

use serde_json::{Map, Value, json};

use crate::client::Answer;

/// What an error says: `message`, `field`, `found`, `expected` and `hint`. Asserts the status, and the keys that
/// clients of the route read.
#[track_caller]
pub(crate) fn error_of(route: &str, answer: &Answer, status: u16) -> Map<String, Value> {
    let body = answer.json(status);
    let object = |value: &Value| value.as_object().expect("an object").clone();
    let (message, mut said) = match route {
        "/classify" | "/pooling" => {
            let mut error = object(&body["error"]);
            assert_eq!(error.shift_remove("code"), Some(json!(status)), "{body}");
            assert_eq!(
                error.shift_remove("param"),
                Some(error["field"].clone()),
                "{body}"
            );
            let kind = error.shift_remove("type");
            let expected = match status {
                401 => "AuthenticationError",
                403 => "PermissionDeniedError",
                404 => "NotFoundError",
                429 => "RateLimitError",
                _ => "BadRequestError",
            };
            assert_eq!(kind, Some(json!(expected)), "{body}");
            (error.shift_remove("message"), error)
        }
        "/predict" => {
            let mut error = object(&body);
            assert_eq!(
                error.shift_remove("error_type"),
                Some(json!("Validation")),
                "{body}"
            );
            (error.shift_remove("error"), error)
        }
        "/v1/score/evaluation" | "/v1/lettucedetect/spans" => {
            let mut error = object(&body);
            (error.shift_remove("detail"), error)
        }
        route if route.starts_with("/v2") => {
            let mut error = object(&body);
            (error.shift_remove("error"), error)
        }
        _ => {
            let mut error = object(&body["error"]);
            (error.shift_remove("message"), error)
        }
    };
    let keys: Vec<&str> = said.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["field", "found", "expected", "hint"],
        "{route}: {body}"
    );
    let message = message.expect("a message");
    assert!(
        message.as_str().is_some_and(|text| text.len() > 10),
        "{body}"
    );
    said.insert("message".to_owned(), message);
    said
}
