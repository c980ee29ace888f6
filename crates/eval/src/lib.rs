//! Evaluates segment scores: metrics, trivial baselines, intervals, comparison of systems, calibration.
//!
//! Everything here works on plain numbers in `f64`, whatever produced the scores: a Gradus bundle
//! or any other program. The way through the crate is
//!
//! 1. scores beside ratings: [`ScoredResponse`], [`ScoredSegment`], from a bundle by a [`Scorer`] or
//!    from a file of any program by [`ScoreFile`];
//! 2. figures per aspect, at segment and at response level: [`Evaluation`], with the
//!    [`Aggregation`] that turns segment scores into one response score, and with trivial
//!    [`baselines`] judged on exactly the same segments;
//! 3. how certain the figures are ([`bootstrap`]), whether two systems differ ([`compare`]), and whether two generators of
//!    answers do ([`generators`]);
//! 4. from which score on a segment is doubtful ([`threshold`]), and how far its rating may lie from its score
//!    ([`prediction_interval`]);
//! 5. whether the values can be taken at their word ([`calibration`]), where they fail
//!    ([`slices`]), what the loss is made of ([`explain`]), and the benchmarks of process reward
//!    models ([`process`]); and what of the input they read ([`ablation`]);
//! 6. all of it on one page to look at: [`report`].
//!
//! [`token_rewards`] turns the scores of segments into one reward for each token of a policy.
//!
//! Before any of it, [`audit`] looks for what is wrong with a data set; [`hacks`] shows whether a judge scores answers
//! high that say nothing.
//!
//! ```
//! use gradus_eval::{Aggregation, Aspect, Evaluation, Metric, ScoredResponse, ScoredSegment};
//!
//! let segment = |start, end, rating: f64, score: f64| {
//!     ScoredSegment::scored(start, end, [("rating".to_owned(), rating)].into(), vec![score])
//! };
//! let scored = [ScoredResponse {
//!     id: "x1".into(),
//!     segments: vec![segment(0, 8, 0.9, 0.8), segment(8, 20, 0.1, 0.5), segment(20, 31, -0.6, -0.7)],
//!     ..ScoredResponse::default()
//! }];
//! let aspects = [Aspect::named("rating")];
//! let evaluation = Evaluation::compute(&scored, &aspects, Aggregation::Mean, &[])?;
//! let values = &evaluation.aspects[0].segment.values;
//! assert!((values.get(Metric::MSE).unwrap() - 0.06).abs() < 1e-12);
//! assert_eq!(values.get(Metric::SPEARMAN), Some(1.0));
//! // One response: no correlation at response level, and a reason.
//! assert_eq!(evaluation.aspects[0].response.values.get(Metric::SPEARMAN), None);
//! # Ok::<(), gradus_eval::EvalError>(())
//! ```
//!
//! # Feature flags
//! - `scorer` (default): records, bundles and all that reads them. With `default-features = false`, what is left works
//!   on numbers alone, without Burn: [`metrics`], [`bootstrap`], [`ablation`], [`compare`], [`generators`],
//!   [`calibration`], [`threshold`], [`prediction_interval`] and [`process`], for [`ScoredResponse`]s made by hand ([`JudgedAspect`]) or pairs of scores and ratings ([`ResponsePairs`]).
//!
//! # A number that does not exist is `None`
//! The value of a [`Metric`] is an `Option<f64>`. It is `None` if the number does not exist (the correlation
//! of a constant, the mean of nothing), where an input is NaN or infinite, where the two sides
//! differ in length, and where the result overflows. It is never NaN and never a made-up 0.

pub mod ablation;
pub mod bootstrap;
pub mod calibration;
pub mod compare;
mod error;
pub mod generators;
mod judged;
pub mod metrics;
mod pairs;
pub mod prediction_interval;
pub mod process;
mod scored;
pub mod threshold;

#[cfg(feature = "scorer")]
pub mod audit;
#[cfg(feature = "scorer")]
mod dataset;
#[cfg(feature = "scorer")]
pub mod ensemble;
#[cfg(feature = "scorer")]
mod evaluation;
#[cfg(feature = "scorer")]
pub mod explain;
#[cfg(feature = "scorer")]
pub mod hacks;
#[cfg(feature = "scorer")]
mod quantization;
#[cfg(feature = "scorer")]
pub mod report;
#[cfg(feature = "scorer")]
mod score_file;
#[cfg(feature = "scorer")]
mod scorer;
#[cfg(feature = "scorer")]
pub mod slices;
#[cfg(feature = "scorer")]
pub mod stacking;
#[cfg(feature = "scorer")]
pub mod suggestion;
#[cfg(feature = "scorer")]
pub mod token_rewards;

pub use error::{EvalError, Result};
pub use gradus_scores::Aggregation;
pub use judged::{
    AspectCounts, JudgedAspect, JudgedResponse, JudgedSegment, Level, UnscoredCounts,
};
pub use metrics::{Absence, Metric, MetricValues};
pub use pairs::ResponsePairs;
pub use scored::{ScoredResponse, ScoredSegment, UnscoredReason};

#[cfg(feature = "scorer")]
pub use gradus_baselines as baselines;
#[cfg(feature = "scorer")]
pub use gradus_baselines::OffsetUse;

/// The row of figures of scores without the offset of the bundle, beside those of the baselines.
#[cfg(feature = "scorer")]
pub const OFFSET_DROPPED: &str = "offset dropped";
/// The row of figures of scores with it, where those that are judged are without.
#[cfg(feature = "scorer")]
pub const OFFSET_KEPT: &str = "offset kept";

#[cfg(feature = "scorer")]
pub use dataset::{
    AspectBaselines, Baselines, raw_responses, scored_responses, scored_responses_async,
};
#[cfg(feature = "scorer")]
pub use evaluation::{
    Aspect, AspectEvaluation, BaselineEvaluation, ByTruncation, CalibrationFigures, ContextRead,
    Counts, DoubtfulFigures, Evaluation, IntervalAbsence, LevelValues, PartValues, Provenance,
    RaterCeiling, RatersBeside, Recalibrated, RecalibratedResponses, ResponseBaseline,
    ResponseCalibration, ResponsePart, ResponseRatings, ScoreSource,
};
#[cfg(feature = "scorer")]
pub use gradus_model::Precision;
#[cfg(feature = "scorer")]
pub use quantization::{BeforeAndAfter, quantization_change};
#[cfg(feature = "scorer")]
pub use score_file::{ScoreFile, ScoreFileOptions, ScoreProblem};
#[cfg(feature = "scorer")]
pub use scorer::{ExampleScores, PreparedChunk, PreparedExample, Preparer, Scorer, SegmentScore};
