//! Marks and numbers in the text that give the rating away.

use gradus_data::Example;
use gradus_eval::audit::{FindingKind, Grade, TokenSide};
use rand::RngExt;

use super::{audit_one, example, finding, kinds, random, words};

/// Responses whose segments are written by `write(random, rating)`; ratings are tenths.
fn written(
    responses: usize,
    write: impl Fn(&mut rand_chacha::ChaCha8Rng, f64) -> String,
) -> Vec<Example> {
    let mut random = random(11);
    (0..responses)
        .map(|index| {
            let segments: Vec<_> = (0..4)
                .map(|_| {
                    let rating = f64::from(random.random_range(0..11)) / 10.0;
                    (write(&mut random, rating), Some(rating))
                })
                .collect();
            example(&index.to_string(), &format!("Task {index}"), &segments)
        })
        .collect()
}

#[test]
fn a_mark_left_in_the_text_is_a_problem() {
    let examples = written(150, |random, rating| {
        let mark = if rating < 0.5 { "[WRONG] " } else { "" };
        format!("{mark}{}", words(random, 8))
    });
    let report = audit_one(&examples);
    let leak = finding(&report, FindingKind::TokenLeak);
    assert_eq!(leak.grade, Grade::Problem);
    assert!(
        leak.message.contains("`wrong`") && leak.message.contains("100 % low"),
        "{leak:?}"
    );
    let wrong = report.aspects[0]
        .tokens
        .iter()
        .find(|token| token.token == "wrong")
        .unwrap();
    assert!(wrong.marks_side && wrong.side == TokenSide::Low);
    assert!(
        (wrong.purity - 1.0).abs() < 1e-12 && wrong.pearson < -0.5,
        "{wrong:?}"
    );
    // One example a response.
    let ids: std::collections::HashSet<_> =
        leak.examples.iter().map(|example| &example.id).collect();
    assert_eq!(ids.len(), leak.examples.len());
}

#[test]
fn a_rare_mark_is_a_warning_though_it_explains_little() {
    let examples = written(300, |random, rating| {
        let mark = if rating < 0.45 && random.random_bool(0.1) {
            " ✗"
        } else {
            ""
        };
        format!("{}{mark}", words(random, 8))
    });
    let report = audit_one(&examples);
    let leak = finding(&report, FindingKind::TokenLeak);
    assert_eq!(leak.grade, Grade::Warning);
    assert!(
        leak.message.contains("`✗`") && leak.numbers["pearson"].abs() < 0.5,
        "{leak:?}"
    );
}

#[test]
fn a_mark_between_segments_is_found_too() {
    let mut examples = written(150, |random, _| words(random, 8));
    for example in &mut examples {
        // Cut the last words off each segment, so that they lie in none, and mark there.
        let mut response = String::new();
        for k in 0..example.segments.len() {
            let text = example.segment_text(k).to_owned();
            let start = response.chars().count();
            response.push_str(&text);
            example.segments[k].span = gradus_data::CharSpan::new(start, response.chars().count());
            let rating = example.segments[k].ratings["rating"];
            response.push_str(if rating > 0.5 { " (ok)\n" } else { " (no)\n" });
        }
        example.response = response;
        example.check().unwrap();
    }
    let report = audit_one(&examples);
    finding(&report, FindingKind::TokenLeak);
}

#[test]
fn the_rating_itself_in_the_text_is_a_problem() {
    let examples = written(150, |random, rating| {
        format!("{} rating: {rating}", words(random, 8))
    });
    let report = audit_one(&examples);
    let leak = finding(&report, FindingKind::NumberLeak);
    assert_eq!(leak.grade, Grade::Problem);
    let numbers = &report.aspects[0].numbers;
    assert_eq!((numbers.with_number, numbers.matching), (600, 600));
    assert!((numbers.agreement.unwrap() - 1.0).abs() < 1e-9);
}

#[test]
fn numbers_that_have_nothing_to_do_with_the_rating_are_none() {
    let examples = written(300, |random, _| {
        let number = f64::from(random.random_range(0..11)) / 10.0;
        format!("{} is {number}", words(random, 6))
    });
    let report = audit_one(&examples);
    assert!(
        !kinds(&report).contains_key("NumberLeak"),
        "{:?}",
        report.findings
    );
    assert!(
        report.aspects[0].numbers.matching > 20,
        "chance alone matches some"
    );
}

#[test]
fn words_of_a_question_are_no_marks_though_its_answers_are_all_bad() {
    let mut random = random(13);
    let examples: Vec<Example> = (0..100)
        .map(|index| {
            // Ten prompts of ten responses; those of the first are all bad and all name it.
            let prompt = index % 10;
            let segments: Vec<_> = (0..4)
                .map(|_| {
                    let rating = if prompt == 0 {
                        0.0
                    } else {
                        f64::from(random.random_range(0..2))
                    };
                    (
                        format!("topic{prompt} {}", words(&mut random, 6)),
                        Some(rating),
                    )
                })
                .collect();
            example(
                &index.to_string(),
                &format!("About topic{prompt}"),
                &segments,
            )
        })
        .collect();
    let report = audit_one(&examples);
    assert!(
        !kinds(&report).contains_key("TokenLeak"),
        "{:?}",
        report.findings
    );
}
