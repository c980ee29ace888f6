//! What gives way when an example is too long.

use gradus_data::{
    CharSpan, CutSegments, Segment, SegmentTokenizer, TextConfig, TokenSource, TokenSpan,
    TruncationCounts, TruncationPolicy,
};
use proptest::prelude::*;

use crate::support::{example, tiny_tokenizer, tokenizer_json};
use crate::{FAMILIES, tokenize};

#[test]
fn what_does_not_fit_is_truncated_and_counted() {
    let config = TextConfig {
        max_length: 11,
        ..TextConfig::default()
    }; // room for 8
    let tokenizer = tiny_tokenizer(config);
    let mut long = example(
        "a",
        "the moon is",
        &[
            ("the moon is", Some(0.1)),
            (" the moon", Some(0.2)),
            (" is", None),
        ],
    );
    long.context = Some("the moon is the moon".into());
    let (tokenized, counts) = tokenize(&tokenizer, &long);
    assert_eq!(tokenized.num_tokens(), 11);
    assert!(tokenized.dropped.is_empty());
    let views = tokenizer.inspect(&long).unwrap();
    assert_eq!(
        views
            .iter()
            .filter(|view| view.source == TokenSource::Prompt)
            .count(),
        2
    );
    assert_eq!(
        (counts.context_tokens_dropped, counts.prompt_tokens_dropped),
        (5, 1)
    );

    long.response.push_str(" the moon is");
    long.segments
        .push(Segment::rated(CharSpan::new(23, 35), 0.4));
    let (tokenized, counts) = tokenize(&tokenizer, &long);
    assert_eq!(tokenized.dropped, [3]);
    assert_eq!(tokenized.segments.len(), 3);
    assert_eq!(
        counts.to_string(),
        "truncated 1 of 1 example: context of 1 (-5 tokens), prompt of 1 (-1 token), response of 1 (-3 tokens); \
         1 of 4 segments dropped (1 rated) in 1 example"
    );
    assert!(tokenized.is_shortened());
    assert_eq!(tokenized.dropped_tokens.response, 3);
    assert_eq!(tokenized.response, TokenSpan::new(4, 10));
}

#[test]
fn a_segment_that_is_not_whole_goes_or_is_scored_by_its_beginning() {
    // Room for 6: two of the prompt, four of the response, the second segment's second token is behind.
    let config = TextConfig {
        max_length: 9,
        ..TextConfig::default()
    };
    let segments = [
        ("the moon is", Some(0.1)),
        (" the moon", Some(0.2)),
        (" is", Some(0.3)),
    ];
    let long = example("a", "the moon", &segments);
    let (tokenized, counts) = tokenize(&tiny_tokenizer(config.clone()), &long);
    assert_eq!(
        (tokenized.num_tokens(), &tokenized.dropped[..]),
        (9, &[1, 2][..])
    );
    assert_eq!((counts.segments_cut, counts.segments_dropped), (0, 2));

    let config = TextConfig {
        cut_segments: CutSegments::Score,
        ..config
    };
    let (scored, counts) = tokenize(&tiny_tokenizer(config), &long);
    assert_eq!(
        scored.token_ids, tokenized.token_ids,
        "what is read is the same"
    );
    let found: Vec<_> = scored
        .segments
        .iter()
        .map(|s| (s.index, s.cut, s.tokens.len()))
        .collect();
    assert_eq!(found, [(0, false, 3), (1, true, 1)]);
    assert_eq!(scored.segments[1].targets, [Some(0.2)]);
    assert_eq!(scored.dropped, [2]);
    assert_eq!(
        counts.to_string(),
        "truncated 1 of 1 example: response of 1 (-2 tokens); 1 of 3 segments dropped (1 rated) in 1 example; \
         1 of 3 segments cut (1 rated)"
    );
}

#[test]
fn an_example_that_loses_all_segments_is_still_tokenized() {
    let config = TextConfig {
        max_length: 9,
        ..TextConfig::default()
    };
    let long = example(
        "a",
        "the moon",
        &[("the moon is the moon is the moon is", Some(0.1))],
    );
    let (tokenized, counts) = tokenize(&tiny_tokenizer(config), &long);
    assert_eq!(
        (tokenized.segments.len(), tokenized.dropped.as_slice()),
        (0, [0].as_slice())
    );
    assert_eq!(tokenized.token_ids.len(), 9, "the response fills the room");
    assert_eq!(
        (
            counts.examples_without_segments_left,
            counts.rated_segments_dropped
        ),
        (1, 1)
    );
}

#[test]
fn the_error_policy_names_the_example_and_its_length() {
    let config = TextConfig {
        max_length: 9,
        truncation: TruncationPolicy::Error,
        ..TextConfig::default()
    };
    let tokenizer = tiny_tokenizer(config);
    let mut counts = TruncationCounts::default();
    let fits = example("short", "the moon", &[("the moon is the", Some(0.1))]);
    assert_eq!(
        tokenizer.tokenize(&fits, &mut counts).unwrap().num_tokens(),
        9
    );
    let long = example("long", "the moon", &[("the moon is the moon", Some(0.1))]);
    let error = tokenizer.tokenize(&long, &mut counts).unwrap_err();
    assert_eq!(
        error.to_string(),
        "example `long`: found 10 tokens, expected at most max_length = 9"
    );
    assert_eq!(counts.examples, 1);
}

proptest! {
    #[test]
    fn every_segment_is_kept_dropped_or_without_tokens(
        prompt in "[a-z ]{0,40}",
        context in proptest::option::of("[a-z ]{0,40}"),
        pieces in prop::collection::vec(("[a-z .é数🙂\n]{1,30}", any::<bool>()), 0..8),
        max_length in 8_usize..60,
        family in prop::sample::select(FAMILIES.clone()),
    ) {
        let unrated: Vec<_> = pieces.iter().map(|(piece, _)| (piece.as_str(), None)).collect();
        let mut example = example("a", &prompt, &unrated);
        example.context = context;
        prop_assume!(!example.response.is_empty());
        let json = tokenizer_json(&family);
        let whole = SegmentTokenizer::new(&json, TextConfig { max_length: 10_000, ..TextConfig::default() }).unwrap();
        let (full, _) = tokenize(&whole, &example);
        for (index, (_, rated)) in pieces.iter().enumerate() {
            if *rated && !full.without_tokens.contains(&index) {
                example.segments[index].ratings.insert("rating".into(), 0.7);
            }
        }
        let tokenizer = SegmentTokenizer::new(&json, TextConfig { max_length, ..TextConfig::default() }).unwrap();
        let (tokenized, counts) = tokenize(&tokenizer, &example);

        let mut seen: Vec<usize> = tokenized.segments.iter().map(|segment| segment.index).collect();
        seen.extend(tokenized.dropped.iter().chain(&tokenized.without_tokens));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..pieces.len()).collect::<Vec<_>>());
        prop_assert_eq!(counts.segments, pieces.len());
        prop_assert_eq!(counts.segments_dropped, tokenized.dropped.len());
        prop_assert_eq!(counts.segments_without_tokens, tokenized.without_tokens.len());
        let rated_dropped = tokenized.dropped.iter().filter(|&&index| !example.segments[index].ratings.is_empty());
        prop_assert_eq!(counts.rated_segments_dropped, rated_dropped.count());

        prop_assert!(tokenized.num_tokens() <= max_length);
        let lost = counts.context_tokens_dropped + counts.prompt_tokens_dropped + counts.response_tokens_dropped;
        prop_assert_eq!(tokenized.num_tokens() + lost, full.num_tokens());
        // What is kept reads the same tokens as without truncation.
        for segment in &tokenized.segments {
            let untruncated = full.segments.iter().find(|other| other.index == segment.index).unwrap();
            prop_assert_eq!(
                &tokenized.token_ids[segment.tokens.start..segment.tokens.end],
                &full.token_ids[untruncated.tokens.start..untruncated.tokens.end]
            );
            prop_assert_eq!(segment.weight > 0.0, segment.targets[0].is_some());
        }
    }
}
