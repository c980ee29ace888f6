//! Answers that say why there is no score.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gradus_data::{DataError, RecordError};
use gradus_eval::EvalError;
use gradus_eval::token_rewards::TokenError;
use serde::Serialize;

/// Why a request is refused, or could not be answered.
///
/// Its JSON is `{"error": {"message", "field", "found", "expected", "hint"}}`; all but the message may
/// be `null`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: Box<ErrorText>,
    /// Seconds after which to ask again.
    retry_after: Option<u64>,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorText {
    /// All of it in one sentence.
    pub(crate) message: String,
    /// The field of the body it is about, such as `records[2].segments[0].end`.
    pub(crate) field: Option<String>,
    /// What was found there.
    pub(crate) found: Option<String>,
    /// What was expected there.
    pub(crate) expected: Option<String>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

/// The body of an answer without a score.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorBody {
    /// What is wrong.
    pub(crate) error: ErrorText,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            error: Box::new(ErrorText {
                message: message.into(),
                field: None,
                found: None,
                expected: None,
                hint: None,
            }),
            retry_after: None,
        }
    }

    /// A field that holds something else than it should: status 422.
    pub(crate) fn field(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let (field, found, expected) = (field.into(), found.into(), expected.into());
        let message = format!("field `{field}`: found {found}, expected {expected}");
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, message);
        refusal.error.field = Some(field);
        refusal.error.found = Some(found);
        refusal.error.expected = Some(expected);
        refusal
    }

    /// A field that a route needs and that is not there: status 422.
    pub(crate) fn missing(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::field(field, "nothing", expected)
    }

    /// A limit that the request goes beyond: status 413.
    pub(crate) fn too_large(found: String, expected: String) -> Self {
        let message = format!("found {found}, expected {expected}");
        let mut refusal = Self::new(StatusCode::PAYLOAD_TOO_LARGE, message);
        refusal.error.found = Some(found);
        refusal.error.expected = Some(expected);
        refusal
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same about a record inside a list: its field is named from the top of the body.
    pub(crate) fn inside(mut self, place: &str) -> Self {
        let inner = self.error.field.take();
        let field = match inner.as_deref() {
            None | Some("") => place.to_owned(),
            Some(inner) => format!("{place}.{inner}"),
        };
        let about = inner.filter(|inner| !inner.is_empty());
        let old = about.map_or_else(String::new, |inner| format!("field `{inner}`: "));
        let rest = self
            .error
            .message
            .strip_prefix(&old)
            .unwrap_or(&self.error.message);
        self.error.message = format!("field `{field}`: {rest}");
        self.error.field = Some(field);
        self
    }

    /// The same about a record at a place, which may be the whole body.
    pub(crate) fn in_place(self, place: &str) -> Self {
        if place.is_empty() {
            self
        } else {
            self.inside(place)
        }
    }

    /// A record that its reader refuses: status 422, or 400 where it is no JSON.
    pub(crate) fn of_record(error: &RecordError) -> Self {
        use gradus_data::RecordProblem::{NotJson, NotUtf8, SecondRecord, Unfinished};
        let status = match error.problem {
            NotJson { .. } | NotUtf8 { .. } | SecondRecord { .. } | Unfinished => {
                StatusCode::BAD_REQUEST
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut refusal = Self::new(status, error.to_string());
        let problem = error.problem.to_string();
        // Problems of records read `found X, expected Y`, or `missing, expected Y`.
        if let Some((found, expected)) = problem.rsplit_once(", expected ") {
            let found = found.strip_prefix("found ").unwrap_or(found);
            refusal.error.found = Some(found.to_owned());
            refusal.error.expected = Some(expected.to_owned());
        }
        refusal.error.field = Some(error.field.clone()).filter(|field| !field.is_empty());
        refusal.error.hint = error.hint();
        refusal
    }

    /// A record that cannot be cut, tokenized or scored.
    pub(crate) fn of_scoring(error: &EvalError) -> Self {
        match error {
            EvalError::Data(DataError::Record { error, .. } | DataError::Example { error, .. }) => {
                Self::of_record(error)
            }
            error if error.is_input() => {
                let refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
                match error.hint() {
                    Some(hint) => refusal.with_hint(hint),
                    None => refusal,
                }
            }
            error => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    /// The server goes on loading its bundles: status 503.
    pub(crate) fn loading() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the bundles are still being loaded",
        )
        .with_retry_after(1)
    }

    pub(crate) fn body(&self) -> ErrorBody {
        ErrorBody {
            error: (*self.error).clone(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = crate::answer::json(self.status, &self.body());
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let refusal = Self::field(error.field, error.found, error.expected);
        match error.hint {
            Some(hint) => refusal.with_hint(hint),
            None => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use gradus_data::RecordProblem;

    use super::*;

    #[test]
    fn a_wrong_record_says_field_found_and_expected_from_the_top_of_the_body() {
        let error = RecordError::new(
            "segments[1]",
            RecordProblem::WrongType {
                found: "the number 3".into(),
                expected: "an object, with commas, expected in tests",
            },
        );
        let refusal = Refusal::of_record(&error).inside("records[2]");
        assert_eq!(refusal.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            refusal.error.field.as_deref(),
            Some("records[2].segments[1]")
        );
        assert!(
            refusal
                .error
                .message
                .starts_with("field `records[2].segments[1]`: found the number 3, expected "),
            "{}",
            refusal.error.message
        );
        let whole = RecordError::new("", RecordProblem::EmptyText);
        let refusal = Refusal::of_record(&whole).inside("[0]");
        assert_eq!(
            refusal.error.message,
            "field `[0]`: found an empty text, expected at least one character"
        );
        assert_eq!(refusal.error.found.as_deref(), Some("an empty text"));
        assert_eq!(
            refusal.error.expected.as_deref(),
            Some("at least one character")
        );
    }
}
