//! The page of an evaluation: whole, self-contained, safe with any text, and bounded in size.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod degenerate;
mod page;
mod size;
mod support;
