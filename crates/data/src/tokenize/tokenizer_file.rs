//! Reads untrusted `tokenizer.json` files.
//!
//! The tokenizer library panics on some files, and others make a text grow without limit. So the JSON is checked
//! first, and a panic of the library is turned into an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::Tokenizer;

use super::precompiled::precompiled_growth;

/// Maximum growth of a text by all normalizers and pre-tokenizers, in characters. Published files reach about 18,
/// because of Unicode's longest ligature.
const MAX_GROWTH: usize = 256;

/// Maximum number of special tokens that a post-processor may write around a pair of texts.
const MAX_SPECIAL_TOKENS: usize = 10_000;

/// Maximum number of characters that represent a byte outside of ASCII in byte-level tokenizers.
const BYTE_LEVEL_GROWTH: usize = 4;

/// Reads the bytes of a `tokenizer.json`.
pub(crate) fn read_tokenizer(bytes: &[u8]) -> tokenizers::Result<Tokenizer> {
    // The library does not check the bytes of strings that it skips.
    let text = std::str::from_utf8(bytes)?;
    serde_json::from_str::<Parts>(text)?.check()?;
    guarded(|| Tokenizer::from_bytes(bytes))
}

/// Calls the library and turns a panic into an error.
pub(crate) fn guarded<T>(call: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(panic) => Err(format!(
            "the tokenizer library panicked: {}",
            panic_message(panic.as_ref())
        )
        .into()),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

/// The parts of the file that can do harm. The vocabulary, which is most of it, is skipped.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    /// Read here because the library panics on strings that are not valid text.
    #[serde(default, rename = "decoder")]
    _decoder: Value,
    #[serde(default)]
    model: Option<Model>,
}

/// What is looked at of the model.
#[derive(Deserialize)]
struct Model {
    /// Chance with which each merge of BPE is left out, also when scoring.
    #[serde(default)]
    dropout: Value,
}

impl Parts {
    /// Refuses files that would crash the library.
    fn check(&self) -> tokenizers::Result<()> {
        if let Some(model) = &self.model
            && model.dropout.as_f64().is_some_and(|chance| chance != 0.0)
        {
            let chance = &model.dropout;
            return Err(format!(
                "`model.dropout` is {chance}, which draws tokens at random, expected null or 0: a text would \
                 have other scores each time"
            )
            .into());
        }
        let mut growth: usize = 1;
        for object in [&self.normalizer, &self.pre_tokenizer]
            .into_iter()
            .flat_map(objects)
        {
            check_lengths(object)?;
            growth = growth.saturating_mul(growth_of(object)?.max(1));
        }
        if growth > MAX_GROWTH {
            return Err(format!(
                "its normalizers and pre-tokenizers can make {growth} characters of one, expected at \
                 most {MAX_GROWTH}"
            )
            .into());
        }
        let special = special_tokens(&self.post_processor);
        if special > MAX_SPECIAL_TOKENS {
            return Err(format!(
                "its post-processor can write {special} special tokens, expected at most \
                 {MAX_SPECIAL_TOKENS}"
            )
            .into());
        }
        Ok(())
    }
}

/// All objects in a value, including itself. The parser limits the depth.
fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Object(object) => {
            let mut found = vec![object];
            found.extend(object.values().flat_map(objects));
            found
        }
        Value::Array(values) => values.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

fn is(object: &Map<String, Value>, kind: &str) -> bool {
    object.get("type").and_then(Value::as_str) == Some(kind)
}

fn check_lengths(object: &Map<String, Value>) -> tokenizers::Result<()> {
    if is(object, "FixedLength") && object.get("length").and_then(Value::as_u64) == Some(0) {
        return Err("`FixedLength` has the length 0, expected at least 1".into());
    }
    Ok(())
}

/// The maximum number of characters by which a normalizer or pre-tokenizer replaces one character.
fn growth_of(object: &Map<String, Value>) -> tokenizers::Result<usize> {
    if let Some(map) = object.get("precompiled_charsmap").and_then(Value::as_str) {
        return precompiled_growth(map);
    }
    // Files of old versions have no type.
    if is(object, "ByteLevel") || object.contains_key("trim_offsets") {
        return Ok(BYTE_LEVEL_GROWTH);
    }
    let (Some(pattern), Some(content)) = (
        object.get("pattern"),
        object.get("content").and_then(Value::as_str),
    ) else {
        return Ok(1);
    };
    let content = content.chars().count();
    let literal = pattern.get("String").and_then(Value::as_str);
    Ok(match literal.map(|text| text.chars().count()) {
        Some(found @ 1..) => content.div_ceil(found),
        // An expression may also match between characters.
        _ => content.saturating_add(1),
    })
}

/// Maximum number of special tokens that the templates of a post-processor can write.
fn special_tokens(post_processor: &Value) -> usize {
    let templates = objects(post_processor).into_iter().map(|object| {
        let pieces = ["single", "pair"].map(|name| {
            let pieces = object.get(name).and_then(Value::as_array);
            pieces.map_or(0, Vec::len)
        });
        let tokens = object.get("special_tokens").and_then(Value::as_object);
        let ids = tokens.into_iter().flat_map(Map::values).map(|token| {
            let ids = token.get("ids").and_then(Value::as_array);
            ids.map_or(0, Vec::len)
        });
        let [single, pair] = pieces;
        single.max(pair).saturating_mul(ids.max().unwrap_or(0))
    });
    templates.fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(part: &str, value: Value) -> String {
        let mut json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1}, "unk_token": "[UNK]"},
        });
        assert!(read_tokenizer(json.to_string().as_bytes()).is_ok());
        json[part] = value;
        let read = read_tokenizer(json.to_string().as_bytes());
        read.err()
            .map_or_else(String::new, |error| error.to_string())
    }

    fn replace(pattern: &Value, content: &str) -> Value {
        json!({"type": "Replace", "pattern": pattern, "content": content})
    }

    fn sequence(normalizers: Vec<Value>) -> Value {
        json!({"type": "Sequence", "normalizers": normalizers})
    }

    #[test]
    fn tables_that_the_library_panics_on_are_refused() {
        for map in [
            "",
            "AAAA",
            "/////wAA",
            "/////wAAAA==",
            "!!!!",
            "BAAAAAAAAAD//w==",
            // One unit: the first byte of any text leads out of it.
            "BAAAAAAAAABhAA==",
        ] {
            for value in [
                json!({"type": "Precompiled", "precompiled_charsmap": map}),
                json!({"precompiled_charsmap": map}),
            ] {
                let message = refused("normalizer", value);
                assert!(message.contains("precompiled_charsmap"), "{map}: {message}");
            }
        }
    }

    #[test]
    fn a_decoder_whose_strings_are_no_text_is_refused_before_the_library_reads_it() {
        let file = json!({"decoder": {"type": "Fuse", "key": "HERE"}}).to_string();
        for bytes in [&b"\xff\xfe"[..], br"\ud800"] {
            let (before, after) = file.split_once("HERE").unwrap();
            let bytes = [before.as_bytes(), bytes, after.as_bytes()].concat();
            let message = read_tokenizer(&bytes).unwrap_err().to_string();
            assert!(!message.contains("the tokenizer library"), "{message}");
        }
    }

    #[test]
    fn tokens_drawn_at_random_are_refused() {
        let model = |dropout: Value| json!({"type": "BPE", "dropout": dropout, "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]});
        for fixed in [json!(null), json!(0.0), json!(0)] {
            assert_eq!(refused("model", model(fixed.clone())), "", "{fixed}");
        }
        let message = refused("model", model(json!(0.5)));
        assert!(message.starts_with("`model.dropout` is 0.5"), "{message}");
    }

    #[test]
    fn a_length_of_nothing_is_refused() {
        let message = refused("pre_tokenizer", json!({"type": "FixedLength", "length": 0}));
        assert!(message.contains("the length 0"), "{message}");
    }

    #[test]
    fn normalizers_that_multiply_a_text_are_refused() {
        let double = replace(&json!({"String": "a"}), "aa");
        assert_eq!(refused("normalizer", sequence(vec![double.clone(); 8])), "");
        for many in [
            sequence(vec![double.clone(); 9]),
            sequence(vec![sequence(vec![double; 5]); 2]),
            replace(&json!({"Regex": ""}), &"a".repeat(300)),
            replace(&json!({"String": ""}), &"a".repeat(300)),
        ] {
            let message = refused("normalizer", many);
            assert!(message.contains("characters of one"), "{message}");
        }
        let bytes = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true});
        let many = json!({"type": "Sequence", "pretokenizers": vec![bytes; 8]});
        assert!(refused("pre_tokenizer", many).contains("characters of one"));
    }

    #[test]
    fn what_published_files_do_passes() {
        let spaces = replace(&json!({"Regex": " {2,}"}), "\u{2581}");
        let quotes = replace(&json!({"String": "``"}), "\"");
        let all = [
            quotes.clone(),
            quotes,
            json!({"type": "NFKD"}),
            json!({"type": "StripAccents"}),
            json!({"type": "Lowercase"}),
            spaces,
        ];
        assert_eq!(refused("normalizer", sequence(all.to_vec())), "");
    }

    #[test]
    fn templates_of_countless_tokens_are_refused() {
        let piece = json!({"SpecialToken": {"id": "x", "type_id": 0}});
        let message = refused(
            "post_processor",
            json!({
                "type": "TemplateProcessing",
                "single": vec![piece.clone(); 200], "pair": vec![piece; 200],
                "special_tokens": {"x": {"id": "x", "ids": vec![0; 100], "tokens": vec!["a"; 100]}},
            }),
        );
        assert!(message.contains("20000 special tokens"), "{message}");
    }

    #[test]
    fn a_panic_of_the_library_is_an_error() {
        let stopped = guarded::<()>(|| panic!("no such {}", "thing")).unwrap_err();
        assert!(
            stopped
                .to_string()
                .ends_with("library panicked: no such thing")
        );
    }
}
