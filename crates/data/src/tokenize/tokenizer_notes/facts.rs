//! What a `tokenizer.json` does with a text.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a `tokenizer.json` does. A setting is `None` if no step has it.
pub(super) struct Facts<'a> {
    pub(super) lowercases: Option<bool>,
    pub(super) strips_accents: Option<bool>,
    pub(super) splits_chinese: Option<bool>,
    pub(super) puts_space_first: Option<bool>,
    pub(super) splits_punctuation: bool,
    /// Ids of all tokens, with the added ones.
    pub(super) ids: BTreeMap<&'a str, u64>,
    /// The added tokens, by content.
    pub(super) added: BTreeMap<&'a str, &'a Value>,
    /// The tokens that the post-processor adds around texts.
    pub(super) around: Vec<&'a str>,
}

impl<'a> Facts<'a> {
    /// `None` if `tokenizer` has no model.
    pub(super) fn of(tokenizer: &'a Map<String, Value>) -> Option<Self> {
        let model = tokenizer.get("model")?;
        let normalizers = steps(tokenizer.get("normalizer"));
        let splitters = steps(tokenizer.get("pre_tokenizer"));
        let bert = normalizers
            .iter()
            .find(|step| kind(step) == "BertNormalizer");
        let has = |steps: &[&Value], name: &str| steps.iter().any(|step| kind(step) == name);
        let lowercases = match bert {
            Some(bert) => bert["lowercase"].as_bool(),
            None if has(&normalizers, "Lowercase") => Some(true),
            // A precompiled character map may lower-case too.
            None if has(&normalizers, "Precompiled") => None,
            None => Some(false),
        };
        let strips = bert.map(|bert| bert["strip_accents"].as_bool().or(lowercases));
        let space = splitters.iter().find_map(|step| match kind(step) {
            "ByteLevel" => step["add_prefix_space"].as_bool(),
            "Metaspace" => match step["prepend_scheme"].as_str() {
                Some(scheme) => Some(scheme != "never"),
                None => step["add_prefix_space"].as_bool(),
            },
            _ => None,
        });
        let mut ids = vocabulary(&model["vocab"]);
        let tokens = tokenizer.get("added_tokens").and_then(Value::as_array);
        let added: BTreeMap<&str, &Value> = tokens
            .into_iter()
            .flatten()
            .filter_map(|token| Some((token["content"].as_str()?, token)))
            .collect();
        for (content, token) in &added {
            ids.insert(content, token["id"].as_u64().unwrap_or(u64::MAX));
        }
        Some(Self {
            lowercases,
            strips_accents: match strips {
                Some(strips) => strips,
                None => Some(has(&normalizers, "StripAccents")),
            },
            splits_chinese: bert.and_then(|bert| bert["handle_chinese_chars"].as_bool()),
            puts_space_first: space.or(has(&normalizers, "Prepend").then_some(true)),
            splits_punctuation: has(&splitters, "Punctuation")
                || has(&splitters, "BertPreTokenizer"),
            ids,
            added,
            around: around(tokenizer.get("post_processor")),
        })
    }
}

/// The steps of a normalizer, pre-tokenizer or post-processor, with sequences flattened.
fn steps(value: Option<&Value>) -> Vec<&Value> {
    let Some(step) = value.filter(|step| step.is_object()) else {
        return Vec::new();
    };
    let inner = ["normalizers", "pretokenizers", "processors"];
    match inner.iter().find_map(|key| step[key].as_array()) {
        Some(inner) => inner.iter().flat_map(|step| steps(Some(step))).collect(),
        None => vec![step],
    }
}

/// The type of a step.
fn kind(step: &Value) -> &str {
    step["type"].as_str().unwrap_or_default()
}

/// Tokens and ids of a model. `vocab` is an object, or a list of pieces with scores.
fn vocabulary(vocab: &Value) -> BTreeMap<&str, u64> {
    match vocab {
        Value::Object(tokens) => tokens
            .iter()
            .filter_map(|(token, id)| Some((token.as_str(), id.as_u64()?)))
            .collect(),
        Value::Array(pieces) => pieces
            .iter()
            .zip(0..)
            .filter_map(|(piece, id)| Some((piece[0].as_str()?, id)))
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// The tokens that a post-processor adds.
fn around(processor: Option<&Value>) -> Vec<&str> {
    let mut tokens = Vec::new();
    for step in steps(processor) {
        match kind(step) {
            "TemplateProcessing" => {
                let specials = step["special_tokens"].as_object();
                tokens.extend(
                    specials
                        .into_iter()
                        .flatten()
                        .map(|(token, _)| token.as_str()),
                );
            }
            "BertProcessing" | "RobertaProcessing" => {
                tokens.extend(
                    ["cls", "sep"]
                        .iter()
                        .filter_map(|key| step[key][0].as_str()),
                );
            }
            _ => {}
        }
    }
    tokens
}
