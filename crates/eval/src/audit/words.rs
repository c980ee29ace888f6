//! Finds spans that begin or end inside a word: their offsets may not count characters.

use gradus_data::{CharSpan, parts_of_words};

use super::corpus::Corpus;
use super::finding::{ExampleRef, Finding, FindingKind, Grade, percent};
use super::totals::{Mentioned, SplitTotals};

/// Minimum share of such segments for a finding.
const MANY: f64 = 0.01;

pub(super) fn check(corpus: &Corpus, findings: &mut Vec<Finding>) {
    for (split, name) in corpus.splits.iter().map(|split| &split.name).enumerate() {
        let mut found = Vec::new();
        let mut segments = 0;
        let entries = corpus.entries.iter().enumerate();
        for (index, entry) in entries.filter(|(_, entry)| entry.split == split) {
            let spans: Vec<CharSpan> = entry.example.segments.iter().map(|s| s.span).collect();
            segments += spans.len();
            let parts = parts_of_words(&entry.example.response, &spans)
                .into_iter()
                .enumerate();
            found.extend(
                parts
                    .filter(|(_, part)| *part)
                    .map(|(k, _)| corpus.reference(index, Some(k))),
            );
        }
        let count = found.len();
        report(name, count, segments, found, findings);
    }
}

/// The same of all records of the splits.
pub(super) fn of_all(totals: &[SplitTotals], findings: &mut Vec<Finding>) {
    for split in totals {
        let Mentioned { count, first } = split.in_words.clone();
        report(&split.name, count, split.stats().segments, first, findings);
    }
}

fn report(
    name: &str,
    count: usize,
    segments: usize,
    found: Vec<ExampleRef>,
    findings: &mut Vec<Finding>,
) {
    if count == 0 {
        return;
    }
    let share = count as f64 / segments as f64;
    let grade = if share >= MANY {
        Grade::Warning
    } else {
        Grade::Note
    };
    let message = format!(
        "{name}: {count} of {segments} segments begin or end inside a word ({})",
        percent(share)
    );
    findings.push(
        Finding::new(grade, FindingKind::InsideWords, message)
            .number("segments", count as f64)
            .number("share", share)
            .examples(found),
    );
}
