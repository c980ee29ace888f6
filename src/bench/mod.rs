//! How fast this build is on this machine: scoring and training steps on full rows.
//!
//! A row has exactly the length asked for, so that nothing is padding; its first quarter is the
//! prompt, and every 20 tokens of the rest are a segment. Scoring goes through
//! [`Scorer::score_prepared`](crate::eval::Scorer::score_prepared) and training through
//! [`fit`](crate::train::fit()), as the commands do; only tokenizing is left out.
//!
//! # Map
//! - [`Subject`]: the model that is measured
//! - [`full_rows`]: what it is measured on
//! - [`Work`]: what is repeated, and how often
//! - [`Measurement`]: what came out
//! - [`peak_memory`]: how much memory the process has had

mod error;
mod measure;
mod memory;
mod rows;
mod subject;

pub use error::*;
pub use measure::*;
pub use memory::*;
pub use rows::*;
pub use subject::*;
