//! Who may ask.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::refusal::Refusal;
use crate::scoring::Service;

/// Lets requests pass that have the key, where there is one: status 401 for others.
pub(super) async fn key(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(key) = &service.key {
        let given = request.headers().get(header::AUTHORIZATION);
        if !given.is_some_and(|given| key.is_in(given.as_bytes())) {
            let found = given.map_or("no key", |_| "another key");
            let message = format!("header `authorization`: found {found}, expected `Bearer KEY`");
            return Refusal::new(StatusCode::UNAUTHORIZED, message).into_response();
        }
    }
    next.run(request).await
}

/// Refuses requests that a browser sends for a page of another site: status 403. Without it, any page
/// could use a server on the machine of whoever looks at it.
pub(super) async fn origin(request: Request, next: Next) -> Response {
    if let Some(origin) = foreign_origin(request.headers()) {
        let message = format!("header `origin`: found {origin:?}, expected a page of this server");
        return Refusal::new(StatusCode::FORBIDDEN, message).into_response();
    }
    next.run(request).await
}

fn foreign_origin(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?;
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok());
    let authority = authority.as_ref().and_then(|uri| uri.authority());
    let same = authority
        .zip(host)
        .is_some_and(|(authority, host)| authority.as_str().eq_ignore_ascii_case(host));
    (!same).then(|| String::from_utf8_lossy(origin.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_server_itself_may_ask() {
        let foreign = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:8080".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            foreign_origin(&headers).is_some()
        };
        assert!(!foreign(None));
        assert!(!foreign(Some("http://127.0.0.1:8080")));
        for origin in [
            "null",
            "http://127.0.0.1:8081",
            "https://example.com",
            "http://127.0.0.1",
        ] {
            assert!(foreign(Some(origin)), "{origin}");
        }
    }
}
