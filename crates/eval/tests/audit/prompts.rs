//! Prompts that two splits share, and responses that one holds twice.

use gradus_data::Example;
use gradus_eval::audit::{AuditOptions, AuditReport, AuditSplit, FindingKind, Grade, audit};

use super::{audit_one, example, finding, honest, kinds, random, words};

fn audit_two(train: &[Example], test: &[Example]) -> AuditReport {
    let splits = [
        AuditSplit::new("train", train),
        AuditSplit::new("test", test),
    ];
    audit(&splits, &AuditOptions::default()).unwrap()
}

#[test]
fn a_prompt_in_two_splits_is_found_whatever_its_case_and_white_space() {
    let (train, mut test) = (honest(1, 100), honest(2, 50));
    test[7].prompt = format!(" {} \n", train[3].prompt.to_uppercase().replace(' ', "  "));
    let report = audit_two(&train, &test);
    let shared = finding(&report, FindingKind::SharedPrompts);
    assert_eq!(shared.grade, Grade::Problem);
    let names: Vec<String> = shared.examples.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["train `1-3`", "test `2-7`"]);
    let overlap = &report.prompt_overlaps[0];
    assert_eq!((overlap.prompts, overlap.exact, overlap.near), (50, 1, 0));
}

#[test]
fn one_prompt_of_a_thousand_is_a_warning() {
    let (train, mut test) = (honest(1, 20), honest(2, 1000));
    test[0].prompt.clone_from(&train[0].prompt);
    let report = audit_two(&train, &test);
    assert_eq!(
        finding(&report, FindingKind::SharedPrompts).grade,
        Grade::Warning
    );
}

#[test]
fn a_prompt_that_differs_in_a_word_is_nearly_the_same() {
    let mut random = random(21);
    let (mut train, mut test) = (honest(1, 100), honest(2, 50));
    for k in 0..10 {
        let prompt = words(&mut random, 40);
        train[k].prompt.clone_from(&prompt);
        test[k].prompt = format!("Please: {prompt}");
    }
    let report = audit_two(&train, &test);
    let near = finding(&report, FindingKind::NearPrompts);
    assert_eq!(near.grade, Grade::Warning);
    let overlap = &report.prompt_overlaps[0];
    assert_eq!((overlap.exact, overlap.near), (0, 10));
    for pair in &overlap.pairs {
        assert!((0.9..1.0).contains(&pair.similarity), "{pair:?}");
    }
    assert!(!kinds(&audit_two(&honest(1, 100), &honest(2, 50))).contains_key("NearPrompts"));
}

#[test]
fn a_template_that_all_prompts_share_costs_no_square() {
    // Forty words of template and one that differs: every prompt lands in the same buckets.
    let template = words(&mut random(5), 40);
    let many = |split: &str, count: usize| -> Vec<Example> {
        (0..count)
            .map(|k| {
                let segments = [(format!("answer {k}"), Some((k % 3) as f64))];
                example(
                    &format!("{split}{k}"),
                    &format!("{template} {split}{k}"),
                    &segments,
                )
            })
            .collect()
    };
    let started = std::time::Instant::now();
    let report = audit_two(&many("a", 6000), &many("b", 3000));
    assert_eq!(report.prompt_overlaps[0].near, 3000);
    // 18 million pairs would take minutes.
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn the_same_response_rated_differently_is_a_contradiction() {
    let mut examples = honest(1, 100);
    let mut twin = examples[4].clone();
    twin.id = "twin".into();
    let report = audit_one(&[examples.clone(), vec![twin.clone()]].concat());
    assert!(!report.is_flagged(), "{:?}", report.findings);
    assert_eq!(report.repeated_responses[0].repeats, 1);
    for segment in &mut twin.segments {
        let rating = segment.ratings["rating"];
        segment
            .ratings
            .insert("rating".into(), if rating < 0.5 { 1.0 } else { 0.0 });
    }
    let count = twin.segments.len();
    examples.push(twin);
    let report = audit_one(&examples);
    let found = finding(&report, FindingKind::ContradictoryRepeats);
    assert_eq!(found.grade, Grade::Warning);
    assert_eq!(report.repeated_responses[0].contradictions, count);
    assert_eq!(found.examples[1].id, "twin");
}
