//! Fits a linear head on a frozen encoder in closed form.

mod head_fit;
mod ridge;

use std::borrow::Cow;
use std::collections::BTreeMap;

use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_bundle::{Bundle, ExtraFile, Manifest, SplitDigests, Training};
use gradus_data::{
    BatchSize, Example, ExampleSource, SegmentBatcher, SegmentTokenizer, StoredRecords,
    TokenizedExample, plan_batches,
};
use gradus_model::{Head, HeadConfig, RewardModel};
use serde::Serialize;
use serde_json::{Map, json};
use web_time::Instant;

pub use self::head_fit::HeadFit;
use self::ridge::{RidgeSums, Solution};
use crate::bundle::manifest;
use crate::json::to_value;
use crate::plan::{
    Assembled, EncoderSource, SplitCounts, TokenCache, TrainingPlan, assemble, assemble_stored,
};
use crate::read::values;
use crate::{Preview, RatingLoss, Result, TrainError};

/// The candidate penalties: half decades from 10⁻⁵ to 10².
const HALF_DECADES: std::ops::RangeInclusive<i32> = -10..=4;

/// Padded tokens per batch.
const BATCH: BatchSize = BatchSize::Tokens(4096);

/// The result of a probe.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProbeReport {
    /// Counts of examples and truncations.
    pub counts: SplitCounts,
    /// Number of features.
    pub d_model: usize,
    /// One curve of errors per aspect, in the order of the model's outputs.
    pub aspects: Vec<ProbeCurve>,
    /// Seconds spent computing features.
    pub feature_seconds: f64,
    /// Seconds spent solving.
    pub solve_seconds: f64,
}

/// The errors of an aspect with every penalty.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProbeCurve {
    /// Name of the aspect.
    pub aspect: String,
    /// The penalty with the lowest validation error.
    pub penalty: f64,
    /// The validation error with this penalty: mean squared error in target units.
    pub valid_mse: f64,
    /// Every penalty with a solution, in ascending order.
    pub points: Vec<ProbePoint>,
}

/// The errors with one penalty, in target units.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ProbePoint {
    /// The penalty.
    pub penalty: f64,
    /// Mean squared error on the training split.
    pub train_mse: f64,
    /// Mean squared error on the validation split.
    pub valid_mse: f64,
}

impl ProbeCurve {
    /// Whether the best penalty is the lowest or highest candidate, so that a better one may lie beyond.
    pub fn is_at_an_end(&self) -> bool {
        let is = |point: Option<&ProbePoint>| {
            point.is_some_and(|point| point.penalty.total_cmp(&self.penalty).is_eq())
        };
        is(self.points.first()) || is(self.points.last())
    }
}

/// Fits a linear head on the pooled states of the unchanged encoder, and saves both as a bundle.
///
/// For every aspect, over the rated segments of the training split, it solves
///
/// ```text
/// minimize  Σ w (t - b - z·x̃)² / Σ w + penalty |z|²
/// ```
///
/// for each of 15 penalties from 10⁻⁵ to 10², by Cholesky factorization in `f64`. `x̃` is the pooled state
/// with standardized features. The penalty with the lowest validation error is kept. Of `plan.training`, only the seed and the offset are used: with
/// an offset, `t` is the target without it.
///
/// `on_preview` receives the counts before the work starts, and `progress` the number of finished and of all
/// examples.
///
/// # Errors
/// - [`TrainError::Setting`]: a head, pooling or loss that ridge regression cannot fit, or an aspect
///   without a rating in the validation split
/// - those of [`prepare`](crate::prepare()); [`TrainError::Model`] if the encoder cannot be loaded or the bundle
///   cannot be written
pub fn probe(
    plan: &TrainingPlan,
    train: &[Example],
    valid: &[Example],
    device: &Device,
    on_preview: impl FnOnce(Preview<'_>),
    progress: impl FnMut(usize, usize),
) -> Result<ProbeReport> {
    let plan = &*plan.settled(train, valid)?;
    run(plan, device, on_preview, progress, || {
        assemble(plan, train, valid, device)
    })
}

/// The same for splits in files, of which neither texts nor tokens are held in memory: the tokens come from the
/// `cache`, which is made if it is not there. The bundle is that of [`probe`] to the bit.
///
/// # Errors
/// Those of [`probe`] and of [`train_stored`](crate::train_stored).
pub fn probe_stored(
    plan: &TrainingPlan,
    [train, valid]: [&StoredRecords; 2],
    cache: TokenCache<'_>,
    device: &Device,
    on_preview: impl FnOnce(Preview<'_>),
    progress: impl FnMut(usize, usize),
) -> Result<ProbeReport> {
    let plan = &*plan.settled(train, valid)?;
    run(plan, device, on_preview, progress, || {
        assemble_stored(plan, train, valid, cache, &|| false, device)
    })
}

fn run<E: ExampleSource>(
    plan: &TrainingPlan,
    device: &Device,
    on_preview: impl FnOnce(Preview<'_>),
    mut progress: impl FnMut(usize, usize),
    assemble: impl FnOnce() -> Result<Assembled<E>>,
) -> Result<ProbeReport> {
    check(plan)?;
    let place = plan.take_place(false)?;
    let Assembled {
        text,
        train,
        valid,
        counts,
        texts,
        model,
        config,
        tokenizer,
        from: _,
        offset,
    } = assemble()?;
    on_preview(Preview {
        text: text.config(),
        counts: &counts,
    });
    let started = Instant::now();
    let total = train.len() + valid.len();
    let d_model = config.pooling.d_output(config.encoder.d_model());
    let mut split = |examples: &E, before: usize| {
        moments(&model, &text, examples, d_model, device, |done| {
            progress(before + done, total);
        })
    };
    let train_moments = split(&train, 0)?;
    let valid_moments = split(&valid, train.len())?;
    let feature_seconds = started.elapsed().as_secs_f64();

    let solved = Solved::of(
        &text,
        counts,
        [&train_moments, &valid_moments],
        feature_seconds,
    )?;
    let mut manifest = manifest(plan, &text);
    solved.describe(&mut manifest, texts);
    let bundle = Bundle {
        recalibration: None,
        offset: None,
        manifest,
        config,
        model: model.with_head(head(&solved.solutions, d_model, device)),
        tokenizer,
    }
    .with_offset(offset);
    let extra: Vec<ExtraFile<'_>> = plan
        .extra_files
        .iter()
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect();
    place.save(&bundle, &extra)?;
    Ok(solved.report)
}

/// The heads of all aspects, and the report.
struct Solved {
    solutions: Vec<Solution>,
    report: ProbeReport,
}

impl Solved {
    /// Solves for every aspect, given the sums of the training and the validation split.
    fn of(
        text: &SegmentTokenizer,
        counts: SplitCounts,
        [train, valid]: [&[RidgeSums]; 2],
        feature_seconds: f64,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut solutions = Vec::new();
        let mut curves = Vec::new();
        let mut d_model = 0;
        for ((spec, train), valid) in text.config().aspects.iter().zip(train).zip(valid) {
            let (curve, solution) = best(&spec.name, train, valid)?;
            d_model = solution.weights.len();
            curves.push(curve);
            solutions.push(solution);
        }
        let report = ProbeReport {
            counts,
            d_model,
            aspects: curves,
            feature_seconds,
            solve_seconds: started.elapsed().as_secs_f64(),
        };
        Ok(Self { solutions, report })
    }

    /// Writes into the manifest how the head was fitted.
    fn describe(&self, manifest: &mut Manifest, texts: SplitDigests) {
        manifest.training = Some(Training {
            data: Some(texts),
            run: Map::from_iter([("probe".to_owned(), to_value(&self.report))]),
            ..Training::default()
        });
        let valid_mse = self.report.aspects.iter();
        let valid_mse: BTreeMap<_, _> = valid_mse
            .map(|curve| (&curve.aspect, curve.valid_mse))
            .collect();
        manifest.validation = Some(Map::from_iter([("mse".to_owned(), json!(valid_mse))]));
    }
}

/// Refuses settings without a closed form.
fn check(plan: &TrainingPlan) -> Result<()> {
    let refuse = |name, found: String, expected| {
        Err(TrainError::Setting {
            name,
            found,
            expected,
        })
    };
    let expected = "a setting that ridge regression on fixed features can fit";
    if let EncoderSource::Bundle(path) = &plan.encoder {
        return refuse("from", path.display().to_string(), "an encoder for a probe");
    }
    if plan.model.head != HeadConfig::Linear {
        return refuse("head", plan.model.head.to_string(), "`linear` for a probe");
    }
    let trained = plan
        .model
        .pooling
        .as_ref()
        .filter(|pooling| pooling.is_trained());
    if let Some(pooling) = trained {
        let found = format!("`{pooling}`, which has queries to train");
        return refuse("pooling", found, expected);
    }
    if plan.model.lora.is_some() {
        return refuse("lora", "adapters".to_owned(), expected);
    }
    if plan.model.init_head.is_some() {
        return refuse("init_head", "a head".to_owned(), expected);
    }
    if plan.training.loss != RatingLoss::default() {
        return refuse(
            "loss",
            format!("`{}`", plan.training.loss),
            "`mse` for a probe",
        );
    }
    if plan.training.ranking.is_some() || plan.training.response_loss.is_some() {
        let found = "a further term".to_owned();
        return refuse("ranking or response_loss", found, expected);
    }
    Ok(())
}

/// The sums of every aspect over the rated segments of a split.
fn moments(
    model: &RewardModel,
    text: &SegmentTokenizer,
    examples: &impl ExampleSource,
    d_model: usize,
    device: &Device,
    mut progress: impl FnMut(usize),
) -> Result<Vec<RidgeSums>> {
    let aspects = text.config().aspects.len();
    let mut moments: Vec<RidgeSums> = (0..aspects).map(|_| RidgeSums::zeros(d_model)).collect();
    let lengths = (0..examples.len()).map(|index| Ok(examples.get(index)?.num_tokens()));
    let lengths = lengths.collect::<Result<Vec<usize>>>()?;
    let mut done = 0;
    for rows in plan_batches(&lengths, BATCH, true, None, 0) {
        let rows = rows.iter().map(|&row| Ok(examples.get(row)?));
        let rows = rows.collect::<Result<Vec<Cow<'_, TokenizedExample>>>>()?;
        let rows: Vec<&TokenizedExample> = rows.iter().map(|row| &**row).collect();
        read_sync(add_batch(&mut moments, model, text, &rows, device))?;
        done += rows.len();
        progress(done);
    }
    Ok(moments)
}

/// Adds the rated segments of a batch to the sums of every aspect.
async fn add_batch(
    moments: &mut [RidgeSums],
    model: &RewardModel,
    text: &SegmentTokenizer,
    rows: &[&TokenizedExample],
    device: &Device,
) -> Result<()> {
    let batch = SegmentBatcher::of(text).batch(rows, device);
    let num_segments = batch.num_segments();
    let features = model.pooled(batch.input_tensors().into());
    let d_model = features.dims()[2];
    let features: Vec<f32> = values(features).await?;
    for (aspect, moments) in moments.iter_mut().enumerate() {
        let (mut x, mut targets, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (row, example) in rows.iter().enumerate() {
            for (k, segment) in example.segments.iter().enumerate() {
                let Some(target) = segment.targets[aspect] else {
                    continue;
                };
                // The head is fitted to what the offset leaves.
                let offset = segment.offsets.get(aspect).copied().unwrap_or_default();
                let start = (row * num_segments + k) * d_model;
                x.extend_from_slice(&features[start..start + d_model]);
                targets.push(target - offset);
                weights.push(segment.weight);
            }
        }
        moments.add(&x, &targets, &weights);
    }
    Ok(())
}

/// The solution whose penalty has the lowest validation error.
fn best(aspect: &str, train: &RidgeSums, valid: &RidgeSums) -> Result<(ProbeCurve, Solution)> {
    let problem = train.problem();
    let mut points = Vec::new();
    let mut best: Option<(f64, f64, Solution)> = None;
    for half in HALF_DECADES {
        let penalty = 10f64.powf(f64::from(half) / 2.0);
        let solved = problem
            .solve(penalty)
            .and_then(|solution| Some((train.mse(&solution)?, valid.mse(&solution)?, solution)));
        let Some((train_mse, valid_mse, solution)) = solved else {
            continue;
        };
        points.push(ProbePoint {
            penalty,
            train_mse,
            valid_mse,
        });
        if best
            .as_ref()
            .is_none_or(|(_, lowest, _)| valid_mse < *lowest)
        {
            best = Some((penalty, valid_mse, solution));
        }
    }
    let Some((penalty, valid_mse, solution)) = best else {
        return Err(TrainError::Setting {
            name: "aspects",
            found: format!("`{aspect}`, without a rating of positive weight in one of the splits"),
            expected: "aspects rated in both splits",
        });
    };
    let curve = ProbeCurve {
        aspect: aspect.to_owned(),
        penalty,
        valid_mse,
        points,
    };
    Ok((curve, solution))
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn head(solutions: &[Solution], d_model: usize, device: &Device) -> Head {
    let weights = (0..d_model).flat_map(|k| solutions.iter().map(move |s| s.weights[k] as f32));
    let bias = solutions.iter().map(|solution| solution.bias as f32);
    Head::from_weights(
        TensorData::new(weights.collect::<Vec<f32>>(), [d_model, solutions.len()]),
        TensorData::new(bias.collect::<Vec<f32>>(), [solutions.len()]),
        device,
    )
}
