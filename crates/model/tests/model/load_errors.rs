//! Everything that can be wrong with a published encoder, and what the error says.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use gradus_model::{Head, HeadConfig, ModelError, load_encoder};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Stored, assert_close, golden, read_tensors, write_tensors};

/// A copy of the tiny BERT to be damaged.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for name in ["config.json", "model.safetensors"] {
            fs_err::copy(golden("tiny-bert").join(name), copy.path(name)).unwrap();
        }
        copy
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn change_config(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("config.json");
        let mut config = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        change(&mut config);
        fs_err::write(path, config.to_string()).unwrap();
    }

    fn change_tensors(&self, change: impl FnOnce(&mut BTreeMap<String, Stored>)) {
        let path = self.path("model.safetensors");
        let mut tensors = read_tensors(&path);
        change(&mut tensors);
        write_tensors(&path, &tensors);
    }

    /// Splits the weights over two shards and returns the index.
    fn shard(&self) -> Value {
        let tensors = read_tensors(&self.path("model.safetensors"));
        fs_err::remove_file(self.path("model.safetensors")).unwrap();
        let mut weight_map = serde_json::Map::new();
        for (number, start) in [(1, "embeddings."), (2, "")] {
            let shard = format!("model-0000{number}-of-00002.safetensors");
            let in_shard: BTreeMap<_, _> = tensors
                .iter()
                .filter(|(name, _)| name.starts_with("embeddings.") != start.is_empty())
                .map(|(name, stored)| (name.clone(), stored.clone()))
                .collect();
            weight_map.extend(in_shard.keys().map(|name| (name.clone(), json!(shard))));
            write_tensors(&self.path(&shard), &in_shard);
        }
        let index = json!({"metadata": {"total_size": 0}, "weight_map": weight_map});
        self.write_index(&index);
        index
    }

    fn write_index(&self, index: &Value) {
        fs_err::write(self.path("model.safetensors.index.json"), index.to_string()).unwrap();
    }

    /// The message, without the directory.
    fn error(&self) -> (ModelError, String) {
        let error = load_encoder(self.0.path(), &Device::flex()).unwrap_err();
        let message = error
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "");
        let message = message.replace(&self.0.path().display().to_string(), ".");
        (error, message)
    }

    fn message(&self) -> String {
        self.error().1
    }
}

/// The hidden state of one token, to compare loaded encoders by.
fn fingerprint(directory: &Path) -> Vec<f32> {
    let device = Device::flex();
    let (_, encoder, _) = load_encoder(directory, &device).unwrap();
    let ids = Tensor::from_data([[5, 9]], &device);
    let zeros = Tensor::<2, Int>::zeros([1, 2], &device);
    encoder
        .forward(ids, zeros.clone(), zeros.bool())
        .into_data()
        .try_into_vec()
        .unwrap()
}

#[test]
fn a_missing_directory_is_named() {
    let error = load_encoder(Path::new("no/such/place"), &Device::flex()).unwrap_err();
    assert_eq!(error.to_string(), "no/such/place: no such directory");
    assert!(error.hint().is_some());
}

#[test]
fn missing_files_are_named() {
    let copy = Copy::new();
    fs_err::remove_file(copy.path("model.safetensors")).unwrap();
    let (error, message) = copy.error();
    assert_eq!(
        message,
        ".: found no model.safetensors and no model.safetensors.index.json"
    );
    assert!(error.hint().unwrap().contains("safetensors"));
    fs_err::remove_file(copy.path("config.json")).unwrap();
    assert_eq!(copy.message(), ".: found no config.json");
}

#[test]
fn a_config_that_is_not_json_is_refused() {
    let copy = Copy::new();
    for content in ["{", "[]", ""] {
        fs_err::write(copy.path("config.json"), content).unwrap();
        assert_eq!(copy.message(), "config.json: not the expected JSON");
    }
}

#[test]
fn an_unknown_family_is_refused_with_the_known_ones() {
    let copy = Copy::new();
    for (model_type, found) in [
        (json!("t5"), "\"t5\""),
        (json!(3), "3"),
        (Value::Null, "missing"),
    ] {
        copy.change_config(|config| config["model_type"] = model_type);
        let expected = format!(
            "config.json: `model_type` is {found}, expected one of: bert, roberta, xlm-roberta, \
             deberta-v2, modernbert, qwen2, qwen3, llama"
        );
        assert_eq!(copy.message(), expected);
    }
}

#[test]
fn an_unsupported_request_names_file_and_key() {
    let copy = Copy::new();
    copy.change_config(|config| config["position_embedding_type"] = json!("relative_key_query"));
    assert_eq!(
        copy.message(),
        "config.json: `position_embedding_type` is \"relative_key_query\", expected \"absolute\""
    );
}

#[test]
fn one_error_lists_every_tensor_that_is_wrong() {
    let copy = Copy::new();
    copy.change_tensors(|tensors| {
        tensors.remove("encoder.layer.1.output.dense.bias");
        tensors.remove("embeddings.LayerNorm.weight");
        tensors.insert(
            "encoder.layer.3.output.dense.bias".into(),
            Stored::zeros(&[32]),
        );
        tensors.insert(
            "encoder.layer.0.adapter.weight".into(),
            Stored::zeros(&[2, 2]),
        );
        tensors.insert(
            "encoder.layer.0.output.dense.weight".into(),
            Stored::zeros(&[64, 32]),
        );
        let bias = tensors
            .get_mut("encoder.layer.0.output.dense.bias")
            .unwrap();
        (bias.dtype, bias.shape) = (Dtype::I32, vec![32]);
    });
    let (error, message) = copy.error();
    assert_eq!(
        message,
        "model.safetensors: the tensors do not match the model\
         \n  missing: embeddings.LayerNorm.weight\
         \n  missing: encoder.layer.1.output.dense.bias\
         \n  unexpected: encoder.layer.0.adapter.weight\
         \n  unexpected: encoder.layer.3.output.dense.bias\
         \n  wrong shape: encoder.layer.0.output.dense.weight: found [64, 32], expected [32, 64]\
         \n  wrong type: encoder.layer.0.output.dense.bias: found I32, expected F32, F16, BF16 or F64"
    );
    assert_eq!(
        error.hint().unwrap(),
        "config.json and the weights must come from the same model"
    );
}

#[test]
fn a_config_of_another_size_is_refused() {
    let copy = Copy::new();
    copy.change_config(|config| config["intermediate_size"] = json!(65));
    let message = copy.message();
    let wrong = "encoder.layer.2.intermediate.dense.weight: found [64, 32], expected [65, 32]";
    assert!(message.contains(wrong), "{message}");
    assert_eq!(message.matches("wrong shape").count(), 9, "{message}");
}

#[test]
fn two_names_of_one_tensor_are_refused() {
    let copy = Copy::new();
    copy.change_tensors(|tensors| {
        tensors.insert(
            "bert.embeddings.LayerNorm.gamma".into(),
            Stored::zeros(&[32]),
        );
    });
    let twice =
        "the same tensor twice: bert.embeddings.LayerNorm.gamma and embeddings.LayerNorm.weight";
    assert!(copy.message().contains(twice), "{}", copy.message());
}

#[test]
fn damaged_files_are_told_from_files_of_another_kind() {
    let copy = Copy::new();
    let path = copy.path("model.safetensors");
    let whole = fs_err::read(&path).unwrap();
    for (content, expected) in [
        (
            &whole[..whole.len() - 100],
            "model.safetensors: damaged: the file has 157884 bytes, its header describes 157984",
        ),
        (
            &whole[..1000],
            "model.safetensors: damaged: the file has 1000 bytes, its header describes 5664",
        ),
        (
            b"",
            "model.safetensors: not a safetensors file: 0 bytes are too few",
        ),
        (
            b"PK\x03\x04 a zip file of PyTorch",
            "model.safetensors: not a safetensors file: its first bytes are not a valid header length",
        ),
    ] {
        fs_err::write(&path, content).unwrap();
        assert_eq!(copy.message(), expected);
    }
    let mut scribbled = whole.clone();
    scribbled[100..120].fill(b'#');
    fs_err::write(&path, scribbled).unwrap();
    let message = copy.message();
    assert!(
        message.starts_with("model.safetensors: not a safetensors file: "),
        "{message}"
    );
}

#[test]
fn a_header_whose_offsets_lie_is_refused() {
    let copy = Copy::new();
    let path = copy.path("model.safetensors");
    let header = br#"{"a":{"dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]}}"#;
    let mut content = (header.len() as u64).to_le_bytes().to_vec();
    content.extend_from_slice(header);
    content.extend_from_slice(&[0; 8]);
    fs_err::write(&path, content).unwrap();
    let message = copy.message();
    assert!(
        message.starts_with("model.safetensors: not a safetensors file: "),
        "{message}"
    );
}

#[test]
fn sharded_weights_load_as_the_whole_file_does() {
    let copy = Copy::new();
    copy.shard();
    assert_eq!(
        fingerprint(copy.0.path()),
        fingerprint(&golden("tiny-bert"))
    );
}

#[test]
fn a_missing_shard_is_named() {
    let copy = Copy::new();
    copy.shard();
    fs_err::remove_file(copy.path("model-00002-of-00002.safetensors")).unwrap();
    let (error, message) = copy.error();
    assert_eq!(
        message,
        "model.safetensors.index.json: names the shard `model-00002-of-00002.safetensors`, \
         which is not in the directory"
    );
    assert!(error.hint().is_some());
}

#[test]
fn an_index_that_promises_more_than_its_shards_hold_is_refused() {
    let copy = Copy::new();
    let mut index = copy.shard();
    index["weight_map"]["extra.weight"] = json!("model-00001-of-00002.safetensors");
    copy.write_index(&index);
    assert_eq!(
        copy.message(),
        "model.safetensors.index.json: the shards lack these tensors of the index: \
         extra.weight (model-00001-of-00002.safetensors)"
    );
}

#[test]
fn a_shard_outside_of_the_directory_is_refused() {
    let copy = Copy::new();
    let mut index = copy.shard();
    for shard in ["../model.safetensors", "/model.safetensors", ".."] {
        index["weight_map"]["extra.weight"] = json!(shard);
        copy.write_index(&index);
        let expected =
            format!("model.safetensors.index.json: the shard `{shard}` is not a plain file name");
        assert_eq!(copy.message(), expected);
    }
}

#[test]
fn an_index_of_another_form_is_refused() {
    let copy = Copy::new();
    copy.shard();
    copy.write_index(&json!({"weights": {}}));
    assert_eq!(
        copy.message(),
        "model.safetensors.index.json: not the expected JSON"
    );
}

#[test]
fn prefixes_old_names_and_heads_of_other_tasks_are_understood() {
    let copy = Copy::new();
    copy.change_tensors(|tensors| {
        *tensors = std::mem::take(tensors)
            .into_iter()
            .map(|(name, stored)| {
                let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
                (
                    format!("bert.{}", name.replace("LayerNorm.bias", "LayerNorm.beta")),
                    stored,
                )
            })
            .collect();
        tensors.insert("cls.predictions.bias".into(), Stored::zeros(&[160]));
        tensors.insert("classifier.weight".into(), Stored::zeros(&[2, 32]));
    });
    assert_eq!(
        fingerprint(copy.0.path()),
        fingerprint(&golden("tiny-bert"))
    );
    let (_, _, report) = load_encoder(copy.0.path(), &Device::flex()).unwrap();
    let left: Vec<_> = report.left.iter().map(|left| left.name.as_str()).collect();
    let pooler = ["bert.pooler.dense.bias", "bert.pooler.dense.weight"];
    assert_eq!(
        left,
        [&pooler[..], &["classifier.weight", "cls.predictions.bias"]].concat()
    );
}

/// The upper half of a 32-bit float is a 16-bit brain float.
fn to_bf16(stored: &mut Stored) {
    stored.dtype = Dtype::BF16;
    stored.bytes = stored
        .bytes
        .chunks(4)
        .flat_map(|value| [value[2], value[3]])
        .collect();
}

fn to_f64(stored: &mut Stored) {
    let value = |bytes: &[u8]| f64::from(f32::from_le_bytes(bytes.try_into().unwrap()));
    stored.dtype = Dtype::F64;
    stored.bytes = stored
        .bytes
        .chunks(4)
        .flat_map(|bytes| value(bytes).to_le_bytes())
        .collect();
}

#[test]
fn other_float_types_become_32_bit_floats_and_are_reported() {
    check_cast(to_f64, "F64", 0.0);
    check_cast(to_bf16, "BF16", 0.1);
}

fn check_cast(convert: fn(&mut Stored), name: &str, tolerance: f32) {
    let copy = Copy::new();
    copy.change_tensors(|tensors| tensors.values_mut().for_each(convert));
    assert_close(
        &fingerprint(copy.0.path()),
        &fingerprint(&golden("tiny-bert")),
        tolerance,
    );
    let (_, _, report) = load_encoder(copy.0.path(), &Device::flex()).unwrap();
    assert_eq!(report.cast.len(), report.used.len());
    assert!(report.cast.iter().all(|cast| cast.from == name));
}

#[test]
fn half_precision_is_read_exactly() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("head.safetensors");
    // 1, -2 and 0.5 as 16-bit floats.
    let half = |values: &[u16], shape: &[usize]| Stored {
        dtype: Dtype::F16,
        shape: shape.to_vec(),
        bytes: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    };
    let weight = half(&[0x3C00, 0xC000], &[1, 2]);
    let tensors = [
        ("weight".to_owned(), weight),
        ("bias".to_owned(), half(&[0x3800], &[1])),
    ];
    write_tensors(&path, &BTreeMap::from(tensors));
    let device = Device::flex();
    let head = Head::new(HeadConfig::Linear, 2, 1, &device)
        .load(&path)
        .unwrap();
    let scores = head.forward(Tensor::from_data([[[1.0, 10.0]]], &device));
    assert_close(&[scores.into_scalar()], &[1.0 - 20.0 + 0.5], 0.0);
}

#[test]
fn a_head_of_another_shape_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("head.safetensors");
    let tensors = [("weight", [2, 16].as_slice()), ("offset", &[2])];
    let tensors = tensors.map(|(name, shape)| (name.to_owned(), Stored::zeros(shape)));
    write_tensors(&path, &BTreeMap::from(tensors));
    let error = Head::new(HeadConfig::Linear, 16, 1, &Device::flex())
        .load(&path)
        .unwrap_err();
    let message = error
        .to_string()
        .replace(&path.display().to_string(), "head");
    assert_eq!(
        message,
        "head: the tensors do not match the model\n  missing: bias\n  unexpected: offset\
         \n  wrong shape: weight: found [2, 16], expected [1, 16]"
    );
}
