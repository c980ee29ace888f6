//! Finds spans that begin or end inside a word: their offsets may not count characters.

use gradus_data::{CharSpan, parts_of_words};

use super::corpus::Corpus;
use super::finding::{Finding, FindingKind, Grade, percent};

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
        if found.is_empty() {
            continue;
        }
        let share = found.len() as f64 / segments as f64;
        let grade = if share >= MANY {
            Grade::Warning
        } else {
            Grade::Note
        };
        let message = format!(
            "{name}: {} of {segments} segments begin or end inside a word ({})",
            found.len(),
            percent(share)
        );
        findings.push(
            Finding::new(grade, FindingKind::InsideWords, message)
                .number("segments", found.len() as f64)
                .number("share", share)
                .examples(found),
        );
    }
}
