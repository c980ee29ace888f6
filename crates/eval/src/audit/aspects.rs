//! Finds aspects that very few records rate, aspect names that look misspelled, and too many aspects.

use std::collections::{BTreeMap, HashMap};

use gradus_data::{Example, fold_text};

use super::corpus::{Corpus, MOST_ASPECTS};
use super::finding::{ExampleRef, Finding, FindingKind, Grade};
use super::totals::SplitTotals;

/// Minimum number of records of the most frequent aspect. Below, no aspect counts as rare.
const FEWEST: usize = 5;
/// An aspect is rare if it has at most this share of the records of the most frequent aspect.
const RARE: f64 = 0.01;
/// Minimum similarity of two names, from 0 to 1, for one to be a misspelling of the other.
const ALIKE: f64 = 0.7;
/// Maximum number of rare aspects that are named; the others are counted.
const LISTED: usize = 100;
/// Maximum number of frequent aspects that the name of a rare one is compared with.
const MEANT: usize = 100;

/// The number of records that rate an aspect, and the first of them.
#[derive(Clone, Debug)]
pub(super) struct Rating {
    pub(super) records: usize,
    pub(super) first: ExampleRef,
}

/// Finds rare aspects, separately for ratings of segments and of responses, and returns their names.
pub(super) fn rare(corpus: &Corpus, findings: &mut Vec<Finding>) -> Vec<String> {
    let of_segments = records(corpus, |example| {
        let segments = example.segments.iter();
        segments.flat_map(|s| s.ratings.keys()).collect()
    });
    let of_responses = records(corpus, |example| example.ratings.keys().collect());
    report_all(corpus, &[of_segments, of_responses], findings)
}

/// The same with the aspects of all records of the splits.
pub(super) fn rare_of_all(
    corpus: &Corpus,
    totals: &[SplitTotals],
    findings: &mut Vec<Finding>,
) -> Vec<String> {
    let mut all = [BTreeMap::new(), BTreeMap::new()];
    for split in totals {
        for (all, aspects) in all.iter_mut().zip(&split.aspects) {
            for (name, rating) in aspects {
                let known: Option<&mut Rating> = all.get_mut(name);
                match known {
                    Some(known) => known.records += rating.records,
                    None => drop(all.insert(name.clone(), rating.clone())),
                }
            }
        }
    }
    report_all(corpus, &all, findings)
}

fn report_all(
    corpus: &Corpus,
    [of_segments, of_responses]: &[BTreeMap<String, Rating>; 2],
    findings: &mut Vec<Finding>,
) -> Vec<String> {
    let (looked_at, rated) = (corpus.aspects().len(), of_segments.len());
    if looked_at == MOST_ASPECTS && looked_at < rated {
        let message = format!(
            "{rated} aspects are rated: only the {looked_at} most rated ones are looked at one by one"
        );
        let finding = Finding::new(Grade::Warning, FindingKind::ManyAspects, message);
        findings.push(finding.number("aspects", rated as f64));
    }
    let mut rare = report(of_segments, "", findings);
    report(of_responses, "ratings of responses: ", findings);
    rare.retain(|name| of_segments.contains_key(name));
    rare
}

fn records<'a>(
    corpus: &Corpus<'a>,
    names: impl Fn(&'a Example) -> Vec<&'a String>,
) -> BTreeMap<String, Rating> {
    let mut found: BTreeMap<String, Rating> = BTreeMap::new();
    for (index, entry) in corpus.entries.iter().enumerate() {
        let mut names = names(entry.example);
        names.sort_unstable();
        names.dedup();
        for name in names {
            let rating = found.entry(name.clone()).or_insert_with(|| Rating {
                records: 0,
                first: corpus.reference(index, None),
            });
            rating.records += 1;
        }
    }
    found
}

fn report(
    aspects: &BTreeMap<String, Rating>,
    of: &str,
    findings: &mut Vec<Finding>,
) -> Vec<String> {
    let most = aspects.values().map(|r| r.records).max().unwrap_or(0);
    let twins = twins(aspects);
    let mut frequent: Vec<(&String, usize)> = aspects
        .iter()
        .map(|(name, rating)| (name, rating.records))
        .filter(|(_, records)| *records > few(most))
        .collect();
    frequent.sort_by(|(_, a), (_, b)| b.cmp(a));
    frequent.truncate(MEANT);
    let mut rare = Vec::new();
    for (name, rating) in aspects {
        let twin = (twins.get(&plain(name)).copied()).filter(|(other, _)| *other != name);
        let is_rare = most >= FEWEST && rating.records <= few(most);
        if !is_rare && twin.is_none() {
            continue;
        }
        rare.push(name.clone());
        if rare.len() > LISTED {
            continue;
        }
        let like = twin.or_else(|| is_rare.then(|| likeness(name, &frequent)).flatten());
        let meant = like.map_or_else(String::new, |(other, records)| {
            format!(", and `{other}` in {records}: is one of the names misspelled?")
        });
        let message = format!(
            "{of}`{name}` is rated in {} of the records{meant}",
            match rating.records {
                1 => format!("1 (`{}`)", rating.first.id),
                records => records.to_string(),
            },
        );
        findings.push(
            Finding::new(Grade::Warning, FindingKind::RareAspect, message)
                .about(name)
                .number("records", rating.records as f64)
                .examples(vec![rating.first.clone()]),
        );
    }
    if rare.len() > LISTED {
        let more = rare.len() - LISTED;
        let message =
            format!("{of}{more} more aspects are rated in as few records, or have nearly one name");
        let finding = Finding::new(Grade::Warning, FindingKind::RareAspect, message);
        findings.push(finding.number("aspects", more as f64));
    }
    rare
}

/// Maximum number of records of a rare aspect if the most frequent one has `most`.
fn few(most: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let share = (RARE * most as f64) as usize;
    share.max(1)
}

/// A name without case, blanks and separators of words.
fn plain(name: &str) -> String {
    fold_text(name).replace([' ', '-', '_', '.'], "")
}

/// For each plain name, the aspect with the most records (of several, the last by name) and their number.
fn twins(aspects: &BTreeMap<String, Rating>) -> HashMap<String, (&String, usize)> {
    let mut twins: HashMap<String, (&String, usize)> = HashMap::new();
    for (name, rating) in aspects {
        let most = twins.entry(plain(name)).or_insert((name, rating.records));
        if rating.records >= most.1 {
            *most = (name, rating.records);
        }
    }
    twins
}

/// The frequent aspect whose name is most similar to `name`.
fn likeness<'a>(name: &str, frequent: &[(&'a String, usize)]) -> Option<(&'a String, usize)> {
    let like = |other: &str| strsim::normalized_damerau_levenshtein(name, other);
    frequent
        .iter()
        .filter(|(other, _)| like(other) >= ALIKE)
        .max_by(|(a, _), (b, _)| like(a).total_cmp(&like(b)).then(a.cmp(b)))
        .copied()
}
