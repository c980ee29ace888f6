//! Sets built to have a fault: the audit finds it, and finds nothing in the set without it.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod leaks;
mod prompts;
mod ratings;
mod sampled;
mod shortcuts;

use std::collections::BTreeMap;

use gradus_data::{CharSpan, Example, Segment};
use gradus_eval::audit::{AuditOptions, AuditReport, AuditSplit, Finding, FindingKind, audit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A random stream that is the same in every run.
fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Words without meaning.
fn words(random: &mut ChaCha8Rng, count: usize) -> String {
    let words: Vec<String> = (0..count)
        .map(|_| format!("word{}", random.random_range(0..400)))
        .collect();
    words.join(" ")
}

/// A response joined from segments, one line each; `None` is unrated.
fn example(id: &str, prompt: &str, segments: &[(String, Option<f64>)]) -> Example {
    let mut example = Example {
        id: id.into(),
        prompt: prompt.into(),
        ..Example::default()
    };
    for (text, rating) in segments {
        if !example.response.is_empty() {
            example.response.push('\n');
        }
        let start = example.response.chars().count();
        example.response.push_str(text);
        let span = CharSpan::new(start, example.response.chars().count());
        example.segments.push(match rating {
            Some(rating) => Segment::rated(span, *rating),
            None => Segment::unrated(span),
        });
    }
    example.check().unwrap();
    example
}

/// Responses of three to six segments whose ratings have nothing to do with anything.
fn honest(seed: u64, responses: usize) -> Vec<Example> {
    let mut random = random(seed);
    (0..responses)
        .map(|index| {
            let prompt = format!("{seed}/{index}: {}", words(&mut random, 8));
            let count = random.random_range(3..7);
            let segments: Vec<_> = (0..count)
                .map(|_| {
                    let length = random.random_range(5..15);
                    let rating = f64::from(random.random_range(0..5)) / 4.0;
                    (words(&mut random, length), Some(rating))
                })
                .collect();
            example(&format!("{seed}-{index}"), &prompt, &segments)
        })
        .collect()
}

/// The audit of one split.
fn audit_one(examples: &[Example]) -> AuditReport {
    audit(
        &[AuditSplit::new("train", examples)],
        &AuditOptions::default(),
    )
    .unwrap()
}

/// The finding of a kind.
#[track_caller]
fn finding(report: &AuditReport, kind: FindingKind) -> &Finding {
    let found = report.findings.iter().find(|finding| finding.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind:?} in {:#?}", report.findings))
}

/// What was found, by kind.
fn kinds(report: &AuditReport) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for finding in &report.findings {
        *kinds.entry(format!("{:?}", finding.kind)).or_default() += 1;
    }
    kinds
}

#[test]
fn nothing_is_found_in_an_honest_set() {
    let (train, test) = (honest(1, 300), honest(2, 100));
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &test),
    ];
    let report = audit(&splits, &AuditOptions::default()).unwrap();
    assert_eq!(report.findings, []);
    assert!(!report.is_flagged());
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<AuditReport>(&json).unwrap(), report);
}

#[test]
fn one_response_has_no_verdicts_and_no_panic() {
    let report = audit_one(&honest(1, 1));
    assert!(!report.is_flagged(), "{:?}", report.findings);
    let fits = &report.aspects[0].fits;
    assert!(fits.iter().all(|fit| fit.pearson.is_none()), "{fits:?}");
}

#[test]
fn the_worst_comes_first() {
    let mut examples = honest(1, 100);
    for example in &mut examples {
        example.response.push_str("\nMuch more is said here, and then some more of the same, for nothing. All of this and that.");
        for segment in &mut example.segments {
            segment.ratings.insert("constant".into(), 1.0);
            let rating = segment.ratings["rating"];
            segment.ratings.insert("copy".into(), rating);
        }
    }
    let report = audit_one(&examples);
    let grades: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.grade)
        .collect();
    assert!(
        grades.is_sorted() && grades.len() >= 3,
        "{:?}",
        kinds(&report)
    );
    assert!(
        report
            .findings
            .iter()
            .all(|finding| !finding.advice.is_empty())
    );
}
