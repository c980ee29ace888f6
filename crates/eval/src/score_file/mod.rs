//! Reads scores that any program wrote and joins them to the examples by id.
//!
//! A score file is JSONL, plain or compressed, one response a line. A record names its response by
//! `id` (a text or a whole number) and holds the scores of its segments in one of these shapes:
//!
//! ```text
//! {"id":"x1","scores":[0.7,null,0.2]}                                  one number a segment
//! {"id":"x1","scores":[{"factuality":0.7,"relevance":0.1},null]}       aspects within segments
//! {"id":"x1","scores":{"factuality":[0.7,null],"relevance":[0.1,0.4]}} segments within aspects
//! {"id":"x1","segments":[{"score":0.7},{"score":null}]}                what `gradus score` writes
//! {"id":"x1","score":0.4}                                              of the response only
//! ```
//!
//! `null` is a segment without a score. In the last shape `score` may be a map of aspects too,
//! `unscored` may say why there is none (`truncated`, `no_tokens`, `missing`), and where a segment
//! has `start` and `end`, or the record a `prompt`, `context` or `response`, they have to be those of
//! the example. `cut` of a segment tells that only a part of it was read, and
//! `context_tokens_dropped`, `prompt_tokens_dropped`, `response_tokens_dropped` and `windows` of the
//! record that not all of the text was. An example without segments takes those of the record, which
//! then need `start` and `end`. Beside any of these, `score` is that of the response as a whole, a
//! number or a map like the others, `unscored` says why it is `null`, and `aggregation` how it was
//! made of those of the segments, the same in every record. What has two readings is
//! refused: scores of segments in two places, and a key that looks like one of scores where there is
//! none. All other keys are passed over. Records may come in any order.

mod problem;
mod record;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use gradus_data::{CharSpan, DEFAULT_ASPECT, Example, JsonLines, Location, ReadLimits, Segment};

pub use problem::ScoreProblem;

use self::record::{Names, Record, ResponseScore, Score};
use crate::dataset::response_of;
use crate::{Aggregation, EvalError, Result, ScoredResponse, ScoredSegment, UnscoredReason};

/// The scores of a file, with the ratings of the examples.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreFile {
    /// Names of the scores, in the order of [`ScoredSegment::scores`].
    pub aspects: Vec<String>,
    /// One response per example, in the order of the examples.
    pub responses: Vec<ScoredResponse>,
    /// Examples the file has no record of. Their segments are [`UnscoredReason::Missing`].
    pub missing_responses: usize,
    /// Aspects of the file that are omitted because no example is rated on them.
    pub unrated_aspects: Vec<String>,
    /// The aggregation of response scores, if the file has it.
    pub aggregation: Option<Aggregation>,
    /// Records whose `score` of the response was left out: it is a plain number beside named scores,
    /// or named beside plain numbers.
    pub response_scores_left_out: usize,
}

impl ScoreFile {
    /// Reads the scores of `examples` from `path`; `-` is standard input.
    ///
    /// With `aspects`, their scores are taken, in that order; plain numbers need exactly one name.
    /// Without, plain numbers belong to the one aspect that the examples are rated on, or to
    /// [`DEFAULT_ASPECT`], and of named scores all are taken that the examples are rated on.
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
        Self::read_within(path, examples, aspects, ReadLimits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_within(
        path: impl AsRef<Path>,
        examples: &[Example],
        aspects: Option<&[String]>,
        limits: ReadLimits,
    ) -> Result<Self> {
        let path = path.as_ref();
        Self::collect(JsonLines::open(path, limits)?, path, examples, aspects)
    }

    /// Gives examples that came without segments those of the file, so that examples and
    /// responses have the same.
    pub fn cut(&self, examples: &mut [Example]) {
        for (example, response) in examples.iter_mut().zip(&self.responses) {
            if example.segments.is_empty() {
                let spans = response.segments.iter();
                let spans = spans.map(|segment| CharSpan::new(segment.start, segment.end));
                example.segments = spans.map(Segment::unrated).collect();
            }
        }
    }

    fn collect(
        lines: JsonLines,
        path: &Path,
        examples: &[Example],
        aspects: Option<&[String]>,
    ) -> Result<Self> {
        let joined = Joined::read(lines, examples)?;
        let choice = Choice::of(path, &joined.names, examples, aspects)?;
        let records = || joined.records.iter().flatten();
        let given = |record: &&Record| match &record.response {
            ResponseScore::Given(score) => score.is_some(),
            _ => false,
        };
        // One definition for all: where some are given, the others have none.
        let own = records().any(|record| given(&record));
        let responses = examples
            .iter()
            .zip(&joined.records)
            .map(|(example, record)| beside(example, record.as_ref(), &choice.columns, own))
            .collect();
        let other_kind = |record: &&Record| matches!(record.response, ResponseScore::OtherKind);
        Ok(Self {
            aggregation: records().find_map(|record| record.aggregation),
            response_scores_left_out: records().filter(other_kind).count(),
            missing_responses: joined.records.iter().filter(|r| r.is_none()).count(),
            aspects: choice.names,
            unrated_aspects: choice.left_out,
            responses,
        })
    }
}

/// The records of a file, each at the place of its example.
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
        let mut first_lines: HashMap<String, usize> = HashMap::new();
        let mut names = Names::default();
        let mut unknown: Option<(Location, String)> = None;
        let mut aggregation: Option<Aggregation> = None;
        while let Some(object) = lines.next() {
            let object = object.map_err(problem::reading)?;
            let location = lines.location();
            let at = |problem| EvalError::score_record(location, problem);
            let id = record::id(&object).map_err(at)?;
            if let Some(&first_line) = first_lines.get(&id) {
                return Err(at(ScoreProblem::DuplicateId { id, first_line }));
            }
            if let Some(&place) = places.get(id.as_str()) {
                let record = Record::read(object, &examples[place], location.line, &mut names);
                let record = record.map_err(at)?;
                if let Some(found) = record.aggregation {
                    let first = *aggregation.get_or_insert(found);
                    record::check_aggregation(found, first).map_err(at)?;
                }
                records[place] = Some(record);
            } else if unknown.is_none() {
                unknown = Some((location.clone(), id.clone()));
            }
            first_lines.insert(id, location.line);
        }
        match unknown {
            Some((location, id)) if records.iter().all(Option::is_none) => {
                Err(EvalError::NoMatchingId {
                    path: location.path,
                    records: first_lines.len(),
                    found: id,
                    expected: examples.first().map(|e| e.id.clone()).unwrap_or_default(),
                })
            }
            Some((location, id)) => {
                let matching = records.iter().flatten().count();
                let others = first_lines.len() - matching - 1;
                let problem = ScoreProblem::UnknownId { id, others };
                Err(EvalError::score_record(&location, problem))
            }
            None => Ok(Self { records, names }),
        }
    }
}

/// The evaluated aspects, and the positions of their scores in a record.
struct Choice {
    names: Vec<String>,
    /// Index among the names of the file; plain numbers are number 0.
    columns: Vec<usize>,
    left_out: Vec<String>,
}

impl Choice {
    fn of(
        path: &Path,
        names: &Names,
        examples: &[Example],
        wanted: Option<&[String]>,
    ) -> Result<Self> {
        let refused = |found: String, expected: String| {
            Err(EvalError::ScoreAspects {
                path: path.to_owned(),
                found,
                expected,
            })
        };
        let (of_segments, of_responses) = (rated_aspects(examples), response_aspects(examples));
        let rated = owned(&of_segments.union(&of_responses).copied().collect());
        let listed = |names: &[String]| names.join(", ");
        if names.is_empty() {
            // Without a single score there is nothing to be told apart.
            let names = wanted.map_or(rated, <[String]>::to_vec);
            return Ok(Self {
                columns: vec![0; names.len()],
                names,
                left_out: Vec::new(),
            });
        }
        let Some(known) = names.known() else {
            let one = |name: String| Self {
                names: vec![name],
                columns: vec![0],
                left_out: Vec::new(),
            };
            // Scores of segments: what responses are rated on only matters where segments are not.
            let rated = if of_segments.is_empty() {
                &rated
            } else {
                &owned(&of_segments)
            };
            return match (wanted, &rated[..]) {
                (Some([name]), _) | (None, [name]) => Ok(one(name.clone())),
                (None, []) => Ok(one(DEFAULT_ASPECT.to_owned())),
                (Some(wanted), _) => refused(
                    "plain numbers".into(),
                    format!(
                        "the name of one aspect, not {}: {}",
                        wanted.len(),
                        listed(wanted)
                    ),
                ),
                (None, rated) => refused(
                    "plain numbers".into(),
                    format!("named scores, as the data is rated on {}", listed(rated)),
                ),
            };
        };
        let names: Vec<String> = match wanted {
            Some(wanted) => wanted.to_vec(),
            None if rated.is_empty() => known.to_vec(),
            None => known
                .iter()
                .filter(|n| rated.contains(n))
                .cloned()
                .collect(),
        };
        let columns: Option<Vec<usize>> = names
            .iter()
            .map(|name| known.iter().position(|known| known == name))
            .collect();
        match columns {
            Some(columns) if !columns.is_empty() => Ok(Self {
                left_out: known
                    .iter()
                    .filter(|n| !names.contains(n))
                    .cloned()
                    .collect(),
                names,
                columns,
            }),
            Some(_) => refused(
                format!("scores of {}", listed(known)),
                format!("an aspect that the data is rated on: {}", listed(&rated)),
            ),
            None => refused(
                format!("scores of {}", listed(known)),
                format!("all of {}", listed(&names)),
            ),
        }
    }
}

/// Every aspect that a segment is rated on, in alphabetical order.
fn rated_aspects(examples: &[Example]) -> BTreeSet<&String> {
    let segments = examples.iter().flat_map(|example| &example.segments);
    segments
        .flat_map(|segment| segment.ratings.keys())
        .collect()
}

/// Every aspect that a response is rated on as a whole, in alphabetical order.
fn response_aspects(examples: &[Example]) -> BTreeSet<&String> {
    let responses = examples.iter();
    responses
        .flat_map(|example| example.ratings.keys())
        .collect()
}

fn owned(names: &BTreeSet<&String>) -> Vec<String> {
    names.iter().copied().cloned().collect()
}

/// The scores of a record beside the ratings of its example; `own` says whether responses have
/// scores of their own.
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
            ratings: segment.ratings.clone(),
            raters: segment.raters.clone(),
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
