//! The bundle of a run: at each best validation, and at its end.

use gradus_baselines::Offset;
use gradus_bundle::{
    Bundle, BundlePlace, ContinuedBundle, ExtraFile, Manifest, SplitDigests, Training,
};
use gradus_data::SegmentTokenizer;
use gradus_model::{RewardModel, RewardModelConfig};
use serde_json::Map;

use crate::Result;
use crate::checkpoint::METRICS_FILE;
use crate::engine::{OnBundle, TrainHistory, metrics_lines};
use crate::json::to_value;
use crate::plan::{CheckedConfig, SplitCounts, TrainingPlan};

/// Name of the file with the log of the run.
const HISTORY: &str = "history.json";

/// The manifest of a bundle, without information on training.
pub(crate) fn manifest(plan: &TrainingPlan, text: &SegmentTokenizer) -> Manifest {
    let mut manifest = Manifest::new(text.config().clone(), plan.aggregation);
    manifest.encoder.clone_from(&plan.origin);
    manifest
}

/// Makes the bundle of a run from the weights of a validation.
pub(crate) struct BundleMaker {
    pub(crate) manifest: Manifest,
    pub(crate) from: Option<ContinuedBundle>,
    pub(crate) config: RewardModelConfig,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) training: CheckedConfig,
    pub(crate) extra_files: Vec<(String, Vec<u8>)>,
    pub(crate) counts: SplitCounts,
    pub(crate) texts: SplitDigests,
    pub(crate) offset: Option<Offset>,
}

impl BundleMaker {
    /// The bundle, and the name and content of its additional files.
    pub(crate) fn make(
        &self,
        model: &RewardModel,
        history: &TrainHistory,
    ) -> (Bundle, Vec<(String, Vec<u8>)>) {
        let mut manifest = self.manifest.clone();
        manifest.training = Some(Training {
            data: Some(self.texts.clone()),
            from: self.from.clone(),
            run: Map::from_iter([
                ("config".to_owned(), to_value(&self.training)),
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
            offset: None,
        }
        .with_offset(self.offset.clone());
        let mut extra = self.extra_files.clone();
        let metrics = metrics_lines(history).into_bytes();
        let history = to_value(history).to_string().into_bytes();
        extra.push((HISTORY.to_owned(), history));
        extra.push((METRICS_FILE.to_owned(), metrics));
        (bundle, extra)
    }

    /// Saves the bundle, or what `changed` makes of it, in place of the previous one.
    pub(crate) fn save(
        &self,
        place: &BundlePlace,
        model: &RewardModel,
        history: &TrainHistory,
        changed: Option<OnBundle>,
    ) -> Result<()> {
        let (mut bundle, extra) = self.make(model, history);
        if let Some(changed) = changed {
            bundle = changed(bundle)?;
        }
        place.save(&bundle, &extra_files(&extra))?;
        Ok(())
    }
}

pub(crate) fn extra_files(files: &[(String, Vec<u8>)]) -> Vec<ExtraFile<'_>> {
    let files = files.iter();
    files
        .map(|(name, bytes)| ExtraFile { name, bytes })
        .collect()
}
