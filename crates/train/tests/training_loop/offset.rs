//! Runs beside a trivial baseline: what the model learns, and what its bundle keeps.

use burn::tensor::Device;
use gradus_bundle::{Bundle, OFFSET, OffsetKind};
use gradus_data::{Example, TokenizedExample};
use gradus_train::{
    Begin, Checkpoints, HeadFit, MemoryRun, OffsetOption, ScratchTokens, Session, SourceBundle,
    StopHandle, TrainConfig, TrainError, TrainingPlan, choose_offset, probe,
};

use crate::stored::{Data, StopAt, config, losses};
use crate::support::{alone, data_of, examples, settings, whole};

fn with(kind: OffsetKind) -> TrainConfig {
    TrainConfig {
        offset: kind.into(),
        ..config()
    }
}

/// Every segment with an offset of its own, or with a target that is less by as much.
fn moved(as_targets: bool) -> Vec<TokenizedExample> {
    let mut all = examples(21);
    for (row, example) in all.iter_mut().enumerate() {
        for (place, segment) in example.segments.iter_mut().enumerate() {
            let offset = f32::from(u8::try_from((row * 3 + place * 5) % 7).unwrap()) / 8.0;
            if as_targets {
                segment.targets[0] = segment.targets[0].map(|target| target - offset);
            } else {
                segment.offsets = vec![offset];
            }
        }
    }
    all
}

#[test]
fn the_model_learns_what_the_offset_leaves() {
    let _alone = alone();
    let train = |as_targets| {
        whole(&data_of(moved(as_targets)), &settings())
            .history
            .steps
    };
    let (beside, residual) = (train(false), train(true));
    let none = whole(&data_of(examples(21)), &settings()).history.steps;
    assert_eq!(beside.len(), residual.len());
    for (found, expected) in beside.iter().zip(&residual) {
        let difference = (found.loss - expected.loss).abs();
        assert!(difference < 1e-4, "{} {}", found.loss, expected.loss);
    }
    assert!((beside[0].loss - none[0].loss).abs() > 0.01);
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bits_from_memory_or_disk() {
    let _alone = alone();
    let data = Data::new();
    for (number, kind) in OffsetKind::ALL.into_iter().enumerate() {
        let plan =
            |name: &str| data.plan(&format!("{name}{number}"), with(kind), ScratchTokens::Words);
        let expected = data.in_memory(&plan("whole"), Session::default()).unwrap();
        let (output, stop) = (format!("a{number}"), StopHandle::new());
        let session = |begin, stop_at, stop: StopHandle| Session {
            stop: stop.clone(),
            checkpoints: Some(Checkpoints {
                directory: data.path(&format!("{output}.checkpoints")),
                begin,
                files: Vec::new(),
            }),
            ..Session::watched_by(StopAt(stop_at, stop))
        };
        let (stopped, news) = data.on_disk(&plan("a"), session(Begin::New, 4, stop));
        assert!(matches!(stopped, Err(TrainError::Stopped { step: 4, .. })));
        assert_eq!(news, ["written"], "tokens of other offsets are others");
        let (resumed, news) =
            data.on_disk(&plan("a"), session(Begin::Resume, 0, StopHandle::new()));
        assert_eq!(news, ["found"]);
        assert_eq!(losses(&resumed.unwrap()), losses(&expected));
        assert!(data.learned(&output) == data.learned(&format!("whole{number}")));
        let offset = |name: &str| fs_err::read(data.path(name).join(OFFSET)).unwrap();
        assert!(offset(&output) == offset(&format!("whole{number}")));
        let bundle = Bundle::info(&data.path(&output)).unwrap();
        assert_eq!(bundle.manifest.offset, Some(kind.into()));
        assert_eq!(bundle.offset.unwrap().aspects[0].aspect, "rating");
    }
}

#[test]
fn a_bundle_is_continued_beside_its_own_offset_only() {
    let _alone = alone();
    let data = Data::new();
    let base = data.plan(
        "base",
        with(OffsetKind::PositionLength),
        ScratchTokens::Words,
    );
    data.in_memory(&base, Session::default()).unwrap();
    let source = SourceBundle::open(&data.path("base")).unwrap();
    let training = source.train_config();
    assert_eq!(training.offset, OffsetKind::PositionLength.into());
    let plan = |training: TrainConfig| {
        let training = training.check().unwrap();
        TrainingPlan::continuing(&source, training, data.path("next")).unwrap()
    };
    for other in [OffsetOption::None, OffsetKind::BagOfWords.into()] {
        let other = TrainConfig {
            offset: other,
            ..training.clone()
        };
        let error = data
            .in_memory(&plan(other), Session::default())
            .unwrap_err();
        assert!(error.to_string().contains("`training.offset`"), "{error}");
        assert!(error.is_input());
    }
    let one_epoch = TrainConfig {
        epochs: 1,
        ..training
    };
    data.in_memory(&plan(one_epoch), Session::default())
        .unwrap();
    let offset = |name: &str| fs_err::read(data.path(name).join(OFFSET)).unwrap();
    assert!(offset("next") == offset("base"));
}

#[test]
fn a_probe_fits_the_head_beside_the_offset_and_the_same_in_memory() {
    let _alone = alone();
    let data = Data::new();
    let device = Device::flex();
    let run = |output: &str, offset| {
        let config = TrainConfig { offset, ..config() };
        let plan = data.plan(output, config, ScratchTokens::Words);
        let report = probe(&plan, &data.train, &data.valid, &device, |_| (), |_, _| ()).unwrap();
        (plan, report.aspects[0].valid_mse)
    };
    let (_, alone) = run("alone", OffsetOption::None);
    let (plan, beside) = run("beside", OffsetKind::PositionLength.into());
    assert!((alone - beside).abs() > 1e-6);
    let bundle = Bundle::load(&data.path("beside"), &device).unwrap();
    assert_eq!(
        bundle.manifest.offset,
        Some(OffsetKind::PositionLength.into())
    );
    let memory = MemoryRun::of_plan(&plan, &data.train, &data.valid, &device).unwrap();
    let (report, of_memory, files) = HeadFit::new(&memory, &device).unwrap().finish().unwrap();
    assert_eq!(report.aspects[0].valid_mse.to_bits(), beside.to_bits());
    assert_eq!(of_memory.manifest.offset, bundle.manifest.offset);
    assert!(files[OFFSET] == fs_err::read(data.path("beside").join(OFFSET)).unwrap());
    // And a run that goes on from the files is beside the same offset.
    let (bundle, _) = Bundle::from_files("bundle".as_ref(), files.clone(), &device).unwrap();
    let training = with(OffsetKind::PositionLength).check().unwrap();
    let next = MemoryRun::of_bundle(&bundle, &training, None, &data.train, &data.valid, &device);
    let (_, _, next) = HeadFit::new(&next.unwrap(), &device)
        .unwrap()
        .finish()
        .unwrap();
    assert!(next[OFFSET] == files[OFFSET]);
}

#[test]
fn ratings_of_one_prompt_are_refused_with_what_is_missing() {
    let _alone = alone();
    let data = Data::new();
    let same = |example: &Example| Example {
        prompt: "the same".into(),
        ..example.clone()
    };
    let train: Vec<Example> = data.train.iter().map(same).collect();
    let plan = data.plan("a", with(OffsetKind::BagOfWords), ScratchTokens::Words);
    let error = gradus_train::train(
        &plan,
        &train,
        &data.valid,
        &Device::flex(),
        Session::default(),
    );
    let error = error.unwrap_err();
    assert!(
        error.to_string().contains("one prompt") && error.is_input(),
        "{error}"
    );
    assert!(error.hint().is_some() && !data.path("a").exists());
}

/// Ratings of `rating` that follow the place of a segment, and of `noise` that follow nothing.
fn by_place(place: usize, example: &mut Example) {
    let last = example.segments.len().saturating_sub(1);
    for (k, segment) in example.segments.iter_mut().enumerate() {
        let noise = (place * 7919 + k * 104_729).count_ones() % 2;
        let trap = if k == last { 0.0 } else { 1.0 };
        segment.ratings.insert("rating".into(), trap);
        segment.ratings.insert("noise".into(), noise.into());
    }
    example.ratings.clear();
}

fn auto() -> TrainConfig {
    TrainConfig {
        offset: OffsetOption::Auto,
        ..config()
    }
}

#[test]
fn what_was_chosen_by_aspect_is_trained_beside_wherever_the_data_is_kept_and_after_a_stop() {
    let _alone = alone();
    let data = Data::changed(by_place);
    let chosen = choose_offset(&auto(), &[], &data.train[..], &data.valid[..]).unwrap();
    let table = r#"{"noise":"none","rating":"position+length"}"#;
    assert_eq!(serde_json::to_string(chosen.offset()).unwrap(), table);
    let asked = || TrainConfig {
        offset: chosen.offset().clone(),
        ..config()
    };
    let plan = |name: &str| data.plan(name, asked(), ScratchTokens::Words);
    let expected = data.in_memory(&plan("whole"), Session::default()).unwrap();
    // On disk, stopped, and resumed.
    let stop = StopHandle::new();
    let session = |begin, stop_at, stop: StopHandle| Session {
        stop: stop.clone(),
        checkpoints: Some(Checkpoints {
            directory: data.path("stopped.checkpoints"),
            begin,
            files: Vec::new(),
        }),
        ..Session::watched_by(StopAt(stop_at, stop))
    };
    let (stopped, _) = data.on_disk(&plan("stopped"), session(Begin::New, 4, stop));
    assert!(matches!(stopped, Err(TrainError::Stopped { step: 4, .. })));
    let go_on = session(Begin::Resume, 0, StopHandle::new());
    let (resumed, news) = data.on_disk(&plan("stopped"), go_on);
    assert_eq!(
        (losses(&resumed.unwrap()), news),
        (losses(&expected), vec!["found".to_owned()])
    );
    let offset = |name: &str| fs_err::read(data.path(name).join(OFFSET)).unwrap();
    assert!(data.learned("stopped") == data.learned("whole"));
    assert!(offset("stopped") == offset("whole"));
    // The bundle says what it has, and a run that continues it and leaves the choice to the data has the same.
    let manifest = fs_err::read_to_string(data.path("whole").join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["offset"].to_string(), table);
    assert_eq!(manifest["training"]["config"]["offset"].to_string(), table);
    assert_eq!(manifest["format_version"], 3);
    let source = SourceBundle::open(&data.path("whole")).unwrap();
    assert_eq!(source.train_config().offset, *chosen.offset());
    let next = TrainingPlan::continuing(&source, auto().check().unwrap(), data.path("next"));
    data.in_memory(&next.unwrap(), Session::default()).unwrap();
    assert!(offset("next") == offset("whole"));
    let device = Device::flex();
    let memory = MemoryRun::of_plan(&plan("new"), &data.train, &data.valid, &device);
    let (_, bundle, files) = HeadFit::new(&memory.unwrap(), &device)
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(
        serde_json::to_string(&bundle.manifest.offset).unwrap(),
        table
    );
    assert!(files[OFFSET] == offset("whole"));
}

#[test]
fn a_new_encoder_is_trained_beside_none_to_the_bit_if_the_choice_is_left_to_the_data() {
    let _alone = alone();
    let data = Data::changed(by_place);
    let run = |name: &str, config: TrainConfig| {
        let plan = data.plan(name, config, ScratchTokens::Words);
        let report = data.in_memory(&plan, Session::default()).unwrap();
        let info = Bundle::info(&data.path(name)).unwrap();
        assert_eq!(
            (info.manifest.format_version, info.manifest.offset),
            (1, None)
        );
        assert!(!data.path(name).join(OFFSET).exists());
        (
            losses(&report),
            data.learned(name),
            info.manifest.training.unwrap().run["config"].clone(),
        )
    };
    let none = TrainConfig {
        offset: OffsetOption::None,
        ..config()
    };
    assert!(run("auto", auto()) == run("none", none));
}

#[test]
fn a_table_with_an_aspect_that_is_not_trained_is_refused() {
    let _alone = alone();
    let data = Data::new();
    let config: TrainConfig =
        serde_json::from_str(r#"{"offset": {"tone": "bag-of-words"}}"#).unwrap();
    let plan = data.plan("a", config, ScratchTokens::Words);
    let error = data.in_memory(&plan, Session::default()).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`tone` (trained are: rating)") && error.is_input(),
        "{message}"
    );
}

#[test]
fn beside_an_offset_the_first_candidate_is_the_offset_and_the_first_step_is_that_of_a_new_head() {
    let _alone = alone();
    // An offset that adds nothing.
    let data = Data::changed(|_, example| {
        for segment in &mut example.segments {
            segment.ratings.insert("rating".into(), 0.5);
        }
        example.ratings.clear();
    });
    let history = |name: &str, offset: OffsetOption| {
        let config = TrainConfig { offset, ..config() };
        let plan = data.plan(name, config, ScratchTokens::Words);
        let report = data.in_memory(&plan, Session::default());
        report.unwrap().history
    };
    let none = history("none", OffsetOption::None);
    let beside = history("beside", OffsetKind::PositionLength.into());
    let loss = none.steps[0].loss;
    assert!(loss > 1e-4, "{loss}");
    assert!(
        (beside.steps[0].loss - loss).abs() < 1e-6,
        "{} {loss}",
        beside.steps[0].loss
    );
    let first = &beside.validations[0];
    assert!(first.step == 0 && first.valid_loss < 1e-6, "{first:?}");
}
