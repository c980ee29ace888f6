//! Finds aspects that very few records rate, and aspect names that look misspelled.

use std::collections::BTreeMap;

use gradus_data::{Example, fold_text};

use super::corpus::Corpus;
use super::finding::{ExampleRef, Finding, FindingKind, Grade};

/// Minimum number of records of the most frequent aspect. Below, no aspect counts as rare.
const FEWEST: usize = 5;
/// An aspect is rare if it has at most this share of the records of the most frequent aspect.
const RARE: f64 = 0.01;
/// Minimum similarity of two names, from 0 to 1, for one to be a misspelling of the other.
const ALIKE: f64 = 0.7;

/// The number of records that rate an aspect, and the first of them.
struct Rating {
    records: usize,
    first: ExampleRef,
}

/// Finds rare aspects, separately for ratings of segments and of responses, and returns their names.
pub(super) fn rare(corpus: &Corpus, findings: &mut Vec<Finding>) -> Vec<String> {
    let of_segments = records(corpus, |example| {
        let segments = example.segments.iter();
        segments.flat_map(|s| s.ratings.keys()).collect()
    });
    let of_responses = records(corpus, |example| example.ratings.keys().collect());
    let mut rare = report(&of_segments, "", findings);
    report(&of_responses, "ratings of responses: ", findings);
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
    let mut rare = Vec::new();
    for (name, rating) in aspects {
        let twin = twin(name, rating.records, aspects);
        let is_rare = most >= FEWEST && rating.records <= few(most);
        if !is_rare && twin.is_none() {
            continue;
        }
        let like = twin.or_else(|| is_rare.then(|| likeness(name, most, aspects)).flatten());
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
        rare.push(name.clone());
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

/// An aspect with more records whose name differs only in case, blanks or the separator of words.
fn twin<'a>(
    name: &str,
    records: usize,
    aspects: &'a BTreeMap<String, Rating>,
) -> Option<(&'a String, usize)> {
    let plain = |name: &str| fold_text(name).replace([' ', '-', '_', '.'], "");
    let folded = plain(name);
    aspects
        .iter()
        .filter(|(other, rating)| {
            (rating.records, other.as_str()) > (records, name) && plain(other) == folded
        })
        .map(|(other, rating)| (other, rating.records))
        .max_by_key(|(_, records)| *records)
}

/// The frequent aspect whose name is most similar to `name`.
fn likeness<'a>(
    name: &str,
    most: usize,
    aspects: &'a BTreeMap<String, Rating>,
) -> Option<(&'a String, usize)> {
    let like = |other: &str| strsim::normalized_damerau_levenshtein(name, other);
    aspects
        .iter()
        .filter(|(other, rating)| rating.records > few(most) && like(other) >= ALIKE)
        .max_by(|(a, _), (b, _)| like(a).total_cmp(&like(b)))
        .map(|(other, rating)| (other, rating.records))
}
