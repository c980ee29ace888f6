//! Records: from a line of a file to a checked example, and back.

mod columns;
mod data_files;
mod elsewhere;
mod example;
pub(crate) mod field;
mod first_places;
mod json;
mod json_lines;
mod json_list;
mod lines;
mod locate;
mod parallel;
mod parallel_work;
#[cfg_attr(not(feature = "parquet"), path = "parquet/absent.rs")]
mod parquet;
mod parquet_codec;
mod plain;
mod rating_fields;
mod read_progress;
mod reader;
mod record;
mod record_set;
mod span_text;
mod unread;
mod write;

pub use columns::ColumnMap;
pub use data_files::{data_files, is_data_name};
pub use elsewhere::{DataFile, FetchFiles, Unfetched, fetch_files_with, is_elsewhere};
pub use example::{DEFAULT_ASPECT, Example, Segment};
pub use field::describe as describe_value;
pub(crate) use first_places::FirstPlaces;
pub use json_lines::*;
pub(crate) use lines::Lines;
pub use lines::ReadLimits;
pub use parallel::ParallelReader;
pub use parquet_codec::ParquetCodec;
pub use read_progress::ReadProgress;
pub use reader::*;
pub(crate) use record::read_record;
pub use record::*;
pub use record_set::{IdHashes, RecordIter, RecordSet, StoredRecords};
pub use span_text::SpanFit;
pub(crate) use span_text::{TEXT, check_text, utf16_to_chars};
pub use unread::{KeyFacts, UnreadKey, UnreadKeys};
pub(crate) use unread::{fold, looks_like_column, names_a_rating};
pub use write::*;
