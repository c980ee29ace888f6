//! `compare-generators`: pairs by prompt, ratings that correct the judge, and what is refused.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{copy_of_bundle, gradus, json_of, temp_dir, write};

/// A bundle, and answers of two generators to 60 prompts.
pub(crate) fn place() -> TempDir {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let lines = (0..60).flat_map(|k| {
        ["long", "short"].map(|generator| {
            let more = if generator == "long" {
                " It is also written down. And that was all."
            } else {
                ""
            };
            json!({
                "id": format!("{generator}{k}"), "prompt": format!("What of {k}?"),
                "response": format!("Number {k} is fine.{more}"), "meta": {"generator": generator},
            })
            .to_string()
        })
    });
    write(path, "answers.jsonl", lines.collect::<Vec<_>>().join("\n"));
    directory
}

/// The answers to the first prompts, rated by `rated` of generator and score.
pub(crate) fn rate(directory: &Path, prompts: usize, rated: impl Fn(&str, f64) -> f64) {
    let scored = gradus(directory, &["score", "bundle", "answers.jsonl"]).succeeds();
    let lines = scored.lines().take(2 * prompts).map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        let generator = record["meta"]["generator"].as_str().unwrap();
        let rating = rated(generator, record["score"].as_f64().unwrap());
        json!({
            "id": record["id"], "prompt": record["prompt"], "response": record["response"],
            "meta": record["meta"], "rating": rating,
        })
        .to_string()
    });
    write(
        directory,
        "rated.jsonl",
        lines.collect::<Vec<_>>().join("\n"),
    );
}

#[test]
fn generators_are_paired_by_prompt_and_corrected_by_ratings() {
    let directory = place();
    let path = directory.path();
    let compare = [
        "compare-generators",
        "bundle",
        "answers.jsonl",
        "--by",
        "meta.generator",
    ];
    let run = |more: &[&str]| gradus(path, &[&compare[..], more].concat());
    let judged = json_of(run(&["--json"]));
    let gap = &judged[0]["gaps"][0];
    assert_eq!((&gap["a"], &gap["b"]), (&json!("long"), &json!("short")));
    assert_eq!(
        (&gap["prompts"], &gap["corrected"]),
        (&json!(60), &Value::Null)
    );
    let sentence = gap["sentence"].as_str().unwrap();
    assert!(sentence.contains("Without rated answers"), "{sentence}");
    // The gap of the means of what `score` says.
    let scored = gradus(path, &["score", "bundle", "answers.jsonl"]).succeeds();
    let mean = |generator: &str| {
        let scores = scored.lines().filter_map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            let own = record["meta"]["generator"] == generator;
            own.then(|| record["score"].as_f64().unwrap())
        });
        scores.sum::<f64>() / 60.0
    };
    let expected = mean("long") - mean("short");
    let found = gap["judged"]["estimate"].as_f64().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");

    // The judge gives one generator 0.25 too much, and a little noise keeps the interval open.
    rate(path, 20, |generator, score| {
        let noise = (score * 1e5).fract() / 100.0;
        score + noise - if generator == "long" { 0.25 } else { 0.0 }
    });
    let corrected = json_of(run(&["--rated", "rated.jsonl", "--json"]));
    let gap = &corrected[0]["gaps"][0];
    assert_eq!((&gap["prompts"], &gap["rated"]), (&json!(40), &json!(20)));
    let bias = gap["bias"]["estimate"].as_f64().unwrap();
    assert!((bias - 0.25).abs() < 0.02, "{gap}");
    let mean = &gap["corrected"]["mean"];
    let [low, high] = ["low", "high"].map(|end| mean[end].as_f64().unwrap());
    let truth = expected - 0.25;
    assert!(
        (low..=high).contains(&truth) && high < low + 0.1,
        "{truth} {mean}"
    );
    assert_eq!(gap["verdict"], if truth < 0.0 { "second" } else { "first" });

    let table = run(&["--rated", "rated.jsonl"]).succeeds();
    let page = run(&["--rated", "rated.jsonl", "--markdown"]).succeeds();
    for text in [&table, &page] {
        for part in [
            "judge's bias",
            "long - short",
            "corrected by 20 rated prompts",
            "is better than",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    }
    let run = run(&[]);
    assert!(run.stderr.contains("--rated corrects it"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let directory = place();
    let path = directory.path();
    let compare = |data: &str, by: &str, more: &[&str]| {
        let arguments = ["compare-generators", "bundle", data, "--by", by];
        gradus(path, &[&arguments[..], more].concat())
    };
    compare("answers.jsonl", "generator", &[]).fails(2, &["--by: found `generator`", "meta.KEY"]);
    compare("answers.jsonl", "meta.generator", &["--resamples", "0"])
        .fails(2, &["--resamples: found 0", "at least 100"]);
    compare("answers.jsonl", "meta.model", &[]).fails(2, &["no record has `model`"]);
    compare(
        "answers.jsonl",
        "meta.generator",
        &["--rated", "answers.jsonl"],
    )
    .fails(2, &["answers.jsonl", "at least three prompts"]);
    let answer = |generator: &str, prompt: &str| {
        json!({"prompt": prompt, "response": "Yes.", "meta": {"generator": generator}}).to_string()
    };
    let one = [answer("a", "p"), answer("a", "q")];
    write(path, "one.jsonl", one.join("\n"));
    compare("one.jsonl", "meta.generator", &[]).fails(2, &["only `a`", "two generators"]);
    let apart = [answer("a", "p"), answer("b", "q")];
    write(path, "apart.jsonl", apart.join("\n"));
    compare("apart.jsonl", "meta.generator", &[])
        .fails(2, &["no prompt has scored answers of two"]);
}
