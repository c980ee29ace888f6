//! What every request leaves behind: its id, and a line of the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::Event;
use crate::phase::Phase;
use crate::scoring::Service;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The status that is noted where the client was gone before its answer, as nginx has it.
const CLIENT_GONE: u16 = 499;

/// A request that has begun; it is told of when it ends, also where its client is gone.
struct Started {
    service: Arc<Service>,
    id: String,
    method: String,
    route: String,
    at: Instant,
    status: u16,
}

impl Drop for Started {
    fn drop(&mut self) {
        let elapsed = self.at.elapsed();
        self.service
            .metrics
            .answered(&self.method, &self.route, self.status, elapsed);
        (self.service.observer)(Event::Request {
            id: std::mem::take(&mut self.id),
            method: std::mem::take(&mut self.method),
            route: std::mem::take(&mut self.route),
            status: self.status,
            milliseconds: elapsed.as_secs_f64() * 1e3,
        });
    }
}

/// Gives a request its id, tells of it when it is answered, and closes its connection where the server
/// is ending.
pub(super) async fn record(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let id = given_id(&request).unwrap_or_else(new_id);
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unknown", MatchedPath::as_str);
    let mut started = Started {
        service: Arc::clone(&service),
        id: id.clone(),
        method: request.method().to_string(),
        route: route.to_owned(),
        at: Instant::now(),
        status: CLIENT_GONE,
    };
    let mut response = next.run(request).await;
    started.status = response.status().as_u16();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if service.phases.now() >= Phase::Draining {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The id that the client has given, where it can stand in a log.
fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = !id.is_empty() && id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| id.to_owned())
}

/// An id that no other request of any start of the server has.
fn new_id() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{:x}-{:x}",
        now.as_micros(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}
