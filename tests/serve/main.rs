//! `gradus serve` from outside: the real binary, asked over sockets of loopback.

#![cfg(feature = "serve")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod access;
mod aspects;
mod client;
mod doubtful;
mod drop_ins;
mod errors;
mod hostile;
mod intervals;
mod life;
mod lines;
mod native;
mod page;
mod server;
mod settings;
#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "../cli/support.rs"]
mod support;
mod tokens;
mod watch;
mod wrong_input;
mod wrong_table;
