//! Records from files: what is read, what is refused, and that nothing changes on the way.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

mod arbitrary;
mod files;
mod messages;
mod parallel;
mod round_trip;
mod statistics;
