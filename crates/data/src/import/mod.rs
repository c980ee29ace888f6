//! Public data sets in their published form, read as native examples.
//!
//! [`import`] reads a file of one of the [`Format`]s. The formats, how each is mapped and which
//! traps each has are described in `docs/importing.md`.

mod annotated;
mod fields;
mod format;
mod formats;
mod importer;
mod mark_rule;
mod marks;
mod named;
mod offsets;
mod options;
mod rater_merge;
mod rating_map;
mod spans;
mod steps;
mod table;
mod table_number;

pub use fields::Record as PublishedRecord;
pub use format::*;
pub use importer::*;
pub use mark_rule::*;
pub use named::*;
pub use offsets::*;
pub use options::*;
pub use rater_merge::*;
pub use rating_map::*;
