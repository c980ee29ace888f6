//! Text to tokens: reference values, tokenizers, segments, and the promises of truncation.

// Clippy exempts tests from the first, but not their helpers; targets must arrive bit by bit; an encoder encodes.
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

use gradus_data::{CharSpan, EncodedExample, Example, Segment, TextEncoder, TruncationCounts};

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

fn encode(encoder: &TextEncoder, example: &Example) -> (EncodedExample, TruncationCounts) {
    let mut counts = TruncationCounts::default();
    (encoder.encode(example, &mut counts).unwrap(), counts)
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
