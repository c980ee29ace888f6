//! Public data sets in their published form, read as native examples.
//!
//! [`import`] reads a file of one of the [`Format`]s. The formats, how each is mapped and which
//! traps each has are described in `docs/importing.md`.

mod fields;
mod fine_grained_feedback;
mod fine_grained_tags;
mod format;
mod help_steer2;
mod importer;
mod json_list;
mod mark_rule;
mod marks;
mod math_shepherd;
mod options;
mod prm800k;
mod prm_bench;
mod process_bench;
mod rag_truth;
mod rating_map;
mod source;
mod span_csv;
mod spans;
mod steps;
mod table;
mod table_number;
mod trl_stepwise;
mod wmt_mqm;

pub use format::*;
pub use importer::*;
pub use mark_rule::*;
pub use options::*;
pub use rating_map::*;
