//! A run without files: splits and bundle in memory, of a plan or of a trained bundle.

use burn::tensor::{Device, read_sync};
use gradus_bundle::{Bundle, BundleFiles};
use gradus_data::{Example, SegmentBatcher, SegmentTokenizer, TokenizedExample};
use gradus_model::{LoraConfig, ModelError, RewardModel};

use crate::bundle::{BundleMaker, extra_files, manifest};
use crate::checkpoint::{Fingerprint, digest_bytes};
use crate::engine::{FitData, TrainHistory, Training};
use crate::plan::{
    Assembled, CheckedConfig, OffsetOption, SplitCounts, TrainingPlan, assemble,
    default_learning_rate, tokenize_for_bundle,
};
use crate::{Result, TrainError};

/// Tokenized splits and a model to train, without files: for programs that have no file system, such as a browser
/// page. [`training`](Self::training) trains it, [`HeadFit`](crate::HeadFit) fits its head alone.
pub struct MemoryRun {
    pub(crate) text: SegmentTokenizer,
    pub(crate) train: Vec<TokenizedExample>,
    pub(crate) valid: Vec<TokenizedExample>,
    pub(crate) model: RewardModel,
    pub(crate) maker: BundleMaker,
    data: FitData,
    head_is_new: bool,
}

impl MemoryRun {
    /// A run of a plan, of which the output is not used.
    ///
    /// # Errors
    /// Those of [`train`](crate::train()) before the first step.
    pub fn of_plan(
        plan: &TrainingPlan,
        train: &[Example],
        valid: &[Example],
        device: &Device,
    ) -> Result<Self> {
        let plan = &*plan.settled(train, valid)?;
        let Assembled {
            text,
            train,
            valid,
            counts,
            texts,
            model,
            config,
            tokenizer,
            from,
            offset,
        } = assemble(plan, train, valid, device)?;
        let maker = BundleMaker {
            manifest: manifest(plan, &text),
            from: from.map(|source| source.described()),
            config,
            tokenizer,
            training: plan.training.clone(),
            extra_files: plan.extra_files.clone(),
            counts,
            texts,
            offset,
        };
        let head_is_new = maker.from.is_none();
        Ok(Self {
            head_is_new,
            ..Self::new(text, train, valid, model, maker)
        })
    }

    /// A run that goes on from the weights of a bundle, with its tokenizer, aspects, rating scales and dropout.
    /// `adapters` are new adapters, which are trained in place of the matrices of the encoder. The recalibration, the
    /// thresholds, the prediction intervals and the stacking of the bundle belong to its old scores, so the new bundle has
    /// none. Without a learning rate in `training`, it learns at that of its encoder's width
    /// ([`default_learning_rate`](crate::default_learning_rate)), not at a fifth of the bundle's.
    ///
    /// # Errors
    /// Those of tokenizing the splits; [`TrainError::Setting`] for adapters of a bundle that has some;
    /// [`ModelError::Quantized`] for a quantized bundle.
    pub fn of_bundle(
        bundle: &Bundle,
        training: &CheckedConfig,
        adapters: Option<&LoraConfig>,
        train: &[Example],
        valid: &[Example],
        device: &Device,
    ) -> Result<Self> {
        if bundle.manifest.quantization.is_some() {
            return Err(ModelError::Quantized {
                path: "manifest.json".into(),
                wanted: "to train it",
            }
            .into());
        }
        let d_model = bundle.config.encoder.d_model();
        let training = &training.with_default_rate(default_learning_rate(d_model))?;
        let training = match training.offset {
            OffsetOption::Auto => {
                &training.with_offset(bundle.manifest.trained_offset().cloned().into())?
            }
            _ => training,
        };
        let (prepared, facts) = tokenize_for_bundle(bundle, training, train, valid)?;
        let mut manifest = bundle.manifest.clone();
        manifest.thresholds.clear();
        manifest.prediction_intervals.clear();
        let mut config = bundle.config.clone();
        let mut model = bundle.model.clone();
        if let Some(adapters) = adapters {
            if config.lora.is_some() {
                return Err(TrainError::Setting {
                    name: "lora",
                    found: "adapters for a bundle that has adapters".to_owned(),
                    expected: "a bundle without adapters, or training without new ones",
                });
            }
            adapters.check().map_err(ModelError::from)?;
            device.seed(training.seed);
            model = model.with_adapters(adapters);
            config.lora = Some(adapters.clone());
        }
        let maker = BundleMaker {
            manifest,
            from: None,
            config,
            tokenizer: bundle.tokenizer.clone(),
            training: training.clone(),
            extra_files: Vec::new(),
            counts: facts.counts,
            texts: facts.texts,
            offset: prepared.offset,
        };
        Ok(Self::new(
            prepared.tokenizer,
            prepared.train,
            prepared.valid,
            model,
            maker,
        ))
    }

    fn new(
        text: SegmentTokenizer,
        train: Vec<TokenizedExample>,
        valid: Vec<TokenizedExample>,
        model: RewardModel,
        maker: BundleMaker,
    ) -> Self {
        Self {
            data: FitData {
                train: train.clone().into(),
                valid: valid.clone().into(),
                batcher: SegmentBatcher::of(&text),
                aspects: text.config().aspects.clone(),
            },
            text,
            train,
            valid,
            model,
            maker,
            head_is_new: false,
        }
    }

    /// Counts of examples and truncations.
    pub fn counts(&self) -> &SplitCounts {
        &self.maker.counts
    }

    /// The model before the first step.
    pub fn model(&self) -> &RewardModel {
        &self.model
    }

    /// The run, ready to be started.
    pub fn training(&self, device: &Device) -> Training<'_, RewardModel> {
        let settings = Fingerprint::default()
            .with("text", self.text.config())
            .with("model", &self.maker.config)
            .with("aggregation", &self.maker.manifest.aggregation)
            .with("tokenizer", &digest_bytes(&self.maker.tokenizer));
        Training::new(self.model.clone(), &self.data, &self.maker.training, device)
            .with_settings(settings)
            .with_new_head(self.head_is_new)
    }

    /// The bundle of these weights, and its files.
    ///
    /// # Errors
    /// If a weight cannot be read back from its device.
    pub fn bundle(
        &self,
        model: &RewardModel,
        history: &TrainHistory,
    ) -> Result<(Bundle, BundleFiles)> {
        read_sync(self.bundle_async(model, history))
    }

    /// [`bundle`](Self::bundle) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`bundle`](Self::bundle).
    pub async fn bundle_async(
        &self,
        model: &RewardModel,
        history: &TrainHistory,
    ) -> Result<(Bundle, BundleFiles)> {
        let (bundle, extra) = self.maker.make(model, history);
        let files = bundle.to_files_async(&extra_files(&extra)).await?;
        Ok((bundle, files))
    }
}
