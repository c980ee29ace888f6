//! Finds prompts that two splits share.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::finding::{EXAMPLES_LISTED, ExampleRef, Finding, FindingKind, Grade, percent};
use super::shingles::Sketch;
use super::totals::{SplitTotals, Text};

/// Minimum similarity of two nearly equal prompts.
const NEARLY: f64 = 0.8;
/// Maximum share of shared prompts for a warning; more is a problem.
const OVERSIGHT: f64 = 0.01;
/// Maximum share of nearly shared prompts for a note; more is a warning. In a set of exercises, some prompts
/// differ only by a number.
const NEAR_SHARE: f64 = 0.05;
/// Maximum number of prompts of a split, the nearest in order, with which a prompt is compared in a band. It keeps
/// the time linear if all prompts share a template.
const COMPARED: usize = 10;

/// The prompts that two splits share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptOverlap {
    /// The earlier split, usually the training split.
    pub earlier: String,
    /// The later split.
    pub later: String,
    /// Number of distinct prompts of the later split.
    pub prompts: usize,
    /// Prompts of these that the earlier split has too, after [`fold_text`](gradus_data::fold_text).
    pub exact: usize,
    /// Number of examples of the later split with such a prompt.
    pub examples_with_exact: usize,
    /// Other prompts of the later split with a similar prompt in the earlier one: a Jaccard similarity of at least
    /// 0.8 over runs of three tokens.
    pub near: usize,
    /// Some of the pairs, most similar first.
    pub pairs: Vec<PromptPair>,
}

/// Two examples with the same or nearly the same prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptPair {
    /// The example of the earlier split.
    pub earlier: ExampleRef,
    /// The example of the later split.
    pub later: ExampleRef,
    /// Similarity from 0 to 1; 1 for the same prompt.
    pub similarity: f64,
}

/// The shared prompts of every two splits.
pub(super) fn overlaps(
    corpus: &Corpus,
    seed: u64,
    findings: &mut Vec<Finding>,
) -> Vec<PromptOverlap> {
    let splits = corpus.splits.len();
    if splits < 2 {
        return Vec::new();
    }
    let places = Places::of(corpus);
    let near = near_prompts(corpus, &places, seed);
    every_two(corpus, &places, &near, findings)
}

/// The same without nearly equal prompts, which take longer to find.
pub(super) fn same(corpus: &Corpus, findings: &mut Vec<Finding>) {
    every_two(corpus, &Places::of(corpus), &Near::new(), findings);
}

/// The same of all records of the splits; nearly equal prompts are looked for in the samples.
pub(super) fn overlaps_of_all(
    corpus: &Corpus,
    totals: &[SplitTotals],
    seed: u64,
    findings: &mut Vec<Finding>,
) -> Vec<PromptOverlap> {
    let mut of_samples = Vec::new();
    let mut found = overlaps(corpus, seed, &mut of_samples);
    let mut pairs = found.iter_mut();
    for earlier in 0..totals.len() {
        for (later, split) in totals.iter().enumerate().skip(earlier + 1) {
            let all = split.overlap(&totals[..later], earlier, Text::Prompt);
            if let Some(overlap) = pairs.next() {
                overlap.prompts = all.numbers.texts;
                overlap.exact = all.numbers.shared;
                overlap.examples_with_exact = all.numbers.examples_with_shared;
                overlap.pairs.retain(|pair| pair.similarity < 1.0);
                report_same(overlap, all.first, findings);
            }
        }
    }
    of_samples.retain(|finding| finding.kind == FindingKind::NearPrompts);
    findings.extend(of_samples.into_iter().map(|mut finding| {
        finding.message.push_str(", both in the samples");
        finding
    }));
    found
}

fn every_two(
    corpus: &Corpus,
    places: &Places,
    near: &Near,
    findings: &mut Vec<Finding>,
) -> Vec<PromptOverlap> {
    let splits = corpus.splits.len();
    let mut overlaps = Vec::new();
    for earlier in 0..splits {
        for later in earlier + 1..splits {
            let empty = BTreeMap::new();
            let near = near.get(&(earlier, later)).unwrap_or(&empty);
            let overlap = overlap(corpus, places, earlier, later, near);
            report(&overlap, findings);
            overlaps.push(overlap);
        }
    }
    overlaps
}

/// For each prompt and each split: its first example there, and the number of its examples.
struct Places(Vec<BTreeMap<usize, (usize, usize)>>);

impl Places {
    fn of(corpus: &Corpus) -> Self {
        let mut places = vec![BTreeMap::new(); corpus.prompts.len()];
        for (index, entry) in corpus.entries.iter().enumerate() {
            let place = places[entry.prompt].entry(entry.split);
            place.or_insert((index, 0)).1 += 1;
        }
        Self(places)
    }

    fn splits(&self, prompt: usize) -> impl Iterator<Item = usize> + '_ {
        self.0[prompt].keys().copied()
    }
}

/// By pair of splits and prompt of the later one: the most similar prompt of the earlier one that
/// was found, with the similarity.
type Near = BTreeMap<(usize, usize), BTreeMap<usize, (f64, usize)>>;

fn near_prompts(corpus: &Corpus, places: &Places, seed: u64) -> Near {
    let sketches: Vec<Sketch> = corpus
        .prompts
        .par_iter()
        .map(|prompt| Sketch::of(prompt, seed))
        .collect();
    let mut near = Near::new();
    let mut compared = HashSet::new();
    for band in Sketch::bands() {
        let mut keys: Vec<(u64, usize)> = sketches
            .iter()
            .enumerate()
            .map(|(prompt, sketch)| (sketch.band(band), prompt))
            .collect();
        keys.sort_unstable();
        for bucket in keys.chunk_by(|a, b| a.0 == b.0) {
            for (first, second) in candidates(bucket, places, corpus.splits.len()) {
                if compared.insert((first, second)) {
                    let similarity = sketches[first].similarity(&sketches[second]);
                    if similarity >= NEARLY {
                        remember(&mut near, places, first, second, similarity);
                    }
                }
            }
        }
    }
    near
}

/// Pairs of prompts of different splits that share a key. Their number grows about linearly.
fn candidates(bucket: &[(u64, usize)], places: &Places, splits: usize) -> Vec<(usize, usize)> {
    let mut recent = vec![VecDeque::new(); splits];
    let mut pairs = BTreeSet::new();
    if bucket.len() > 1 {
        for &(_, prompt) in bucket {
            for split in places.splits(prompt) {
                let others = recent
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != split);
                pairs.extend(others.flat_map(|(_, o)| o.iter().map(|&other| (other, prompt))));
            }
            for split in places.splits(prompt) {
                recent[split].push_back(prompt);
                if recent[split].len() > COMPARED {
                    recent[split].pop_front();
                }
            }
        }
    }
    pairs.into_iter().collect()
}

fn remember(near: &mut Near, places: &Places, first: usize, second: usize, similarity: f64) {
    for (early, late) in [(first, second), (second, first)] {
        for earlier in places.splits(early) {
            for later in places.splits(late).filter(|&later| later > earlier) {
                let best = near.entry((earlier, later)).or_default();
                let known = best.entry(late).or_insert((similarity, early));
                if similarity > known.0 {
                    *known = (similarity, early);
                }
            }
        }
    }
}

fn overlap(
    corpus: &Corpus,
    places: &Places,
    earlier: usize,
    later: usize,
    near: &BTreeMap<usize, (f64, usize)>,
) -> PromptOverlap {
    let mut overlap = PromptOverlap {
        earlier: corpus.splits[earlier].name.clone(),
        later: corpus.splits[later].name.clone(),
        prompts: 0,
        exact: 0,
        examples_with_exact: 0,
        near: 0,
        pairs: Vec::new(),
    };
    for (prompt, splits) in places.0.iter().enumerate() {
        let Some(&(example, examples)) = splits.get(&later) else {
            continue;
        };
        overlap.prompts += 1;
        let (similarity, other) = if let Some(&(other, _)) = splits.get(&earlier) {
            overlap.exact += 1;
            overlap.examples_with_exact += examples;
            (1.0, other)
        } else if let Some(&(similarity, other)) = near.get(&prompt) {
            overlap.near += 1;
            (similarity, places.0[other][&earlier].0)
        } else {
            continue;
        };
        overlap.pairs.push(PromptPair {
            earlier: corpus.reference(other, None),
            later: corpus.reference(example, None),
            similarity,
        });
    }
    let order = |a: &PromptPair, b: &PromptPair| b.similarity.total_cmp(&a.similarity);
    overlap.pairs.sort_by(order);
    let near = overlap.pairs.split_off(overlap.exact);
    overlap.pairs.truncate(EXAMPLES_LISTED);
    overlap.pairs.extend(near.into_iter().take(EXAMPLES_LISTED));
    overlap
}

fn report(overlap: &PromptOverlap, findings: &mut Vec<Finding>) {
    let PromptOverlap { earlier, later, .. } = overlap;
    let share = |count: usize| count as f64 / overlap.prompts.max(1) as f64;
    let examples = |exact: bool| {
        let pairs = overlap
            .pairs
            .iter()
            .filter(|pair| (pair.similarity >= 1.0) == exact);
        pairs
            .flat_map(|pair| [pair.earlier.clone(), pair.later.clone()])
            .collect()
    };
    report_same(overlap, examples(true), findings);
    if overlap.near > 0 {
        let grade = if share(overlap.near) >= NEAR_SHARE {
            Grade::Warning
        } else {
            Grade::Note
        };
        let message = format!(
            "{} of {} prompts of {later} ({}) are nearly equal to one of {earlier} (similarity {NEARLY} \
             or more)",
            overlap.near,
            overlap.prompts,
            percent(share(overlap.near)),
        );
        findings.push(
            Finding::new(grade, FindingKind::NearPrompts, message)
                .number("prompts", overlap.near as f64)
                .number("share", share(overlap.near))
                .examples(examples(false)),
        );
    }
}
/// The finding about prompts that are the same.
fn report_same(overlap: &PromptOverlap, examples: Vec<ExampleRef>, findings: &mut Vec<Finding>) {
    let PromptOverlap { earlier, later, .. } = overlap;
    if overlap.exact == 0 {
        return;
    }
    let share = overlap.exact as f64 / overlap.prompts.max(1) as f64;
    let grade = if share >= OVERSIGHT {
        Grade::Problem
    } else {
        Grade::Warning
    };
    let message = format!(
        "{} of {} prompts of {later} ({}) are in {earlier} too, with {} examples: results \
         on {later} will be too good",
        overlap.exact,
        overlap.prompts,
        percent(share),
        overlap.examples_with_exact,
    );
    findings.push(
        Finding::new(grade, FindingKind::SharedPrompts, message)
            .number("prompts", overlap.exact as f64)
            .number("share", share)
            .examples(examples),
    );
}
