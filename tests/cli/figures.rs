//! Every figure that a command prints is explained in its long help, or in the glossary.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{copy_of_bundle, gradus, temp_dir, trained, write};
use crate::threshold::place;

/// Text in which names are looked up: lower case, white space and backticks do not count.
fn folded(text: &str) -> String {
    let text = text.replace('`', "").to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names in the first line of each table that a command printed: cells are parted by two spaces or more.
fn headings(printed: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        let cells: Vec<&str> = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        // The line below a heading has as many cells or one less, and a number.
        let below = lines.peek().map_or("", |line| line);
        let is_number = |cell: &str| {
            cell.trim_start_matches(['-', '+', '[', '!'])
                .starts_with(|c: char| c.is_ascii_digit())
        };
        let numbers = below
            .split("  ")
            .map(str::trim)
            .filter(|cell| is_number(cell))
            .count();
        if cells.len() > 2 && numbers > 1 && !cells.iter().any(|cell| is_number(cell)) {
            found.extend(cells.into_iter().map(str::to_owned));
        }
    }
    found
}

/// Fails for a name that neither the help nor the glossary has. What follows a comma or a bracket says of what it is a
/// figure; `known` are names of the data.
#[track_caller]
fn check(path: &Path, arguments: &[&str], known: &[&str]) {
    let run = gradus(path, arguments);
    let printed = run.succeeds();
    let words = arguments.iter().take_while(|word| {
        !word.contains(['.', '-', '=']) || **word == "compare-generators" || **word == "best-of-n"
    });
    let mut words: Vec<&str> = words.copied().collect();
    words.retain(|word| !["bundle", "encoder"].contains(word));
    words.push("--help");
    let help = gradus(path, &words).succeeds();
    let short: Vec<&str> = words
        .iter()
        .map(|word| if *word == "--help" { "-h" } else { word })
        .collect();
    assert!(
        gradus(path, &short).succeeds().len() < help.len(),
        "{words:?}"
    );
    let glossary = include_str!("../../docs/glossary.md");
    let text = folded(&format!("{help} {glossary}"));
    let names = headings(&printed);
    assert!(!names.is_empty(), "found no table in:\n{printed}");
    for name in names {
        let short = folded(name.split([',', '(', ':']).next().unwrap_or_default());
        let is_known = known.contains(&short.as_str());
        assert!(
            is_known || text.contains(&short),
            "`{name}` of {arguments:?} is explained nowhere:\n{help}"
        );
    }
}

#[test]
fn figures_of_a_bundle_and_of_data_are_explained() {
    let directory = place(|score| json!(score));
    let path = directory.path();
    let few = ["--resamples", "100"];
    let with = |arguments: &[&'static str]| [arguments, &few[..]].concat();
    check(
        path,
        &with(&["eval", "bundle", "test.jsonl", "--ablate", "prompt"]),
        &[],
    );
    check(path, &["calibrate", "bundle", "rated.jsonl"], &["rating"]);
    let threshold = [
        "threshold",
        "bundle",
        "rated.jsonl",
        "--dry-run",
        "--cost",
        "wrong:missed=1:1",
    ];
    check(path, &with(&threshold), &[]);
    check(
        path,
        &with(&["audit", "bundle", "test.jsonl", "--prompts", "9"]),
        &[],
    );
    check(
        path,
        &with(&["compare", "one=bundle", "other=bundle", "test.jsonl"]),
        &[],
    );
    check(path, &["explain", "bundle", "test.jsonl"], &[]);
    check(path, &["data", "stats", "test.jsonl"], &["aspect"]);
    check(path, &["data", "audit", "test.jsonl"], &["position"]);
}

/// The test split with what `change` makes of each record.
fn changed(path: &Path, name: &str, change: impl Fn(usize, &mut Value)) {
    let text = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
    let lines = text.lines().enumerate().map(|(index, line)| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        change(index, &mut record);
        record.to_string()
    });
    write(path, name, lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn figures_of_generators_and_benchmarks_are_explained() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    // Two answers to each prompt, with what the benchmarks look for.
    changed(path, "answers.jsonl", |index, record| {
        record["prompt"] = json!(format!("prompt {}", index / 2));
        let segments = record["segments"].as_array_mut().unwrap();
        for (k, segment) in segments.iter_mut().enumerate() {
            segment["rating"] = json!(f64::from(u8::from(index % 2 == 0 || k == 0)));
        }
        let label = if index % 2 == 0 {
            -1
        } else {
            i64::from(segments.len() > 1)
        };
        record["meta"] = json!({
            "generator": if index % 2 == 0 { "a" } else { "b" }, "label": label, "right": index % 2 == 0, "classification": "circular",
        });
    });
    let few = ["--resamples", "100"];
    let with = |arguments: &[&'static str]| [arguments, &few[..]].concat();
    check(
        path,
        &with(&[
            "compare-generators",
            "bundle",
            "answers.jsonl",
            "--by",
            "meta.generator",
        ]),
        &[],
    );
    let prmbench = [
        "process",
        "prmbench",
        "bundle",
        "answers.jsonl",
        "--threshold",
        "0.5",
    ];
    check(path, &with(&prmbench), &[]);
    let processbench = [
        "process",
        "processbench",
        "bundle",
        "answers.jsonl",
        "--subset",
        "classification",
        "--threshold",
        "0.5",
    ];
    check(path, &with(&processbench), &[]);
    let best_of_n = [
        "process",
        "best-of-n",
        "bundle",
        "answers.jsonl",
        "--outcome",
        "right",
    ];
    check(path, &with(&best_of_n), &[]);
}
