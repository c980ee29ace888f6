//! How good are segment scores? Metrics, trivial baselines, uncertainty and comparison.
//!
//! Everything here works on plain numbers in `f64`, whatever produced the scores: a Gradus bundle
//! or any other program. The way through the crate is
//!
//! 1. scores beside ratings: [`ScoredResponse`], [`ScoredSegment`];
//! 2. figures per aspect, at segment and at response level: [`Evaluation`], with the
//!    [`Aggregation`] that turns segment scores into one response score, and with trivial
//!    [`baselines`] judged on exactly the same segments;
//! 3. how certain the figures are ([`bootstrap`]) and whether two systems differ ([`compare`]);
//! 4. whether the values can be taken at their word ([`calibration`]), where they fail
//!    ([`slices`]), and the benchmarks of process reward models ([`process`]).
//!
//! # A number that does not exist is `None`
//! Every metric is an `Option<f64>`. It is `None` where the number does not exist (the correlation
//! of a constant, the mean of nothing), where an input is NaN or infinite, where the two sides
//! differ in length, and where the result overflows. It is never NaN and never a made-up 0.

mod aggregation;
pub mod baselines;
pub mod bootstrap;
pub mod calibration;
pub mod compare;
mod error;
mod evaluation;
mod judged;
pub mod metrics;
mod pairs;
pub mod process;
mod scored;
pub mod slices;

pub use aggregation::Aggregation;
pub use error::{EvalError, Result};
pub use evaluation::{
    Aspect, AspectEvaluation, BaselineEvaluation, Counts, Evaluation, LevelValues,
};
pub use judged::{
    AspectCounts, JudgedAspect, JudgedResponse, JudgedSegment, Level, UnscoredCounts,
};
pub use metrics::{Absence, Metric, MetricValues};
pub use pairs::ResponsePairs;
pub use scored::{ScoredResponse, ScoredSegment, UnscoredReason};
