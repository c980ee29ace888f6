//! Who may ask.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
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
            let refusal = Refusal::header("authorization", found, "`Bearer KEY`");
            return refusal
                .with_status(StatusCode::UNAUTHORIZED)
                .into_response();
        }
    }
    next.run(request).await
}

/// Refuses requests that a browser sends for a page of another site: status 403. Without it, any page
/// could use a server on the machine of a person who opens it.
pub(super) async fn origin(request: Request, next: Next) -> Response {
    if let Some(origin) = foreign_origin(request.headers()) {
        let refusal = Refusal::header("origin", &format!("{origin:?}"), "a page of this server");
        return refusal.with_status(StatusCode::FORBIDDEN).into_response();
    }
    next.run(request).await
}

/// Refuses requests for another host where only this machine may ask: status 403. A page of another site can have
/// its name resolved to this machine, so that the browser takes the server for that site; the name of the host
/// is then still the site's.
pub(super) async fn host(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if service.is_local
        && let Some(host) = foreign_host(request.headers(), request.uri())
    {
        let refusal = Refusal::header(
            "host",
            &format!("{host:?}"),
            "localhost or a loopback address",
        );
        let hint = "reach it by one of these, or start the server with a key, or with --insecure";
        return refusal
            .with_status(StatusCode::FORBIDDEN)
            .with_hint(hint)
            .into_response();
    }
    next.run(request).await
}

/// The host that a request names, unless it is this machine; browsers always name one.
fn foreign_host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers
        .get(header::HOST)
        .map(|host| String::from_utf8_lossy(host.as_bytes()));
    let named = named.or_else(|| uri.authority().map(|authority| authority.as_str().into()))?;
    let authority = named.parse::<Authority>().ok();
    let is_here = authority.as_ref().is_some_and(|authority| {
        let host = authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        host == "localhost"
            || host.ends_with(".localhost")
            || address.is_some_and(|address| address.to_canonical().is_loopback())
    });
    (!is_here).then(|| named.into_owned())
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

    #[test]
    fn only_this_machine_is_here() {
        let foreign = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            foreign_host(&headers, &Uri::from_static("/")).is_some()
        };
        for host in [
            "localhost",
            "LOCALHOST:80",
            "a.localhost:8080",
            "127.0.0.1",
            "127.9.9.9:1",
            "[::1]:8080",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(!foreign(host), "{host}");
        }
        for host in [
            "example.com",
            "example.com:8080",
            "localhost.example.com",
            "10.0.0.1",
            "127.0.0.1.example.com",
            "a b",
            "",
        ] {
            assert!(foreign(host), "{host}");
        }
        assert!(foreign_host(&HeaderMap::new(), &Uri::from_static("/")).is_none());
        assert!(
            foreign_host(&HeaderMap::new(), &Uri::from_static("http://example.com/")).is_some()
        );
    }
}
