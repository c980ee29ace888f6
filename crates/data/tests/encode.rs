//! Text to tokens: against reference values, against the tokenizer library itself, and the promises of truncation.

mod support;

use std::path::Path;

use gradus_data::{
    CharSpan, DataError, Example, RatingScale, Segment, Segmenter, TextConfig, TextEncoder,
    TokenSource, TokenView, TruncationCounts, TruncationPolicy,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{aspects, example, golden_json, numbers, pairs, tiny_encoder, tokenizer_json};
use tokenizers::Tokenizer;

const FAMILIES: [&str; 6] = [
    "bert",
    "roberta",
    "xlm-roberta",
    "modernbert",
    "qwen2",
    "llama",
];

fn encode(
    encoder: &TextEncoder,
    example: &Example,
) -> (gradus_data::EncodedExample, TruncationCounts) {
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

fn offsets(views: &[TokenView]) -> Vec<(usize, usize)> {
    views
        .iter()
        .map(|view| (view.chars.start, view.chars.end))
        .collect()
}

#[test]
fn ids_types_offsets_and_origin_are_those_of_the_reference() {
    for family in FAMILIES {
        let encoder = TextEncoder::new(&tokenizer_json(family), TextConfig::default()).unwrap();
        let reference = golden_json(&format!("tiny-{family}/reference.json"));
        for row in reference["rows"].as_array().unwrap() {
            let text = |key: &str| row[key].as_str().unwrap();
            let example = with_spans(text("prompt"), text("response"), &pairs(&row["char_spans"]));
            let (encoded, counts) = encode(&encoder, &example);
            assert_eq!(encoded.token_ids, numbers(&row["input_ids"]), "{family}");
            assert_eq!(encoded.type_ids, numbers(&row["type_ids"]), "{family}");
            assert_eq!((counts.examples, counts.any()), (1, false));

            let views = encoder.inspect(&example).unwrap();
            assert_eq!(offsets(&views), pairs(&row["offsets"]), "{family}");
            let in_response: Vec<bool> = views
                .iter()
                .map(|view| view.source == TokenSource::Response)
                .collect();
            assert_eq!(json!(in_response), row["in_response"], "{family}");
            assert_spans_hold_the_tokens_of_their_text(&example, &encoded, &views);
        }
    }
}

/// In these rows the segments hold the whole response, and no token reaches over a border.
fn assert_spans_hold_the_tokens_of_their_text(
    example: &Example,
    encoded: &gradus_data::EncodedExample,
    views: &[TokenView],
) {
    let response = views
        .iter()
        .position(|view| view.source == TokenSource::Response)
        .unwrap();
    let mut next = response;
    for (segment, rated) in encoded.segments.iter().zip(&example.segments) {
        assert_eq!(segment.tokens.start, next);
        for view in &views[segment.tokens.start..segment.tokens.end] {
            assert_eq!(view.segment, Some(segment.index));
            assert!(rated.span.start <= view.chars.start && view.chars.end <= rated.span.end);
        }
        next = segment.tokens.end;
    }
    assert_eq!(encoded.segments.len(), example.segments.len());
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
    let encoder = TextEncoder::from_file(&path, config).unwrap();
    assert_eq!(
        (
            encoder.pad_id(),
            encoder.vocab_size(),
            encoder.special_tokens()
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
        let (encoded, _) = encode(&encoder, &example);
        assert_eq!(encoded.token_ids, numbers(&record["input_ids"]));
        assert_eq!(encoded.type_ids, numbers(&record["token_type_ids"]));
        let found: Vec<_> = encoded
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
    fn a_pair_is_encoded_as_the_tokenizer_library_encodes_it(
        prompt in "[a-zA-Z ?.,é数🙂\n]{0,40}",
        response in prop_oneof!["[a-zA-Z ?.,é数🙂\n]{1,60}", any::<String>().prop_filter("empty", |text| !text.is_empty())],
    ) {
        let example = with_spans(&prompt, &response, &[]);
        for json in tokenizers() {
            let expected = Tokenizer::from_bytes(&json).unwrap()
                .encode_char_offsets((prompt.as_str(), response.as_str()), true).unwrap();
            let encoder = TextEncoder::new(&json, TextConfig::default()).unwrap();
            let (encoded, _) = encode(&encoder, &example);
            prop_assert_eq!(&encoded.token_ids, expected.get_ids());
            prop_assert_eq!(&encoded.type_ids, expected.get_type_ids());
            let views = encoder.inspect(&example).unwrap();
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

#[test]
fn truncation_and_padding_of_the_file_are_switched_off() {
    let mut json: Value = serde_json::from_slice(&tokenizer_json("bert")).unwrap();
    json["truncation"] =
        json!({"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0});
    json["padding"] = json!({"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 4, "pad_type_id": 0, "pad_token": "[MASK]"});
    let bytes = serde_json::to_vec(&json).unwrap();
    let shipped = TextEncoder::new(&bytes, TextConfig::default()).unwrap();
    let plain = tiny_encoder(TextConfig::default());
    let example = example(
        "a",
        "How far is the moon?",
        &[("It is far.", Some(0.5)), (" Very far.", None)],
    );
    assert_eq!(encode(&shipped, &example), encode(&plain, &example));
    assert_eq!((shipped.pad_id(), plain.pad_id()), (4, 0));
    assert_eq!(
        shipped.tokenizer_json(),
        bytes,
        "the bundle gets the file as it was"
    );
}

#[test]
fn padding_can_be_named_and_must_be_in_the_vocabulary() {
    let json = tokenizer_json("bert");
    let pad = |token| {
        TextEncoder::with_pad_token(&json, TextConfig::default(), token)
            .map(|encoder| encoder.pad_id())
    };
    assert_eq!(pad("[SEP]").unwrap(), 3);
    assert!(
        matches!(pad("<none>"), Err(DataError::PadTokenUnknown { token }) if token == "<none>")
    );
    let of = |family| {
        TextEncoder::new(&tokenizer_json(family), TextConfig::default())
            .unwrap()
            .pad_id()
    };
    assert_eq!((of("roberta"), of("llama"), of("qwen2")), (1, 2, 0));
}

#[test]
fn context_follows_the_prompt_behind_a_line_break() {
    let mut with_context = example("a", "the moon", &[("It is far.", None)]);
    with_context.context = Some("the Earth".into());
    let encoder = tiny_encoder(TextConfig::default());
    let views = encoder.inspect(&with_context).unwrap();
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
        encode(&encoder, &with_context).0,
        encode(&encoder, &joined).0
    );

    let without = tiny_encoder(TextConfig {
        use_context: false,
        ..TextConfig::default()
    });
    with_context.id = joined.id.clone();
    joined.prompt = "the moon".into();
    assert_eq!(
        encode(&without, &with_context).0,
        encode(&encoder, &joined).0
    );
}

#[test]
fn a_rated_segment_without_a_token_is_refused_and_an_unrated_one_counted() {
    let encoder = tiny_encoder(TextConfig::default());
    let mut counts = TruncationCounts::default();
    let rated = example(
        "x7",
        "the moon",
        &[("the", Some(1.0)), (" \n", Some(0.5)), ("moon", None)],
    );
    let error = encoder.encode(&rated, &mut counts).unwrap_err();
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
        encoder.encode(&inside, &mut counts),
        Err(DataError::SegmentWithoutToken { segment: 1, .. })
    ));

    let unrated = example(
        "x9",
        "the moon",
        &[("the", Some(1.0)), (" \n", None), ("moon", None)],
    );
    let (encoded, counts) = encode(&encoder, &unrated);
    assert_eq!(encoded.without_tokens, [1]);
    assert_eq!(
        encoded
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
    let encoder = tiny_encoder(config);
    let mut example = example("a", "the moon", &[("the", None), (" moon", Some(0.5))]);
    example.segments[0].ratings.insert("factuality".into(), 0.7);
    let (encoded, _) = encode(&encoder, &example);
    assert_eq!(encoded.segments[0].targets, [None, Some(0.7)]);
    assert_eq!(encoded.segments[1].targets, [None, None]);
    assert_eq!(
        [encoded.segments[0].weight, encoded.segments[1].weight],
        [1.0, 0.0]
    );
}

#[test]
fn targets_are_on_the_scale_of_their_aspect_and_must_be_finite() {
    let mut config = TextConfig::default();
    config.aspects[0].scale = RatingScale::MinMax { min: 1.0, max: 5.0 };
    let (encoded, _) = encode(
        &tiny_encoder(config),
        &example("a", "", &[("moon", Some(4.0))]),
    );
    assert_eq!(encoded.segments[0].targets, [Some(0.75)]);
    let huge = example("a", "", &[("moon", Some(1e300))]);
    let error = tiny_encoder(TextConfig::default()).encode(&huge, &mut TruncationCounts::default());
    assert!(matches!(error, Err(DataError::TargetNotFinite { rating, .. }) if rating == 1e300));
}

#[test]
fn what_does_not_fit_is_shortened_and_counted() {
    let config = TextConfig {
        max_length: 11,
        ..TextConfig::default()
    }; // room for 8
    let encoder = tiny_encoder(config);
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
    let (encoded, counts) = encode(&encoder, &long);
    assert_eq!(encoded.num_tokens(), 11);
    assert!(encoded.dropped.is_empty());
    let views = encoder.inspect(&long).unwrap();
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
    let (encoded, counts) = encode(&encoder, &long);
    assert_eq!(encoded.dropped, [3]);
    assert_eq!(encoded.segments.len(), 3);
    assert_eq!(
        counts.to_string(),
        "shortened 1 of 1 example: context of 1 (-5 tokens), prompt of 1 (-1 token), response of 1 (-3 tokens); \
         1 of 4 segments dropped (1 rated) in 1 example"
    );
}

#[test]
fn an_example_that_loses_all_segments_is_still_encoded() {
    let config = TextConfig {
        max_length: 9,
        ..TextConfig::default()
    };
    let long = example(
        "a",
        "the moon",
        &[("the moon is the moon is the moon is", Some(0.1))],
    );
    let (encoded, counts) = encode(&tiny_encoder(config), &long);
    assert_eq!(
        (encoded.segments.len(), encoded.dropped.as_slice()),
        (0, [0].as_slice())
    );
    assert_eq!(
        encoded.token_ids.len(),
        5,
        "the prompt and three special tokens"
    );
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
    let encoder = tiny_encoder(config);
    let mut counts = TruncationCounts::default();
    let fits = example("short", "the moon", &[("the moon is the", Some(0.1))]);
    assert_eq!(encoder.encode(&fits, &mut counts).unwrap().num_tokens(), 9);
    let long = example("long", "the moon", &[("the moon is the moon", Some(0.1))]);
    let error = encoder.encode(&long, &mut counts).unwrap_err();
    assert_eq!(
        error.to_string(),
        "example `long`: found 10 tokens, expected at most max_length = 9"
    );
    assert_eq!(counts.examples, 1);
}

#[test]
fn a_max_length_without_room_for_text_is_refused() {
    let new = |max_length| {
        TextEncoder::new(
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
    let error = TextEncoder::new(b"{\"model\": 3}", TextConfig::default())
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("tokenizer: cannot be used as a tokenizer.json: "),
        "{error}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = TextEncoder::from_file(file.path(), TextConfig::default())
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with(file.path().to_str().unwrap()),
        "{error}"
    );
    let error = TextEncoder::from_file(Path::new("no/tokenizer.json"), TextConfig::default())
        .err()
        .unwrap();
    assert!(error.to_string().contains("no/tokenizer.json"), "{error}");
}

#[test]
fn an_example_made_by_hand_is_checked() {
    let overlapping = with_spans("p", "the moon", &[(0, 5), (3, 8)]);
    let error =
        tiny_encoder(TextConfig::default()).encode(&overlapping, &mut TruncationCounts::default());
    assert!(matches!(error, Err(DataError::Example { .. })));
}

#[test]
fn a_response_without_segments_is_cut_by_the_configured_rule() {
    let mut uncut = example("a", "p", &[]);
    uncut.response = "The moon is far. The moon is!".into();
    let spans = |segmenter| {
        let mut example = uncut.clone();
        let encoder = tiny_encoder(TextConfig {
            segmenter,
            ..TextConfig::default()
        });
        encoder.segment_response(&mut example).unwrap();
        assert_eq!(
            encode(&encoder, &example).0.segments.len(),
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
    tiny_encoder(TextConfig::default())
        .segment_response(&mut cut)
        .unwrap();
    assert_eq!(cut.segments.len(), 1, "segments that are there stay");
}

proptest! {
    #[test]
    fn every_segment_is_kept_dropped_or_without_tokens(
        prompt in "[a-z ]{0,40}",
        context in proptest::option::of("[a-z ]{0,40}"),
        pieces in prop::collection::vec(("[a-z .é数🙂\n]{1,30}", any::<bool>()), 0..8),
        max_length in 8_usize..60,
        family in prop::sample::select(FAMILIES.to_vec()),
    ) {
        let unrated: Vec<_> = pieces.iter().map(|(piece, _)| (piece.as_str(), None)).collect();
        let mut example = example("a", &prompt, &unrated);
        example.context = context;
        prop_assume!(!example.response.is_empty());
        let json = tokenizer_json(family);
        let whole = TextEncoder::new(&json, TextConfig { max_length: 10_000, ..TextConfig::default() }).unwrap();
        let (full, _) = encode(&whole, &example);
        for (index, (_, rated)) in pieces.iter().enumerate() {
            if *rated && !full.without_tokens.contains(&index) {
                example.segments[index].ratings.insert("rating".into(), 0.7);
            }
        }
        let encoder = TextEncoder::new(&json, TextConfig { max_length, ..TextConfig::default() }).unwrap();
        let (encoded, counts) = encode(&encoder, &example);

        let mut seen: Vec<usize> = encoded.segments.iter().map(|segment| segment.index).collect();
        seen.extend(encoded.dropped.iter().chain(&encoded.without_tokens));
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..pieces.len()).collect::<Vec<_>>());
        prop_assert_eq!(counts.segments, pieces.len());
        prop_assert_eq!(counts.segments_dropped, encoded.dropped.len());
        prop_assert_eq!(counts.segments_without_tokens, encoded.without_tokens.len());
        let rated_dropped = encoded.dropped.iter().filter(|&&index| !example.segments[index].ratings.is_empty());
        prop_assert_eq!(counts.rated_segments_dropped, rated_dropped.count());

        prop_assert!(encoded.num_tokens() <= max_length);
        let lost = counts.context_tokens_dropped + counts.prompt_tokens_dropped + counts.response_tokens_dropped;
        prop_assert_eq!(encoded.num_tokens() + lost, full.num_tokens());
        // What is kept reads the same tokens as without truncation.
        for segment in &encoded.segments {
            let untruncated = full.segments.iter().find(|other| other.index == segment.index).unwrap();
            prop_assert_eq!(
                &encoded.token_ids[segment.tokens.start..segment.tokens.end],
                &full.token_ids[untruncated.tokens.start..untruncated.tokens.end]
            );
            prop_assert_eq!(segment.weight > 0.0, segment.targets[0].is_some());
        }
    }
}
