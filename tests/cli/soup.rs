//! `soup`: the average of several bundles' weights.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{gradus, json_of, segment_scores, temp_dir, train_arguments, trained};

/// Trains a bundle on the shared splits with another seed.
fn train(path: &Path, name: &str, more: &[&str]) {
    let output = path.join(name);
    let output = output.to_str().unwrap();
    gradus(
        trained(),
        &train_arguments(&[&["--output", output], more].concat()),
    )
    .succeeds();
}

fn scores(path: &Path, bundle: &str) -> Vec<f64> {
    let test = trained().join("test.jsonl");
    let out = gradus(path, &["score", bundle, test.to_str().unwrap()]).succeeds();
    segment_scores(&out)
}

/// The numbers of the head's bias in a file of safetensors: a length, a header of JSON, and the numbers.
fn head_bias(file: &Path) -> Vec<f32> {
    let bytes = fs_err::read(file).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, numbers) = rest.split_at(u64::from_le_bytes(*length).try_into().unwrap());
    let header: Value = serde_json::from_slice(header).unwrap();
    let mut names = header.as_object().unwrap().iter();
    let bias = names.find(|(name, _)| name.starts_with("head") && name.ends_with("bias"));
    let (_, tensor) = bias.unwrap();
    let [from, to] = [0, 1].map(|end| tensor["data_offsets"][end].as_u64().unwrap());
    let numbers = &numbers[from.try_into().unwrap()..to.try_into().unwrap()];
    let (words, _) = numbers.as_chunks::<4>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

fn manifest(path: &Path, bundle: &str) -> Value {
    let bytes = fs_err::read(path.join(bundle).join("manifest.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn weights_are_averaged_and_the_average_stands_beside_its_parts() {
    let directory = temp_dir();
    let path = directory.path();
    let test = trained().join("test.jsonl");
    let test = test.to_str().unwrap();
    for (name, seed) in [("a", "1"), ("b", "2")] {
        train(path, name, &["--seed", seed]);
    }
    gradus(path, &["interval", "a", test]).succeeds();
    let soup = ["soup", "a", "b", "-o", "both", "--data", test, "--json"];
    let found = json_of(gradus(path, &soup));
    let systems = found[0]["systems"].as_array().unwrap();
    let names: Vec<&str> = systems
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 3);
    assert!(names.contains(&"both"), "{names:?}");
    assert_eq!(found[0]["comparisons"].as_array().unwrap().len(), 3);

    let read = |name: &str| head_bias(&path.join(name).join("model.safetensors"));
    for ((a, b), both) in read("a").iter().zip(read("b")).zip(read("both")) {
        assert!((f64::midpoint((*a).into(), b.into()) - f64::from(both)).abs() < 1e-7);
    }
    assert_ne!(scores(path, "a"), scores(path, "both"));
    // The average of a bundle and a copy of it is that bundle.
    train(path, "again", &["--seed", "1"]);
    gradus(path, &["soup", "a", "again", "-o", "same"]).succeeds();
    gradus(path, &["interval", "a", "--remove"]).succeeds();
    assert_eq!(scores(path, "a"), scores(path, "same"));

    let made = manifest(path, "both");
    assert!(made.get("prediction_intervals").is_none(), "those of a");
    let parts = made["training"]["soup"].as_array().unwrap();
    assert_eq!(parts[1]["bundle"], "b");
    assert_eq!(
        parts[1]["weights"],
        manifest(path, "b")["parts"]["model.safetensors"]["sha256"]
    );
    let config = &made["training"]["config"];
    assert!(config.get("seed").is_none(), "the seeds differ: {config}");
    assert_eq!(config["epochs"], json!(1));
    assert_eq!(
        made["training"]["data"],
        manifest(path, "a")["training"]["data"]
    );
}

#[test]
fn a_bundle_that_differs_in_more_than_its_weights_is_refused_by_name() {
    let directory = temp_dir();
    let path = directory.path();
    train(path, "a", &[]);
    train(path, "pooled", &["--pooling", "last"]);
    train(path, "sum", &["--aggregation", "sum"]);
    let soup = |other: &str| gradus(path, &["soup", "a", other, "-o", "both"]);
    soup("pooled").fails(2, &["pooled/config.json", "pooling", "as in a"]);
    soup("sum").fails(2, &["sum/manifest.json", "aggregation", "as in a"]);
    soup("a").fails(2, &["found the bundle of a, expected another"]);
    gradus(path, &["soup", "a", "-o", "both"]).fails(2, &["2"]);
    gradus(
        path,
        &["soup", "a", "pooled", "-o", "both", "--metric", "r2"],
    )
    .fails(2, &["--data"]);
    assert!(!path.join("both").exists());
    let valid = trained().join("valid.jsonl");
    let quantize = [
        "quantize",
        "a",
        "small",
        "--data",
        valid.to_str().unwrap(),
        "--limit",
        "9",
    ];
    gradus(path, &quantize).succeeds();
    soup("small").fails(
        2,
        &[
            "small",
            "found a quantized bundle",
            "to average its weights",
        ],
    );
}
