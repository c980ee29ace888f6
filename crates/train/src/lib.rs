//! Training of segment-level reward models.
//!
//! ```no_run
//! use burn::tensor::Device;
//! use gradus_bundle::Aggregation;
//! use gradus_data::Example;
//! use gradus_train::{
//!     EncoderSource, ModelOptions, ScratchOptions, Session, TextOptions, TrainConfig, TrainError,
//!     TrainingPlan, train,
//! };
//!
//! fn run(examples: &[Example], valid: &[Example], device: &Device) -> Result<(), TrainError> {
//!     let training = TrainConfig { epochs: 1, ..TrainConfig::default() }.check()?;
//!     let plan = TrainingPlan {
//!         encoder: EncoderSource::Scratch(ScratchOptions::default()),
//!         origin: None,
//!         text: TextOptions::default(),
//!         model: ModelOptions::default().check(&training)?,
//!         training,
//!         aggregation: Aggregation::Mean,
//!         output: "my-bundle".into(),
//!         overwrite: false,
//!         extra_files: Vec::new(),
//!     };
//!     let report = train(&plan, examples, valid, device, Session::default())?;
//!     println!("{:?}", report.history.best());
//!     Ok(())
//! }
//! ```
//!
//! # Crate map
//! In order of use:
//! - `plan`: [`TrainConfig`], [`TextOptions`], [`ModelOptions`], [`ScratchOptions`],
//!   [`ChatTemplateOption`] (settings), [`TrainingPlan`], [`prepare`] (tokenized splits)
//! - [`rehearse`]: what a run would be, with its expected time and memory
//! - [`SourceBundle`]: a bundle that a run continues
//! - [`train`], [`train_stored`]: from a plan and examples to a bundle on disk; with [`TokenCache`] from more
//!   examples than memory holds
//! - [`MemoryRun`]: the same without files, from splits in memory to a bundle in memory
//! - `engine`: [`Training`] and [`fit`] (a run over tokenized splits), [`Engine`] (its loop),
//!   [`RegressionLearner`], [`adamw`], [`WarmupLinear`] (a step), [`EarlyStopping`],
//!   [`ValidMetrics`] (validation), [`Session`], [`StopHandle`] (the run's environment),
//!   [`TrainHistory`], [`TrainObserver`], [`metrics_lines`] (its log)
//! - `objective`: [`Objective`], made of a [`PointwiseLoss`] of rated segments and further
//!   [`LossTerm`]s; [`Denominators`], which divide the micro-batches of one optimizer step
//! - [`Checkpoints`]: the state of a run on disk, from which a killed run resumes
//! - [`probe`], [`HeadFit`]: a linear head on a frozen encoder, in closed form
//!
//! # Feature flags
//! - `dashboard`: `Dashboard`, an observer with Burn's terminal dashboard

// Unit tests share the small runs of the tests in `tests/`, which name this crate.
#[cfg(test)]
extern crate self as gradus_train;
#[cfg(test)]
#[allow(dead_code, reason = "unit tests use a part")]
#[path = "../tests/training_loop/support.rs"]
mod support;

mod bundle;
mod checkpoint;
mod engine;
mod error;
mod json;
mod memory_run;
mod objective;
mod plan;
mod probe;
mod read;
mod rehearse;
mod stamped;
mod train;

pub use checkpoint::{
    Begin, Checkpoints, Damage, METRICS_FILE, SavedFile, SnapshotFiles, checkpoint_file,
    default_checkpoints, find_checkpoints,
};
pub use engine::*;
pub use error::*;
pub use memory_run::MemoryRun;
pub use objective::*;
pub use plan::*;
pub use probe::*;
pub use rehearse::*;
pub use stamped::{stamp, unstamp};
pub use train::*;
