//! Train, evaluate and use **segment-level reward models**: models that give every segment of a
//! response its own real-valued score, learned from segment ratings by regression.
//!
//! For a prompt `x`, a response `y` cut into segments and a target rating `φ_k` of segment `y_k`,
//! the model predicts `r(x, y, y_k)` and training maximizes `J = -E[(φ_k - r(x, y, y_k))²]`.
//!
//! # Crate map
//! - [`data`]: records, spans, rating scales, segmenters, tokens, segment batches
//! - [`kernels`]: the fused blocks of encoders, and the step of AdamW
//! - [`model`]: encoders, pooling, head, pretrained weights, the bundle
//! - [`train`]: rating losses, the training plan, the engine
//! - [`eval`]: metrics, aggregation, baselines, the scorer
//! - [`mod@bench`]: how fast this build is on this machine
//! - [`device`]: which devices this build can use
//! - [`hub`]: encoders by name, directories and models of the Hugging Face Hub
//! - [`RunConfig`]: a training run as one TOML file
//! - [`EvalMetrics`]: the metrics of an evaluation, for a run to validate with
//!
//! # Feature flags
//! Each adds a backend; several can be compiled in together, and [`device::select`] picks one.
//! - `cpu` (default): pure Rust, any machine
//! - `ndarray`: the older CPU backend, for comparison
//! - `wgpu`: GPUs through WebGPU's API (Vulkan, Metal, DirectX 12)
//! - `vulkan`, `metal`: one of those pinned
//! - `cuda`, `rocm`: NVIDIA and AMD GPUs
//! - `dashboard`: no backend, but Burn's terminal dashboard for `gradus train --dashboard`
//! - `hub`: no backend, but models of the Hugging Face Hub by name
//! - `remote`: devices of other hosts, and serving this one's (`device::Worker`)

pub use gradus_data as data;
pub use gradus_eval as eval;
pub use gradus_kernels as kernels;
pub use gradus_model as model;
pub use gradus_train as train;

pub mod bench;
pub mod device;
mod eval_metrics;
pub mod hub;
mod run_config;

pub use eval_metrics::*;
pub use run_config::*;
