//! Every `config.json` key that this program or Python's transformers 5 reads, and how it is treated.
//! A test checks that docs/encoders.md has the same table.

use std::fmt;

use serde_json::Value;

use super::hugging_face::PublishedConfig;
use super::modernbert;
use super::rotary::Rotary;
use crate::error::ConfigProblem;

/// A `config.json` key that is ignored although it may change results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigNote {
    /// The key; a dot precedes a key inside an object.
    pub key: String,
    /// Its value, as JSON.
    pub found: String,
    /// Why it is ignored.
    pub reason: String,
}

impl ConfigNote {
    pub(crate) fn new(key: impl Into<String>, found: &Value, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            found: found.to_string(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for ConfigNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` is {}: {}",
            self.key, self.found, self.reason
        )
    }
}

/// How a key is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Read, and applied.
    Used,
    /// All other values are refused.
    Only(&'static str),
    /// Ignored, and reported unless null or false: the reason.
    Reported(&'static str),
    /// Ignored, because it does not change results: the reason.
    Ignored(&'static str),
}

/// Keys with the same treatment in the same families.
pub(super) struct KnownKeys {
    pub(super) treatment: Treatment,
    pub(super) families: &'static [&'static str],
    pub(super) names: &'static [&'static str],
}

const ALL: &[&str] = &[
    "bert",
    "roberta",
    "xlm-roberta",
    "deberta-v2",
    "modernbert",
    "qwen2",
    "qwen3",
    "llama",
];
const BERTS: &[&str] = &["bert", "roberta", "xlm-roberta"];
const ROBERTAS: &[&str] = &["roberta", "xlm-roberta"];
const DEBERTA: &[&str] = &["deberta-v2"];
const BERTS_AND_DEBERTA: &[&str] = &["bert", "roberta", "xlm-roberta", "deberta-v2"];
const MODERNBERT: &[&str] = &["modernbert"];
const ENCODERS: &[&str] = &["bert", "roberta", "xlm-roberta", "deberta-v2", "modernbert"];
const DECODERS: &[&str] = &["qwen2", "qwen3", "llama"];
const QWENS: &[&str] = &["qwen2", "qwen3"];
const LLAMA: &[&str] = &["llama"];
const NOT_ROBERTAS: &[&str] = &[
    "bert",
    "deberta-v2",
    "modernbert",
    "qwen2",
    "qwen3",
    "llama",
];
const NOT_BERTS: &[&str] = &["deberta-v2", "modernbert", "qwen2", "qwen3", "llama"];

const fn keys(
    treatment: Treatment,
    families: &'static [&'static str],
    names: &'static [&'static str],
) -> KnownKeys {
    KnownKeys {
        treatment,
        families,
        names,
    }
}

use Treatment::{Ignored, Only, Reported, Used};

/// The table. If a key occurs twice for a family, the first line applies.
#[rustfmt::skip] // one line per kind
pub(super) const KNOWN: &[KnownKeys] = &[
    keys(Used, ALL, &["model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "max_position_embeddings", "initializer_range"]),
    keys(Used, BERTS_AND_DEBERTA, &["hidden_act", "layer_norm_eps", "type_vocab_size", "hidden_dropout_prob",
        "attention_probs_dropout_prob"]),
    keys(Used, ROBERTAS, &["pad_token_id"]),
    keys(Used, DEBERTA, &["position_buckets", "max_relative_positions", "norm_rel_ebd", "pos_att_type",
        "share_att_key", "position_biased_input", "conv_kernel_size", "conv_act"]),
    keys(Used, MODERNBERT, &["hidden_activation", "norm_eps", "norm_bias", "attention_bias", "mlp_bias",
        "embedding_dropout", "attention_dropout", "local_attention", "sliding_window", "layer_types",
        "global_attn_every_n_layers", "rope_parameters", "global_rope_theta", "local_rope_theta"]),
    keys(Used, DECODERS, &["hidden_act", "rms_norm_eps", "num_key_value_heads", "head_dim", "attention_dropout",
        "is_causal", "rope_theta", "rope_parameters", "rope_scaling", "original_max_position_embeddings"]),
    keys(Used, QWENS, &["use_sliding_window", "sliding_window", "max_window_layers", "layer_types"]),
    keys(Used, &["qwen3", "llama"], &["attention_bias"]),
    keys(Used, LLAMA, &["mlp_bias"]),

    keys(Only("`null`"), ALL, &["quantization_config", "compression_config", "attention_chunk_size",
        "transformers_weights"]),
    keys(Only("`null` or `{}`"), ALL, &["per_layer_config", "pruned_heads", "fusion_config"]),
    keys(Only("`false`"), ALL, &["is_encoder_decoder"]),
    keys(Only("`false`"), ENCODERS, &["is_causal"]),
    keys(Only("`false`"), BERTS, &["is_decoder", "add_cross_attention"]),
    keys(Only("`\"absolute\"`"), BERTS, &["position_embedding_type"]),
    keys(Only("`true`"), DEBERTA, &["relative_attention"]),
    keys(Only("`1`"), DEBERTA, &["conv_groups"]),
    keys(Only("`hidden_size`"), DEBERTA, &["embedding_size"]),
    keys(Only("`hidden_size` / `num_attention_heads`"), DEBERTA, &["attention_head_size"]),
    keys(Only("`hidden_size` / `num_attention_heads`"), MODERNBERT, &["head_dim"]),
    keys(Only("`null`"), MODERNBERT, &["rope_scaling"]),
    keys(Only("`1`"), DECODERS, &["partial_rotary_factor"]),
    keys(Only("`false`, or `true` beside `is_causal` false"), DECODERS, &["use_bidirectional_attention"]),
    keys(Only("`false`"), QWENS, &["use_mrope"]),
    keys(Only("`1`"), LLAMA, &["pretraining_tp"]),
    keys(Only("`null`"), LLAMA, &["sliding_window"]),
    keys(Only("`full_attention` in every layer"), LLAMA, &["layer_types"]),

    keys(Reported("the model's own code is not run; the standard model of the family is computed"), ALL, &["auto_map"]),
    keys(Reported("chunked attention (for texts longer than a chunk) is not supported"), QWENS,
        &["dual_chunk_attention_config"]),
    keys(Reported("this family is always bidirectional"), MODERNBERT, &["is_decoder"]),
    keys(Reported("this family has no rotary positions, sliding windows or grouped heads, and other norms"), BERTS_AND_DEBERTA,
        &["head_dim", "layer_types", "num_key_value_heads", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta",
        "sliding_window"]),
    keys(Reported("this family's embeddings are as wide as its hidden states"), BERTS, &["embedding_size"]),
    keys(Reported("this family has no grouped heads, and other norms"), MODERNBERT, &["num_key_value_heads", "rms_norm_eps"]),
    keys(Reported("each layer type has its own: `global_rope_theta`, `local_rope_theta`"), MODERNBERT,
        &["rope_theta"]),

    keys(Ignored("weights are always converted to 32-bit floats"), ALL, &["dtype", "torch_dtype"]),
    keys(Ignored("`gradus import` reads it for the head"), ALL, &["architectures", "id2label", "label2id", "num_labels",
        "problem_type", "classifier_bias", "classifier_activation", "token_classification_bias"]),
    keys(Ignored("heads of other tasks, which are not loaded"), ALL, &["tie_word_embeddings", "classifier_pooling",
        "decoder_bias", "sparse_prediction", "sparse_pred_ignore_index", "legacy", "pooler_dropout", "pooler_hidden_act",
        "pooler_hidden_size", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
        "pooler_size_per_head", "pooler_type", "summary_type", "summary_activation", "summary_first_dropout",
        "summary_last_dropout", "summary_proj_to_labels", "summary_use_proj", "lm_head_bias", "logits_mup_width_multiplier",
        "unpadded_vocab_size", "num_mtp_layers", "mtp_per_layer_config", "mtp_hidden_states_first", "chain_hidden_post_norm",
        "mtp_layer_types", "mtp_mlp_layer_types", "tie_last_hidden_states", "cross_attention_hidden_size",
        "tie_encoder_decoder", "finetuning_task", "task_specific_params"]),
    keys(Ignored("the run configuration sets dropout (`dropout`, `attention_dropout`)"), ALL,
        &["classifier_dropout", "cls_dropout", "mlp_dropout", "hidden_dropout", "attention_dropout",
        "attention_probs_dropout_prob", "hidden_dropout_prob", "embd_pdrop", "resid_pdrop", "attn_pdrop"]),
    keys(Ignored("initial weights, which the file replaces"), ALL, &["initializer_cutoff_factor",
        "initializer_factor", "init_std"]),
    keys(Ignored("padding is masked, whatever its token"), NOT_ROBERTAS, &["pad_token_id"]),
    keys(Ignored("the tokenizer defines special tokens"), ALL, &["bos_token_id", "eos_token_id", "cls_token_id",
        "sep_token_id", "unk_token_id", "mask_token_id", "decoder_start_token_id", "tokenizer_class", "prefix",
        "vocab_type"]),
    keys(Ignored("this family does not use it"), NOT_BERTS, &["is_decoder", "add_cross_attention",
        "position_embedding_type"]),
    keys(Ignored("this family is bidirectional anyway"), ENCODERS, &["use_bidirectional_attention"]),
    keys(Ignored("this family does not use it: its layers and biases are fixed"),
        &["qwen2", "qwen3"], &["attention_bias", "mlp_bias", "pretraining_tp"]),
    keys(Ignored("this family does not use it; published files contain it"), MODERNBERT,
        &["layer_norm_eps", "type_vocab_size", "is_decoder"]),
    keys(Ignored("this family has no token types"), DECODERS, &["type_vocab_size"]),
    keys(Ignored("old or pre-training parameters; nothing uses them"), BERTS_AND_DEBERTA,
        &["directionality", "output_past", "adapters", "language", "z_steps", "max_relative_position"]),
    keys(Ignored("settings of the library that do not change results"), ALL, &["chunk_size_feed_forward", "use_cache",
        "gradient_checkpointing", "attn_implementation", "_attn_implementation", "_attn_implementation_autoset",
        "_attn_implementation_internal", "_experts_implementation", "_experts_implementation_internal",
        "deterministic_flash_attn", "reference_compile", "repad_logits_with_grad", "use_flash_attn", "_flash_attn_2_enabled",
        "distributed_config", "torchscript", "use_bfloat16", "tp_plan", "rope_interleaved", "pad_vocab_size_multiple"]),
    keys(Ignored("additional outputs of the library"), ALL, &["output_attentions", "output_hidden_states", "return_dict",
        "output_scores", "return_dict_in_generate"]),
    keys(Ignored("origin of the file"), ALL, &["_name_or_path", "name_or_path", "_commit_hash",
        "transformers_version", "transformers.js_config", "unsloth_version", "unsloth_fixed", "gradus", "sentence_transformers",
        "peft_version", "model_max_length", "tokenizer_name"]),
    keys(Ignored("settings for text generation"), ALL, &["assistant_confidence_threshold", "assistant_lookbehind",
        "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
        "encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff",
        "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length",
        "min_length", "no_repeat_ngram_size", "num_assistant_tokens", "num_assistant_tokens_schedule", "num_beam_groups",
        "num_beams", "num_return_sequences", "remove_invalid_values", "repetition_penalty", "suppress_tokens",
        "target_lookbehind", "temperature", "tf_legacy_loss", "top_k", "top_p", "typical_p", "max_new_tokens"]),
];

/// How a family's key is treated; `None` for an unknown key.
pub(super) fn treatment(family: &str, key: &str) -> Option<Treatment> {
    let mut lines = KNOWN.iter();
    let line = lines.find(|line| line.families.contains(&family) && line.names.contains(&key));
    line.map(|line| line.treatment)
}

/// Refuses settings that no family supports.
pub(super) fn refuse_for_all(family: &str, config: &PublishedConfig) -> Result<(), ConfigProblem> {
    for key in ["quantization_config", "compression_config"] {
        config.nothing(
            key,
            "quantized weights are not supported; save them as floats first",
        )?;
    }
    config.nothing("attention_chunk_size", "chunked attention is not supported")?;
    config.nothing(
        "per_layer_config",
        "layers of different sizes are not supported",
    )?;
    config.nothing(
        "pruned_heads",
        "layers with fewer heads than the others are not supported",
    )?;
    config.nothing(
        "fusion_config",
        "replaced parts of a model are not supported",
    )?;
    let other_file = "weights are read from model.safetensors or its shards only";
    config.nothing("transformers_weights", other_file)?;
    config.only("is_encoder_decoder", false)?;
    if ENCODERS.contains(&family) {
        config.only("is_causal", false)?;
    }
    if QWENS.contains(&family) {
        config.only("use_mrope", false)?;
    }
    Ok(())
}

/// The ignored keys of a file that may change results, sorted by key.
pub(super) fn notes(family: &str, config: &PublishedConfig) -> Vec<ConfigNote> {
    let mut notes = Vec::new();
    for (key, value) in config.entries() {
        let reason = match treatment(family, key) {
            None if !value.is_null() => {
                "no encoder of this family reads this key; if it changes the model, the hidden states \
                 here differ"
            }
            Some(Reported(reason)) if !value.is_null() && *value != Value::Bool(false) => reason,
            _ => continue,
        };
        notes.push(ConfigNote::new(key, value, reason));
    }
    if DECODERS.contains(&family) {
        notes.extend(Rotary::notes(config));
    }
    if MODERNBERT.contains(&family) {
        notes.extend(modernbert::notes(config));
    }
    notes.sort_by(|one, other| one.key.cmp(&other.key));
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::{Map, json};

    use super::*;
    use crate::encoder::EncoderConfig;

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

    /// Every key of the table for every family it is of, once.
    fn table() -> Vec<(&'static str, &'static str, Treatment)> {
        let mut found: BTreeMap<(&str, &str), Treatment> = BTreeMap::new();
        for line in KNOWN {
            for family in line.families {
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
            "position_biased_input" | "norm_bias" | "attention_bias" | "mlp_bias" => {
                alone(json!(true))
            }
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
        for family in DECODERS {
            let problem = read(family, &[&both]).unwrap_err();
            assert_eq!(problem.key, "use_bidirectional_attention");
            let said = read(family, &[&both, &json!({"is_causal": false})]).unwrap();
            assert!(!said.is_causal());
        }
    }

    /// The table as docs/encoders.md has it.
    fn markdown() -> String {
        let mut text = String::from("| keys | families | treatment |\n|---|---|---|\n");
        for line in KNOWN {
            let names: Vec<String> = line.names.iter().map(|name| format!("`{name}`")).collect();
            let families = if line.families == ALL {
                "all".to_owned()
            } else {
                line.families.join(", ")
            };
            let treatment = match line.treatment {
                Used => "used".to_owned(),
                Only(values) => format!("must be {values}"),
                Reported(reason) => format!("reported: {reason}"),
                Ignored(reason) => format!("ignored: {reason}"),
            };
            text += &[
                "| ",
                &names.join(", "),
                " | ",
                &families,
                " | ",
                &treatment,
                " |\n",
            ]
            .concat();
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
}
