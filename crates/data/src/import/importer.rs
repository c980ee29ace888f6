use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use super::fields::Record;
use super::formats::rag_truth::Prompts;
use super::formats::{
    fine_grained_feedback, fine_grained_tags, help_steer2, math_shepherd, prm_bench, prm800k,
    process_bench, rag_truth, span_csv, trl_stepwise, wmt_mqm,
};
use super::source::Records;
use crate::records::field::Checked;
use crate::{
    DataError, Example, Format, ImportOptions, Location, MarkRule, RecordError, RecordProblem,
    Result, Segmenter,
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
    let path = path.as_ref();
    options.segmenter.check()?;
    if matches!(options.segmenter, Segmenter::Tokens(_)) {
        return Err(DataError::SegmenterNeedsTokenizer);
    }
    let mut notes = Vec::new();
    Ok(Importer {
        path: path.to_owned(),
        source: open(path, format, options, &mut notes)?,
        notes,
        ready: VecDeque::new(),
        first_lines: HashMap::new(),
        found_record: false,
        ended: false,
    })
}

/// What a record gives: mostly one example; several where the published record is a tree.
pub(super) type Parsed = (Location, Checked<Vec<Example>>);
type Source = Box<dyn Iterator<Item = Result<Parsed>> + Send>;
type Parser = Box<dyn Fn(Record) -> Checked<Vec<Example>> + Send>;

fn open(
    path: &Path,
    format: Format,
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Source> {
    if matches!(format, Format::FineGrainedFeedback | Format::RagTruth) {
        notes.push(mark_note(options));
    }
    let limits = options.limits;
    let options = options.clone();
    let parse = match format {
        Format::PrmBench => one(options, prm_bench::parse),
        Format::FineGrainedFeedback => one(options, fine_grained_feedback::parse),
        Format::TrlStepwise => one(options, trl_stepwise::parse),
        Format::Prm800k => one(options, prm800k::parse_solution),
        Format::Prm800kTree => Box::new(move |record| prm800k::parse_tree(record, &options)),
        Format::ProcessBench => one(options, process_bench::parse),
        Format::MathShepherd => one(options, math_shepherd::parse),
        Format::RagTruth => {
            let prompts = Prompts::read(&options)?;
            one(options, move |record, options| {
                rag_truth::parse(record, &prompts, options)
            })
        }
        Format::HelpSteer2 => one(options, help_steer2::parse),
        Format::FineGrainedTags => one(options, fine_grained_tags::parse),
        Format::WmtMqm => return Ok(Box::new(wmt_mqm::read(path, &options)?.into_iter())),
        Format::SpanCsv => return Ok(Box::new(span_csv::read(path, &options, notes)?.into_iter())),
    };
    let records = Records::open(path, limits)?;
    Ok(Box::new(records.map(move |record| {
        let (location, record) = record?;
        Ok((location, record.and_then(&parse)))
    })))
}

fn mark_note(options: &ImportOptions) -> String {
    match options.mark_rule {
        MarkRule::Any { least } => format!(
            "a segment with {least} or more marked characters, or a whole mark, is rated as its lowest mark; \
             the mark rule `share` rates it by the share that is not marked"
        ),
        MarkRule::Share => {
            "segments are rated by the share of their characters that is not marked; \
             the mark rule `any` rates one with any mark as that mark"
                .to_owned()
        }
    }
}

/// A parser that makes one example of a record.
fn one(
    options: ImportOptions,
    parse: impl Fn(Record, &ImportOptions) -> Checked<Example> + Send + 'static,
) -> Parser {
    Box::new(move |record| Ok(vec![parse(record, &options)?]))
}

/// Native examples out of a published data set; made by [`import`].
///
/// A wrong record is an error after which the next one is read; so is a record whose id an earlier
/// one has. After any other error the iterator ends. A file without a record ends in
/// [`DataError::NoRecords`]. Every example holds what [`Example::check`] demands, and its response is
/// not empty.
pub struct Importer {
    path: PathBuf,
    source: Source,
    notes: Vec<String>,
    /// Examples of the record that was read last, with its location.
    ready: VecDeque<(Location, Example)>,
    first_lines: HashMap<String, usize>,
    found_record: bool,
    ended: bool,
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
        if let Err(error) = example.check() {
            return Err(wrong(location, error));
        }
        if let Some(&first_line) = self.first_lines.get(&example.id) {
            return Err(DataError::DuplicateId {
                location,
                id: example.id,
                first_line,
            });
        }
        self.first_lines.insert(example.id.clone(), location.line);
        Ok(example)
    }
}

impl Iterator for Importer {
    type Item = Result<Example>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((location, example)) = self.ready.pop_front() {
                return Some(self.check(location, example));
            }
            if self.ended {
                return None;
            }
            match self.source.next() {
                Some(Ok((location, parsed))) => {
                    self.found_record = true;
                    match parsed {
                        Ok(examples) => {
                            let located = examples.into_iter().map(|e| (location.clone(), e));
                            self.ready.extend(located);
                        }
                        Err(error) => return Some(Err(wrong(location, error))),
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    if !self.found_record {
                        let path = self.path.clone();
                        return Some(Err(DataError::NoRecords { path }));
                    }
                }
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
