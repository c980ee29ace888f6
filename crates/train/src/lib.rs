//! Training segment-level reward models: plan, engine, objective, checkpoints, probe.
//!
//! # Crate map
//! - `plan`: [`TrainingPlan`] and its settings ([`TrainConfig`], [`TextOptions`], [`ModelOptions`],
//!   [`ScratchOptions`], [`ChatTemplateOption`]), [`prepare`] for tokenized splits
//! - [`train`]: from a plan and examples to a bundle on disk
//! - `engine`: [`Training`] and [`fit`], a run over tokenized splits; [`Engine`], its loop; [`RegressionLearner`],
//!   [`adamw`], [`WarmupLinear`], the parts of a step; [`Session`], [`StopHandle`],
//!   [`Checkpoints`], what surrounds a run; [`TrainHistory`], [`TrainObserver`],
//!   [`metrics_lines`], what happened and who watches; [`EarlyStopping`], [`ValidMetrics`]
//! - `objective`: [`PointwiseLoss`] of a rated segment, [`LossTerm`], what may be added,
//!   [`Objective`], all that is minimized, [`Denominators`], what the micro-batches of one optimizer step are divided by
//! - `checkpoint`: the state of a run on disk; killed, it can go on
//! - [`probe`]: a linear head on a frozen encoder, in closed form
//!
//! # Feature flags
//! - `dashboard`: `Dashboard`, Burn's terminal dashboard as an observer

mod bundle;
mod checkpoint;
mod engine;
mod error;
mod json;
mod objective;
mod plan;
mod probe;
mod train;

pub use checkpoint::{
    Begin, Checkpoints, Damage, METRICS_FILE, SavedFile, checkpoint_file, default_checkpoints,
    find_checkpoints,
};
pub use engine::*;
pub use error::*;
pub use objective::*;
pub use plan::*;
pub use probe::*;
pub use train::*;
