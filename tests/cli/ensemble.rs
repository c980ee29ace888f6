//! `ensemble`: the mean of the scores of several bundles.

use std::path::Path;

use serde_json::Value;

use crate::support::{gradus, json_of, segment_scores, temp_dir, train_arguments, trained, write};

/// Trains a bundle on the shared splits with another seed, and writes its scores of the test split to `SEED.jsonl`.
fn score_of_seed(path: &Path, seed: &str) {
    let output = path.join(format!("seed-{seed}"));
    let output = output.to_str().unwrap();
    gradus(
        trained(),
        &train_arguments(&["--output", output, "--seed", seed]),
    )
    .succeeds();
    let (test, scored) = (split("test.jsonl"), format!("{seed}.jsonl"));
    gradus(path, &["score", output, &test, "-o", &scored]).succeeds();
}

fn split(name: &str) -> String {
    trained().join(name).to_str().unwrap().to_owned()
}

/// The mean squared error of the scores in a file.
fn mse(path: &Path, scores: &str) -> f64 {
    let test = split("test.jsonl");
    let eval = [
        "eval",
        "--scores",
        scores,
        &test,
        "--json",
        "--resamples",
        "0",
    ];
    let report = json_of(gradus(path, &eval));
    report["aspects"][0]["segment"]["values"]["mse"]
        .as_f64()
        .unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_mean_of_several_seeds_is_evaluated_and_learned() {
    let directory = temp_dir();
    let path = directory.path();
    let seeds = ["1", "2", "3"];
    for seed in seeds {
        score_of_seed(path, seed);
    }
    let files: Vec<String> = seeds.iter().map(|seed| format!("{seed}.jsonl")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let ensemble = |more: &[&str]| gradus(path, &[&["ensemble"][..], &files, more].concat());
    let said = ensemble(&["-o", "mean.jsonl"]);
    assert!(
        said.stderr
            .contains("with the mean of 3 scores, 0 without a score")
            && said.stderr.contains("mean spread: 0."),
        "{}",
        said.stderr
    );
    said.succeeds();
    let of = |name: &str| segment_scores(&fs_err::read_to_string(path.join(name)).unwrap());
    let parts: Vec<Vec<f64>> = files.iter().map(|name| of(name)).collect();
    for (k, mean) in of("mean.jsonl").into_iter().enumerate() {
        let expected = parts.iter().map(|part| part[k]).sum::<f64>() / 3.0;
        assert!((mean - expected).abs() < 1e-9, "{k}: {mean} {expected}");
    }
    // The mean of several guesses misses by less than they do on average, by the mean of their variance.
    let single = files.iter().map(|name| mse(path, name)).sum::<f64>() / 3.0;
    let spreads: Vec<f64> = lines(&path.join("mean.jsonl"))
        .iter()
        .flat_map(|record| record["segments"].as_array().unwrap().clone())
        .map(|segment| segment["spread"].as_f64().unwrap())
        .collect();
    let variance = spreads.iter().map(|spread| spread * spread * 2.0 / 3.0);
    let expected = single - variance.sum::<f64>() / spreads.len() as f64;
    let found = mse(path, "mean.jsonl");
    assert!(
        found < single && (found - expected).abs() < 1e-9,
        "{found} {expected}"
    );
    // A student learns the means.
    ensemble(&["-o", "taught.jsonl", "--as-ratings"]).succeeds();
    let taught = lines(&path.join("taught.jsonl"));
    let mean = lines(&path.join("mean.jsonl"));
    assert_eq!(
        taught[3]["segments"][0]["rating"],
        mean[3]["segments"][0]["score"]
    );
    assert!(taught[3].get("score").is_none() && taught[3]["segments"][0].get("spread").is_none());
    let (config, taught) = (split("tiny.toml"), path.join("taught.jsonl"));
    let (taught, output) = (taught.to_str().unwrap(), path.join("student"));
    let run = [
        "train",
        "--config",
        &config,
        "--train",
        taught,
        "--valid",
        &split("valid.jsonl"),
        "--output",
    ];
    gradus(path, &[&run[..], &[output.to_str().unwrap()]].concat()).succeeds();
}

#[test]
fn files_of_other_records_are_refused_and_nothing_is_written() {
    let directory = temp_dir();
    let path = directory.path();
    let line = |id: &str, score: &str| {
        format!(
            r#"{{"id":"{id}","prompt":"p","response":"x","score":1.0,"segments":[{{"start":0,"end":1,"score":{score}}}]}}"#
        ) + "\n"
    };
    let both = line("a", "1.0") + &line("b", "1.0");
    write(path, "a.jsonl", &both);
    write(path, "longer.jsonl", both.clone() + &line("c", "1.0"));
    write(path, "other.jsonl", line("a", "1.0") + &line("c", "1.0"));
    write(
        path,
        "text.jsonl",
        line("a", "1.0") + &line("b", "\"good\""),
    );
    write(path, "plain.jsonl", both.replace(r#","score":1.0}]"#, "}]"));
    let ensemble = |other: &str| gradus(path, &["ensemble", "a.jsonl", other, "-o", "out.jsonl"]);
    ensemble("longer.jsonl").fails(2, &["a.jsonl", "ends where longer.jsonl"]);
    ensemble("./a.jsonl").fails(2, &["./a.jsonl: found the same file twice", "gradus score"]);
    ensemble("other.jsonl").fails(2, &["other.jsonl:2", "found another `id`"]);
    ensemble("text.jsonl").fails(
        2,
        &[
            "text.jsonl:2",
            "`segments[0].score` is the text \"good\", expected a number",
        ],
    );
    ensemble("plain.jsonl").fails(
        2,
        &["plain.jsonl:1", "no `segments[0].score`", "`gradus score`"],
    );
    gradus(path, &["ensemble", "a.jsonl", "-o", "out.jsonl"]).fails(2, &["2 values required"]);
    gradus(
        path,
        &[
            "ensemble",
            "a.jsonl",
            "other.jsonl",
            "-o",
            "a.jsonl",
            "--overwrite",
        ],
    )
    .fails(2, &["a.jsonl"]);
    assert!(!path.join("out.jsonl").exists());
    assert_eq!(fs_err::read_to_string(path.join("a.jsonl")).unwrap(), both);
}
