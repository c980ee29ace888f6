//! Finds responses that occur more than once in a split, to the same prompt with the same context.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Rated, midpoint};
use super::finding::{ExampleRef, Finding, FindingKind, Grade, percent};
use super::totals::SplitTotals;

/// Minimum distance of contradictory ratings, relative to the range of the aspect.
const CONTRADICTION: f64 = 0.5;
/// Minimum share of repeated examples for a note.
const WORTH_A_NOTE: f64 = 0.01;

/// Responses that a split has more than once: same prompt, same context and same response, after
/// [`fold_text`](gradus_data::fold_text). Beside another context, the same response may well deserve another rating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RepeatedResponses {
    /// The split.
    pub split: String,
    /// Number of examples with the prompt, context and response of an earlier one.
    pub repeats: usize,
    /// Number of pairs of span and aspect that such examples rate more than once.
    pub rated_again: usize,
    /// Number of these with ratings at least half of the aspect's range apart.
    pub contradictions: usize,
    /// Some of the examples with contradictions.
    pub examples: Vec<ExampleRef>,
}

/// The repeats of every split: with `totals` their number is that of all records, and contradictions are those in the
/// samples.
pub(super) fn responses(
    corpus: &Corpus,
    totals: Option<&[SplitTotals]>,
    findings: &mut Vec<Finding>,
) -> Vec<RepeatedResponses> {
    let ranges: HashMap<&str, f64> = corpus
        .aspects()
        .iter()
        .map(|aspect| (*aspect, range(&corpus.rated(aspect))))
        .collect();
    (0..corpus.splits.len())
        .map(|split| {
            let mut repeated = of_split(corpus, split, &ranges);
            let mut examples = corpus.splits[split].examples.len();
            if let Some(all) = totals.and_then(|totals| totals.get(split)) {
                (repeated.repeats, examples) = (all.repeats(), all.records());
            }
            report(&repeated, examples, findings);
            repeated
        })
        .collect()
}

fn range(rated: &[Rated]) -> f64 {
    let Some(middle) = midpoint(rated) else {
        return 0.0;
    };
    let furthest = rated.iter().map(|rated| (rated.rating - middle).abs());
    2.0 * furthest.fold(0.0, f64::max)
}

fn of_split(corpus: &Corpus, split: usize, ranges: &HashMap<&str, f64>) -> RepeatedResponses {
    let mut groups: HashMap<(usize, Option<usize>, usize), Vec<usize>> = HashMap::new();
    let entries = corpus.entries.iter().enumerate();
    for (index, entry) in entries.filter(|(_, entry)| entry.split == split) {
        let key = (entry.prompt, entry.context, entry.response);
        groups.entry(key).or_default().push(index);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().filter(|g| g.len() > 1).collect();
    groups.sort_unstable();
    let mut repeated = RepeatedResponses {
        split: corpus.splits[split].name.clone(),
        repeats: 0,
        rated_again: 0,
        contradictions: 0,
        examples: Vec::new(),
    };
    for group in groups {
        repeated.repeats += group.len() - 1;
        let before = repeated.contradictions;
        for (aspect, ratings) in rated_again(corpus, &group) {
            // Of very many aspects, some are not looked at.
            let Some(range) = ranges.get(aspect) else {
                continue;
            };
            let spread = ratings.iter().copied().fold(f64::MIN, f64::max)
                - ratings.iter().copied().fold(f64::MAX, f64::min);
            repeated.rated_again += 1;
            let contradiction = spread > 0.0 && spread >= CONTRADICTION * range;
            repeated.contradictions += usize::from(contradiction);
        }
        if repeated.contradictions > before {
            let names = group.iter().map(|&entry| corpus.reference(entry, None));
            repeated.examples.extend(names);
        }
    }
    repeated.examples.truncate(super::finding::EXAMPLES_LISTED);
    repeated
}

/// The ratings of each span and aspect that several examples of `group` rate.
fn rated_again<'a>(corpus: &Corpus<'a>, group: &[usize]) -> Vec<(&'a str, Vec<f64>)> {
    let mut ratings: BTreeMap<(usize, usize, &str), Vec<f64>> = BTreeMap::new();
    for &entry in group {
        for segment in &corpus.entries[entry].example.segments {
            for (aspect, &rating) in &segment.ratings {
                let key = (segment.span.start, segment.span.end, aspect.as_str());
                ratings.entry(key).or_default().push(rating);
            }
        }
    }
    ratings
        .into_iter()
        .filter(|(_, ratings)| ratings.len() > 1)
        .map(|((_, _, aspect), ratings)| (aspect, ratings))
        .collect()
}

fn report(repeated: &RepeatedResponses, examples: usize, findings: &mut Vec<Finding>) {
    let RepeatedResponses {
        split,
        repeats,
        rated_again,
        contradictions,
        ..
    } = repeated;
    let share = *repeats as f64 / examples as f64;
    if *contradictions > 0 {
        let message = format!(
            "{split}: {contradictions} of {rated_again} segments that are rated more than once (same \
             prompt, context, response and span) have ratings half of the range apart, or more"
        );
        findings.push(
            Finding::new(Grade::Warning, FindingKind::ContradictoryRepeats, message)
                .number("contradictions", *contradictions as f64)
                .number("rated_again", *rated_again as f64)
                .examples(repeated.examples.clone()),
        );
    } else if share >= WORTH_A_NOTE {
        let message = format!(
            "{split}: {repeats} of {examples} examples ({}) repeat the prompt, the context and \
             the response of another",
            percent(share)
        );
        findings.push(
            Finding::new(Grade::Note, FindingKind::Repeats, message)
                .number("repeats", *repeats as f64)
                .number("share", share),
        );
    }
}
