//! The head of a run in memory, fitted one batch at a time.

use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_bundle::{Bundle, BundleFiles};
use gradus_data::{TokenizedExample, plan_batches};
use gradus_model::{HeadConfig, Output};
use web_time::Instant;

use super::ridge::RidgeSums;
use super::{BATCH, ProbeReport, Solved, add_batch, head};
use crate::{MemoryRun, Result, TrainError};

/// Fits a linear head on the pooled states of an unchanged encoder as [`probe`](crate::probe()) does, and leaves the caller in
/// control between batches. The encoder reads every example once, whatever the number of penalties.
pub struct HeadFit<'a> {
    run: &'a MemoryRun,
    device: Device,
    /// The split, 0 for training and 1 for validation, and the examples of every batch.
    batches: Vec<(usize, Vec<usize>)>,
    done: usize,
    sums: [Vec<RidgeSums>; 2],
    seconds: f64,
}

impl<'a> HeadFit<'a> {
    /// Plans the batches.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a model whose scores are no linear function of its pooled states.
    pub fn new(run: &'a MemoryRun, device: &Device) -> Result<Self> {
        let config = &run.maker.config;
        let refuse = |name, found: String, expected| {
            Err(TrainError::Setting {
                name,
                found,
                expected,
            })
        };
        if config.head != HeadConfig::Linear {
            return refuse(
                "head",
                config.head.to_string(),
                "`linear`, to fit the head alone",
            );
        }
        if config.output != Output::Identity {
            let found = format!("{:?}", config.output).to_lowercase();
            return refuse("output", found, "`identity`, to fit the head alone");
        }
        let mut batches = Vec::new();
        for (split, examples) in [&run.train, &run.valid].into_iter().enumerate() {
            let lengths: Vec<usize> = examples.iter().map(TokenizedExample::num_tokens).collect();
            let planned = plan_batches(&lengths, BATCH, true, None, 0);
            batches.extend(planned.into_iter().map(|rows| (split, rows)));
        }
        let aspects = run.text.config().aspects.len();
        let d_model = config.pooling.d_output(config.encoder.d_model());
        let zeros = || (0..aspects).map(|_| RidgeSums::zeros(d_model)).collect();
        Ok(Self {
            run,
            device: device.clone(),
            batches,
            done: 0,
            sums: [zeros(), zeros()],
            seconds: 0.0,
        })
    }

    /// Finished and all batches.
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.batches.len())
    }

    /// Reads the next batch. Returns whether there was one.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the computation failed on the device.
    pub fn advance(&mut self) -> Result<bool> {
        read_sync(self.advance_async())
    }

    /// [`advance`](Self::advance) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`advance`](Self::advance).
    pub async fn advance_async(&mut self) -> Result<bool> {
        let Some((split, rows)) = self.batches.get(self.done) else {
            return Ok(false);
        };
        let started = Instant::now();
        let run = self.run;
        let examples = [&run.train, &run.valid][*split];
        let rows: Vec<&TokenizedExample> = rows.iter().map(|&row| &examples[row]).collect();
        let sums = &mut self.sums[*split];
        add_batch(sums, &run.model, &run.text, &rows, &self.device).await?;
        self.done += 1;
        self.seconds += started.elapsed().as_secs_f64();
        Ok(true)
    }

    /// Reads what is left, and solves for every penalty. Returns the errors of each, and the bundle with its files.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for an aspect without a rating in one of the splits; those of
    /// [`advance`](Self::advance).
    pub fn finish(self) -> Result<(ProbeReport, Bundle, BundleFiles)> {
        read_sync(self.finish_async())
    }

    /// [`finish`](Self::finish) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`finish`](Self::finish).
    pub async fn finish_async(mut self) -> Result<(ProbeReport, Bundle, BundleFiles)> {
        while self.advance_async().await? {}
        let maker = &self.run.maker;
        let sums = [self.sums[0].as_slice(), self.sums[1].as_slice()];
        let solved = Solved::of(&self.run.text, maker.counts.clone(), sums, self.seconds)?;
        let d_model = solved.report.d_model;
        let mut manifest = maker.manifest.clone();
        solved.describe(&mut manifest, maker.texts.clone());
        let model = self.run.model.clone();
        let bundle = Bundle {
            recalibration: None,
            offset: None,
            manifest,
            config: maker.config.clone(),
            model: model.with_head(head(&solved.solutions, d_model, &self.device)),
            tokenizer: maker.tokenizer.clone(),
        }
        .with_offset(maker.offset.clone());
        let files = bundle.to_files_async(&[]).await?;
        Ok((solved.report, bundle, files))
    }
}
