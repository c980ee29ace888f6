//! Quantized bundles: written, read, changed in place, refused.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

#[allow(dead_code, reason = "some of it is for the tests of models only")]
#[path = "../../model/tests/model/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use gradus_bundle::{
    Aggregation, Bundle, CARD, Manifest, MeasuredQuantization, QuantizationChange,
};
use gradus_data::{AspectSpec, TextConfig, TextsDigest, word_level_tokenizer};
use gradus_model::{EmbeddingFormat, LoraConfig, ModelError, Pooling, Precision};
use serde_json::{Value, json};

use support::{random_model_with, rows, scores};

fn bundle(lora: Option<LoraConfig>) -> Bundle {
    let (config, model) = random_model_with(1, Pooling::Last, |config| config.lora = lora);
    let text = TextConfig {
        max_length: 32,
        aspects: vec![AspectSpec::identity("tone")],
        ..TextConfig::default()
    };
    let mut manifest = Manifest::new(text, Aggregation::Mean);
    manifest.validation = json!({"mse": 0.1}).as_object().cloned();
    Bundle {
        manifest,
        config,
        model,
        tokenizer: word_level_tokenizer(["a word"]).unwrap(),
        recalibration: None,
        offset: None,
    }
}

fn quantized() -> Bundle {
    let device = Device::flex();
    let mut bundle = bundle(None)
        .quantized(EmbeddingFormat::Int8, "0123456789abcdef", &device)
        .unwrap();
    let change = QuantizationChange {
        segments: 12,
        sd: 0.5,
        mean: 0.01,
        max: 0.03,
        spearman: Some(0.999),
        mse: Some([0.2, 0.21]),
        mse_interval: Some([-0.01, 0.02]),
        confidence: 0.95,
        flags_changed: Some(2),
    };
    let quantization = bundle.manifest.quantization.as_mut().unwrap();
    quantization.measured = Some(MeasuredQuantization {
        data: "valid.jsonl".into(),
        texts: TextsDigest::of(&[]),
        limit: 0.05,
        aspects: BTreeMap::from([("tone".into(), change)]),
    });
    bundle
}

fn manifest(directory: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(directory.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn a_quantized_bundle_is_read_as_it_was_written_and_saved_again_alike() {
    let device = Device::flex();
    let place = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| place.path().join(name));
    let original = quantized();
    original.save(&first, false, &[]).unwrap();
    let loaded = Bundle::load(&first, &device).unwrap();
    assert_eq!(
        scores(&loaded.model, &rows(), 0),
        scores(&original.model, &rows(), 0)
    );
    assert_eq!(loaded.manifest.precision(), Precision::Int8);
    assert_eq!(loaded.manifest.quantization, original.manifest.quantization);
    assert_eq!(manifest(&first)["format_version"], 2);
    loaded.save(&second, false, &[]).unwrap();
    let files = loaded.to_files(&[]).unwrap();
    for name in ["manifest.json", "model.safetensors", CARD] {
        let bytes = fs_err::read(first.join(name)).unwrap();
        assert!(bytes == fs_err::read(second.join(name)).unwrap(), "{name}");
        assert!(bytes == files[name], "{name} in memory");
    }
    Bundle::from_files(Path::new("b"), files, &device).unwrap();
    let large = place.path().join("large");
    bundle(None).save(&large, false, &[]).unwrap();
    assert_eq!(manifest(&large)["format_version"], 1);
}

#[test]
fn the_card_says_what_it_is_and_how_far_scores_moved() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bundle");
    quantized().save(&path, false, &[]).unwrap();
    let card = || fs_err::read_to_string(path.join(CARD)).unwrap();
    for part in [
        "layers in int8, embeddings in int8, of the weights with SHA-256 0123456789ab",
        "scores of 12 segments (SD 0.5000) moved by 0.01000 in the mean, 0.03000 at most",
        "MSE 0.20000 became 0.21000, +0.010000 (95 %: -0.010000 to +0.020000)",
        "2 changed sides of the threshold",
        "limit 0.05 SD",
        "before they were quantized",
    ] {
        let plain = card().replace('\\', "");
        assert!(plain.contains(part), "{part}\n{plain}");
    }
    let before = card();
    Bundle::renew_card(&path, None).unwrap();
    assert_eq!(card(), before);
}

#[test]
fn adapters_are_merged_and_a_second_quantization_is_refused() {
    let device = Device::flex();
    let with_adapters = bundle(Some(LoraConfig::default()));
    let found = with_adapters
        .quantized(EmbeddingFormat::F32, "", &device)
        .unwrap();
    assert_eq!(found.config.lora, None);
    let error = found
        .quantized(EmbeddingFormat::F32, "", &device)
        .unwrap_err();
    assert!(matches!(error, ModelError::Quantized { .. }), "{error}");
}

#[test]
fn damage_is_found() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bundle");
    quantized().save(&path, false, &[]).unwrap();
    let weights = path.join("model.safetensors");
    let mut bytes = fs_err::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs_err::write(&weights, &bytes).unwrap();
    let error = Bundle::load(&path, &Device::flex()).unwrap_err();
    assert!(matches!(error, ModelError::ForeignPart { .. }), "{error}");
}
