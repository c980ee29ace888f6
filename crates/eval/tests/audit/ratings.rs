//! Ratings by themselves, and segments without text.

use gradus_data::{CharSpan, Example};
use gradus_eval::EvalError;
use gradus_eval::audit::{AuditOptions, AuditSplit, FindingKind, Grade, audit};

use super::{audit_one, finding, honest, kinds};

/// Changes every rating: `change(response, segment, rating)`.
fn rerated(examples: Vec<Example>, change: impl Fn(usize, usize, f64) -> f64) -> Vec<Example> {
    let mut examples = examples;
    for (index, example) in examples.iter_mut().enumerate() {
        for (k, segment) in example.segments.iter_mut().enumerate() {
            for rating in segment.ratings.values_mut() {
                *rating = change(index, k, *rating);
            }
        }
    }
    examples
}

#[test]
fn ratings_outside_the_stated_scale_are_named() {
    let examples = rerated(honest(1, 50), |index, k, rating| {
        if (index, k) == (9, 1) { 1.5 } else { rating }
    });
    let options = AuditOptions {
        scale: Some("0:1".parse().unwrap()),
        ..AuditOptions::default()
    };
    let report = audit(&[AuditSplit::new("data", &examples)], &options).unwrap();
    let found = finding(&report, FindingKind::OutOfScale);
    assert_eq!(found.grade, Grade::Problem);
    assert_eq!(found.examples[0].to_string(), "data `1-9` segment 1");
    assert!(
        found.message.contains("the first is 1.5"),
        "{}",
        found.message
    );
    // Without a scale 1.5 is not far enough from the others to stand out.
    assert!(!audit_one(&examples).is_flagged());
}

#[test]
fn a_mark_for_missing_stands_out_without_a_scale() {
    let examples = rerated(
        honest(1, 50),
        |index, _, rating| {
            if index % 4 == 0 { -100.0 } else { rating }
        },
    );
    let report = audit_one(&examples);
    let found = finding(&report, FindingKind::Outliers);
    assert!(
        found.message.contains("from 0 to 1; the first is -100"),
        "{}",
        found.message
    );
}

#[test]
fn constant_and_nearly_constant_aspects_are_named() {
    let report = audit_one(&rerated(honest(1, 50), |_, _, _| 0.5));
    assert_eq!(
        finding(&report, FindingKind::Constant).grade,
        Grade::Problem
    );
    assert!(
        report.aspects[0]
            .features
            .iter()
            .all(|reach| reach.pearson.is_none())
    );
    let report = audit_one(&rerated(honest(1, 50), |index, _, _| {
        f64::from(u8::from(index == 0))
    }));
    // One response of fifty is more than one in a hundred.
    assert!(
        !kinds(&report).contains_key("Constant"),
        "{:?}",
        report.findings
    );
    let nearly = rerated(honest(1, 50), |index, k, _| {
        f64::from(u8::from((index, k) == (0, 0)))
    });
    assert_eq!(
        finding(&audit_one(&nearly), FindingKind::Constant).grade,
        Grade::Warning
    );
}

#[test]
fn aspects_that_are_rated_alike_are_named() {
    let mut examples = honest(1, 60);
    for example in &mut examples {
        for segment in &mut example.segments {
            let rating = segment.ratings["rating"];
            segment.ratings.insert("other".into(), 3.0 - 2.0 * rating);
        }
    }
    let report = audit_one(&examples);
    let found = finding(&report, FindingKind::AspectsAlike);
    assert!(
        found.message.contains("`other` and `rating`"),
        "{}",
        found.message
    );
    assert!((report.aspect_pairs[0].pearson.unwrap() + 1.0).abs() < 1e-9);
}

#[test]
fn a_response_rating_copied_to_its_segments_is_named() {
    let report = audit_one(&rerated(honest(1, 60), |index, _, _| (index % 3) as f64));
    assert_eq!(
        finding(&report, FindingKind::CopiedRating).grade,
        Grade::Warning
    );
}

#[test]
fn segments_of_white_space_and_text_outside_are_named() {
    let mut examples = honest(1, 50);
    for example in &mut examples {
        let from = example.response.chars().count();
        example.response.push_str("  \n");
        let mut blank = example.segments[0].clone();
        blank.span = CharSpan::new(from, from + 2);
        example.segments.push(blank);
        example.segments.remove(0);
    }
    let report = audit_one(&examples);
    let blank = finding(&report, FindingKind::BlankSegments);
    assert_eq!(
        (blank.grade, blank.numbers["rated"]),
        (Grade::Problem, 50.0)
    );
    assert_eq!(
        finding(&report, FindingKind::TextOutside).grade,
        Grade::Note
    );
    assert!(report.splits[0].text.outside_segments.unwrap() > 0.1);
}

#[test]
fn what_a_split_does_not_rate_is_named() {
    let train = honest(1, 50);
    let mut test = honest(2, 50);
    for segment in test.iter_mut().flat_map(|example| &mut example.segments) {
        let rating = segment.ratings.remove("rating").unwrap();
        segment.ratings.insert("other".into(), rating);
    }
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &test),
    ];
    let report = audit(&splits, &AuditOptions::default()).unwrap();
    assert_eq!(kinds(&report).get("MissingAspect"), Some(&2));
    for segment in test.iter_mut().flat_map(|example| &mut example.segments) {
        segment.ratings.clear();
    }
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &test),
    ];
    let report = audit(&splits, &AuditOptions::default()).unwrap();
    let unrated = finding(&report, FindingKind::Unrated);
    assert_eq!(unrated.grade, Grade::Problem);
    assert!(unrated.message.starts_with("test:"), "{}", unrated.message);
}

#[test]
fn nothing_rated_at_all_is_a_problem_and_no_panic() {
    let mut examples = honest(1, 20);
    for segment in examples
        .iter_mut()
        .flat_map(|example| &mut example.segments)
    {
        segment.ratings.clear();
    }
    let report = audit_one(&examples);
    assert!(report.aspects.is_empty());
    finding(&report, FindingKind::Unrated);
}

#[test]
fn an_empty_split_is_an_error() {
    let train = honest(1, 5);
    let splits = [
        AuditSplit::new("train", &train),
        AuditSplit::new("test", &[]),
    ];
    let error = audit(&splits, &AuditOptions::default()).unwrap_err();
    assert!(
        matches!(&error, EvalError::NothingToAudit { split } if split == "test"),
        "{error}"
    );
    assert!(audit(&[], &AuditOptions::default()).is_err());
}

#[test]
fn ratings_of_whole_responses_are_ratings() {
    let mut examples = honest(1, 50);
    for example in &mut examples {
        for segment in &mut example.segments {
            segment.ratings.clear();
        }
    }
    finding(&audit_one(&examples), FindingKind::Unrated);
    examples[7].ratings.insert("rating".into(), 0.5);
    let report = audit_one(&examples);
    assert!(!kinds(&report).contains_key("Unrated"));
}
