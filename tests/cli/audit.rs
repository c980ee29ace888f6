//! `gradus data audit`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{gradus, temp_dir, trained, write};

/// Solutions that end at their first wrong step, two to five steps long.
fn truncated(directory: &Path, name: &str, from: usize, count: usize) {
    let lines: Vec<String> = (from..from + count)
        .map(|k| {
            let steps = 2 + k % 4;
            let texts: Vec<String> = (0..steps)
                .map(|step| format!("step {step} of {k} with {}", (k * 7 + step * 13) % 11))
                .collect();
            let mut ratings = vec![1.0; steps];
            if k % 10 != 0 {
                ratings[steps - 1] = 0.0;
            }
            json!({"id": format!("r{k}"), "prompt": format!("exercise {k} about {}", k * k), "segments": texts, "ratings": ratings})
                .to_string()
        })
        .collect();
    write(directory, name, lines.join("\n"));
}

fn report(directory: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["data", "audit"];
    all.extend(arguments);
    all.push("--json");
    serde_json::from_str(&gradus(directory, &all).succeeds()).unwrap()
}

fn kinds(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap())
        .collect()
}

#[test]
fn the_truncation_trap_is_named_with_its_number_and_a_remedy() {
    let directory = temp_dir();
    let path = directory.path();
    truncated(path, "train.jsonl", 0, 200);
    truncated(path, "test.jsonl", 1000, 60);
    let text = gradus(
        path,
        &["data", "audit", "train.jsonl", "--test", "test.jsonl"],
    )
    .succeeds();
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "`is last` alone reaches Pearson -0.",
        "end at the first error",
        "problem",
        "→ ",
    ] {
        assert!(one_line.contains(part), "missing `{part}` in\n{text}");
    }
    let too_wide: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > 100)
        .collect();
    assert!(too_wide.is_empty(), "{too_wide:?}");
    let report = report(path, &["train.jsonl", "--test", "test.jsonl"]);
    let is_last = report["aspects"][0]["features"]
        .as_array()
        .unwrap()
        .iter()
        .find(|reach| reach["feature"] == "is_last")
        .unwrap();
    assert!(is_last["pearson"].as_f64().unwrap() <= -0.7, "{is_last}");
    assert_eq!(is_last["reach"], "trap");
    assert_eq!(report["findings"][0]["grade"], "problem");
    assert!(kinds(&report).contains(&"ends_at_first_error"), "{report}");
}

#[test]
fn strict_exits_with_2_only_where_something_is_flagged() {
    let directory = temp_dir();
    truncated(directory.path(), "trap.jsonl", 0, 100);
    let run = gradus(
        directory.path(),
        &["data", "audit", "trap.jsonl", "--strict"],
    );
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stdout.contains("problem") && run.stderr.contains("problem"),
        "{}",
        run.stderr
    );
    gradus(directory.path(), &["data", "audit", "trap.jsonl"]).succeeds();
    // The generated set is honest.
    let text = gradus(trained(), &["data", "audit", "all.jsonl", "--strict"]).succeeds();
    assert!(text.contains("0 problems, 0 warnings"), "{text}");
    let splits = [
        "data",
        "audit",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--test",
        "test.jsonl",
        "--strict",
    ];
    gradus(trained(), &splits).succeeds();
}

#[test]
fn a_prompt_in_two_splits_is_found() {
    let report = report(trained(), &["train.jsonl", "--test", "train.jsonl"]);
    assert!(
        kinds(&report).contains(&"shared_prompts"),
        "{:?}",
        kinds(&report)
    );
    assert_eq!(
        report["prompt_overlaps"][0]["exact"],
        report["prompt_overlaps"][0]["prompts"]
    );
}

#[test]
fn ratings_are_held_against_a_stated_scale() {
    let report = report(trained(), &["all.jsonl", "--scale", "0:0.5"]);
    assert_eq!(kinds(&report), ["out_of_scale"]);
    gradus(trained(), &["data", "audit", "all.jsonl", "--scale", "1:0"])
        .fails(2, &["`1:0`", "LOW:HIGH"]);
}

#[test]
fn odd_sets_are_audited_without_a_panic() {
    let directory = temp_dir();
    let path = directory.path();
    let one = r#"{"prompt":"p","segments":["a","b"],"ratings":[1.0,0.0]}"#;
    let unrated = r#"{"prompt":"p","response":"a b"}"#;
    let constant = r#"{"prompt":"p","segments":["a","b"],"ratings":[1.0,1.0]}"#;
    for (name, line, kind) in [
        ("one.jsonl", one, None),
        ("unrated.jsonl", unrated, Some("unrated")),
        ("constant.jsonl", constant, Some("constant")),
    ] {
        write(path, name, line);
        let found = report(path, &[name]);
        assert_eq!(kinds(&found).first().copied(), kind, "{name}");
        gradus(path, &["data", "audit", name]).succeeds();
    }
    write(path, "empty.jsonl", "");
    gradus(path, &["data", "audit", "empty.jsonl"]).fails(2, &["empty.jsonl"]);
    gradus(path, &["data", "audit", "missing.jsonl"]).fails(2, &["missing.jsonl"]);
    write(path, "wrong.jsonl", "{");
    gradus(
        path,
        &["data", "audit", "one.jsonl", "--test", "wrong.jsonl"],
    )
    .fails(2, &["wrong.jsonl:1"]);
}

#[test]
fn the_same_seed_gives_the_same_report() {
    let first = report(trained(), &["all.jsonl", "--seed", "3"]);
    assert_eq!(first, report(trained(), &["all.jsonl", "--seed", "3"]));
    let fits = |report: &Value| report["aspects"][0]["fits"].clone();
    assert_ne!(
        fits(&first),
        fits(&report(trained(), &["all.jsonl", "--seed", "4"]))
    );
}

/// Records that share contexts, responses and ratings under prompts of their own; two prompts in
/// case and blanks alone.
fn shared(directory: &Path) {
    let record = |split: &str, k: usize| {
        let prompt = match k % 10 {
            0 => format!("WHAT  is known of {}? ", k / 10),
            1 => format!("What is known of {}?", k / 10),
            _ => format!("{split} question {k}, worded by nobody else"),
        };
        json!({
            "id": format!("{split}{k}"), "prompt": prompt, "context": format!("Passage {}.", k / 2),
            "segments": [format!("Statement {k} stands."), "And so does this."],
            "ratings": [k as f64 / 40.0, 0.5], "meta": {"document": k / 4},
        })
        .to_string()
    };
    for split in ["a", "b"] {
        let lines: Vec<String> = (0..40).map(|k| record(split, k)).collect();
        write(directory, &format!("{split}.jsonl"), lines.join("\n"));
    }
    let all =
        ["a.jsonl", "b.jsonl"].map(|name| fs_err::read_to_string(directory.join(name)).unwrap());
    write(directory, "all.jsonl", all.join("\n"));
}

#[test]
fn texts_that_splits_share_are_found_and_the_advice_can_be_followed() {
    let directory = temp_dir();
    let path = directory.path();
    shared(path);
    let audited = report(path, &["a.jsonl", "--test", "b.jsonl"]);
    for (kind, grade) in [
        ("shared_prompts", "problem"),
        ("shared_responses", "problem"),
        ("shared_contexts", "warning"),
    ] {
        let findings = audited["findings"].as_array().unwrap();
        let finding = findings
            .iter()
            .find(|finding| finding["kind"] == kind)
            .unwrap();
        assert_eq!(finding["grade"], grade, "{finding}");
        // The advice names a command; carried out, it leaves nothing to find.
        let advice = finding["advice"].as_str().unwrap();
        let group = advice
            .split("--group ")
            .nth(1)
            .unwrap()
            .split('`')
            .next()
            .unwrap();
        let output = format!("by-{kind}");
        let split = [
            "data",
            "split",
            "all.jsonl",
            "-o",
            &output,
            "--group",
            group,
            "--test",
            "0.25",
        ];
        gradus(path, &split).succeeds();
        let [train, test] = ["train", "test"].map(|part| format!("{output}/{part}.jsonl"));
        let again = report(path, &[&train, "--test", &test]);
        assert!(!kinds(&again).contains(&kind), "{again}");
    }
}

#[test]
fn the_same_prompt_is_one_prompt_in_split_audit_and_stats() {
    let directory = temp_dir();
    let path = directory.path();
    let variant = |country: usize, form: usize| match form {
        0 => format!("What is the capital of country {country}, and caf\u{e9}?"),
        1 => format!("What is the capital of country {country}, and caf\u{e9}? "),
        2 => format!("WHAT IS THE CAPITAL OF COUNTRY {country}, AND CAF\u{c9}?"),
        _ => format!("What  is the capital of\ncountry {country}, and cafe\u{301}?"),
    };
    let lines: Vec<String> = (0..80)
        .map(|k| {
            let (country, form) = (k / 4, k % 4);
            json!({"prompt": variant(country, form), "response": format!("City {k}, of course."),
                   "segments": [{"start": 0, "end": 4, "rating": k as f64 / 80.0}]})
            .to_string()
        })
        .collect();
    write(path, "all.jsonl", lines.join("\n"));
    let stats = gradus(path, &["data", "stats", "all.jsonl"]).succeeds();
    assert!(
        stats.contains("20 distinct prompts (20 used more than once)"),
        "{stats}"
    );
    gradus(path, &["data", "split", "all.jsonl", "-o", "."]).succeeds();
    let report = report(
        path,
        &[
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--test",
            "test.jsonl",
        ],
    );
    assert!(!kinds(&report).contains(&"shared_prompts"), "{report}");
    for overlap in report["prompt_overlaps"].as_array().unwrap() {
        assert_eq!(overlap["exact"], 0, "{overlap}");
    }
}

#[test]
fn a_large_set_is_audited_by_a_sample_and_says_so() {
    let directory = temp_dir();
    let path = directory.path();
    let line = |split: &str, k: usize| {
        let (rating, other) = (k % 5, k * 7 % 4);
        json!({
            "id": format!("{split}{k}"), "prompt": format!("question {k}"), "response": format!("Answer {other}. So {rating}."),
            "segments": [{"start": 0, "end": 9, "rating": other}, {"start": 10, "end": 15, "rating": rating}],
        })
        .to_string()
    };
    let lines = |split: &str, range: std::ops::Range<usize>| -> String {
        range.map(|k| line(split, k) + "\n").collect()
    };
    write(path, "train.jsonl", lines("a", 0..20_000));
    write(path, "test.jsonl", lines("b", 19_990..20_200));
    let arguments = ["data", "audit", "train.jsonl", "--test", "test.jsonl"];
    let text = gradus(path, &arguments).succeeds();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "from a sample of 16384 of 20000 records of train:",
        "10 of 210 prompts of test (4.8 %) are in train too",
        "for instance test `b19990`",
    ] {
        assert!(text.contains(part), "missing `{part}` in: {text}");
    }
    let audited = report(path, &["train.jsonl", "--test", "test.jsonl"]);
    assert_eq!(audited["splits"][0]["sampled"], 16_384);
    assert_eq!(audited["splits"][0]["stats"]["examples"], 20_000);
    assert_eq!(audited["splits"][1].get("sampled"), None);
    // An id twice is refused as in a small set, in front of what is wrong behind it.
    write(
        path,
        "twice.jsonl",
        lines("a", 0..9_000) + &line("a", 5) + "\n{}\n",
    );
    gradus(path, &["data", "audit", "twice.jsonl"])
        .fails(2, &["twice.jsonl:9001", "`a5`", "line 6"]);
}
