//! Training from files: the same as in memory, from a cache that is checked.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use gradus_data::{
    ColumnMap, DataError, Example, ExampleWriter, GeneratorConfig, ReadLimits, StoredRecords,
    generate,
};
use gradus_train::{
    Begin, CacheEvent, Checkpoints, EncoderSource, ScratchOptions, ScratchTokens, Session, StepLog,
    StopHandle, TextOptions, TokenCache, TrainConfig, TrainError, TrainObserver, TrainingPlan,
    TrainingReport, train, train_stored,
};
use tempfile::TempDir;

use crate::support::alone;

/// Two splits in files, and the same in memory.
pub(crate) struct Data {
    directory: TempDir,
    pub(crate) train: Vec<Example>,
    pub(crate) valid: Vec<Example>,
}

impl Data {
    pub(crate) fn new() -> Self {
        Self::changed(|_, _| ())
    }

    /// Splits of which each example was changed, by its place.
    pub(crate) fn changed(change: impl Fn(usize, &mut Example)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = GeneratorConfig {
            examples: 60,
            ..GeneratorConfig::default()
        };
        let mut train = generate(&config).unwrap();
        // Unrated, blank, rated as a whole, longer than what is read, with a context.
        train[3].segments.clear();
        train[4].segments.clear();
        train[4].response = " ".into();
        train[5].segments.clear();
        train[5].ratings = [("rating".to_owned(), 0.25)].into();
        train[6].prompt = "so many words ".repeat(60);
        train[7].context = Some("a context".into());
        for (place, example) in train.iter_mut().enumerate() {
            change(place, example);
        }
        let valid = train.split_off(48);
        for (name, examples) in [("train.jsonl", &train), ("valid.jsonl", &valid)] {
            let mut file = ExampleWriter::create(directory.path().join(name)).unwrap();
            for example in examples {
                file.write(example).unwrap();
            }
            file.commit().unwrap();
        }
        Self {
            directory,
            train,
            valid,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn stored(&self, name: &str) -> StoredRecords {
        let (limits, columns) = (ReadLimits::default(), ColumnMap::default());
        let stored = StoredRecords::find(&self.path(name), limits, columns);
        stored.unwrap().unwrap()
    }

    pub(crate) fn plan(
        &self,
        output: &str,
        config: TrainConfig,
        tokens: ScratchTokens,
    ) -> TrainingPlan {
        let scratch = ScratchOptions {
            d_model: 8,
            num_layers: 1,
            num_heads: 2,
            d_ff: 16,
            tokens,
            ..ScratchOptions::default()
        };
        TrainingPlan {
            text: TextOptions {
                max_length: 96,
                ..TextOptions::default()
            },
            ..TrainingPlan::new(
                EncoderSource::Scratch(scratch),
                config.check().unwrap(),
                self.path(output),
            )
        }
    }

    pub(crate) fn in_memory(
        &self,
        plan: &TrainingPlan,
        session: Session,
    ) -> Result<TrainingReport, TrainError> {
        train(plan, &self.train, &self.valid, &Device::flex(), session)
    }

    /// A run from the files, and the news of its cache.
    pub(crate) fn on_disk(
        &self,
        plan: &TrainingPlan,
        session: Session,
    ) -> (Result<TrainingReport, TrainError>, Vec<String>) {
        let news = RefCell::new(Vec::new());
        let cache = TokenCache {
            directory: self.path("cache"),
            on_event: Box::new(|event| {
                let text = match event {
                    CacheEvent::Found { .. } => "found".to_owned(),
                    CacheEvent::Written { .. } => "written".to_owned(),
                    CacheEvent::Refused { reason, .. } => format!("refused: {reason}"),
                    _ => return,
                };
                news.borrow_mut().push(text);
            }),
        };
        let [train, valid] = ["train.jsonl", "valid.jsonl"].map(|name| self.stored(name));
        let report = train_stored(plan, &train, &valid, cache, &Device::flex(), session);
        (report, news.into_inner())
    }

    /// The files of a bundle that hold what was learned, and from what.
    pub(crate) fn learned(&self, output: &str) -> Vec<Vec<u8>> {
        let read = |name| fs_err::read(self.path(output).join(name)).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&read("manifest.json")).unwrap();
        let training = &manifest["training"];
        vec![
            read("model.safetensors"),
            read("tokenizer.json"),
            training["data"].to_string().into_bytes(),
            training["counts"].to_string().into_bytes(),
        ]
    }
}

pub(crate) fn config() -> TrainConfig {
    TrainConfig {
        epochs: 2,
        batch_size: 8,
        learning_rate: Some(3e-3),
        ..TrainConfig::default()
    }
}

pub(crate) fn losses(report: &TrainingReport) -> Vec<u64> {
    let steps = report.history.steps.iter().map(|step| step.loss);
    let valid = report.history.validations.iter().map(|log| log.valid_loss);
    steps.chain(valid).map(f64::to_bits).collect()
}

#[test]
fn a_run_from_the_cache_equals_one_in_memory_to_the_bit() {
    let _alone = alone();
    let data = Data::new();
    let with_responses: TrainConfig =
        serde_json::from_str(r#"{"response_loss": {"weight": 1.0, "aggregation": "mean"}}"#)
            .unwrap();
    let with_responses = TrainConfig {
        response_loss: with_responses.response_loss,
        ..config()
    };
    let settings = [
        (config(), ScratchTokens::Words),
        (config(), ScratchTokens::Bytes),
        (with_responses, ScratchTokens::Words),
    ];
    for (number, (config, tokens)) in settings.into_iter().enumerate() {
        let [memory, cold, warm] =
            ["memory", "cold", "warm"].map(|name| format!("{name}-{number}"));
        let plan = |output: &str| data.plan(output, config.clone(), tokens);
        let expected = data.in_memory(&plan(&memory), Session::default()).unwrap();
        for (output, news) in [(&cold, "written"), (&warm, "found")] {
            let (report, told) = data.on_disk(&plan(output), Session::default());
            let report = report.unwrap();
            assert_eq!(told, [news]);
            assert_eq!(losses(&report), losses(&expected), "{output}");
            assert_eq!(
                serde_json::to_value(&report.counts).unwrap(),
                serde_json::to_value(&expected.counts).unwrap()
            );
            assert!(data.learned(output) == data.learned(&memory), "{output}");
        }
    }
}

#[test]
fn other_data_and_settings_have_another_entry() {
    let _alone = alone();
    let data = Data::new();
    let mut plan = data.plan("a", config(), ScratchTokens::Words);
    plan.overwrite = true;
    let run = |plan: &TrainingPlan| {
        let (report, news) = data.on_disk(plan, Session::default());
        report.unwrap();
        news
    };
    assert_eq!(run(&plan), ["written"]);
    // What changes no token changes no entry.
    plan.training = TrainConfig {
        epochs: 1,
        seed: 7,
        ..config()
    }
    .check()
    .unwrap();
    assert_eq!(run(&plan), ["found"]);
    plan.text.max_length = 64;
    assert_eq!(run(&plan), ["written"]);
    plan.text.scale = "standardized".parse().unwrap();
    assert_eq!(run(&plan), ["written"]);
    let path = data.path("valid.jsonl");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("0.5", "0.25")).unwrap();
    assert_eq!(run(&plan), ["written"]);
    fs_err::write(&path, text).unwrap();
    assert_eq!(run(&plan), ["found"]);
}

#[test]
fn whatever_is_damaged_or_foreign_is_made_anew_and_said() {
    let _alone = alone();
    let data = Data::new();
    let mut plan = data.plan("a", config(), ScratchTokens::Words);
    plan.overwrite = true;
    let run = || {
        let (report, news) = data.on_disk(&plan, Session::default());
        (losses(&report.unwrap()), news)
    };
    let (expected, _) = run();
    let mut files: Vec<PathBuf> = fs_err::read_dir(data.path("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 3, "{files:?}");
    let harm = |path: &Path, bytes: &[u8]| {
        fs_err::write(path, bytes).unwrap();
        let (found, news) = run();
        assert_eq!(found, expected, "{}", path.display());
        assert_eq!(news.len(), 2, "{}: {news:?}", path.display());
        assert!(
            news[0].starts_with("refused: ") && news[1] == "written",
            "{news:?}"
        );
        assert_eq!(run().1, ["found"]);
    };
    for path in &files {
        let whole = fs_err::read(path).unwrap();
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        harm(path, &changed);
        harm(path, &whole[..whole.len() - 5]);
        harm(path, b"");
    }
    // Tokens of one split under the name of the other.
    let [_, train, valid] = &files[..] else {
        panic!("{files:?}")
    };
    harm(train, &fs_err::read(valid).unwrap());
    fs_err::remove_file(train).unwrap();
    assert_eq!(run().1.len(), 2);
}

pub(crate) struct StopAt(pub(crate) usize, pub(crate) StopHandle);

impl TrainObserver for StopAt {
    fn on_step(&mut self, step: &StepLog) {
        if step.step == self.0 {
            self.1.stop();
        }
    }
}

#[test]
fn a_stopped_run_goes_on_from_memory_or_disk_to_the_same_bits() {
    let _alone = alone();
    let data = Data::new();
    let plan = |output: &str| data.plan(output, config(), ScratchTokens::Words);
    let expected = data.in_memory(&plan("whole"), Session::default()).unwrap();
    let session = |output: &str, begin, stop_at| {
        let stop = StopHandle::new();
        Session {
            stop: stop.clone(),
            checkpoints: Some(Checkpoints {
                directory: data.path(&format!("{output}.checkpoints")),
                begin,
                files: Vec::new(),
            }),
            ..Session::watched_by(StopAt(stop_at, stop))
        }
    };
    for (output, disk_first) in [("a", true), ("b", false)] {
        let run = |on_disk: bool, session| {
            if on_disk {
                data.on_disk(&plan(output), session).0
            } else {
                data.in_memory(&plan(output), session)
            }
        };
        let stopped = run(disk_first, session(output, Begin::New, 4));
        assert!(matches!(stopped, Err(TrainError::Stopped { step: 4, .. })));
        let resumed = run(!disk_first, session(output, Begin::Resume, 0)).unwrap();
        assert_eq!(losses(&resumed), losses(&expected));
        assert!(data.learned(output) == data.learned("whole"));
    }
}

#[test]
fn errors_are_those_of_a_run_in_memory() {
    let _alone = alone();
    let data = Data::new();
    let mut plan = data.plan("a", config(), ScratchTokens::Words);
    let errors = |plan: &TrainingPlan| {
        let memory = data.in_memory(plan, Session::default()).unwrap_err();
        let (disk, _) = data.on_disk(plan, Session::default());
        let disk = disk.unwrap_err();
        assert_eq!(disk.to_string(), memory.to_string());
        assert_eq!(
            (disk.hint(), disk.is_input()),
            (memory.hint(), memory.is_input())
        );
    };
    plan.text.aspects = vec!["beauty".into()];
    errors(&plan);
    plan.text.aspects = vec![];
    plan.text.scale = "minmax:0.4:0.6".parse().unwrap();
    errors(&plan);
    plan.text.scale = "minmax:0:1".parse().unwrap();
    plan.text.max_length = 2;
    errors(&plan);
    // Nothing is left of what was not finished.
    let left = fs_err::read_dir(data.path("cache")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn a_run_that_is_stopped_while_it_tokenizes_leaves_no_entry() {
    let data = Data::new();
    let stop = StopHandle::new();
    stop.stop();
    let session = Session {
        stop,
        ..Session::default()
    };
    let (report, news) = data.on_disk(&data.plan("a", config(), ScratchTokens::Words), session);
    assert!(matches!(report, Err(TrainError::Stopped { step: 0, .. })));
    assert!(news.is_empty(), "{news:?}");
    assert_eq!(fs_err::read_dir(data.path("cache")).unwrap().count(), 0);
}

#[test]
fn a_cache_that_cannot_be_written_is_an_error_with_its_path() {
    let data = Data::new();
    fs_err::write(data.path("cache"), "a file").unwrap();
    let (report, _) = data.on_disk(
        &data.plan("a", config(), ScratchTokens::Words),
        Session::default(),
    );
    let error = report.unwrap_err();
    assert!(
        matches!(&error, TrainError::Data(DataError::Write { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("cache"), "{error}");
}
