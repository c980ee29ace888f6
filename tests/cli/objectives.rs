//! Other things to learn, and other ways to: response ratings, other losses and heads, adapters,
//! the probe.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{TINY, gradus, temp_dir, tiny_bert, train_arguments, trained, write};

/// Records of a JSONL file.
fn records(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Scores of all segments of the test split.
fn scores(bundle: &str) -> Vec<f64> {
    let out = temp_dir();
    let file = out.path().join("scored.jsonl");
    let file_name = file.to_str().unwrap();
    gradus(trained(), &["score", bundle, "test.jsonl", "-o", file_name]).succeeds();
    let segments = records(&file)
        .into_iter()
        .flat_map(|record| record["segments"].as_array().unwrap().clone());
    segments
        .map(|segment| segment["score"].as_f64().unwrap())
        .collect()
}

#[test]
fn responses_with_only_an_overall_rating_train_a_model_of_segments() {
    let directory = temp_dir();
    for split in ["train.jsonl", "valid.jsonl"] {
        let lines = records(&trained().join(split)).into_iter().map(|record| {
            let ratings: Vec<f64> = record["segments"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|segment| segment["rating"].as_f64())
                .collect();
            json!({
                "id": record["id"], "prompt": record["prompt"], "response": record["response"],
                "rating": ratings.iter().sum::<f64>() / ratings.len() as f64,
            })
            .to_string()
        });
        write(
            directory.path(),
            split,
            lines.collect::<Vec<_>>().join("\n"),
        );
    }
    let config = format!("{TINY}response_loss = {{ weight = 1.0, aggregation = \"mean\" }}\n");
    write(directory.path(), "tiny.toml", config);
    gradus(directory.path(), &train_arguments(&["--output", "out"])).succeeds();
    let bundle = directory.path().join("out");
    assert!(scores(bundle.to_str().unwrap()).len() > 20);
    let history = fs_err::read_to_string(bundle.join("history.json")).unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    assert!(history["epochs"][0]["valid_loss"].as_f64().unwrap() > 0.0);

    // Without the term there is nothing to learn from.
    write(directory.path(), "tiny.toml", TINY);
    let none = train_arguments(&["--output", "none"]);
    gradus(directory.path(), &none).fails(2, &["no usable rating", "response_loss"]);
    assert!(!directory.path().join("none").exists());
}

#[test]
fn cross_entropy_through_an_mlp_and_attention_scores_in_rating_units() {
    let directory = temp_dir();
    let config = format!(
        "[model]\npooling = \"attention\"\nhead = {{ mlp = {{ d_hidden = 8 }} }}\n{TINY}\
         loss = \"bce\"\nranking = {{ weight = 0.5 }}\n"
    );
    let config = write(directory.path(), "bce.toml", config);
    let output = directory.path().join("out");
    let arguments = [
        "train",
        "--config",
        config.to_str().unwrap(),
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--output",
        output.to_str().unwrap(),
    ];
    gradus(trained(), &arguments).succeeds();
    let bundle = output.to_str().unwrap();
    assert!(
        scores(bundle)
            .iter()
            .all(|score| (0.0..=1.0).contains(score))
    );
    let explained = gradus(trained(), &["explain", bundle, "test.jsonl", "--json"]).succeeds();
    let explained: Value = serde_json::from_str(&explained).unwrap();
    // The formula of the gradient at the head is that of a linear one.
    assert_eq!(
        explained["segments"][0]["share"]["head_gradient"],
        Value::Null
    );
    assert!(explained["segments"][0]["share"]["squared_error"].is_number());
}

#[test]
fn merged_adapters_score_as_before() {
    let directory = temp_dir();
    tiny_bert(directory.path());
    let encoder = directory.path().to_str().unwrap();
    let (with, without) = (
        directory.path().join("with"),
        directory.path().join("without"),
    );
    let (with, without) = (with.to_str().unwrap(), without.to_str().unwrap());
    let arguments = [
        "train",
        "--encoder",
        encoder,
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--epochs",
        "1",
        "--max-length",
        "128",
        "--lora",
        "4:8",
        "--output",
        with,
    ];
    gradus(trained(), &arguments).succeeds();
    gradus(trained(), &["merge", with, without]).succeeds();
    for (a, b) in scores(with).iter().zip(scores(without)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    gradus(trained(), &["merge", without, "again"]).fails(2, &["has no adapters", "--lora"]);
}

#[test]
fn a_probe_is_a_bundle_and_a_head_to_start_from() {
    let directory = temp_dir();
    tiny_bert(directory.path());
    let encoder = directory.path().to_str().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (probe, trained_on) = (place("probe"), place("trained"));
    let data = [
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--max-length",
        "128",
    ];
    let mut arguments = vec!["probe", "--encoder", encoder, "--output", &probe, "--json"];
    arguments.extend(data);
    let curves: Value = serde_json::from_str(&gradus(trained(), &arguments).succeeds()).unwrap();
    assert!(!curves.is_null());
    gradus(trained(), &["eval", &probe, "test.jsonl"]).succeeds();

    // Learning rates of almost nothing: what is trained says what the probe said.
    let mut arguments = vec![
        "train",
        "--encoder",
        encoder,
        "--init-head",
        &probe,
        "--epochs",
        "1",
        "--output",
        &trained_on,
        "--learning-rate",
        "1e-12",
        "--head-learning-rate",
        "1e-12",
        "--stack",
        "none",
    ];
    arguments.extend(data);
    gradus(trained(), &arguments).succeeds();
    for (a, b) in scores(&probe).iter().zip(scores(&trained_on)) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn what_a_wide_vector_or_a_mix_of_layers_does_not_go_with_is_refused() {
    let directory = temp_dir();
    let path = directory.path();
    tiny_bert(path);
    let place = |name: &str| path.join(name).to_str().unwrap().to_owned();
    let encoder = path.to_str().unwrap();
    let run = |command: &str, name: &str, more: &[&str]| {
        let data = "--train train.jsonl --valid valid.jsonl --max-length 128";
        let output = place(name);
        let mut arguments = vec![command, "--encoder", encoder, "--output", &output];
        arguments.extend(data.split(' '));
        arguments.extend(more);
        gradus(trained(), &arguments)
    };
    // A probe fits a weight to each feature of the vector.
    for pooling in ["mean", "context"] {
        run("probe", pooling, &["--pooling", pooling]).succeeds();
        assert!(scores(&place(pooling)).len() > 20, "{pooling}");
    }
    run("probe", "queries", &["--pooling", "multi-attention"])
        .fails(2, &["`multi-attention`, which has queries to train"]);
    // A head reads what it was trained on.
    let short = ["--epochs", "1", "--stack", "none"];
    let train = |name: &str, more: &[&str]| run("train", name, &[&short[..], more].concat());
    write(path, "mix.toml", "[model]\nscalar_mix = true\n");
    let mixed = ["--config", &place("mix.toml")];
    train("mixed", &mixed).succeeds();
    assert!(scores(&place("mixed")).len() > 20);
    let from = |name: &str| ["--init-head".to_owned(), place(name)];
    let [flag, mean] = from("mean");
    train("other", &[&mixed[..], &[&flag, &mean]].concat())
        .fails(2, &["mean: scalar_mix false instead of true"]);
    train("other", &["--init-head", &place("mixed")])
        .fails(2, &["mixed: scalar_mix true instead of false"]);
    train("several", &["--pooling", "multi-attention"]).succeeds();
    let several = [
        "--pooling",
        "multi-attention",
        "--init-head",
        &place("several"),
    ];
    train("other", &several).fails(2, &["several: queries of its own for multi-attention"]);
    // A published head reads a vector of the encoder's width.
    gradus(path, &["export", "mean", "exported"]).succeeds();
    for pooling in ["context", "multi-attention", "attention"] {
        gradus(path, &["import", "exported", "again", "--pooling", pooling])
            .fails(2, &[&format!("the pooling `{pooling}`"), "expected `mean`"]);
    }
    let config = path.join("exported/config.json");
    let text = fs_err::read_to_string(&config).unwrap();
    let mut published: Value = serde_json::from_str(&text).unwrap();
    published["gradus"]["pooling"] = json!({"kind": "gate"});
    fs_err::write(&config, published.to_string()).unwrap();
    gradus(path, &["import", "exported", "again"]).fails(2, &["config.json", "`gate`"]);
    assert!(!path.join("again").exists() && !path.join("other").exists());
    let described = gradus(path, &["inspect", "mixed"]).succeeds();
    assert!(
        described.contains("mean of a mix of all layers"),
        "{described}"
    );
}
