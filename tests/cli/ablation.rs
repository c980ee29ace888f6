//! What of its input a model reads: `eval --ablate`, and answers that say nothing: `audit`.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TINY, gradus, json_of, temp_dir, write};

/// `reads`, a bundle that reads contexts, `blind`, one that does not, and `test.jsonl`, with a passage for each record that
/// two records share.
fn place() -> TempDir {
    let directory = temp_dir();
    let path = directory.path();
    write(path, "tiny.toml", TINY);
    for (name, from, has_context) in [
        ("train.jsonl", 0, true),
        ("valid.jsonl", 40, true),
        ("test.jsonl", 80, true),
        ("without.jsonl", 80, false),
    ] {
        let lines: Vec<String> = (from..from + 40)
            .map(|k| {
                let mut record = json!({
                    "id": format!("r{k}"), "prompt": format!("What of number {k}?"),
                    "segments": [format!("Number {k} is fine."), format!("And {k} is odd.")],
                    "ratings": [f64::from(k % 5) / 4.0, f64::from(k % 3) / 2.0],
                });
                if has_context {
                    let kind = ["fine", "odd", "it", "and also", "is", "a passage"]
                        [usize::try_from(k / 2 % 6).unwrap()];
                    record["context"] = json!(format!("A passage about {kind} things. More."));
                }
                record.to_string()
            })
            .collect();
        write(path, name, lines.join("\n"));
    }
    for (bundle, flag) in [("reads", "--use-context"), ("blind", "--no-context")] {
        let train = ["train", "--config", "tiny.toml", "--train", "train.jsonl"];
        let more = ["--valid", "valid.jsonl", flag, "--output", bundle];
        gradus(path, &[&train[..], &more].concat()).succeeds();
    }
    directory
}

#[test]
fn the_same_segments_are_scored_without_and_with_another_context() {
    let directory = place();
    let path = directory.path();
    let eval = ["eval", "reads", "test.jsonl", "--ablate", "context,prompt"];
    let run = || json_of(gradus(path, &[&eval[..], &["--json"]].concat()));
    let found = run();
    assert_eq!(found, run(), "the pairing is that of the seed");
    let aspect = &found["aspects"][0];
    let [context, prompt] = [0, 1].map(|index| &aspect["ablations"][index]);
    assert_eq!(
        (&context["part"], &prompt["part"]),
        (&json!("context"), &json!("prompt"))
    );
    assert_eq!(
        (&context["responses"], &context["segments"]),
        (&json!(40), &json!(80))
    );
    assert_eq!(context["as_it_is"], aspect["segment"]["values"]);
    // What the same records without their context give.
    let without = [
        "eval",
        "reads",
        "without.jsonl",
        "--resamples",
        "0",
        "--json",
    ];
    let without = json_of(gradus(path, &without));
    assert_eq!(
        context["without"]["values"],
        without["aspects"][0]["segment"]["values"]
    );
    assert_ne!(context["without"]["values"], context["as_it_is"]);
    assert_ne!(context["swapped"]["values"], context["as_it_is"]);
    let moved = &context["without"]["score_difference"];
    let [low, high] = ["low", "high"].map(|end| moved[end].as_f64().unwrap());
    assert!(low <= high && moved["estimate"].is_f64(), "{moved}");
    assert!(context["swapped"]["mean_change"].as_f64().unwrap() > 0.0);

    let table = gradus(path, &eval).succeeds();
    let page = gradus(path, &[&eval[..], &["--markdown", "-"]].concat()).succeeds();
    gradus(path, &[&eval[..], &["--html", "page.html"]].concat()).succeeds();
    let html = fs_err::read_to_string(path.join("page.html")).unwrap();
    for text in [&table, &page, &html] {
        for part in [
            "blation of the context",
            "without prompt",
            "context of another record",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    }
    assert!(
        table.contains("what is left is read from the rest of the input"),
        "{table}"
    );
    assert!(
        table.lines().all(|line| line.chars().count() <= 240),
        "{table}"
    );
}

#[test]
fn what_cannot_be_taken_away_is_refused() {
    let directory = place();
    let path = directory.path();
    gradus(
        path,
        &["eval", "blind", "test.jsonl", "--ablate", "context"],
    )
    .fails(2, &["blind does not read contexts", "--use-context"]);
    gradus(
        path,
        &["eval", "reads", "without.jsonl", "--ablate", "context"],
    )
    .fails(2, &["fewer than two different contexts in 40 records"]);
    gradus(path, &["eval", "reads", "test.jsonl", "--ablate", "answer"])
        .fails(2, &["found `answer`, expected context or prompt"]);
    gradus(
        path,
        &["score", "reads", "test.jsonl", "-o", "scores.jsonl"],
    )
    .succeeds();
    let scores = [
        "eval",
        "--scores",
        "scores.jsonl",
        "test.jsonl",
        "--ablate",
        "context",
    ];
    gradus(path, &scores).fails(2, &["--ablate", "--scores"]);
    // The prompt is read by every model.
    gradus(path, &["eval", "blind", "test.jsonl", "--ablate", "prompt"]).succeeds();
}

#[test]
fn answers_that_say_nothing_are_scored_beside_the_real_ones() {
    let directory = place();
    let path = directory.path();
    let audit = ["audit", "reads", "test.jsonl"];
    let found = json_of(gradus(path, &[&audit[..], &["--json"]].concat()));
    assert_eq!(found[0]["aspect"], "rating");
    let hacks = found[0]["hacks"].as_array().unwrap();
    let named = |name: &str| hacks.iter().find(|hack| hack["name"] == name).unwrap();
    let refusal = named("I do not know.");
    assert_eq!(
        (&refusal["kind"], &refusal["prompts"]),
        (&json!("refusal"), &json!(40))
    );
    // What `score` says of such answers to the same prompts, and of the real ones.
    let data = fs_err::read_to_string(path.join("test.jsonl")).unwrap();
    let refusals = data.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let record = record.as_object_mut().unwrap();
        record.retain(|key, _| ["id", "prompt", "context"].contains(&key.as_str()));
        record.insert("response".into(), json!("I do not know."));
        json!(record).to_string()
    });
    write(
        path,
        "refusals.jsonl",
        refusals.collect::<Vec<_>>().join("\n"),
    );
    let scores = |name: &str| -> Vec<f64> {
        let scored = gradus(path, &["score", "reads", name]).succeeds();
        let records = scored
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        records
            .map(|record: Value| record["score"].as_f64().unwrap())
            .collect()
    };
    let (refused, real) = (scores("refusals.jsonl"), scores("test.jsonl"));
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    let near = |key: &str, expected: f64| {
        let found = refusal[key].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-5, "{key}: {found} {expected}");
    };
    near("score", mean(&refused));
    near("real_score", mean(&real));
    let wins = refused
        .iter()
        .zip(&real)
        .filter(|(refused, real)| refused > real);
    near("wins", wins.count() as f64 / 40.0);
    let wins: Vec<f64> = hacks
        .iter()
        .map(|hack| hack["wins"].as_f64().unwrap())
        .collect();
    assert!(wins.is_sorted_by(|a, b| a >= b), "{wins:?}");
    assert_eq!(named("a copy of the context")["kind"], "copy");

    let table = gradus(path, &audit).succeeds();
    let page = gradus(path, &[&audit[..], &["--markdown"]].concat()).succeeds();
    for text in [&table, &page] {
        for part in [
            "I do not know.",
            "wins",
            "the answer to another prompt",
            "olicy",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    }
    // An answer that is as good as the real one is a great danger, and --strict fails; without a danger it does not.
    let strict = gradus(path, &["audit", "reads", "refusals.jsonl", "--strict"]);
    assert_eq!(strict.code, Some(2));
    assert!(
        strict.stderr.contains("answers that say nothing win"),
        "{}",
        strict.stderr
    );
    let great = hacks.iter().any(|hack| hack["danger"] == "great");
    let strict = gradus(path, &[&audit[..], &["--strict"]].concat());
    assert_eq!(
        strict.code,
        Some(if great { 2 } else { 0 }),
        "{}",
        strict.stderr
    );
    let few = json_of(gradus(
        path,
        &[&audit[..], &["--prompts", "5", "--json"]].concat(),
    ));
    assert_eq!(few[0]["hacks"][0]["prompts"], 5);
    write(
        path,
        "empty.jsonl",
        json!({"prompt": "p", "response": " "}).to_string(),
    );
    gradus(path, &["audit", "reads", "empty.jsonl"]).fails(2, &["found 0 records with an answer"]);
}
