//! Notes on the settings files of sentence-transformers.
//!
//! An encoder is loaded as transformers loads it: the steps that sentence-transformers adds before
//! it (prompts, lower-casing) and after it (dense layers, normalization) are not computed. A test
//! checks that docs/encoders.md has the same table.

use serde_json::{Map, Value};

pub(crate) const SENTENCE_BERT: &str = "sentence_bert_config.json";
pub(crate) const SENTENCE_CONFIG: &str = "config_sentence_transformers.json";
pub(crate) const MODULES: &str = "modules.json";

/// How a key is treated.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Treatment {
    /// Reported unless empty, null or false.
    Reported(&'static str),
    /// Does not change results.
    Ignored(&'static str),
}
use Treatment::{Ignored, Reported};

const KNOWN: &[(&str, &[&str], Treatment)] = &[
    (
        SENTENCE_BERT,
        &["max_seq_length"],
        Ignored("the run sets `max_length`"),
    ),
    (
        SENTENCE_BERT,
        &["do_lower_case"],
        Reported("texts are not lower-cased before the tokenizer"),
    ),
    (
        SENTENCE_BERT,
        &[
            "model_args",
            "tokenizer_args",
            "config_args",
            "model_kwargs",
            "processor_kwargs",
            "config_kwargs",
            "tokenizer_name_or_path",
        ],
        Reported("settings that override the model's own files are not read"),
    ),
    (
        SENTENCE_BERT,
        &["transformer_task", "modality_config", "module_output_name"],
        Ignored("token states are always used"),
    ),
    (
        SENTENCE_CONFIG,
        &["prompts", "default_prompt_name"],
        Reported("no prompt is put before texts"),
    ),
    (
        SENTENCE_CONFIG,
        &["truncate_dim"],
        Reported("states are used at full width"),
    ),
    (
        SENTENCE_CONFIG,
        &["similarity_fn_name", "__version__", "model_type"],
        Ignored("texts are not compared"),
    ),
];

/// Modules that an encoder contains or that segment pooling replaces.
const OWN_MODULES: [&str; 3] = ["Transformer", "Pooling", "Dropout"];

/// Notes on one of the two settings files.
pub(crate) fn setting_notes(file: &str, keys: &Map<String, Value>) -> Vec<String> {
    let note = |(key, value): (&String, &Value)| {
        let names = |names: &[&str]| names.contains(&key.as_str());
        let mut lines = KNOWN.iter();
        let line = lines.find(|(of, keys, _)| *of == file && names(keys));
        let reason = match line {
            _ if asks_nothing(value) => return None,
            Some((.., Ignored(_))) => return None,
            Some((.., Reported(reason))) => reason,
            None => "unknown key, ignored",
        };
        Some(format!("{file}: `{key}` is {value}: {reason}"))
    };
    keys.iter().filter_map(note).collect()
}

/// Notes on the processing steps in `modules.json`.
pub(crate) fn module_notes(modules: &[Value]) -> Vec<String> {
    let note = |module: &Value| {
        let class = module["type"].as_str().unwrap_or("?");
        let name = class.rsplit('.').next().unwrap_or(class);
        let path = module["path"].as_str().unwrap_or_default();
        if name == "Transformer" && !path.is_empty() {
            return Some(format!(
                "{MODULES}: the encoder is in `{path}`; the files beside this one are used instead"
            ));
        }
        let is_own = OWN_MODULES.contains(&name);
        (!is_own).then(|| {
            format!(
                "{MODULES}: `{name}` in `{path}` is not computed: the encoder's own hidden states are \
                 used"
            )
        })
    };
    modules.iter().filter_map(note).collect()
}

fn asks_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(keys) => keys.values().all(asks_nothing),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notes(file: &str, keys: Value) -> Vec<String> {
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        setting_notes(file, &keys)
    }

    #[test]
    fn what_asks_for_something_is_told() {
        for (file, keys, said) in [
            (
                SENTENCE_BERT,
                json!({"do_lower_case": true, "max_seq_length": 128}),
                "`do_lower_case` is true: texts are not lower-cased",
            ),
            (
                SENTENCE_BERT,
                json!({"a_new_key": 2}),
                "`a_new_key` is 2: unknown key",
            ),
            (
                SENTENCE_CONFIG,
                json!({"prompts": {"query": "query: ", "document": ""}, "similarity_fn_name": "dot"}),
                "no prompt is put",
            ),
            (
                SENTENCE_CONFIG,
                json!({"default_prompt_name": "query", "__version__": {"pytorch": "2"}}),
                "`default_prompt_name` is \"query\"",
            ),
        ] {
            let found = notes(file, keys);
            assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
        }
        for (file, keys) in [
            (
                SENTENCE_BERT,
                json!({"do_lower_case": false, "model_args": {}}),
            ),
            (
                SENTENCE_CONFIG,
                json!({"prompts": {"query": "", "document": ""}, "default_prompt_name": null}),
            ),
        ] {
            assert!(notes(file, keys).is_empty());
        }
    }

    #[test]
    fn modules_behind_the_encoder_are_told() {
        let module = |name: &str, path: &str| json!({"type": format!("sentence_transformers.models.{name}"), "path": path});
        let modules = [
            module("Transformer", ""),
            module("Pooling", "1_Pooling"),
            module("Dense", "2_Dense"),
            module("Normalize", "3_Normalize"),
        ];
        let notes = module_notes(&modules);
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("`Dense` in `2_Dense` is not computed"));
        assert!(notes[1].contains("`Normalize`"));
        assert_eq!(
            module_notes(&[module("Transformer", "0_Transformer")]).len(),
            1
        );
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/encoders.md");
        let docs = fs_err::read_to_string(path).unwrap();
        let line = |(file, keys, treatment): &(&str, &[&str], Treatment)| {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            let (what, why) = match treatment {
                Reported(why) => ("reported", why),
                Ignored(why) => ("ignored", why),
            };
            format!("| `{file}` | {} | {what}: {why} |", keys.join(", "))
        };
        let table: Vec<String> = KNOWN.iter().map(line).collect();
        let table = table.join("\n");
        let (_, behind) = docs.split_once("<!-- sentence keys -->\n").unwrap();
        let (found, _) = behind
            .split_once("\n<!-- end of sentence keys -->")
            .unwrap();
        assert_eq!(found.lines().skip(2).collect::<Vec<_>>().join("\n"), table);
    }
}
