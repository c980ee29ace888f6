//! `gradus bench`

use std::time::Duration;

use anyhow::{Context as _, Result};
use burn::tensor::Device;
use gradus::bench::{DropoutRates, Measurement, Mode, Spread, Subject, Work};
use gradus::device;
use gradus::kernels::vectors;
use gradus::model::{Precision, RewardModelConfig};
use gradus::train::Freeze;
use serde::Serialize;

use crate::cli::{BenchArgs, BenchMode};
use crate::commands::settings::locate;
use crate::failure::Usage;
use crate::scores::usable;
use crate::show;

pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    check(args)?;
    if let Some(threads) = args.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build_global()
            .context("--threads: starting the threads failed")?;
    }
    let device = device::select(args.device.device.as_deref())?;
    refuse_training(args)?;
    let subject = subject(args, &device)?;
    for &length in &args.length {
        subject.check_length(length)?;
    }
    let freeze = args.freeze;
    let mut report = BenchReport::new(args, &subject, freeze);
    for work in works(args, freeze) {
        let measured = work.measure(&subject, &device)?;
        if !args.json {
            let tokens = brief(measured.tokens_per_second.median);
            let (name, length, batch_size) = (name(work.mode), work.length, work.batch_size);
            show::status(&format!("{name} {batch_size}×{length}: {tokens} tokens/s"));
        }
        report.rows.push(measured);
    }
    if args.json {
        show::json(&report)
    } else {
        report.show()
    }
}

/// Refuses values out of range.
fn check(args: &BenchArgs) -> Result<()> {
    let counts = [
        ("--batch-size", args.batch_size.iter().copied().min()),
        ("--repetitions", Some(args.repetitions)),
        ("--threads", args.threads),
    ];
    if let Some((flag, _)) = counts.into_iter().find(|(_, count)| *count == Some(0)) {
        return Err(Usage::new(format!("{flag}: found 0, expected at least 1")).into());
    }
    let shares = [
        ("--hidden-dropout", args.hidden_dropout),
        ("--attention-dropout", args.attention_dropout),
    ];
    let out_of_range = |(_, share): &(_, f64)| !(0.0..1.0).contains(share);
    if let Some((flag, share)) = shares.into_iter().find(out_of_range) {
        let message = format!("{flag}: found {share}, expected a probability in [0, 1)");
        return Err(Usage::new(message).into());
    }
    let at_least = args.at_least;
    if !(0.0..=3600.0).contains(&at_least) {
        let message = format!("--at-least: found {at_least}, expected seconds in [0, 3600]");
        return Err(Usage::new(message).into());
    }
    Ok(())
}

/// Training has products in `f32` and `bf16` alone.
fn refuse_training(args: &BenchArgs) -> Result<()> {
    let precision = args.precision.precision.unwrap_or_default();
    let is_for_training = matches!(precision, Precision::F32 | Precision::Bf16);
    if !is_for_training && args.mode.contains(&BenchMode::Train) {
        let message = format!("--precision: found {precision} for training, expected f32 or bf16");
        return Err(Usage::new(message)
            .with_hint("--mode score measures scoring alone")
            .into());
    }
    Ok(())
}

/// The model selected by the flags.
fn subject(args: &BenchArgs, device: &Device) -> Result<Subject> {
    let lora = args.lora.clone();
    let subject = match (&args.bundle, &args.encoder) {
        (Some(directory), _) => Subject::bundle(directory, device)?,
        (None, Some(name)) => Subject::pretrained(&locate(name)?.directory, lora, device)?,
        (None, None) => Subject::synthetic(Subject::minilm_l6(), lora, device)?,
    };
    let precision = args.precision.precision.unwrap_or(subject.precision());
    if subject.precision() != Precision::F32 && args.mode.contains(&BenchMode::Train) {
        let message =
            "--bundle: found a quantized bundle for training, expected the one it was made of";
        return Err(Usage::new(message)
            .with_hint("--mode score measures scoring alone")
            .into());
    }
    let subject = subject.with_precision(usable(precision, device));
    if args.dropout {
        return Ok(subject);
    }
    let rates = DropoutRates {
        hidden: args.hidden_dropout,
        attention: args.attention_dropout,
    };
    Ok(subject.with_dropout(rates, device)?)
}

/// Every combination of mode, length and batch size.
fn works(args: &BenchArgs, freeze: Freeze) -> Vec<Work> {
    let mut works = Vec::new();
    for &mode in &args.mode {
        for &length in &args.length {
            for &batch_size in &args.batch_size {
                works.push(Work {
                    mode: match mode {
                        BenchMode::Score => Mode::Score,
                        BenchMode::Train => Mode::Train,
                    },
                    length,
                    batch_size,
                    freeze,
                    repetitions: args.repetitions,
                    at_least: Duration::from_secs_f64(args.at_least),
                });
            }
        }
    }
    works
}

/// The measurements and their settings.
#[derive(Serialize)]
struct BenchReport {
    version: &'static str,
    /// Source of the model.
    model: String,
    config: RewardModelConfig,
    parameters: usize,
    device: String,
    /// CPU threads.
    threads: usize,
    /// Vector instructions of the device `cpu`; `null` for none.
    vectors: Option<&'static str>,
    /// Number format of the encoder's matrix products.
    precision: Precision,
    /// `null` for the model's own dropout.
    dropout: Option<DropoutRates>,
    /// Frozen part of the encoder.
    freeze: Freeze,
    rows: Vec<Measurement>,
}

impl BenchReport {
    fn new(args: &BenchArgs, subject: &Subject, freeze: Freeze) -> Self {
        let directory = args.bundle.as_ref().or(args.encoder.as_ref());
        let fastest = || {
            let device = device::available().into_iter().next();
            device.map_or_else(|| "none".to_owned(), |device| device.name)
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model: directory.map_or_else(
                || "sizes of MiniLM-L6, random weights".to_owned(),
                |directory| directory.display().to_string(),
            ),
            config: subject.config().clone(),
            parameters: subject.num_parameters(),
            device: args.device.device.clone().unwrap_or_else(fastest),
            threads: rayon::current_num_threads(),
            vectors: vectors(),
            precision: subject.precision(),
            dropout: subject.dropout(),
            freeze,
            rows: Vec::new(),
        }
    }

    fn show(&self) -> Result<()> {
        let dropout = self.dropout.map_or_else(
            || "the model's own".to_owned(),
            |rates| format!("{} hidden, {} attention", rates.hidden, rates.attention),
        );
        let lora = self.config.lora.as_ref().map_or_else(String::new, |lora| {
            format!(", adapters of rank {}", lora.rank)
        });
        show::line(&format!(
            "{}, {} parameters{} in {}; device {}, {} CPU threads with {}; dropout {dropout}; frozen: {}",
            self.model,
            self.parameters,
            lora,
            self.precision,
            self.device,
            self.threads,
            self.vectors.unwrap_or("no vector instructions"),
            self.freeze,
        ))?;
        let header = [
            "mode",
            "batch",
            "tokens/s",
            "min..max",
            "segments/s",
            "s/batch",
            "peak GB",
        ];
        let rows = self.rows.iter().map(|row| {
            let peak = row.peak_memory.map(|bytes| bytes as f64 / 1e9);
            vec![
                name(row.mode).to_owned(),
                format!("{}×{}", row.batch_size, row.length),
                brief(row.tokens_per_second.median),
                range(row.tokens_per_second),
                brief(row.segments_per_second.median),
                format!("{:.4}", row.seconds_per_batch.median),
                show::short(peak),
            ]
        });
        show::line(&show::table(&header, rows))
    }
}

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Score => "score",
        Mode::Train => "train",
    }
}

fn brief(rate: f64) -> String {
    format!("{rate:.0}")
}

fn range(spread: Spread) -> String {
    format!("{}..{}", brief(spread.min), brief(spread.max))
}
