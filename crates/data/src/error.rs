use std::io;
use std::path::PathBuf;

use gradus_files::is_about_the_path;
use thiserror::Error;

use crate::location::display_path;
use crate::{Location, RecordError};

/// The result of an operation of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// Everything that can go wrong in this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be opened, or reading it failed. The message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Reading or decompressing failed part of the way through a file.
    #[error("{}: reading failed after line {line}: {cause}", display_path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The last line that was read whole; 0 if there was none.
        line: usize,
        /// How the file is compressed.
        compression: crate::Compression,
        /// What the operating system or the decompressor says.
        cause: io::Error,
    },
    /// A line, an element of a list or a row of a table is longer than it may be.
    #[error("{location}: found a line of more than {limit} bytes, expected at most that many")]
    LineTooLong {
        /// File and line.
        location: Location,
        /// The limit in bytes.
        limit: usize,
    },
    /// A file is compressed in a way that is not read.
    #[error("{}: found {found}, expected plain text, gzip (.gz) or Zstandard (.zst)", path.display())]
    ForeignCompression {
        /// The file.
        path: PathBuf,
        /// Name of the compression.
        found: &'static str,
    },
    /// Text in another encoding than UTF-8.
    #[error("{}: found text in {encoding}, expected UTF-8", display_path(path))]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding.
        encoding: &'static str,
    },
    /// A list or a table whose parts cannot be told apart, so that all of it is refused.
    #[error("{location}: {error}")]
    Torn {
        /// File and line.
        location: Location,
        /// What was found and what was expected.
        error: Box<RecordError>,
    },
    /// A directory where a file is needed.
    #[error("{}: found a directory, expected a file", path.display())]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// A block device or a socket where a file is to be written.
    #[error("{}: found a special file, expected a regular file or a new name", path.display())]
    SpecialFile {
        /// The path.
        path: PathBuf,
    },
    /// A name that ends in `.zst` for a file to write.
    #[error("{}: found an output in zstd, expected one in gzip or a plain one", path.display())]
    ZstdOutput {
        /// The path.
        path: PathBuf,
    },
    /// A file that is there already, where a new one is to be written.
    #[error("{}: already exists", path.display())]
    AlreadyExists {
        /// The path.
        path: PathBuf,
    },
    /// A file without a record.
    #[error("{}: found no record, expected at least one", display_path(path))]
    NoRecords {
        /// The file.
        path: PathBuf,
    },
    /// A record of a file is wrong.
    #[error("{location}: {error}")]
    Record {
        /// File and line.
        location: Location,
        /// Field, what was found and what was expected.
        error: Box<RecordError>,
    },
    /// An example that was made in memory is wrong.
    #[error("example `{id}`: {error}")]
    Example {
        /// Its `id`.
        id: String,
        /// Field, what was found and what was expected.
        error: Box<RecordError>,
    },
    /// Two records of a file have the same id.
    #[error(
        "{location}: field `id`: found `{id}`, which line {first_line} has too, expected distinct ids"
    )]
    DuplicateId {
        /// File and line of the later record.
        location: Location,
        /// The id.
        id: String,
        /// Line of the earlier record.
        first_line: usize,
    },
    /// A file could not be written. Nothing is left behind under its name.
    #[error("{}: writing failed: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The range of a min-max scale is empty, backwards or not finite.
    #[error("rating scale: found min {min} and max {max}, expected finite numbers with min < max")]
    ScaleRange {
        /// Lowest rating.
        min: f64,
        /// Highest rating.
        max: f64,
    },
    /// Mean or standard deviation of a standardized scale cannot be used.
    #[error("rating scale: found mean {mean} and sd {sd}, expected finite numbers with sd > 0")]
    ScaleSpread {
        /// Mean rating.
        mean: f64,
        /// Standard deviation of the ratings.
        sd: f64,
    },
    /// No rating to fit a scale to.
    #[error("rating scale: found no rating to fit it to, expected at least two different ones")]
    ScaleWithoutRatings,
    /// All ratings are the same, so that no scale can be fitted to them.
    #[error(
        "rating scale: found {count} ratings that are all {rating}, expected at least two different ones"
    )]
    ScaleConstant {
        /// Number of ratings.
        count: usize,
        /// The one rating.
        rating: f64,
    },
    /// A rating a scale is to be fitted to is NaN or infinite.
    #[error("rating scale: found the rating {rating}, expected finite numbers")]
    ScaleNotFinite {
        /// The rating.
        rating: f64,
    },
    /// The fractions of a split are not shares of a whole.
    #[error(
        "split: found the fractions {train} (train), {valid} (valid) and {test} (test), \
         expected numbers from 0 to 1 that add up to 1"
    )]
    SplitFractions {
        /// Fraction of the train split.
        train: f64,
        /// Fraction of the valid split.
        valid: f64,
        /// Fraction of the test split.
        test: f64,
    },
    /// A split with a fraction above 0 would get no example.
    #[error(
        "split: found no example for {name}, a fraction of {fraction} of {examples} examples in \
         {groups} groups that stay together, expected at least one"
    )]
    SplitEmpty {
        /// `train`, `valid` or `test`.
        name: &'static str,
        /// Its fraction.
        fraction: f64,
        /// Number of examples to split.
        examples: usize,
        /// Number of groups of examples that stay together, such as those with one prompt.
        groups: usize,
    },
    /// A word that names nothing that examples may have in common.
    #[error("group: found `{found}`, expected prompt, context, response or meta.KEY")]
    UnknownGroupKey {
        /// The word.
        found: String,
    },
    /// Examples are to be grouped by what none of them has.
    #[error("group: found `{key}` in none of {examples} examples, expected it in some")]
    GroupKeyAbsent {
        /// `context` or `meta.KEY`.
        key: String,
        /// Number of examples.
        examples: usize,
        /// The keys of `meta` that there are.
        known: Vec<String>,
    },
    /// The generator was asked for no example, or for more than it has distinct prompts for.
    #[error("generator: found {found} examples to make, expected 1 to {max}")]
    GeneratorExamples {
        /// The number asked for.
        found: usize,
        /// The most it makes.
        max: usize,
    },
    /// The generator was given nothing to make prompts about.
    #[error("generator: found no task, expected at least one")]
    GeneratorWithoutTask,
    /// A rule for cutting text that cannot cut, or that does not exist.
    #[error(
        "segmenter: found {found}, expected sentence, line, paragraph, {}",
        segmenter_names()
    )]
    InvalidSegmenter {
        /// What was given.
        found: String,
    },
    /// A segmenter of another program that cannot be used as it is written.
    #[error("segmenter `{kind}`: {problem}")]
    SegmenterSettings {
        /// Its name.
        kind: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// A segmenter of another program whose pieces are not the text.
    #[error(
        "segmenter `{kind}`: found pieces that are not the text, expected pieces that follow each other \
         without a gap"
    )]
    SegmenterPieces {
        /// Its name.
        kind: String,
    },
    /// A name that is no policy for cut segments.
    #[error("cut segments: found `{found}`, expected drop or score")]
    CutSegments {
        /// The name given.
        found: String,
    },
    /// Text was to be cut by tokens without a tokenizer.
    #[error("segmenter: found no tokenizer, expected one to cut text by tokens")]
    SegmenterNeedsTokenizer,
    /// No aspect to train or score.
    #[error("aspects: found none, expected at least one")]
    NoAspects,
    /// The same aspect is configured twice.
    #[error("aspects: found `{name}` twice, expected distinct names")]
    DuplicateAspect {
        /// Name of the aspect.
        name: String,
    },
    /// The bytes are no tokenizer this program can use.
    #[error("{}: cannot be used as a tokenizer.json: {cause}", tokenizer_place(path.as_ref()))]
    Tokenizer {
        /// The file, where the tokenizer came from one.
        path: Option<PathBuf>,
        /// What the tokenizer library says.
        cause: tokenizers::Error,
    },
    /// The tokenizer's post-processor loses or tears one text of a pair.
    #[error(
        "tokenizer: found {found} of {expected} tokens of text {text} in one piece behind its post-processor, \
         expected all"
    )]
    TokenizerPair {
        /// 0 for prompt and context, 1 for the response.
        text: usize,
        /// Tokens found.
        found: usize,
        /// Tokens the text has.
        expected: usize,
    },
    /// A chat template cannot be used, or not for an example.
    #[error("{place}: {}{cause}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
    ChatTemplate {
        /// The file or the example.
        place: String,
        /// Line of the template, where one is to blame.
        line: Option<usize>,
        /// What is wrong.
        cause: String,
    },
    /// The tokenizer has no token to fill short rows with.
    #[error("tokenizer: found no padding token, expected one of {}", tried.join(", "))]
    NoPadToken {
        /// The names that were looked for.
        tried: &'static [&'static str],
    },
    /// A token that is not in the vocabulary.
    #[error(
        "tokenizer: found no token `{token}`, expected one of its vocabulary, spelled as there"
    )]
    TokenUnknown {
        /// Its name.
        token: String,
        /// The same with a space in front, as the vocabulary spells it, where it has that.
        spaced: Option<String>,
    },
    /// The longest sequence leaves no room for text.
    #[error(
        "max_length: found {max_length}, expected {minimum} or more, as {special_tokens} are special tokens"
    )]
    MaxLength {
        /// The length given.
        max_length: usize,
        /// The least that can be used.
        minimum: usize,
        /// Special tokens of every sequence.
        special_tokens: usize,
    },
    /// The tokenizer refuses a text.
    #[error("example `{id}`: cannot be tokenized: {cause}")]
    Tokenize {
        /// Id of the example; empty for a text by itself.
        id: String,
        /// What the tokenizer library says.
        cause: tokenizers::Error,
    },
    /// An example is longer than it may be.
    #[error("example `{id}`: found {tokens} tokens, expected at most max_length = {max_length}")]
    TooLong {
        /// Its id.
        id: String,
        /// Its tokens, special tokens included.
        tokens: usize,
        /// The limit.
        max_length: usize,
    },
    /// A segment has a rating, but there is nothing to read a score from.
    #[error(
        "example `{id}`: field `segments[{segment}]`: found no token that starts inside {text:?}, \
         expected at least one in a rated segment"
    )]
    SegmentWithoutToken {
        /// Id of the example.
        id: String,
        /// Position of the segment.
        segment: usize,
        /// Its text.
        text: String,
    },
    /// A separator that cannot be written.
    #[error("separator: found {found}, expected {expected}")]
    InvalidSeparator {
        /// What was given.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A response of which some text lies in no segment, for a model that reads a separator behind
    /// every segment.
    #[error(
        "example `{id}`: found text that lies in no segment, {text:?} from character {start} on, expected \
         all of the response in segments: the model reads a separator behind each"
    )]
    UnlistedText {
        /// Id of the example.
        id: String,
        /// Its first character.
        start: usize,
        /// How it begins.
        text: String,
    },
    /// A text that writes a special token of the model.
    #[error(
        "example `{id}`: found the special token `{token}` written out in its text, expected none: the model \
         would take it for the end of a segment or a turn"
    )]
    SpecialTokenInText {
        /// Id of the example.
        id: String,
        /// The token.
        token: String,
    },
    /// A separator that the tokenizer joins with what follows it.
    #[error(
        "example `{id}`: field `segments[{segment}]`: found no token that ends with the separator \
         {separator:?} behind it, expected one to read the score from"
    )]
    SeparatorWithoutToken {
        /// Id of the example.
        id: String,
        /// Position of the segment.
        segment: usize,
        /// The separator.
        separator: String,
    },
    /// A rating has no finite target in single precision.
    #[error(
        "example `{id}`: field `segments[{segment}].rating.{aspect}`: found {rating}, \
         expected a rating whose target fits into 32 bits"
    )]
    TargetNotFinite {
        /// Id of the example.
        id: String,
        /// Position of the segment.
        segment: usize,
        /// Name of the aspect.
        aspect: String,
        /// The rating.
        rating: f64,
    },
    /// A rating of a response whose target does not fit into 32 bits.
    #[error(
        "example `{id}`: field `rating.{aspect}`: found {rating}, \
         expected a rating whose target fits into 32 bits"
    )]
    ResponseTargetNotFinite {
        /// Id of the example.
        id: String,
        /// Name of the aspect.
        aspect: String,
        /// The rating.
        rating: f64,
    },
    /// A published form of data that this program cannot read.
    #[error("format: found `{found}`, expected one of {}", format_names())]
    UnknownFormat {
        /// The name given.
        found: String,
    },
    /// A rating map that does not say which rating a label becomes.
    #[error("rating map: found `{entry}`, expected {expected}")]
    InvalidRatingMap {
        /// The entry that is wrong.
        entry: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A rule for marked errors that does not exist.
    #[error("mark rule: found `{found}`, expected any, any:N with N of 1 or more, or share")]
    InvalidMarkRule {
        /// What was given.
        found: String,
    },
    /// A format whose prompts lie in a file of their own, which was not given.
    #[error("sources: found none, expected the file that holds the prompts of the data set")]
    SourcesNeeded,
    /// A sampler named an example that is not there.
    #[error("sampler: found the example at {index}, expected a position below {count}")]
    ExamplePosition {
        /// The position, from 0.
        index: usize,
        /// Number of examples.
        count: usize,
    },
    /// A batch that holds nothing.
    #[error("batch size: found 0, expected 1 or more")]
    BatchSize,
    /// An example was tokenized for other aspects than the batches are made for.
    #[error("example `{id}`: found {found} targets per segment, expected {expected}")]
    AspectCount {
        /// Id of the example.
        id: String,
        /// Its number of targets per segment.
        found: usize,
        /// The batcher's number of aspects.
        expected: usize,
    },
    /// A thread that reads ahead cannot be started.
    #[error("a thread to read ahead with cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// A thread that reads ahead panicked.
    #[error("the thread that reads ahead panicked: {message}")]
    ThreadPanic {
        /// What it said.
        message: String,
    },
}

impl DataError {
    /// Whether what the user gave is at fault, rather than the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Io(cause) | Self::Read { cause, .. } => is_about_the_path(cause),
            Self::Write { .. } | Self::Thread(_) | Self::ThreadPanic { .. } => false,
            _ => true,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Record { error, .. } | Self::Example { error, .. } | Self::Torn { error, .. } => {
                error.hint()
            }
            Self::LineTooLong { .. } => Some(
                "where such a line is right, raise the limit with --max-line-bytes BYTES; a line \
                 holds one record, and all of it has to fit into memory"
                    .into(),
            ),
            Self::ForeignCompression { .. } => Some("unpack the file, or compress it with gzip or zstd".into()),
            Self::Encoding { encoding, .. } => Some(format!(
                "save the file as UTF-8, or convert it: `iconv -f {encoding} -t UTF-8 FILE > NEW`"
            )),
            Self::Read { compression, .. } => compression.hint(),
            Self::Directory { .. } => Some("name a file, such as one ending in .jsonl".into()),
            Self::ZstdOutput { .. } => Some(
                "files in zstd are read and not written: name one that ends in .gz, or write it plain and \
                 compress it with `zstd FILE`"
                    .into(),
            ),
            Self::AlreadyExists { .. } => Some("name another file, or replace it with --overwrite".into()),
            Self::DuplicateId { .. } => {
                Some("give every record its own `id`, or leave `id` out of all of them".into())
            }
            Self::Write { cause, .. } => write_hint(cause),
            Self::ScaleConstant { .. } | Self::ScaleWithoutRatings => {
                Some("use the identity scale, or ratings that differ".into())
            }
            Self::SplitEmpty { .. } => Some(
                "examples that have in common what they are grouped by, the prompt unless told \
                 otherwise, stay together: raise the fraction, set it to 0, group by less, or add \
                 examples"
                    .into(),
            ),
            Self::GroupKeyAbsent { known, .. } if known.is_empty() => {
                Some("the examples have no key in `meta`: group by prompt or response".into())
            }
            Self::GroupKeyAbsent { known, .. } => {
                Some(format!("keys of `meta` are: {}", known.join(", ")))
            }
            Self::SegmentWithoutToken { .. } => Some(
                "the segment starts inside a word, or holds only text the tokenizer leaves out: \
                 move its borders, or set its rating to null"
                    .into(),
            ),
            Self::UnlistedText { .. } => Some(
                "list every segment, unrated where nobody judged it, or none: the bundle then cuts the response"
                    .into(),
            ),
            Self::SpecialTokenInText { .. } => {
                Some("take it out of the text, or write it otherwise".into())
            }
            Self::SeparatorWithoutToken { .. } => Some(
                "the tokenizer joins it with what follows: move white space from the end of the separator \
                 to what is written between, or the other way round"
                    .into(),
            ),
            Self::SourcesNeeded => {
                Some("RAGTruth publishes its prompts as source_info.jsonl: name that file".into())
            }
            Self::TooLong { .. } => {
                Some("raise `max_length`, or set `truncation = \"shorten\"`".into())
            }
            Self::NoPadToken { .. } => {
                Some("add one of these tokens to the tokenizer; which one it is makes no difference to scores".into())
            }
            Self::TokenUnknown {
                spaced: Some(spaced),
                ..
            } => Some(format!("with a space in front it is `{spaced}`")),
            Self::ChatTemplate { .. } => Some(
                "`--chat-template none` trains without one, and `--chat-template FILE` with another"
                    .into(),
            ),
            Self::Tokenizer { .. } => {
                Some("expected the tokenizer.json of a Hugging Face model with a fast tokenizer".into())
            }
            Self::TargetNotFinite { .. } | Self::ResponseTargetNotFinite { .. } => Some("use a min-max or standardized rating scale".into()),
            _ => None,
        }
    }
}

fn segmenter_names() -> String {
    let own = crate::registered_segmenters();
    let own: Vec<String> = own.iter().map(gradus_parts::usage).collect();
    if own.is_empty() {
        return "delimiter:TEXT or tokens:N with N of 1 or more".to_owned();
    }
    format!(
        "delimiter:TEXT, tokens:N with N of 1 or more, {}",
        own.join(", ")
    )
}

fn format_names() -> String {
    let own = crate::registered_formats();
    let own = own.iter().map(|known| known.kind);
    let all = crate::Format::ALL.into_iter().map(crate::Format::name);
    all.chain(own).collect::<Vec<_>>().join(", ")
}

fn tokenizer_place(path: Option<&PathBuf>) -> String {
    path.map_or_else(|| "tokenizer".to_owned(), |path| path.display().to_string())
}

fn write_hint(cause: &io::Error) -> Option<String> {
    match cause.kind() {
        io::ErrorKind::NotFound => Some("create the directory first".into()),
        io::ErrorKind::StorageFull => Some("free some space; nothing was left behind".into()),
        io::ErrorKind::PermissionDenied => Some(
            "this user may not write there: name another file, or change its permissions".into(),
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("nothing can be written there: name a file on another disk".into())
        }
        _ => None,
    }
}
