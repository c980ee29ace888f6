//! Benchmarks of process reward models: models that score the steps of a solution.
//!
//! A step is called wrong where its score lies *below* the threshold; PRMBench, as its own code,
//! also calls it wrong where the score *is* the threshold. Steps are counted from 0; PRMBench's
//! files count from 1 (see [`wrong_steps`]).
//!
//! What was not judged by people takes no part, and what the model did not score earns nothing:
//! both are counted.
//!
//! Intervals resample responses, or the groups of responses that one prompt has, with the
//! [`Bootstrap`](crate::bootstrap::Bootstrap).

mod best_of_n;
mod dimension;
mod groups;
mod intervals;
mod lowest;
mod prmbench;
mod processbench;
mod threshold;
mod vote;

pub use best_of_n::{BestOfN, Candidate, SelectedBy, Votes};
pub use dimension::Dimension;
pub use intervals::FieldIntervals;
pub use lowest::LowestIsLast;
pub use prmbench::{
    CategoryResult, DimensionResult, PrmBench, PrmBenchSample, Redundancy, StepResult,
    category_score, choose_step_threshold, wrong_steps,
};
pub use processbench::{Prediction, ProcessBench, Solution, SubsetResult, choose_threshold};
pub use threshold::ThresholdChoice;
