//! From texts and ratings to the tokens and targets of segments.

use gradus_data::{DataError, RatingScale, Segmenter, TextConfig, TokenSource, TruncationCounts};

use crate::support::{aspects, example, tiny_tokenizer};
use crate::{tokenize, with_spans};

#[test]
fn context_follows_the_prompt_behind_a_line_break() {
    let mut with_context = example("a", "the moon", &[("It is far.", None)]);
    with_context.context = Some("the Earth".into());
    let tokenizer = tiny_tokenizer(TextConfig::default());
    let views = tokenizer.inspect(&with_context).unwrap();
    let of = |source| {
        views
            .iter()
            .filter(|view| view.source == source)
            .map(|view| view.text.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(TokenSource::Prompt), ["the", "moon"]);
    assert_eq!(of(TokenSource::Context), ["the", "earth"]);

    let mut joined = with_context.clone();
    joined.context = None;
    joined.prompt = "the moon\nthe Earth".into();
    assert_eq!(
        tokenize(&tokenizer, &with_context).0,
        tokenize(&tokenizer, &joined).0
    );

    let without = tiny_tokenizer(TextConfig {
        use_context: false,
        ..TextConfig::default()
    });
    with_context.id = joined.id.clone();
    joined.prompt = "the moon".into();
    assert_eq!(
        tokenize(&without, &with_context).0,
        tokenize(&tokenizer, &joined).0
    );
}

#[test]
fn a_rated_segment_without_a_token_is_refused_and_an_unrated_one_counted() {
    let tokenizer = tiny_tokenizer(TextConfig::default());
    let mut counts = TruncationCounts::default();
    let rated = example(
        "x7",
        "the moon",
        &[("the", Some(1.0)), (" \n", Some(0.5)), ("moon", None)],
    );
    let error = tokenizer.tokenize(&rated, &mut counts).unwrap_err();
    assert_eq!(
        error.to_string(),
        "example `x7`: field `segments[1]`: found no token that starts inside \" \\n\", expected at least one in a rated segment"
    );
    assert!(error.hint().is_some());
    assert_eq!(
        counts,
        TruncationCounts::default(),
        "a refused example is not counted"
    );
    // `moon` is one token: a segment that starts inside of it has none.
    let inside = example(
        "x8",
        "the moon",
        &[("the mo", Some(1.0)), ("on", Some(0.5))],
    );
    assert!(matches!(
        tokenizer.tokenize(&inside, &mut counts),
        Err(DataError::SegmentWithoutToken { segment: 1, .. })
    ));

    let unrated = example(
        "x9",
        "the moon",
        &[("the", Some(1.0)), (" \n", None), ("moon", None)],
    );
    let (tokenized, counts) = tokenize(&tokenizer, &unrated);
    assert_eq!(tokenized.without_tokens, [1]);
    assert_eq!(
        tokenized
            .segments
            .iter()
            .map(|segment| segment.index)
            .collect::<Vec<_>>(),
        [0, 2]
    );
    assert_eq!(
        (
            counts.segments,
            counts.segments_without_tokens,
            counts.segments_dropped
        ),
        (3, 1, 0)
    );
    assert!(counts.any());
}

#[test]
fn a_rating_of_another_aspect_is_no_target() {
    let config = TextConfig {
        aspects: aspects(&["tone", "factuality"]),
        ..TextConfig::default()
    };
    let tokenizer = tiny_tokenizer(config);
    let mut example = example("a", "the moon", &[("the", None), (" moon", Some(0.5))]);
    example.segments[0].ratings.insert("factuality".into(), 0.7);
    let (tokenized, _) = tokenize(&tokenizer, &example);
    assert_eq!(tokenized.segments[0].targets, [None, Some(0.7)]);
    assert_eq!(tokenized.segments[1].targets, [None, None]);
    assert_eq!(
        [tokenized.segments[0].weight, tokenized.segments[1].weight],
        [1.0, 0.0]
    );
}

#[test]
fn targets_are_on_the_scale_of_their_aspect_and_must_be_finite() {
    let mut config = TextConfig::default();
    config.aspects[0].scale = RatingScale::MinMax { min: 1.0, max: 5.0 };
    let (tokenized, _) = tokenize(
        &tiny_tokenizer(config),
        &example("a", "", &[("moon", Some(4.0))]),
    );
    assert_eq!(tokenized.segments[0].targets, [Some(0.75)]);
    let huge = example("a", "", &[("moon", Some(1e300))]);
    let error =
        tiny_tokenizer(TextConfig::default()).tokenize(&huge, &mut TruncationCounts::default());
    assert!(matches!(error, Err(DataError::TargetNotFinite { rating, .. }) if rating == 1e300));
}

#[test]
fn an_example_made_by_hand_is_checked() {
    let overlapping = with_spans("p", "the moon", &[(0, 5), (3, 8)]);
    let error = tiny_tokenizer(TextConfig::default())
        .tokenize(&overlapping, &mut TruncationCounts::default());
    assert!(matches!(error, Err(DataError::Example { .. })));
}

#[test]
fn a_response_without_segments_is_cut_by_the_configured_rule() {
    let mut uncut = example("a", "p", &[]);
    uncut.response = "The moon is far. The moon is!".into();
    let spans = |segmenter| {
        let mut example = uncut.clone();
        let tokenizer = tiny_tokenizer(TextConfig {
            segmenter,
            ..TextConfig::default()
        });
        tokenizer.segment_response(&mut example).unwrap();
        assert_eq!(
            tokenize(&tokenizer, &example).0.segments.len(),
            example.segments.len()
        );
        (0..example.segments.len())
            .map(|k| example.segment_text(k).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        spans(Segmenter::Sentence),
        ["The moon is far.", "The moon is!"]
    );
    assert_eq!(
        spans(Segmenter::Tokens(3)),
        ["The moon is", "far.", "The moon is", "!"]
    );

    let mut cut = example("a", "p", &[("the moon is far. the moon", None)]);
    tiny_tokenizer(TextConfig::default())
        .segment_response(&mut cut)
        .unwrap();
    assert_eq!(cut.segments.len(), 1, "segments that are there stay");
}
