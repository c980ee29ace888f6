//! A run that is stopped and goes on gives what one gives that is not: bit for bit.

use std::path::Path;

use gradus_bundle::digest_file;
use gradus_train::{Begin, Freeze, TrainConfig, TrainError};
use serde_json::Value;

use crate::support::{
    Attempt, Seen, alone, assert_same, data, examples, place, settings, weights, whole,
};

/// Stops after each of `stops` in turn, resumes, and compares with a run that is left alone.
fn stopped_and_resumed(config: &TrainConfig, stops: &[usize]) {
    let data = data();
    let expected = whole(&data, config);
    let (_keep, directory) = place();
    let mut begin = Begin::New;
    for &step in stops {
        let attempt = Attempt {
            data: &data,
            config,
            directory: &directory,
            begin,
            stop_at: Some(step),
        };
        let (fitted, _) = attempt.run();
        let error = fitted.err().unwrap();
        let TrainError::Stopped {
            step: at,
            checkpoint,
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(*at, step);
        assert!(checkpoint.as_ref().unwrap().is_dir());
        begin = Begin::Resume;
    }
    let attempt = Attempt {
        data: &data,
        config,
        directory: &directory,
        begin,
        stop_at: None,
    };
    let (fitted, seen) = attempt.run();
    assert_eq!(seen.resumed_at, stops.last().copied());
    assert_same(&fitted.unwrap(), &expected);
    assert!(!directory.exists(), "a finished run leaves no checkpoints");
}

#[test]
fn a_plain_run_goes_on_from_any_step() {
    let _alone = alone();
    for step in 1..=9 {
        stopped_and_resumed(&settings(), &[step]);
    }
}

#[test]
fn dropout_draws_what_it_would_have_drawn() {
    let _alone = alone();
    let config = TrainConfig {
        dropout: 0.3,
        attention_dropout: 0.3,
        ..settings()
    };
    stopped_and_resumed(&config, &[1, 2, 5, 7]);
    let still = TrainConfig {
        dropout: 0.0,
        ..config.clone()
    };
    let data = data();
    assert_ne!(
        weights(&whole(&data, &config).model),
        weights(&whole(&data, &still).model),
        "dropout does nothing"
    );
}

#[test]
fn pieces_averages_and_validations_inside_an_epoch_go_on_too() {
    let _alone = alone();
    let config = TrainConfig {
        micro_batch_size: Some(2),
        ema_decay: Some(0.9),
        eval_every: 2,
        checkpoint_every: 3,
        dropout: 0.2,
        r_drop: Some(0.5),
        ..settings()
    };
    stopped_and_resumed(&config, &[2, 4, 6, 9]);
}

#[test]
fn frozen_parts_and_rates_by_layer_go_on_too() {
    let _alone = alone();
    let config = TrainConfig {
        freeze: Freeze::Embeddings,
        freeze_epochs: 0.7,
        layer_decay: 0.5,
        dropout: 0.2,
        ..settings()
    };
    // Before, at and after the end of the freezing in the fourth step.
    stopped_and_resumed(&config, &[2, 3, 4, 7]);
}

#[test]
fn token_budgets_go_on_too() {
    let _alone = alone();
    let config = TrainConfig {
        batch_tokens: Some(30),
        dropout: 0.2,
        ..settings()
    };
    stopped_and_resumed(&config, &[3, 8]);
}

#[test]
fn a_run_that_is_killed_goes_on_from_its_last_checkpoint() {
    let _alone = alone();
    let data = data();
    let config = TrainConfig {
        checkpoint_every: 2,
        ..settings()
    };
    let expected = whole(&data, &config);
    let (_keep, directory) = place();
    let attempt = |begin, stop_at| Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin,
        stop_at,
    };
    attempt(Begin::New, Some(8)).run().0.unwrap_err();
    // As if the run had been killed just before it saved this one, with two steps logged since.
    fs_err::remove_dir_all(directory.join("step-000008")).unwrap();
    let steps_logged = || -> Vec<u64> {
        let text = fs_err::read_to_string(directory.join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &serde_json::Value| line.get("train/loss").is_some())
            .map(|line| line["step"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(steps_logged(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let (error, seen) = attempt(Begin::Resume, Some(9)).run();
    error.unwrap_err();
    assert_eq!(seen.resumed_at, Some(6));
    assert_eq!(
        steps_logged(),
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        "no line is double"
    );
    let (fitted, _) = attempt(Begin::Resume, None).run();
    assert_same(&fitted.unwrap(), &expected);
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_is_used() {
    let _alone = alone();
    let (data, config) = (
        data(),
        TrainConfig {
            checkpoint_every: 1,
            ..settings()
        },
    );
    let expected = whole(&data, &config);
    for part in [
        "model.bpk",
        "optimizer.bpk",
        "schedule.bpk",
        "state.json",
        "settings.json",
    ] {
        let (_keep, directory) = place();
        let attempt = |begin, stop_at| Attempt {
            data: &data,
            config: &config,
            directory: &directory,
            begin,
            stop_at,
        };
        attempt(Begin::New, Some(4)).run().0.unwrap_err();
        let path = directory.join("step-000004").join(part);
        let mut bytes = fs_err::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs_err::write(&path, bytes).unwrap();
        let (fitted, seen) = attempt(Begin::Resume, None).run();
        let Seen {
            notes, resumed_at, ..
        } = seen;
        assert_eq!(resumed_at, Some(3), "{part}");
        assert!(
            notes[0].contains("step-000004") && notes[0].contains(part),
            "{notes:?}"
        );
        assert_same(&fitted.unwrap(), &expected);
    }
}

#[test]
fn damaged_best_weights_make_a_checkpoint_unusable() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let (_keep, directory) = place();
    let attempt = |begin, stop_at| Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin,
        stop_at,
    };
    attempt(Begin::New, Some(7)).run().0.unwrap_err();
    let best = directory.join("best-000005/model.bpk");
    fs_err::write(best, "nothing").unwrap();
    let error = attempt(Begin::Resume, None)
        .run()
        .0
        .unwrap_err()
        .to_string();
    for part in [
        "every checkpoint is damaged",
        "best-000005",
        "model.bpk has 7 bytes",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn other_settings_and_other_data_are_refused_by_name() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let (_keep, directory) = place();
    let attempt = |data, config, begin, stop_at| Attempt {
        data,
        config,
        directory: &directory,
        begin,
        stop_at,
    };
    attempt(&data, &config, Begin::New, Some(3))
        .run()
        .0
        .unwrap_err();
    let other = TrainConfig {
        learning_rate: Some(0.5),
        ..config.clone()
    };
    let error = attempt(&data, &other, Begin::Resume, None)
        .run()
        .0
        .unwrap_err();
    assert!(error.is_input(), "{error}");
    let error = error.to_string();
    for part in [
        "step-000003",
        "`training.learning_rate`",
        "was 0.003",
        "found 0.5",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let mut changed = examples(21);
    changed[4].segments[0].targets[0] = Some(0.123);
    let changed = crate::support::data_of(changed);
    let error = attempt(&changed, &config, Begin::Resume, None)
        .run()
        .0
        .unwrap_err();
    assert!(
        error.to_string().contains("`data.train` was \"21 examples"),
        "{error}"
    );
    // How often a run is saved changes nothing about it.
    let often = TrainConfig {
        checkpoint_every: 1,
        keep_checkpoints: 5,
        ..config.clone()
    };
    let (fitted, _) = attempt(&data, &often, Begin::Resume, None).run();
    assert_same(&fitted.unwrap(), &whole(&data, &config));
}

#[test]
fn a_checkpoint_that_still_names_the_number_format_is_gone_on_from() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let expected = whole(&data, &config);
    let (_keep, directory) = place();
    let attempt = |begin, stop_at| {
        let attempt = Attempt {
            data: &data,
            config: &config,
            directory: &directory,
            begin,
            stop_at,
        };
        attempt.run().0
    };
    assert!(attempt(Begin::New, Some(3)).is_err());
    // As an older version wrote it: one setting more, and the digest of the file with it.
    let checkpoint = directory.join("step-000003");
    let settings = checkpoint.join("settings.json");
    let edit = |path: &Path, change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
        change(&mut value);
        fs_err::write(path, value.to_string()).unwrap();
    };
    let note = |name: &str, value: &str| {
        edit(&settings, &|settings| settings[name] = value.into());
        let digest = serde_json::to_value(digest_file(&settings).unwrap()).unwrap();
        let manifest = checkpoint.join("manifest.json");
        edit(&manifest, &|manifest| {
            manifest["parts"]["settings.json"] = digest.clone();
        });
    };
    note("training.precision", "f32");
    note("training.another", "f32");
    let other = attempt(Begin::Resume, None).unwrap_err();
    assert!(matches!(&other, TrainError::OtherRun { key, .. } if key == "training.another"));
    edit(&settings, &|settings| {
        settings.as_object_mut().unwrap().remove("training.another");
    });
    note("training.precision", "f32");
    assert_same(&attempt(Begin::Resume, None).unwrap(), &expected);
}
