//! Tokens against reference values and against the tokenizer library itself.

use std::path::Path;

use gradus_data::{
    Example, SegmentTokenizer, TextConfig, TokenSource, TokenView, TokenizedExample,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::support::{golden_json, numbers, pairs, tokenizer_json};
use crate::{FAMILIES, tokenize, with_spans};

fn offsets(views: &[TokenView]) -> Vec<(usize, usize)> {
    views
        .iter()
        .map(|view| (view.chars.start, view.chars.end))
        .collect()
}

#[test]
fn ids_types_offsets_and_origin_are_those_of_the_reference() {
    for family in FAMILIES.iter() {
        let tokenizer =
            SegmentTokenizer::new(&tokenizer_json(family), TextConfig::default()).unwrap();
        let reference = golden_json(&format!("tiny-{family}/reference.json"));
        for row in reference["rows"].as_array().unwrap() {
            let text = |key: &str| row[key].as_str().unwrap();
            let example = with_spans(text("prompt"), text("response"), &pairs(&row["char_spans"]));
            let (tokenized, counts) = tokenize(&tokenizer, &example);
            assert_eq!(tokenized.token_ids, numbers(&row["input_ids"]), "{family}");
            assert_eq!(tokenized.type_ids, numbers(&row["type_ids"]), "{family}");
            assert_eq!((counts.examples, counts.any()), (1, false));

            let views = tokenizer.inspect(&example).unwrap();
            assert_eq!(offsets(&views), pairs(&row["offsets"]), "{family}");
            let in_response: Vec<bool> = views
                .iter()
                .map(|view| view.source == TokenSource::Response)
                .collect();
            assert_eq!(json!(in_response), row["in_response"], "{family}");
            assert_spans_hold_the_tokens_of_their_text(&example, &tokenized, &views);
        }
    }
}

/// In these rows the segments hold the whole response, and no token reaches over a border.
fn assert_spans_hold_the_tokens_of_their_text(
    example: &Example,
    tokenized: &TokenizedExample,
    views: &[TokenView],
) {
    let response = views
        .iter()
        .position(|view| view.source == TokenSource::Response)
        .unwrap();
    let mut next = response;
    for (segment, rated) in tokenized.segments.iter().zip(&example.segments) {
        assert_eq!(segment.tokens.start, next);
        for view in &views[segment.tokens.start..segment.tokens.end] {
            assert_eq!(view.segment, Some(segment.index));
            assert!(rated.span.start <= view.chars.start && view.chars.end <= rated.span.end);
        }
        next = segment.tokens.end;
    }
    assert_eq!(tokenized.segments.len(), example.segments.len());
    assert!(
        views[next..]
            .iter()
            .all(|view| view.source == TokenSource::Special)
    );
}

#[test]
#[ignore = "needs MiniLM-L6: set GRADUS_MINILM to its directory"]
fn minilm_ids_types_and_spans_are_those_of_the_reference() {
    let directory = std::env::var_os("GRADUS_MINILM")
        .expect("set GRADUS_MINILM to a directory with the tokenizer.json of all-MiniLM-L6-v2");
    let path = Path::new(&directory).join("tokenizer.json");
    let config = TextConfig {
        max_length: 256,
        ..TextConfig::default()
    };
    let tokenizer = SegmentTokenizer::from_file(&path, config).unwrap();
    assert_eq!(
        (
            tokenizer.pad_id(),
            tokenizer.vocab_size(),
            tokenizer.special_tokens()
        ),
        (0, 30522, 3)
    );
    let reference = golden_json("minilm/encoding.json");
    for record in reference["records"].as_array().unwrap() {
        let pieces: Vec<&str> = record["pieces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap())
            .collect();
        let mut spans = Vec::new();
        let mut start = 0;
        for piece in &pieces {
            spans.push((start, start + piece.chars().count()));
            start += piece.chars().count() + 1;
        }
        let example = with_spans(
            record["prompt"].as_str().unwrap(),
            &pieces.join(" "),
            &spans,
        );
        let (tokenized, _) = tokenize(&tokenizer, &example);
        assert_eq!(tokenized.token_ids, numbers(&record["input_ids"]));
        assert_eq!(tokenized.type_ids, numbers(&record["token_type_ids"]));
        let found: Vec<_> = tokenized
            .segments
            .iter()
            .map(|s| (s.tokens.start, s.tokens.end))
            .collect();
        assert_eq!(found, pairs(&record["segment_spans"]));
    }
}

/// A tiny tokenizer with one of its parts replaced.
fn tokenizer_with(family: &str, key: &str, value: Value) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&tokenizer_json(family)).unwrap();
    json[key] = value;
    serde_json::to_vec(&json).unwrap()
}

/// The older post-processors, and a sequence of two, as published tokenizers carry them.
fn tokenizers() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = FAMILIES
        .iter()
        .map(|family| tokenizer_json(family))
        .collect();
    let bert = json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]});
    all.push(tokenizer_with("bert", "post_processor", bert));
    for add_prefix_space in [false, true] {
        let roberta = json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
            "trim_offsets": true, "add_prefix_space": add_prefix_space});
        all.push(tokenizer_with("roberta", "post_processor", roberta));
    }
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    all.push(tokenizer_with(
        "qwen2",
        "post_processor",
        byte_level.clone(),
    ));
    let llama: Value = serde_json::from_slice(&tokenizer_json("llama")).unwrap();
    let sequence = json!({"type": "Sequence", "processors": [byte_level, llama["post_processor"]]});
    all.push(tokenizer_with("llama", "post_processor", sequence));
    all
}

proptest! {
    #[test]
    fn a_pair_is_tokenized_as_the_tokenizer_library_does(
        prompt in "[a-zA-Z ?.,é数🙂\n]{0,40}",
        response in prop_oneof!["[a-zA-Z ?.,é数🙂\n]{1,60}", any::<String>().prop_filter("empty", |text| !text.is_empty())],
    ) {
        let example = with_spans(&prompt, &response, &[]);
        for json in tokenizers() {
            let expected = Tokenizer::from_bytes(&json).unwrap()
                .encode_char_offsets((prompt.as_str(), response.as_str()), true).unwrap();
            let tokenizer = SegmentTokenizer::new(&json, TextConfig::default()).unwrap();
            let (tokenized, _) = tokenize(&tokenizer, &example);
            prop_assert_eq!(&tokenized.token_ids, expected.get_ids());
            prop_assert_eq!(&tokenized.type_ids, expected.get_type_ids());
            let views = tokenizer.inspect(&example).unwrap();
            prop_assert_eq!(offsets(&views), expected.get_offsets());
            for (view, sequence) in views.iter().zip(expected.get_sequence_ids()) {
                let source = match sequence {
                    None => TokenSource::Special,
                    Some(0) => TokenSource::Prompt,
                    Some(_) => TokenSource::Response,
                };
                prop_assert_eq!(view.source, source);
            }
        }
    }
}
