//! What a generated data set looks like.

use std::collections::{BTreeMap, BTreeSet};

use gradus_data::{
    SegmentTokenizer, Segmenter, SplitFractions, TextConfig, TruncationCounts, split_by_prompt,
    word_level_tokenizer,
};

use crate::{examples, ratings};

#[test]
fn examples_are_sound_records_with_ids_in_order() {
    for (index, example) in examples(500, 0).iter().enumerate() {
        assert_eq!(example.id, format!("synthetic-{index}"));
        example.check().unwrap();
        assert!((3..=5).contains(&example.segments.len()));
    }
}

#[test]
fn segments_are_the_sentences_of_the_response() {
    for example in examples(500, 1) {
        let spans: Vec<_> = example
            .segments
            .iter()
            .map(|segment| segment.span)
            .collect();
        let sentences = Segmenter::Sentence.segment(&example.response).unwrap();
        assert_eq!(spans, sentences, "{}", example.response);
        for k in 0..spans.len() {
            assert!(example.segment_text(k).ends_with('.'));
        }
    }
}

#[test]
fn ratings_are_graded_and_spread_around_the_middle() {
    let examples = examples(2000, 2);
    let ratings: Vec<f64> = examples.iter().flat_map(ratings).collect();
    assert!(ratings.iter().all(|rating| (0.0..=1.0).contains(rating)));

    let mut counts = BTreeMap::new();
    for rating in &ratings {
        *counts.entry(format!("{rating:.3}")).or_insert(0) += 1;
    }
    let common = counts.values().filter(|&&count| count * 50 > ratings.len());
    assert!(common.count() >= 5, "levels: {counts:?}");

    let mean = ratings.iter().sum::<f64>() / ratings.len() as f64;
    let variance = ratings
        .iter()
        .map(|rating| (rating - mean).powi(2))
        .sum::<f64>()
        / ratings.len() as f64;
    assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
    assert!(
        (0.35..0.42).contains(&variance.sqrt()),
        "sd {}",
        variance.sqrt()
    );
}

#[test]
fn no_prompt_crosses_a_split() {
    let examples = examples(2000, 3);
    let prompts: Vec<&str> = examples
        .iter()
        .map(|example| example.prompt.as_str())
        .collect();
    let split = split_by_prompt(&prompts, SplitFractions::default(), 0).unwrap();
    let prompts_of = |part: &[usize]| part.iter().map(|&i| prompts[i]).collect::<BTreeSet<_>>();
    let (train, test) = (prompts_of(&split.train), prompts_of(&split.test));
    assert!(!test.is_empty() && train.is_disjoint(&test));
}

#[test]
fn the_vocabulary_is_tiny_and_sequences_are_short() {
    let examples = examples(2000, 4);
    let texts = examples
        .iter()
        .flat_map(|example| [example.prompt.as_str(), &example.response]);
    let tokenizer =
        SegmentTokenizer::new(&word_level_tokenizer(texts).unwrap(), TextConfig::default())
            .unwrap();
    assert!(tokenizer.vocab_size() < 80, "{}", tokenizer.vocab_size());

    let mut counts = TruncationCounts::default();
    let lengths: Vec<usize> = examples
        .iter()
        .map(|example| {
            tokenizer
                .tokenize(example, &mut counts)
                .unwrap()
                .token_ids
                .len()
        })
        .collect();
    let mean = lengths.iter().sum::<usize>() / lengths.len();
    assert!(mean <= 40, "mean length {mean}");
    assert!(
        lengths.iter().all(|&length| length <= 72),
        "{:?}",
        lengths.iter().max()
    );
}
