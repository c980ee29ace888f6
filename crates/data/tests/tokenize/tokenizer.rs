//! What a tokenizer.json brings along, and what is wrong with it.

use std::path::Path;

use gradus_data::{DataError, SegmentTokenizer, TextConfig};
use serde_json::{Value, json};

use crate::support::{example, tiny_tokenizer, tokenizer_json};
use crate::tokenize;

#[test]
fn truncation_and_padding_of_the_file_are_switched_off() {
    let mut json: Value = serde_json::from_slice(&tokenizer_json("bert")).unwrap();
    json["truncation"] =
        json!({"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = json!({"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 4, "pad_type_id": 0, "pad_token": "[MASK]"});
    let bytes = serde_json::to_vec(&json).unwrap();
    let shipped = SegmentTokenizer::new(&bytes, TextConfig::default()).unwrap();
    let plain = tiny_tokenizer(TextConfig::default());
    let example = example(
        "a",
        "How far is the moon?",
        &[("It is far.", Some(0.5)), (" Very far.", None)],
    );
    assert_eq!(tokenize(&shipped, &example), tokenize(&plain, &example));
    assert_eq!((shipped.pad_id(), plain.pad_id()), (4, 0));
    assert_eq!(
        shipped.tokenizer_json(),
        bytes,
        "the bundle gets the file as it was"
    );
}

#[test]
fn short_rows_are_filled_with_the_padding_token_of_the_vocabulary() {
    let of = |family| {
        SegmentTokenizer::new(&tokenizer_json(family), TextConfig::default())
            .unwrap()
            .pad_id()
    };
    assert_eq!((of("roberta"), of("llama"), of("qwen2")), (1, 2, 0));
}

#[test]
fn a_max_length_without_room_for_text_is_refused() {
    let new = |max_length| {
        SegmentTokenizer::new(
            &tokenizer_json("bert"),
            TextConfig {
                max_length,
                ..TextConfig::default()
            },
        )
    };
    let error = new(6).err().unwrap();
    assert_eq!(
        error.to_string(),
        "max_length: found 6, expected 7 or more, as 3 are special tokens"
    );
    assert!(new(7).is_ok());
}

#[test]
fn what_is_no_tokenizer_is_refused_by_name() {
    let error = SegmentTokenizer::new(b"{\"model\": 3}", TextConfig::default())
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("tokenizer: cannot be used as a tokenizer.json: "),
        "{error}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = SegmentTokenizer::from_file(file.path(), TextConfig::default())
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with(file.path().to_str().unwrap()),
        "{error}"
    );
    let error = SegmentTokenizer::from_file(Path::new("no/tokenizer.json"), TextConfig::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("no/tokenizer.json"), "{error}");
}

#[test]
fn a_post_processor_that_loses_a_text_is_refused() {
    let mut json: Value = serde_json::from_slice(&tokenizer_json("bert")).unwrap();
    let pair = json["post_processor"]["pair"].as_array_mut().unwrap();
    pair.retain(|piece| piece["Sequence"]["id"] != "B");
    let error = SegmentTokenizer::new(&serde_json::to_vec(&json).unwrap(), TextConfig::default())
        .err()
        .unwrap();
    assert!(
        matches!(
            error,
            DataError::TokenizerPair {
                text: 1,
                found: 0,
                expected: 1
            }
        ),
        "{error}"
    );
}
