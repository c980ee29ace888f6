//! The training loop from outside: stopped and resumed, cut into pieces, poisoned.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod accumulation;
mod checkpoints;
mod continuing;
mod data;
mod early_stopping;
mod in_memory;
mod non_finite;
mod offset;
mod own_parts;
mod precision;
mod r_drop;
mod resume;
mod stored;
mod support;
