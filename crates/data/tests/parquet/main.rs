//! Parquet: what other programs write, what Gradus writes, and what is wrong.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

mod files;
mod native;
mod support;
mod writers;
mod wrong;
