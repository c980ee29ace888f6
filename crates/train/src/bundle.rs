//! Writes the bundle of a run at each best validation.

use gradus_bundle::{
    Bundle, BundlePlace, ContinuedBundle, ExtraFile, Manifest, SplitDigests, Training,
};
use gradus_data::SegmentTokenizer;
use gradus_model::{RewardModel, RewardModelConfig};
use serde_json::Map;

use crate::Result;
use crate::checkpoint::METRICS_FILE;
use crate::engine::{TrainHistory, metrics_lines};
use crate::json::to_value;
use crate::plan::{SplitCounts, TrainingPlan};

/// Name of the file with the log of the run.
const HISTORY: &str = "history.json";

/// The manifest of a bundle, without information on training.
pub(crate) fn manifest(plan: &TrainingPlan, text: &SegmentTokenizer) -> Manifest {
    let mut manifest = Manifest::new(text.config().clone(), plan.aggregation);
    manifest.encoder.clone_from(&plan.origin);
    manifest
}

/// Saves the model of each best validation in place of the previous one.
pub(crate) struct BundleWriter<'a> {
    pub(crate) manifest: Manifest,
    pub(crate) from: Option<ContinuedBundle>,
    pub(crate) config: RewardModelConfig,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) plan: &'a TrainingPlan,
    pub(crate) counts: SplitCounts,
    pub(crate) texts: SplitDigests,
    pub(crate) place: BundlePlace,
}

impl BundleWriter<'_> {
    pub(crate) fn write(&self, model: &RewardModel, history: &TrainHistory) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.training = Some(Training {
            data: Some(self.texts.clone()),
            from: self.from.clone(),
            run: Map::from_iter([
                ("config".to_owned(), to_value(&self.plan.training)),
                ("counts".to_owned(), to_value(&self.counts)),
                ("steps".to_owned(), history.steps.len().into()),
                ("skipped_steps".to_owned(), history.skipped.len().into()),
            ]),
            ..Training::default()
        });
        manifest.validation = to_value(&history.best()).as_object().cloned();
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
