//! Timed repetitions of scoring or training.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use gradus_data::{BatchSize, SegmentBatcher, TokenizedExample};
use gradus_eval::PreparedExample;
use gradus_model::{Output, Precision, TrainingPrecision};
use gradus_train::{
    CrossEntropy, FitData, Freeze, Session, SquaredError, StepLog, TrainConfig, TrainObserver, fit,
};
use serde::Serialize;

use super::{BenchError, Subject, full_rows, peak_memory, reset_peak_memory};

/// The workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A batch of tokenized rows to scores on the host.
    Score,
    /// A training step: forward and backward pass, clipping, AdamW.
    Train,
}

/// A workload, its input sizes and the number of repetitions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// The workload.
    pub mode: Mode,
    /// Tokens per row, without padding.
    pub length: usize,
    /// Rows per batch, at least 1.
    pub batch_size: usize,
    /// Frozen part of the encoder.
    pub freeze: Freeze,
    /// Timed repetitions, after an untimed one; at least 1.
    pub repetitions: usize,
    /// Minimum duration of a repetition, filled with whole batches.
    pub at_least: Duration,
}

/// Median and range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Median; for an even count, the mean of the two middle values.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// The result of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The workload.
    pub mode: Mode,
    /// Tokens per row.
    pub length: usize,
    /// Rows per batch.
    pub batch_size: usize,
    /// Timed repetitions.
    pub repetitions: usize,
    /// Batches per repetition.
    pub batches: usize,
    /// Tokens per second, over the repetitions.
    pub tokens_per_second: Spread,
    /// Segments per second.
    pub segments_per_second: Spread,
    /// Seconds per batch.
    pub seconds_per_batch: Spread,
    /// Peak memory of the process during the measurement, in bytes; `None` on systems other than
    /// Linux.
    pub peak_memory: Option<u64>,
}

impl Work {
    /// Runs the workload and times it.
    ///
    /// # Errors
    /// [`BenchError`] if the rows do not fit the model, or scoring or training fails.
    pub fn measure(&self, subject: &Subject, device: &Device) -> Result<Measurement, BenchError> {
        let reset = reset_peak_memory();
        let measured = match self.mode {
            Mode::Score => self.score(subject, device),
            Mode::Train => self.train(subject, device),
        }?;
        let Measured {
            batches,
            seconds,
            segments,
            peak_memory,
        } = measured;
        let rate = |per_batch: usize| Spread::of(seconds.iter().map(|s| per_batch as f64 / s));
        Ok(Measurement {
            mode: self.mode,
            length: self.length,
            batch_size: self.batch_size,
            repetitions: seconds.len(),
            batches,
            tokens_per_second: rate(self.batch_size * self.length),
            segments_per_second: rate(segments),
            seconds_per_batch: Spread::of(seconds.iter().copied()),
            peak_memory: peak_memory.filter(|_| reset),
        })
    }

    /// Number of batches that fill the time of a repetition.
    fn batches(&self, one: Duration) -> usize {
        let one = one.as_secs_f64().max(1e-6);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number above 0"
        )]
        let batches = (self.at_least.as_secs_f64() / one).ceil() as usize;
        batches.max(1)
    }

    fn score(&self, subject: &Subject, device: &Device) -> Result<Measured, BenchError> {
        let rows = self.rows(subject, self.batch_size)?;
        let segments = rows.iter().map(|row| row.segments.len()).sum();
        let prepared: Vec<PreparedExample> = rows.into_iter().map(Into::into).collect();
        let scorer = subject.scorer(device)?;
        let scorer = scorer.with_batch_size(BatchSize::Examples(self.batch_size));
        let timed = |batches: usize| -> Result<Duration, BenchError> {
            let started = Instant::now();
            for _ in 0..batches {
                drop(std::hint::black_box(scorer.score_prepared(&prepared)?));
            }
            Ok(started.elapsed())
        };
        // The first run touches new memory; the second measures the time of a batch.
        timed(1)?;
        let batches = self.batches(timed(1)?);
        let seconds = (0..self.repetitions)
            .map(|_| Ok(timed(batches)?.as_secs_f64() / batches as f64))
            .collect::<Result<_, BenchError>>()?;
        Ok(Measured {
            batches,
            seconds,
            segments,
            peak_memory: peak_memory(),
        })
    }

    /// Runs one short epoch to estimate the time of a step, then one epoch that is timed from the
    /// end of its first step to the end of its last.
    fn train(&self, subject: &Subject, device: &Device) -> Result<Measured, BenchError> {
        let first = self.steps(subject, device, 1)?;
        let batches = self.batches(first.ends[0] - first.start);
        let run = self.steps(subject, device, 1 + batches * self.repetitions)?;
        let ends: Vec<Instant> = run.ends.iter().copied().step_by(batches).collect();
        let seconds = ends
            .windows(2)
            .map(|ends| (ends[1] - ends[0]).as_secs_f64() / batches as f64);
        Ok(Measured {
            batches,
            seconds: seconds.collect(),
            segments: run.segments,
            peak_memory: run.peak_memory,
        })
    }

    /// Trains for this many steps.
    fn steps(&self, subject: &Subject, device: &Device, steps: usize) -> Result<Steps, BenchError> {
        let train = self.rows(subject, steps * self.batch_size)?;
        let valid = self.rows(subject, 1)?;
        let batch = &train[..self.batch_size];
        let segments = batch.iter().map(|row| row.segments.len()).sum();
        let data = FitData {
            train: train.into(),
            valid: valid.into(),
            batcher: SegmentBatcher::new(0, subject.aspects().len()),
            aspects: subject.aspects().to_vec(),
        };
        let config = TrainConfig {
            epochs: 1,
            batch_size: self.batch_size,
            freeze: self.freeze,
            // A skipped step is not a complete one.
            max_skipped_steps: 0,
            loss: match subject.config().output {
                Output::Identity => SquaredError.into(),
                Output::Sigmoid => CrossEntropy.into(),
            },
            precision: match subject.precision() {
                Precision::Bf16 => TrainingPrecision::Bf16,
                Precision::F32 | Precision::F16 | Precision::Int8 => TrainingPrecision::F32,
            },
            ..TrainConfig::default()
        };
        let (ends, received) = channel();
        let config = config.check()?;
        let watch = Session::watched_by(StepTimes { ends });
        let start = Instant::now();
        fit(
            subject.model(),
            &data,
            &config,
            device,
            watch,
            |_, _| Ok(()),
        )?;
        let (ends, peaks): (Vec<_>, Vec<_>) = received.into_iter().unzip();
        Ok(Steps {
            start,
            ends,
            segments,
            peak_memory: peaks.last().copied().flatten(),
        })
    }

    fn rows(&self, subject: &Subject, count: usize) -> Result<Vec<TokenizedExample>, BenchError> {
        let aspects = subject.aspects().len();
        full_rows(&subject.config().encoder, aspects, count, self.length, 0)
    }
}

/// Seconds per batch, for each repetition.
struct Measured {
    batches: usize,
    seconds: Vec<f64>,
    /// Segments per batch.
    segments: usize,
    peak_memory: Option<u64>,
}

/// Start time of a run, and end time of each step.
struct Steps {
    start: Instant,
    ends: Vec<Instant>,
    /// Segments per step.
    segments: usize,
    /// Peak memory at the end of the last step, before validation.
    peak_memory: Option<u64>,
}

/// Records the end of each step.
struct StepTimes {
    ends: Sender<(Instant, Option<u64>)>,
}

impl TrainObserver for StepTimes {
    fn on_step(&mut self, _: &StepLog) {
        // The receiver lives until after the run.
        let _ = self.ends.send((Instant::now(), peak_memory()));
    }
}

impl Spread {
    /// The spread of at least one value.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        Self {
            median: f64::midpoint(values[last / 2], values[values.len() / 2]),
            min: values[0],
            max: values[last],
        }
    }
}

#[cfg(test)]
mod tests {
    use gradus_model::EncoderConfig;
    use gradus_model::encoder::BertConfig;

    use super::*;

    fn measure(mode: Mode) -> Measurement {
        let device = Device::flex();
        let encoder = EncoderConfig::Bert(BertConfig::new(50, 16, 1, 2));
        let work = Work {
            mode,
            length: 48,
            batch_size: 4,
            freeze: Freeze::Nothing,
            repetitions: 3,
            at_least: Duration::from_millis(20),
        };
        let subject = Subject::synthetic(encoder, None, &device).unwrap();
        work.measure(&subject, &device).unwrap()
    }

    #[test]
    fn rates_follow_from_the_time_of_a_batch() {
        for mode in [Mode::Score, Mode::Train] {
            let found = measure(mode);
            assert_eq!(found.repetitions, 3, "{mode:?}");
            assert!(found.batches >= 1, "{found:?}");
            let seconds = found.seconds_per_batch;
            assert!(seconds.min > 0.0 && seconds.min <= seconds.median);
            assert!(seconds.median <= seconds.max);
            let tokens = found.tokens_per_second.median * seconds.median;
            assert!((tokens - 4.0 * 48.0).abs() < 1e-6, "{tokens}");
            // A prompt of 12 tokens, 35 of segments: two a row.
            let segments = found.segments_per_second.min * seconds.max;
            assert!((segments - 4.0 * 2.0).abs() < 1e-6, "{segments}");
        }
    }

    #[test]
    fn a_median_lies_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0].into_iter());
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 3.0));
        assert!((Spread::of([1.0, 2.0].into_iter()).median - 1.5).abs() < 1e-12);
    }
}
