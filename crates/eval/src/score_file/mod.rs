//! Reads scores that any program wrote and joins them to the examples by id.
//!
//! A score file is JSONL, plain or compressed, with one response per line. A record names its response by
//! `id` (a string or an integer) and holds the scores of the segments in one of these shapes:
//!
//! ```text
//! {"id":"x1","scores":[0.7,null,0.2]}                                  one number per segment
//! {"id":"x1","scores":[{"factuality":0.7,"relevance":0.1},null]}       aspects within segments
//! {"id":"x1","scores":{"factuality":[0.7,null],"relevance":[0.1,0.4]}} segments within aspects
//! {"id":"x1","segments":[{"score":0.7},{"score":null}]}                what `gradus score` writes
//! {"id":"x1","score":0.4}                                              the response only
//! ```
//!
//! `null` means that the segment has no score. These keys are read too, where a record has them:
//!
//! - In `segments`, `score` may be a map of aspects. `unscored` says why a segment has no score
//!   (`truncated`, `no_tokens`, `missing`), and `cut` that the model read only a part of it.
//! - `prompt`, `context` and `response`, and `start` and `end` of a segment, must equal those of the
//!   example. An example without segments takes those of the record, which then need `start` and `end`.
//! - `context_tokens_dropped`, `prompt_tokens_dropped` and `response_tokens_dropped` count what was
//!   truncated, and `windows` the windows in which the response was read.
//! - `score` of the record is the score of the whole response: a number or a map, like the scores of its
//!   segments. `unscored` says why it is `null`. `aggregation` says how the segments' scores were combined
//!   to it; it must be the same in every record.
//!
//! Ambiguous records are refused: those with scores of segments in two places, and those without scores
//! but with a key that looks like one for scores. All other keys are ignored. Records may come in any order.

mod choice;
mod keys;
mod names;
mod problem;
mod reader;
mod record;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use gradus_data::{CharSpan, Example, JsonLines, Location, ReadLimits, ReadProgress, Segment};

pub use problem::ScoreProblem;

use self::choice::Choice;
use self::names::Names;
use self::record::{Record, ResponseScore};
use self::value::Score;
use crate::dataset::response_of;
use crate::{Aggregation, EvalError, Result, ScoredResponse, ScoredSegment, UnscoredReason};

/// The scores of a file, with the ratings of the examples.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoreFile {
    /// Names of the scores, in the order of [`ScoredSegment::scores`].
    pub aspects: Vec<String>,
    /// One response per example, in the order of the examples.
    pub responses: Vec<ScoredResponse>,
    /// Examples without a record in the file. Their segments are [`UnscoredReason::Missing`].
    pub missing_responses: usize,
    /// Aspects of the file that are left out because no example is rated on them.
    pub unrated_aspects: Vec<String>,
    /// The aggregation of response scores, if the file has it.
    pub aggregation: Option<Aggregation>,
    /// Records whose `score` of the response was left out: a plain number beside named scores of segments,
    /// or the reverse.
    pub response_scores_left_out: usize,
}

/// How a score file is read.
#[derive(Debug, Clone, Default)]
pub struct ScoreFileOptions<'a> {
    /// Selects scores by name and sets their order, as in [`ScoreFile::read`].
    pub aspects: Option<&'a [String]>,
    /// How long a line may be.
    pub limits: ReadLimits,
    /// Follows the reading, of which a copy tells.
    pub progress: ReadProgress,
}

impl ScoreFile {
    /// Reads the scores of `examples` from `path`; `-` is standard input.
    ///
    /// `aspects` selects scores by name and sets their order; plain numbers need exactly one name. By
    /// default, plain numbers belong to the one aspect that the examples are rated on, or to
    /// [`DEFAULT_ASPECT`](gradus_data::DEFAULT_ASPECT) without ratings, and of named scores those are
    /// read on which the examples are rated.
    ///
    /// # Errors
    /// [`EvalError::Data`] if the file cannot be read or has no record,
    /// [`EvalError::ScoreRecord`] for a line that cannot be used,
    /// [`EvalError::NoMatchingId`] if no record belongs to an example,
    /// [`EvalError::ScoreAspects`] if the aspects of the scores are ambiguous.
    pub fn read(
        path: impl AsRef<Path>,
        examples: &[Example],
        aspects: Option<&[String]>,
    ) -> Result<Self> {
        let options = ScoreFileOptions {
            aspects,
            ..ScoreFileOptions::default()
        };
        Self::read_with(path, examples, &options)
    }

    /// [`read`](Self::read) with options.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with(
        path: impl AsRef<Path>,
        examples: &[Example],
        options: &ScoreFileOptions<'_>,
    ) -> Result<Self> {
        let (mut file, scored) = Self::joined(path.as_ref(), examples, options)?;
        let scored = scored.records.into_iter().zip(examples);
        let responses = scored.map(|(record, example)| {
            let mut response = beside(example, record.as_ref(), &file.columns, file.own);
            let segments = response.segments.iter_mut().zip(&example.segments);
            for (scored, segment) in segments {
                scored.ratings.clone_from(&segment.ratings);
                scored.raters.clone_from(&segment.raters);
            }
            response
        });
        file.file.responses = responses.collect();
        Ok(file.file)
    }

    /// [`read`](Self::read) with options, which consumes the examples: of very many segments, their ratings are most
    /// of the memory.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_examples(
        path: impl AsRef<Path>,
        examples: Vec<Example>,
        options: &ScoreFileOptions<'_>,
    ) -> Result<Self> {
        let (mut file, scored) = Self::joined(path.as_ref(), &examples, options)?;
        let scored = scored.records.into_iter().zip(examples);
        let responses = scored.map(|(record, example)| {
            let mut response = beside(&example, record.as_ref(), &file.columns, file.own);
            let segments = response.segments.iter_mut().zip(example.segments);
            for (scored, segment) in segments {
                scored.ratings = segment.ratings;
                scored.raters = segment.raters;
            }
            response
        });
        file.file.responses = responses.collect();
        Ok(file.file)
    }

    /// Gives examples without segments the segments of the file.
    pub fn cut(&self, examples: &mut [Example]) {
        for (example, response) in examples.iter_mut().zip(&self.responses) {
            if example.segments.is_empty() {
                let spans = response.segments.iter();
                let spans = spans.map(|segment| CharSpan::new(segment.start, segment.end));
                example.segments = spans.map(Segment::unrated).collect();
            }
        }
    }

    /// The file without responses, and the records that they are made of.
    fn joined(
        path: &Path,
        examples: &[Example],
        options: &ScoreFileOptions<'_>,
    ) -> Result<(Unfilled, Joined)> {
        let lines = JsonLines::open_followed(path, options.limits, &options.progress)?;
        let joined = Joined::read(lines, examples)?;
        let choice = Choice::of(path, &joined.names, examples, options.aspects)?;
        let records = || joined.records.iter().flatten();
        let given = |record: &&Record| match &record.response {
            ResponseScore::Given(score) => score.is_some(),
            _ => false,
        };
        // All response scores have one source: if some records give them, the other responses have none.
        let own = records().any(|record| given(&record));
        let other_kind = |record: &&Record| matches!(record.response, ResponseScore::OtherKind);
        let file = Self {
            aggregation: records().find_map(|record| record.aggregation),
            response_scores_left_out: records().filter(other_kind).count(),
            missing_responses: joined.records.iter().filter(|r| r.is_none()).count(),
            aspects: choice.names,
            unrated_aspects: choice.left_out,
            responses: Vec::new(),
        };
        let unfilled = Unfilled {
            file,
            columns: choice.columns,
            own,
        };
        Ok((unfilled, joined))
    }
}

/// A file whose responses are still to be made.
struct Unfilled {
    file: ScoreFile,
    /// Index of each aspect among the names of the file.
    columns: Vec<usize>,
    /// Whether the file has scores of responses.
    own: bool,
}

/// The records of a file, in the order of the examples.
struct Joined {
    records: Vec<Option<Record>>,
    names: Names,
}

impl Joined {
    fn read(mut lines: JsonLines, examples: &[Example]) -> Result<Self> {
        let places: HashMap<&str, usize> = examples
            .iter()
            .enumerate()
            .map(|(place, example)| (example.id.as_str(), place))
            .collect();
        let mut records: Vec<Option<Record>> = examples.iter().map(|_| None).collect();
        let mut first_numbers: HashMap<String, usize> = HashMap::new();
        let mut names = Names::default();
        let mut unknown: Option<(Location, String)> = None;
        let mut aggregation: Option<Aggregation> = None;
        while let Some(object) = lines.next() {
            let object = object.map_err(problem::reading)?;
            let location = lines.location();
            let at = |problem| EvalError::score_record(location, problem);
            let id = record::id(&object).map_err(at)?;
            if let Some(&first) = first_numbers.get(&id) {
                let first = lines.location_of(first).beside(location);
                return Err(at(ScoreProblem::DuplicateId { id, first }));
            }
            if let Some(&place) = places.get(id.as_str()) {
                let record = Record::read(object, &examples[place], location, &mut names);
                let record = record.map_err(at)?;
                if let Some(found) = record.aggregation {
                    let first = *aggregation.get_or_insert(found);
                    value::check_aggregation(found, first).map_err(at)?;
                }
                records[place] = Some(record);
            } else if unknown.is_none() {
                unknown = Some((location.clone(), id.clone()));
            }
            first_numbers.insert(id, lines.number());
        }
        match unknown {
            Some((location, id)) if records.iter().all(Option::is_none) => {
                Err(EvalError::NoMatchingId {
                    path: location.path,
                    records: first_numbers.len(),
                    found: id,
                    expected: examples.first().map(|e| e.id.clone()).unwrap_or_default(),
                })
            }
            Some((location, id)) => {
                let matching = records.iter().flatten().count();
                let others = first_numbers.len() - matching - 1;
                let problem = ScoreProblem::UnknownId { id, others };
                Err(EvalError::score_record(&location, problem))
            }
            None => Ok(Self { records, names }),
        }
    }
}

/// Joins the scores of a record with its example; the ratings of segments come later. `own` says whether the file has scores
/// of responses.
fn beside(
    example: &Example,
    record: Option<&Record>,
    columns: &[usize],
    own: bool,
) -> ScoredResponse {
    let cut: Vec<Segment> = record.map_or(Vec::new(), |record| {
        record.spans.iter().copied().map(Segment::unrated).collect()
    });
    let segments = example.segments.iter().chain(&cut).enumerate();
    let segments = segments.map(|(k, segment)| {
        let (start, end) = (segment.span.start, segment.span.end);
        let missing = Score::none(UnscoredReason::Missing);
        let score = record.map_or(&missing, |record| &record.scores[k]);
        let scores = score.columns(columns);
        let none = scores.iter().all(|score| score.is_nan());
        let whole = !scores.iter().any(|score| score.is_nan());
        ScoredSegment {
            start,
            end,
            ratings: BTreeMap::new(),
            raters: BTreeMap::new(),
            scores: (!none).then_some(scores),
            unscored: (!whole).then_some(score.reason),
            cut: score.cut && !none,
        }
    });
    let mut response = response_of(example, segments.collect());
    response.shortened = record.is_some_and(|record| record.shortened);
    let given = record.map(|record| &record.response);
    if let Some(ResponseScore::Given(score)) = given
        && response.unscored.is_some()
        && score.reason != UnscoredReason::Missing
    {
        response.unscored = Some(score.reason);
    } else if record.is_none() {
        response.unscored = Some(UnscoredReason::Missing);
    }
    if own {
        let none = Score::none(UnscoredReason::Missing);
        let score = match given {
            Some(ResponseScore::Given(score)) => score,
            _ => &none,
        };
        response.scores = Some(score.columns(columns));
    }
    response
}

impl EvalError {
    fn score_record(location: &Location, problem: ScoreProblem) -> Self {
        Self::ScoreRecord {
            location: location.clone(),
            problem: Box::new(problem),
        }
    }
}

#[cfg(test)]
mod tests;
