//! Bodies within their limits.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::Limits;
use crate::refusal::Refusal;

/// The whole body: status 413 where it is too long, 408 where it does not arrive in time.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<Bytes, Refusal> {
    check_encoding(headers)?;
    check_type(headers)?;
    let limit = limits.max_body_bytes;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = announced.filter(|&length| length > limit as u64) {
        return Err(too_long(&format!("a body of {length} bytes"), limit));
    }
    let read = timeout(limits.request_timeout, Limited::new(body, limit).collect()).await;
    let read = read.map_err(|_| {
        let seconds = limits.request_timeout.as_secs_f64();
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {seconds} s"),
        )
    })?;
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long("a longer body", limit)),
        Err(error) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("the body cannot be read: {error}"),
        )),
    }
}

/// The types that clients give to JSON, also by default: `curl -d` sends that of a form.
const TYPES: [&str; 5] = [
    "application/json",
    "text/json",
    "text/plain",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
];

/// The type of a body without its parameters; empty where there is none.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.map_or_else(Default::default, |kind| {
        String::from_utf8_lossy(kind.as_bytes())
    });
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// Refuses a body that says it is something else than JSON: status 415.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = media_type(headers);
    if kind.is_empty() || TYPES.contains(&&*kind) || kind.ends_with("+json") {
        return Ok(());
    }
    let refusal = Refusal::header("content-type", &format!("{kind:?}"), "`application/json`")
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    Err(if super::lines::TYPES.contains(&&*kind) {
        refusal.with_hint("lines go to /v1/score")
    } else {
        refusal
    })
}

/// Refuses compressed bodies, which could unfold to any length: status 415.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let found = format!("{:?}", String::from_utf8_lossy(encoding.as_bytes()));
            let refusal =
                Refusal::header("content-encoding", &found, "a body that is not compressed");
            Err(refusal.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
        _ => Ok(()),
    }
}

fn too_long(found: &str, limit: usize) -> Refusal {
    Refusal::too_large(found.to_owned(), format!("at most {limit} bytes"))
        .with_hint("send fewer records at once, or start the server with another --max-body-bytes")
}
