//! Finds contexts and responses that two splits share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Entry};
use super::finding::{EXAMPLES_LISTED, ExampleRef, Finding, FindingKind, Grade, percent};
use super::totals::{SplitTotals, Text};

/// Maximum share of shared contexts or responses for the milder grade.
const OVERSIGHT: f64 = 0.01;

/// The contexts or the responses that two splits share, after [`fold_text`](gradus_data::fold_text). Responses
/// of fewer than 20 characters may be equal by chance, so they count only if their contexts are equal too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextOverlap {
    /// The earlier split, usually the training split.
    pub earlier: String,
    /// The later split.
    pub later: String,
    /// Number of distinct texts of the later split.
    pub texts: usize,
    /// Texts of these that the earlier split has too.
    pub shared: usize,
    /// Number of examples of the later split with such a text.
    pub examples_with_shared: usize,
    /// Some of the pairs.
    pub pairs: Vec<TextPair>,
}

/// Two examples with the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextPair {
    /// The example of the earlier split.
    pub earlier: ExampleRef,
    /// The example of the later split.
    pub later: ExampleRef,
}

/// The shared contexts of every two splits.
pub(super) fn contexts(corpus: &Corpus, findings: &mut Vec<Finding>) -> Vec<TextOverlap> {
    let overlaps = every_two(corpus, |entry| entry.context);
    report_contexts(&overlaps, &[], findings);
    overlaps
}

/// The same of all records of the splits.
pub(super) fn contexts_of_all(
    totals: &[SplitTotals],
    findings: &mut Vec<Finding>,
) -> Vec<TextOverlap> {
    let (overlaps, examples) = every_two_of_all(totals, Text::Context);
    report_contexts(&overlaps, &examples, findings);
    overlaps
}

/// `examples` of each overlap stand for its pairs, if there are any.
fn report_contexts(
    overlaps: &[TextOverlap],
    examples: &[Vec<ExampleRef>],
    findings: &mut Vec<Finding>,
) {
    for (index, overlap) in shared(overlaps) {
        let message = format!(
            "{} are in {} too: the model is trained on ratings with these contexts",
            of_all(overlap, "contexts"),
            overlap.earlier,
        );
        let grades = [Grade::Warning, Grade::Note];
        let kind = FindingKind::SharedContexts;
        let examples = examples.get(index);
        findings.push(finding(
            kind,
            grades,
            "contexts",
            (overlap, examples),
            message,
        ));
    }
}

fn shared(overlaps: &[TextOverlap]) -> impl Iterator<Item = (usize, &TextOverlap)> {
    let numbered = overlaps.iter().enumerate();
    numbered.filter(|(_, overlap)| overlap.shared > 0)
}

/// The overlaps of every two splits, and examples of each.
fn every_two_of_all(
    totals: &[SplitTotals],
    text: Text,
) -> (Vec<TextOverlap>, Vec<Vec<ExampleRef>>) {
    let pairs = (0..totals.len()).flat_map(|earlier| {
        let later = earlier + 1..totals.len();
        later.map(move |later| (earlier, later))
    });
    pairs
        .map(|(earlier, later)| {
            let found = totals[later].overlap(&totals[..later], earlier, text);
            (found.numbers, found.first)
        })
        .unzip()
}

/// The shared responses of every two splits.
pub(super) fn responses(corpus: &Corpus, findings: &mut Vec<Finding>) -> Vec<TextOverlap> {
    let overlaps = every_two(corpus, |entry| entry.telling_response);
    report_responses(&overlaps, &[], findings);
    overlaps
}

/// The same of all records of the splits.
pub(super) fn responses_of_all(
    totals: &[SplitTotals],
    findings: &mut Vec<Finding>,
) -> Vec<TextOverlap> {
    let (overlaps, examples) = every_two_of_all(totals, Text::Response);
    report_responses(&overlaps, &examples, findings);
    overlaps
}

fn report_responses(
    overlaps: &[TextOverlap],
    examples: &[Vec<ExampleRef>],
    findings: &mut Vec<Finding>,
) {
    for (index, overlap) in shared(overlaps) {
        let message = format!(
            "{} are in {} too, regardless of their prompts: results on the later split will be too good",
            of_all(overlap, "responses"),
            overlap.earlier,
        );
        let grades = [Grade::Problem, Grade::Warning];
        let kind = FindingKind::SharedResponses;
        let examples = examples.get(index);
        findings.push(finding(
            kind,
            grades,
            "responses",
            (overlap, examples),
            message,
        ));
    }
}

/// A phrase such as `12 of 40 responses of test (30 %), with 13 examples,`.
fn of_all(overlap: &TextOverlap, what: &str) -> String {
    format!(
        "{} of {} {what} of {} ({}), with {} examples,",
        overlap.shared,
        overlap.texts,
        overlap.later,
        percent(share(overlap)),
        overlap.examples_with_shared,
    )
}

fn share(overlap: &TextOverlap) -> f64 {
    overlap.shared as f64 / overlap.texts.max(1) as f64
}

/// The finding, with the first of `grades` if more than the maximum share is shared, else the second.
fn finding(
    kind: FindingKind,
    grades: [Grade; 2],
    what: &str,
    (overlap, examples): (&TextOverlap, Option<&Vec<ExampleRef>>),
    message: String,
) -> Finding {
    let [many, few] = grades;
    let grade = if share(overlap) >= OVERSIGHT {
        many
    } else {
        few
    };
    let pairs = overlap.pairs.iter();
    let pairs = pairs.flat_map(|pair| [pair.earlier.clone(), pair.later.clone()]);
    Finding::new(grade, kind, message)
        .number(what, overlap.shared as f64)
        .number("examples", overlap.examples_with_shared as f64)
        .number("share", share(overlap))
        .examples(examples.cloned().unwrap_or_else(|| pairs.collect()))
}

/// The texts, identified by the number that `text` returns, that every two splits share.
fn every_two(corpus: &Corpus, text: impl Fn(&Entry) -> Option<usize>) -> Vec<TextOverlap> {
    // For each text and each split: its first example there, and the number of its examples.
    let mut places: BTreeMap<usize, BTreeMap<usize, (usize, usize)>> = BTreeMap::new();
    for (index, entry) in corpus.entries.iter().enumerate() {
        if let Some(text) = text(entry) {
            let of_text = places.entry(text).or_default();
            of_text.entry(entry.split).or_insert((index, 0)).1 += 1;
        }
    }
    let splits = corpus.splits.len();
    let pairs = (0..splits).flat_map(|earlier| (earlier + 1..splits).map(move |l| (earlier, l)));
    pairs
        .map(|(earlier, later)| overlap(corpus, places.values(), earlier, later))
        .collect()
}

fn overlap<'a>(
    corpus: &Corpus,
    places: impl Iterator<Item = &'a BTreeMap<usize, (usize, usize)>>,
    earlier: usize,
    later: usize,
) -> TextOverlap {
    let mut overlap = TextOverlap {
        earlier: corpus.splits[earlier].name.clone(),
        later: corpus.splits[later].name.clone(),
        texts: 0,
        shared: 0,
        examples_with_shared: 0,
        pairs: Vec::new(),
    };
    for splits in places {
        let Some(&(example, examples)) = splits.get(&later) else {
            continue;
        };
        overlap.texts += 1;
        let Some(&(other, _)) = splits.get(&earlier) else {
            continue;
        };
        overlap.shared += 1;
        overlap.examples_with_shared += examples;
        if overlap.pairs.len() < EXAMPLES_LISTED {
            overlap.pairs.push(TextPair {
                earlier: corpus.reference(other, None),
                later: corpus.reference(example, None),
            });
        }
    }
    overlap
}
