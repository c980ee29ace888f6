use std::io;
use std::path::PathBuf;

use gradus_files::is_about_the_path;
use thiserror::Error;

use crate::location::display_path;
use crate::{Location, RecordError, RecordProblem, Unfetched};

/// The result of an operation of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be opened or read. The message names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Reading or decompressing a file failed after some lines.
    #[error("{}: reading failed after line {line}: {cause}", display_path(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// The last complete line; 0 if there was none.
        line: usize,
        /// Compression of the file.
        compression: crate::Compression,
        /// The error of the operating system or the decompressor.
        cause: io::Error,
    },
    /// A Parquet file that cannot be read, or not from here on.
    #[error("{}", parquet_problem(path, column.as_ref(), *row, reason))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Path of the column, such as `segments.list.element.start`, where one is at fault.
        column: Option<String>,
        /// The first row that could not be read, from 1; none where the file cannot be opened.
        row: Option<usize>,
        /// What was found, and what was expected.
        reason: String,
        /// What the user can do about it, where that is more than making the file again.
        hint: Option<&'static str>,
    },
    /// A line, an element of a list or a row of a table is too long.
    #[error("{location}: found a {} of more than {limit} bytes, expected at most that many", location.unit())]
    LineTooLong {
        /// File and line.
        location: Location,
        /// The limit in bytes.
        limit: usize,
    },
    /// Files are not as they were found at first.
    #[error("{}: found other files, or other sizes or times of them, than at the start, expected the same until the end", path.display())]
    Changed {
        /// The path that names the files.
        path: PathBuf,
    },
    /// A file of tokenized examples is damaged, or not the expected one.
    #[error("{}: {reason}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The compression of a file is not supported.
    #[error("{}: found {found}, expected plain text, gzip (.gz) or Zstandard (.zst)", path.display())]
    ForeignCompression {
        /// The file.
        path: PathBuf,
        /// Name of the compression.
        found: &'static str,
    },
    /// A file is not UTF-8.
    #[error("{}: found text in {encoding}, expected UTF-8", display_path(path))]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding.
        encoding: &'static str,
    },
    /// A list or a table cannot be divided into its parts, so all of it is refused.
    #[error("{location}: {error}")]
    Torn {
        /// File and line.
        location: Location,
        /// What was found and what was expected.
        error: Box<RecordError>,
    },
    /// A path is a directory, but a file is needed.
    #[error("{}: found a directory, expected a file", path.display())]
    Directory {
        /// The path.
        path: PathBuf,
    },
    /// A directory or a pattern of file names without a data file.
    #[error("{}: found no data file, expected .jsonl, .json or .parquet files", path.display())]
    NoDataFiles {
        /// The directory or pattern.
        path: PathBuf,
    },
    /// A directory or a pattern with Parquet and other files.
    #[error(
        "{}: found `{}` beside `{}`, expected files of one kind",
        path.display(), other.display(), first.display()
    )]
    MixedFiles {
        /// The directory or pattern.
        path: PathBuf,
        /// Its first file.
        first: PathBuf,
        /// One of the other kind.
        other: PathBuf,
    },
    /// A pattern of file names that means nothing.
    #[error("{}: found a pattern that cannot be read: {reason}", path.display())]
    InvalidPattern {
        /// The pattern.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A column map that does not say which column becomes which key.
    #[error("columns: found `{entry}`, expected {expected}")]
    InvalidColumnMap {
        /// The entry that is wrong.
        entry: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A column map with a column that a Parquet file does not have.
    #[error(
        "{}: found no column `{column}`, expected it as the column map names it", path.display()
    )]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// The output is a block device or a socket.
    #[error("{}: found a special file, expected a regular file or a new name", path.display())]
    SpecialFile {
        /// The path.
        path: PathBuf,
    },
    /// The name of an output ends in `.zst`.
    #[error("{}: found an output in zstd, expected one in gzip or a plain one", path.display())]
    ZstdOutput {
        /// The path.
        path: PathBuf,
    },
    /// The output already exists.
    #[error("{}: already exists", path.display())]
    AlreadyExists {
        /// The path.
        path: PathBuf,
    },
    /// A file has no record.
    #[error("{}: found no record, expected at least one", display_path(path))]
    NoRecords {
        /// The file.
        path: PathBuf,
    },
    /// A record of a file is invalid.
    #[error("{location}: {error}")]
    Record {
        /// File and line.
        location: Location,
        /// Field, what was found and what was expected.
        error: Box<RecordError>,
    },
    /// An example in memory is invalid.
    #[error("example `{id}`: {error}")]
    Example {
        /// Its `id`.
        id: String,
        /// Field, what was found and what was expected.
        error: Box<RecordError>,
    },
    /// Data of another place is not here.
    #[error("{}: {cause}", path.display())]
    Elsewhere {
        /// The name.
        path: PathBuf,
        /// Why not.
        cause: Unfetched,
    },
    /// Two records of a file have the same id.
    #[error(
        "{location}: field `id`: found `{id}`, which {} {first_line}{} has too, expected distinct ids",
        location.unit(),
        first_file.as_ref().map_or_else(String::new, |file| format!(" of {}", file.display()))
    )]
    DuplicateId {
        /// File and line of the later record.
        location: Location,
        /// The id.
        id: String,
        /// Line of the earlier record.
        first_line: usize,
        /// The file of the earlier record, where it is another one.
        first_file: Option<PathBuf>,
    },
    /// A file could not be written. No incomplete file has its name.
    #[error("{}: writing failed: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
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
    /// Mean or standard deviation of a standardized scale are invalid.
    #[error("rating scale: found mean {mean} and sd {sd}, expected finite numbers with sd > 0")]
    ScaleSpread {
        /// Mean rating.
        mean: f64,
        /// Standard deviation of the ratings.
        sd: f64,
    },
    /// There are no ratings to fit a scale.
    #[error("rating scale: found no rating to fit it, expected at least two different ones")]
    ScaleWithoutRatings,
    /// All ratings are equal, so no scale can be fitted.
    #[error(
        "rating scale: found {count} ratings that are all {rating}, expected at least two different ones"
    )]
    ScaleConstant {
        /// Number of ratings.
        count: usize,
        /// The rating.
        rating: f64,
    },
    /// A rating for fitting a scale is NaN or infinite.
    #[error("rating scale: found the rating {rating}, expected finite numbers")]
    ScaleNotFinite {
        /// The rating.
        rating: f64,
    },
    /// The fractions of a split do not add up to 1.
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
    /// A split with a fraction above 0 would be empty.
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
    /// Unknown property to group examples by.
    #[error("group: found `{found}`, expected prompt, context, response or meta.KEY")]
    UnknownGroupKey {
        /// The word.
        found: String,
    },
    /// No example has the property to group by.
    #[error("group: found `{key}` in none of {examples} examples, expected it in some")]
    GroupKeyAbsent {
        /// `context` or `meta.KEY`.
        key: String,
        /// Number of examples.
        examples: usize,
        /// The existing keys of `meta`.
        known: Vec<String>,
    },
    /// The generator cannot make this number of examples.
    #[error("generator: found {found} examples to make, expected 1 to {max}")]
    GeneratorExamples {
        /// The requested number.
        found: usize,
        /// The maximum.
        max: usize,
    },
    /// The generator has no tasks.
    #[error("generator: found no task, expected at least one")]
    GeneratorWithoutTask,
    /// An invalid or unknown segmenter.
    #[error(
        "segmenter: found {found}, expected sentence, line, paragraph, {}",
        segmenter_names()
    )]
    InvalidSegmenter {
        /// The given value.
        found: String,
    },
    /// Invalid settings of a segmenter of another program.
    #[error("segmenter `{kind}`: {problem}")]
    SegmenterSettings {
        /// Its name.
        kind: String,
        /// What was found and what was expected.
        problem: String,
    },
    /// The pieces of a segmenter of another program are not the text.
    #[error(
        "segmenter `{kind}`: found pieces that are not the text, expected pieces that follow each other \
         without a gap"
    )]
    SegmenterPieces {
        /// Its name.
        kind: String,
    },
    /// An unknown policy for cut segments.
    #[error("cut segments: found `{found}`, expected drop or score")]
    CutSegments {
        /// The given name.
        found: String,
    },
    /// A stride that is no step of windows.
    #[error(
        "stride: found `{found}`, expected a whole number of tokens, 1 or more, `none` or `auto`"
    )]
    Stride {
        /// The given value.
        found: String,
    },
    /// A segmenter by tokens has no tokenizer.
    #[error("segmenter: found no tokenizer, expected one to segment text by tokens")]
    SegmenterNeedsTokenizer,
    /// There are no aspects.
    #[error("aspects: found none, expected at least one")]
    NoAspects,
    /// The same aspect is configured twice.
    #[error("aspects: found `{name}` twice, expected distinct names")]
    DuplicateAspect {
        /// Name of the aspect.
        name: String,
    },
    /// The bytes are not a usable tokenizer.
    #[error("{}: cannot be used as a tokenizer.json: {cause}", tokenizer_place(path.as_ref()))]
    Tokenizer {
        /// The file, if the tokenizer is from a file.
        path: Option<PathBuf>,
        /// The error of the tokenizer library.
        cause: tokenizers::Error,
    },
    /// The tokenizer's post-processor loses or splits one text of a pair.
    #[error(
        "tokenizer: found {found} of {expected} tokens of text {text} in one piece after its post-processor, \
         expected all"
    )]
    TokenizerPair {
        /// 0 for prompt and context, 1 for the response.
        text: usize,
        /// Number of tokens found.
        found: usize,
        /// Number of tokens of the text.
        expected: usize,
    },
    /// A chat template cannot be used, or cannot be used for an example.
    #[error("{place}: {}{cause}", line.map_or_else(String::new, |line| format!("line {line}: ")))]
    ChatTemplate {
        /// The file or the example.
        place: String,
        /// Line of the template, if known.
        line: Option<usize>,
        /// The problem.
        cause: String,
    },
    /// The tokenizer has no padding token.
    #[error("tokenizer: found no padding token, expected one of {}", tried.join(", "))]
    NoPadToken {
        /// The names tried.
        tried: &'static [&'static str],
    },
    /// A token that is not in the vocabulary.
    #[error(
        "tokenizer: found no token `{token}`, expected one of its vocabulary, spelled as there"
    )]
    TokenUnknown {
        /// Its name.
        token: String,
        /// The spelling with a space in front, if the vocabulary has it.
        spaced: Option<String>,
    },
    /// `max_length` leaves no room for text.
    #[error(
        "max_length: found {max_length}, expected {minimum} or more, as {special_tokens} are special tokens"
    )]
    MaxLength {
        /// The given length.
        max_length: usize,
        /// The minimum.
        minimum: usize,
        /// Number of special tokens of every sequence.
        special_tokens: usize,
    },
    /// The tokenizer refuses a text.
    #[error("example `{id}`: cannot be tokenized: {cause}")]
    Tokenize {
        /// Id of the example; empty for a single text.
        id: String,
        /// The error of the tokenizer library.
        cause: tokenizers::Error,
    },
    /// An example is too long.
    #[error("example `{id}`: found {tokens} tokens, expected at most max_length = {max_length}")]
    TooLong {
        /// Its id.
        id: String,
        /// Its number of tokens, including special tokens.
        tokens: usize,
        /// The limit.
        max_length: usize,
    },
    /// A rated segment has no token to read a score from.
    #[error(
        "example `{id}`: field `segments[{segment}]`: found no token that starts inside {text:?}, \
         expected at least one in a rated segment"
    )]
    SegmentWithoutToken {
        /// Id of the example.
        id: String,
        /// Index of the segment, from 0.
        segment: usize,
        /// Its text.
        text: String,
    },
    /// An invalid separator.
    #[error("separator: found {found}, expected {expected}")]
    InvalidSeparator {
        /// The given value.
        found: String,
        /// The expected value.
        expected: &'static str,
    },
    /// Text of a response is outside of segments, but the model needs a separator after every segment.
    #[error(
        "example `{id}`: found text outside of segments, {text:?} at character {start}, expected \
         segments that cover the whole response: the model reads a separator after each"
    )]
    UnlistedText {
        /// Id of the example.
        id: String,
        /// First character of the text.
        start: usize,
        /// Beginning of the text.
        text: String,
    },
    /// A text contains a special token of the model.
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
    /// The tokenizer merges a separator with the following text.
    #[error(
        "example `{id}`: field `segments[{segment}]`: found no token that ends with the separator \
         {separator:?} after it, expected one to read the score from"
    )]
    SeparatorWithoutToken {
        /// Id of the example.
        id: String,
        /// Index of the segment, from 0.
        segment: usize,
        /// The separator.
        separator: String,
    },
    /// The target of a segment's rating does not fit into `f32`.
    #[error(
        "example `{id}`: field `segments[{segment}].rating.{aspect}`: found {rating}, \
         expected a rating whose target fits into 32 bits"
    )]
    TargetNotFinite {
        /// Id of the example.
        id: String,
        /// Index of the segment, from 0.
        segment: usize,
        /// Name of the aspect.
        aspect: String,
        /// The rating.
        rating: f64,
    },
    /// The target of a response's rating does not fit into `f32`.
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
    /// An unknown format of published data.
    #[error("format: found `{found}`, expected one of {}", format_names())]
    UnknownFormat {
        /// The given name.
        found: String,
    },
    /// An invalid entry of a rating map.
    #[error("rating map: found `{entry}`, expected {expected}")]
    InvalidRatingMap {
        /// The entry.
        entry: String,
        /// The expected value.
        expected: &'static str,
    },
    /// An unknown rule for marked errors.
    #[error("mark rule: found `{found}`, expected any, any:N with N of 1 or more, or share")]
    InvalidMarkRule {
        /// The given value.
        found: String,
    },
    /// An unknown rule for the ratings of several raters.
    #[error("raters: found `{found}`, expected mean, any or majority")]
    InvalidRaterMerge {
        /// The given value.
        found: String,
    },
    /// An unknown treatment of answers that nobody has annotated.
    #[error("unannotated answers: found `{found}`, expected keep or skip")]
    InvalidUnannotated {
        /// The given value.
        found: String,
    },
    /// An unknown unit of offsets.
    #[error("offsets: found `{found}`, expected chars, utf16 or bytes")]
    InvalidOffsets {
        /// The given value.
        found: String,
    },
    /// The separate file of prompts that a format needs was not given.
    #[error("sources: found none, expected the file that holds the prompts of the data set")]
    SourcesNeeded,
    /// A sampler returned an index without an example.
    #[error("sampler: found the example at {index}, expected a position below {count}")]
    ExamplePosition {
        /// The index, from 0.
        index: usize,
        /// Number of examples.
        count: usize,
    },
    /// A batch size of 0.
    #[error("batch size: found 0, expected 1 or more")]
    BatchSize,
    /// An example has a wrong number of targets per segment.
    #[error("example `{id}`: found {found} targets per segment, expected {expected}")]
    AspectCount {
        /// Id of the example.
        id: String,
        /// Its number of targets per segment.
        found: usize,
        /// The batcher's number of aspects.
        expected: usize,
    },
    /// The thread that reads ahead could not be started.
    #[error("the thread that reads ahead could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The thread that reads ahead panicked.
    #[error("the thread that reads ahead panicked: {message}")]
    ThreadPanic {
        /// The panic message.
        message: String,
    },
}

impl DataError {
    /// Whether the user's input caused the error, not the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Io(cause) | Self::Read { cause, .. } => is_about_the_path(cause),
            Self::Elsewhere { cause, .. } => cause.is_input,
            // What a library says of bytes that it cannot write is nobody's typing.
            Self::Write { cause, .. } => cause.raw_os_error().is_some() && is_about_the_path(cause),
            Self::TokenFile { .. } | Self::Thread(_) | Self::ThreadPanic { .. } => false,
            _ => true,
        }
    }

    /// What the user can do, if known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Torn { error, .. } if matches!(error.problem, RecordProblem::NotJson { .. }) => Some(
                "a file that starts with `[` is one list, and `]` ends both: if it is cut off, make it again, or \
                 copy it again"
                    .into(),
            ),
            Self::Record { error, .. } | Self::Example { error, .. } | Self::Torn { error, .. } => {
                error.hint()
            }
            Self::LineTooLong { .. } => Some(
                "if this line is right, raise the limit with --max-line-bytes BYTES; a line \
                 has one record, and all of it must fit into memory"
                    .into(),
            ),
            Self::ForeignCompression { .. } => Some("unpack the file, or compress it with gzip or zstd".into()),
            Self::Encoding { encoding, .. } => Some(format!(
                "save the file as UTF-8, or convert it: `iconv -f {encoding} -t UTF-8 FILE > NEW`"
            )),
            Self::Read { compression, .. } => compression.hint(),
            Self::Parquet { hint, .. } => Some(
                hint.unwrap_or("the file is cut off or damaged: make it again, or copy it again")
                    .into(),
            ),
            Self::Elsewhere { cause, .. } => cause.hint.clone(),
            Self::NoDataFiles { .. } => Some(
                "quote a pattern with *, so that the shell leaves it alone; of a directory, only files directly \
                 in it are read: '**/*.parquet' reads those below"
                    .into(),
            ),
            Self::MixedFiles { .. } => Some(
                "name the files of one kind, such as 'DIR/*.parquet', or make them alike with `gradus data convert`"
                    .into(),
            ),
            Self::UnknownColumn { known, .. } => Some(format!("its columns: {}", known.join(", "))),
            Self::Changed { .. } => Some("run it again when nothing writes the files any more".into()),
            Self::TokenFile { .. } => Some(
                "the file is made from the data: run it again, and a file that is damaged is made anew".into(),
            ),
            Self::Directory { .. } => Some("name a file, such as one ending in .jsonl".into()),
            Self::ZstdOutput { .. } => Some(
                "zstd is only read: use a name that ends in .gz, or write a plain file and \
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
                "examples that share the property they are grouped by (by default the prompt) \
                 stay together: raise the fraction, set it to 0, group by fewer properties, or add \
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
                "the segment starts inside a word, or has only text that the tokenizer drops: \
                 move its borders, or set its rating to null"
                    .into(),
            ),
            Self::UnlistedText { .. } => Some(
                "list all segments, rated or not, or none: the bundle then segments the response"
                    .into(),
            ),
            Self::SpecialTokenInText { .. } => {
                Some("remove it from the text, or write it differently".into())
            }
            Self::SeparatorWithoutToken { .. } => Some(
                "the tokenizer merges it with the following text: move white space from the end of the separator \
                 to the text between, or the reverse"
                    .into(),
            ),
            Self::SourcesNeeded => {
                Some("RAGTruth publishes its prompts as source_info.jsonl: name that file".into())
            }
            Self::TooLong { .. } => {
                Some("raise `max_length`, or set `truncation = \"shorten\"`".into())
            }
            Self::NoPadToken { .. } => {
                Some("add one of these tokens to the tokenizer; the choice does not affect scores".into())
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

fn parquet_problem(
    path: &std::path::Path,
    column: Option<&String>,
    row: Option<usize>,
    reason: &str,
) -> String {
    let column = column.map_or_else(String::new, |column| format!(", column `{column}`"));
    let row = row.map_or_else(String::new, |row| format!(", from row {row} on"));
    format!("{}{column}{row}: {reason}", display_path(path))
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
