use gradus_data::{DEFAULT_ASPECT, Format, ImportOptions};
use serde_json::{Value, json};

use crate::{import_all, one, one_with, ratings, refusal, refused, texts, with_map};

fn prm_bench() -> Value {
    json!({
        "idx": "prm_test_p1_0", "classification": "circular",
        "original_question": "o", "modified_question": "q", "question": "plain",
        "original_process": ["1. a"], "modified_process": [" 1. aé ", "2. b", "3. c"],
        "modified_steps": [2, 3], "error_steps": [3], "reason": "why"
    })
}

#[test]
fn prmbench_counts_wrong_steps_from_1_and_damages_one_aspect() {
    let mut record = prm_bench();
    let example = one(&record.to_string(), Format::PrmBench);
    assert_eq!(example.id, "circular-prm_test_p1_0");
    assert_eq!(example.prompt, "q");
    assert_eq!(example.response, "1. aé\n2. b\n3. c");
    assert_eq!(texts(&example), ["1. aé", "2. b", "3. c"]);
    assert_eq!(
        ratings(&example, "simplicity"),
        [Some(1.0), Some(1.0), Some(0.0)]
    );
    assert_eq!(ratings(&example, "soundness"), [Some(1.0); 3]);
    assert_eq!(example.meta["classification"], "circular");
    assert_eq!(example.meta["reason"], "why");

    record["classification"] = "deception".into();
    record["idx"] = "deception_prm_test_p1_0".into();
    let example = one(&record.to_string(), Format::PrmBench);
    assert_eq!(example.id, "deception_prm_test_p1_0");
    assert_eq!(ratings(&example, "simplicity"), [Some(1.0); 3]);
    assert_eq!(ratings(&example, "soundness")[2], Some(0.0));
}

#[test]
fn prmbench_refuses_steps_that_are_not_there() {
    for (steps, problem) in [
        (
            json!([0]),
            "field `error_steps[0]`: found step 0, expected 1 to 3",
        ),
        (
            json!([1, 4]),
            "field `error_steps[1]`: found step 4, expected 1 to 3",
        ),
        (json!([1.5]), "field `error_steps[0]`: found the number 1.5"),
        (
            json!("1"),
            "field `error_steps`: found the text \"1\", expected a list",
        ),
        (
            json!([]),
            "field `error_steps`: found an empty list, expected at least one step",
        ),
    ] {
        let mut record = prm_bench();
        record["error_steps"] = steps;
        let message = refused(&record.to_string(), Format::PrmBench);
        assert!(message.contains(problem), "{message}");
    }
    let mut record = prm_bench();
    record["classification"] = "novel".into();
    let message = refused(&record.to_string(), Format::PrmBench);
    assert!(
        message.contains("field `classification`: found `novel`"),
        "{message}"
    );
    let mut record = prm_bench();
    record["modified_process"][1] = " ".into();
    let message = refused(&record.to_string(), Format::PrmBench);
    assert!(
        message.contains("field `modified_process[1]`: found an empty text"),
        "{message}"
    );
}

#[test]
fn trl_labels_may_be_booleans_or_floats() {
    let text = r#"{"prompt":"p","completions":["a","b","c"],"labels":[true,0.25,null],"k":1}"#;
    let example = one(text, Format::TrlStepwise);
    assert_eq!(example.response, "a\nb\nc");
    let expected = [Some(1.0), Some(0.25), None];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
    assert_eq!(example.extra["k"], 1);
    let text = r#"{"prompt":"p","completions":["a","b"],"labels":[true,false]}"#;
    let example = one_with(text, Format::TrlStepwise, &with_map("true=2,false=-2"));
    let expected = [Some(2.0), Some(-2.0)];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
}

#[test]
fn trl_needs_as_many_labels_as_completions() {
    let message = refused(r#"{"prompt":"p","completions":["a"]}"#, Format::TrlStepwise);
    assert!(message.contains("field `labels`: missing"), "{message}");
    let text = r#"{"prompt":"p","completions":["a"],"labels":[true,false]}"#;
    let message = refused(text, Format::TrlStepwise);
    assert!(
        message.contains("found 2 rating(s) for 1 segment(s)"),
        "{message}"
    );
    let text = r#"{"prompt":"p","completions":["a"],"labels":[0.5]}"#;
    let message = refusal(text, Format::TrlStepwise, &with_map("true=1,false=0"));
    assert_eq!(
        message,
        "1: field `labels[0]`: found the rating 0.5, expected one of the rating map true=1,false=0"
    );
}

fn completion(text: &str, rating: impl Into<Value>) -> Value {
    json!({"text": text, "rating": rating.into(), "flagged": null})
}

fn prm800k(steps: Value) -> String {
    json!({
        "labeler": "l", "generation": 9,
        "question": {"problem": "p", "ground_truth_answer": "5",
            "pre_generated_steps": ["a", "b", "made"]},
        "label": {"steps": steps, "total_time": 0, "finish_reason": "found_error"}
    })
    .to_string()
}

fn branching() -> String {
    prm800k(json!([
        {"completions": [completion("a", 1), completion("a2", -1)],
         "human_completion": null, "chosen_completion": 0},
        {"completions": [completion("bad", -1)],
         "human_completion": {"text": "h", "rating": null}, "chosen_completion": null},
        {"completions": [completion("other", 1), completion("made", -1)],
         "human_completion": null, "chosen_completion": null}
    ]))
}

#[test]
fn a_solution_of_prm800k_follows_what_was_chosen() {
    let example = one(&branching(), Format::Prm800k);
    assert_eq!(texts(&example), ["a", "h", "made"]);
    let expected = [Some(1.0), None, Some(-1.0)];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
    assert_eq!((example.prompt.as_str(), example.id.as_str()), ("p", "1"));
    assert_eq!(example.meta["finish_reason"], "found_error");
    let example = one_with(&branching(), Format::Prm800k, &with_map("-1=0,0=0.5,1=1"));
    let expected = [Some(1.0), None, Some(0.0)];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
}

#[test]
fn the_tree_of_prm800k_has_an_example_for_each_rated_completion() {
    let options = ImportOptions::default();
    let examples = import_all(&branching(), Format::Prm800kTree, &options);
    let found: Vec<_> = examples
        .iter()
        .map(|example| {
            let example = example.as_ref().unwrap();
            let rated = ratings(example, DEFAULT_ASPECT);
            let (last, ahead) = rated.split_last().unwrap();
            assert!(ahead.iter().all(Option::is_none), "only the last is rated");
            (
                example.id.as_str(),
                example.response.as_str(),
                last.unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("1-0-0", "a", 1.0),
            ("1-0-1", "a2", -1.0),
            ("1-1-0", "a\nbad", -1.0),
            ("1-2-0", "a\nh\nother", 1.0),
            ("1-2-1", "a\nh\nmade", -1.0),
        ]
    );
}

#[test]
fn prm800k_ends_before_a_step_of_which_it_is_open_what_was_made() {
    let step = |completions: Value| json!({"completions": completions, "human_completion": null, "chosen_completion": null});
    let chosen = json!({"completions": [completion("a", 0)], "chosen_completion": 0});
    let two = step(json!([completion("x", 1), completion("y", -1)]));
    let example = one(&prm800k(json!([chosen.clone(), two])), Format::Prm800k);
    assert_eq!(texts(&example), ["a"]);
    let single = step(json!([completion("x", -1)]));
    let example = one(&prm800k(json!([chosen, single])), Format::Prm800k);
    assert_eq!(texts(&example), ["a", "x"]);
}

#[test]
fn prm800k_refuses_ratings_and_choices_that_are_not_there() {
    let text = prm800k(json!([{"completions": [completion("a", 2)], "chosen_completion": 0}]));
    let message = refused(&text, Format::Prm800k);
    let expected = "field `label.steps[0].completions[0].rating`: found 2, expected -1, 0, 1";
    assert!(message.contains(expected), "{message}");
    let text = prm800k(json!([{"completions": [completion("a", 0)], "chosen_completion": 1}]));
    let message = refused(&text, Format::Prm800k);
    let expected = "field `label.steps[0].chosen_completion`: found 1, expected one of 1";
    assert!(message.contains(expected), "{message}");
    let text = prm800k(json!([{"completions": [completion("a", 0)], "chosen_completion": 0}]));
    let message = refusal(&text, Format::Prm800k, &with_map("-1=0,1=1"));
    let expected = "found the rating 0, expected one of the rating map -1=0,1=1";
    assert!(message.contains(expected), "{message}");
    let open = json!({"completions": [completion("a", 0)]});
    let message = refused(&prm800k(json!([open, open])), Format::Prm800k);
    assert!(
        message.contains("expected a chosen or human completion"),
        "{message}"
    );
}

#[test]
fn processbench_counts_from_0_and_leaves_steps_behind_the_error_unrated() {
    let record = |label: i64| {
        json!({"id": "gsm8k-0", "generator": "g", "problem": "p", "steps": ["a", "b", "c"],
            "final_answer_correct": false, "label": label})
        .to_string()
    };
    let labels = |label| ratings(&one(&record(label), Format::ProcessBench), DEFAULT_ASPECT);
    assert_eq!(labels(-1), [Some(1.0); 3]);
    assert_eq!(labels(0), [Some(0.0), None, None]);
    assert_eq!(labels(1), [Some(1.0), Some(0.0), None]);
    let example = one(&record(1), Format::ProcessBench);
    assert_eq!(example.id, "gsm8k-0");
    assert_eq!(example.meta["label"], 1);
    for label in [-2, 3] {
        let message = refused(&record(label), Format::ProcessBench);
        let expected = format!("field `label`: found {label}, expected -1 or");
        assert!(message.contains(&expected), "{message}");
    }
}

fn shepherd(input: &str, label: impl Into<Value>) -> String {
    json!({"input": input, "label": label.into(), "task": "GSM8K"}).to_string()
}

const INPUT: &str = "How much is 1+1-1? Step 1: 1+1 = 2. ки\nStep 2: 2-1 = 0. ки";

#[test]
fn math_shepherd_has_a_sign_where_the_input_has_a_tag() {
    let label = "How much is 1+1-1? Step 1: 1+1 = 2. +\nStep 2: 2-1 = 0. -";
    let example = one(&shepherd(INPUT, label), Format::MathShepherd);
    assert_eq!(example.prompt, "How much is 1+1-1?");
    assert_eq!(texts(&example), ["Step 1: 1+1 = 2.", "Step 2: 2-1 = 0."]);
    let expected = [Some(1.0), Some(0.0)];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
    assert_eq!(example.meta["task"], "GSM8K");
    let repacked = json!({"input": INPUT, "value": ["+", 0.25]}).to_string();
    let example = one(&repacked, Format::MathShepherd);
    let expected = [Some(1.0), Some(0.25)];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
}

#[test]
fn math_shepherd_refuses_a_label_that_does_not_fit_the_input() {
    for (label, problem) in [
        ("How much? +", "found another text in step 1"),
        (
            "How much is 1+1-1? Step 1: 1+1 = 2. ?",
            "found no sign behind step 1",
        ),
        (
            "How much is 1+1-1? Step 1: 1+1 = 2. +\nStep 2: 2-1 = 0. - x",
            "found text behind the last step",
        ),
    ] {
        let message = refused(&shepherd(INPUT, label), Format::MathShepherd);
        assert!(message.starts_with("1: field `label`: "), "{message}");
        assert!(message.contains(problem), "{message}");
    }
    let message = refused(&shepherd(INPUT, json!(["+"])), Format::MathShepherd);
    assert!(message.contains("found 1 labels, expected 2"), "{message}");
    let message = refused(
        &shepherd("q Step 1: a", "q Step 1: a"),
        Format::MathShepherd,
    );
    assert!(message.contains("field `input`: found none"), "{message}");
}

#[test]
fn math_shepherd_refuses_a_question_or_a_tag_with_two_readings() {
    for (input, problem) in [
        (
            "Is Step 1: a step? Step 1: a ки\nStep 2: b ки",
            "found `Step 1:` twice",
        ),
        (
            "q Step 1: see кино ки\nStep 2: b ки",
            "at the start of a word",
        ),
    ] {
        let message = refused(&shepherd(input, json!(["+", "-"])), Format::MathShepherd);
        assert!(
            message.starts_with("1: field `input`: ") && message.contains(problem),
            "{message}"
        );
    }
}

#[test]
fn conversations_have_a_step_and_its_sign_in_turn() {
    let turns = |turns: &[(&str, &str)]| {
        let turns = turns
            .iter()
            .map(|(role, content)| json!({"role": role, "content": content}));
        json!({"conversations": turns.collect::<Vec<_>>(), "source": "s"}).to_string()
    };
    let whole = [
        ("user", "What is 1 + 2 + 3? Step 1: 1 + 2 = 3"),
        ("assistant", "+"),
        ("user", "Step 2: 3 + 3 = 7 The answer is: 7"),
        ("assistant", "-"),
    ];
    let example = one(&turns(&whole), Format::StepConversations);
    assert_eq!(example.prompt, "What is 1 + 2 + 3?");
    assert_eq!(
        texts(&example),
        ["Step 1: 1 + 2 = 3", "Step 2: 3 + 3 = 7 The answer is: 7"]
    );
    assert_eq!(ratings(&example, "rating"), [Some(1.0), Some(0.0)]);
    assert_eq!(
        (example.id.as_str(), &example.meta["source"]),
        ("1", &json!("s"))
    );
    let options = with_map("+=0.9,-=0.2");
    let example = one_with(&turns(&whole), Format::StepConversations, &options);
    assert_eq!(ratings(&example, "rating"), [Some(0.9), Some(0.2)]);
    for (wrong, said) in [
        (&whole[..3], "3 turns"),
        (&[][..], "no turn"),
        (&[whole[1], whole[0]][..], "`assistant`"),
        (&[("user", "Q Step 1: Step 1: a"), whole[1]][..], "twice"),
        (&[whole[0], ("assistant", "maybe")][..], "+ or -"),
    ] {
        let message = refused(&turns(wrong), Format::StepConversations);
        assert!(message.contains(said), "{message}");
    }
}

/// The key order, the missing marks and the blank behind the question of `RLHFlow/Deepseek-PRM-Data`, whose steps are
/// paragraphs.
#[test]
fn a_question_that_nothing_parts_from_the_first_step_stays_with_it() {
    let record = json!({"conversations": [
        {"content": "What is 1 + 2 + 3? First, we add $1 + 2 = 3$.", "role": "user"},
        {"content": "+", "role": "assistant"},
        {"content": "Then $3 + 3 = 7$.\nThe answer is $\\boxed{7}$.", "role": "user"},
        {"content": "-", "role": "assistant"},
    ]});
    let example = one(&record.to_string(), Format::StepConversations);
    assert_eq!(example.prompt, "");
    assert_eq!(
        texts(&example),
        [
            "What is 1 + 2 + 3? First, we add $1 + 2 = 3$.",
            "Then $3 + 3 = 7$.\nThe answer is $\\boxed{7}$."
        ]
    );
    assert_eq!(ratings(&example, "rating"), [Some(1.0), Some(0.0)]);
    assert_eq!(example.meta["question_in_first_step"], json!(true));
    example.check().unwrap();
}
