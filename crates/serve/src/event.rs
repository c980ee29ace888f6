//! What a server tells its operator.

use std::net::SocketAddr;
use std::sync::Arc;

use gradus_eval::{OffsetUse, Precision};
use serde::Serialize;

/// Takes events; called on the server's threads, so it should not wait.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// What a server tells its operator. Never a text of a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The address is bound; requests are refused until the bundles are loaded.
    Listening {
        /// The address.
        address: SocketAddr,
    },
    /// A bundle is loaded and answers requests.
    Loaded {
        /// What requests call it.
        model: String,
        /// SHA-256 of its manifest, which has those of its parts.
        digest: String,
        /// The number format of its products.
        precision: Precision,
        /// What becomes of its offset; `None` if it has none.
        offset: Option<OffsetUse>,
        /// Its parts that are not used, as they were fitted to scores with the offset.
        not_used: Vec<&'static str>,
        /// Why its prediction intervals are not given, by aspect, beside scores that are asked for without settings.
        withheld: Vec<String>,
    },
    /// A bundle could not be loaded again; the one that was there stays.
    ReloadFailed {
        /// What requests call it.
        model: String,
        /// What is wrong.
        message: String,
    },
    /// Every bundle is loaded.
    Ready,
    /// The server takes no new connections and ends when the requests are answered.
    Draining,
    /// A request has been answered.
    Request {
        /// Its `x-request-id`.
        id: String,
        /// The method.
        method: String,
        /// The route, without what is behind `?`.
        route: String,
        /// Status of the answer.
        status: u16,
        /// From the head of the request to the head of its answer.
        milliseconds: f64,
    },
    /// A defect: a panic while a request was answered.
    Panic {
        /// What it said.
        message: String,
    },
}
