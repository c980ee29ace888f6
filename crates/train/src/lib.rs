//! Training segment-level reward models: objectives, the learner, the run.
//!
//! # Crate map
//! - [`RatingLoss`]: loss of a rated segment; [`Objective`]: all that is minimised
//! - [`Denominators`]: what the micro-batches of one optimizer step are divided by
//! - [`TrainConfig`], [`TextOptions`], [`ModelOptions`], [`ScratchOptions`]: settings
//! - [`prepare`]: examples to encoded splits
//! - [`RegressionLearner`], [`adamw`], [`WarmupLinear`]: the parts of a step
//! - [`fit`]: a run over encoded splits, on Burn's `SupervisedTraining`
//! - [`probe`]: a linear head on a frozen encoder, in closed form
//! - [`run`]: from examples to a bundle on disk
//! - [`TrainHistory`], [`TrainObserver`]: what happened, and who watches

mod config;
mod error;
mod fit;
mod freeze;
mod history;
mod init_head;
mod learner;
mod objective;
mod optimizer;
mod options;
mod prepare;
mod probe;
mod rates;
mod renderer;
mod run;
mod schedule;
mod strategy;

pub use config::*;
pub use error::*;
pub use fit::*;
pub use freeze::*;
pub use history::*;
pub use learner::*;
pub use objective::*;
pub use optimizer::*;
pub use options::*;
pub use prepare::*;
pub use probe::*;
pub use run::*;
pub use schedule::*;
