//! Configuration keys specific to DeBERTa.

use serde_json::Value;

use crate::encoder::checks;
use crate::encoder::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

const POSITION_TERMS: &str = "`c2p` and `p2c`, as a list or joined by `|`";

/// Refuses unsupported settings of this family.
pub(super) fn refuse_unsupported(
    config: &PublishedConfig,
    d_model: usize,
) -> Result<(), ConfigProblem> {
    config.only("is_causal", false)?;
    // Without it the model is a BERT, which transformers supports and nobody publishes.
    let relative = config.optional("relative_attention", false, "true")?;
    ConfigProblem::unless(relative, "relative_attention", relative, "true")?;
    let embedding_size = config.nullable_size("embedding_size", d_model)?;
    let expected = format!("`hidden_size` ({d_model})");
    let same = embedding_size == d_model;
    ConfigProblem::unless(same, "embedding_size", embedding_size, expected)?;
    let num_heads = config.size("num_attention_heads")?;
    checks::sizes(&[("num_attention_heads", num_heads)])?;
    let d_head = d_model / num_heads;
    let size = config.nullable_size("attention_head_size", d_head)?;
    let expected = format!("`hidden_size` / `num_attention_heads` ({d_head})");
    ConfigProblem::unless(size == d_head, "attention_head_size", size, expected)
}

/// Which of the terms `c2p` and `p2c` the scores have.
pub(super) fn position_terms(config: &PublishedConfig) -> Result<[bool; 2], ConfigProblem> {
    let Some(value) = config.value("pos_att_type") else {
        return Ok([false, false]);
    };
    let refused = || ConfigProblem::new("pos_att_type", value, POSITION_TERMS);
    let lower;
    let names: Vec<&str> = match value {
        Value::String(names) => {
            lower = names.to_lowercase();
            lower.split('|').map(str::trim).collect()
        }
        Value::Array(names) => names
            .iter()
            .map(|name| name.as_str().unwrap_or(""))
            .collect(),
        _ => return Err(refused()),
    };
    if names.iter().any(|name| !["c2p", "p2c"].contains(name)) {
        return Err(refused());
    }
    Ok(["c2p", "p2c"].map(|term| names.contains(&term)))
}

pub(super) fn norm_positions(config: &PublishedConfig) -> Result<bool, ConfigProblem> {
    let expected = "\"layer_norm\" or \"none\", or both joined by `|`";
    config.named("norm_rel_ebd", "none", expected, |names| {
        let names = names.to_lowercase();
        let names: Vec<&str> = names.split('|').map(str::trim).collect();
        let known = names
            .iter()
            .all(|name| ["layer_norm", "none"].contains(name));
        known.then(|| names.contains(&"layer_norm"))
    })
}

/// A count; -1 means none.
pub(super) fn count(config: &PublishedConfig, key: &str) -> Result<Option<usize>, ConfigProblem> {
    let number: i64 = config.optional(key, -1, "a whole number, or -1 for none")?;
    Ok(usize::try_from(number).ok().filter(|number| *number > 0))
}
