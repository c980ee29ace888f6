//! Stacking at the end of a training run.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use anyhow::Result;
use gradus::bundle::Bundle;
use gradus::burn::tensor::Device;
use gradus::data::{Example, RecordSet};
use gradus::eval::stacking::{AspectStacking, Stacker};
use gradus::eval::{Baselines, EvalError, Scorer};
use gradus::model::Output;
use gradus::train::{OnBundle, RatingLoss, TrainError, TrainingPlan};
use gradus::{RunConfig, StackOption};
use serde::Serialize;

use crate::scores::BASELINES;
use crate::show;

/// Examples that are scored at once at the end of a run.
const CHUNK: usize = 256;

/// The weights of an aspect, for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Stacked {
    pub(crate) aspect: String,
    pub(crate) segments: usize,
    /// Weight of the model.
    pub(crate) model: f64,
    pub(crate) baseline: Option<String>,
    /// Weight of the baseline.
    pub(crate) weight: f64,
    pub(crate) mse_before: Option<f64>,
    pub(crate) mse_after: Option<f64>,
}

impl Stacked {
    /// Whether scores change.
    fn changes(&self) -> bool {
        self.baseline.is_some() || self.model < 1.0
    }

    /// What the scores are made of: `0.10 of the model, 0.87 of bag of words, 0.03 of the mean rating`.
    fn parts(&self) -> String {
        let baseline = self.baseline.as_deref().unwrap_or_default();
        let rest = 1.0 - self.model - self.weight;
        let parts = [
            (self.model, "the model"),
            (self.weight, baseline),
            (rest, "the mean rating"),
        ];
        let shown = parts.iter().filter(|(weight, _)| *weight >= 0.005);
        let shown: Vec<String> = shown
            .map(|(weight, of)| format!("{weight:.2} of {of}"))
            .collect();
        shown.join(", ")
    }
}

impl From<&AspectStacking> for Stacked {
    fn from(of: &AspectStacking) -> Self {
        let (baseline, weight) = match &of.baseline {
            Some((baseline, weight)) => (Some(baseline.baseline().name().to_owned()), *weight),
            None => (None, 0.0),
        };
        Self {
            aspect: of.aspect.clone(),
            segments: of.segments,
            model: of.model,
            baseline,
            weight,
            mse_before: of.errors.map(|[before, _]| before),
            mse_after: of.errors.map(|[_, after]| after),
        }
    }
}

/// The stacking at the end of a training run.
#[derive(Default)]
pub(crate) struct AtEnd {
    found: Rc<RefCell<Vec<Stacked>>>,
}

impl AtEnd {
    /// What the run does with its bundle. Nothing if
    /// - the settings say so, or the loss is not the squared error;
    /// - the model is trained beside a baseline already;
    /// - it is a decoder: its score knows nothing behind the segment, and a baseline reads the whole response;
    /// - its scores come from an output function, whose range sums would leave.
    pub(crate) fn of_run<V: RecordSet + ?Sized + 'static>(
        &self,
        config: &RunConfig,
        plan: &TrainingPlan,
        valid: &Rc<V>,
        device: &Device,
    ) -> Result<Option<OnBundle>> {
        let training = &config.training;
        // Weights of least squared error make means of what another loss may have made medians or quantiles.
        let is_squared = training.loss == RatingLoss::default();
        if config.stack == StackOption::None || training.offset.kinds().is_some() || !is_squared {
            return Ok(None);
        }
        let mut files = plan.extra_files.iter();
        let baselines = files.find(|(name, _)| name == BASELINES);
        let Some((_, baselines)) = baselines else {
            return Ok(None);
        };
        let baselines: Baselines = serde_json::from_slice(baselines)?;
        let (output, valid, device) = (plan.output.clone(), valid.clone(), device.clone());
        let told = self.found.clone();
        Ok(Some(Box::new(move |bundle| {
            let scorer = Scorer::new(bundle.clone(), &device).map_err(failed)?;
            if scorer.is_causal() || bundle.model.output() != Output::Identity {
                return Ok(bundle);
            }
            let found = fitted(&scorer, &baselines, &*valid)?;
            *told.borrow_mut() = found.iter().map(Stacked::from).collect();
            stacked(bundle, &output, &found)
        })))
    }

    /// The weights of all aspects; none where nothing was fitted.
    pub(crate) fn found(&self) -> Vec<Stacked> {
        self.found.borrow().clone()
    }
}

/// Says what became of the scores.
pub(crate) fn tell_of_stacking(found: &[Stacked]) {
    for one in found.iter().filter(|one| one.changes()) {
        let (Some(before), Some(after)) = (one.mse_before, one.mse_after) else {
            continue;
        };
        if one.model == 0.0 {
            show::warning(&format!(
                "`{}`: the model predicts held-out ratings worse than {} does, which takes its place in the scores",
                one.aspect,
                one.baseline.as_deref().unwrap_or("the mean rating")
            ));
        }
        show::status(&format!(
            "stacked: {}: {}: MSE on valid {before:.4} to {after:.4} ({} segments)",
            one.aspect,
            one.parts(),
            one.segments
        ));
    }
    if found.iter().any(Stacked::changes) {
        show::status(
            "scores of the model alone: --offset drop, as for training a policy; without stacking: --stack none",
        );
    }
}

fn failed(error: EvalError) -> TrainError {
    TrainError::OnBundle(Box::new(error))
}

fn stacked(
    bundle: Bundle,
    output: &Path,
    found: &[AspectStacking],
) -> std::result::Result<Bundle, TrainError> {
    let offsets = found.iter().map(AspectStacking::offset).collect();
    Ok(bundle.stacked(output, offsets)?)
}

/// The weights that the ratings of `valid` are for.
fn fitted<V: RecordSet + ?Sized>(
    scorer: &Scorer,
    baselines: &Baselines,
    valid: &V,
) -> std::result::Result<Vec<AspectStacking>, TrainError> {
    let mut stacker = Stacker::new(scorer.aspects(), baselines);
    let mut add = |examples: &[Example]| {
        let scores = scorer.score(examples).map_err(failed)?;
        for (example, scores) in examples.iter().zip(&scores) {
            stacker.add(example, scores.segments.iter().map(|one| one.scores()));
        }
        Ok::<(), TrainError>(())
    };
    let mut chunk = Vec::new();
    for example in valid.records()? {
        chunk.push(example?.into_owned());
        if chunk.len() == CHUNK {
            add(&chunk)?;
            chunk.clear();
        }
    }
    add(&chunk)?;
    Ok(stacker.fit())
}
