//! The bundle of a run, written at each best validation.

use gradus_data::{Example, SegmentTokenizer, TextsDigest};
use gradus_model::{
    Bundle, BundlePlace, ExtraFile, Manifest, Pooling, RewardModel, RewardModelConfig,
};
use serde::Serialize;
use serde_json::json;

use crate::Result;
use crate::checkpoint::METRICS_FILE;
use crate::engine::{TrainHistory, metrics_lines};
use crate::json::to_value;
use crate::plan::{SplitCounts, TrainingPlan};

/// File of a bundle that holds the log of its run.
const HISTORY: &str = "history.json";

/// The manifest of a bundle before anything is known of its training.
pub(crate) fn manifest(plan: &TrainingPlan, text: &SegmentTokenizer, pooling: Pooling) -> Manifest {
    let aspects = text.config().aspects.iter();
    let names = aspects.map(|aspect| aspect.name.clone()).collect();
    let mut manifest = Manifest::new(names, pooling, &plan.aggregation);
    manifest.encoder.clone_from(&plan.origin);
    manifest.text = to_value(text.config());
    manifest
}

/// The texts of the splits in short, by which a bundle knows the data that it was made with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SplitTexts {
    train: TextsDigest,
    valid: TextsDigest,
}

impl SplitTexts {
    pub(crate) fn of(train: &[Example], valid: &[Example]) -> Self {
        Self {
            train: TextsDigest::of(train),
            valid: TextsDigest::of(valid),
        }
    }
}

/// Saves the model of each best validation over the one before.
pub(crate) struct BundleWriter<'a> {
    pub(crate) manifest: Manifest,
    pub(crate) config: RewardModelConfig,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) plan: &'a TrainingPlan,
    pub(crate) counts: SplitCounts,
    pub(crate) texts: SplitTexts,
    pub(crate) place: BundlePlace,
}

impl BundleWriter<'_> {
    pub(crate) fn write(&self, model: &RewardModel, history: &TrainHistory) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.training = json!({
            "config": to_value(&self.plan.training),
            "counts": to_value(&self.counts),
            "data": to_value(&self.texts),
            "steps": history.steps.len(),
            "skipped_steps": history.skipped.len(),
        });
        manifest.validation = to_value(&history.best());
        let bundle = Bundle {
            manifest,
            config: self.config.clone(),
            model: model.clone(),
            tokenizer: self.tokenizer.clone(),
            recalibration: None,
        };
        let metrics = metrics_lines(history).into_bytes();
        let history = to_value(history).to_string().into_bytes();
        let mut extra: Vec<ExtraFile<'_>> = self
            .plan
            .extra_files
            .iter()
            .map(|(name, bytes)| ExtraFile { name, bytes })
            .collect();
        extra.push(ExtraFile {
            name: HISTORY,
            bytes: &history,
        });
        extra.push(ExtraFile {
            name: METRICS_FILE,
            bytes: &metrics,
        });
        self.place.save(&bundle, &extra)?;
        Ok(())
    }
}
