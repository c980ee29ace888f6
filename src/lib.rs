//! Train, evaluate and run **segment-level reward models**: models that score every segment of a
//! response with a real number, learned from segment ratings by regression.
//!
//! For a prompt `x`, a response `y` cut into segments and a target rating `φ_k` of segment `y_k`,
//! the model predicts `r(x, y, y_k)`, and training maximizes `J = -E[(φ_k - r(x, y, y_k))²]`.
//!
//! The shortest way to a score is a trained bundle and a [`Scorer`](eval::Scorer):
//!
//! ```no_run
//! use gradus::data::Example;
//! use gradus::eval::Scorer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let scorer = Scorer::load("my-bundle".as_ref(), &gradus::device::select(None)?)?;
//! let mut example = Example {
//!     prompt: "What is 1 + 1?".into(),
//!     response: "It is 2. It is also 3.".into(),
//!     ..Example::default()
//! };
//! scorer.segment(&mut example)?; // cut the response into segments
//! let scores = scorer.score(&[example])?;
//! println!("{:?}", scores[0].segments[0].scores()); // one value per aspect of the first segment
//! # Ok(()) }
//! ```
//!
//! # Crate map
//! In order of use:
//! - [`data`]: records, segments, rating scales, tokens, batches
//! - [`model`]: encoders, pooling, head, pretrained weights
//! - [`bundle`]: a trained model as a directory
//! - [`train`]: training plan, engine, objectives, checkpoints
//! - [`eval`]: scorer, metrics, intervals, comparison, calibration, audit, reports
//! - [`device`]: the devices of this build
//! - [`hub`]: encoders by directory or Hugging Face Hub name
//! - [`RunConfig`]: a training run as one TOML file
//! - [`Registry`], [`cli::main_with`]: the command line with parts of another program
//! - [`EvalMetrics`]: evaluation metrics for validation during training
//! - [`mod@bench`]: speed of this build on this machine
//! - [`kernels`]: fused encoder blocks and the AdamW step
//!
//! # Feature flags
//! Backends; several can be compiled in, and [`device::select`] picks one:
//! - `cpu` (default): pure Rust, any machine
//! - `ndarray`: the older CPU backend, for comparison
//! - `wgpu`: GPUs through the WebGPU API (Vulkan, Metal, DirectX 12)
//! - `vulkan`, `metal`: one specific graphics API
//! - `cuda`, `rocm`: NVIDIA and AMD GPUs
//! - `remote`: devices of other hosts, and serving this machine's (`device::Worker`)
//!
//! Others:
//! - `dashboard`: Burn's terminal dashboard for `gradus train --dashboard`
//! - `hub`: models and data sets of the Hugging Face Hub by name
//! - `object-store`: data files of `s3://`, `gs://`, `az://` and `https://`
//! - `cli` (default): the command line, [`cli`]; a program that only uses the library leaves it out
//! - `serve` (default): scores over HTTP, for `gradus serve`
//! - `parquet` (default): Parquet wherever a data file is named

/// The version of Burn whose tensors and modules the API takes and returns: `use gradus::burn;` instead of a dependency of your own.
pub use burn;
pub use gradus_bundle as bundle;
pub use gradus_data as data;
pub use gradus_eval as eval;
pub use gradus_kernels as kernels;
pub use gradus_model as model;
pub use gradus_parts as parts;
pub use gradus_train as train;

pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod commands;
mod data_in;
pub mod device;
#[cfg(feature = "cli")]
mod elsewhere;
mod eval_metrics;
#[cfg(feature = "cli")]
mod failure;
pub mod hub;
#[cfg(feature = "cli")]
mod output;
#[cfg(feature = "cli")]
mod progress;
#[cfg(feature = "cli")]
mod records;
mod registry;
mod run_config;
#[cfg(feature = "cli")]
mod scores;
#[cfg(feature = "cli")]
mod show;
#[cfg(feature = "cli")]
mod signals;
mod stack_option;

// The command line uses this library as any other program does.
#[cfg(feature = "cli")]
extern crate self as gradus;

pub use data_in::{DataIn, UnknownDataIn};
pub use eval_metrics::*;
pub use registry::{Registry, RegistryError};
pub use run_config::*;
pub use stack_option::{StackOption, UnknownStackOption};
