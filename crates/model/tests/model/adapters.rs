//! Adapters of peft merged with their base, against what peft computes with them unmerged.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use gradus_model::{
    ImportOptions, ModelError, PretrainedEncoder, ProblemType, SegmentInput, import_hugging_face,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::families::{hidden, values};
use crate::support::{
    Row, Stored, assert_close, batch, golden, read_golden, read_tensors, write_tensors,
};

#[derive(Deserialize)]
struct Case {
    adapter: String,
    family: String,
    input_ids: Vec<i32>,
    type_ids: Vec<i32>,
    /// Logits of each token, or its first four features.
    values: Vec<Vec<f32>>,
}

impl Case {
    /// One segment for each token.
    fn row(&self) -> Row {
        let tokens = i32::try_from(self.input_ids.len()).unwrap();
        Row {
            token_ids: self.input_ids.clone(),
            type_ids: self.type_ids.clone(),
            spans: (0..tokens).map(|token| [token, token + 1]).collect(),
        }
    }
}

fn cases() -> Vec<Case> {
    read_golden("peft/reference.json")
}

fn base(family: &str) -> std::path::PathBuf {
    golden(&format!("tiny-{family}"))
}

#[test]
fn merged_classifiers_give_the_logits_of_peft() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.values[0].len() < 4) {
        seen += 1;
        println!("{}", case.adapter);
        let options = ImportOptions {
            base: Some(base(&case.family)),
            problem_type: Some(ProblemType::Regression),
            ..ImportOptions::default()
        };
        let directory = golden("peft").join(&case.adapter);
        let imported = import_hugging_face(&directory, &options, &Device::flex()).unwrap();
        assert_eq!(imported.labels.len(), case.values[0].len());
        // The prompt's tokens count as segments, too.
        let input = SegmentInput {
            response_spans: None,
            ..batch(&[case.row()], 3, &Device::flex())
        };
        let found = imported.model.forward(input).into_data();
        assert_close(&found.try_into_vec().unwrap(), &case.values.concat(), 1e-4);
    }
    assert_eq!(seen, 4);
}

#[test]
fn merged_encoders_give_the_states_of_peft() {
    let mut seen = 0;
    for case in cases().iter().filter(|case| case.values[0].len() == 4) {
        seen += 1;
        println!("{}", case.adapter);
        let directory = golden("peft").join(&case.adapter);
        let pretrained = PretrainedEncoder::open_adapted(&base(&case.family), &directory).unwrap();
        let (encoder, _) = pretrained.load(&Device::flex()).unwrap();
        let states = hidden(&encoder, &[case.row()], 2, &Device::flex()).remove(0);
        let first = values(states.narrow(1, 0, 4));
        assert_close(&first, &case.values.concat(), 1e-4);
    }
    assert_eq!(seen, 2);
}

/// A copy of an adapter, to be damaged.
fn copy(name: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in ["adapter_config.json", "adapter_model.safetensors"] {
        let source = golden("peft").join(name).join(file);
        fs_err::copy(source, directory.path().join(file)).unwrap();
    }
    directory
}

fn set(adapter: &Path, key: &str, value: Value) {
    let path = adapter.join("adapter_config.json");
    let mut config: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs_err::write(path, config.to_string()).unwrap();
}

fn error(adapter: &Path, family: &str) -> String {
    let options = ImportOptions {
        base: Some(base(family)),
        ..ImportOptions::default()
    };
    let error = import_hugging_face(adapter, &options, &Device::flex()).unwrap_err();
    error.to_string()
}

#[test]
fn an_adapter_that_is_no_plain_low_rank_one_or_does_not_fit_is_refused() {
    let adapter = copy("qwen2-token");
    set(adapter.path(), "use_dora", json!(true));
    let message = error(adapter.path(), "qwen2");
    assert!(
        message.contains("adapter_config.json: `use_dora` is true"),
        "{message}"
    );

    for (key, value, said) in [
        (
            "layers_to_transform",
            json!([7]),
            "`layers_to_transform` of adapter_config.json excludes",
        ),
        (
            "target_modules",
            json!(["no_proj"]),
            "`target_modules` of adapter_config.json excludes",
        ),
        (
            "exclude_modules",
            json!(["q_proj", "k_proj", "v_proj", "o_proj"]),
            "`exclude_modules` of",
        ),
        (
            "modules_to_save",
            json!(["embed_tokens"]),
            "`modules_to_save` of adapter_config.json names",
        ),
        (
            "target_modules",
            json!(".*q_proj"),
            "`target_modules` of adapter_config.json excludes",
        ),
    ] {
        let adapter = copy("qwen2-token");
        set(adapter.path(), key, value);
        let message = error(adapter.path(), "qwen2");
        assert!(message.contains(said), "{key}: {message}");
    }

    let adapter = copy("qwen2-token");
    set(adapter.path(), "r", json!(8));
    let message = error(adapter.path(), "qwen2");
    assert!(
        message.contains("the rank 8 of adapter_config.json"),
        "{message}"
    );

    let adapter = copy("qwen2-token");
    let message = error(adapter.path(), "bert");
    assert!(
        message.contains("which the base does not have"),
        "{message}"
    );

    set(adapter.path(), "task_type", json!("CAUSAL_LM"));
    let message = error(adapter.path(), "qwen2");
    assert!(
        message.contains("`task_type` is \"CAUSAL_LM\""),
        "{message}"
    );

    for (name, tensor, expected) in [
        (
            "base_model.model.x.lora_embedding_A",
            Stored::zeros(&[2, 2]),
            "not a matrix of a linear layer",
        ),
        (
            "x.lora_A.weight",
            Stored::zeros(&[2, 2]),
            "expected names in `base_model.model.`",
        ),
        (
            "base_model.model.x.lora_A.weight",
            Stored::zeros(&[2, 2]),
            "only one of `lora_A` and `lora_B`",
        ),
        (
            "base_model.model.model.layers.0.new.weight",
            Stored::zeros(&[2]),
            "unexpected: layers.0.new.weight",
        ),
    ] {
        let adapter = copy("qwen2-token");
        let path = adapter.path().join("adapter_model.safetensors");
        let mut tensors: BTreeMap<String, Stored> = read_tensors(&path);
        tensors.insert(name.into(), tensor);
        write_tensors(&path, &tensors);
        let message = error(adapter.path(), "qwen2");
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn an_adapter_is_told_from_a_model() {
    let adapter = copy("llama-norms");
    let error = PretrainedEncoder::open(adapter.path()).unwrap_err();
    assert!(matches!(error, ModelError::IsAdapter { .. }));
    assert!(
        error
            .to_string()
            .contains("an adapter of peft for \"tiny/llama\""),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--base"));
    // A model beside an adapter is what it is, and the adapter is told of.
    for file in ["config.json", "model.safetensors"] {
        fs_err::copy(base("llama").join(file), adapter.path().join(file)).unwrap();
    }
    let pretrained = PretrainedEncoder::open(adapter.path()).unwrap();
    assert_eq!(pretrained.notes()[0].key, "adapter_config.json");
}
