//! `stack`: a bundle and a trivial baseline in one score.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::offset::{CONFIG, splits};
use crate::support::{Run, gradus, json_of, segment_scores, temp_dir, tiny_encoder, write};

/// A directory with solutions whose last step is rated low, in `train.jsonl`, `valid.jsonl` and `test.jsonl`, and a `bundle`
/// that has seen them once and knows little.
pub(crate) fn weak() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = temp_dir();
        let path = directory.path();
        splits(path);
        write(
            path,
            "run.toml",
            CONFIG.replace("epochs = 12", "epochs = 1"),
        );
        gradus(path, &arguments(&["--output", "bundle"])).succeeds();
        directory
    });
    directory.path()
}

/// Arguments of a run on that data.
fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let run = "train --config run.toml --train train.jsonl --valid valid.jsonl";
    run.split(' ').chain(more.iter().copied()).collect()
}

fn split(name: &str) -> String {
    weak().join(name).to_str().unwrap().to_owned()
}

fn copy_of_bundle(path: &Path) {
    fs_err::create_dir(path.join("bundle")).unwrap();
    for entry in fs_err::read_dir(weak().join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), path.join("bundle").join(entry.file_name())).unwrap();
    }
}

/// The validation split with ratings that are half what they were and half what the bundle says, so that neither alone
/// predicts them.
fn mixed(path: &Path) -> String {
    let scored = gradus(path, &["score", "bundle", &split("valid.jsonl")]).succeeds();
    let lines = scored.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        for segment in record["segments"].as_array_mut().unwrap() {
            let [score, rating] = ["score", "rating"].map(|key| segment[key].as_f64().unwrap());
            segment["rating"] = json!(f64::midpoint(score, rating));
        }
        record.to_string() + "\n"
    });
    write(path, "mixed.jsonl", lines.collect::<String>());
    path.join("mixed.jsonl").to_str().unwrap().to_owned()
}

/// The mean squared error of the only aspect.
fn mse(path: &Path, bundle: &str, data: &str) -> f64 {
    let report = json_of(gradus(
        path,
        &["eval", bundle, data, "--json", "--resamples", "0"],
    ));
    report["aspects"][0]["segment"]["values"]["mse"]
        .as_f64()
        .unwrap()
}

#[test]
fn the_weighted_sum_is_better_on_the_data_of_the_fit_by_what_is_printed() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let valid = mixed(path);
    let stack = ["stack", "bundle", "-o", "stacked", "--valid", &valid];
    let report = json_of(gradus(path, &[&stack[..], &["--json"]].concat()));
    let [one] = report.as_array().unwrap().as_slice() else {
        panic!("{report}")
    };
    let number = |key: &str| one[key].as_f64().unwrap();
    assert!(number("model") >= 0.0 && number("weight") > 0.0, "{one}");
    assert!(number("model") + number("weight") <= 1.0 + 1e-9, "{one}");
    assert!(number("mse_after") < number("mse_before"), "{one}");
    assert!((mse(path, "bundle", &valid) - number("mse_before")).abs() < 1e-9);
    let after = mse(path, "stacked", &valid);
    assert!((after - number("mse_after")).abs() < 1e-6, "{after}, {one}");
    let inspected = gradus(path, &["inspect", "stacked"]).succeeds();
    assert!(inspected.contains("stacked after training"), "{inspected}");
    // The model is the same, and so are its own scores.
    let file = |bundle: &str| fs_err::read(path.join(bundle).join("model.safetensors")).unwrap();
    assert_eq!(file("bundle"), file("stacked"));
    assert_eq!(
        scores(path, "stacked", &["--offset", "drop"]),
        scores(path, "bundle", &[])
    );
    let kept = scores(path, "stacked", &["--offset", "keep"]);
    assert_eq!(kept, scores(path, "stacked", &[]));
    assert_ne!(kept, scores(path, "bundle", &[]));
    // `eval` shows both.
    let report = json_of(gradus(
        path,
        &["eval", "stacked", &valid, "--json", "--resamples", "0"],
    ));
    let mut rows = report["aspects"][0]["baselines"].as_array().unwrap().iter();
    let dropped = rows.find(|row| row["name"] == "offset dropped").unwrap();
    let dropped = dropped["segment"]["mse"].as_f64().unwrap();
    assert!(
        (dropped - number("mse_before")).abs() < 1e-6,
        "{dropped}, {one}"
    );
    // Weights are fitted anew to the model's own scores.
    let again = [
        "stack", "stacked", "-o", "again", "--valid", &valid, "--json",
    ];
    assert_eq!(json_of(gradus(path, &again)), report_of(path, &stack));
    // So are the baselines, which bundles of older versions lack.
    let train = split("train.jsonl");
    let refitted = report_of(path, &[&stack[..], &["--train", &train]].concat());
    assert_eq!(refitted, report_of(path, &stack));
    let file = path.join("bundle/baselines.json");
    let mut old: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    old["aspects"][0].as_object_mut().unwrap().remove("of_text");
    fs_err::write(&file, old.to_string()).unwrap();
    // Nor did their manifests list such files.
    let file = path.join("bundle/manifest.json");
    let mut old: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("files");
    fs_err::write(&file, old.to_string()).unwrap();
    let again = [&stack[..], &["--overwrite"]].concat();
    gradus(path, &again).fails(2, &["no trivial baselines of the text", "--train FILE"]);
    let other = [&again[..], &["--train", &valid]].concat();
    gradus(path, &other).fails(2, &["other records than the bundle was trained on"]);
    // The table, and what is refused.
    let table = gradus(path, &[&again[..], &["--train", &train]].concat()).succeeds();
    assert!(table.contains("stacked") && table.contains("0."), "{table}");
    let fitted = [&stack[..], &["--train", &train]].concat();
    gradus(path, &fitted).fails(2, &["stacked", "already exists"]);
    let itself = [
        "stack",
        "bundle",
        "-o",
        "bundle",
        "--valid",
        &valid,
        "--overwrite",
    ];
    gradus(path, &itself).fails(2, &["the bundle itself, expected another directory"]);
    let seen = [
        "stack", "bundle", "-o", "seen", "--valid", &train, "--train", &train,
    ];
    gradus(path, &seen).fails(2, &["records were in the training data"]);
    assert!(!path.join("seen").exists());
}

/// What `stack` prints for programs.
fn report_of(path: &Path, stack: &[&str]) -> Value {
    json_of(gradus(path, &[stack, &["--overwrite", "--json"]].concat()))
}

/// The scores of the test split.
fn scores(path: &Path, bundle: &str, options: &[&str]) -> Vec<f64> {
    let test = split("test.jsonl");
    let out = gradus(path, &[&["score", bundle, &test], options].concat()).succeeds();
    segment_scores(&out)
}

#[test]
fn training_ends_with_the_weights_that_stack_would_find() {
    let directory = temp_dir();
    let path = directory.path();
    let train = |name: &str, more: &[&str]| {
        let output = path.join(name);
        let output = output.to_str().unwrap().to_owned();
        let more = [&["--output", &output][..], more].concat();
        gradus(weak(), &arguments(&more))
    };
    let auto = train("auto", &["--stack", "auto"]);
    for part in ["stacked: rating: ", " of bag of words", "--offset drop"] {
        assert!(auto.stderr.contains(part), "no `{part}`:\n{}", auto.stderr);
    }
    auto.succeeds();
    let report = json_of(train("alone", &["--stack", "none", "--json"]));
    assert!(report.get("stacked").is_none(), "{report}");
    let file = |bundle: &str, name: &str| fs_err::read(path.join(bundle).join(name)).unwrap();
    assert_eq!(
        file("auto", "model.safetensors"),
        file("alone", "model.safetensors")
    );
    assert!(!path.join("alone/offset.json").exists());
    let valid = split("valid.jsonl");
    gradus(path, &["stack", "alone", "-o", "after", "--valid", &valid]).succeeds();
    assert_eq!(file("auto", "offset.json"), file("after", "offset.json"));
    // From the files of the splits, and beside a baseline.
    let report = json_of(train(
        "disk",
        &["--stack", "auto", "--data-in", "disk", "--json"],
    ));
    assert_eq!(
        report["stacked"],
        report_of(path, &["stack", "alone", "-o", "after", "--valid", &valid])
    );
    assert_eq!(file("disk", "offset.json"), file("after", "offset.json"));
    let beside = train(
        "beside",
        &["--stack", "auto", "--offset", "position+length"],
    );
    assert!(!beside.stderr.contains("stacked:"), "{}", beside.stderr);
    beside.succeeds();
    // Means would take the place of medians.
    let medians = train("medians", &["--stack", "auto", "--loss", "mae"]);
    assert!(!medians.stderr.contains("stacked:"), "{}", medians.stderr);
    medians.succeeds();
    gradus(path, &["stack", "beside", "-o", "twice", "--valid", &valid]).fails(
        2,
        &["a model that was trained beside a baseline (position+length)"],
    );
    assert!(!path.join("twice").exists());
    // What a decoder says of a segment knows nothing behind it.
    for (family, is_stacked) in [("bert", true), ("qwen2", false)] {
        let encoder = path.join(family);
        fs_err::create_dir(&encoder).unwrap();
        tiny_encoder(family, &encoder);
        let output = path.join(format!("{family}-bundle"));
        let [from, to] = [&encoder, &output].map(|place| place.to_str().unwrap());
        let (first, second) = (split("train.jsonl"), split("valid.jsonl"));
        let run = [
            "train",
            "--encoder",
            from,
            "--train",
            &first,
            "--valid",
            &second,
            "--output",
            to,
            "--epochs",
            "1",
            "--max-length",
            "96",
        ];
        gradus(path, &run).succeeds();
        assert_eq!(output.join("offset.json").exists(), is_stacked, "{family}");
    }
    train("odd", &["--stack", "some"]).fails(2, &["found `some`, expected `auto` or `none`"]);
    // What goes on from the model leaves the weights behind, and so does an average of models.
    let on = train_on(path, "auto", "on");
    assert!(
        on.stderr.contains("not taken over") && on.stderr.contains("stacking"),
        "{}",
        on.stderr
    );
    on.succeeds();
    gradus(path, &["soup", "auto", "disk", "-o", "soup"]).succeeds();
    assert!(!path.join("soup/offset.json").exists() && !path.join("on/offset.json").exists());
    assert_eq!(scores(path, "soup", &[]), scores(path, "alone", &[]));
}

/// Trains a bundle further.
fn train_on(path: &Path, from: &str, output: &str) -> Run {
    let (train, valid) = (split("train.jsonl"), split("valid.jsonl"));
    let run = [
        "train", "--from", from, "--train", &train, "--valid", &valid, "--output", output,
        "--epochs", "1", "--stack", "none",
    ];
    gradus(path, &run)
}

#[test]
fn a_manifest_that_denies_the_baseline_is_refused() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let valid = split("valid.jsonl");
    gradus(
        path,
        &["stack", "bundle", "-o", "stacked", "--valid", &valid],
    )
    .succeeds();
    let file = path.join("stacked/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    assert_eq!(manifest["stacked"], json!(true));
    manifest["stacked"] = json!(false);
    fs_err::write(&file, manifest.to_string()).unwrap();
    gradus(path, &["score", "stacked", &valid]).fails(2, &["stacked", "offset.json"]);
}

#[test]
fn an_experiment_shows_the_models_alone_beside_what_it_stacks() {
    let directory = temp_dir();
    let path = directory.path();
    let settings = CONFIG
        .replace("stack = \"none\"", "")
        .replace("[scratch]", "[run.scratch]")
        .replace("[training]", "[run.training]")
        .replace("epochs = 12", "epochs = 1");
    let [train, valid, test] = ["train.jsonl", "valid.jsonl", "test.jsonl"].map(split);
    let plan = format!(
        "seeds = 2\nmetric = 'mse'\n[run]\nstack = 'auto'\ntrain = '{train}'\nvalid = '{valid}'\ndata.test = '{test}'\n{settings}"
    );
    write(path, "plan.toml", plan);
    gradus(path, &["experiment", "plan.toml", "-o", "runs"]).succeeds();
    let report = json_of(gradus(path, &["experiment", "report", "runs", "--json"]));
    let arms = report["tables"][0]["arms"].as_array().unwrap();
    let names: Vec<&str> = arms
        .iter()
        .map(|arm| arm["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[..2], ["the run", "the run, model alone"]);
    let alone: Vec<bool> = arms
        .iter()
        .map(|arm| arm["is_model_alone"].as_bool().unwrap())
        .collect();
    assert_eq!(alone, [false, true, false, false, false]);
    assert_eq!(arms[0]["verdict"], "reference");
    for seed in [0_usize, 1] {
        let bundle = format!("runs/cells/1/seed-{seed}/bundle");
        for (arm, use_of_offset) in [(0, "keep"), (1, "drop")] {
            let eval = ["eval", &bundle, &test, "--json", "--resamples", "0"];
            let options = ["--offset", use_of_offset];
            let evaluated = json_of(gradus(path, &[&eval[..], &options].concat()));
            let expected = &evaluated["aspects"][0]["segment"]["values"]["mse"];
            let found = arms[arm]["values"][seed][1].as_f64().unwrap();
            let difference = found - expected.as_f64().unwrap();
            assert!(
                difference.abs() < 1e-9,
                "{use_of_offset}: {found}, {expected}"
            );
        }
    }
    let markdown = gradus(path, &["experiment", "report", "runs", "--markdown", "-"]).succeeds();
    assert!(
        markdown.contains("| the run, model alone | 2 |"),
        "{markdown}"
    );
    // The chart of the settings has a row for it.
    gradus(
        path,
        &["experiment", "report", "runs", "--html", "page.html"],
    )
    .succeeds();
    let page = fs_err::read_to_string(path.join("page.html")).unwrap();
    assert!(page.matches("the run, model alone").count() > 1);
}
