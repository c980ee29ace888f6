//! Checkpoints: the state of a run on disk, to resume it with the same result.
//!
//! ```text
//! OUTPUT.checkpoints/
//!   lock             locked by the run
//!   metrics.jsonl    the log of the run
//!   step-000123/     a checkpoint, after step 123
//!     manifest.json    format, and size and SHA-256 of the other files
//!     state.json       epoch, batch, step, log, early stopping
//!     settings.json    settings and digests of the data, by name
//!     model.bpk        weights              (Burn's record format)
//!     optimizer.bpk    moments and times of AdamW, by parameter
//!     schedule.bpk     learning-rate schedules
//!     average.bpk      moving average of the weights, if there is one
//!   best-000100/     weights of the best validation, which checkpoints refer to
//! ```
//!
//! Directories are complete or absent: they are written under a temporary name, synced and renamed. At the end of
//! the run its checkpoints are removed; the bundle contains the log.

mod begin;
mod fingerprint;
mod manifest;
mod memory;
mod place;
mod records;
mod store;

/// Name of the log of a run, beside the checkpoints and in a bundle.
pub const METRICS_FILE: &str = "metrics.jsonl";

pub(crate) use fingerprint::{Fingerprint, digest_bytes, digest_examples};
pub(crate) use memory::{restore_files, snapshot_files};
pub(crate) use place::{check_apart, has_checkpoints};
pub(crate) use store::{Restored, Snapshot, Store};

pub use begin::{Begin, Checkpoints};
pub use manifest::Damage;
pub use memory::SnapshotFiles;
pub use place::{SavedFile, checkpoint_file, default_checkpoints, find_checkpoints};
