//! From examples to a bundle on disk.

use burn::module::Module as _;
use burn::tensor::Device;
use gradus_data::{Example, ExampleSource, SegmentBatcher, StoredRecords};
use serde::Serialize;

use crate::Result;
use crate::bundle::{BundleMaker, manifest};
use crate::checkpoint::{Fingerprint, Store, check_apart, digest_bytes};
use crate::engine::{FitData, Preview, Session, TrainHistory, Training};
use crate::plan::{Assembled, SplitCounts, TokenCache, TrainingPlan, assemble, assemble_stored};

/// The result of a run: counts and the log.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TrainingReport {
    /// The trained aspects, in the order of the model's outputs.
    pub aspects: Vec<String>,
    /// Counts of examples and truncations.
    pub counts: SplitCounts,
    /// Number of parameters of the model.
    pub num_parameters: usize,
    /// Log of the run.
    pub history: TrainHistory,
}

/// Trains a reward model and saves the weights of the best validation as a bundle.
///
/// The bundle is written after every validation that is the best so far, so that an interrupted run leaves
/// its best model, and once more at the end with the whole log. The same seed, settings, data and kind of
/// device give the same losses and weights, even if the run was killed and resumed.
///
/// # Errors
/// Those of [`prepare`](crate::prepare()) and [`fit`](crate::fit());
/// [`TrainError::Model`](crate::TrainError::Model) if the encoder cannot be loaded, the output directory
/// exists (without `overwrite`) or the bundle cannot be written.
pub fn train(
    plan: &TrainingPlan,
    train: &[Example],
    valid: &[Example],
    device: &Device,
    session: Session,
) -> Result<TrainingReport> {
    let plan = &*plan.settled(train, valid)?;
    run(plan, device, session, || {
        assemble(plan, train, valid, device)
    })
}

/// The same for splits in files, of which neither texts nor tokens are held in memory: the tokens come from the
/// `cache`, which is made if it is not there. Losses and weights are those of [`train`] to the bit.
///
/// # Errors
/// Those of [`train`]; [`DataError::Changed`](gradus_data::DataError::Changed) if the files change while they are
/// read; [`DataError::Write`](gradus_data::DataError::Write) if the cache cannot be written.
pub fn train_stored(
    plan: &TrainingPlan,
    train: &StoredRecords,
    valid: &StoredRecords,
    cache: TokenCache<'_>,
    device: &Device,
    session: Session,
) -> Result<TrainingReport> {
    let stop = session.stop.clone();
    let plan = &*plan.settled(train, valid)?;
    run(plan, device, session, || {
        assemble_stored(plan, train, valid, cache, &|| stop.is_stopped(), device)
    })
}

fn run<E: ExampleSource + 'static>(
    plan: &TrainingPlan,
    device: &Device,
    mut session: Session,
    assemble: impl FnOnce() -> Result<Assembled<E>>,
) -> Result<TrainingReport> {
    let store = open_store(plan, &mut session)?;
    let on_bundle = session.on_bundle.take();
    // A resumed run replaces its own bundle.
    let resumes = store.as_ref().is_some_and(Store::resumes);
    let place = plan.take_place(resumes)?;
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
    } = assemble()?;
    if let Some(on_preview) = session.on_preview.take() {
        on_preview(Preview {
            text: text.config(),
            counts: &counts,
        });
    }
    let num_parameters = model.num_params();
    let splits = FitData {
        train: train.into(),
        valid: valid.into(),
        batcher: SegmentBatcher::of(&text),
        aspects: text.config().aspects.clone(),
    };
    let from = from.map(|source| source.described());
    let head_is_new = from.is_none();
    let mut settings = Fingerprint::default()
        .with("text", &plan.text)
        .with("model", &config)
        .with("aggregation", &plan.aggregation)
        .with("tokenizer", &digest_bytes(&tokenizer));
    if let Some(from) = &from {
        settings = settings.with("from", &from.weights);
    }
    let maker = BundleMaker {
        manifest: manifest(plan, &text),
        from,
        config,
        tokenizer,
        training: plan.training.clone(),
        extra_files: plan.extra_files.clone(),
        counts,
        texts,
        offset,
    };
    let mut engine = Training::new(model, &splits, &plan.training, device)
        .with_session(session)
        .with_store(store)
        .with_settings(settings)
        .with_new_head(head_is_new)
        .on_best(|model, history| maker.save(&place, model, history, None))
        .start()?;
    engine.run()?;
    // Once more, now with the whole log.
    if let Some(best) = engine.best() {
        maker.save(&place, best, engine.history(), on_bundle)?;
    }
    let history = engine.finish()?.history;
    Ok(TrainingReport {
        aspects: maker.manifest.aspects(),
        counts: maker.counts,
        num_parameters,
        history,
    })
}

/// Opens the session's checkpoints.
fn open_store(plan: &TrainingPlan, session: &mut Session) -> Result<Option<Store>> {
    let Some(place) = session.checkpoints.take() else {
        return Ok(None);
    };
    check_apart(&place.directory, &plan.output)?;
    Store::open(place, plan.training.keep_checkpoints).map(Some)
}
