//! Finds aspects that hardly any record rates, and aspect names that are nearly the same (typing errors).

use std::collections::BTreeMap;

use gradus_data::{Example, fold_text};

use super::corpus::Corpus;
use super::finding::{ExampleRef, Finding, FindingKind, Grade};

/// Fewest records of the most frequent aspect for another one to be rare.
const FEWEST: usize = 5;
/// Share of the records of the most frequent aspect up to which another one is rare.
const RARE: f64 = 0.01;
/// Likeness of two names, from 0 to 1, from which on one may be the other misspelt.
const ALIKE: f64 = 0.7;

/// The records that rate an aspect: how many, and the first of them.
struct Rating {
    records: usize,
    first: ExampleRef,
}

/// Finds them, among the aspects of segments and among those of responses, and returns their names.
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
            format!(", and `{other}` in {records}: is it the same, misspelt?")
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

/// Records up to which an aspect is rare, beside one that has `most`.
fn few(most: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let share = (RARE * most as f64) as usize;
    share.max(1)
}

/// An aspect with more records whose name differs in case, blanks or the sign between words alone.
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

/// The aspect, not rare itself, whose name is most like `name`.
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
