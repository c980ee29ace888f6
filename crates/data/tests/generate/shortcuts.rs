//! What can be told about ratings without reading prompt and response together.

use std::collections::{BTreeMap, BTreeSet};

use gradus_data::{Example, Segment};

use crate::ridge::{held_out_pearson, pearson};
use crate::{examples, ratings};

/// What a feature set may tell on held-out prompts: a correlation of about three standard errors,
/// which within one task is wider.
const LIMIT: f64 = 0.05;
const LIMIT_WITHIN_TASK: f64 = 0.1;

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// How often a text has each word of a vocabulary, and whether it has it at all.
struct Bag(BTreeMap<String, usize>);

impl Bag {
    fn new(examples: &[Example]) -> Self {
        let texts = examples
            .iter()
            .flat_map(|example| [&example.prompt, &example.response]);
        let vocabulary: BTreeSet<String> = texts.flat_map(|text| words(text)).collect();
        Self(
            vocabulary
                .into_iter()
                .enumerate()
                .map(|(index, word)| (word, index))
                .collect(),
        )
    }

    fn features(&self, text: &str) -> Vec<f64> {
        let mut counts = vec![0.0; self.0.len()];
        words(text).for_each(|word| counts[self.0[&word]] += 1.0);
        let present: Vec<f64> = counts.iter().map(|count| f64::min(*count, 1.0)).collect();
        [counts, present].concat()
    }
}

fn one_hot(value: usize, size: usize) -> Vec<f64> {
    (0..size)
        .map(|index| f64::from(u8::from(index == value)))
        .collect()
}

/// Where the segment stands: from the start, from the end, among how many.
fn position(example: &Example, k: usize) -> Vec<f64> {
    let count = example.segments.len();
    [one_hot(k, 5), one_hot(count - 1 - k, 5), one_hot(count, 6)].concat()
}

fn length(example: &Example, k: usize) -> Vec<f64> {
    let text = example.segment_text(k);
    let sizes = [text, &example.response, &example.prompt].map(|text| text.chars().count() as f64);
    [one_hot(words(text).count(), 16), sizes.to_vec()].concat()
}

/// Held-out Pearson of what `features` tells of segment `k`.
fn told_by(examples: &[Example], features: impl Fn(&Example, usize) -> Vec<f64>) -> f64 {
    let features = &features;
    let rows: Vec<(Vec<f64>, f64)> = examples
        .iter()
        .flat_map(|example| {
            ratings(example)
                .enumerate()
                .map(move |(k, rating)| (features(example, k), rating))
        })
        .collect();
    held_out_pearson(&rows)
}

/// Every feature set by name, with what it tells.
fn all_told(examples: &[Example]) -> Vec<(&'static str, f64)> {
    let bag = Bag::new(examples);
    vec![
        ("position", told_by(examples, position)),
        ("length", told_by(examples, length)),
        (
            "words of the segment",
            told_by(examples, |example, k| bag.features(example.segment_text(k))),
        ),
        (
            "words of the response",
            told_by(examples, |example, _| bag.features(&example.response)),
        ),
        (
            "words of the prompt",
            told_by(examples, |example, _| bag.features(&example.prompt)),
        ),
        (
            "all of them",
            told_by(examples, |example, k| {
                [
                    position(example, k),
                    length(example, k),
                    bag.features(example.segment_text(k)),
                    bag.features(&example.response),
                    bag.features(&example.prompt),
                ]
                .concat()
            }),
        ),
    ]
}

#[test]
fn position_length_and_words_tell_nothing() {
    for (name, told) in all_told(&examples(6000, 6)) {
        println!("{name}: {told:.3}");
        assert!(told.abs() < LIMIT, "{name}: {told}");
    }
}

#[test]
fn position_length_and_words_tell_nothing_within_a_task() {
    let examples = examples(8000, 7);
    for task in gradus_data::GeneratorTask::ALL {
        let of_task = examples
            .iter()
            .filter(|example| example.meta["task"] == task.name());
        let of_task: Vec<Example> = of_task.cloned().collect();
        for (name, told) in all_told(&of_task) {
            println!("{}, {name}: {told:.3}", task.name());
            assert!(
                told.abs() < LIMIT_WITHIN_TASK,
                "{}, {name}: {told}",
                task.name()
            );
        }
    }
}

#[test]
fn finding_the_claims_in_the_prompt_helps_but_does_not_suffice() {
    let (mut shares, mut targets) = (Vec::new(), Vec::new());
    for example in &examples(6000, 8) {
        let prompt: BTreeSet<String> = words(&example.prompt).collect();
        let claims = example.meta["claims"].as_array().unwrap();
        for (claims, rating) in claims.iter().zip(ratings(example)) {
            let claims = claims.as_array().unwrap();
            let found = claims
                .iter()
                .filter(|claim| prompt.contains(claim["said"].as_str().unwrap()));
            shares.push(found.count() as f64 / claims.len() as f64);
            targets.push(rating);
        }
    }
    let told = pearson(&shares, &targets);
    println!("claims found in the prompt: {told:.3}");
    assert!(told < 0.5, "{told}");
}

/// The texts of segments in another order, with their ratings.
fn rearranged(example: &Example, order: &[usize]) -> Example {
    let mut rearranged = Example {
        response: String::new(),
        segments: Vec::new(),
        ..example.clone()
    };
    for &k in order {
        let start = rearranged.response.chars().count();
        rearranged.response += example.segment_text(k);
        let end = rearranged.response.chars().count();
        let mut span = example.segments[k].span;
        (span.start, span.end) = (start, end);
        rearranged.segments.push(Segment {
            span,
            ..example.segments[k].clone()
        });
        rearranged.response += " ";
    }
    rearranged
}

#[test]
fn shortcuts_that_are_put_in_are_found() {
    let honest = examples(3000, 9);
    let wrong_last: Vec<Example> = honest
        .iter()
        .map(|example| {
            let ratings: Vec<f64> = ratings(example).collect();
            let mut order: Vec<usize> = (0..ratings.len()).collect();
            order.sort_by(|&a, &b| ratings[b].total_cmp(&ratings[a]));
            rearranged(example, &order)
        })
        .collect();
    assert!(told_by(&wrong_last, position) > 0.5);

    // Wrong segments lose their opening word.
    let mut terse = honest;
    for example in &mut terse {
        let ratings: Vec<f64> = ratings(example).collect();
        for (segment, rating) in example.segments.iter_mut().zip(ratings) {
            if rating < 0.5 {
                segment.span.start += 5;
            }
        }
    }
    assert!(told_by(&terse, length) > 0.2);
    let bag = |examples: &[Example]| {
        let bag = Bag::new(&honest_words(examples));
        told_by(examples, |example, k| bag.features(example.segment_text(k)))
    };
    assert!(bag(&terse) > 0.2);
}

/// Examples whose words include the torn ones that moved spans leave.
fn honest_words(examples: &[Example]) -> Vec<Example> {
    let torn = examples.iter().flat_map(|example| {
        (0..example.segments.len()).map(|k| Example {
            response: example.segment_text(k).to_owned(),
            ..Example::default()
        })
    });
    examples.iter().cloned().chain(torn).collect()
}
