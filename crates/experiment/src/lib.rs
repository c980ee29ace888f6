//! Experiments: many training runs from one plan, and what can be said of them.
//!
//! ```
//! use gradus_experiment::Plan;
//!
//! let plan = Plan::parse(
//!     "seeds = 2\n\
//!      [run]\n\
//!      train = 'train.jsonl'\n\
//!      valid = 'valid.jsonl'\n\
//!      [grid]\n\
//!      training.learning_rate = [2e-5, 5e-5]\n",
//!     "plan.toml",
//! )?;
//! assert_eq!(plan.cells().len(), 4); // two rates, two seeds
//! # Ok::<(), gradus_experiment::ExperimentError>(())
//! ```
//!
//! This crate starts processes and reads what they leave; it trains nothing itself and knows no model.
//!
//! # Crate map
//! In order of use:
//! - `plan`: [`Plan`], its [`Axis`] of settings and its [`Cell`]s, each an ordinary run
//! - `place`: [`Experiment`], the directory that holds the plan, the runs and their results
//! - `result`: [`CellResult`], the scores of a run beside the ratings, and its [`Provenance`]
//! - `run`: [`run()`], which starts the runs, some at a time, and goes on where it was
//! - `report`: [`Report`], the table over seeds with differences, intervals and verdicts, and its pages

mod error;
mod place;
mod plan;
mod report;
mod result;
mod run;

pub use error::{ExperimentError, Result};
pub use place::{
    CellRecord, CellState, CellTask, Experiment, ExperimentRecord, Failure, RecordedAxis, part_path,
};
pub use plan::{Axis, Cell, CellCommand, Choice, DataOptions, Halving, Plan, Split};
pub use report::{
    Arm, Curve, CurvePoint, Difference, MetricSummary, Replicates, Report, ReportOptions, RunRow,
    Table, Unfinished, Verdict, paired_difference,
};
pub use result::{
    BaselineScore, BaselineScores, CellResult, JudgedRatings, JudgedSegments, JudgedSplit, Machine,
    Meter, Provenance, Ratings, cpu_seconds,
};
pub use run::{Event, Outcome, RunOptions, run};
