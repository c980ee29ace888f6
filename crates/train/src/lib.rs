//! Training segment-level reward models: objectives, the learner, the run.
//!
//! # Crate map
//! - [`RatingLoss`]: loss of a rated segment; [`Objective`]: all that is minimised
//! - [`Denominators`]: what the micro-batches of one optimizer step are divided by
//! - [`TrainConfig`], [`TextOptions`], [`ModelOptions`], [`ScratchOptions`]: settings
//! - [`ChatTemplateOption`], [`chat_template`]: what is written around prompts
//! - [`prepare`]: examples to encoded splits
//! - [`RegressionLearner`], [`adamw`], [`WarmupLinear`]: the parts of a step
//! - [`fit`]: a run over encoded splits, on Burn's `SupervisedTraining`
//! - [`probe`]: a linear head on a frozen encoder, in closed form
//! - [`run`]: from examples to a bundle on disk
//! - [`Session`], [`StopHandle`], [`Checkpoints`]: what surrounds a run; killed, it can go on
//! - [`TrainHistory`], [`TrainObserver`], [`metrics_lines`]: what happened, and who watches
//! - [`EarlyStopping`], [`ValidMetrics`]: which validation is the best

mod assemble;
mod average;
mod chat_template;
mod checkpoint;
mod config;
mod early_stopping;
mod error;
mod events;
mod fit;
mod freeze;
mod history;
mod init_head;
mod learner;
mod loop_state;
mod metrics;
mod metrics_log;
mod objective;
mod optimizer;
mod options;
mod prepare;
mod probe;
mod rates;
mod renderer;
mod run;
mod schedule;
mod seeds;
mod session;
mod slot;
mod start;
mod step;
mod stop;
mod strategy;
mod trainer;
mod validate;
mod workers;

pub use chat_template::*;
pub use checkpoint::{Damage, SavedFile, checkpoint_file, default_checkpoints, find_checkpoints};
pub use config::*;
pub use early_stopping::EarlyStopping;
pub use error::*;
pub use fit::*;
pub use freeze::*;
pub use history::*;
pub use learner::*;
pub use metrics::*;
pub use metrics_log::{METRICS_FILE, metrics_lines};
pub use objective::*;
pub use optimizer::*;
pub use options::*;
pub use prepare::*;
pub use probe::*;
pub use run::*;
pub use schedule::*;
pub use session::*;
pub use stop::*;
pub use workers::SharedDevice;
