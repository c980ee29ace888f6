//! Measures the speed of scoring and of training steps on this machine.
//!
//! Rows have exactly the requested length, without padding. The first quarter is the prompt, and
//! every 20 tokens of the rest form a segment. Scoring uses
//! [`Scorer::score_prepared`](crate::eval::Scorer::score_prepared) and training through
//! [`fit`](crate::train::fit()), as the commands do; tokenization is excluded.
//!
//! In order of use:
//! - [`Subject`]: the model to measure
//! - [`full_rows`]: its input
//! - [`Work`]: the workload and its repetitions
//! - [`Measurement`]: the result
//! - [`peak_memory`]: peak memory of the process

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
