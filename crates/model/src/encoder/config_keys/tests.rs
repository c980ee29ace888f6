//! The tables against transformers, the code and docs/encoders.md.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, json};

use super::Treatment::{Ignored, Only, Reported, Used};
use super::*;

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

/// The tiny model's `config.json` with other values of some keys.
fn published(family: &str, changes: &[&Value]) -> PublishedConfig {
    let Value::Object(mut keys) = golden(&format!("tiny-{family}/config.json")) else {
        unreachable!()
    };
    for change in changes {
        keys.extend(change.as_object().unwrap().clone());
    }
    PublishedConfig::new(keys)
}

fn read(family: &str, changes: &[&Value]) -> Result<EncoderConfig, ConfigProblem> {
    EncoderConfig::from_published(family, &published(family, changes)).unwrap()
}

fn one(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// Every key of the tables for every family, once.
fn table() -> Vec<(&'static str, &'static str, Treatment)> {
    let mut found: BTreeMap<(&str, &str), Treatment> = BTreeMap::new();
    for family in EncoderConfig::MODEL_TYPES {
        for line in EncoderConfig::config_keys(family)
            .unwrap()
            .iter()
            .copied()
            .flatten()
        {
            for name in line.names {
                found.entry((family, name)).or_insert(line.treatment);
            }
        }
    }
    let rows = found.into_iter();
    rows.map(|((family, key), treatment)| (family, key, treatment))
        .collect()
}

/// Keys beside which another value of `key` shows, and that value.
fn changed(family: &str, key: &str) -> (Value, Value) {
    let alone = |value: Value| (json!({}), value);
    let yarn = json!({"rope_parameters": {"rope_type": "yarn", "factor": 2.0}});
    match key {
        "hidden_size" => alone(json!(64)),
        "num_hidden_layers" => (json!({"layer_types": null}), json!(2)),
        "num_attention_heads" => alone(json!(2)),
        "num_key_value_heads" => alone(json!(1)),
        "hidden_act" | "hidden_activation" => alone(json!("gelu_new")),
        "layer_norm_eps" | "norm_eps" | "rms_norm_eps" => alone(json!(0.5)),
        "norm_rel_ebd" => alone(json!("none")),
        "pos_att_type" => alone(json!("c2p")),
        "share_att_key" | "is_causal" => alone(json!(false)),
        "position_biased_input" | "norm_bias" | "attention_bias" | "mlp_bias" => alone(json!(true)),
        "conv_kernel_size" => alone(json!(3)),
        "conv_act" => (json!({"conv_kernel_size": 3}), json!("gelu")),
        "hidden_dropout_prob"
        | "attention_probs_dropout_prob"
        | "embedding_dropout"
        | "attention_dropout"
        | "initializer_range" => alone(json!(0.25)),
        "layer_types" if family == "modernbert" => alone(json!(vec!["full_attention"; 3])),
        "layer_types" => (
            json!({"use_sliding_window": true, "sliding_window": 8}),
            json!(["full_attention", "sliding_attention", "full_attention"]),
        ),
        "use_sliding_window" => (
            json!({"layer_types": null, "sliding_window": 8, "max_window_layers": 1}),
            json!(true),
        ),
        "sliding_window" if family == "modernbert" => alone(json!(5)),
        "sliding_window" => (
            json!({"layer_types": null, "use_sliding_window": true, "max_window_layers": 1}),
            json!(5),
        ),
        "max_window_layers" => (
            json!({"layer_types": null, "use_sliding_window": true, "sliding_window": 8}),
            json!(2),
        ),
        "global_attn_every_n_layers" => (json!({"layer_types": null}), json!(3)),
        "rope_parameters" if family == "modernbert" => {
            alone(json!({"full_attention": {"rope_theta": 5.0}}))
        }
        "rope_parameters" | "rope_scaling" => alone(json!({"type": "linear", "factor": 2.0})),
        "rope_theta" | "global_rope_theta" | "local_rope_theta" => {
            (json!({"rope_parameters": null}), json!(77.0))
        }
        "original_max_position_embeddings" => (yarn, json!(32)),
        _ => alone(json!(24)),
    }
}

#[test]
fn every_key_that_transformers_reads_is_in_the_table() {
    let keys = golden("config-keys/keys.json");
    for family in EncoderConfig::MODEL_TYPES {
        let read = keys["keys"][family].as_array().unwrap();
        assert!(read.len() > 80, "{family}");
        for key in read {
            let key = key.as_str().unwrap();
            assert!(treatment(family, key).is_some(), "{family}: {key}");
        }
    }
}

#[test]
fn a_key_that_is_computed_changes_what_is_computed() {
    for (family, key, treatment) in table() {
        if treatment != Used || key == "model_type" {
            continue;
        }
        let (beside, value) = changed(family, key);
        let before = read(family, &[&beside]);
        let before = before.unwrap_or_else(|problem| panic!("{family}, {key}: {problem}"));
        match read(family, &[&beside, &one(key, value)]) {
            Ok(after) => assert_ne!(before, after, "{family}: {key}"),
            Err(problem) => panic!("{family}, {key}: {problem}"),
        }
    }
}

#[test]
fn a_key_with_one_supported_value_is_refused_with_another() {
    for (family, key, treatment) in table() {
        if !matches!(treatment, Only(_)) {
            continue;
        }
        let wrong = match key {
            "relative_attention" => json!(false),
            "conv_groups" | "pretraining_tp" | "embedding_size" | "attention_head_size" => {
                json!(2)
            }
            "partial_rotary_factor" => json!(0.5),
            "head_dim" | "sliding_window" => json!(6),
            "position_embedding_type" => json!("relative_key"),
            "layer_types" => json!(["full_attention", "sliding_attention", "full_attention"]),
            "quantization_config"
            | "compression_config"
            | "rope_scaling"
            | "per_layer_config"
            | "fusion_config" => json!({"0": {}}),
            "pruned_heads" => json!({"0": [1]}),
            "attention_chunk_size" => json!(64),
            "transformers_weights" => json!("other.safetensors"),
            _ => json!(true),
        };
        let beside = json!({"conv_kernel_size": 3});
        let beside = if key == "conv_groups" {
            beside
        } else {
            json!({})
        };
        let problem = read(family, &[&beside, &one(key, wrong)]).unwrap_err();
        assert_eq!(problem.key, key, "{family}");
    }
}

#[test]
fn an_ignored_key_changes_nothing_and_is_not_reported() {
    for (family, key, treatment) in table() {
        if !matches!(treatment, Ignored(_)) {
            continue;
        }
        let before = read(family, &[]).unwrap();
        for value in [
            json!(7),
            json!("x"),
            json!({"a": 1}),
            json!(true),
            Value::Null,
        ] {
            let change = one(key, value);
            assert_eq!(
                read(family, &[&change]).as_ref(),
                Ok(&before),
                "{family}: {key}"
            );
            let notes = notes(family, &published(family, &[&change]));
            assert_eq!(notes, [], "{family}: {key}");
        }
    }
}

#[test]
fn unknown_and_reported_keys_are_named() {
    for family in EncoderConfig::MODEL_TYPES {
        assert_eq!(notes(family, &published(family, &[])), [], "{family}");
        let change =
            json!({"logit_softcap": 30.0, "auto_map": {"AutoModel": "m.M"}, "nothing": null});
        let notes = notes(family, &published(family, &[&change]));
        let keys: Vec<&str> = notes.iter().map(|note| note.key.as_str()).collect();
        assert_eq!(keys, ["auto_map", "logit_softcap"], "{family}");
        assert!(
            notes[1]
                .to_string()
                .starts_with("`logit_softcap` is 30.0: no encoder")
        );
    }
}

#[test]
fn null_is_not_taken_for_the_default_of_a_missing_key() {
    for (family, key) in [
        ("bert", "layer_norm_eps"),
        ("roberta", "pad_token_id"),
        ("modernbert", "hidden_activation"),
        ("qwen2", "is_causal"),
        ("llama", "rope_theta"),
    ] {
        let problem = read(family, &[&one(key, Value::Null)]).unwrap_err();
        assert_eq!(
            (problem.key.as_str(), problem.found.as_str()),
            (key, "null")
        );
    }
}

#[test]
fn a_decoder_that_only_one_key_calls_bidirectional_is_refused() {
    let both = json!({"use_bidirectional_attention": true});
    for family in EncoderConfig::MODEL_TYPES {
        if !read(family, &[]).unwrap().is_causal() {
            continue;
        }
        let problem = read(family, &[&both]).unwrap_err();
        assert_eq!(problem.key, "use_bidirectional_attention");
        let said = read(family, &[&both, &json!({"is_causal": false})]).unwrap();
        assert!(!said.is_causal());
    }
}

/// The tables as docs/encoders.md has them: those of one family first, those of all families last.
fn markdown() -> String {
    let mut tables: Vec<(usize, &[KnownKeys], Vec<&str>)> = Vec::new();
    for family in EncoderConfig::MODEL_TYPES {
        let of_family = EncoderConfig::config_keys(family).unwrap();
        for (place, table) in of_family.iter().rev().enumerate() {
            match tables.iter_mut().find(|(_, known, _)| known == table) {
                Some((_, _, families)) => families.push(family),
                None => tables.push((place, table, vec![family])),
            }
        }
    }
    tables.sort_by_key(|(place, ..)| Reverse(*place));
    let mut text = String::from("| keys | families | treatment |\n|---|---|---|\n");
    for (_, table, families) in tables {
        for line in table {
            let applies = |family: &&str| {
                let mut names = line.names.iter();
                names.any(|name| treatment(family, name) == Some(line.treatment))
            };
            let families: Vec<&str> = families.iter().copied().filter(applies).collect();
            let families = if families == EncoderConfig::MODEL_TYPES {
                "all".to_owned()
            } else {
                families.join(", ")
            };
            let names: Vec<String> = line.names.iter().map(|name| format!("`{name}`")).collect();
            let treatment = match line.treatment {
                Used => "used".to_owned(),
                Only(values) => format!("must be {values}"),
                Reported(reason) => format!("reported: {reason}"),
                Ignored(reason) => format!("ignored: {reason}"),
            };
            let names = names.join(", ");
            writeln!(text, "| {names} | {families} | {treatment} |").unwrap();
        }
    }
    text
}

#[test]
fn the_table_of_the_documentation_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/encoders.md");
    let text = fs_err::read_to_string(path).unwrap();
    let (_, behind) = text.split_once("<!-- keys -->\n").unwrap();
    let (found, _) = behind.split_once("<!-- end of keys -->").unwrap();
    assert!(
        found == markdown(),
        "docs/encoders.md should have:\n{}",
        markdown()
    );
}
