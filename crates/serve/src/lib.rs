//! Scores over HTTP: a [`Server`] keeps bundles loaded and answers each request with the scores of the
//! segments of its records.
//!
//! # Crate map
//! - [`ServeOptions`], [`Limits`], [`Key`]: where to listen, who may ask, and how much
//! - [`Server`]: starts, loads, reloads, drains and ends
//! - [`Event`]: what the server tells its operator; it prints nothing itself
//! - `models`: the bundles by name, and their replacement while requests are answered
//! - `queue`: records that wait for the model
//! - `workers`: the threads that compute, and how they share the processor
//! - `request`, `answer`: JSON to records and settings, scores to JSON
//! - `refusal`, `hints`: why there is no score, and what to do about it
//! - `http`: one file per route
//! - `connections`: the listener, and how it ends without losing a request
//!
//! # The way of a request
//! A handler reads the body within its limits, takes a place in the queue for every record (or refuses
//! with status 429), and tokenizes, long texts on a thread for blocking work. A model's thread takes as many
//! records as fill a batch. There is no timer: the next batch forms while the last one is computed. Records of
//! a client that is gone are dropped before they are computed.

mod answer;
mod connections;
mod error;
mod event;
mod hints;
mod http;
mod key;
mod metrics;
mod models;
mod options;
mod page;
mod phase;
mod queue;
mod refusal;
mod request;
mod scoring;
mod server;
mod settings;
mod workers;

pub use error::{Result, ServeError};
pub use event::{Event, Observer};
pub use key::Key;
pub use options::{BundleSource, DropIns, Limits, ServeOptions};
pub use server::{Handle, Server};
