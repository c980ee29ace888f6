//! Changed keys of a `config.json` against what transformers computes with them.

use burn::tensor::Device;
use gradus_model::{PretrainedEncoder, load_encoder};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::families::{ReferenceRow, hidden};
use crate::support::{golden, read_golden};

#[derive(Deserialize)]
struct Case {
    family: String,
    keys: Map<String, Value>,
    rows: Vec<ReferenceRow>,
}

/// The tiny encoder of a family with other values of some keys.
fn changed(family: &str, keys: &Map<String, Value>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let source = golden(&format!("tiny-{family}"));
    let config = fs_err::read(source.join("config.json")).unwrap();
    let mut config: Map<String, Value> = serde_json::from_slice(&config).unwrap();
    config.extend(keys.clone());
    let config = Value::Object(config).to_string();
    fs_err::write(directory.path().join("config.json"), config).unwrap();
    let weights = "model.safetensors";
    fs_err::copy(source.join(weights), directory.path().join(weights)).unwrap();
    directory
}

#[test]
fn states_under_changed_keys_are_those_of_transformers() {
    let device = Device::flex();
    let cases: Vec<Case> = read_golden("config-keys/reference.json");
    assert!(cases.len() > 20);
    for Case { family, keys, rows } in cases {
        println!("{family} {}", Value::Object(keys.clone()));
        let directory = changed(&family, &keys);
        let (config, encoder, _) = load_encoder(directory.path(), &device).unwrap();
        let texts: Vec<_> = rows.iter().map(ReferenceRow::row).collect();
        for (states, row) in hidden(&encoder, &texts, 5, &device).into_iter().zip(&rows) {
            row.check(states);
        }
        // What is saved in a bundle is read back as it was.
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<gradus_model::EncoderConfig>(&json).unwrap(),
            config
        );
        // What is exported is read back as it was.
        let mut published = config.to_published();
        published["rope_scaling"] = Value::Null;
        let again = changed(&family, published.as_object().unwrap());
        let again = PretrainedEncoder::open(again.path()).unwrap();
        assert_eq!(*again.config(), config, "{family}");
    }
}

#[test]
fn a_decoder_that_sees_both_sides_is_no_causal_one() {
    for family in ["qwen2", "qwen3", "llama"] {
        let directory = changed(family, json!({"is_causal": false}).as_object().unwrap());
        let pretrained = PretrainedEncoder::open(directory.path()).unwrap();
        assert!(!pretrained.config().is_causal());
        assert_eq!(pretrained.config().default_pooling().to_string(), "mean");
    }
}

#[test]
fn unknown_keys_are_notes_and_no_errors() {
    let keys = json!({"softcap": 3, "rope_scaling": {"type": "linear", "factor": 2.0, "beta": 1}});
    let directory = changed("llama", keys.as_object().unwrap());
    let pretrained = PretrainedEncoder::open(directory.path()).unwrap();
    let notes: Vec<&str> = pretrained.notes().iter().map(|note| &*note.key).collect();
    assert_eq!(notes, ["rope_parameters", "rope_scaling.beta", "softcap"]);
    assert!(
        PretrainedEncoder::open(&golden("tiny-llama"))
            .unwrap()
            .notes()
            .is_empty()
    );
}
