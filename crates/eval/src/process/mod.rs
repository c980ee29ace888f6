//! Benchmarks of process reward models: models that score the steps of a solution.
//!
//! One rule turns a score into a decision everywhere here: a step is called wrong where its score
//! lies *below* the threshold. Steps are counted from 0; PRMBench's files count from 1 (see
//! [`wrong_steps`]).
//!
//! Intervals resample responses, or the groups of responses that one prompt has, with the
//! [`Bootstrap`](crate::bootstrap::Bootstrap).

mod best_of_n;
mod dimension;
mod intervals;
mod lowest;
mod prmbench;
mod processbench;
mod threshold;

pub use best_of_n::{BestOfN, Candidate, SelectedBy};
pub use dimension::Dimension;
pub use intervals::FieldIntervals;
pub use lowest::LowestIsLast;
pub use prmbench::{
    CategoryResult, DimensionResult, PrmBench, PrmBenchSample, StepResult, choose_step_threshold,
    wrong_steps,
};
pub use processbench::{ProcessBench, Solution, SubsetResult, choose_threshold, first_below};
pub use threshold::ThresholdChoice;
