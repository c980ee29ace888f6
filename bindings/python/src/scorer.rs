//! A bundle in memory.

use std::path::PathBuf;

use arrow_schema::ArrowError;
use gradus::data::{
    BatchSize, CutSegments, Example, RecordError, Stride, example_from_record, parse_value,
};
use gradus::eval::{self, ExampleScores, OffsetUse};
use gradus::model::Precision;
use pyo3::prelude::*;
use pyo3::types::PyIterator;
use serde_json::Value;

use crate::arrow::{Columns, Scores, Table, Wrong};
use crate::errors::{chain, data_error, failed, record_error, scoring_error};

/// Records that are tokenized and scored together: enough to fill batches of like length.
const CHUNK: usize = 512;

/// The argument `stride`: a number of tokens, `"none"` or `"auto"`.
#[derive(FromPyObject)]
pub(crate) enum StrideChoice {
    /// A number, which may be none of tokens.
    Tokens(i64),
    /// A word.
    Word(String),
}

impl StrideChoice {
    fn text(self) -> String {
        match self {
            Self::Tokens(tokens) => tokens.to_string(),
            Self::Word(word) => word,
        }
    }
}

/// A bundle in memory, which scores records.
#[pyclass(frozen, module = "gradus._gradus")]
pub(crate) struct Scorer {
    scorer: eval::Scorer,
    /// The process that loaded it: threads do not survive a fork.
    process: u32,
}

#[pymethods]
impl Scorer {
    #[new]
    #[pyo3(signature = (path, device=None, threads=None, aggregation=None, raw=false, stride=None, cut_segments=None, batch_tokens=4096, precision=None, offset=None))]
    #[expect(clippy::too_many_arguments, reason = "the keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        device: Option<&str>,
        threads: Option<usize>,
        aggregation: Option<&str>,
        raw: bool,
        stride: Option<StrideChoice>,
        cut_segments: Option<&str>,
        batch_tokens: usize,
        precision: Option<&str>,
        offset: Option<&str>,
    ) -> PyResult<Self> {
        if let Some(threads) = threads {
            set_threads(py, threads)?;
        }
        if batch_tokens == 0 {
            return Err(failed(py, "batch_tokens: found 0, expected at least 1"));
        }
        let loaded = py.detach(|| -> Result<eval::Scorer, String> {
            let text = |error: &dyn std::error::Error| chain(error);
            let device = gradus::device::select(device).map_err(|error| text(&error))?;
            let scorer = eval::Scorer::load(&path, &device).map_err(|error| text(&error))?;
            let mut scorer = scorer.with_batch_size(BatchSize::Tokens(batch_tokens));
            if let Some(name) = precision {
                let precision: Precision = name
                    .parse()
                    .map_err(|error| format!("precision: found {name:?}, {error}"))?;
                scorer = scorer.with_precision(precision);
            }
            if let Some(name) = aggregation {
                scorer = scorer.with_aggregation(
                    name.parse()
                        .map_err(|error: gradus::bundle::UnknownAggregation| text(&error))?,
                );
            }
            if raw {
                scorer = scorer.raw();
            }
            if let Some(stride) = stride {
                let stride: Stride = stride.text().parse().map_err(|error| text(&error))?;
                let step = stride.of_trained(scorer.text_config().stride);
                scorer = scorer.with_stride(step);
            }
            if let Some(policy) = cut_segments {
                let policy: CutSegments = policy
                    .parse()
                    .map_err(|error| format!("cut_segments: {error}"))?;
                scorer = scorer.with_cut_segments(policy);
            }
            if let Some(choice) = offset {
                let choice: OffsetUse = choice
                    .parse()
                    .map_err(|error: gradus::eval::baselines::UnknownOffset| text(&error))?;
                if scorer.offset().is_none() && choice == OffsetUse::Keep {
                    return Err(format!(
                        "offset: found {choice} for the bundle {}, which has no offset",
                        path.display()
                    ));
                }
                scorer = scorer.with_offset(choice);
            }
            Ok(scorer)
        });
        Ok(Self {
            scorer: loaded.map_err(|message| failed(py, message))?,
            process: std::process::id(),
        })
    }

    /// Names of the aspects, in the order of the scores.
    #[getter]
    fn aspects(&self) -> Vec<String> {
        self.scorer.aspects().map(str::to_owned).collect()
    }

    /// The precision of the encoder's products: the one that was asked for, or `f32` where the device has no such
    /// products.
    #[getter]
    fn precision(&self) -> &'static str {
        self.scorer.precision().name()
    }

    /// The manifest of the bundle as JSON.
    #[getter]
    fn manifest(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(self.scorer.manifest()).map_err(|error| failed(py, error))
    }

    /// Scores records: JSON texts, or the rows of an object with Arrow's C interface. Gives a JSON text for each, as
    /// `gradus score` writes it.
    fn score(&self, records: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let mut lines = Vec::new();
        self.score_all(records, |example, scores| {
            lines.push(self.scorer.scored_record(example, scores).to_string());
            Ok(())
        })?;
        Ok(lines)
    }

    /// Scores records likewise, and gives columns of Arrow.
    fn scores(&self, records: &Bound<'_, PyAny>) -> PyResult<Scores> {
        let mut columns = Columns::new(self.aspects());
        self.score_all(records, |example, scores| columns.push(example, scores))?;
        columns.finish(records.py())
    }
}

/// What is wrong, to be told once Python may be used again.
enum Failure {
    Record(usize, RecordError),
    NoObject(usize, String),
    Table(Wrong),
    Scoring(Option<usize>, Box<eval::EvalError>),
    Columns(ArrowError),
}

impl Failure {
    fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Record(number, error) => record_error(py, *number, error),
            Self::NoObject(number, found) => {
                let message = format!("found {found}, expected a record, which is an object");
                data_error(py, *number, None, &message)
            }
            Self::Table(wrong) => wrong.raise(py),
            Self::Scoring(number, error) => scoring_error(py, *number, error),
            Self::Columns(error) => failed(py, error),
        }
    }
}

/// Where records come from.
enum Source<'py> {
    Texts(Bound<'py, PyIterator>),
    Table(Box<Table>),
}

impl<'py> Source<'py> {
    fn of(records: &Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(match Table::of(records)? {
            Some(table) => Self::Table(Box::new(table)),
            None => Self::Texts(records.try_iter()?),
        })
    }

    /// The next examples, at most a chunk; none behind the last. `first` is the number of the first.
    fn examples(&mut self, py: Python<'py>, first: usize) -> PyResult<Vec<Example>> {
        let examples = match self {
            Self::Texts(texts) => {
                let texts = texts.take(CHUNK).map(|text| text?.extract::<String>());
                let texts = texts.collect::<PyResult<Vec<_>>>()?;
                py.detach(|| numbered(texts.iter().map(|text| parse_value(text)), first))
            }
            Self::Table(table) => py.detach(|| {
                let records = table.records(CHUNK, first).map_err(Failure::Table)?;
                numbered(
                    records.into_iter().map(|record| Ok(Value::Object(record))),
                    first,
                )
            }),
        };
        examples.map_err(|failure| failure.raise(py))
    }
}

impl Scorer {
    fn score_all(
        &self,
        records: &Bound<'_, PyAny>,
        mut take: impl FnMut(&Example, &ExampleScores) -> Result<(), ArrowError> + Send,
    ) -> PyResult<()> {
        let py = records.py();
        self.refuse_fork(py)?;
        let mut source = Source::of(records)?;
        let mut first = 0;
        loop {
            // Ctrl-C is answered between chunks.
            py.check_signals()?;
            let examples = source.examples(py, first)?;
            if examples.is_empty() {
                return Ok(());
            }
            let count = examples.len();
            let scored = py.detach(|| self.score_chunk(examples, first, &mut take));
            scored.map_err(|failure| failure.raise(py))?;
            first += count;
        }
    }

    fn score_chunk(
        &self,
        mut examples: Vec<Example>,
        first: usize,
        take: &mut impl FnMut(&Example, &ExampleScores) -> Result<(), ArrowError>,
    ) -> Result<(), Failure> {
        let mut prepared = Vec::with_capacity(examples.len());
        for (number, example) in examples.iter_mut().enumerate() {
            let scoring = |error| Failure::Scoring(Some(first + number), Box::new(error));
            self.scorer.segment(example).map_err(scoring)?;
            prepared.push(self.scorer.preparer().prepare(example).map_err(scoring)?);
        }
        let scores = self.scorer.score_prepared(&prepared);
        let scores = scores.map_err(|error| Failure::Scoring(None, Box::new(error)))?;
        let mut records = examples.iter().zip(&scores);
        records
            .try_for_each(|(example, scores)| take(example, scores))
            .map_err(Failure::Columns)
    }

    fn refuse_fork(&self, py: Python<'_>) -> PyResult<()> {
        if std::process::id() == self.process {
            return Ok(());
        }
        Err(failed(
            py,
            "this process was forked after the scorer had been loaded, and its threads do not survive that: load it \
             in the new process, or start processes with the method \"spawn\"",
        ))
    }
}

/// Values as records, each of which has its number as id where it has none.
fn numbered(
    values: impl Iterator<Item = Result<Value, RecordError>>,
    first: usize,
) -> Result<Vec<Example>, Failure> {
    let example = |(number, value): (usize, Result<Value, RecordError>)| {
        let number = first + number;
        let refused = |error| Failure::Record(number, error);
        match value.map_err(refused)? {
            Value::Object(record) => {
                example_from_record(record, &number.to_string()).map_err(refused)
            }
            other => {
                let found = gradus::data::describe_value(&other);
                Err(Failure::NoObject(number, found))
            }
        }
    };
    values.enumerate().map(example).collect()
}

/// One pool of threads computes for the whole process, so its size can be set once.
fn set_threads(py: Python<'_>, threads: usize) -> PyResult<()> {
    if threads == 0 {
        return Err(failed(py, "threads: found 0, expected at least 1"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    if pool.build_global().is_ok() || rayon::current_num_threads() == threads {
        return Ok(());
    }
    Err(failed(
        py,
        format!(
            "threads: found {threads}, but this process computes with {} already; all scorers of a process share \
             their threads, so give the number to the first",
            rayon::current_num_threads()
        ),
    ))
}
