//! Files as people have them: with prefixes and other heads, in shards, in half precision.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, bf16, f16};
use gradus_model::{EncoderConfig, PretrainedEncoder, load_encoder};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Row, Stored, assert_close, batch, golden, read_tensors, write_tensors};

/// A copy of a tiny encoder to be changed.
struct Copy(TempDir);

impl Copy {
    fn new(family: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for name in ["config.json", "model.safetensors"] {
            let original = golden(&format!("tiny-{family}")).join(name);
            fs_err::copy(original, copy.path(name)).unwrap();
        }
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn change_tensors(&self, change: impl FnOnce(&mut BTreeMap<String, Stored>)) {
        let path = self.path("model.safetensors");
        let mut tensors = read_tensors(&path);
        change(&mut tensors);
        write_tensors(&path, &tensors);
    }

    /// Deals the tensors out to shards and returns the shards' names.
    fn shard(&self, num_shards: usize) -> Vec<String> {
        let tensors = read_tensors(&self.path("model.safetensors"));
        fs_err::remove_file(self.path("model.safetensors")).unwrap();
        let name = |shard| format!("model-{:05}-of-{num_shards:05}.safetensors", shard + 1);
        let mut shards = vec![BTreeMap::new(); num_shards];
        let mut weight_map = serde_json::Map::new();
        for (number, (tensor, stored)) in tensors.into_iter().enumerate() {
            weight_map.insert(tensor.clone(), name(number % num_shards).into());
            shards[number % num_shards].insert(tensor, stored);
        }
        for (shard, tensors) in shards.iter().enumerate() {
            write_tensors(&self.path(&name(shard)), tensors);
        }
        let index = json!({"metadata": {"total_size": 0}, "weight_map": weight_map});
        let path = self.path("model.safetensors.index.json");
        fs_err::write(path, index.to_string()).unwrap();
        (0..num_shards).map(name).collect()
    }

    fn message(&self) -> String {
        let error = load_encoder(self.0.path(), &Device::flex()).unwrap_err();
        error
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// The hidden states of a few tokens, to compare loaded encoders by.
fn fingerprint(directory: &Path) -> Vec<f32> {
    let device = Device::flex();
    let (_, encoder, _) = load_encoder(directory, &device).unwrap();
    let row = Row {
        token_ids: vec![5, 9, 31, 17, 2, 44, 60],
        type_ids: vec![0; 7],
        spans: vec![[0, 1]],
    };
    let input = batch(&[row], 0, &device);
    encoder
        .forward(input.token_ids, input.type_ids, input.mask_pad)
        .into_data()
        .try_into_vec()
        .unwrap()
}

fn original(family: &str) -> Vec<f32> {
    fingerprint(&golden(&format!("tiny-{family}")))
}

/// What a family's checkpoints with a head put before the encoder's names, and their heads.
fn prefix_and_heads(family: &str) -> (&'static str, &'static [&'static str]) {
    match family {
        "bert" => ("bert.", &["classifier.weight"]),
        "roberta" | "xlm-roberta" => (
            "roberta.",
            &["classifier.dense.weight", "lm_head.dense.weight"],
        ),
        "deberta-v2" => (
            "deberta.",
            &["classifier.weight", "lm_predictions.lm_head.bias"],
        ),
        "modernbert" => ("model.", &["head.dense.weight", "classifier.bias"]),
        _ => ("model.", &["lm_head.weight", "score.weight"]),
    }
}

#[test]
fn checkpoints_with_prefix_and_heads_in_shards_load_as_the_plain_file_does() {
    for &family in EncoderConfig::MODEL_TYPES {
        let (prefix, heads) = prefix_and_heads(family);
        let copy = Copy::new(family);
        copy.change_tensors(|tensors| {
            *tensors = std::mem::take(tensors)
                .into_iter()
                .map(|(name, stored)| (format!("{prefix}{name}"), stored))
                .collect();
            for head in heads {
                tensors.insert((*head).into(), Stored::zeros(&[3, 32]));
            }
        });
        copy.shard(3);
        assert_eq!(fingerprint(copy.0.path()), original(family), "{family}");
        let (_, _, report) = load_encoder(copy.0.path(), &Device::flex()).unwrap();
        let left: Vec<_> = report.left.iter().map(|left| &*left.name).collect();
        for head in heads {
            assert!(left.contains(head), "{family}: {left:?}");
        }
    }
}

#[test]
fn an_old_constant_of_every_layer_is_left() {
    let copy = Copy::new("llama");
    copy.change_tensors(|tensors| {
        let name = "layers.1.self_attn.rotary_emb.inv_freq";
        tensors.insert(name.into(), Stored::zeros(&[4]));
    });
    let (_, _, report) = load_encoder(copy.0.path(), &Device::flex()).unwrap();
    assert_eq!(report.left.len(), 1);
}

fn half(stored: &mut Stored, dtype: Dtype, convert: impl Fn(f32) -> [u8; 2]) {
    let values = stored.bytes.chunks(4);
    let values = values.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    (stored.bytes, stored.dtype) = (values.flat_map(convert).collect(), dtype);
}

#[test]
fn half_precision_copies_agree_within_their_precision() {
    for &family in EncoderConfig::MODEL_TYPES {
        let expected = original(family);
        let size = expected
            .iter()
            .fold(0f32, |size, value| size.max(value.abs()));
        for (dtype, share) in [(Dtype::F16, 0.01), (Dtype::BF16, 0.08)] {
            let copy = Copy::new(family);
            copy.change_tensors(|tensors| {
                for stored in tensors.values_mut() {
                    match dtype {
                        Dtype::F16 => half(stored, dtype, |x| f16::from_f32(x).to_le_bytes()),
                        _ => half(stored, dtype, |x| bf16::from_f32(x).to_le_bytes()),
                    }
                }
            });
            println!("{family}, {dtype:?}");
            let found = fingerprint(copy.0.path());
            assert_close(&found, &expected, share * size);
            assert_ne!(found, expected);
        }
    }
}

#[test]
fn a_matrix_of_several_is_told_whole_when_it_is_wrong() {
    let copy = Copy::new("modernbert");
    copy.change_tensors(|tensors| {
        tensors.insert("layers.1.attn.Wqkv.weight".into(), Stored::zeros(&[97, 32]));
        tensors.remove("layers.2.mlp.Wi.weight");
    });
    assert_eq!(
        copy.message(),
        "model.safetensors: the tensors do not match the model\
         \n  missing: layers.2.mlp.Wi.weight\
         \n  wrong shape: layers.1.attn.Wqkv.weight: found [97, 32], expected [96, 32]"
    );
}

#[test]
fn a_truncated_shard_is_named() {
    let copy = Copy::new("qwen3");
    let shards = copy.shard(2);
    let path = copy.path(&shards[1]);
    let whole = fs_err::read(&path).unwrap();
    fs_err::write(&path, &whole[..whole.len() - 8]).unwrap();
    let message = copy.message();
    let start = "model-00002-of-00002.safetensors: damaged: the file has ";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn a_missing_tensor_of_every_family_is_named_in_the_words_of_the_file() {
    for &family in EncoderConfig::MODEL_TYPES {
        let copy = Copy::new(family);
        let mut removed = String::new();
        copy.change_tensors(|tensors| {
            let name = tensors.keys().find(|name| name.contains(".2."));
            removed.clone_from(name.unwrap());
            tensors.remove(&removed);
        });
        let expected = format!("\n  missing: {removed}");
        assert!(copy.message().contains(&expected), "{}", copy.message());
    }
}

#[test]
fn what_a_family_does_not_support_is_refused_by_name() {
    for (family, key, value, expected) in [
        (
            "roberta",
            "position_embedding_type",
            json!("relative_key"),
            "\"absolute\"",
        ),
        ("xlm-roberta", "is_decoder", json!(true), "false"),
        (
            "roberta",
            "max_position_embeddings",
            json!(2),
            "a whole number above `pad_token_id` + 1 (2)",
        ),
        (
            "deberta-v2",
            "conv_kernel_size",
            json!(4),
            "an odd number or 0",
        ),
        ("deberta-v2", "relative_attention", json!(false), "true"),
        (
            "deberta-v2",
            "pos_att_type",
            json!(["c2p", "p2p"]),
            "`c2p` and `p2c`, as a list or joined by `|`",
        ),
        (
            "deberta-v2",
            "norm_rel_ebd",
            json!("batch_norm"),
            "\"layer_norm\" or \"none\"",
        ),
        (
            "deberta-v2",
            "embedding_size",
            json!(16),
            "`hidden_size` (32)",
        ),
        (
            "deberta-v2",
            "position_buckets",
            json!(7),
            "an even number of at least 4",
        ),
        (
            "modernbert",
            "hidden_activation",
            json!("relu6"),
            "silu, swish, gelu, gelu_new or gelu_pytorch_tanh",
        ),
        (
            "modernbert",
            "layer_types",
            json!(["full_attention"]),
            "`full_attention` or `sliding_attention` for each layer",
        ),
        (
            "qwen2",
            "layer_types",
            json!(["full_attention", "sliding_attention", "full_attention"]),
            "only `full_attention` where `use_sliding_window` is false",
        ),
        (
            "qwen2",
            "num_key_value_heads",
            json!(3),
            "`num_key_value_heads` (3)",
        ),
        ("qwen3", "head_dim", json!(7), "an even number"),
        ("llama", "pretraining_tp", json!(2), "1"),
        ("llama", "sliding_window", json!(64), "null"),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "dynamic"}),
            "\"default\", \"linear\", \"llama3\" or \"yarn\"",
        ),
    ] {
        let copy = Copy::new(family);
        let path = copy.path("config.json");
        let mut config: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
        config[key] = value;
        fs_err::write(&path, config.to_string()).unwrap();
        let message = PretrainedEncoder::open(copy.0.path())
            .unwrap_err()
            .to_string();
        let found = message.contains("config.json: `") && message.contains(expected);
        assert!(found, "{family}, {key}: {message}");
    }
}
