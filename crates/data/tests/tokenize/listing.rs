//! What the model reads does not depend on which segments are listed or rated.

use std::collections::BTreeMap;

use gradus_data::{
    CutSegments, Example, Location, Segment, SegmentTokenizer, TextConfig, TokenSpan,
    TokenizedExample, TruncationCounts, parse_example,
};
use proptest::prelude::*;

use crate::support::{example, tokenizer_json};
use crate::{FAMILIES, tokenize};

fn tokenizer(family: &str, max_length: usize, cut_segments: CutSegments) -> SegmentTokenizer {
    let config = TextConfig {
        max_length,
        cut_segments,
        ..TextConfig::default()
    };
    SegmentTokenizer::new(&tokenizer_json(family), config).unwrap()
}

/// Where a segment is found: the tokens it is read among, and which of them it is.
type Reading = (Vec<u32>, Vec<u32>, TokenSpan, bool);

/// The reading of every segment that has one, by its span.
fn readings(
    example: &Example,
    tokenized: &[TokenizedExample],
) -> BTreeMap<(usize, usize), Reading> {
    let mut readings = BTreeMap::new();
    for sequence in tokenized {
        for segment in &sequence.segments {
            let span = example.segments[segment.index].span;
            let (ids, types) = (sequence.token_ids.clone(), sequence.type_ids.clone());
            let reading = (ids, types, segment.tokens, segment.cut);
            let twice = readings.insert((span.start, span.end), reading);
            assert!(twice.is_none(), "a segment is in one window");
        }
    }
    readings
}

/// The example with some of its segments, some of these rated, and some cut in two.
fn relisted(whole: &Example, choices: &[(bool, bool, bool)]) -> Example {
    let mut example = whole.clone();
    example.segments.clear();
    for (segment, &(listed, rated, split)) in whole.segments.iter().zip(choices) {
        let (mut first, mut second) = (segment.clone(), segment.clone());
        let middle = segment.span.start.midpoint(segment.span.end);
        let splits = split && middle > segment.span.start;
        if splits {
            (first.span.end, second.span.start) = (middle, middle);
        }
        let pieces = [Some(first), splits.then_some(second)];
        for mut piece in pieces.into_iter().flatten().filter(|_| listed) {
            if rated {
                piece.ratings.insert("rating".into(), 0.5);
            }
            example.segments.push(piece);
        }
    }
    example
}

/// Tokenizes without a rating where that has no token, which is refused.
fn tokenize_all(
    tokenizer: &SegmentTokenizer,
    example: &Example,
    stride: Option<usize>,
) -> Vec<TokenizedExample> {
    let mut counts = TruncationCounts::default();
    let tokenize = |example: &Example, counts: &mut TruncationCounts| match stride {
        Some(stride) => tokenizer.tokenize_windows(example, stride, counts),
        None => tokenizer
            .tokenize(example, counts)
            .map(|tokenized| vec![tokenized]),
    };
    tokenize(example, &mut counts).unwrap_or_else(|_| {
        let mut bare = example.clone();
        bare.segments.iter_mut().for_each(|s| s.ratings.clear());
        tokenize(&bare, &mut counts).unwrap()
    })
}

#[test]
fn a_long_response_reads_the_same_with_all_segments_one_or_none() {
    let texts: Vec<String> = (0..30)
        .map(|k| format!(" Step {k}: add {k} apples."))
        .collect();
    let segments: Vec<_> = texts
        .iter()
        .map(|text| (text.as_str(), Some(0.5)))
        .collect();
    let all = example("a", "How many apples are there?", &segments);
    for family in FAMILIES.iter() {
        let tokenizer = tokenizer(family, 64, CutSegments::Drop);
        let expected = tokenize(&tokenizer, &all).0;
        assert_eq!(expected.num_tokens(), 64, "{family}: no room is left empty");
        let mut first = all.clone();
        first.segments.truncate(1);
        let mut unrated = all.clone();
        unrated.segments[3..]
            .iter_mut()
            .for_each(|s| s.ratings.clear());
        let mut none = all.clone();
        none.segments.clear();
        for other in [first, unrated, none] {
            let found = tokenize(&tokenizer, &other).0;
            assert_eq!(found.token_ids, expected.token_ids, "{family}");
            assert_eq!(found.response, expected.response);
            assert_eq!(found.dropped_tokens, expected.dropped_tokens);
        }
    }
}

#[test]
fn so_does_every_shape_of_record_with_other_ratings() {
    let steps: Vec<String> = (0..20).map(|k| format!("\"Step {k} adds {k}.\"")).collect();
    let steps = steps.join(",");
    let ratings = |rated: usize| -> String {
        let rating = |k: usize| if k < rated { "1" } else { "null" };
        (0..20).map(rating).collect::<Vec<_>>().join(",")
    };
    for shape in [
        r#"{"prompt":"Add.","segments":[STEPS],"ratings":[RATINGS]}"#,
        r#"{"prompt":"Add.","completions":[STEPS],"labels":[RATINGS]}"#,
        r#"{"prompt":"Add.","segments":[STEPS],"ratings":{"rating":[RATINGS]}}"#,
    ] {
        let tokenizer = tokenizer("bert", 48, CutSegments::Drop);
        let read = |rated: usize| {
            let line = shape
                .replace("STEPS", &steps)
                .replace("RATINGS", &ratings(rated));
            let example = parse_example(&line, &Location::new("a.jsonl", 1)).unwrap();
            tokenize(&tokenizer, &example).0.token_ids
        };
        assert_eq!(read(20).len(), 48);
        assert_eq!(read(3), read(20), "{shape}");
        assert_eq!(read(0), read(20), "{shape}");
    }
}

proptest! {
    #[test]
    fn what_is_read_and_where_a_segment_is_found_depend_on_no_other_segment(
        prompt in "[a-z ]{0,60}",
        context in proptest::option::of("[a-z ]{0,60}"),
        pieces in prop::collection::vec("[a-z .é数🙂\n]{1,40}", 1..8),
        choices in prop::collection::vec(any::<(bool, bool, bool)>(), 8),
        max_length in 8_usize..60,
        stride in proptest::option::of(1_usize..40),
        score_cut in any::<bool>(),
        family in prop::sample::select(FAMILIES.clone()),
    ) {
        let pieces: Vec<_> = pieces.iter().map(|piece| (piece.as_str(), None)).collect();
        let mut all = example("a", &prompt, &pieces);
        all.context = context;
        let policy = if score_cut { CutSegments::Score } else { CutSegments::Drop };
        let tokenizer = tokenizer(&family, max_length, policy);
        let some = relisted(&all, &choices);
        let [expected, found] = [&all, &some].map(|example| tokenize_all(&tokenizer, example, stride));
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert_eq!(&found.token_ids, &expected.token_ids);
            prop_assert_eq!(&found.type_ids, &expected.type_ids);
            prop_assert_eq!(found.response, expected.response);
            prop_assert_eq!(found.dropped_tokens, expected.dropped_tokens);
            prop_assert_eq!(found.is_window, expected.is_window);
        }
        let [expected, found] = [(&all, &expected), (&some, &found)].map(|(e, r)| readings(e, r));
        let listed: Vec<&Segment> = some.segments.iter().collect();
        for segment in &all.segments {
            let span = (segment.span.start, segment.span.end);
            if listed.iter().any(|other| other.span == segment.span) {
                prop_assert_eq!(found.get(&span), expected.get(&span));
            }
        }
    }
}
