//! Runs that continue a bundle: they start from its weights, keep its settings, and resume to the same bits.

use std::path::Path;

use burn::tensor::Device;
use gradus_bundle::{Bundle, BundleInfo};
use gradus_train::{
    Begin, Checkpoints, ContextOption, ModelOptions, ScratchTokens, Session, SourceBundle,
    StopHandle, TextOptions, TrainConfig, TrainError, TrainingPlan, rehearse,
};

use crate::stored::{Data, StopAt, config, losses};
use crate::support::alone;

/// Data, and a bundle `base` that was trained on it on a standardized scale.
fn trained(model: ModelOptions) -> Data {
    let data = Data::new();
    let mut plan = data.plan("base", config(), ScratchTokens::Words);
    plan.text.scale = "standardized".parse().unwrap();
    plan.model = model.check(&plan.training).unwrap();
    data.in_memory(&plan, Session::default()).unwrap();
    data
}

fn info(data: &Data, name: &str) -> BundleInfo {
    Bundle::info(&data.path(name)).unwrap()
}

fn continuing(data: &Data, output: &str, change: impl Fn(&mut TrainConfig)) -> TrainingPlan {
    let source = SourceBundle::open(&data.path("base")).unwrap();
    let mut training = source.train_config();
    training.epochs = 2;
    training.batch_size = 8;
    change(&mut training);
    TrainingPlan::continuing(&source, training.check().unwrap(), data.path(output)).unwrap()
}

fn weights(path: &Path) -> Vec<u8> {
    fs_err::read(path.join("model.safetensors")).unwrap()
}

#[test]
fn without_a_step_to_speak_of_the_weights_and_settings_are_those_of_the_bundle() {
    let _alone = alone();
    let data = trained(ModelOptions::default());
    let plan = continuing(&data, "next", |training| {
        training.learning_rate = Some(1e-30);
        training.head_learning_rate = 1e-30;
        training.weight_decay = 0.0;
    });
    data.in_memory(&plan, Session::default()).unwrap();
    assert!(weights(&data.path("next")) == weights(&data.path("base")));
    let (base, next) = (info(&data, "base"), info(&data, "next"));
    assert_eq!(next.manifest.text, base.manifest.text, "scales included");
    let from = next.manifest.training.unwrap().from.unwrap();
    assert_eq!(from.weights, base.weights.sha256);
    assert_eq!(from.data, base.manifest.training.unwrap().data);
    assert!(from.left_behind.is_empty());
}

#[test]
fn rates_are_a_fifth_and_stay_so_when_the_bundle_is_continued_again() {
    let _alone = alone();
    let data = trained(ModelOptions::default());
    let rates = |name: &str| {
        let config = SourceBundle::open(&data.path(name)).unwrap().train_config();
        [config.learning_rate.unwrap(), config.head_learning_rate]
    };
    let close = |found: [f64; 2]| {
        let expected = [
            config().learning_rate.unwrap() / 5.0,
            config().head_learning_rate / 5.0,
        ];
        found
            .iter()
            .zip(expected)
            .all(|(found, expected)| (found - expected).abs() < 1e-12)
    };
    assert!(close(rates("base")), "{:?}", rates("base"));
    data.in_memory(&continuing(&data, "next", |_| ()), Session::default())
        .unwrap();
    assert!(close(rates("next")), "{:?}", rates("next"));
    assert!(weights(&data.path("next")) != weights(&data.path("base")));
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bits_from_memory_or_disk() {
    let _alone = alone();
    let data = trained(ModelOptions::default());
    let plan = |output: &str| continuing(&data, output, |_| ());
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
fn what_is_not_the_bundles_is_refused_by_name() {
    let _alone = alone();
    let data = trained(ModelOptions::default());
    let refused = |change: &dyn Fn(&mut TrainingPlan), name: &str| {
        let mut plan = continuing(&data, "next", |_| ());
        change(&mut plan);
        let error = data.in_memory(&plan, Session::default()).unwrap_err();
        let message = error.to_string();
        assert!(
            error.is_input() && message.contains(&format!("`{name}`")),
            "{message}"
        );
        assert!(!data.path("next").exists());
    };
    let text = |change: fn(&mut TextOptions)| move |plan: &mut TrainingPlan| change(&mut plan.text);
    refused(
        &text(|text| text.scale = "identity".parse().unwrap()),
        "text.scale",
    );
    refused(
        &text(|text| text.segmenter = "line".parse().unwrap()),
        "text.segmenter",
    );
    refused(
        &text(|text| text.aspects = vec!["other".into()]),
        "text.aspects",
    );
    refused(
        &text(|text| text.use_context = ContextOption::Leave),
        "text.use_context",
    );
    for (json, name) in [
        (
            r#"{"head": {"mlp": {"d_hidden": 4, "dropout": 0.0}}}"#,
            "model.head",
        ),
        (r#"{"pooling": "max"}"#, "model.pooling"),
        (r#"{"lora": {"rank": 2}}"#, "model.lora"),
    ] {
        let model = |plan: &mut TrainingPlan| {
            let options: ModelOptions = serde_json::from_str(json).unwrap();
            plan.model = options.check(&plan.training).unwrap();
        };
        refused(&model, name);
    }
    let mut plan = continuing(&data, "base", |_| ());
    plan.overwrite = true;
    let before = weights(&data.path("base"));
    let message = data.in_memory(&plan, Session::default()).unwrap_err();
    assert!(
        message.to_string().contains("which is the output"),
        "{message}"
    );
    assert!(weights(&data.path("base")) == before);
}

#[test]
fn new_data_may_lack_an_aspect_but_not_all() {
    let _alone = alone();
    let mut data = trained(ModelOptions::default());
    let rename = |examples: &mut Vec<gradus_data::Example>| {
        for segment in examples
            .iter_mut()
            .flat_map(|example| &mut example.segments)
        {
            segment.ratings = std::mem::take(&mut segment.ratings)
                .into_values()
                .map(|rating| ("another".to_owned(), rating))
                .collect();
        }
    };
    rename(&mut data.train);
    rename(&mut data.valid);
    let plan = continuing(&data, "next", |_| ());
    let message = data
        .in_memory(&plan, Session::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("`rating`") && message.contains("another"),
        "{message}"
    );
}

#[test]
fn adapters_go_on_and_leave_the_matrices_below_them_alone() {
    let _alone = alone();
    let data = trained(serde_json::from_str(r#"{"lora": {"rank": 2}}"#).unwrap());
    data.in_memory(&continuing(&data, "next", |_| ()), Session::default())
        .unwrap();
    let tensors = |name: &str| {
        let bytes = weights(&data.path(name));
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let length = usize::try_from(length).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        let body = bytes[8 + length..].to_vec();
        let tensor = move |key: &str| {
            let ends = &header[key]["data_offsets"];
            let at = |k: usize| usize::try_from(ends[k].as_u64().unwrap()).unwrap();
            body[at(0)..at(1)].to_vec()
        };
        let matrix = "encoder.layers.0.attention.query.weight";
        (tensor(matrix), tensor(&format!("{matrix}.lora.a")))
    };
    let (base, next) = (tensors("base"), tensors("next"));
    assert!(
        !base.0.is_empty() && base.0 == next.0,
        "the matrix is frozen"
    );
    assert!(!base.1.is_empty() && base.1 != next.1, "its adapter learns");
}

#[test]
fn a_rehearsal_counts_the_steps_and_writes_nothing() {
    let _alone = alone();
    let data = trained(ModelOptions::default());
    let plan = continuing(&data, "next", |_| ());
    let found = rehearse(
        &plan,
        &data.train,
        &data.valid,
        &Device::flex(),
        Session::default(),
    );
    let found = found.unwrap();
    let run = data.in_memory(&plan, Session::default()).unwrap();
    assert_eq!(found.steps, run.history.steps.len());
    assert_eq!((found.epochs, found.measured_steps), (2, 5));
    assert!(found.seconds > 0.0 && found.memory > 4 * found.num_parameters);
    fs_err::remove_dir_all(data.path("next")).unwrap();
    let again = rehearse(
        &plan,
        &data.train,
        &data.valid,
        &Device::flex(),
        Session::default(),
    );
    again.unwrap();
    assert!(!data.path("next").exists());
}
