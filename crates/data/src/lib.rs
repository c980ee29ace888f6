//! Records to tensors: the data half of Gradus.
//!
//! ```
//! use gradus_data::{Location, parse_example};
//!
//! let line = r#"{"prompt":"1 + 1?","segments":["It is 2.","Or 3."],"ratings":[1.0,0.2]}"#;
//! let example = parse_example(line, &Location::new("data.jsonl", 1))?;
//! assert_eq!(example.segments.len(), 2);
//! assert_eq!(example.segment_text(1), "Or 3.");
//! # Ok::<(), gradus_data::DataError>(())
//! ```
//!
//! # Records
//! - [`ExampleReader`], [`read_examples`], [`parse_example`]: read JSONL in four shapes, plain,
//!   gzip or zstd; with the feature `parquet` the rows of Parquet, too
//! - [`data_files`], [`ColumnMap`], [`ReadProgress`]: the files of a directory or a pattern, keys under
//!   other names, and how much is read
//! - [`RecordSet`], [`StoredRecords`]: examples in memory, or in files that are read anew for each pass
//! - [`Example`], [`Segment`]: a response with its rated segments
//! - [`ByteSpan`], [`CharSpan`], [`TokenSpan`], [`CharOffsets`]: half-open ranges with the unit in
//!   the type
//! - [`RatingScale`]: conversion between rating units and training scale
//! - [`ReadLimits`], [`UnreadKeys`]: maximum line length, and unknown keys that resemble known ones
//! - [`ExampleWriter`], [`RecordWriter`], [`AtomicFile`]: write files that are complete or absent
//! - [`JsonLines`], [`describe_value`]: objects of any JSONL file, and values in messages
//! - [`DataError`], [`RecordError`], [`RecordProblem`]: place, found, expected, hint
//!
//! # Data sets
//! - [`import()`], [`Format`], [`RatingMap`]: published data sets as records
//! - [`split_by`], [`split_by_prompt`], [`GroupKey`]: train, valid and test splits without shared
//!   texts
//! - [`DatasetStats`], [`StatsCollector`], [`ContextCounts`]: statistics in one pass
//! - [`fold_text`], [`TextsDigest`], [`TextsSketch`]: equal texts, equal data sets, shared records;
//!   [`DigestCollector`], [`SketchCollector`]: the same, example by example
//! - [`generate`], [`GeneratorConfig`], [`GeneratorTask`]: a generated data set, rated by a rule
//! - [`visible`], [`visible_lines`], [`visible_json`], [`visible_markdown`]: untrusted text for
//!   display
//!
//! # Text to tensors
//! - [`TextConfig`], [`AspectSpec`]: settings that training and scoring share
//! - [`Segmenter`]: segments a response that has no segments
//! - [`ChatTemplate`], [`Separator`]: text around prompts, and after the segments of process reward
//!   models
//! - [`SegmentTokenizer`], [`TokenizedExample`]: tokens and targets of each segment
//! - [`TruncationPolicy`], [`Stride`], [`TruncationCounts`]: treatment and counts of texts that are too long
//! - [`BatchSize`], [`plan_batches`]: which examples form a batch
//! - [`SegmentBatcher`], [`SegmentBatch`]: padded tensors
//! - [`SegmentLoader`]: the batches of an epoch
//! - [`TokenFile`], [`TokenFileWriter`]: tokenized examples on disk, for more than memory holds
//! - [`word_level_tokenizer`], [`find_token`]: a vocabulary of the words in a text, and token ids
//!   by name; [`byte_level_tokenizer`]: bytes as tokens

mod batches;
mod error;
mod files;
mod generate;
pub mod import;
mod location;
mod problem;
mod ratings;
mod records;
mod segments;
mod split;
mod statistics;
mod text;
mod token_file;
mod tokenize;

pub use batches::*;
pub use error::*;
pub use files::*;
pub use generate::*;
pub use import::*;
pub use location::*;
pub use problem::*;
pub use ratings::*;
pub use records::*;
pub use segments::*;
pub use split::*;
pub use statistics::*;
pub use text::*;
pub use token_file::*;
pub use tokenize::*;
