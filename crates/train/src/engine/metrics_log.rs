//! `metrics.jsonl`: one line per step and per validation.
//!
//! | key | line | meaning |
//! |---|---|---|
//! | `step`, `epoch` | all | step and epoch, from 1 |
//! | `train/loss` | step | loss of the step's batch before the step |
//! | `train/learning_rate` | step | of the encoder |
//! | `train/gradient_norm` | step | global norm before clipping |
//! | `train/rated`, `train/tokens` | step | rated pairs and tokens of the batch |
//! | `eval/loss`, `eval/mse`, `eval/objective` | validation | over the whole split |
//! | `eval/NAME` | validation | a further metric; `null` if it does not exist |
//! | `eval/best` | validation | whether it is the best so far |
//! | `skipped`, `value`, `ids`, `poisoned` | skipped step | what was not finite, its value, and the examples |

use std::io::Write as _;
use std::path::Path;

use fs_err::{File, OpenOptions};
use gradus_data::AtomicFile;
use serde_json::{Map, Value, json};

use super::{SkippedStep, StepLog, TrainHistory, ValidLog};
use crate::Result;

/// Appends a line per event and flushes it.
#[derive(Debug)]
pub(crate) struct MetricsLog {
    file: File,
}

impl MetricsLog {
    /// Starts the file with the log so far. Lines that a killed run wrote after its last checkpoint are
    /// removed.
    pub(crate) fn start(path: &Path, history: &TrainHistory) -> Result<Self> {
        let mut file = AtomicFile::create(path)?;
        file.write_all(metrics_lines(history).as_bytes())?;
        file.commit()?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file })
    }

    pub(crate) fn step(&mut self, log: &StepLog) -> Result<()> {
        self.write(&step_line(log))
    }

    pub(crate) fn valid(&mut self, log: &ValidLog) -> Result<()> {
        self.write(&valid_line(log))
    }

    pub(crate) fn skipped(&mut self, log: &SkippedStep) -> Result<()> {
        self.write(&skipped_line(log))
    }

    /// Writes all lines in one call, so that readers never see an incomplete line.
    fn write(&mut self, line: &Value) -> Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes())?;
        Ok(())
    }
}

/// The whole log of a run as the lines of [`METRICS_FILE`](crate::METRICS_FILE).
pub fn metrics_lines(history: &TrainHistory) -> String {
    let steps = history
        .steps
        .iter()
        .map(|log| (log.step, 0, step_line(log)));
    let skipped = history.skipped.iter();
    let skipped = skipped.map(|log| (log.step, 0, skipped_line(log)));
    let valid = history.validations.iter();
    let valid = valid.map(|log| (log.step, 1, valid_line(log)));
    let mut lines: Vec<_> = steps.chain(skipped).chain(valid).collect();
    lines.sort_by_key(|&(step, order, _)| (step, order));
    let lines = lines.into_iter().map(|(_, _, line)| format!("{line}\n"));
    lines.collect()
}

fn step_line(log: &StepLog) -> Value {
    json!({
        "step": log.step,
        "epoch": log.epoch,
        "train/loss": log.loss,
        "train/learning_rate": log.learning_rate,
        "train/gradient_norm": log.gradient_norm,
        "train/rated": log.rated,
        "train/tokens": log.tokens,
    })
}

fn valid_line(log: &ValidLog) -> Value {
    let mut line = Map::new();
    let mut put = |key: String, value: Value| line.insert(key, value);
    put("step".into(), json!(log.step));
    put("epoch".into(), json!(log.epoch));
    put("eval/loss".into(), json!(log.valid_loss));
    put("eval/mse".into(), json!(log.valid_mse));
    put("eval/objective".into(), json!(log.rating_objective));
    for (name, value) in &log.metrics {
        put(format!("eval/{name}"), json!(value));
    }
    put("eval/best".into(), json!(log.best));
    Value::Object(line)
}

fn skipped_line(log: &SkippedStep) -> Value {
    json!({
        "step": log.step,
        "epoch": log.epoch,
        "skipped": log.what,
        "value": log.value,
        "ids": log.ids,
        "poisoned": log.poisoned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::METRICS_FILE;

    fn history() -> TrainHistory {
        let step = |step| StepLog {
            step,
            epoch: 1,
            loss: 0.1 + 0.2,
            learning_rate: 1e-3,
            gradient_norm: 1.0,
            rated: 3,
            tokens: 20,
        };
        let skipped = SkippedStep {
            step: 2,
            epoch: 1,
            what: "loss".into(),
            value: "NaN".into(),
            ids: vec!["a".into()],
            poisoned: vec![],
        };
        let valid = ValidLog {
            epoch: 1,
            step: 2,
            valid_loss: 0.5,
            valid_mse: 0.5,
            rating_objective: -0.5,
            metrics: [("pearson".to_owned(), None)].into(),
            best: true,
            seconds: 1.0,
        };
        TrainHistory {
            steps: vec![step(1), step(3)],
            skipped: vec![skipped],
            validations: vec![valid],
            ..TrainHistory::default()
        }
    }

    #[test]
    fn lines_stand_in_the_order_of_the_run() {
        let text = metrics_lines(&history());
        let lines: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(lines[0]["train/loss"].as_f64(), Some(0.1 + 0.2));
        assert_eq!(lines[1]["skipped"], "loss");
        assert_eq!(
            (&lines[2]["eval/best"], &lines[2]["eval/pearson"]),
            (&json!(true), &Value::Null)
        );
        assert_eq!(lines[3]["step"], 3);
    }

    #[test]
    fn a_started_file_holds_the_history_and_grows_by_lines() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(METRICS_FILE);
        fs_err::write(&path, "{\"step\":9}\n{\"st").unwrap();
        let history = history();
        let mut log = MetricsLog::start(&path, &history).unwrap();
        log.step(&history.steps[1]).unwrap();
        let expected = format!(
            "{}{}\n",
            metrics_lines(&history),
            step_line(&history.steps[1])
        );
        assert_eq!(fs_err::read_to_string(&path).unwrap(), expected);
    }
}
