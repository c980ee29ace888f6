//! Checks how segments cover the text.

use gradus_data::StatsCollector;
use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Entry};
use super::finding::{ExampleRef, Finding, FindingKind, Grade, percent};
use super::report::SplitAudit;
use super::totals::SplitTotals;

/// Minimum share of the text outside of segments for a note.
const MUCH_OUTSIDE: f64 = 0.1;

/// How the segments of a split cover its text.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TextShape {
    /// Share of the responses' characters outside of segments. White space and responses without segments do not
    /// count. `None` if no character is left.
    pub outside_segments: Option<f64>,
    /// Number of segments of white space only.
    pub blank_segments: usize,
    /// Number of these with a rating.
    pub blank_rated: usize,
    /// Number of examples without a rated segment.
    pub examples_without_rating: usize,
}

/// The statistics and structure of every split.
pub(super) fn splits(corpus: &Corpus, findings: &mut Vec<Finding>) -> Vec<SplitAudit> {
    let split = |(index, split): (usize, &super::AuditSplit)| {
        let mut stats = StatsCollector::new();
        for (line, example) in split.examples.iter().enumerate() {
            stats.add(example, line + 1);
        }
        SplitAudit {
            name: split.name.clone(),
            stats: stats.finish(),
            text: shape(corpus, index, findings),
            sampled: None,
        }
    };
    let splits: Vec<SplitAudit> = corpus.splits.iter().enumerate().map(split).collect();
    report_outside(&splits, findings);
    splits
}

/// The same of all records of the splits.
pub(super) fn splits_of_all(
    corpus: &Corpus,
    totals: &[SplitTotals],
    findings: &mut Vec<Finding>,
) -> Vec<SplitAudit> {
    let split = |(sample, split): (&super::AuditSplit, &SplitTotals)| {
        let text = split.shape();
        report(&split.name, &text, split.blank.first.clone(), findings);
        let sampled = sample.examples.len();
        SplitAudit {
            name: split.name.clone(),
            stats: split.stats(),
            text,
            sampled: (sampled < split.records()).then_some(sampled),
        }
    };
    let splits: Vec<SplitAudit> = corpus.splits.iter().zip(totals).map(split).collect();
    report_outside(&splits, findings);
    splits
}

fn shape(corpus: &Corpus, split: usize, findings: &mut Vec<Finding>) -> TextShape {
    let (mut inside, mut all) = (0, 0);
    let mut blank: Vec<ExampleRef> = Vec::new();
    let (mut blank_rated, mut without_rating) = (0, 0);
    let of_split = |(_, entry): &(usize, &Entry)| entry.split == split;
    for (index, Entry { example, .. }) in corpus.entries.iter().enumerate().filter(of_split) {
        let rated = example.segments.iter().any(|s| !s.ratings.is_empty());
        without_rating += usize::from(!rated);
        if !example.segments.is_empty() {
            all += visible(&example.response);
        }
        let texts = example.segment_texts();
        for (segment, (s, text)) in example.segments.iter().zip(texts).enumerate() {
            let characters = visible(text);
            inside += characters;
            if characters == 0 {
                blank.push(corpus.reference(index, Some(segment)));
                blank_rated += usize::from(!s.ratings.is_empty());
            }
        }
    }
    let shape = TextShape {
        outside_segments: (all > 0).then(|| (all - inside) as f64 / all as f64),
        blank_segments: blank.len(),
        blank_rated,
        examples_without_rating: without_rating,
    };
    report(&corpus.splits[split].name, &shape, blank, findings);
    shape
}

fn report(split: &str, shape: &TextShape, blank: Vec<ExampleRef>, findings: &mut Vec<Finding>) {
    if !blank.is_empty() {
        let grade = if shape.blank_rated > 0 {
            Grade::Problem
        } else {
            Grade::Warning
        };
        let message = format!(
            "{split}: {} segments are white space only, {} of them rated",
            shape.blank_segments, shape.blank_rated
        );
        findings.push(
            Finding::new(grade, FindingKind::BlankSegments, message)
                .number("segments", shape.blank_segments as f64)
                .number("rated", shape.blank_rated as f64)
                .examples(blank),
        );
    }
}

/// One note for all splits with much text outside of segments.
fn report_outside(splits: &[SplitAudit], findings: &mut Vec<Finding>) {
    let shares = splits
        .iter()
        .filter_map(|split| Some((&split.name, split.text.outside_segments?)))
        .filter(|(_, share)| *share >= MUCH_OUTSIDE);
    let (names, shares): (Vec<String>, Vec<f64>) = shares
        .map(|(name, share)| (format!("{} in {name}", percent(share)), share))
        .unzip();
    let Some(largest) = shares.into_iter().reduce(f64::max) else {
        return;
    };
    let message = format!(
        "share of the responses' text outside of segments: {}; models read it, but it is neither rated nor scored",
        names.join(", ")
    );
    findings.push(
        Finding::new(Grade::Note, FindingKind::TextOutside, message).number("share", largest),
    );
}

/// Characters that are not white space.
pub(super) fn visible(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}
