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
//! - [`SegmentTokenizer`], [`TokenizedExample`]: one tokenization, and the tokens and targets of each
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
pub use tokenize::*;
