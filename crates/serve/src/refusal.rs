//! Answers that say why there is no score.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gradus_data::{DataError, RecordError};
use gradus_eval::EvalError;
use gradus_eval::token_rewards::TokenError;
use serde::Serialize;

use crate::hints;

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

    /// A body that as a whole holds something else than it should.
    pub(crate) fn body(
        status: StatusCode,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        let (found, expected) = (found.into(), expected.into());
        let mut refusal = Self::new(status, format!("found {found}, expected {expected}"));
        refusal.error.found = Some(found);
        refusal.error.expected = Some(expected);
        refusal
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

    /// A header that says something else than it should: status 400, unless another follows.
    pub(crate) fn header(name: &str, found: &str, expected: &str) -> Self {
        let message = format!("header `{name}`: found {found}, expected {expected}");
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, message);
        refusal.error.found = Some(found.to_owned());
        refusal.error.expected = Some(expected.to_owned());
        refusal
    }

    /// A field that a route needs and that is not there: status 422.
    pub(crate) fn missing(field: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::field(field, "nothing", expected)
    }

    /// A limit that the request goes beyond: status 413.
    pub(crate) fn too_large(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::body(StatusCode::PAYLOAD_TOO_LARGE, found, expected)
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

    /// Seconds after which to ask again, where that may help.
    #[cfg(test)]
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Names the field from the top of the body, given the place of its record there; an empty place is the whole body.
    pub(crate) fn in_place(mut self, place: &str) -> Self {
        if place.is_empty() {
            return self;
        }
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

    /// Replaces the beginning of the field's path with the client's name for it.
    pub(crate) fn renamed(mut self, own: &str, theirs: &str) -> Self {
        let field = self.error.field.as_ref();
        let rest = field.and_then(|field| field.strip_prefix(own));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])) {
            self.error.field = Some(format!("{theirs}{rest}"));
            let (old, new) = (format!("field `{own}"), format!("field `{theirs}"));
            self.error.message = self.error.message.replacen(&old, &new, 1);
        }
        self
    }

    /// A record that its reader refuses: status 422.
    pub(crate) fn of_record(error: &RecordError) -> Self {
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
        refusal.tell(&error.problem.to_string());
        refusal.error.field = Some(error.field.clone()).filter(|field| !field.is_empty());
        refusal.error.hint = hints::of_record(error);
        refusal
    }

    /// A record, known by its id, that cannot be cut, tokenized or scored.
    pub(crate) fn of_scoring(error: &EvalError, id: &str) -> Self {
        if let EvalError::Data(DataError::Record { error, .. } | DataError::Example { error, .. }) =
            error
        {
            return Self::of_record(error);
        }
        if !error.is_input() {
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
        }
        let message = error.to_string();
        // A client knows its record by the place that is put before the message.
        let message = message.trim_start_matches(&format!("example `{id}`: "));
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, message);
        let field = message.strip_prefix("field `");
        if let Some((field, problem)) = field.and_then(|rest| rest.split_once("`: ")) {
            refusal.error.field = Some(field.to_owned());
            refusal.tell(problem);
        } else {
            refusal.tell(message);
        }
        refusal.error.hint = hints::of_scoring(error);
        refusal
    }

    /// Takes `found` and `expected` out of `found X, expected Y` or `missing, expected Y`.
    fn tell(&mut self, problem: &str) {
        if let Some((found, expected)) = problem.rsplit_once(", expected ") {
            let found = found.strip_prefix("found ").unwrap_or(found);
            self.error.found = Some(found.to_owned());
            self.error.expected = Some(expected.to_owned());
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

    pub(crate) fn to_body(&self) -> ErrorBody {
        ErrorBody {
            error: (*self.error).clone(),
        }
    }
}

/// The native form; the refusal itself goes with it for routes that have another form.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = crate::answer::json(self.status, &self.to_body());
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
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
        let refusal = Refusal::of_record(&error).in_place("records[2]");
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
        let refusal = Refusal::of_record(&whole).in_place("[0]");
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
