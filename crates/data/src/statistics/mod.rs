//! Statistics and digests of data sets.

mod collect_texts;
mod context;
mod dataset_stats;
mod digest;
mod histogram;
mod rating_counts;
mod stats_collector;

pub use collect_texts::{DigestCollector, SketchCollector};
pub use context::*;
pub use dataset_stats::*;
pub use digest::*;
pub use histogram::*;
pub use stats_collector::*;
