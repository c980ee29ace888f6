//! A bundle in memory.

use std::path::PathBuf;

use gradus::data::{BatchSize, CutSegments, Example, example_from_record, parse_value};
use gradus::eval;
use pyo3::prelude::*;
use serde_json::Value;

use crate::errors::{chain, data_error, failed, record_error, scoring_error};

/// Records that are tokenized and scored together: enough to fill batches of like length.
const CHUNK: usize = 512;

/// A bundle in memory, which scores records given as JSON texts.
#[pyclass(frozen, module = "gradus._gradus")]
pub(crate) struct Scorer {
    scorer: eval::Scorer,
    /// The process that loaded it: threads do not survive a fork.
    process: u32,
}

#[pymethods]
impl Scorer {
    #[new]
    #[pyo3(signature = (path, device=None, threads=None, aggregation=None, raw=false, stride=None, cut_segments=None, batch_tokens=4096))]
    #[expect(clippy::too_many_arguments, reason = "the keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        device: Option<&str>,
        threads: Option<usize>,
        aggregation: Option<&str>,
        raw: bool,
        stride: Option<usize>,
        cut_segments: Option<&str>,
        batch_tokens: usize,
    ) -> PyResult<Self> {
        if let Some(threads) = threads {
            set_threads(py, threads)?;
        }
        if batch_tokens == 0 || stride == Some(0) {
            return Err(failed(
                py,
                "stride and batch_tokens: found 0, expected at least 1",
            ));
        }
        let loaded = py.detach(|| -> Result<eval::Scorer, String> {
            let text = |error: &dyn std::error::Error| chain(error);
            let device = gradus::device::select(device).map_err(|error| text(&error))?;
            let scorer = eval::Scorer::load(&path, &device).map_err(|error| text(&error))?;
            let mut scorer = scorer.with_batch_size(BatchSize::Tokens(batch_tokens));
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
                scorer = scorer.with_stride(stride);
            }
            if let Some(policy) = cut_segments {
                let policy: CutSegments = policy
                    .parse()
                    .map_err(|error| format!("cut_segments: {error}"))?;
                scorer = scorer.with_cut_segments(policy);
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

    /// The manifest of the bundle as JSON.
    #[getter]
    fn manifest(&self, py: Python<'_>) -> PyResult<String> {
        serde_json::to_string(self.scorer.manifest()).map_err(|error| failed(py, error))
    }

    /// Scores records, each a JSON text; `first` is the number of the first in messages. Gives a JSON text
    /// for each, as `gradus score` writes it.
    fn score(&self, py: Python<'_>, records: Vec<String>, first: usize) -> PyResult<Vec<String>> {
        self.refuse_fork(py)?;
        let mut lines = Vec::with_capacity(records.len());
        for (chunk, records) in records.chunks(CHUNK).enumerate() {
            let first = first + chunk * CHUNK;
            // Ctrl-C is answered between chunks.
            py.check_signals()?;
            let scored = py.detach(|| self.score_chunk(records, first));
            lines.extend(scored.map_err(|failure| failure.raise(py))?);
        }
        Ok(lines)
    }
}

/// What is wrong, to be told once Python may be used again.
enum Failure {
    Record(usize, gradus::data::RecordError),
    NoObject(usize, String),
    Scoring(Option<usize>, eval::EvalError),
}

impl Failure {
    fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Record(number, error) => record_error(py, *number, error),
            Self::NoObject(number, found) => {
                let message = format!("found {found}, expected a record, which is an object");
                data_error(py, *number, None, &message)
            }
            Self::Scoring(number, error) => scoring_error(py, *number, error),
        }
    }
}

impl Scorer {
    fn score_chunk(&self, records: &[String], first: usize) -> Result<Vec<String>, Failure> {
        let mut examples = Vec::with_capacity(records.len());
        let mut prepared = Vec::with_capacity(records.len());
        for (number, record) in records.iter().enumerate() {
            let number = first + number;
            let mut example = read(record, number)?;
            let scoring = |error| Failure::Scoring(Some(number), error);
            self.scorer.segment(&mut example).map_err(scoring)?;
            prepared.push(self.scorer.preparer().prepare(&example).map_err(scoring)?);
            examples.push(example);
        }
        let scores = self.scorer.score_prepared(&prepared);
        let scores = scores.map_err(|error| Failure::Scoring(None, error))?;
        let records = examples.iter().zip(&scores);
        Ok(records
            .map(|(example, scores)| self.scorer.scored_record(example, scores).to_string())
            .collect())
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

/// Record `number` of those given, which is its id where it has none.
fn read(record: &str, number: usize) -> Result<Example, Failure> {
    let refused = |error| Failure::Record(number, error);
    match parse_value(record).map_err(refused)? {
        Value::Object(record) => example_from_record(record, &number.to_string()).map_err(refused),
        other => Err(Failure::NoObject(
            number,
            gradus::data::describe_value(&other),
        )),
    }
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
