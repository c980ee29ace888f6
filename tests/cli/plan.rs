//! What `train` says before its first step, and what later commands say of the data of a bundle.

use std::path::Path;

use crate::support::{TINY, gradus, temp_dir, train_arguments, trained, write};

/// What stands in front of the first step, and behind it.
fn parted(stderr: &str) -> (&str, &str) {
    let at = stderr
        .find("step ")
        .unwrap_or_else(|| panic!("no step in:\n{stderr}"));
    stderr.split_at(at)
}

/// The training split of [`trained`] with every record changed.
fn changed(to: &Path, change: impl Fn(usize, &mut serde_json::Value)) {
    let text = fs_err::read_to_string(trained().join("train.jsonl")).unwrap();
    let lines = text.lines().enumerate().map(|(index, line)| {
        let mut record = serde_json::from_str(line).unwrap();
        change(index, &mut record);
        record.to_string()
    });
    fs_err::write(to, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

fn train(directory: &Path, train: &str, valid: &str, more: &[&str]) -> crate::support::Run {
    let output = directory.join("bundle");
    let mut arguments = vec![
        "train",
        "--config",
        "tiny.toml",
        "--train",
        train,
        "--valid",
        valid,
        "--overwrite",
        "--output",
        output.to_str().unwrap(),
    ];
    arguments.extend(more);
    gradus(trained(), &arguments)
}

#[test]
fn the_plan_stands_before_the_first_step() {
    let directory = temp_dir();
    let run = train(directory.path(), "train.jsonl", "valid.jsonl", &[]);
    let (before, behind) = parted(&run.stderr);
    for part in [
        "train: 96 examples",
        "rating",
        "lowest",
        "context read in 0 of 96 records of train",
    ] {
        assert!(before.contains(part), "missing `{part}` in:\n{before}");
    }
    assert!(!before.contains("warning"), "{before}");
    assert!(!behind.contains("train: 96 examples"), "{behind}");
    run.succeeds();
}

#[test]
fn what_will_be_cut_is_said_with_its_share() {
    let directory = temp_dir();
    let run = train(
        directory.path(),
        "train.jsonl",
        "valid.jsonl",
        &["--max-length", "24"],
    );
    let (before, _) = parted(&run.stderr);
    assert!(
        before.contains("ratings of train (") && before.contains("behind what 24 tokens hold"),
        "{before}"
    );
}

#[test]
fn the_same_data_twice_is_said_whatever_its_form() {
    let directory = temp_dir();
    let path = directory.path();
    let mut lines: Vec<String> = fs_err::read_to_string(trained().join("train.jsonl"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    lines.reverse();
    let reversed = write(path, "reversed.jsonl", lines.join("\n"));
    for valid in ["train.jsonl", reversed.to_str().unwrap()] {
        let run = train(path, "train.jsonl", valid, &[]);
        let (before, _) = parted(&run.stderr);
        assert!(
            before.contains("train and valid hold the same texts"),
            "{before}"
        );
    }
    // A part of it is said with its size.
    let part = write(path, "part.jsonl", lines[..20].join("\n"));
    let run = train(path, "train.jsonl", part.to_str().unwrap(), &[]);
    let (before, _) = parted(&run.stderr);
    assert!(
        before.contains("warning: 20 of 20 prompts of valid (100 %) are in train too"),
        "{before}"
    );
}

#[test]
fn an_aspect_in_one_record_alone_and_two_scales_are_named() {
    let directory = temp_dir();
    let path = directory.path();
    let misspelt = path.join("misspelt.jsonl");
    changed(&misspelt, |index, record| {
        let name = if index == 5 {
            "Faithfulness"
        } else {
            "faithfulness"
        };
        for segment in record["segments"].as_array_mut().unwrap() {
            segment["rating"] = serde_json::json!({name: segment["rating"]});
        }
    });
    let run = train(
        path,
        misspelt.to_str().unwrap(),
        misspelt.to_str().unwrap(),
        &[],
    );
    let (before, _) = parted(&run.stderr);
    assert!(before.contains("`Faithfulness` is rated in"), "{before}");

    let mixed = path.join("mixed.jsonl");
    changed(&mixed, |index, record| {
        for (k, segment) in record["segments"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .enumerate()
        {
            segment["rating"] = match index % 2 {
                0 => ((index + k) % 5) as f64 / 4.0,
                _ => (1 + (index / 2 + k) % 5) as f64,
            }
            .into();
        }
    });
    let mixed = mixed.to_str().unwrap();
    let run = train(path, mixed, "valid.jsonl", &[]);
    let (before, _) = parted(&run.stderr);
    assert!(
        before.contains("ratings on two scales") && before.contains("from 0 to 1"),
        "{before}"
    );
    // A range that they do not keep to is refused, in either split.
    let scale = ["--scale", "minmax:0:1"];
    let parts = ["lie outside the scale minmax:0:1", "data audit"];
    train(path, mixed, "valid.jsonl", &scale).fails(2, &[&["train split"], &parts[..]].concat());
    train(path, "train.jsonl", mixed, &scale).fails(2, &[&["valid split"], &parts[..]].concat());
    train(path, "train.jsonl", "valid.jsonl", &scale).succeeds();
    // The hint of `bce` does not call the mix a scale.
    train(path, mixed, "valid.jsonl", &["--loss", "bce"])
        .fails(2, &["[0, 1]", "gradus data audit"]);
}

#[test]
fn eval_and_calibrate_know_the_training_data_of_a_bundle() {
    let directory = temp_dir();
    let path = directory.path();
    let arguments = train_arguments(&["--output"]);
    let bundle = path.join("known");
    let bundle = bundle.to_str().unwrap();
    gradus(trained(), &[&arguments[..], &[bundle]].concat()).succeeds();
    for command in ["eval", "calibrate"] {
        let run = gradus(trained(), &[command, bundle, "train.jsonl"]);
        assert!(
            run.stderr.contains("was trained on these texts"),
            "{command}: {}",
            run.stderr
        );
        let run = gradus(trained(), &[command, bundle, "test.jsonl"]);
        assert!(
            !run.stderr.contains("these texts"),
            "{command}: {}",
            run.stderr
        );
    }
    // A part of it, in another order and among new records, is known too.
    let lines = |name: &str| fs_err::read_to_string(trained().join(name)).unwrap();
    let (train, test) = (lines("train.jsonl"), lines("test.jsonl"));
    let mut part: Vec<&str> = train.lines().skip(5).take(20).collect();
    part.reverse();
    part.extend(test.lines().take(3));
    let part = write(path, "part.jsonl", part.join("\n"));
    for command in ["eval", "calibrate"] {
        let run = gradus(trained(), &[command, bundle, part.to_str().unwrap()]);
        let said = "20 of 23 records were in the training data";
        assert!(run.stderr.contains(said), "{command}: {}", run.stderr);
        let run = gradus(trained(), &[command, bundle, "test.jsonl"]);
        assert!(
            !run.stderr.contains("in the training data"),
            "{}",
            run.stderr
        );
    }
    // What was put in the place of a file of the bundle is refused, and told which.
    for name in ["baselines.json", "train-texts.json"] {
        let file = Path::new(bundle).join(name);
        let own = fs_err::read(&file).unwrap();
        fs_err::write(&file, "{}").unwrap();
        gradus(trained(), &["eval", bundle, "test.jsonl"]).fails(2, &[name]);
        fs_err::write(&file, own).unwrap();
    }
    fs_err::remove_file(Path::new(bundle).join("train-texts.json")).unwrap();
    gradus(trained(), &["eval", bundle, part.to_str().unwrap()]).succeeds();
    let run = gradus(trained(), &["eval", bundle, "valid.jsonl"]);
    assert!(
        run.stderr.contains("these texts are the validation split"),
        "{}",
        run.stderr
    );
}

#[test]
fn data_without_ratings_is_refused_by_whatever_judges() {
    let directory = temp_dir();
    let path = directory.path();
    write(
        path,
        "unrated.jsonl",
        r#"{"id":"a","prompt":"p","response":"One. Two."}"#,
    );
    write(
        path,
        "s.jsonl",
        r#"{"id":"a","segments":[{"start":0,"end":4,"score":0.5}]}"#,
    );
    write(
        path,
        "t.jsonl",
        r#"{"id":"a","segments":[{"start":0,"end":4,"score":0.7}]}"#,
    );
    let bundle = trained().join("bundle");
    let bundle = bundle.to_str().unwrap();
    for command in [
        vec!["eval", bundle, "unrated.jsonl"],
        vec!["eval", "--scores", "s.jsonl", "unrated.jsonl"],
        vec!["compare", "s.jsonl", "t.jsonl", "unrated.jsonl"],
        vec!["calibrate", bundle, "unrated.jsonl"],
    ] {
        gradus(path, &command).fails(2, &["the data has no ratings", "1 records"]);
    }
}

#[test]
fn what_is_no_encoder_and_what_exists_is_said_with_a_remedy_that_there_is() {
    let directory = temp_dir();
    let path = directory.path();
    write(
        path,
        "tiny.toml",
        TINY.split("[training]")
            .nth(1)
            .map(|rest| format!("[training]{rest}"))
            .unwrap(),
    );
    let bundle = trained().join("bundle");
    let bundle = bundle.to_str().unwrap();
    let data = ["train.jsonl", "valid.jsonl"].map(|name| trained().join(name));
    let [train, valid] = data.each_ref().map(|path| path.to_str().unwrap());
    for command in ["train", "probe"] {
        let arguments = [
            command,
            "--encoder",
            bundle,
            "--train",
            train,
            "--valid",
            valid,
            "--output",
            "new",
        ];
        gradus(path, &arguments).fails(2, &["found a bundle", "--init-head"]);
    }
    gradus(path, &["score", "nothing", train]).fails(2, &["not a bundle", "no such directory"]);
    gradus(path, &["train", "--train", train, "--output", "new"])
        .fails(2, &["no validation split"]);
    fs_err::create_dir(path.join("there")).unwrap();
    let run = gradus(path, &["export", bundle, "there"]);
    assert!(!run.stderr.contains("overwrit"), "{}", run.stderr);
    run.fails(2, &["already exists", "remove this one"]);
}

#[test]
fn ratings_that_are_all_the_same_are_told_before_the_first_step() {
    let directory = temp_dir();
    let path = directory.path().join("train.jsonl");
    changed(&path, |_, record| {
        for segment in record["segments"].as_array_mut().unwrap() {
            segment["rating"] = 0.5.into();
        }
    });
    let run = train(directory.path(), path.to_str().unwrap(), "valid.jsonl", &[]);
    let (before, _) = parted(&run.stderr);
    assert!(before.contains("ratings are 0.5"), "{before}");
    run.succeeds();
}
