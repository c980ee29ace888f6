//! `gradus experiment --dry-run`: the runs, and about how long they take.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use gradus::bench::{Mode, Subject, Work};
use gradus::model::EncoderConfig;
use gradus::model::encoder::BertConfig;
use gradus::train::ScratchOptions;
use gradus::{RunConfig, device};
use gradus_experiment::{Cell, CellCommand, CellState, Experiment, Plan};

use super::configs::Configs;
use crate::cli::ExperimentArgs;
use crate::{records, show};

/// Share of a training step's time that scoring the same tokens takes.
const SCORING: f64 = 1.0 / 3.0;
/// Tokens of a pretrained encoder per word.
const TOKENS_PER_WORD: f64 = 1.4;
/// Longest row that is measured.
const LONGEST: usize = 512;

pub(super) fn show(
    plan: &Plan,
    configs: &Configs,
    output: &Path,
    args: &ExperimentArgs,
) -> Result<()> {
    let known = measured(output);
    let mut measure = Measure {
        words: BTreeMap::new(),
        rates: BTreeMap::new(),
        device: args.device.first().map(String::as_str),
    };
    let mut rows = Vec::new();
    let (mut total, mut open, mut unknown) = (0.0, 0, 0);
    for (cell, config) in plan.cells().iter().zip(&configs.cells) {
        let known = known.get(&cell.folder);
        let is_complete = known.is_some();
        let seconds = match known {
            Some(seconds) => Some(*seconds),
            None => measure.seconds(cell, config)?,
        };
        if !is_complete {
            open += 1;
            match seconds {
                Some(seconds) => total += seconds,
                None => unknown += 1,
            }
        }
        let about = if is_complete { "" } else { "about " };
        rows.push(vec![
            cell.folder.clone(),
            seconds.map_or_else(
                || "-".into(),
                |seconds| format!("{about}{}", rough(seconds)),
            ),
            if is_complete { "complete" } else { "" }.into(),
        ]);
    }
    show::line(&show::table(&["run", "time", ""], rows.into_iter()))?;
    let jobs = args.jobs.map_or(args.device.len().max(1), usize::from);
    let mut text = format!(
        "\n{open} of {} runs to do: about {} one after the other",
        plan.cells().len(),
        rough(total)
    );
    if jobs > 1 {
        text = format!("{text}; {jobs} at a time share the machine");
    }
    if unknown > 0 {
        text = format!("{text}; without {unknown} runs whose encoder is not on this machine");
    }
    show::line(&text)?;
    show::status(
        "the times come from the number of words and the speed of this machine; expect them within a factor of two",
    );
    if plan.halving().is_some() || args.budget.is_some() {
        show::status("halving leaves out some of these runs");
    }
    Ok(())
}

/// Wall time of complete runs, by their folder.
fn measured(output: &Path) -> BTreeMap<String, f64> {
    let Ok(record) = Experiment::record_of(output) else {
        return BTreeMap::new();
    };
    let complete = record.cells.iter().filter_map(|cell| {
        let Ok(CellState::Complete(result)) = Experiment::state(output, cell) else {
            return None;
        };
        Some((cell.folder.clone(), result.provenance.wall_seconds))
    });
    complete.collect()
}

/// Words and speeds that were measured.
struct Measure<'a> {
    /// For each split: records and words.
    words: BTreeMap<PathBuf, (usize, usize)>,
    /// Tokens per second of training, by what is trained.
    rates: BTreeMap<String, Option<f64>>,
    device: Option<&'a str>,
}

impl Measure<'_> {
    /// Seconds of a run; `None` if its encoder is not on this machine.
    fn seconds(&mut self, cell: &Cell, config: &RunConfig) -> Result<Option<f64>> {
        let train = self.tokens(config, config.train.as_deref(), cell.data.train_records)?;
        let valid = self.tokens(config, config.valid.as_deref(), cell.data.valid_records)?;
        let test = self.tokens(config, cell.data.test.as_deref(), cell.data.test_records)?;
        let Some(rate) = self.rate(config)? else {
            return Ok(None);
        };
        let work = match cell.command {
            CellCommand::Train => {
                let epochs = config.training.epochs as f64;
                epochs * (train + SCORING * valid) + SCORING * (valid + test)
            }
            _ => SCORING * (train + 2.0 * valid + test),
        };
        Ok(Some(work / rate))
    }

    /// About how many tokens a run reads of a split.
    fn tokens(
        &mut self,
        config: &RunConfig,
        split: Option<&Path>,
        drawn: Option<usize>,
    ) -> Result<f64> {
        let Some(split) = split else {
            return Ok(0.0);
        };
        if !self.words.contains_key(split) {
            let examples = records::read(split)?;
            let words = examples.iter().map(|example| {
                let texts = [&example.prompt, &example.response];
                texts
                    .iter()
                    .map(|text| text.split_whitespace().count())
                    .sum::<usize>()
            });
            let counted = (examples.len(), words.sum());
            self.words.insert(split.to_owned(), counted);
        }
        let (records, words) = self.words[split];
        let factor = if config.scratch.is_some() {
            1.0
        } else {
            TOKENS_PER_WORD
        };
        let mean = factor * words as f64 / records.max(1) as f64;
        let read = drawn.unwrap_or(records).min(records);
        Ok(read as f64 * mean.min(config.text.max_length as f64))
    }

    /// Tokens per second of training, from a short measurement.
    fn rate(&mut self, config: &RunConfig) -> Result<Option<f64>> {
        let length = config.text.max_length.min(LONGEST);
        let trained = (
            &config.encoder,
            &config.scratch,
            config.training.freeze,
            length,
        );
        let key = format!("{trained:?} {}", config.model.lora.is_some());
        if let Some(rate) = self.rates.get(&key) {
            return Ok(*rate);
        }
        let device = device::select(self.device.or(config.device.as_deref()))?;
        let lora = config.model.lora.clone();
        let subject = match (&config.encoder, &config.scratch) {
            (Some(encoder), _) if encoder.is_dir() => {
                Some(Subject::pretrained(encoder, lora, &device)?)
            }
            (None, Some(scratch)) => Some(Subject::synthetic(sizes(scratch), lora, &device)?),
            _ => None,
        };
        let rate = match subject {
            None => None,
            Some(subject) => {
                let work = Work {
                    mode: Mode::Train,
                    length: length.min(128),
                    batch_size: config.training.batch_size.min(8),
                    freeze: config.training.freeze,
                    repetitions: 1,
                    at_least: Duration::from_millis(300),
                };
                Some(work.measure(&subject, &device)?.tokens_per_second.median)
            }
        };
        self.rates.insert(key, rate);
        Ok(rate)
    }
}

/// An encoder of the same sizes as one from scratch.
fn sizes(scratch: &ScratchOptions) -> EncoderConfig {
    let (width, layers, heads) = (scratch.d_model, scratch.num_layers, scratch.num_heads);
    EncoderConfig::Bert(BertConfig::new(2000, width, layers, heads))
}

/// A time that nobody waits for is not told to the second.
fn rough(seconds: f64) -> String {
    if seconds < 1.0 {
        return "1 s".into();
    }
    show::duration(seconds)
}
