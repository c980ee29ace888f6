//! Notes on files that contradict the `tokenizer.json` beside them.
//!
//! Gradus follows `tokenizer.json`. Python's transformers mostly does too, but some of its tokenizer classes
//! take settings and added tokens from `tokenizer_config.json`. The same text then has other ids there, and
//! the user should know.

mod disagreements;
mod facts;
#[cfg(test)]
mod tests;

use std::path::Path;

use gradus_files::MOST_BYTES;
use serde_json::{Map, Value};

use self::facts::Facts;
use super::sentence_files::{MODULES, SENTENCE_BERT, SENTENCE_CONFIG, module_notes, setting_notes};
use crate::Result;

const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "tokenizer_config.json";
const ADDED: &str = "added_tokens.json";
const SPECIAL: &str = "special_tokens_map.json";

/// Lists what contradicts `tokenizer.json` in a directory in Hugging Face layout, one sentence each. Without
/// a `tokenizer.json` there are no notes. `max_length` is the longest input in tokens.
///
/// # Errors
/// [`DataError::Io`](crate::DataError::Io) if a file exists but cannot be read.
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
                let note = format!("{name}: ignored, because it is not a JSON object: {error}");
                notes.push(note);
                Ok(None)
            }
        }
    };
    // Errors in it are reported by the code that loads the tokenizer.
    let tokenizer = read(TOKENIZER)?.unwrap_or_default();
    let config = read(CONFIG)?.unwrap_or_default();
    let (mut added, mut special) = (Map::new(), Map::new());
    // Transformers reads the older files only if the configuration does not list the added tokens.
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
            "{CONFIG}: `model_max_length` is {length}, but Gradus reads up to {max_length} tokens, more than \
             the model was made for"
        ));
    }
    Ok(notes)
}

/// Notes on `modules.json`, if it exists.
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
                "{MODULES}: ignored, because it is not a JSON list: {error}"
            )],
        },
    )
}
