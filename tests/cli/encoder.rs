//! Damaged encoders and bundles.

use std::path::Path;

use crate::support::{Run, gradus, names, temp_dir, tiny_bert, trained, write};

/// Trains for one epoch on the encoder in `directory`.
fn train_on(directory: &Path) -> Run {
    let output = directory.join("out");
    gradus(
        trained(),
        &[
            "train",
            "--encoder",
            directory.to_str().unwrap(),
            "--train",
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--epochs",
            "1",
            "--max-length",
            "128",
            "--output",
            output.to_str().unwrap(),
        ],
    )
}

#[test]
fn a_hugging_face_directory_is_trained_and_scored() {
    let directory = temp_dir();
    tiny_bert(directory.path());
    train_on(directory.path()).succeeds();
    let bundle = directory.path().join("out");
    let table = gradus(trained(), &["eval", bundle.to_str().unwrap(), "test.jsonl"]).succeeds();
    assert!(
        table.contains("segment level") && table.contains("train mean"),
        "{table}"
    );
}

#[test]
fn damaged_parts_of_an_encoder_are_named() {
    let refused = |damage: &dyn Fn(&Path), parts: &[&str]| {
        let directory = temp_dir();
        tiny_bert(directory.path());
        damage(directory.path());
        train_on(directory.path()).fails(2, parts);
        assert!(!directory.path().join("out").exists());
    };
    refused(
        &|d| fs_err::remove_file(d.join("tokenizer.json")).unwrap(),
        &["tokenizer.json"],
    );
    refused(
        &|d| drop(write(d, "tokenizer.json", "{\"model\":1}")),
        &["tokenizer.json"],
    );
    refused(
        &|d| fs_err::remove_file(d.join("config.json")).unwrap(),
        &["config.json"],
    );
    refused(
        &|d| {
            let weights = fs_err::read(d.join("model.safetensors")).unwrap();
            write(d, "model.safetensors", &weights[..weights.len() / 2]);
        },
        &["model.safetensors", "damaged"],
    );
    refused(
        &|d| {
            let config = fs_err::read_to_string(d.join("config.json")).unwrap();
            write(
                d,
                "config.json",
                config.replace("\"hidden_size\": 32", "\"hidden_size\": 64"),
            );
        },
        &["embeddings.word_embeddings.weight", "64"],
    );
    refused(
        &|d| {
            let config = fs_err::read_to_string(d.join("config.json")).unwrap();
            write(d, "config.json", config.replace("\"bert\"", "\"hyena\""));
        },
        &["hyena", "bert"],
    );
}

#[test]
fn the_tokenizer_of_another_model_is_refused() {
    let directory = temp_dir();
    tiny_bert(directory.path());
    let other = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("crates/data/tests/golden/tiny-roberta/tokenizer.json");
    fs_err::copy(other, directory.path().join("tokenizer.json")).unwrap();
    train_on(directory.path()).fails(2, &["393", "160", "same model"]);
}

#[test]
fn more_tokens_than_the_encoder_has_positions_are_refused() {
    let directory = temp_dir();
    tiny_bert(directory.path());
    let encoder = directory.path().to_str().unwrap();
    gradus(
        trained(),
        &[
            "train",
            "--encoder",
            encoder,
            "--train",
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--output",
            "unused",
            "--max-length",
            "500",
        ],
    )
    .fails(2, &["`max_length`", "500", "192"]);
}

#[test]
fn an_encoder_directory_that_is_not_there() {
    gradus(
        trained(),
        &[
            "train",
            "--encoder",
            "nowhere",
            "--train",
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--output",
            "o",
        ],
    )
    .fails(2, &["nowhere", "no such directory"]);
}

#[test]
#[cfg(not(feature = "hub"))]
fn a_name_of_the_hub_needs_a_build_that_fetches() {
    let mut arguments = vec!["train", "--encoder", "makers/tiny@v1", "--output", "o"];
    arguments.extend(["--train", "train.jsonl", "--valid", "valid.jsonl"]);
    let parts = ["`makers/tiny@v1`", "no such directory", "--features hub"];
    gradus(trained(), &arguments).fails(2, &parts);
    gradus(trained(), &["inspect", "makers/tiny"]).fails(2, &["`makers/tiny`", "--features hub"]);
}

#[test]
fn a_bundle_with_a_missing_or_foreign_part_is_refused_by_name() {
    let refused = |damage: &dyn Fn(&Path), parts: &[&str]| {
        let directory = temp_dir();
        let bundle = directory.path().join("bundle");
        fs_err::create_dir(&bundle).unwrap();
        for name in names(&trained().join("bundle")) {
            fs_err::copy(trained().join("bundle").join(&name), bundle.join(&name)).unwrap();
        }
        damage(&bundle);
        let run = gradus(
            trained(),
            &["score", bundle.to_str().unwrap(), "test.jsonl"],
        );
        run.fails(2, parts);
    };
    for part in [
        "manifest.json",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ] {
        refused(
            &|bundle| fs_err::remove_file(bundle.join(part)).unwrap(),
            &[part],
        );
    }
    refused(
        &|bundle| drop(write(bundle, "tokenizer.json", "{}")),
        &["tokenizer.json"],
    );
}

#[test]
fn a_run_without_a_rate_learns_at_that_of_its_encoder_and_writes_it() {
    let directory = temp_dir();
    let path = directory.path();
    fs_err::create_dir(path.join("encoder")).unwrap();
    tiny_bert(&path.join("encoder"));
    for split in ["train.jsonl", "valid.jsonl"] {
        fs_err::copy(trained().join(split), path.join(split)).unwrap();
    }
    let train = "train --encoder encoder --train train.jsonl --valid valid.jsonl --epochs 1 --max-length 128 --output";
    let run = |more: &str| {
        let arguments = format!("{train} {more}");
        let run = gradus(path, &arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    let said = "learning rate: 1e-4, the default for this encoder";
    assert!(run("narrow").contains(said));
    assert!(!run("set --learning-rate 2e-4").contains(said));
    assert!(!run("frozen --freeze encoder").contains(said));
    for (bundle, rate) in [("narrow", 1e-4), ("set", 2e-4), ("frozen", 1e-4)] {
        let read = |file| fs_err::read_to_string(path.join(bundle).join(file)).unwrap();
        let config: toml::Value = toml::from_str(&read("run.toml")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&read("manifest.json")).unwrap();
        let found = [
            config["training"]["learning_rate"].as_float(),
            manifest["training"]["config"]["learning_rate"].as_f64(),
        ];
        assert_eq!(found, [Some(rate); 2], "{bundle}");
    }
}
