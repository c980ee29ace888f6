use std::collections::VecDeque;
use std::iter::{from_fn, once};
use std::path::Path;

use serde_json::Value;

use super::ImportedRecords as Examples;
use super::fields::Record;
use super::options::Unannotated;
use super::rater_merge::RaterMerge;
use crate::records::FirstPlaces;
use crate::records::field::Checked;
use crate::{
    DataError, Example, Format, ImportOptions, JsonLines, Location, ReadLimits, RecordError,
    RecordProblem, Result, Segmenter,
};

/// Reads a published data set as native examples.
///
/// The file may be plain, gzip or zstd; formats of JSON records may have one a line or all in one
/// list. Records are read one by one; tables ([`Format::WmtMqm`], [`Format::SpanCsv`]) are read
/// whole, as the rows of a record need not follow each other.
///
/// # Errors
/// - [`DataError::Io`], [`DataError::Directory`], [`DataError::Read`], [`DataError::Encoding`],
///   [`DataError::LineTooLong`]: the file cannot be read.
/// - [`DataError::Torn`]: a table without the columns it needs, or with a row that is torn. (A list
///   that does not end gives this error behind its last element.)
/// - [`DataError::SourcesNeeded`]: no file of prompts for a format that needs one.
/// - [`DataError::InvalidSegmenter`], [`DataError::SegmenterNeedsTokenizer`]: a rule that cannot
///   cut the responses.
pub fn import(path: impl AsRef<Path>, format: Format, options: &ImportOptions) -> Result<Importer> {
    options.segmenter.check()?;
    if matches!(options.segmenter, Segmenter::Tokens(_)) {
        return Err(DataError::SegmenterNeedsTokenizer);
    }
    let mut notes = Vec::new();
    let examples = format.reading().open(path.as_ref(), options, &mut notes)?;
    Ok(Importer {
        examples,
        limits: options.limits,
        rater_merge: options.rater_merge,
        unannotated: options.unannotated,
        counts: ImportCounts::default(),
        notes,
        ready: VecDeque::new(),
        places: FirstPlaces::default(),
    })
}

/// How the files of a format are read.
pub(super) enum Reading {
    /// An example of each JSON object.
    Record(fn(Record, &ImportOptions) -> Checked<Example>),
    /// Several examples of each JSON object, as where it is a tree.
    Records(fn(Record, &ImportOptions) -> Checked<Vec<Example>>),
    /// As [`Record`](Self::Record), of a format whose marks a rule turns into ratings, which is noted.
    Marked(fn(Record, &ImportOptions) -> Checked<Example>),
    /// As [`Record`](Self::Record), by a parser that is made of the options first: it may read other
    /// files, and note what the reader of the data should know.
    Prepared(fn(&ImportOptions, &mut Vec<String>) -> Result<Parser>),
    /// A table, read whole, with notes as above.
    Table(fn(&Path, &ImportOptions, &mut Vec<String>) -> Result<Vec<Parsed>>),
    /// As another program reads it.
    Own(fn(&Path, &ImportOptions) -> Result<Examples>),
}

/// Makes the example of a record.
pub(super) type Parser = Box<dyn Fn(Record) -> Checked<Example> + Send>;
/// An example out of a table, and the row it begins in.
pub(super) type Parsed = (Location, Checked<Example>);

impl Reading {
    fn open(
        self,
        path: &Path,
        options: &ImportOptions,
        notes: &mut Vec<String>,
    ) -> Result<Examples> {
        let owned = options.clone();
        match self {
            Self::Own(open) => open(path, options),
            Self::Record(parse) => json_records(path, options, move |record| {
                Ok(vec![parse(record, &owned)?])
            }),
            Self::Marked(parse) => {
                notes.push(options.mark_rule.note());
                Self::Record(parse).open(path, options, notes)
            }
            Self::Records(parse) => {
                json_records(path, options, move |record| parse(record, &owned))
            }
            Self::Prepared(prepare) => {
                let parse = prepare(options, notes)?;
                json_records(path, options, move |record| Ok(vec![parse(record)?]))
            }
            Self::Table(read) => {
                let parsed = read(path, options, notes)?;
                if parsed.is_empty() {
                    let path = path.to_owned();
                    return Ok(Box::new(once(Err(DataError::NoRecords { path }))));
                }
                Ok(Box::new(parsed.into_iter().map(
                    |(location, example)| match example {
                        Ok(example) => Ok((location, vec![example])),
                        Err(error) => Err(wrong(location, error)),
                    },
                )))
            }
        }
    }
}

/// Reads a file of JSON objects, one a line or all in one list, plain, gzip or zstd: `parse` makes the
/// examples of an object. For a [`NamedFormat`](super::NamedFormat).
///
/// # Errors
/// If the file cannot be opened; the iterator gives whatever is wrong inside of it, with its place.
pub fn json_records(
    path: &Path,
    options: &ImportOptions,
    parse: impl Fn(Record) -> std::result::Result<Vec<Example>, RecordError> + Send + 'static,
) -> Result<Examples> {
    let mut objects = JsonLines::open_or_list(path, options.limits, &options.progress)?;
    objects.check_columns(&options.columns)?;
    let columns = options.columns.clone();
    Ok(Box::new(from_fn(move || {
        let advanced = objects.advance()?;
        Some(advanced.and_then(|()| {
            let number = objects.number();
            let examples =
                objects.parse_mapped(&columns, |fields| parse(Record::new(number, fields)))?;
            Ok((objects.location().clone(), examples))
        }))
    })))
}

/// Native examples out of a published data set; made by [`import`].
///
/// A wrong record is an error after which the next one is read; so is a record whose id an earlier
/// one has. After any other error the iterator ends. A file without a record ends in
/// [`DataError::NoRecords`]. Every example holds what [`Example::check`] demands, and its response is
/// not empty.
pub struct Importer {
    examples: Examples,
    limits: ReadLimits,
    notes: Vec<String>,
    rater_merge: RaterMerge,
    unannotated: Unannotated,
    counts: ImportCounts,
    /// Examples of the record that was read last, with its location.
    ready: VecDeque<(Location, Example)>,
    places: FirstPlaces,
}

impl Importer {
    /// What was read in a way that the reader of the data should know: the rule for marks, the
    /// delimiter of a table, its order. One sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn check(&mut self, location: Location, example: Example) -> Result<Example> {
        if example.response.is_empty() {
            // Formats of rated responses have none without text: something was lost on the way.
            let error = RecordError::new("response", RecordProblem::EmptyText);
            return Err(wrong(location, error));
        }
        let checked = self.limits.check(&example).and_then(|()| example.check());
        if let Err(error) = checked {
            return Err(wrong(location, error));
        }
        self.places.add(&example.id, &location)?;
        Ok(example)
    }

    /// What was found in the records that were read so far.
    pub fn counts(&self) -> ImportCounts {
        self.counts
    }

    /// Whether an example is left out because nobody has annotated it.
    fn leaves_out(&mut self, example: &Example) -> bool {
        let is_unannotated = example.meta.get(ANNOTATED) == Some(&false.into());
        let replaced = example.meta.get(REPLACED).and_then(Value::as_u64);
        self.counts.answers += 1;
        self.counts.unannotated += usize::from(is_unannotated);
        self.counts.replaced +=
            replaced.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX));
        is_unannotated && self.unannotated == Unannotated::Skip
    }
}

/// The key of `meta` that is `false` in an answer that nobody has annotated.
pub(super) const ANNOTATED: &str = "annotated";

/// The key of `meta` that counts annotations of a rater that a later one of the same rater replaces.
pub(super) const REPLACED: &str = "replaced_annotations";

/// What an importer found in the records that were not wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ImportCounts {
    /// Records: objects of JSON, or what the rows of a table have in common.
    pub records: usize,
    /// Records without an answer, such as with an empty list of responses. No example comes of them.
    pub empty: usize,
    /// Answers that were read.
    pub answers: usize,
    /// Answers that nobody has annotated. They have no rating, or were left out.
    pub unannotated: usize,
    /// Annotations that a later one of the same rater and answer replaces.
    pub replaced: usize,
}

impl Iterator for Importer {
    type Item = Result<Example>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((location, mut example)) = self.ready.pop_front() {
                if self.leaves_out(&example) {
                    continue;
                }
                self.rater_merge.apply(&mut example);
                return Some(self.check(location, example));
            }
            match self.examples.next()? {
                Ok((location, examples)) => {
                    self.counts.records += 1;
                    self.counts.empty += usize::from(examples.is_empty());
                    let located = examples.into_iter().map(|e| (location.clone(), e));
                    self.ready.extend(located);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn wrong(location: Location, error: RecordError) -> DataError {
    DataError::Record {
        location,
        error: Box::new(error),
    }
}
