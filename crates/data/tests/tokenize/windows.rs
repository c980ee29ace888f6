//! Long responses in overlapping windows.

use gradus_data::{Example, SegmentTokenizer, TextConfig, TokenizedExample, TruncationCounts};

use crate::support::{example, tokenizer_json};
use crate::{FAMILIES, tokenize};

fn tokenizer(family: &str, max_length: usize) -> SegmentTokenizer {
    let config = TextConfig {
        max_length,
        ..TextConfig::default()
    };
    SegmentTokenizer::new(&tokenizer_json(family), config).unwrap()
}

fn windows(
    tokenizer: &SegmentTokenizer,
    example: &Example,
    stride: usize,
) -> (Vec<TokenizedExample>, TruncationCounts) {
    let mut counts = TruncationCounts::default();
    let windows = tokenizer.tokenize_windows(example, stride, &mut counts);
    (windows.unwrap(), counts)
}

/// A response of many short segments.
fn long() -> Example {
    let texts = [
        "The moon is far.",
        " It is made of cheese.",
        " 2 + 2 = 5.",
        " Step 1: add 3.",
    ];
    let segments: Vec<_> = (0..24).map(|k| (texts[k % 4], Some(0.5))).collect();
    example("long", "How far is the moon?", &segments)
}

#[test]
fn a_response_that_fits_is_tokenized_as_ever() {
    let tokenizer = tokenizer("bert", 512);
    let (windows, counts) = windows(&tokenizer, &long(), 8);
    assert_eq!(windows, [tokenize(&tokenizer, &long()).0]);
    assert_eq!((counts.windows, counts.any()), (0, false));
}

#[test]
fn every_segment_is_in_one_window_with_the_tokens_it_has_in_the_whole() {
    for family in FAMILIES.iter() {
        let whole = tokenize(&tokenizer(family, 2000), &long()).0;
        let tokenizer = tokenizer(family, 96);
        for stride in [1, 16, 40] {
            let (windows, counts) = windows(&tokenizer, &long(), stride);
            assert!(windows.len() > 2, "{family}");
            assert!(windows.iter().all(|window| window.num_tokens() <= 96));
            let mut found: Vec<usize> = Vec::new();
            for window in &windows {
                for segment in &window.segments {
                    found.push(segment.index);
                    let ids = &window.token_ids[segment.tokens.start..segment.tokens.end];
                    let same = &whole.segments[segment.index];
                    let expected = &whole.token_ids[same.tokens.start..same.tokens.end];
                    assert_eq!(ids, expected, "{family}, stride {stride}");
                    assert_eq!(segment.targets, same.targets);
                }
                assert!(window.dropped.is_empty());
            }
            found.sort_unstable();
            assert_eq!(
                found,
                (0..24).collect::<Vec<_>>(),
                "{family}, stride {stride}"
            );
            assert_eq!((counts.examples, counts.segments), (1, 24));
            assert_eq!(
                (counts.examples_in_windows, counts.windows),
                (1, windows.len())
            );
            assert_eq!((counts.segments_dropped, counts.response_shortened), (0, 0));
        }
    }
}

#[test]
fn a_smaller_stride_shows_more_of_what_is_before() {
    let tokenizer = tokenizer("roberta", 96);
    let before = |stride| -> usize {
        let (windows, _) = windows(&tokenizer, &long(), stride);
        let segments = windows.iter().flat_map(|window| &window.segments);
        segments.map(|segment| segment.tokens.start).sum()
    };
    assert!(before(1) > before(30) && before(30) > before(50));
}

#[test]
fn a_segment_longer_than_a_window_is_dropped_and_counted() {
    let tokenizer = tokenizer("bert", 40);
    let sentence = "The moon is far. ".repeat(30);
    let segments = [
        ("It is far.", None),
        (&*sentence, Some(1.0)),
        (" No.", None),
    ];
    let (windows, counts) = windows(&tokenizer, &example("a", "How far?", &segments), 8);
    assert!(windows.len() > 2);
    let dropped: Vec<&[usize]> = windows.iter().map(|window| &window.dropped[..]).collect();
    assert_eq!(dropped[0], [1]);
    assert!(dropped[1..].iter().all(|dropped| dropped.is_empty()));
    let segments = |window: &TokenizedExample| window.segments.iter().map(|s| s.index).collect();
    let found: Vec<Vec<usize>> = windows.iter().map(segments).collect();
    assert_eq!(found[0], [0]);
    assert_eq!(found[found.len() - 1], [2]);
    assert_eq!(
        (counts.segments_dropped, counts.rated_segments_dropped),
        (1, 1)
    );
    assert_eq!(counts.examples_with_dropped_segments, 1);
    let line = counts.to_string();
    let end = format!("; 1 example in {} windows", windows.len());
    assert!(line.ends_with(&end), "{line}");
}
