//! Who caused an error, and what the user can do about it.

use std::io;

use gradus_files::is_about_the_path;

use super::DataError;
use crate::RecordProblem;

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
