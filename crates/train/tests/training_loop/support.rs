//! A model and data so small that a run takes a tenth of a second, and somebody who watches it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use gradus_data::{
    AspectSpec, DroppedTokens, SegmentBatcher, TokenSpan, TokenizedExample, TokenizedSegment,
};
use gradus_model::encoder::BertConfig;
use gradus_model::{EncoderConfig, Pooling, RewardModel, RewardModelConfig};
use gradus_train::{
    Begin, Checkpoints, FitData, Fitted, Result, Session, SkippedStep, StepLog, StopHandle,
    TrainConfig, TrainObserver, fit,
};

/// The CPU's random numbers come from one generator for the whole process, so that two runs at the
/// same time would take each other's.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Examples of one to three segments of two tokens, some unrated.
pub(crate) fn examples(count: usize) -> Vec<TokenizedExample> {
    (0..count).map(example).collect()
}

fn example(number: usize) -> TokenizedExample {
    let num_segments = 1 + number % 3;
    let length = 3 + 2 * num_segments;
    let token = |position: usize| u32::try_from((number * 7 + position * 13) % 48 + 1).unwrap();
    let segment = |index: usize| {
        let rated = index == 0 || (number + index).is_multiple_of(2);
        let target = f32::from(u8::try_from((number * 5 + index * 3) % 11).unwrap()) / 10.0;
        TokenizedSegment {
            index,
            tokens: TokenSpan {
                start: 3 + 2 * index,
                end: 5 + 2 * index,
            },
            cut: false,
            targets: vec![rated.then_some(target)],
            weight: if rated { 1.0 } else { 0.0 },
            offsets: Vec::new(),
        }
    };
    TokenizedExample {
        id: format!("x{number}"),
        token_ids: (0..length).map(token).collect(),
        type_ids: (0..length)
            .map(|position| u32::from(position >= 3))
            .collect(),
        response: TokenSpan {
            start: 3,
            end: length,
        },
        segments: (0..num_segments).map(segment).collect(),
        response_targets: vec![],
        dropped: vec![],
        dropped_tokens: DroppedTokens::default(),
        is_window: false,
        without_tokens: vec![],
    }
}

pub(crate) fn data_of(train: Vec<TokenizedExample>) -> FitData {
    FitData {
        train: train.into(),
        valid: examples(7).into(),
        batcher: SegmentBatcher::new(0, 1),
        aspects: vec![AspectSpec::identity("rating")],
    }
}

pub(crate) fn data() -> FitData {
    data_of(examples(21))
}

/// Five steps an epoch, two epochs, without dropout.
pub(crate) fn settings() -> TrainConfig {
    TrainConfig {
        epochs: 2,
        batch_size: 5,
        learning_rate: Some(3e-3),
        head_learning_rate: 3e-3,
        dropout: 0.0,
        ..TrainConfig::default()
    }
}

pub(crate) fn model(dropout: f64) -> RewardModel {
    let device = Device::flex();
    device.seed(1);
    let mut bert = BertConfig::new(50, 8, 1, 2);
    bert.d_feed_forward = 16;
    bert.max_positions = 32;
    bert.initializer_range = 0.2;
    let encoder = EncoderConfig::Bert(bert).with_dropout(dropout, dropout);
    let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
    config.init(&device)
}

/// What a run has told its observer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) notes: Vec<String>,
    pub(crate) checkpoints: Vec<usize>,
    pub(crate) resumed_at: Option<usize>,
    pub(crate) skipped: Vec<SkippedStep>,
    /// Names in the directory of the checkpoints after each.
    pub(crate) names: Vec<Vec<String>>,
}

struct Watcher {
    stop_at: Option<usize>,
    stop: StopHandle,
    seen: Arc<Mutex<Seen>>,
}

impl Watcher {
    fn see(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap());
    }
}

impl TrainObserver for Watcher {
    fn on_step(&mut self, step: &StepLog) {
        if self.stop_at == Some(step.step) {
            self.stop.stop();
        }
    }
    fn on_skip(&mut self, skipped: &SkippedStep) {
        self.see(|seen| seen.skipped.push(skipped.clone()));
    }
    fn on_resume(&mut self, _checkpoint: &Path, step: usize, _epoch: usize) {
        self.see(|seen| seen.resumed_at = Some(step));
    }
    fn on_checkpoint(&mut self, checkpoint: &Path, step: usize) {
        let names = names(checkpoint.parent().unwrap());
        self.see(|seen| {
            seen.checkpoints.push(step);
            seen.names.push(names);
        });
    }
    fn on_note(&mut self, note: &str) {
        self.see(|seen| seen.notes.push(note.to_owned()));
    }
}

/// A run with checkpoints in `directory`.
pub(crate) struct Attempt<'a> {
    pub(crate) data: &'a FitData,
    pub(crate) config: &'a TrainConfig,
    pub(crate) directory: &'a Path,
    pub(crate) begin: Begin,
    pub(crate) stop_at: Option<usize>,
}

impl Attempt<'_> {
    pub(crate) fn run(self) -> (Result<Fitted>, Seen) {
        let (stop, seen) = (StopHandle::new(), Arc::new(Mutex::new(Seen::default())));
        let watcher = Watcher {
            stop_at: self.stop_at,
            stop: stop.clone(),
            seen: seen.clone(),
        };
        let session = Session {
            stop,
            checkpoints: Some(Checkpoints {
                directory: self.directory.to_owned(),
                begin: self.begin,
                files: vec![("run.toml".into(), b"a = 1".to_vec())],
            }),
            ..Session::watched_by(watcher)
        };
        let model = model(self.config.dropout);
        let config = self.config.clone().check().unwrap();
        let device = Device::flex();
        let fitted = fit(model, self.data, &config, &device, session, |_, _| Ok(()));
        let seen = seen.lock().unwrap().clone();
        (fitted, seen)
    }
}

/// A run that nobody interrupts.
pub(crate) fn whole(data: &FitData, config: &TrainConfig) -> Fitted {
    let session = Session::default();
    let config = config.clone().check().unwrap();
    let model = model(config.dropout);
    fit(
        model,
        data,
        &config,
        &Device::flex(),
        session,
        |_, _| Ok(()),
    )
    .unwrap()
}

/// All weights of a model, in its own order.
pub(crate) fn weights(model: &impl Module) -> Vec<f32> {
    struct Collect(Vec<f32>);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().iter::<f32>());
        }
    }
    let mut collect = Collect(Vec::new());
    model.visit(&mut collect);
    collect.0
}

/// Losses and gradient norms of the steps, then the losses of the validations.
pub(crate) fn losses(fitted: &Fitted) -> Vec<f64> {
    let history = &fitted.history;
    let steps = history.steps.iter();
    let steps = steps.flat_map(|log| [log.loss, log.gradient_norm, log.learning_rate]);
    let valid = history.validations.iter().map(|log| log.valid_loss);
    let epochs = history.epochs.iter().map(|log| log.train_loss);
    steps.chain(valid).chain(epochs).collect()
}

pub(crate) fn assert_same(found: &Fitted, expected: &Fitted) {
    assert_eq!(losses(found), losses(expected));
    assert!(
        weights(&found.model) == weights(&expected.model),
        "other weights"
    );
}

pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A place for checkpoints that is not there yet.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.checkpoints");
    (directory, path)
}
