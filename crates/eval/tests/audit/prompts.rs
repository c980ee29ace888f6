//! Prompts, contexts and responses that two splits share, and responses that one holds twice.

use gradus_data::{Example, GroupKey, SplitFractions, split_by};
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

#[test]
fn the_same_response_to_another_context_may_be_rated_differently() {
    let mut examples = honest(1, 100);
    let mut twin = examples[4].clone();
    twin.id = "twin".into();
    examples[4].context = Some("It is so.".into());
    twin.context = Some("It is not so.".into());
    for segment in &mut twin.segments {
        let rating = segment.ratings["rating"];
        let other = if rating < 0.5 { 1.0 } else { 0.0 };
        segment.ratings.insert("rating".into(), other);
    }
    let count = twin.segments.len();
    examples.push(twin.clone());
    let repeated = &audit_one(&examples).repeated_responses[0];
    assert_eq!((repeated.repeats, repeated.contradictions), (0, 0));
    // Case and white space make no other context.
    twin.context = Some(" it IS so.".into());
    examples.push(twin);
    let repeated = &audit_one(&examples).repeated_responses[0];
    assert_eq!((repeated.repeats, repeated.contradictions), (1, count));
}

/// Ten examples of `test` are those of `train` under other prompts.
fn reworded(train: &[Example], test: &mut [Example]) {
    for k in 0..10 {
        let (prompt, id) = (test[k].prompt.clone(), test[k].id.clone());
        test[k] = train[k].clone();
        (test[k].prompt, test[k].id) = (prompt, id);
    }
}

fn with_contexts(examples: &mut [Example], name: &str) {
    for (index, example) in examples.iter_mut().enumerate() {
        example.context = Some(format!("Passage {} of {name}", index / 2));
    }
}

#[test]
fn responses_under_reworded_prompts_are_a_problem_and_their_contexts_a_warning() {
    let (mut train, mut test) = (honest(1, 100), honest(2, 50));
    with_contexts(&mut train, "train");
    with_contexts(&mut test, "test");
    assert_eq!(audit_two(&train, &test).findings, []);
    reworded(&train, &mut test);
    // Case, blanks and composition do not count.
    test[0].response = format!(" {}", test[0].response.to_uppercase());
    let shift =
        |span: gradus_data::CharSpan| gradus_data::CharSpan::new(span.start + 1, span.end + 1);
    for segment in &mut test[0].segments {
        segment.span = shift(segment.span);
    }
    test[2].context = test[2].context.as_ref().map(|text| text.to_uppercase());
    let report = audit_two(&train, &test);
    let responses = finding(&report, FindingKind::SharedResponses);
    assert_eq!(responses.grade, Grade::Problem);
    assert!(
        responses
            .message
            .contains("10 of 50 responses of test (20 %)"),
        "{responses:?}"
    );
    assert_eq!(responses.examples[0].to_string(), "train `1-0`");
    let contexts = finding(&report, FindingKind::SharedContexts);
    assert_eq!(contexts.grade, Grade::Warning);
    assert!(contexts.message.contains("10 examples"), "{contexts:?}");
    assert_eq!(report.response_overlaps[0].shared, 10);
    // Five of the 25 contexts of test, each with two examples.
    assert_eq!(
        (
            report.context_overlaps[0].texts,
            report.context_overlaps[0].shared
        ),
        (25, 5)
    );
    assert!(!kinds(&report).contains_key("SharedPrompts"));
}

#[test]
fn a_short_response_is_shared_only_with_its_context() {
    let short = |split: &str, k: usize, context: Option<String>| {
        let mut short = example(
            &format!("{split}{k}"),
            &format!("Question {k} of {split}?"),
            &[("42 it is.".into(), Some((k % 3) as f64))],
        );
        short.context = context;
        short
    };
    let many = |split: &str, context: fn(usize) -> Option<String>| -> Vec<Example> {
        (0..40).map(|k| short(split, k, context(k))).collect()
    };
    let report = audit_two(&many("a", |_| None), &many("b", |_| None));
    assert!(
        !kinds(&report).contains_key("SharedResponses"),
        "{:?}",
        report.findings
    );
    let context: fn(usize) -> Option<String> = |k| Some(format!("About {k}"));
    let report = audit_two(&many("a", context), &many("b", context));
    let found = finding(&report, FindingKind::SharedResponses);
    assert!(found.message.contains("40 examples"), "{found:?}");
}

#[test]
fn a_split_by_what_the_advice_names_has_nothing_left_to_find() {
    let mut all = honest(1, 300);
    with_contexts(&mut all, "all");
    for k in 0..60 {
        let (id, prompt) = (format!("twin{k}"), all[300 - 1 - k].prompt.to_uppercase());
        let mut twin = all[2 * k].clone();
        (twin.id, twin.prompt) = (id, prompt);
        all.push(twin);
    }
    let audit_split = |keys: &[GroupKey]| {
        let split = split_by(&all, keys, SplitFractions::default(), 0).unwrap();
        let part = |indices: &[usize]| -> Vec<Example> {
            indices.iter().map(|&k| all[k].clone()).collect()
        };
        kinds(&audit_two(&part(&split.train), &part(&split.test)))
    };
    let by_prompt = audit_split(&[GroupKey::Prompt]);
    assert!(by_prompt.contains_key("SharedResponses") && by_prompt.contains_key("SharedContexts"));
    let by_all = audit_split(&[GroupKey::Prompt, GroupKey::Context, GroupKey::Response]);
    for kind in ["SharedPrompts", "SharedResponses", "SharedContexts"] {
        assert!(!by_all.contains_key(kind), "{by_all:?}");
    }
}
