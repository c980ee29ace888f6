//! What the files beside a `tokenizer.json` say otherwise than it does.
//!
//! `tokenizer.json` is followed. Python's transformers follows it too in most things, but its class
//! of tokenizer can take some settings from `tokenizer_config.json` and add tokens that only stand
//! there; the same text then has other ids. Whoever meets that should hear of it.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_files::MOST_BYTES;
use serde_json::{Map, Value};

use super::sentence_files::{MODULES, SENTENCE_BERT, SENTENCE_CONFIG, module_notes, setting_notes};
use crate::Result;

const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";
const ADDED: &str = "added_tokens.json";
const SPECIAL: &str = "special_tokens_map.json";

/// Settings of an added token that decide where it is found in a text.
const FLAGS: [&str; 5] = ["lstrip", "rstrip", "single_word", "normalized", "special"];

/// The disagreements in a directory in Hugging Face layout, one sentence each; none where there is
/// no `tokenizer.json`. `max_length` is the longest text that will be read, in tokens.
///
/// # Errors
/// [`DataError::Io`](crate::DataError::Io) if a file is there and cannot be read.
pub fn tokenizer_notes(directory: &Path, max_length: usize) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let mut read = |name: &str| -> Result<Option<Map<String, Value>>> {
        let path = directory.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let read = serde_json::from_slice(&gradus_files::read_regular(&path, MOST_BYTES)?);
        match read {
            Ok(keys) => Ok(Some(keys)),
            Err(error) => {
                let note = format!("{name}: passed over, it is no JSON object: {error}");
                notes.push(note);
                Ok(None)
            }
        }
    };
    // Whether it can be used is told by whoever reads the tokenizer.
    let tokenizer = read(TOKENIZER)?.unwrap_or_default();
    let config = read(CONFIG)?.unwrap_or_default();
    let (mut added, mut special) = (Map::new(), Map::new());
    // Where the configuration lists the added tokens, the older files are not read.
    if !config.contains_key("added_tokens_decoder") {
        added = read(ADDED)?.unwrap_or_default();
        special = read(SPECIAL)?.unwrap_or_default();
    }
    let mut sentence = Vec::new();
    for file in [SENTENCE_BERT, SENTENCE_CONFIG] {
        let keys = read(file)?.unwrap_or_default();
        sentence.extend(setting_notes(file, &keys));
    }
    sentence.extend(modules(directory)?);
    notes.extend(sentence);
    let Some(facts) = Facts::of(&tokenizer) else {
        return Ok(notes);
    };
    notes.extend(facts.settings(&config));
    notes.extend(facts.special_tokens(&config));
    notes.extend(facts.added_tokens(&config, &added));
    notes.extend(facts.named_tokens(&config, &special));
    if let Some(length) = config.get("model_max_length").and_then(Value::as_u64)
        && length < max_length as u64
    {
        notes.push(format!(
            "{CONFIG}: `model_max_length` is {length}, and texts of up to {max_length} tokens are \
             read: more than the model was made for"
        ));
    }
    Ok(notes)
}

/// Notes on `modules.json`, where there is one.
fn modules(directory: &Path) -> Result<Vec<String>> {
    let path = directory.join(MODULES);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    Ok(
        match serde_json::from_slice::<Vec<Value>>(&gradus_files::read_regular(&path, MOST_BYTES)?)
        {
            Ok(modules) => module_notes(&modules),
            Err(error) => vec![format!(
                "{MODULES}: passed over, it is no JSON list: {error}"
            )],
        },
    )
}

/// What a `tokenizer.json` does.
struct Facts<'a> {
    /// Settings of the steps, where it has such steps.
    lowercases: Option<bool>,
    strips_accents: Option<bool>,
    splits_chinese: Option<bool>,
    puts_space_first: Option<bool>,
    splits_punctuation: bool,
    /// Ids of all tokens.
    ids: BTreeMap<&'a str, u64>,
    /// The added ones.
    added: BTreeMap<&'a str, &'a Value>,
    /// Those that the post-processor writes around texts.
    around: Vec<&'a str>,
}

impl<'a> Facts<'a> {
    /// `None` for what is no tokenizer.
    fn of(tokenizer: &'a Map<String, Value>) -> Option<Self> {
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
            // A table of characters may fold them, too.
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

    /// Settings that some classes of transformers build the tokenizer by.
    fn settings(&self, config: &Map<String, Value>) -> Vec<String> {
        let says = |key: &str| config.get(key).and_then(Value::as_bool);
        // Accents go with lower-casing where nothing else is said.
        let strips = says("strip_accents");
        let pairs = [
            (
                "do_lower_case",
                self.lowercases,
                ["keeps capitals", "makes small letters of them"],
            ),
            (
                "tokenize_chinese_chars",
                self.splits_chinese,
                ["does not part Chinese characters", "parts them"],
            ),
            (
                "add_prefix_space",
                self.puts_space_first,
                ["puts no space first", "puts a space first"],
            ),
            (
                "split_by_punct",
                Some(self.splits_punctuation),
                ["does not split at punctuation", "does"],
            ),
            (
                "strip_accents",
                strips.and(self.strips_accents),
                ["keeps accents", "strips them"],
            ),
            (
                "split_special_tokens",
                Some(false),
                ["finds special tokens in texts", ""],
            ),
        ];
        let mut notes = Vec::new();
        for (key, does, words) in pairs {
            if let (Some(said), Some(does)) = (says(key), does)
                && said != does
                // Only being asked for more than is done is told here.
                && (key != "split_by_punct" || said)
            {
                let words = words[usize::from(does)];
                notes.push(format!(
                    "{CONFIG}: `{key}` is {said}, and tokenizer.json {words}: tokenizer.json is \
                     followed; the ids of transformers may be others"
                ));
            }
        }
        for (key, name) in [
            ("add_bos_token", "bos_token"),
            ("add_eos_token", "eos_token"),
        ] {
            if let (Some(said), Some(token)) = (says(key), config.get(name).and_then(content)) {
                let does = self.around.contains(&token);
                let words = if does { "writes" } else { "does not write" };
                if said != does {
                    notes.push(format!(
                        "{CONFIG}: `{key}` is {said}, and tokenizer.json {words} {token:?} around \
                         texts: tokenizer.json is followed, as in transformers 5"
                    ));
                }
            }
        }
        notes
    }

    /// The tokens around texts that the configuration names, where others are written.
    fn special_tokens(&self, config: &Map<String, Value>) -> Vec<String> {
        let named = ["cls_token", "sep_token"].map(|key| (key, config.get(key).and_then(content)));
        if self.around.is_empty() || named.iter().any(|(_, token)| token.is_none()) {
            return Vec::new();
        }
        let others = named
            .into_iter()
            .filter_map(|(key, token)| Some((key, token?)));
        let others = others.filter(|(_, token)| !self.around.contains(token));
        let notes = others.map(|(key, token)| {
            format!(
                "{CONFIG}: `{key}` is {token:?}, and tokenizer.json writes {:?} around texts: \
                 tokenizer.json is followed; the ids of transformers may be others",
                self.around
            )
        });
        notes.collect()
    }

    /// Tokens that the configuration, or an older file, adds or changes.
    fn added_tokens(&self, config: &Map<String, Value>, older: &Map<String, Value>) -> Vec<String> {
        let listed = config
            .get("added_tokens_decoder")
            .and_then(Value::as_object);
        let listed = listed.into_iter().flatten().filter_map(|(id, token)| {
            Some((token["content"].as_str()?, id.parse().ok(), Some(token)))
        });
        let older = older
            .iter()
            .map(|(content, id)| (content.as_str(), id.as_u64(), None));
        let (mut missing, mut moved, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (content, id, token) in listed.chain(older) {
            let flags = |token: &Value| FLAGS.map(|flag| token[flag].as_bool().unwrap_or(false));
            match (self.ids.get(content), self.added.get(content), token) {
                (None, ..) => missing.push(content),
                (Some(own), ..) if id.is_some_and(|id| id != *own) => moved.push(content),
                (Some(_), None, _) => changed.push(content),
                (Some(_), Some(own), Some(token)) if flags(own) != flags(token) => {
                    changed.push(content);
                }
                _ => {}
            }
        }
        let place = if config.contains_key("added_tokens_decoder") {
            "tokenizer_config.json: `added_tokens_decoder`"
        } else {
            ADDED
        };
        let why = "a text that holds one has other ids in transformers";
        let mut notes = Vec::new();
        for (tokens, words) in [
            (missing, "which tokenizer.json does not have"),
            (moved, "which have other ids in tokenizer.json"),
            (
                changed,
                "which tokenizer.json finds in other places of a text",
            ),
        ] {
            if !tokens.is_empty() {
                notes.push(format!("{place} has {}, {words}: {why}", few(&tokens)));
            }
        }
        notes
    }

    /// Tokens named by their task that are no tokens of the vocabulary.
    fn named_tokens(&self, config: &Map<String, Value>, older: &Map<String, Value>) -> Vec<String> {
        let groups = [
            "additional_special_tokens",
            "extra_special_tokens",
            "model_specific_special_tokens",
        ];
        let mut missing = Vec::new();
        for keys in [config, older] {
            // `bos_token` and its like, and those of a model alone: `image_token`.
            let single = keys.iter().filter(|(name, _)| name.ends_with("_token"));
            let single = single.filter_map(|(_, token)| content(token));
            // A list, or a map of names to tokens.
            let listed = groups.iter().filter_map(|name| keys.get(*name));
            let listed = listed.flat_map(members).filter_map(content);
            missing.extend(
                single
                    .chain(listed)
                    .filter(|token| !self.ids.contains_key(token)),
            );
        }
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "{CONFIG} or {SPECIAL} names {}, which tokenizer.json does not have: transformers adds such \
             a token, and a text that holds it has other ids there",
            few(&missing)
        )]
    }
}

/// The steps of a normalizer, pre-tokenizer or post-processor, those of a sequence one by one.
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

fn kind(step: &Value) -> &str {
    step["type"].as_str().unwrap_or_default()
}

/// Tokens and ids of a model: an object, or a list of pieces with their scores.
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

/// The tokens that a post-processor writes.
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

/// What a list or a map holds.
fn members(group: &Value) -> Vec<&Value> {
    match group {
        Value::Array(items) => items.iter().collect(),
        Value::Object(keys) => keys.values().collect(),
        _ => Vec::new(),
    }
}

/// A token as a text, or as an object that holds it.
fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

/// The first of many tokens, quoted.
fn few(tokens: &[&str]) -> String {
    let shown: Vec<String> = tokens
        .iter()
        .take(3)
        .map(|token| format!("{token:?}"))
        .collect();
    match tokens.len() {
        0..=3 => shown.join(", "),
        more => format!("{} and {} more tokens", shown.join(", "), more - 3),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tokenizer() -> Value {
        json!({
            "added_tokens": [{"id": 0, "content": "[CLS]", "special": true, "lstrip": false},
                {"id": 1, "content": "[SEP]", "special": true}],
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"},
                {"type": "BertNormalizer", "lowercase": true, "strip_accents": null,
                    "handle_chinese_chars": true}]},
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
            "post_processor": {"type": "TemplateProcessing",
                "special_tokens": {"[CLS]": {}, "[SEP]": {}}},
            "model": {"vocab": {"a": 2, "b": 3}},
        })
    }

    fn notes(files: &[(&str, Value)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let tokenizer = (TOKENIZER, tokenizer());
        for (name, value) in [&[tokenizer], files].concat() {
            fs_err::write(directory.path().join(name), value.to_string()).unwrap();
        }
        tokenizer_notes(directory.path(), 512).unwrap()
    }

    #[test]
    fn special_tokens_are_looked_for_in_lists_maps_and_keys_of_a_model() {
        for (config, token) in [
            (json!({"extra_special_tokens": ["<x>", "a"]}), "<x>"),
            (
                json!({"extra_special_tokens": {"image_token": "<img>"}}),
                "<img>",
            ),
            (
                json!({"extra_special_tokens": {"t": {"content": "<c>"}}}),
                "<c>",
            ),
            (
                json!({"model_specific_special_tokens": {"boi": "<boi>"}}),
                "<boi>",
            ),
            (json!({"image_token": "<one>"}), "<one>"),
        ] {
            let found = notes(&[(CONFIG, config)]);
            assert!(
                found.len() == 1 && found[0].contains(token),
                "{token}: {found:?}"
            );
        }
        let known = json!({"extra_special_tokens": {"first": "a"}, "image_token": "[SEP]", "add_bos_token": false});
        assert!(notes(&[(CONFIG, known)]).is_empty());
    }

    #[test]
    fn the_files_of_sentence_transformers_are_told() {
        let found = notes(&[
            (SENTENCE_BERT, json!({"do_lower_case": true})),
            (SENTENCE_CONFIG, json!({"prompts": {"q": "query: "}})),
            (
                MODULES,
                json!([{"type": "x.Transformer", "path": ""}, {"type": "x.Normalize", "path": "2"}]),
            ),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(notes(&[(MODULES, json!({}))])[0].contains("no JSON list"));
    }

    #[test]
    fn files_that_agree_are_not_told_of() {
        let config = json!({"do_lower_case": true, "strip_accents": null, "tokenize_chinese_chars": true,
            "add_prefix_space": false, "cls_token": "[CLS]", "sep_token": {"content": "[SEP]"},
            "unk_token": "a", "model_max_length": 1e30, "padding_side": "left", "truncation_side": "left",
            "clean_up_tokenization_spaces": true, "split_special_tokens": false, "split_by_punct": false,
            "add_bos_token": false, "bos_token": "b", "additional_special_tokens": [],
            "added_tokens_decoder": {"0": {"content": "[CLS]", "special": true}}});
        assert_eq!(notes(&[(CONFIG, config)]), Vec::<String>::new());
        assert_eq!(notes(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_disagreement_is_told_by_its_key() {
        for (key, value, words) in [
            ("do_lower_case", json!(false), "makes small letters"),
            ("strip_accents", json!(false), "strips them"),
            ("tokenize_chinese_chars", json!(false), "parts them"),
            ("add_prefix_space", json!(true), "puts no space first"),
            ("split_by_punct", json!(true), "does not split"),
            ("split_special_tokens", json!(true), "finds special tokens"),
            ("model_max_length", json!(128), "up to 512 tokens"),
            (
                "added_tokens_decoder",
                json!({"9": {"content": "<step>"}}),
                "\"<step>\", which tokenizer.json does not have",
            ),
            (
                "added_tokens_decoder",
                json!({"7": {"content": "[CLS]"}}),
                "other ids",
            ),
            (
                "added_tokens_decoder",
                json!({"0": {"content": "[CLS]", "special": true, "lstrip": true}}),
                "in other places",
            ),
            (
                "added_tokens_decoder",
                json!({"2": {"content": "a"}}),
                "in other places",
            ),
        ] {
            let found = notes(&[(CONFIG, json!({key: value}))]);
            assert_eq!(found.len(), 1, "{key}: {found:?}");
            assert!(found[0].contains(&format!("`{key}`")), "{found:?}");
            assert!(found[0].contains(words), "{found:?}");
        }
    }

    #[test]
    fn tokens_that_only_other_files_name_are_told() {
        let config = json!({"cls_token": "<s>", "sep_token": "[SEP]"});
        let found = notes(&[(CONFIG, config)]);
        assert!(found[0].contains("`cls_token` is \"<s>\""), "{found:?}");
        assert!(found[1].contains("names \"<s>\", which"), "{found:?}");
        let found = notes(&[(ADDED, json!({"<x>": 9, "a": 2}))]);
        assert!(
            found[0].contains("added_tokens.json has \"<x>\""),
            "{found:?}"
        );
        let found = notes(&[(SPECIAL, json!({"mask_token": {"content": "<mask>"}}))]);
        assert!(found[0].contains("names \"<mask>\""), "{found:?}");
        let config = json!({"bos_token": "[CLS]", "add_bos_token": false, "eos_token": "a",
            "add_eos_token": true});
        let found = notes(&[(CONFIG, config)]);
        assert!(
            found[0].contains("`add_bos_token` is false") && found[0].contains(" writes \"[CLS]\"")
        );
        assert!(
            found[1].contains("`add_eos_token` is true")
                && found[1].contains("does not write \"a\"")
        );
        // Where the configuration lists its tokens, the older files are not read.
        let listed = json!({"added_tokens_decoder": {}});
        assert!(notes(&[(CONFIG, listed), (ADDED, json!({"<x>": 9}))]).is_empty());
    }

    #[test]
    fn a_file_that_is_no_json_is_told_and_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join(TOKENIZER), tokenizer().to_string()).unwrap();
        fs_err::write(directory.path().join(CONFIG), "[]").unwrap();
        let notes = tokenizer_notes(directory.path(), 512).unwrap();
        assert!(
            notes[0].starts_with("tokenizer_config.json: passed over"),
            "{notes:?}"
        );
    }
}
