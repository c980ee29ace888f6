//! Answers without scores.

use utoipa::IntoResponses;

use crate::refusal::ErrorBody;

/// Every answer of a route that scores, other than the scores.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers")]
pub(in crate::http) enum Refusals {
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
