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

/// Solutions that were judged up to their first error and go on behind it.
fn judged_to_the_first_error(lists_the_rest: bool) -> Vec<Example> {
    let mut examples = solutions(300, 0.9, false);
    for example in &mut examples {
        let wrong = |s: &gradus_data::Segment| s.ratings.values().any(|rating| *rating == 0.0);
        // One more step, so that no error is in the last.
        let start = example.response.chars().count();
        example.response.push_str(" and so on");
        let mut rest = gradus_data::Segment::unrated(gradus_data::CharSpan::new(start, start + 10));
        if let Some(first) = example.segments.iter().position(wrong) {
            for segment in &mut example.segments[first + 1..] {
                segment.ratings.clear();
            }
            if !lists_the_rest {
                example.segments.truncate(first + 1);
            }
        } else {
            rest.ratings.insert("rating".into(), 1.0);
        }
        if lists_the_rest || rest.ratings.len() == 1 {
            example.segments.push(rest);
        }
        example.check().unwrap();
    }
    examples
}

#[test]
fn a_rest_that_is_listed_without_ratings_is_no_end() {
    let report = audit_one(&judged_to_the_first_error(true));
    let endings = report.aspects[0].endings;
    assert!(endings.with_low > 100, "{endings:?}");
    assert_eq!(
        (endings.end_at_first_low, endings.list_ends_at_first_low),
        (0, 0)
    );
    assert!(!kinds(&report).contains_key("EndsAtFirstError"));
    assert!(!kinds(&report).contains_key("ListEndsAtFirstError"));
}

#[test]
fn a_list_that_ends_at_the_first_error_of_a_text_that_goes_on_is_no_trap_for_models() {
    let report = audit_one(&judged_to_the_first_error(false));
    let endings = report.aspects[0].endings;
    assert_eq!(endings.end_at_first_low, 0);
    assert_eq!(endings.list_ends_at_first_low, endings.with_low);
    let found = finding(&report, FindingKind::ListEndsAtFirstError);
    assert_eq!(found.grade, Grade::Warning);
    assert!(
        found.message.contains("the text goes on"),
        "{}",
        found.message
    );
    assert!(!kinds(&report).contains_key("EndsAtFirstError"));
    // What place tells is told by the list, and the finding says so.
    let place = finding(&report, FindingKind::PlaceShortcut);
    assert_eq!(place.grade, Grade::Warning);
    assert!(place.message.contains("no model sees"), "{}", place.message);
}

#[test]
fn blanks_behind_the_last_step_are_no_text() {
    let mut examples = solutions(300, 0.9, true);
    for example in &mut examples {
        example.response.push_str(" \n");
    }
    finding(&audit_one(&examples), FindingKind::EndsAtFirstError);
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

#[test]
fn copies_of_the_context_are_an_overlap_shortcut() {
    let mut random = random(11);
    let examples: Vec<Example> = (0..60)
        .map(|index| {
            let copied: Vec<String> = (0..4).map(|_| words(&mut random, 8)).collect();
            let segments: Vec<_> = copied
                .iter()
                .enumerate()
                .map(|(k, text)| {
                    if k % 2 == 0 {
                        (text.clone(), Some(1.0))
                    } else {
                        (words(&mut random, 8), Some(0.0))
                    }
                })
                .collect();
            Example {
                context: Some(copied.join(" ")),
                ..example(&index.to_string(), &format!("Exercise {index}"), &segments)
            }
        })
        .collect();
    let report = audit_one(&examples);
    let overlap = &report.aspects[0].features[Feature::ContextOverlap as usize];
    assert_eq!(
        (overlap.feature, overlap.reach),
        (Feature::ContextOverlap, Reach::Trap)
    );
    let found = finding(&report, FindingKind::OverlapShortcut);
    assert!(
        found.message.contains("`overlap with context` alone"),
        "{}",
        found.message
    );
    assert!(found.advice.contains("context"), "{}", found.advice);
    // Without contexts there is nothing to overlap with.
    let without: Vec<Example> = examples
        .into_iter()
        .map(|example| Example {
            context: None,
            ..example
        })
        .collect();
    let report = audit_one(&without);
    let overlap = &report.aspects[0].features[Feature::ContextOverlap as usize];
    assert_eq!(overlap.pearson, None);
}
