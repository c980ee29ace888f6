//! Place, length, overlap, and records that end at the first error.

use gradus_data::Example;
use gradus_eval::audit::{Feature, FindingKind, Grade, HeldOut, Reach};
use rand::RngExt;

use super::{audit_one, example, finding, honest, kinds, random, words};

/// Solutions with an error in the given share of them; with `truncated`, they end right there.
fn solutions(count: usize, with_error: f64, truncated: bool) -> Vec<Example> {
    let mut random = random(7);
    (0..count)
        .map(|index| {
            let steps = random.random_range(3..8);
            let wrong = random
                .random_bool(with_error)
                .then(|| random.random_range(1..steps));
            let mut segments: Vec<_> = (0..steps)
                .map(|step| {
                    let rating = if Some(step) == wrong { 0.0 } else { 1.0 };
                    (words(&mut random, 8), Some(rating))
                })
                .collect();
            if let Some(wrong) = wrong.filter(|_| truncated) {
                segments.truncate(wrong + 1);
            }
            example(&index.to_string(), &format!("Exercise {index}"), &segments)
        })
        .collect()
}

#[test]
fn records_that_end_at_the_first_error_are_a_trap() {
    let report = audit_one(&solutions(300, 0.9, true));
    let is_last = report.aspects[0]
        .features
        .iter()
        .find(|reach| reach.feature == Feature::IsLast)
        .unwrap();
    assert!(is_last.pearson.unwrap() <= -0.7, "{is_last:?}");
    assert_eq!(is_last.reach, Reach::Trap);
    let place = finding(&report, FindingKind::PlaceShortcut);
    assert_eq!(place.grade, Grade::Problem);
    assert!(
        place.message.contains("`is last` alone") && place.message.contains("first error"),
        "{}",
        place.message
    );
    let fit = |fit| {
        report.aspects[0]
            .fits
            .iter()
            .find(|f| f.fit == fit)
            .unwrap()
            .pearson
    };
    assert!(fit(HeldOut::PositionLength).unwrap() > 0.7);
    finding(&report, FindingKind::EndsAtFirstError);
}

#[test]
fn the_same_solutions_written_to_their_end_are_not() {
    let report = audit_one(&solutions(300, 0.9, false));
    assert!(!report.is_flagged(), "{:#?}", report.findings);
}

#[test]
fn rare_errors_at_the_end_are_found_where_the_correlation_is_low() {
    let report = audit_one(&solutions(900, 0.08, true));
    let is_last = &report.aspects[0].features[Feature::IsLast as usize];
    assert!(is_last.pearson.unwrap().abs() < 0.5, "{is_last:?}");
    let found = finding(&report, FindingKind::EndsAtFirstError);
    assert_eq!(found.grade, Grade::Problem);
    assert!(
        found.numbers["share"] > 0.99 && !found.examples.is_empty(),
        "{found:?}"
    );
}

#[test]
fn length_and_overlap_that_give_the_rating_away_are_warned_of() {
    let mut random = random(3);
    let examples: Vec<Example> = (0..200)
        .map(|index| {
            let prompt = words(&mut random, 12);
            let segments: Vec<_> = (0..4)
                .map(|_| {
                    let copies = random.random_bool(0.5);
                    let text = if copies {
                        prompt.clone()
                    } else {
                        words(&mut random, 4)
                    };
                    (text, Some(f64::from(u8::from(copies))))
                })
                .collect();
            example(&index.to_string(), &prompt, &segments)
        })
        .collect();
    let report = audit_one(&examples);
    for kind in [FindingKind::LengthShortcut, FindingKind::OverlapShortcut] {
        assert_eq!(finding(&report, kind).grade, Grade::Warning);
    }
    assert!(!kinds(&report).contains_key("PlaceShortcut"));
}

#[test]
fn cross_validation_does_not_learn_what_it_is_judged_by() {
    // Prompts are told apart by a word of their own, which the response repeats: a bag of words
    // that has seen the prompt knows the rating, one that has not knows nothing.
    let mut random = random(5);
    let examples: Vec<Example> = (0..240)
        .map(|index| {
            let name = format!("name{}", index / 4);
            let rating = f64::from(u8::from((index / 4) % 2 == 0));
            let segments: Vec<_> = (0..3)
                .map(|_| (format!("{name} {}", words(&mut random, 3)), Some(rating)))
                .collect();
            example(&index.to_string(), &name, &segments)
        })
        .collect();
    let report = audit_one(&examples);
    let fit = report.aspects[0]
        .fits
        .iter()
        .find(|fit| fit.fit == HeldOut::BagOfWords)
        .unwrap();
    assert!(fit.pearson.unwrap().abs() < 0.3, "{fit:?}");
}

#[test]
fn constant_features_have_no_correlation() {
    let one_segment: Vec<Example> = honest(4, 50)
        .into_iter()
        .map(|mut example| {
            example.segments.truncate(1);
            example
        })
        .collect();
    let report = audit_one(&one_segment);
    let features = &report.aspects[0].features;
    assert_eq!(features[Feature::IsLast as usize].pearson, None);
    assert_eq!(
        finding(&report, FindingKind::SingleSegment).grade,
        Grade::Note
    );
}
