//! Benchmarks of process reward models.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Run, gradus, json_of, temp_dir, write};

/// Two subsets in published form, imported, and scores that find three of four.
fn processbench(directory: &Path) {
    let record = |id: &str, label: i64| {
        json!({"id": id, "generator": "g", "problem": format!("Problem {id}"), "steps": ["First.", "Second."], "final_answer_correct": false, "label": label})
            .to_string()
    };
    let labels = [
        ("gsm8k-0", 1),
        ("gsm8k-1", -1),
        ("math-0", 0),
        ("math-1", -1),
    ];
    let lines: Vec<String> = labels
        .iter()
        .map(|(id, label)| record(id, *label))
        .collect();
    write(directory, "raw.jsonl", lines.join("\n"));
    gradus(
        directory,
        &[
            "data",
            "import",
            "processbench",
            "raw.jsonl",
            "-o",
            "data.jsonl",
        ],
    )
    .succeeds();
    let scores = ["[0.9,0.2]", "[0.9,0.8]", "[0.1,0.1]", "[0.9,0.3]"];
    let lines: Vec<String> = labels
        .iter()
        .zip(scores)
        .map(|((id, _), scores)| format!("{{\"id\":\"{id}\",\"scores\":{scores}}}"))
        .collect();
    write(directory, "scores.jsonl", lines.join("\n"));
}

#[test]
fn processbench_runs_on_what_the_importer_writes() {
    let directory = temp_dir();
    processbench(directory.path());
    let base = [
        "process",
        "processbench",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
    ];
    let with = |more: &[&str]| {
        let mut arguments = base.to_vec();
        arguments.extend(more);
        gradus(directory.path(), &arguments)
    };
    let json = json_of(with(&["--threshold", "0.5", "--json"]));
    let subsets = json["subsets"].as_array().unwrap();
    let named: Vec<&str> = subsets
        .iter()
        .map(|s| s["subset"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["gsm8k", "math"]);
    assert_eq!(
        (subsets[0]["f1"].as_f64(), subsets[1]["f1"].as_f64()),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(json["average_f1"], 0.5);
    let interval = &json["subsets"][1]["intervals"]["accuracy_erroneous"];
    assert_eq!(
        (&interval["estimate"], &interval["confidence"]),
        (&json!(1.0), &json!(0.95))
    );
    assert_eq!(
        json["bootstrap"],
        json!({"resamples": 1000, "confidence": 0.95, "seed": 0, "method": "percentile"})
    );
    assert_eq!(
        json["lowest_is_last_interval"]["estimate"],
        json["lowest_is_last"]["share"]
    );
    let without = json_of(with(&["--threshold", "0.5", "--json", "--resamples", "0"]));
    assert_eq!(without["bootstrap"], Value::Null);
    assert_eq!(without["lowest_is_last_interval"], Value::Null);
    assert_eq!(without["subsets"][1]["intervals"], json!({}));
    assert_eq!(without["average_f1"], 0.5);
    let chosen = with(&[
        "--threshold-on",
        "data.jsonl",
        "--threshold-scores",
        "scores.jsonl",
    ])
    .succeeds();
    for part in [
        "quantiles on data.jsonl",
        "gsm8k",
        "average",
        "100.0 [100.0, 100.0]",
        "95 % intervals in brackets, from 1000 resamples of solutions (seed 0)",
        "last step scores lowest in 75.0 [",
    ] {
        assert!(chosen.contains(part), "missing `{part}` in\n{chosen}");
    }
    let by_meta = with(&["--threshold", "0.5", "--subset", "generator"]).succeeds();
    assert!(by_meta.contains("\ng "), "{by_meta}");
    let narrow = ["--threshold", "0.5", "--confidence", "0.5", "--seed", "3"];
    assert!(
        with(&narrow)
            .succeeds()
            .contains("50 % intervals in brackets, from 1000 resamples of solutions (seed 3)")
    );
    let plain = with(&["--threshold", "0.5", "--resamples", "0"]).succeeds();
    assert!(!plain.contains('['), "{plain}");
    with(&["--threshold", "0.5", "--confidence", "1"]).fails(2, &["--confidence", "0.95"]);
    with(&[]).fails(2, &["--threshold"]);
    with(&["--threshold", "0.5", "--threshold-on", "data.jsonl"])
        .fails(2, &["cannot be used with"]);
    with(&["--threshold-on", "data.jsonl"]).fails(2, &["--threshold-scores"]);
    with(&["--threshold", "0.5", "--subset", "tone"]).fails(2, &["`tone`", "generator"]);
}

#[test]
fn prmbench_runs_on_what_the_importer_writes() {
    let directory = temp_dir();
    let record = |class: &str, wrong: &[u8]| {
        json!({"idx": format!("{class}_1"), "classification": class, "modified_question": format!("Why {class}?"),
               "modified_process": ["One.", "Two.", "Three."], "error_steps": wrong})
        .to_string()
    };
    let lines = [
        record("circular", &[2]),
        record("confidence", &[3]),
        record("correct", &[]),
    ];
    write(directory.path(), "raw.jsonl", lines.join("\n"));
    gradus(
        directory.path(),
        &[
            "data",
            "import",
            "prmbench",
            "raw.jsonl",
            "-o",
            "data.jsonl",
        ],
    )
    .succeeds();
    let scores = [
        ("circular_1", "[0.9,0.1,0.9]"),
        ("confidence_1", "[0.9,0.2,0.1]"),
        ("correct_1", "[0.1,0.1,0.1]"),
    ];
    let named: Vec<String> = scores
        .iter()
        .map(|(id, scores)| format!("{{\"id\":\"{id}\",\"scores\":{{\"soundness\":{scores}}}}}"))
        .collect();
    write(directory.path(), "scores.jsonl", named.join("\n"));
    let base = [
        "process",
        "prmbench",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
        "--threshold",
        "0.5",
    ];
    let table = gradus(directory.path(), &base).succeeds();
    for part in [
        "circular",
        "negative F1",
        "simplicity",
        "soundness",
        "overall",
        "1 solutions of class `correct`",
    ] {
        assert!(table.contains(part), "missing `{part}` in\n{table}");
    }
    let mut arguments = base.to_vec();
    arguments.push("--json");
    let json = json_of(gradus(directory.path(), &arguments));
    // Of six steps, both wrong ones are found and one right one is called wrong.
    let overall = &json["overall"];
    assert!(
        (overall["f1"].as_f64().unwrap() - 6.0 / 7.0).abs() < 1e-12,
        "{json}"
    );
    assert!(
        (overall["negative_f1"].as_f64().unwrap() - 0.8).abs() < 1e-12,
        "{json}"
    );
    assert_eq!(json["categories"][0]["steps"]["score"], 1.0);
    assert_eq!(overall["intervals"]["score"]["estimate"], overall["score"]);
    assert_eq!(
        json["dimensions"][0]["interval"]["estimate"],
        json["dimensions"][0]["score"]
    );
}

#[test]
fn best_of_n_shows_every_aggregation_beside_chance_and_ceiling() {
    let directory = temp_dir();
    let record = |id: &str, prompt: &str, right: bool| {
        json!({"id": id, "prompt": prompt, "segments": ["One.", "Two."], "meta": {"correct": right, "n": 1}}).to_string()
    };
    let lines = [
        record("a", "p", true),
        record("b", "p", false),
        record("c", "q", false),
        record("d", "q", true),
        record("e", "lonely", true),
    ];
    write(directory.path(), "data.jsonl", lines.join("\n"));
    let scores = [
        ("a", "[0.9,0.2]"),
        ("b", "[0.5,0.5]"),
        ("c", "[0.1,0.2]"),
        ("d", "[0.8,0.9]"),
        ("e", "[1,1]"),
    ];
    let lines: Vec<String> = scores
        .iter()
        .map(|(id, s)| format!("{{\"id\":\"{id}\",\"scores\":{s}}}"))
        .collect();
    write(directory.path(), "scores.jsonl", lines.join("\n"));
    let base = [
        "process",
        "best-of-n",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
        "--outcome",
    ];
    let with = |more: &[&str]| {
        let mut arguments = base.to_vec();
        arguments.extend(more);
        gradus(directory.path(), &arguments)
    };
    let json = json_of(with(&["correct", "--json"]));
    let picked = |name: &str| {
        let selected = json["selected"].as_array().unwrap();
        selected.iter().find(|s| s["aggregation"] == name).unwrap()["value"].as_f64()
    };
    assert_eq!(
        (picked("mean"), picked("min"), picked("max")),
        (Some(1.0), Some(0.5), Some(1.0))
    );
    assert_eq!(
        (&json["random"], &json["oracle"]),
        (&json!(0.5), &json!(1.0))
    );
    assert_eq!(json["intervals"]["oracle"]["estimate"], 1.0);
    let min = &json["selected"][2];
    assert_eq!(
        (&min["interval"]["low"], &min["interval"]["high"]),
        (&json!(0.0), &json!(1.0)),
        "{min}"
    );
    assert_eq!(
        (&json["groups"], &json["groups_left_out"]),
        (&json!(2), &json!(1))
    );
    let table = with(&["correct"]).succeeds();
    for part in [
        "highest product",
        "best possible",
        "0.5000 [0.0000, 1.0000]",
        "resamples of groups (seed 0)",
    ] {
        assert!(table.contains(part), "missing `{part}` in\n{table}");
    }
    assert!(
        with(&["correct", "--group", "n"])
            .succeeds()
            .contains("1 groups by n")
    );
    assert!(
        with(&["correct", "--group", "n"])
            .succeeds()
            .contains("no intervals: fewer than two groups can be resampled")
    );
    with(&["right"]).fails(2, &["`right`", "correct"]);
}

#[test]
fn ratings_that_name_another_first_wrong_step_are_told() {
    let directory = temp_dir();
    let record = |id: usize, ratings: Value, label: i64| {
        json!({"id": format!("math-{id}"), "prompt": format!("Problem {id}"),
               "segments": ["One.", "Two.", "Three."], "ratings": ratings, "label": label})
        .to_string()
    };
    // The first three agree, the others do not.
    let data = [
        record(0, json!([1, 0, null]), 1),
        record(1, json!([1, 1, 1]), -1),
        record(2, json!([0, 1, 0]), 0),
        record(3, json!([1, 0, null]), 0),
        record(4, json!([1, 0, null]), -1),
        record(5, json!([0, null, null]), 2),
    ];
    for (records, found) in [(&data[..], Some("3 of 6")), (&data[..3], None)] {
        write(directory.path(), "data.jsonl", records.join("\n"));
        let scores: Vec<String> = (0..records.len())
            .map(|id| format!("{{\"id\":\"math-{id}\",\"scores\":[0.9,0.8,0.1]}}"))
            .collect();
        write(directory.path(), "scores.jsonl", scores.join("\n"));
        let run = judged(directory.path(), "processbench", &["--threshold", "0.5"]);
        match found {
            Some(found) => assert!(
                run.stderr
                    .contains(&format!("{found} solutions have ratings that name another")),
                "{}",
                run.stderr
            ),
            None => assert!(!run.stderr.contains("warning"), "{}", run.stderr),
        }
        run.succeeds();
    }
}

#[test]
fn a_threshold_chosen_on_the_records_that_are_judged_is_told() {
    let directory = temp_dir();
    processbench(directory.path());
    // The same records under other ids, and other records.
    let text = fs_err::read_to_string(directory.path().join("data.jsonl")).unwrap();
    let scores = fs_err::read_to_string(directory.path().join("scores.jsonl")).unwrap();
    write(
        directory.path(),
        "same.jsonl",
        text.replace("\"id\":\"", "\"id\":\"other-"),
    );
    write(
        directory.path(),
        "same-scores.jsonl",
        scores.replace("\"id\":\"", "\"id\":\"other-"),
    );
    write(
        directory.path(),
        "other.jsonl",
        text.replace("First.", "At first."),
    );
    for (chosen_on, scores, told) in [
        ("data.jsonl", "scores.jsonl", true),
        ("same.jsonl", "same-scores.jsonl", true),
        ("other.jsonl", "scores.jsonl", false),
    ] {
        let more = ["--threshold-on", chosen_on, "--threshold-scores", scores];
        let run = judged(directory.path(), "processbench", &more);
        let said = "the threshold was chosen on 4 of 4 records that are judged";
        assert_eq!(
            run.stderr.contains(said),
            told,
            "{chosen_on}: {}",
            run.stderr
        );
        run.succeeds();
    }
}

#[test]
fn classes_that_prmbench_does_not_have_are_told() {
    let directory = temp_dir();
    let records = [
        ("a", "multi_solution", "[1,1]", "[0.9,0.9]"),
        ("b", "confidence", "[1,0]", "[0.9,0.1]"),
    ];
    prmbench(directory.path(), &records);
    let run = judged(directory.path(), "prmbench", &["--threshold", "0.5"]);
    assert!(
        run.stderr.contains("in no dimension: `multi_solution`")
            && !run.stderr.contains("half way"),
        "{}",
        run.stderr
    );
    prmbench(
        directory.path(),
        &[("b", "confidence", "[5,1]", "[0.9,0.1]")],
    );
    let run = judged(directory.path(), "prmbench", &["--threshold", "0.5"]);
    assert!(
        run.stderr
            .contains("ratings lie from 1 to 5: a step is wrong where it is rated below 3")
            && !run.stderr.contains("dimension"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_key_that_the_benchmark_reads_is_not_called_unread() {
    let directory = temp_dir();
    let record = |id: &str, right: bool| {
        json!({"id": id, "prompt": "p", "segments": ["One."], "correct": right}).to_string()
    };
    write(
        directory.path(),
        "data.jsonl",
        [record("a", true), record("b", false)].join("\n"),
    );
    let scores = "{\"id\":\"a\",\"scores\":[0.9]}\n{\"id\":\"b\",\"scores\":[0.1]}";
    write(directory.path(), "scores.jsonl", scores);
    let run = judged(directory.path(), "best-of-n", &["--outcome", "correct"]);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    run.succeeds();
}

/// Records of PRMBench with plain ratings, and the scores of a model.
fn prmbench(directory: &Path, records: &[(&str, &str, &str, &str)]) {
    let (mut data, mut scores) = (Vec::new(), Vec::new());
    for (id, class, ratings, found) in records {
        let ratings: Vec<Option<f64>> = serde_json::from_str(ratings).unwrap();
        let texts: Vec<String> = (0..ratings.len()).map(|k| format!("Step {k}.")).collect();
        data.push(
            json!({"id": id, "prompt": format!("Why {id}?"), "segments": texts, "ratings": ratings,
                   "meta": {"classification": class}})
            .to_string(),
        );
        scores.push(format!("{{\"id\":\"{id}\",\"scores\":{found}}}"));
    }
    write(directory, "data.jsonl", data.join("\n"));
    write(directory, "scores.jsonl", scores.join("\n"));
}

fn judged(directory: &Path, benchmark: &str, more: &[&str]) -> Run {
    let mut arguments = vec![
        "process",
        benchmark,
        "--scores",
        "scores.jsonl",
        "data.jsonl",
    ];
    arguments.extend(more);
    gradus(directory, &arguments)
}

#[test]
fn the_score_of_multi_solutions_is_f1_alone() {
    let directory = temp_dir();
    let cases = [
        // Seven of eight right steps are called right: 14 / 15.
        ("[0.9,0.9,0.9,0.2]", "[0.9,0.1,0.9,0.4]", "93.3", "83.3"),
        ("[0.9,0.9,0.9,0.9]", "[0.9,0.1,0.9,0.9]", "100.0", "100.0"),
    ];
    for (multi, deception, expected, sensitivity) in cases {
        let right = "[1,1,1,1]";
        let records = [
            ("m1", "multi_solutions", right, multi),
            ("m2", "multi_solutions", right, "[0.9,0.8,0.9,0.9]"),
            ("d1", "deception", "[1,0,1,1]", deception),
        ];
        prmbench(directory.path(), &records);
        let threshold = ["--threshold", "0.5", "--resamples", "0"];
        let table = judged(directory.path(), "prmbench", &threshold).succeeds();
        let line = |start: &str| table.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(
            line("multi_solutions").trim_end().ends_with(expected),
            "{table}"
        );
        assert!(line("sensitivity").contains("2 of 3"), "{table}");
        assert!(
            line("sensitivity").trim_end().ends_with(sensitivity),
            "{table}"
        );
        assert!(table.contains("multi_solutions is F1 alone"), "{table}");
        let json = json_of(judged(
            directory.path(),
            "prmbench",
            &["--threshold", "0.5", "--json"],
        ));
        let multi = &json["categories"][1]["steps"];
        assert_eq!(multi["score"], multi["f1"]);
        let interval = &multi["intervals"]["score"];
        assert_eq!(interval["estimate"], multi["f1"]);
        assert!(interval["low"].as_f64().unwrap() > 0.85, "{interval}");
        assert_eq!(
            json["dimensions"][0]["interval"]["estimate"],
            json["dimensions"][0]["score"]
        );
    }
}

#[test]
fn a_wrong_step_in_a_class_without_any_is_told() {
    let directory = temp_dir();
    let told = |ratings: &str| {
        let records = [
            ("m1", "multi_solutions", ratings, "[0.9,0.9]"),
            ("d1", "deception", "[1,0]", "[0.9,0.2]"),
        ];
        prmbench(directory.path(), &records);
        let run = judged(directory.path(), "prmbench", &["--threshold", "0.5"]);
        run.stderr
            .contains("1 of 1 solutions of class `multi_solutions`")
    };
    assert!(told("[1,0]"));
    assert!(!told("[1,1]"));
}

#[test]
fn a_file_of_right_solutions_alone_is_judged_by_their_f1() {
    let directory = temp_dir();
    let of = |class| [("m1", class, "[1,1]", "[0.9,0.2]")];
    prmbench(directory.path(), &of("multi_solutions"));
    let run = || {
        judged(
            directory.path(),
            "prmbench",
            &["--threshold", "0.5", "--json"],
        )
    };
    let json = json_of(run());
    let score = json["categories"][0]["steps"]["score"].as_f64().unwrap();
    assert!((score - 2.0 / 3.0).abs() < 1e-12, "{json}");
    prmbench(directory.path(), &of("deception"));
    run().fails(2, &["no two different ratings"]);
}

#[test]
fn unrated_steps_take_no_part_in_prmbench() {
    let directory = temp_dir();
    let found = "[0.9,0.1,0.2]";
    let of = |ratings| {
        [
            ("a", "circular", ratings, found),
            ("b", "circular", ratings, found),
        ]
    };
    prmbench(directory.path(), &of("[1,null,0]"));
    let run = |more: &[&str]| judged(directory.path(), "prmbench", more);
    let json = json_of(run(&["--threshold", "0.5", "--json"]));
    let overall = &json["overall"];
    assert_eq!(overall["f1"], 1.0);
    assert_eq!(overall["score"], 1.0);
    assert_eq!(overall["counts"]["true_positives"], 2);
    assert_eq!(overall["counts"]["true_negatives"], 2);
    assert_eq!(overall["counts"]["false_negatives"], 0);
    assert_eq!(json["steps_unrated"], 2);
    let table = run(&["--threshold", "0.5"]).succeeds();
    assert!(table.contains("2 unrated steps left out"), "{table}");
    // What follows the first error is not judged, and unscored steps are counted beside it.
    prmbench(
        directory.path(),
        &[
            ("a", "circular", "[1,0,null]", "[0.9,0.1,0.1]"),
            ("b", "confidence", "[1,0,1]", "[0.9,0.1,null]"),
        ],
    );
    let json = json_of(run(&["--threshold", "0.5", "--json"]));
    assert_eq!(json["overall"]["score"], 1.0);
    assert_eq!(
        (&json["steps_unrated"], &json["steps_unscored"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn a_score_at_the_threshold_of_prmbench_calls_a_step_wrong() {
    let directory = temp_dir();
    prmbench(directory.path(), &[("a", "circular", "[1,0]", "[0.6,0.5]")]);
    let json = json_of(judged(
        directory.path(),
        "prmbench",
        &["--threshold", "0.5", "--json"],
    ));
    assert_eq!(json["overall"]["score"], 1.0);
}

#[test]
fn redundancy_decides_in_the_classes_about_superfluous_steps() {
    let directory = temp_dir();
    let both = r#"{"validity":[0.9,0.9],"redundancy":[0.1,0.4]}"#;
    prmbench(
        directory.path(),
        &[
            ("a", "redundency", "[1,0]", both),
            ("b", "deception", "[1,0]", both),
        ],
    );
    let run = |more: &[&str]| {
        let mut arguments = vec!["--threshold", "0.5", "--json"];
        arguments.extend(more);
        judged(directory.path(), "prmbench", &arguments)
    };
    let choice = ["--aspects", "validity", "--redundancy-aspect", "redundancy"];
    let json = json_of(run(&choice));
    let of = |json: &Value, place: usize| json["categories"][place]["steps"]["score"].clone();
    assert_eq!(json["categories"][1]["category"], "redundency");
    assert_eq!(of(&json, 1), 1.0);
    // Negative F1 is 0 and F1 2/3.
    assert!((of(&json, 0).as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(json["redundancy_threshold"], 0.15);
    let mut higher = choice.to_vec();
    higher.extend(["--redundancy-threshold", "0.5"]);
    assert_eq!(of(&json_of(run(&higher)), 1), of(&json, 0));
    run(&["--redundancy-aspect", "redundancy"]).fails(2, &["--aspects"]);
    run(&[
        "--aspects",
        "redundancy",
        "--redundancy-aspect",
        "redundancy",
    ])
    .fails(2, &["`redundancy` alone", "--redundancy-aspect"]);
}

#[test]
fn a_solution_that_is_not_scored_far_enough_is_not_found_right() {
    let directory = temp_dir();
    processbench(directory.path());
    let scores = [
        ("gsm8k-0", "[0.9,0.2]"),
        ("gsm8k-1", "[0.9,null]"),
        ("math-0", "[0.1,null]"),
        ("math-1", "[0.9,0.9]"),
    ];
    let lines: Vec<String> = scores
        .iter()
        .map(|(id, scores)| format!("{{\"id\":\"{id}\",\"scores\":{scores}}}"))
        .collect();
    write(directory.path(), "scores.jsonl", lines.join("\n"));
    let run = |more: &[&str]| judged(directory.path(), "processbench", more);
    let json = json_of(run(&["--threshold", "0.5", "--json"]));
    let [gsm8k, math] = [0, 1].map(|place| &json["subsets"][place]);
    assert_eq!(
        gsm8k["accuracy_correct"], 0.0,
        "nobody knows of its second step"
    );
    assert_eq!(
        math["accuracy_erroneous"], 1.0,
        "its first step is the wrong one"
    );
    assert_eq!(
        (&gsm8k["undecided"], &math["undecided"]),
        (&json!(1), &json!(0))
    );
    let table = run(&["--threshold", "0.5"]).succeeds();
    assert!(
        table.contains("1 solutions count as judged wrongly"),
        "{table}"
    );
}

#[test]
fn votes_on_answers_stand_beside_the_best_of_n() {
    let directory = temp_dir();
    let record = |id: &str, right: bool, answer: Value| {
        json!({"id": id, "prompt": "p", "segments": ["One.", "Two."], "answer": answer,
               "meta": {"correct": right}})
        .to_string()
    };
    let data = [
        record("a", true, json!("4")),
        record("b", false, json!(" 5 ")),
        record("c", false, json!(5)),
        record("d", false, json!(null)),
    ];
    write(directory.path(), "data.jsonl", data.join("\n"));
    let scores = ["[0.9,0.9]", "[0.4,0.4]", "[0.3,0.5]", "[0.95,0.1]"];
    let lines: Vec<String> = ["a", "b", "c", "d"]
        .iter()
        .zip(scores)
        .map(|(id, scores)| format!("{{\"id\":\"{id}\",\"scores\":{scores}}}"))
        .collect();
    write(directory.path(), "scores.jsonl", lines.join("\n"));
    let run = |more: &[&str]| {
        let mut arguments = vec!["--outcome", "correct"];
        arguments.extend(more);
        judged(directory.path(), "best-of-n", &arguments)
    };
    let json = json_of(run(&["--answer", "answer", "--json"]));
    let votes = &json["votes"];
    assert_eq!(votes["majority"], 0.0, "two of four say 5");
    assert_eq!(votes["candidates_without_answer"], 1);
    let weighted = votes["weighted"].as_array().unwrap();
    let by = |name: &str| {
        let found = weighted.iter().find(|by| by["aggregation"] == name);
        found.unwrap()["value"].clone()
    };
    // Mean .9 against .8, min .9 / .7, max .9 / .9 (d alone has .95), last .9 / .9.
    assert_eq!(
        (by("mean"), by("min"), by("max"), by("last")),
        (json!(1.0), json!(1.0), json!(0.0), json!(0.5))
    );
    let table = run(&["--answer", "answer"]).succeeds();
    for part in [
        "majority vote",
        "vote by product",
        "pass@n",
        "ties",
        "1 responses have no answer",
    ] {
        assert!(table.contains(part), "missing `{part}` in\n{table}");
    }
    assert_eq!(json_of(run(&["--json"]))["votes"], Value::Null);
    run(&["--answer", "reply"]).fails(2, &["`reply`", "--answer"]);
}

#[test]
fn a_key_with_two_values_is_refused() {
    let directory = temp_dir();
    let record = |id: &str| {
        json!({"id": id, "prompt": "p", "segments": ["One."], "correct": true, "meta": {"correct": false}})
            .to_string()
    };
    write(
        directory.path(),
        "data.jsonl",
        [record("a"), record("b")].join("\n"),
    );
    let scores = r#"{"id":"a","scores":[0.9]}
{"id":"b","scores":[0.1]}"#;
    write(directory.path(), "scores.jsonl", scores);
    judged(directory.path(), "best-of-n", &["--outcome", "correct"])
        .fails(2, &["`correct` twice", "false", "true"]);
}

#[test]
fn one_response_to_each_prompt_leaves_nothing_to_choose() {
    let place = temp_dir();
    let of = |line: fn(u32) -> String| (0..3).map(line).collect::<Vec<_>>().join("\n");
    let data = |id: u32| {
        format!(
            r#"{{"id":"{id}","prompt":"q{id}","segments":["a","b"],"meta":{{"correct":true}}}}"#
        )
    };
    write(place.path(), "data.jsonl", of(data));
    write(
        place.path(),
        "scores.jsonl",
        of(|id| format!(r#"{{"id":"{id}","scores":[1,0]}}"#)),
    );
    let best = [
        "process",
        "best-of-n",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
        "--outcome",
        "correct",
    ];
    for more in [&[][..], &["--json"]] {
        let run = gradus(place.path(), &[&best[..], more].concat());
        run.fails(2, &["no group by prompt has two responses", "3 groups"]);
    }
}

#[test]
fn benchmarks_read_rows_as_they_read_lines() {
    let directory = temp_dir();
    processbench(directory.path());
    gradus(
        directory.path(),
        &["data", "convert", "data.jsonl", "data.parquet"],
    )
    .succeeds();
    let run = |data: &str| {
        let arguments = [
            "process",
            "processbench",
            "--scores",
            "scores.jsonl",
            data,
            "--threshold",
            "0.5",
            "--json",
        ];
        gradus(directory.path(), &arguments).succeeds()
    };
    assert_eq!(
        run("data.parquet").replace("data.parquet", "data.jsonl"),
        run("data.jsonl")
    );
}
