//! From examples to a bundle on disk.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use gradus_data::{Example, TextsDigest};
use gradus_files::is_same_file;
use gradus_model::{
    Bundle, BundlePlace, EncoderOrigin, ExtraFile, Manifest, RewardModel, RewardModelConfig,
};
use serde::Serialize;
use serde_json::json;

use crate::assemble::{Assembled, assemble, manifest};
use crate::checkpoint::{Fingerprint, Store, check_apart, digest_bytes};
use crate::fit::{Opened, fit_opened};
use crate::init_head::init_head;
use crate::metrics_log::{METRICS_FILE, metrics_lines};
use crate::{
    FitData, ModelOptions, Plan, Result, ScratchOptions, Session, SplitCounts, TextOptions,
    TrainConfig, TrainError, TrainHistory,
};

/// File of a bundle that holds the log of its run.
const HISTORY: &str = "history.json";

/// Where the encoder comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderSource {
    /// A Hugging Face directory.
    Pretrained(PathBuf),
    /// A new one, with a word-level vocabulary of the training texts.
    Scratch(ScratchOptions),
}

/// Everything a run needs besides its data and device.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where the encoder comes from.
    pub encoder: EncoderSource,
    /// Where the encoder's directory was fetched from; only noted in the bundle.
    pub origin: Option<EncoderOrigin>,
    /// How records are read.
    pub text: TextOptions,
    /// The model on top of the encoder.
    pub model: ModelOptions,
    /// Optimisation.
    pub training: TrainConfig,
    /// Name of the aggregation that the bundle proposes.
    pub aggregation: String,
    /// Directory for the bundle.
    pub output: PathBuf,
    /// Whether a bundle that is there already is replaced.
    pub overwrite: bool,
    /// Further files for the bundle: name and content.
    pub extra_files: Vec<(String, Vec<u8>)>,
}

/// What a run read and did.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// Aspects learned, in the order of the model's outputs.
    pub aspects: Vec<String>,
    /// What encoding left out.
    pub counts: SplitCounts,
    /// Parameters of the model.
    pub num_parameters: usize,
    /// Log of the run.
    pub history: TrainHistory,
}

/// Trains a reward model and keeps the best validation's as a bundle.
///
/// The bundle is written after every validation that is the best so far, so that a run that ends
/// early leaves the best model it had, and once more at the end with the whole log. With the same
/// seed, settings, data and device kind, a run gives the same losses and weights, also if it was
/// killed and resumed in between.
///
/// # Errors
/// Whatever [`prepare`](crate::prepare()) and [`fit`](crate::fit()) return;
/// [`TrainError::Model`](crate::TrainError::Model) when the encoder cannot be loaded, the output
/// directory exists (without `overwrite`) or the bundle cannot be written.
pub fn run(
    run: &Run,
    train: &[Example],
    valid: &[Example],
    device: &Device,
    session: impl Into<Session>,
) -> Result<RunReport> {
    run.training.check()?;
    run.model.check(&run.training)?;
    let mut session = session.into();
    let store = open_store(run, &mut session)?;
    // A run that goes on writes over what it wrote itself.
    let resumes = store.as_ref().is_some_and(Store::resumes);
    let place = take_place(run, resumes)?;
    let data = Data::of(train, valid);
    let Assembled {
        text,
        train,
        valid,
        counts,
        model,
        config,
        tokenizer,
    } = assemble(run, train, valid, device)?;
    let model = init_head(model, &config, text.config(), run, device)?;
    if let Some(on_plan) = session.on_plan.take() {
        on_plan(Plan {
            text: text.config(),
            counts: &counts,
        });
    }
    let num_parameters = burn::module::Module::num_params(&model);

    let manifest = manifest(run, &text, config.pooling);
    let aspects = manifest.aspects.clone();
    let splits = FitData {
        train: train.into(),
        valid: valid.into(),
        batcher: text.batcher(),
        aspects: text.config().aspects.clone(),
    };
    let settings = Fingerprint::default()
        .with("text", &run.text)
        .with("model", &config)
        .with("aggregation", &run.aggregation)
        .with("tokenizer", &digest_bytes(&tokenizer));
    let writer = BundleWriter {
        manifest,
        config,
        tokenizer,
        run: run.clone(),
        counts: counts.clone(),
        data,
        place: Arc::new(place),
    };
    let last = writer.clone();
    let opened = Opened {
        session,
        store,
        settings,
        on_best: Box::new(move |model, history| writer.write(model, history)),
    };
    let (fitted, store) = fit_opened(model, &splits, &run.training, device, opened)?;
    last.write(&fitted.model, &fitted.history)?;
    store.map_or(Ok(()), Store::finish)?;
    Ok(RunReport {
        aspects,
        counts,
        num_parameters,
        history: fitted.history,
    })
}

/// Opens the session's checkpoints.
fn open_store(run: &Run, session: &mut Session) -> Result<Option<Store>> {
    let Some(place) = session.checkpoints.take() else {
        return Ok(None);
    };
    check_apart(&place.directory, &run.output)?;
    Store::open(place, run.training.keep_checkpoints).map(Some)
}

/// Takes the place of the bundle, so that what stands in its way is known before any work is done.
pub(crate) fn take_place(run: &Run, resumes: bool) -> Result<BundlePlace> {
    let init_head = run.model.init_head.as_deref();
    if let Some(read) = init_head.filter(|read| is_same_file(read, &run.output)) {
        return Err(TrainError::Setting {
            name: "init_head",
            found: format!("{}, which is the output", read.display()),
            expected: "another bundle",
        });
    }
    Ok(BundlePlace::take(&run.output, run.overwrite || resumes)?)
}

/// The texts of the splits in short, by which a bundle knows the data that it was made with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Data {
    train: TextsDigest,
    valid: TextsDigest,
}

impl Data {
    pub(crate) fn of(train: &[Example], valid: &[Example]) -> Self {
        Self {
            train: TextsDigest::of(train),
            valid: TextsDigest::of(valid),
        }
    }
}

/// Saves the model of each best validation over the one before.
#[derive(Clone)]
struct BundleWriter {
    manifest: Manifest,
    config: RewardModelConfig,
    tokenizer: Vec<u8>,
    run: Run,
    counts: SplitCounts,
    data: Data,
    place: Arc<BundlePlace>,
}

impl BundleWriter {
    fn write(&self, model: &RewardModel, history: &TrainHistory) -> Result<()> {
        let mut manifest = self.manifest.clone();
        manifest.training = json!({
            "config": to_value(&self.run.training),
            "counts": to_value(&self.counts),
            "data": to_value(&self.data),
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
            .run
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

/// The settings and logs of this crate are plain data, which JSON always holds.
pub(crate) fn to_value(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
