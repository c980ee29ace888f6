//! `gradus data …` on good data.

use std::collections::HashSet;

use serde_json::Value;

use crate::support::{gradus, temp_dir, trained, write};

fn records(path: &std::path::Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn generate_gives_the_same_file_for_the_same_seed() {
    let directory = temp_dir();
    let path = directory.path();
    for (name, seed) in [("a.jsonl", "1"), ("b.jsonl", "1"), ("c.jsonl", "2")] {
        gradus(
            path,
            &[
                "data",
                "generate",
                "--examples",
                "50",
                "--seed",
                seed,
                "-o",
                name,
            ],
        )
        .succeeds();
    }
    let read = |name: &str| fs_err::read(path.join(name)).unwrap();
    assert_eq!(read("a.jsonl"), read("b.jsonl"));
    assert_ne!(read("a.jsonl"), read("c.jsonl"));
    gradus(path, &["data", "validate", "a.jsonl"]).succeeds();
}

#[test]
fn split_puts_every_record_in_one_split_and_no_prompt_in_two() {
    let all = records(&trained().join("all.jsonl"));
    let mut ids = HashSet::new();
    let mut prompts: Vec<HashSet<String>> = Vec::new();
    for name in ["train.jsonl", "valid.jsonl", "test.jsonl"] {
        let split = records(&trained().join(name));
        assert!(!split.is_empty());
        prompts.push(
            split
                .iter()
                .map(|record| record["prompt"].to_string())
                .collect(),
        );
        for record in split {
            assert!(
                ids.insert(record["id"].to_string()),
                "{} is in two splits",
                record["id"]
            );
        }
    }
    assert_eq!(ids.len(), all.len());
    for (k, split) in prompts.iter().enumerate() {
        assert!(
            prompts[k + 1..]
                .iter()
                .all(|other| other.is_disjoint(split))
        );
    }
    gradus(trained(), &["data", "split", "all.jsonl", "-o", "."]).fails(2, &["already exists"]);
}

#[test]
fn compressed_files_are_written_and_read_by_name() {
    let directory = temp_dir();
    let path = directory.path();
    for name in ["plain.jsonl", "small.jsonl.gz"] {
        gradus(path, &["data", "generate", "--examples", "30", "-o", name]).succeeds();
    }
    let plain = fs_err::read(path.join("plain.jsonl")).unwrap();
    let packed =
        ruzstd::encoding::compress_to_vec(&plain[..], ruzstd::encoding::CompressionLevel::Fastest);
    write(path, "small.jsonl.zst", packed);
    let stats = |name| gradus(path, &["data", "stats", name, "--json"]).succeeds();
    assert_eq!(stats("plain.jsonl"), stats("small.jsonl.gz"));
    assert_eq!(stats("plain.jsonl"), stats("small.jsonl.zst"));
    let size = |name| fs_err::metadata(path.join(name)).unwrap().len();
    assert!(size("small.jsonl.gz") < size("plain.jsonl"));

    for command in [
        &["data", "generate", "-o", "new.jsonl.zst"][..],
        &["data", "generate", "-o", "small.jsonl.zst", "--overwrite"],
        &[
            "data",
            "import",
            "trl-stepwise",
            "plain.jsonl",
            "-o",
            "new.ZST",
        ],
    ] {
        gradus(path, command).fails(2, &["found an output in zstd", ".gz", "zstd FILE"]);
    }
    gradus(
        trained(),
        &[
            "score",
            "bundle",
            "test.jsonl",
            "-o",
            path.join("new.jsonl.zst").to_str().unwrap(),
        ],
    )
    .fails(2, &["found an output in zstd"]);
    assert!(!path.join("new.jsonl.zst").exists() && !path.join("new.ZST").exists());
}

#[test]
fn published_records_become_native_ones() {
    let directory = temp_dir();
    let path = directory.path();
    let good = r#"{"prompt":"p","completions":["one","two"],"labels":[true,0.25]}"#;
    let wrong = r#"{"prompt":"p","completions":["one","two"],"labels":[true]}"#;
    write(path, "trl.jsonl", format!("{good}\n{wrong}\n"));
    let import = |more: &[&str]| {
        let mut arguments = vec![
            "data",
            "import",
            "trl-stepwise",
            "trl.jsonl",
            "-o",
            "native.jsonl",
        ];
        arguments.extend(more);
        gradus(path, &arguments)
    };
    import(&[]).fails(2, &["trl.jsonl:2", "labels"]);
    assert!(!path.join("native.jsonl").exists(), "half a file was left");
    let run = import(&["--skip-wrong"]);
    assert!(
        run.stderr.contains("1 examples, 1 invalid records skipped"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let ratings: Vec<_> = records(&path.join("native.jsonl"))[0]["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|segment| segment["rating"].as_f64().unwrap())
        .collect();
    assert_eq!(ratings, [1.0, 0.25]);
    gradus(
        path,
        &["data", "import", "excel", "trl.jsonl", "-o", "x.jsonl"],
    )
    .fails(2, &["excel", "prmbench"]);
}

#[test]
fn stats_counts_what_is_there() {
    let stats: Value = serde_json::from_str(
        &gradus(trained(), &["data", "stats", "all.jsonl", "--json"]).succeeds(),
    )
    .unwrap();
    assert_eq!(stats["examples"], 120);
    for absent in ["response_aspects", "weights"] {
        assert!(stats.get(absent).is_none(), "{absent}");
    }
    let table = gradus(trained(), &["data", "stats", "all.jsonl"]).succeeds();
    assert!(
        table.contains("120 examples") && table.contains("rating"),
        "{table}"
    );
    assert!(
        !table.contains("whole responses") && !table.contains("weights"),
        "{table}"
    );
}

#[test]
fn stats_shows_ratings_of_responses_and_weights_where_there_are_some() {
    let directory = temp_dir();
    let path = directory.path();
    write(
        path,
        "rated.jsonl",
        r#"{"prompt":"p","response":"abcd","rating":{"overall":4},"segments":[{"start":0,"end":1,"rating":1,"weight":0.5},{"start":1,"end":2,"rating":0,"weight":1},{"start":2,"end":4,"rating":0,"weight":2.5}]}
{"prompt":"q","response":"ab","rating":{"overall":2},"segments":[{"start":0,"end":2,"rating":1,"weight":0}]}
{"prompt":"r","response":"ab","segments":[{"start":0,"end":2}]}
"#,
    );
    let stats = gradus(path, &["data", "stats", "rated.jsonl", "--json"]).succeeds();
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let weights = serde_json::json!({"segments": 3, "min": 0.0, "max": 2.5});
    assert_eq!(stats["weights"], weights);
    let overall = &stats["response_aspects"]["overall"];
    assert_eq!(
        (&overall["count"], &overall["mean"]),
        (&2.into(), &3.0.into())
    );
    assert_eq!(stats["aspects"]["rating"]["count"], 4);
    let text = gradus(path, &["data", "stats", "rated.jsonl"]).succeeds();
    for line in [
        "weights other than 1: 3 segments from 0 to 2.5",
        "aspect (whole responses)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let row = text.lines().find(|line| line.starts_with("overall"));
    let row: Vec<&str> = row.unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["overall", "2", "2", "2.0000"], "{text}");
}

#[test]
fn a_split_keeps_together_what_group_names_and_refuses_what_no_record_has() {
    let directory = temp_dir();
    let path = directory.path();
    let lines: Vec<String> = (0..60)
        .map(|k| {
            format!(
                r#"{{"prompt":"p{k}","response":"r{k}","meta":{{"document":{}}}}}"#,
                k / 3
            )
        })
        .collect();
    write(path, "all.jsonl", lines.join("\n"));
    let split = |output: &str, group: &str| {
        gradus(
            path,
            &["data", "split", "all.jsonl", "-o", output, "--group", group],
        )
    };
    split("documents", "meta.document").succeeds();
    let documents = |part: &str| -> HashSet<String> {
        let records = records(&path.join(format!("documents/{part}.jsonl")));
        let document = |record: &Value| record["meta"]["document"].to_string();
        records.iter().map(document).collect()
    };
    let [train, valid, test] = ["train", "valid", "test"].map(documents);
    assert!(train.is_disjoint(&valid) && train.is_disjoint(&test) && valid.is_disjoint(&test));
    split("a", "meta.source").fails(2, &["`meta.source`", "60 examples", "document"]);
    split("a", "context").fails(2, &["`context`"]);
    split("a", "topic").fails(2, &["`topic`", "prompt, context, response or meta.KEY"]);
    assert!(!path.join("a").exists());
}

#[test]
fn validate_counts_all_repeated_ids_and_lists_a_few() {
    let directory = temp_dir();
    let path = directory.path();
    let record = "{\"id\":\"same\",\"prompt\":\"q\",\"response\":\"a\"}\n";
    write(path, "repeated.jsonl", record.repeat(31));
    let run = gradus(path, &["data", "validate", "repeated.jsonl"]);
    assert_eq!(run.code, Some(2));
    let listed = run.stdout.matches("is already used in line 1").count();
    assert_eq!(listed, 10, "{}", run.stdout);
    for said in ["and 20 more repeated ids", "31 valid, 30 invalid"] {
        assert!(run.stdout.contains(said), "{}", run.stdout);
    }
    assert!(run.stderr.contains("30 problem(s) found"), "{}", run.stderr);
    let json = gradus(path, &["data", "validate", "repeated.jsonl", "--json"]);
    let files: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(files[0]["invalid"], 30);
    // Statistics count the records that repeat an id, not the ids.
    let stats = gradus(path, &["data", "stats", "repeated.jsonl"]);
    assert!(
        stats
            .stdout
            .contains("30 records repeat the id of an earlier one"),
        "{}",
        stats.stdout
    );
}

#[test]
fn validate_stops_early_in_a_file_that_holds_no_records() {
    let directory = temp_dir();
    let path = directory.path();
    let export = "  {\n  \"id\": 1,\n  \"data\": {}\n  },\n".repeat(200);
    write(path, "list.json", format!("[\n{export}]\n"));
    let run = gradus(path, &["data", "validate", "list.json"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stdout
            .contains("list.json:1: found a list that goes on"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("0 valid, 1 invalid"), "{}", run.stdout);
    write(path, "export.json", export);
    let run = gradus(path, &["data", "validate", "export.json"]);
    assert_eq!(run.code, Some(2));
    assert!(run.stdout.lines().count() < 30, "{}", run.stdout);
    assert!(
        run.stdout.contains("stopped after 20 invalid records"),
        "{}",
        run.stdout
    );
    assert!(
        run.stderr.contains("one JSON object per line"),
        "{}",
        run.stderr
    );
    // A file of records with many mistakes is read to its end.
    let good = r#"{"prompt":"p","response":"r"}"#;
    let wrong = r#"{"prompt":"p"}"#;
    write(
        path,
        "some.jsonl",
        format!("{good}\n{}", format!("{wrong}\n").repeat(50)),
    );
    let run = gradus(path, &["data", "validate", "some.jsonl"]);
    assert!(run.stdout.contains("1 valid, 50 invalid"), "{}", run.stdout);
}

const SPANS: &str = r#"{"id":"e1","prompt":"q","response":"Nice one 💩. The moon is far. It is cold.","segments":[{"start":13,"end":29,"text":"The moon is far.","rating":1}]}"#;

#[test]
fn a_span_that_does_not_cover_its_text_is_refused_with_the_unit_that_fits() {
    let directory = temp_dir();
    write(directory.path(), "spans.jsonl", SPANS);
    let run = gradus(directory.path(), &["data", "stats", "spans.jsonl"]);
    run.fails(
        2,
        &[
            "spans.jsonl:1: field `segments[0].text`: found \"he moon is far. \" at 13..29",
            "expected \"The moon is far.\"",
            "UTF-16 code units: in characters the span is 12..28",
        ],
    );
    let run = gradus(directory.path(), &["data", "validate", "spans.jsonl"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("UTF-16 code units: in characters the span is 12..28"),
        "{}",
        run.stderr
    );
}

#[test]
fn keys_that_look_like_a_rating_and_are_not_read_are_told() {
    let directory = temp_dir();
    let path = directory.path();
    let line = |id: u32| {
        format!(
            r#"{{"id":"{id}","prompt":"p{id}","contxt":"c","response":"Yes.","segments":[{{"start":0,"end":4,"score":0.5}}]}}"#
        )
    };
    write(path, "data.jsonl", [line(1), line(2)].join("\n"));
    let told = "warning: data.jsonl: the key `score` in segments of 2 records is kept but not read; `rating` is";
    let validated = gradus(path, &["data", "validate", "data.jsonl"]).succeeds();
    assert!(
        validated.contains(told) && validated.contains("`context` is"),
        "{validated}"
    );
    for command in [
        &["data", "stats", "data.jsonl"][..],
        &["data", "audit", "data.jsonl"],
        &[
            "train",
            "--train",
            "data.jsonl",
            "--valid",
            "data.jsonl",
            "-o",
            "bundle",
        ],
    ] {
        let run = gradus(path, command);
        assert!(run.stderr.contains(told), "{command:?}: {}", run.stderr);
    }
}

#[test]
fn a_line_that_unfolds_to_too_much_is_refused_and_the_limit_can_be_raised() {
    use std::io::Write as _;
    let directory = temp_dir();
    let path = directory.path();
    let file = fs_err::File::create(path.join("bomb.jsonl.gz")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::best());
    let response = "a".repeat(17 << 20);
    write!(packer, r#"{{"prompt":"p","response":"{response}"}}"#).unwrap();
    packer.finish().unwrap();
    let stats = |more: &[&str]| {
        let mut arguments = vec!["data", "stats", "bomb.jsonl.gz"];
        arguments.extend(more);
        gradus(path, &arguments)
    };
    stats(&[]).fails(
        2,
        &[
            "bomb.jsonl.gz:1",
            "more than 16777216 bytes",
            "--max-line-bytes",
        ],
    );
    stats(&["--max-line-bytes", "20000000"]).fails(
        2,
        &[
            "bomb.jsonl.gz:1: field `response`: found a text of 17825792 bytes, expected at most 1048576",
            "--max-text-bytes",
        ],
    );
    stats(&[
        "--max-line-bytes",
        "20000000",
        "--max-text-bytes",
        "20000000",
    ])
    .succeeds();
    stats(&["--max-text-bytes", "0"]).fails(2, &["--max-text-bytes"]);
    stats(&["--max-line-bytes", "0"]).fails(2, &["--max-line-bytes"]);
}

#[test]
fn what_an_importer_makes_of_a_table_and_of_marks_is_told() {
    let directory = temp_dir();
    let path = directory.path();
    write(
        path,
        "t.csv",
        "sep=;\nid;prompt;response;start;end;rating\na;q;One. Two.;5;9;1,5\na;q;One. Two.;0;4;0,5\n",
    );
    let run = gradus(
        path,
        &["data", "import", "span-csv", "t.csv", "-o", "t.jsonl"],
    );
    for part in ["';'", "decimal comma", "have been sorted"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    run.succeeds();
    write(
        path,
        "s.jsonl",
        r#"{"source_id":"1","task_type":"QA","prompt":"12 million people live in Bolivia."}"#,
    );
    write(
        path,
        "r.jsonl",
        r#"{"id":"1","source_id":"1","labels":[{"start":8,"end":11,"text":"124","label_type":"Contradiction"}],"response":"Roughly 124 million people live there."}"#,
    );
    for (rule, rating) in [("any", 0.0), ("share", 30.0 / 33.0)] {
        let name = format!("{rule}.jsonl");
        let arguments = [
            "data",
            "import",
            "ragtruth",
            "r.jsonl",
            "--sources",
            "s.jsonl",
            "--mark-rule",
            rule,
            "-o",
            &name,
        ];
        let run = gradus(path, &arguments);
        assert!(run.stderr.contains("mark rule"), "{}", run.stderr);
        run.succeeds();
        let found = records(&path.join(&name))[0]["segments"][0]["rating"]["faithfulness"]
            .as_f64()
            .unwrap();
        assert!((found - rating).abs() < 1e-12, "{rule}: {found}");
    }
    let wrong = [
        "data",
        "import",
        "ragtruth",
        "r.jsonl",
        "--sources",
        "s.jsonl",
        "--mark-rule",
        "most",
        "-o",
        "x",
    ];
    gradus(path, &wrong).fails(2, &["mark rule: found `most`", "any:N"]);
    write(
        path,
        "t.csv",
        "id,prompt,response,start,end,rating\n1,p,abc,0,3,1\n",
    );
    for (format, file, option, value) in [
        ("trl-stepwise", "r.jsonl", "--sources", "s.jsonl"),
        ("trl-stepwise", "r.jsonl", "--segmenter", "line"),
        ("prmbench", "r.jsonl", "--mark-rule", "any"),
        ("span-csv", "t.csv", "--segmenter", "sentence"),
        ("span-csv", "t.csv", "--columns", "prompt=question"),
        ("prmbench", "r.jsonl", "--offsets", "utf16"),
    ] {
        let unread = ["data", "import", format, file, option, value, "-o", "x"];
        let expected = format!("{option}: {format} does not read it");
        gradus(path, &unread).fails(2, &[&expected]);
        assert!(!path.join("x").exists());
    }
}

#[test]
fn an_import_says_how_far_its_raters_agree_and_which_unit_of_offsets_fits() {
    let directory = temp_dir();
    let path = directory.path();
    let region = |start: usize| {
        format!(
            "{{\"id\":\"r\",\"type\":\"labels\",\"value\":{{\"start\":{start},\"end\":{},\"text\":\"42\",\"labels\":[\"Wrong\"]}}}}",
            start + 2
        )
    };
    let task = |start: usize| {
        format!(
            "[{{\"id\":1,\"data\":{{\"text\":\"\u{1f4a9}. So 42.\"}},\"annotations\":[{{\"completed_by\":1,\"result\":[{}]}},{{\"completed_by\":2,\"result\":[]}}]}}]",
            region(start)
        )
    };
    let import = |more: &[&str]| {
        let mut arguments = vec![
            "data",
            "import",
            "label-studio",
            "t.json",
            "--overwrite",
            "-o",
            "out.jsonl",
        ];
        arguments.extend(more);
        gradus(path, &arguments)
    };
    // The editor counts the first character twice.
    write(path, "t.json", task(7));
    let run = import(&[]);
    assert!(
        run.stderr.contains("--offsets utf16 would cover"),
        "{}",
        run.stderr
    );
    run.fails(2, &["annotations[0].result[0].value.text"]);
    let run = import(&["--offsets", "utf16", "--segmenter", "marks"]);
    // Ratings 1 1, 0 1 and 1 1: squares of 0.5 over 3 degrees of freedom; alpha 1 - (1/3) / (1/3).
    let said =
        "rating: 3 segments with 2 raters, standard deviation 0.4082, Krippendorff's alpha 0.0000";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    run.succeeds();
    let segments = records(&path.join("out.jsonl"))[0]["segments"].clone();
    assert_eq!(segments.as_array().unwrap().len(), 3);
    assert_eq!(segments[1]["rating"], serde_json::json!([0.0, 1.0]));
    import(&["--offsets", "utf-16"]).fails(2, &["chars, utf16 or bytes"]);
}

#[test]
fn segment_cuts_what_is_not_cut_and_keeps_the_rest() {
    let directory = temp_dir();
    let path = directory.path();
    let uncut = r#"{"id":"a","prompt":"p","response":"😀 One, Dr. Smith. Two.","source":"s"}"#;
    let had = r#"{"id":"b","prompt":"p","response":"One. Two.","segments":[{"start":0,"end":9,"rating":1.0}]}"#;
    let empty = r#"{"id":"c","prompt":"p","response":" "}"#;
    write(path, "in.jsonl", [uncut, had, empty].join("\n"));
    let run = gradus(
        path,
        &["data", "segment", "in.jsonl", "-o", "out.jsonl", "--text"],
    );
    assert!(
        run.stderr.contains(
            "1 responses cut into 2 segments, 1 kept the segments they had, 1 without text"
        ),
        "{}",
        run.stderr
    );
    run.succeeds();
    let spans = |record: &Value| -> Vec<(u64, u64, String)> {
        let segments = record["segments"].as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().unwrap();
        segments
            .iter()
            .map(|one| {
                (
                    number(&one["start"]),
                    number(&one["end"]),
                    one["text"].as_str().unwrap().into(),
                )
            })
            .collect()
    };
    let written = records(&path.join("out.jsonl"));
    let text = String::from;
    assert_eq!(
        spans(&written[0]),
        [(0, 17, text("😀 One, Dr. Smith.")), (18, 22, text("Two."))]
    );
    assert_eq!(written[0]["source"], "s");
    assert_eq!(spans(&written[1]), [(0, 9, text("One. Two."))]);
    assert_eq!(written[1]["segments"][0]["rating"], 1.0);
    assert_eq!(spans(&written[2]), []);
    gradus(path, &["data", "validate", "out.jsonl"]).succeeds();
    let twice = ["data", "segment", "out.jsonl", "-o", "again.jsonl"];
    gradus(path, &twice).succeeds();
    let read = |name: &str| fs_err::read(path.join(name)).unwrap();
    assert_eq!(read("again.jsonl"), read("out.jsonl"));
    let units = [("utf16", "start_utf16", 19), ("bytes", "start_bytes", 21)];
    for (unit, key, start) in units {
        let run = ["data", "segment", "in.jsonl", "-o", "-", "--offsets", unit];
        let written = gradus(path, &run).succeeds();
        let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
        assert_eq!(first["segments"][1][key], start, "{unit}");
        assert_eq!(first["segments"][1]["start"], 18, "{unit}");
    }
}

#[test]
fn segment_refuses_rules_that_cannot_cut_and_its_own_input() {
    let directory = temp_dir();
    let path = directory.path();
    write(
        path,
        "in.jsonl",
        r#"{"id":"a","prompt":"p","response":"One. Two."}"#,
    );
    let cut = |more: &[&str]| {
        gradus(
            path,
            &[&["data", "segment", "in.jsonl", "-o"], more].concat(),
        )
    };
    cut(&["out.jsonl", "--segmenter", "tokens:8"]).fails(2, &["tokens:N", "needs a tokenizer"]);
    cut(&["out.jsonl", "--segmenter", "word"]).fails(2, &["word", "sentence"]);
    cut(&["in.jsonl", "--overwrite"]).fails(2, &["in.jsonl"]);
    assert!(!path.join("out.jsonl").exists());
}
