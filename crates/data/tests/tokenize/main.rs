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

use gradus_data::{
    CharSpan, Example, Segment, SegmentTokenizer, TokenizedExample, TruncationCounts,
};

const FAMILIES: [&str; 8] = [
    "bert",
    "roberta",
    "xlm-roberta",
    "deberta-v2",
    "modernbert",
    "qwen2",
    "qwen3",
    "llama",
];

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
