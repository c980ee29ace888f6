//! Text to tokens: reference values, tokenizers, segments, and the promises of truncation.

// Clippy exempts tests from the first, but not their helpers; targets must arrive bit by bit.
#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::similar_names)]

mod chat;
mod listing;
mod reference;
mod segments;
#[path = "../support/mod.rs"]
mod support;
mod tokenizer;
mod truncation;
mod windows;

use std::sync::LazyLock;

use gradus_data::{
    CharSpan, Example, Segment, SegmentTokenizer, TokenizedExample, TruncationCounts,
};

/// Every family with a tokenizer and reference values in `tests/golden/tiny-FAMILY`.
static FAMILIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let entries = fs_err::read_dir(support::golden("")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut families: Vec<String> = names
        .filter_map(|name| name.strip_prefix("tiny-").map(str::to_owned))
        .collect();
    families.sort();
    assert!(families.len() >= 8, "{families:?}");
    families
});

fn tokenize(
    tokenizer: &SegmentTokenizer,
    example: &Example,
) -> (TokenizedExample, TruncationCounts) {
    let mut counts = TruncationCounts::default();
    (tokenizer.tokenize(example, &mut counts).unwrap(), counts)
}

fn with_spans(prompt: &str, response: &str, spans: &[(usize, usize)]) -> Example {
    let segment = |&(start, end): &(usize, usize)| Segment::rated(CharSpan::new(start, end), 0.5);
    Example {
        prompt: prompt.into(),
        response: response.into(),
        segments: spans.iter().map(segment).collect(),
        ..Example::default()
    }
}
