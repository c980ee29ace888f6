//! A training run in slices, so that the worker can read its messages in between.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gradus_bundle::{Bundle, BundleFiles};
use gradus_data::Example;
use gradus_eval::Scorer;
use gradus_model::LoraConfig;
use gradus_train::{
    CheckedConfig, EncoderSource, EpochLog, HeadFit, MemoryRun, ScratchOptions, Session,
    SnapshotFiles, StepLog, StopHandle, TextOptions, TrainConfig, TrainError, TrainObserver,
    TrainingPlan, ValidLog,
};
use js_sys::Promise;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen::{JsError, JsValue};
use wasm_bindgen_futures::future_to_promise;
use web_time::Instant;

use crate::data::{Records, Splits};
use crate::device::{KEEPS_STATES, device};
use crate::failure::Explain as _;
use crate::figures::figures;
use crate::files::Files;
use crate::host::Host;
use crate::model::{Loaded, Model};
use crate::wish::{Part, TrainWish};

/// How long a run computes before the worker reads its messages.
const SLICE: Duration = Duration::from_millis(100);

/// The shortest time between two states that are kept.
const KEEP_EVERY: Duration = Duration::from_secs(2);

/// The largest share of the time that keeping states may take.
const KEEP_SHARE: u32 = 10;

/// Adapters as `gradus train --lora 8` has them.
const RANK: &str = "8";

/// A run that is ready to start: data, what to train, and where it begins.
#[wasm_bindgen]
pub struct Run {
    base: Option<Rc<Loaded>>,
    splits: Splits,
    wish: TrainWish,
    state: Option<SnapshotFiles>,
}

/// What a run has made.
#[wasm_bindgen]
pub struct Trained {
    files: BundleFiles,
    report: Value,
}

#[wasm_bindgen]
impl Trained {
    /// Takes the files of the bundle.
    pub fn files(&mut self) -> Files {
        Files(std::mem::take(&mut self.files))
    }

    /// `{ counts, history, before, after, stopped }` as JSON; `head` in place of `history` where the head was fitted alone.
    pub fn report(&self) -> String {
        self.report.to_string()
    }
}

#[wasm_bindgen]
impl Run {
    /// Divides the records and checks the wish. `base` is the bundle to train from; without one, a new one is made.
    ///
    /// # Errors
    /// If the wish cannot be read, or the records cannot be divided.
    #[wasm_bindgen(constructor)]
    pub fn new(base: Option<Model>, records: &Records, wish: &str) -> Result<Run, JsError> {
        let wish: TrainWish = serde_json::from_str(wish)?;
        let base = base.map(|model| model.0);
        if (wish.part == Part::Scratch) != base.is_none() {
            return Err(JsError::new(
                "a bundle is needed for everything but training from scratch",
            ));
        }
        let splits = records.split(wish.seed).map_err(|error| error.explain())?;
        Ok(Self {
            base,
            splits,
            wish,
            state: None,
        })
    }

    /// Has the run go on from a state that an equal run gave to its host.
    #[wasm_bindgen(js_name = goOnFrom)]
    pub fn go_on_from(&mut self, state: Files) {
        self.state = Some(state.0);
    }

    /// Trains. Resolves to a [`Trained`], or to nothing where the host stopped the run before its first validation.
    pub fn start(self, host: Host) -> Promise {
        future_to_promise(async move {
            let trained = self.train(&host).await?;
            Ok(trained.map_or(JsValue::UNDEFINED, JsValue::from))
        })
    }
}

impl Run {
    async fn train(self, host: &Host) -> Result<Option<Trained>, JsError> {
        let before = match &self.base {
            Some(base) => Some(self.figures(base.scorer()).await?),
            None => None,
        };
        let run = self.assembled().map_err(|error| error.explain())?;
        host.tell(&[json!({"kind": "counts", "counts": run.counts(), "before": before})]);
        let made = match self.wish.part {
            Part::Head => fit_head(&run, host).await?,
            _ => self.train_weights(&run, host).await?,
        };
        let Some(Made {
            bundle,
            files,
            mut report,
        }) = made
        else {
            return Ok(None);
        };
        let scorer = Scorer::new(bundle, &device()).map_err(|error| error.explain())?;
        report["before"] = before.into();
        report["after"] = self.figures(&scorer).await?;
        report["counts"] = serde_json::to_value(run.counts())?;
        Ok(Some(Trained { files, report }))
    }

    async fn figures(&self, scorer: &Scorer) -> Result<Value, JsError> {
        let mut test = self.splits.test.clone();
        for example in &mut test {
            scorer.segment(example).map_err(|error| error.explain())?;
        }
        let found = figures(scorer, &self.splits.train, &test).await;
        found.map_err(|error| error.explain())
    }

    fn assembled(&self) -> gradus_train::Result<MemoryRun> {
        let device = device();
        let training = self.training()?;
        let [train, valid]: [&[Example]; 2] = [&self.splits.train, &self.splits.valid];
        match &self.base {
            None => {
                let plan = scratch_plan(training);
                MemoryRun::of_plan(&plan, train, valid, &device)
            }
            Some(base) => {
                let lora: Option<LoraConfig> = match self.wish.part {
                    Part::Adapters => Some(RANK.parse().map_err(gradus_model::ModelError::from)?),
                    _ => None,
                };
                let bundle = &base.bundle;
                MemoryRun::of_bundle(bundle, &training, lora.as_ref(), train, valid, &device)
            }
        }
    }

    /// The settings of the run; those of `configs/quickstart.toml` for a new encoder.
    fn training(&self) -> gradus_train::Result<CheckedConfig> {
        let wish = &self.wish;
        let scratch = wish.part == Part::Scratch;
        let head = TrainConfig::default().head_learning_rate;
        TrainConfig {
            epochs: wish.epochs,
            batch_size: wish.batch_size,
            learning_rate: Some(wish.learning_rate),
            head_learning_rate: if scratch { wish.learning_rate } else { head },
            bucketing: !scratch,
            dropout: 0.0,
            seed: wish.seed,
            ..TrainConfig::default()
        }
        .check()
    }

    async fn train_weights(&self, run: &MemoryRun, host: &Host) -> Result<Option<Made>, JsError> {
        let watch = Watch::default();
        let stop = StopHandle::new();
        let session = Session {
            stop: stop.clone(),
            ..Session::watched_by(Slices {
                watch: watch.clone(),
                stop: stop.clone(),
            })
        };
        let mut engine = run
            .training(&device())
            .with_session(session)
            .with_snapshots(self.state.clone())
            .start()
            .map_err(|error| error.explain())?;
        let mut keeper = Keeper::new();
        let mut stopped = false;
        loop {
            watch.begin_slice();
            let outcome = engine.run_async().await;
            host.tell(&watch.take());
            match outcome {
                Ok(()) => break,
                Err(TrainError::Stopped { step, .. }) => {
                    stop.take_back();
                    if KEEPS_STATES && keeper.is_due() {
                        let started = Instant::now();
                        if let Some(files) = engine.snapshot().map_err(|error| error.explain())? {
                            host.keep_state(step, Files(files));
                        }
                        keeper.kept(started.elapsed());
                    }
                }
                Err(error) => return Err(error.explain()),
            }
            if !host.goes_on().await {
                stopped = true;
                break;
            }
        }
        if engine.best().is_none() {
            return Ok(None);
        }
        let fitted = engine.finish().map_err(|error| error.explain())?;
        let (bundle, files) = run
            .bundle_async(&fitted.model, &fitted.history)
            .await
            .map_err(|error| error.explain())?;
        let report = json!({"history": fitted.history, "stopped": stopped});
        Ok(Some(Made {
            bundle,
            files,
            report,
        }))
    }
}

struct Made {
    bundle: Bundle,
    files: BundleFiles,
    report: Value,
}

/// What `gradus quickstart` trains.
fn scratch_plan(training: CheckedConfig) -> TrainingPlan {
    let scratch = ScratchOptions {
        initializer_range: 0.1,
        ..ScratchOptions::default()
    };
    let mut plan = TrainingPlan::new(EncoderSource::Scratch(scratch), training, "");
    plan.text = TextOptions {
        max_length: 128,
        ..TextOptions::default()
    };
    plan
}

async fn fit_head(run: &MemoryRun, host: &Host) -> Result<Option<Made>, JsError> {
    let device = device();
    let mut fit = HeadFit::new(run, &device).map_err(|error| error.explain())?;
    while fit.advance_async().await.map_err(|error| error.explain())? {
        let (done, all) = fit.progress();
        host.tell(&[json!({"kind": "features", "done": done, "all": all})]);
        if !host.goes_on().await {
            return Ok(None);
        }
    }
    let (report, bundle, files) = fit.finish_async().await.map_err(|error| error.explain())?;
    Ok(Some(Made {
        bundle,
        files,
        report: json!({"head": report, "stopped": false}),
    }))
}

/// Decides when the state of a run is kept.
struct Keeper {
    /// When a state was kept; the first one is kept at once.
    last: Option<Instant>,
    took: Duration,
}

impl Keeper {
    fn new() -> Self {
        Self {
            last: None,
            took: Duration::ZERO,
        }
    }

    fn is_due(&self) -> bool {
        let pause = KEEP_EVERY.max(self.took * KEEP_SHARE);
        self.last.is_none_or(|last| last.elapsed() >= pause)
    }

    fn kept(&mut self, took: Duration) {
        self.took = took;
        self.last = Some(Instant::now());
    }
}

/// What has happened since the last slice, and when this one began.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    events: Vec<Value>,
    began: Option<Instant>,
}

impl Watch {
    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begin_slice(&self) {
        self.with(|seen| seen.began = Some(Instant::now()));
    }

    fn take(&self) -> Vec<Value> {
        self.with(|seen| std::mem::take(&mut seen.events))
    }

    fn tell(&self, event: Value) {
        self.with(|seen| seen.events.push(event));
    }

    fn is_over(&self) -> bool {
        self.with(|seen| seen.began.is_some_and(|began| began.elapsed() >= SLICE))
    }
}

/// Notes what happens, and ends the slice when its time is over.
struct Slices {
    watch: Watch,
    stop: StopHandle,
}

impl TrainObserver for Slices {
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        self.watch
            .tell(json!({"kind": "start", "steps": total_steps, "epochs": epochs}));
    }

    fn on_resume(&mut self, _checkpoint: &std::path::Path, step: usize, epoch: usize) {
        self.watch
            .tell(json!({"kind": "resume", "step": step, "epoch": epoch}));
    }

    fn on_step(&mut self, step: &StepLog) {
        self.watch.tell(
            json!({"kind": "step", "step": step.step, "epoch": step.epoch, "loss": step.loss}),
        );
        if self.watch.is_over() {
            self.stop.stop();
        }
    }

    fn on_valid(&mut self, valid: &ValidLog) {
        self.watch.tell(json!({
            "kind": "valid", "step": valid.step, "epoch": valid.epoch, "mse": valid.valid_mse, "best": valid.best,
        }));
    }

    fn on_epoch(&mut self, epoch: &EpochLog) {
        self.watch
            .tell(json!({"kind": "epoch", "epoch": epoch.epoch, "loss": epoch.train_loss}));
    }

    fn on_note(&mut self, note: &str) {
        self.watch.tell(json!({"kind": "note", "note": note}));
    }
}
