//! Text in, tensors out: the data half of Gradus.
//!
//! # Crate map
//!
//! Records, from a file to a checked value and back:
//! - [`Example`], [`Segment`]: one judged response and its rated segments
//! - [`ByteSpan`], [`CharSpan`], [`TokenSpan`], [`CharOffsets`]: half-open ranges with the unit in
//!   the type
//! - [`ExampleReader`], [`read_examples`], [`parse_example`]: JSONL, plain, gzip or zstd, in four
//!   shapes
//! - [`ReadLimits`]: how long a line may be
//! - [`UnreadKeys`]: keys that look like one that is read, and are not
//! - [`JsonLines`], [`describe_value`]: the objects of any JSONL file, and how messages name a value
//! - [`AtomicFile`], [`ExampleWriter`]: files that are whole or absent
//! - [`RatingScale`]: rating units to training units and back
//! - [`import()`], [`Format`], [`RatingMap`]: public data sets in their published form
//! - [`fold_text`]: when two prompts, contexts or responses are the same
//! - [`split_by`], [`split_by_prompt`], [`GroupKey`]: train, valid and test without a prompt (or
//!   context, response, value of `meta`) in two of them
//! - [`TextsDigest`]: whether two data sets hold the same texts; [`TextsSketch`]: how many records they share
//! - [`ContextCounts`]: how many records have a context, and whether it is read
//! - [`DatasetStats`], [`StatsCollector`]: what a data set holds, in one pass
//! - [`DataError`], [`RecordError`], [`RecordProblem`]: where, what was found, what was expected,
//!   and a hint
//! - [`visible`], [`visible_lines`], [`visible_json`], [`visible_markdown`]: what others wrote, as
//!   people may be shown it
//!
//! Text to tensors:
//! - [`TextConfig`], [`AspectSpec`]: all that training and scoring must do alike
//! - [`ChatTemplate`]: what a decoder was taught to see around a prompt
//! - [`Separator`]: what process reward models read behind every segment
//! - [`Segmenter`]: cuts a response that comes without segments
//! - [`TextEncoder`], [`EncodedExample`]: one tokenisation, and the tokens and targets of each
//!   segment
//! - [`TruncationPolicy`], [`TruncationCounts`]: what gives way when an example is too long, and
//!   how much did
//! - [`SegmentBatcher`], [`SegmentBatch`]: padded tensors
//! - [`BatchSize`], [`plan_batches`]: which examples go together
//! - [`SegmentLoader`]: batches for an epoch, prepared ahead
//! - [`find_token`]: the id of a token by its name
//! - [`word_level_tokenizer`]: a vocabulary of a text's own words, for models from scratch
//! - [`generate`], [`GeneratorConfig`], [`GeneratorTask`]: the built-in data set, rated by a
//!   rule

mod atomic_file;
mod batch;
mod batch_weights;
mod chat;
mod chat_template;
mod compression;
mod context;
mod digest;
mod encode;
mod encoded;
mod error;
mod example;
mod field;
mod fit;
mod fold;
mod generate;
mod group;
mod histogram;
pub mod import;
mod json;
mod json_lines;
mod lines;
mod loader;
mod locate;
mod location;
mod pair_tokenizer;
mod problem;
mod raters;
mod rating_counts;
mod rating_fields;
mod reader;
mod record;
mod sampler;
mod scale;
mod segmenter;
mod sentence_files;
mod separated;
mod separator;
mod span;
mod span_text;
mod split;
mod stats;
mod stats_collector;
mod text;
mod tokenizer_file;
mod tokenizer_notes;
mod tokens;
mod truncation;
mod unread;
mod visible;
mod vocabulary;
mod windows;
mod word_level;
mod words;
mod write;
mod zstd;

pub use atomic_file::*;
pub use batch::*;
pub use batch_weights::*;
pub use chat_template::ChatTemplate;
pub use compression::*;
pub use context::*;
pub use digest::*;
pub use encode::*;
pub use encoded::*;
pub use error::*;
pub use example::*;
pub use field::describe as describe_value;
pub use fold::*;
pub use generate::*;
pub use group::*;
pub use histogram::*;
pub use import::*;
pub use json_lines::*;
pub use lines::ReadLimits;
pub use loader::*;
pub use location::*;
pub use problem::*;
pub use raters::*;
pub use reader::*;
pub use record::*;
pub use sampler::*;
pub use scale::*;
pub use segmenter::*;
pub use separator::*;
pub use span::*;
pub use span_text::SpanFit;
pub use split::*;
pub use stats::*;
pub use stats_collector::*;
pub use text::*;
pub use tokenizer_notes::tokenizer_notes;
pub use truncation::*;
pub use unread::{UnreadKey, UnreadKeys};
pub use visible::*;
pub use vocabulary::*;
pub use word_level::*;
pub use words::parts_of_words;
pub use write::*;
