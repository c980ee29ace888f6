//! A run without files: paused, kept, resumed, and the same to the bit as one with files.

use burn::tensor::Device;
use gradus_bundle::{Bundle, BundleFiles};
use gradus_data::{Example, GeneratorConfig, generate};
use gradus_model::EmbeddingFormat;
use gradus_train::{
    EncoderSource, Engine, Fitted, HeadFit, MemoryRun, ModelOptions, ScratchOptions, Session,
    SnapshotFiles, StepLog, StopHandle, TrainConfig, TrainError, TrainObserver, Training,
    TrainingPlan, probe, train,
};
use tempfile::TempDir;

use crate::support::{alone, assert_same, data, model, settings, whole};

/// Requests a stop after every step.
struct Impatient(StopHandle);

impl TrainObserver for Impatient {
    fn on_step(&mut self, _step: &StepLog) {
        self.0.stop();
    }
}

fn impatient(stop: &StopHandle) -> Session {
    Session {
        stop: stop.clone(),
        ..Session::watched_by(Impatient(stop.clone()))
    }
}

/// Goes one step further, and to the end where there is none.
fn advance(engine: &mut Engine<'_>, stop: &StopHandle) -> bool {
    match engine.run() {
        Ok(()) => false,
        Err(TrainError::Stopped { .. }) => stop.take_back(),
        Err(error) => panic!("{error}"),
    }
}

fn stopped_after_every_step(config: &TrainConfig) -> Fitted {
    let (data, config) = (data(), config.clone().check().unwrap());
    let stop = StopHandle::new();
    let training = Training::new(model(config.dropout), &data, &config, &Device::flex());
    let mut engine = training.with_session(impatient(&stop)).start().unwrap();
    let mut stops = 0;
    while advance(&mut engine, &stop) {
        stops += 1;
    }
    assert_eq!(stops, 10);
    engine.finish().unwrap()
}

/// Settings that leave nothing out: dropout, an average, validations within an epoch, micro-batches.
fn rich() -> TrainConfig {
    TrainConfig {
        dropout: 0.3,
        r_drop: Some(0.5),
        ema_decay: Some(0.9),
        eval_every: 2,
        micro_batch_size: Some(2),
        ..settings()
    }
}

#[test]
fn a_run_that_pauses_after_every_step_is_the_same() {
    let _alone = alone();
    for config in [settings(), rich()] {
        assert_same(&stopped_after_every_step(&config), &whole(&data(), &config));
    }
}

#[test]
fn a_run_goes_on_from_any_snapshot() {
    let _alone = alone();
    let (data, config) = (data(), rich());
    let expected = whole(&data, &config);
    let config = config.check().unwrap();
    let start = |snapshot: Option<SnapshotFiles>, session: Session| {
        Training::new(model(0.3), &data, &config, &Device::flex())
            .with_session(session)
            .with_snapshots(snapshot)
            .start()
    };
    let stop = StopHandle::new();
    let mut engine = start(None, impatient(&stop)).unwrap();
    let mut snapshots = vec![engine.snapshot().unwrap().unwrap()];
    while advance(&mut engine, &stop) {
        snapshots.push(engine.snapshot().unwrap().unwrap());
    }
    assert_eq!(snapshots.len(), 11);
    for snapshot in &snapshots {
        let mut resumed = start(Some(snapshot.clone()), Session::default()).unwrap();
        resumed.run().unwrap();
        assert_same(&resumed.finish().unwrap(), &expected);
    }
    let whole = &snapshots[5];
    for name in whole.keys() {
        let mut part = whole.clone();
        part.remove(name);
        let without = start(Some(part), Session::default()).map(|engine| engine.best().is_some());
        match name.as_str() {
            "average.bpk" => assert!(without.is_ok()),
            "best.bpk" => assert!(!without.unwrap()),
            _ => assert!(without.unwrap_err().to_string().contains(name.as_str())),
        }
    }
    let other = TrainConfig { seed: 1, ..rich() }.check().unwrap();
    let error = Training::new(model(0.3), &data, &other, &Device::flex())
        .with_snapshots(Some(whole.clone()))
        .start()
        .err()
        .unwrap();
    assert!(error.to_string().contains("training.seed"), "{error}");
}

#[test]
fn without_being_asked_for_there_are_no_snapshots() {
    let _alone = alone();
    let (data, config) = (data(), settings().check().unwrap());
    let engine = Training::new(model(0.0), &data, &config, &Device::flex()).start();
    assert!(engine.unwrap().snapshot().unwrap().is_none());
}

/// Generated examples, and a plan for a small encoder whose bundle goes into the directory.
struct Generated {
    directory: TempDir,
    train: Vec<Example>,
    valid: Vec<Example>,
    plan: TrainingPlan,
}

impl Generated {
    fn new(config: TrainConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let scratch = ScratchOptions {
            d_model: 8,
            num_layers: 1,
            num_heads: 2,
            d_ff: 16,
            ..ScratchOptions::default()
        };
        let source = EncoderSource::Scratch(scratch);
        let output = directory.path().join("bundle");
        let mut train = generate(&GeneratorConfig {
            examples: 60,
            ..GeneratorConfig::default()
        })
        .unwrap();
        let valid = train.split_off(45);
        Self {
            plan: TrainingPlan::new(source, config.check().unwrap(), output),
            directory,
            train,
            valid,
        }
    }

    fn run(&self) -> MemoryRun {
        MemoryRun::of_plan(&self.plan, &self.train, &self.valid, &Device::flex()).unwrap()
    }

    fn on_disk(&self) -> BundleFiles {
        let entries = fs_err::read_dir(self.directory.path().join("bundle")).unwrap();
        let entries = entries.map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs_err::read(entry.path()).unwrap())
        });
        entries.collect()
    }
}

/// Files without what a clock has measured.
fn timeless(mut files: BundleFiles) -> BundleFiles {
    for name in [
        "history.json",
        "metrics.jsonl",
        "manifest.json",
        "README.md",
    ] {
        files.remove(name);
    }
    files
}

#[test]
fn the_bundle_of_a_run_in_memory_is_the_one_on_disk() {
    let _alone = alone();
    let generated = Generated::new(settings());
    train(
        &generated.plan,
        &generated.train,
        &generated.valid,
        &Device::flex(),
        Session::default(),
    )
    .unwrap();
    let run = generated.run();
    let fitted = run.training(&Device::flex()).fit().unwrap();
    let (_, files) = run.bundle(&fitted.model, &fitted.history).unwrap();
    let found = generated.on_disk();
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>()
    );
    assert_eq!(timeless(files), timeless(found));
}

#[test]
fn a_head_that_is_fitted_batch_by_batch_is_that_of_a_probe() {
    let _alone = alone();
    let generated = Generated::new(settings());
    let (train, valid) = (&generated.train, &generated.valid);
    let on_disk = probe(
        &generated.plan,
        train,
        valid,
        &Device::flex(),
        |_| (),
        |_, _| (),
    )
    .unwrap();
    let run = generated.run();
    let mut fit = HeadFit::new(&run, &Device::flex()).unwrap();
    let (_, all) = fit.progress();
    let mut batches = 0;
    while fit.advance().unwrap() {
        batches += 1;
        assert_eq!(fit.progress(), (batches, all));
    }
    let (report, _, files) = fit.finish().unwrap();
    assert_eq!(
        (batches, report.aspects[0].penalty),
        (all, on_disk.aspects[0].penalty)
    );
    assert_eq!(timeless(files), timeless(generated.on_disk()));
}

#[test]
fn a_run_goes_on_from_a_bundle() {
    let _alone = alone();
    let generated = Generated::new(TrainConfig {
        learning_rate: Some(1e-2),
        ..settings()
    });
    let (train, valid) = (&generated.train, &generated.valid);
    let run = generated.run();
    let fitted = run.training(&Device::flex()).fit().unwrap();
    let first = fitted.history.best().unwrap().valid_mse;
    let (bundle, _) = run.bundle(&fitted.model, &fitted.history).unwrap();
    // Steps that change nothing: what is validated is what the run begins with.
    let config = TrainConfig {
        learning_rate: Some(1e-12),
        head_learning_rate: 1e-12,
        weight_decay: 0.0,
        ..settings()
    };
    let config = config.check().unwrap();
    let adapters = "4".parse().unwrap();
    for adapters in [None, Some(&adapters)] {
        let next = MemoryRun::of_bundle(&bundle, &config, adapters, train, valid, &Device::flex());
        let next = next.unwrap();
        let fitted = next.training(&Device::flex()).fit().unwrap();
        let again = fitted.history.best().unwrap().valid_mse;
        assert!(
            (again - first).abs() < 1e-6,
            "{again} is not {first}: it began anew"
        );
        let (_, files) = next.bundle(&fitted.model, &fitted.history).unwrap();
        let name = "trained".as_ref();
        let (bundle, _) = Bundle::from_files(name, files, &Device::flex()).unwrap();
        assert_eq!(bundle.config.lora.is_some(), adapters.is_some());
        if let Some(adapters) = adapters {
            let again = MemoryRun::of_bundle(
                &bundle,
                &config,
                Some(adapters),
                train,
                valid,
                &Device::flex(),
            );
            let error = again.err().unwrap().to_string();
            assert!(error.contains("has adapters"), "{error}");
        }
    }
    let rounded = bundle.quantized(EmbeddingFormat::Int8, "", &Device::flex());
    let rounded = rounded.unwrap();
    let next = MemoryRun::of_bundle(&rounded, &config, None, train, valid, &Device::flex());
    let error = next.err().unwrap().to_string();
    assert!(error.contains("found a quantized bundle"), "{error}");
}

#[test]
fn a_head_with_layers_is_not_fitted_in_closed_form() {
    let _alone = alone();
    let mut generated = Generated::new(settings());
    let options = ModelOptions {
        head: "mlp:8".parse().unwrap(),
        ..ModelOptions::default()
    };
    generated.plan.model = options.check(&generated.plan.training).unwrap();
    let error = HeadFit::new(&generated.run(), &Device::flex())
        .err()
        .unwrap();
    assert!(error.to_string().contains("`linear`"), "{error}");
}
