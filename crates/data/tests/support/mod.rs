//! What the tests of tokenizing and batching share.
#![allow(dead_code)] // Each test binary uses its own part of it.

use std::path::PathBuf;

use gradus_data::{AspectSpec, CharSpan, Example, Segment, SegmentTokenizer, TextConfig};
use serde_json::Value;

/// Path of a file under `tests/golden`.
pub(crate) fn golden(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name]
        .iter()
        .collect()
}

pub(crate) fn golden_bytes(name: &str) -> Vec<u8> {
    fs_err::read(golden(name)).unwrap()
}

pub(crate) fn golden_json(name: &str) -> Value {
    serde_json::from_slice(&golden_bytes(name)).unwrap()
}

/// The tokenizer of a tiny model.
pub(crate) fn tokenizer_json(family: &str) -> Vec<u8> {
    golden_bytes(&format!("tiny-{family}/tokenizer.json"))
}

/// A tokenizer over the tiny BERT, in which `moon`, `is` and `the` are one token each.
pub(crate) fn tiny_tokenizer(config: TextConfig) -> SegmentTokenizer {
    SegmentTokenizer::new(&tokenizer_json("bert"), config).unwrap()
}

pub(crate) fn aspects(names: &[&str]) -> Vec<AspectSpec> {
    names
        .iter()
        .map(|&name| AspectSpec::identity(name))
        .collect()
}

/// An example whose response is the pieces one after the other; a piece with a rating has the plain aspect.
pub(crate) fn example(id: &str, prompt: &str, pieces: &[(&str, Option<f64>)]) -> Example {
    let mut response = String::new();
    let mut segments = Vec::new();
    for &(piece, rating) in pieces {
        let start = response.chars().count();
        response.push_str(piece);
        let span = CharSpan::new(start, response.chars().count());
        segments.push(match rating {
            Some(rating) => Segment::rated(span, rating),
            None => Segment::unrated(span),
        });
    }
    Example {
        id: id.into(),
        prompt: prompt.into(),
        response,
        segments,
        ..Example::default()
    }
}

/// Values of a JSON array of numbers.
pub(crate) fn numbers(value: &Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Pairs of a JSON array of pairs of numbers.
pub(crate) fn pairs(value: &Value) -> Vec<(usize, usize)> {
    serde_json::from_value(value.clone()).unwrap()
}
