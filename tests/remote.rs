//! Workers and remote devices, with the real binary on loopback.
//!
//! ```text
//! cargo test --release --features remote --test remote
//! ```

#![cfg(feature = "remote")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "remote/worker.rs"]
mod worker;

#[path = "remote/failures.rs"]
mod failures;
#[path = "cli/losses.rs"]
mod losses;
#[path = "remote/results.rs"]
mod results;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "cli/support.rs"]
mod support;
