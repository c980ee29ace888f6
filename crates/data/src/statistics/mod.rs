//! Statistics and digests of data sets.

mod agreement;
mod collect_texts;
mod context;
mod dataset_stats;
mod digest;
mod distinct_sketch;
mod fingerprint;
mod histogram;
mod rating_counts;
mod rating_tally;
mod repeated_ids;
mod stats_collector;

pub use agreement::*;
pub use collect_texts::{DigestCollector, SketchCollector};
pub use context::*;
pub use dataset_stats::*;
pub use digest::*;
pub use histogram::*;
pub use repeated_ids::*;
pub use stats_collector::*;
