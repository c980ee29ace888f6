//! Checks the ratings alone: out of range, constant, copied, missing, repeated.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gradus_data::RatingStats;
use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Rated, by_response};
use super::finding::{ExampleRef, Finding, FindingKind, Grade, percent};
use super::reach::{FEWEST_RESPONSES, FEWEST_SEGMENTS};
use super::report::SplitAudit;
use super::totals::SplitTotals;
use super::{ScaleRange, outliers};
use crate::metrics::{pearson, same};

/// Minimum share of the most frequent rating of a nearly constant aspect.
const NEARLY_CONSTANT: f64 = 0.99;
/// Minimum correlation of two nearly equal aspects.
const ALIKE: f64 = 0.95;
/// Minimum share of responses with equal ratings at which ratings count as copied.
const COPIED: f64 = 0.99;

/// The correlation of two aspects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AspectPair {
    /// The first aspect.
    pub first: String,
    /// The second aspect.
    pub second: String,
    /// Number of segments rated on both.
    pub rated: usize,
    /// Pearson correlation of their ratings.
    pub pearson: Option<f64>,
}

pub(super) fn check(
    corpus: &Corpus,
    aspect: &str,
    rated: &[Rated],
    scale: Option<ScaleRange>,
    findings: &mut Vec<Finding>,
) {
    let mut found = Vec::new();
    found.extend(match scale {
        Some(scale) => out_of_scale(corpus, rated, scale),
        None => far_from_others(corpus, rated),
    });
    let constant = constant(rated);
    if constant.is_none() {
        found.extend(copied(corpus, rated));
    }
    found.extend(constant);
    findings.extend(found.into_iter().map(|finding| finding.about(aspect)));
}

/// Finds training ratings (those of the first split) that are all equal.
pub(super) fn constant_to_learn(
    corpus: &Corpus,
    aspect: &str,
    mut rated: Vec<Rated>,
    findings: &mut Vec<Finding>,
) {
    rated.retain(|rated| corpus.entries[rated.entry].split == 0);
    let found = constant(&rated).filter(|finding| finding.grade == Grade::Problem);
    findings.extend(found.map(|finding| finding.about(aspect)));
}

fn out_of_scale(corpus: &Corpus, rated: &[Rated], scale: ScaleRange) -> Option<Finding> {
    let outside: Vec<&Rated> = rated.iter().filter(|r| !scale.contains(r.rating)).collect();
    let first = outside.first()?.rating;
    let counts = [outside.len(), rated.len()];
    Some(outside_scale(
        counts,
        (scale, first),
        corpus.references(outside),
    ))
}

fn outside_scale(
    [outside, rated]: [usize; 2],
    (scale, first): (ScaleRange, f64),
    examples: Vec<ExampleRef>,
) -> Finding {
    let message = format!(
        "{outside} of {rated} ratings ({}) lie outside the scale {scale}; the first is {first}",
        percent(outside as f64 / rated as f64),
    );
    Finding::new(Grade::Problem, FindingKind::OutOfScale, message)
        .number("ratings", outside as f64)
        .examples(examples)
}

/// Takes back what is true of the samples and not of all records, and counts the ratings of all that lie outside the
/// scale.
pub(super) fn correct_for_all(
    totals: &[SplitTotals],
    splits: &[SplitAudit],
    scale: Option<ScaleRange>,
    findings: &mut Vec<Finding>,
) {
    let of_aspect = |aspect: &str| -> Vec<&RatingStats> {
        let ratings = splits.iter().map(|split| split.stats.aspects.get(aspect));
        ratings.flatten().collect()
    };
    let varies = |aspect: &str| {
        let mut ratings = of_aspect(aspect).into_iter();
        let first = ratings.next().map(|ratings| ratings.min);
        first.is_some_and(|first| {
            let mut all = of_aspect(aspect).into_iter();
            all.any(|ratings| !same(ratings.min, first) || !same(ratings.max, first))
        })
    };
    findings.retain(|finding| match (finding.kind, finding.aspect.as_deref()) {
        (FindingKind::OutOfScale | FindingKind::Unrated | FindingKind::MissingAspect, _) => false,
        (FindingKind::Constant, Some(aspect)) => finding.grade != Grade::Problem || !varies(aspect),
        _ => true,
    });
    for split in splits {
        let stats = &split.stats;
        if stats.aspects.is_empty() {
            if stats.response_aspects.is_empty() {
                findings.push(unrated(&split.name));
            }
            continue;
        }
        let others = splits.iter().flat_map(|split| split.stats.aspects.keys());
        let missing: BTreeSet<&String> = others
            .filter(|aspect| !stats.aspects.contains_key(*aspect))
            .collect();
        let is_rare = |aspect: &str, findings: &[Finding]| {
            findings.iter().any(|finding| {
                finding.kind == FindingKind::RareAspect && finding.aspect.as_deref() == Some(aspect)
            })
        };
        for aspect in missing {
            if !is_rare(aspect, findings) {
                findings.push(missing_aspect(&split.name).about(aspect));
            }
        }
    }
    let Some(scale) = scale else { return };
    let mut outside: BTreeMap<&str, (f64, usize, Vec<ExampleRef>)> = BTreeMap::new();
    for (aspect, (first, found)) in totals.iter().flat_map(|split| &split.outside_scale) {
        let all = outside.entry(aspect).or_insert((*first, 0, Vec::new()));
        all.1 += found.count;
        all.2.extend(found.first.iter().cloned());
    }
    for (aspect, (first, count, examples)) in outside {
        let rated: u64 = of_aspect(aspect).iter().map(|ratings| ratings.count).sum();
        let rated = usize::try_from(rated).unwrap_or(usize::MAX);
        findings.push(outside_scale([count, rated], (scale, first), examples).about(aspect));
    }
}

fn unrated(split: &str) -> Finding {
    let message = format!("{split}: no segment has a rating");
    Finding::new(Grade::Problem, FindingKind::Unrated, message)
}

fn missing_aspect(split: &str) -> Finding {
    let message = format!("{split} does not rate it, but another split does");
    Finding::new(Grade::Warning, FindingKind::MissingAspect, message)
}

fn far_from_others(corpus: &Corpus, rated: &[Rated]) -> Option<Finding> {
    let ratings: Vec<f64> = rated.iter().map(|rated| rated.rating).collect();
    let (low, high) = outliers::bulk(&ratings)?;
    let outside = |rated: &&Rated| !(low..=high).contains(&rated.rating);
    let outside: Vec<&Rated> = rated.iter().filter(outside).collect();
    let first = outside.first()?.rating;
    let message = format!(
        "{} of {} ratings ({}) lie far from all others, which are from {low} to {high}; the first \
         is {first}",
        outside.len(),
        rated.len(),
        percent(outside.len() as f64 / rated.len() as f64),
    );
    Some(
        Finding::new(Grade::Warning, FindingKind::Outliers, message)
            .number("ratings", outside.len() as f64)
            .number("low", low)
            .number("high", high)
            .examples(corpus.references(outside)),
    )
}

fn constant(rated: &[Rated]) -> Option<Finding> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for rated in rated {
        // Adding zero turns -0.0 into 0.0.
        *counts.entry((rated.rating + 0.0).to_bits()).or_default() += 1;
    }
    let (&bits, &count) = counts
        .iter()
        .max_by_key(|(bits, count)| (**count, **bits))?;
    let (rating, share) = (f64::from_bits(bits), count as f64 / rated.len() as f64);
    let (grade, message) = if count == rated.len() {
        let message = format!("all {count} ratings are {rating}");
        (Grade::Problem, message)
    } else if share >= NEARLY_CONSTANT && rated.len() >= FEWEST_SEGMENTS {
        let message = format!(
            "{count} of {} ratings ({:.2} %) are {rating}",
            rated.len(),
            100.0 * share
        );
        (Grade::Warning, message)
    } else {
        return None;
    };
    Some(
        Finding::new(grade, FindingKind::Constant, message)
            .number("rating", rating)
            .number("share", share),
    )
}

/// Whether all segments of a response have the same rating, or every response has only one rated segment.
fn copied(corpus: &Corpus, rated: &[Rated]) -> Option<Finding> {
    let responses = by_response(rated).count();
    let several: Vec<&[Rated]> = by_response(rated).filter(|r| r.len() > 1).collect();
    if responses < FEWEST_RESPONSES {
        return None;
    }
    if several.is_empty() {
        let message = format!("all {responses} rated responses have one rated segment");
        let finding = Finding::new(Grade::Note, FindingKind::SingleSegment, message);
        return Some(finding.number("responses", responses as f64));
    }
    let one_rating = |r: &&&[Rated]| r.iter().all(|s| same(s.rating, r[0].rating));
    let one_rating = several.iter().filter(one_rating).count();
    let share = one_rating as f64 / several.len() as f64;
    if share < COPIED || several.len() < FEWEST_RESPONSES {
        return None;
    }
    let message = format!(
        "{one_rating} of {} responses with two or more rated segments ({}) have equal ratings \
         on all segments: is it the rating of the response, copied?",
        several.len(),
        percent(share)
    );
    Some(
        Finding::new(Grade::Warning, FindingKind::CopiedRating, message)
            .number("responses", one_rating as f64)
            .number("share", share)
            .examples(corpus.references(several.iter().map(|response| &response[0]))),
    )
}

/// Splits without ratings, or without ratings on an aspect that others rate. `rare` aspects are already reported.
pub(super) fn presence(corpus: &Corpus, rare: &[String], findings: &mut Vec<Finding>) {
    let aspects = corpus.aspects();
    for (index, split) in corpus.splits.iter().enumerate() {
        let segments = || split.examples.iter().flat_map(|example| &example.segments);
        if segments().all(|segment| segment.ratings.is_empty()) {
            // Ratings of whole responses can be used for training and evaluation too.
            if split
                .examples
                .iter()
                .any(|example| !example.ratings.is_empty())
            {
                continue;
            }
            findings.push(unrated(&split.name));
            continue;
        }
        for aspect in aspects {
            let ratings: Vec<f64> = segments()
                .filter_map(|s| s.ratings.get(*aspect))
                .copied()
                .collect();
            let others = corpus.splits.len() > 1;
            if ratings.is_empty() {
                if rare.iter().any(|name| name == aspect) {
                    continue;
                }
                findings.push(missing_aspect(&split.name).about(aspect));
            } else if others
                && ratings.iter().all(|&r| same(r, ratings[0]))
                && !is_constant_everywhere(corpus, aspect)
            {
                let message = format!(
                    "{}: all {} ratings are {}, but those of other splits differ",
                    split.name,
                    ratings.len(),
                    ratings[0]
                );
                let grade = if index == 0 {
                    Grade::Problem
                } else {
                    Grade::Warning
                };
                findings.push(Finding::new(grade, FindingKind::Constant, message).about(aspect));
            }
        }
    }
}

fn is_constant_everywhere(corpus: &Corpus, aspect: &str) -> bool {
    let rated = corpus.rated(aspect);
    rated.iter().all(|r| same(r.rating, rated[0].rating))
}

/// For every two aspects, by their indices, the ratings of the segments that have both.
fn rated_in_both(corpus: &Corpus) -> HashMap<(usize, usize), (Vec<f64>, Vec<f64>)> {
    let aspects = corpus.aspects().iter().enumerate();
    let places: HashMap<&str, usize> = aspects.map(|(place, name)| (*name, place)).collect();
    let mut both: HashMap<(usize, usize), (Vec<f64>, Vec<f64>)> = HashMap::new();
    for segment in corpus
        .entries
        .iter()
        .flat_map(|entry| &entry.example.segments)
    {
        let ratings = segment.ratings.iter();
        // Sorted by name, like the aspects.
        let rated: Vec<(usize, f64)> = ratings
            .filter_map(|(name, rating)| Some((*places.get(name.as_str())?, *rating)))
            .collect();
        for (index, &(first, a)) in rated.iter().enumerate() {
            for &(second, b) in &rated[index + 1..] {
                let (of_first, of_second) = both.entry((first, second)).or_default();
                of_first.push(a);
                of_second.push(b);
            }
        }
    }
    both
}

/// The correlations of every two aspects.
pub(super) fn aspect_pairs(corpus: &Corpus, findings: &mut Vec<Finding>) -> Vec<AspectPair> {
    let aspects = corpus.aspects();
    let mut both = rated_in_both(corpus);
    let mut pairs = Vec::new();
    for (index, first) in aspects.iter().enumerate() {
        for (next, second) in aspects.iter().enumerate().skip(index + 1) {
            let (a, b) = both.remove(&(index, next)).unwrap_or_default();
            let pair = AspectPair {
                first: (*first).to_owned(),
                second: (*second).to_owned(),
                rated: a.len(),
                pearson: pearson(&a, &b),
            };
            if let Some(value) = pair
                .pearson
                .filter(|r| r.abs() >= ALIKE && a.len() >= FEWEST_SEGMENTS)
            {
                let message = format!(
                    "`{first}` and `{second}` are nearly the same: Pearson {value:.3} over {} segments",
                    a.len()
                );
                findings.push(
                    Finding::new(Grade::Warning, FindingKind::AspectsAlike, message)
                        .number("pearson", value),
                );
            }
            pairs.push(pair);
        }
    }
    pairs
}
