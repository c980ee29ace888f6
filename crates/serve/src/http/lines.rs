//! Records as a stream of lines, of any length in all.
//!
//! Answers are sent while records arrive, in their order, one line each. A line that cannot be scored is
//! answered by `{"line": N, "error": {..}}`, and the next is read. Where the client does not read its
//! answers, nothing more of its records is read either.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::body;
use crate::answer::RecordAnswer;
use crate::models::Model;
use crate::refusal::{ErrorText, Refusal};
use crate::request::{Alignment, read_json, read_one};
use crate::scoring::{Entered, SHORT, Service};
use crate::settings::Settings;

/// Records that are in work at once: enough to fill batches of short ones.
const AHEAD: usize = 256;
const CONTENT_TYPE: &str = "application/x-ndjson";
/// What clients call a stream of lines.
pub(super) const TYPES: [&str; 5] = [
    CONTENT_TYPE,
    "application/ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
];

/// A line of the answer where there is no score.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LineError {
    /// The line of the request, from 1.
    line: usize,
    /// What is wrong with it.
    error: ErrorText,
}

/// A record in work, or why there is none.
struct Line {
    number: usize,
    entered: Result<(Entered, Option<Alignment>), Refusal>,
}

/// Whether a body is a stream of lines.
pub(super) fn are_announced(headers: &HeaderMap) -> bool {
    TYPES.contains(&&*body::media_type(headers))
}

/// Begins to answer: all lines are scored by the bundle that is loaded now.
pub(super) fn answer(
    service: &Arc<Service>,
    settings: Settings,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    body::check_encoding(headers)?;
    let model = service.model(&settings)?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reader = Reader {
        service: Arc::clone(service),
        model: Arc::clone(&model),
        settings: settings.clone(),
        sender,
    };
    tokio::spawn(reader.run(body.into_data_stream()));
    let limit = service.limits.request_timeout;
    let lines = stream::unfold(
        (receiver, model, settings),
        move |(mut receiver, model, settings)| async move {
            let line: Line = receiver.recv().await?;
            let bytes = written(line, &model, &settings, limit).await;
            Some((
                Ok::<_, std::convert::Infallible>(Bytes::from(bytes)),
                (receiver, model, settings),
            ))
        },
    );
    let mut response = Response::new(Body::from_stream(lines));
    *response.status_mut() = StatusCode::OK;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    Ok(response)
}

/// The line of an answer.
async fn written(line: Line, model: &Model, settings: &Settings, limit: Duration) -> Vec<u8> {
    let scored = async {
        let (entered, alignment) = line.entered?;
        let scored = timeout(limit, entered.scored(model, &settings.scoring)).await;
        let scored = scored
            .map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not scored in time"))??;
        Ok::<_, Refusal>(RecordAnswer::new(
            &scored,
            alignment.as_ref(),
            model,
            &settings.scoring,
        ))
    };
    let written = match scored.await {
        Ok(answer) => serde_json::to_vec(&answer),
        Err(refusal) => serde_json::to_vec(&LineError {
            line: line.number,
            error: *refusal.error,
        }),
    };
    let mut bytes = written.expect("answers have text keys only");
    bytes.push(b'\n');
    bytes
}

/// Reads lines and puts them into the queue.
struct Reader {
    service: Arc<Service>,
    model: Arc<Model>,
    settings: Settings,
    sender: mpsc::Sender<Line>,
}

impl Reader {
    async fn run(self, mut body: BodyDataStream) {
        let limits = &self.service.limits;
        let (mut rest, mut number) = (Vec::new(), 0);
        loop {
            let piece = match timeout(limits.request_timeout, body.next()).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(None) => break,
                // The connection is broken: nobody reads an answer.
                Ok(Some(Err(_))) => return,
                Err(_) => {
                    let seconds = limits.request_timeout.as_secs_f64();
                    let message = format!(
                        "nothing more arrived within {seconds} s, expected the next line or the end"
                    );
                    self.refuse(
                        number + 1,
                        Refusal::new(StatusCode::REQUEST_TIMEOUT, message),
                    )
                    .await;
                    return;
                }
            };
            for part in piece.split_inclusive(|&byte| byte == b'\n') {
                if rest.len() + part.len() > limits.max_body_bytes {
                    let expected = format!("at most {} bytes", limits.max_body_bytes);
                    self.refuse(number + 1, Refusal::too_large("a longer line", expected))
                        .await;
                    return;
                }
                rest.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    number += 1;
                    if !self.enter(number, std::mem::take(&mut rest)).await {
                        return;
                    }
                }
            }
        }
        self.enter(number + 1, rest).await;
    }

    /// Whether somebody still reads the answers.
    async fn enter(&self, number: usize, line: Vec<u8>) -> bool {
        if line.trim_ascii().is_empty() {
            return !self.sender.is_closed();
        }
        let place = match self.service.queue.place().await {
            Ok(place) => place,
            Err(refusal) => return self.refuse(number, refusal).await,
        };
        let service = Arc::clone(&self.service);
        let (model, settings) = (Arc::clone(&self.model), self.settings.clone());
        let is_short = line.len() <= SHORT;
        let enter = move || {
            let value = read_json(&line)?;
            let (example, alignment) = read_one(value, &number.to_string(), settings.placement)?;
            Ok((
                service.enter(example, &model, &settings.scoring, place)?,
                alignment,
            ))
        };
        let entered = if is_short {
            enter()
        } else {
            let entered = tokio::task::spawn_blocking(enter).await;
            entered.unwrap_or_else(|error| Err(self.service.panicked(error)))
        };
        self.send(Line { number, entered }).await
    }

    async fn refuse(&self, number: usize, refusal: Refusal) -> bool {
        self.send(Line {
            number,
            entered: Err(refusal),
        })
        .await
    }

    /// Hands a record on. A client that reads no answer for too long is given up.
    async fn send(&self, line: Line) -> bool {
        let sent = timeout(self.service.limits.request_timeout, self.sender.send(line)).await;
        matches!(sent, Ok(Ok(())))
    }
}
