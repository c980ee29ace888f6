//! `adapter_config.json`: the settings of an adapter.

use serde_json::{Map, Value};

use super::targets::Targets;
use crate::encoder::PublishedConfig;
use crate::error::ConfigProblem;

/// Initializations that leave the base unchanged. Others (`pissa`, `olora`, ..) change it, and the
/// adapter fits only the changed base.
const PLAIN_BEGINNINGS: [&str; 2] = ["gaussian", "eva"];

/// Keys without effect on a trained adapter. `bias` and `modules_to_save` name tensors in the file,
/// which replace the base's; `fan_in_fan_out` concerns layers that no supported family has.
const HARMLESS: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "ensure_weight_tying",
    "eva_config",
    "fan_in_fan_out",
    "inference_mode",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];

/// The keys read from an `adapter_config.json`.
#[derive(Debug, Clone)]
pub(super) struct AdapterConfig {
    rank: usize,
    alpha: f64,
    /// Whether the scale is `alpha / sqrt(rank)` instead of `alpha / rank`.
    root: bool,
    /// Ranks and alphas of single matrices, by the end of their name.
    ranks: Vec<(String, usize)>,
    alphas: Vec<(String, f64)>,
    /// Which matrices it changes.
    pub(super) targets: Targets,
    /// Modules it replaces.
    pub(super) saved: Vec<String>,
    /// Task type, if given: `TOKEN_CLS`, `SEQ_CLS`, ..
    pub(super) task: Option<String>,
}

impl AdapterConfig {
    /// Reads the keys of the file.
    ///
    /// # Errors
    /// The first key that requires more than low-rank matrices.
    pub(super) fn read(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let kind: String = config.required("peft_type", "\"LORA\"")?;
        ConfigProblem::unless(kind == "LORA", "peft_type", format!("{kind:?}"), "\"LORA\"")?;
        check_beginning(config)?;
        let read = [
            "peft_type",
            "init_lora_weights",
            "r",
            "lora_alpha",
            "use_rslora",
        ];
        let names = ["rank_pattern", "alpha_pattern", "modules_to_save"];
        let read = [&read[..], &names, &Targets::KEYS, HARMLESS].concat();
        for (key, value) in config.entries() {
            let fine = read.contains(&key) || is_nothing(value);
            let expected = "null or false: this kind of change is not supported";
            ConfigProblem::unless(fine, key, value, expected)?;
        }
        let rank = config.required("r", "a whole number above 0")?;
        ConfigProblem::unless(rank > 0, "r", rank, "a whole number above 0")?;
        Ok(Self {
            rank,
            alpha: config.required("lora_alpha", "a number")?,
            root: config.nullable("use_rslora", false, "true or false")?,
            ranks: pattern(config, "rank_pattern")?,
            alphas: pattern(config, "alpha_pattern")?,
            targets: Targets::read(config)?,
            saved: config.nullable("modules_to_save", Vec::new(), "names of modules")?,
            task: config.nullable("task_type", None, "a text")?,
        })
    }

    /// The rank of a matrix.
    pub(super) fn rank(&self, module: &str) -> usize {
        found(&self.ranks, module).unwrap_or(self.rank)
    }

    /// The scale of the product for a matrix.
    pub(super) fn scale(&self, module: &str) -> f64 {
        let rank = self.rank(module) as f64;
        let alpha = found(&self.alphas, module).unwrap_or(self.alpha);
        alpha / if self.root { rank.sqrt() } else { rank }
    }
}

fn check_beginning(config: &PublishedConfig) -> Result<(), ConfigProblem> {
    let key = "init_lora_weights";
    let fine = match config.value(key) {
        None | Some(Value::Bool(_)) => true,
        Some(Value::String(name)) => PLAIN_BEGINNINGS.contains(&name.as_str()),
        Some(_) => false,
    };
    let found = config.value(key).unwrap_or(&Value::Null);
    let expected = "true, false, \"gaussian\" or \"eva\": others change the base itself, which the \
                    published base does not show";
    ConfigProblem::unless(fine, key, found, expected)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Object(keys) => keys.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Values by the end of a matrix's name, in the order of the file. Regular expressions are not
/// supported.
fn pattern<T: serde::de::DeserializeOwned>(
    config: &PublishedConfig,
    key: &str,
) -> Result<Vec<(String, T)>, ConfigProblem> {
    let expected = "numbers by name";
    let found: Map<String, Value> = config.nullable(key, Map::new(), expected)?;
    let number = |(name, value): (String, Value)| match serde_json::from_value(value.clone()) {
        Ok(number) => Ok((name, number)),
        Err(_) => Err(ConfigProblem::new(
            key,
            format!("{value} for {name:?}"),
            expected,
        )),
    };
    let found: Vec<(String, T)> = found.into_iter().map(number).collect::<Result<_, _>>()?;
    let plain = |name: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        !name.is_empty() && name.chars().all(plain)
    };
    match found.iter().find(|(name, _)| !plain(name)) {
        None => Ok(found),
        Some((name, _)) => {
            let expected = "names of modules; regular expressions are not supported";
            Err(ConfigProblem::new(key, format!("{name:?}"), expected))
        }
    }
}

/// The value of the first matching end, as in peft.
fn found<T: Copy>(values: &[(String, T)], module: &str) -> Option<T> {
    let fits = |end: &str| match module.strip_suffix(end) {
        Some(before) => before.is_empty() || before.ends_with('.'),
        None => false,
    };
    let mut fitting = values.iter().filter(|(end, _)| fits(end));
    fitting.next().map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(change: Value) -> Result<AdapterConfig, ConfigProblem> {
        let mut keys = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none"});
        for (key, value) in change.as_object().unwrap() {
            keys[key] = value.clone();
        }
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        AdapterConfig::read(&PublishedConfig::new(keys))
    }

    #[test]
    fn the_strength_is_that_of_the_rank_of_the_matrix() {
        let change = json!({"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"0.k_proj": 3}});
        let config = read(change).unwrap();
        let scale = |module| config.scale(module).to_string();
        assert_eq!(scale("layers.0.v_proj"), "2");
        assert_eq!(scale("layers.0.q_proj"), "4");
        assert_eq!(scale("layers.0.k_proj"), "0.75");
        assert_eq!(scale("layers.10.k_proj"), "2");
        let both = json!({"alpha_pattern": {"q_proj": 3, "0.q_proj": 5}});
        let config = read(both).unwrap();
        assert_eq!(config.scale("layers.0.q_proj").to_string(), "0.75");
        let root = read(json!({"use_rslora": true})).unwrap();
        assert_eq!(root.scale("x").to_string(), "4");
    }

    #[test]
    fn what_is_no_plain_low_rank_matrix_is_refused_by_name() {
        for (key, value) in [
            ("peft_type", json!("IA3")),
            ("use_dora", json!(true)),
            ("lora_bias", json!(true)),
            ("layer_replication", json!([[0, 2]])),
            ("trainable_token_indices", json!([1])),
            ("target_parameters", json!(["w"])),
            ("init_lora_weights", json!("pissa")),
            ("rank_pattern", json!({"^model.*q": 2})),
            ("a_new_key", json!({"x": 1})),
            ("r", json!(0)),
            ("rank_pattern", json!({"q": "two"})),
            ("target_modules", json!(5)),
            ("target_modules", json!("(?!lm_head).*q_proj")),
            ("exclude_modules", json!("(q_proj|k_proj")),
            ("layers_to_transform", json!("0")),
            ("layers_pattern", json!(["layer[s]?"])),
            ("modules_to_save", json!("score")),
        ] {
            let problem = read(json!({key: value})).unwrap_err();
            assert_eq!(problem.key, key);
        }
        for (key, value) in [
            ("use_dora", json!(false)),
            ("loftq_config", json!({})),
            ("init_lora_weights", json!("gaussian")),
            ("a_new_key", Value::Null),
        ] {
            read(json!({key: value})).unwrap();
        }
    }
}
