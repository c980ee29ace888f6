//! Which segments are listed or rated decides what is learned and scored, and never what is read.

#![expect(clippy::print_stdout, reason = "what the slow test measures")]

use std::fmt::Write as _;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::support::{gradus, temp_dir, tiny_encoder, train_arguments, trained, write};

/// A record of a response of many sentences, with those of its segments for which `rating` says
/// something: a rating, or `None` for an unrated one.
fn record(id: &str, sentences: &[String], rating: impl Fn(usize) -> Option<Option<f64>>) -> Value {
    let mut segments = Vec::new();
    let mut start = 0;
    for (k, sentence) in sentences.iter().enumerate() {
        let end = start + sentence.chars().count();
        if let Some(rating) = rating(k) {
            segments.push(json!({"start": start, "end": end, "rating": rating}));
        }
        start = end;
    }
    json!({"id": id, "prompt": "Dan adds 1 to 7, 6, 2.", "response": sentences.concat(), "segments": segments})
}

fn sentences(count: usize) -> Vec<String> {
    (0..count)
        .map(|k| format!("Next: {}. ", (k * 7 + 3) % 10))
        .collect()
}

/// Scores as the program writes them, by the span of the segment.
fn scores(directory: &Path, bundle: &str, records: &[Value], more: &[&str]) -> Vec<Value> {
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    write(directory, "input.jsonl", lines.join("\n"));
    let arguments = [&["score", bundle, "input.jsonl"], more].concat();
    let output = gradus(directory, &arguments).succeeds();
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What became of the segment that starts at a character.
fn segment(record: &Value, start: u64) -> Value {
    let mut segments = record["segments"].as_array().unwrap().iter();
    let found = segments.find(|segment| segment["start"] == start).unwrap();
    json!([found["score"], found["unscored"], found["cut"]])
}

#[test]
fn a_score_is_the_same_digit_by_digit_with_any_list() {
    let directory = temp_dir();
    fs_err::create_dir(directory.path().join("encoder")).unwrap();
    // Of data that a run stacks: neither does the baseline that the scores are made of, too, depend on the list.
    for name in ["train.jsonl", "valid.jsonl"] {
        let from = crate::stack::weak().join(name);
        fs_err::copy(from, directory.path().join(name)).unwrap();
    }
    tiny_encoder("modernbert", &directory.path().join("encoder"));
    let config = "[training]\nepochs = 1\nbatch_size = 32\n";
    write(directory.path(), "tiny.toml", config);
    let more = [
        "--encoder",
        "encoder",
        "--max-length",
        "48",
        "--output",
        "bundle",
        "--stack",
        "auto",
    ];
    gradus(directory.path(), &train_arguments(&more)).succeeds();
    assert!(directory.path().join("bundle/offset.json").exists());

    // Of unequal length, so that no limit falls between two of them by chance.
    let sentences: Vec<String> = sentences(40)
        .into_iter()
        .enumerate()
        .map(|(k, sentence)| format!("{sentence}{}", "And so on. ".repeat(k % 3)))
        .collect();
    let all = record("a", &sentences, |_| Some(Some(0.5)));
    let chosen = [0, 3, 9, 30];
    for more in [
        &[][..],
        &["--cut-segments", "score"],
        &["--stride", "16"],
        &["--stride", "500", "--cut-segments", "score"],
    ] {
        let score = |records: &[Value]| scores(directory.path(), "bundle", records, more);
        let expected = score(std::slice::from_ref(&all)).remove(0);
        assert!(expected["segments"][0]["score"].is_f64(), "{expected}");
        let others = [
            record("few", &sentences, |k| chosen.contains(&k).then_some(None)),
            record("rest", &sentences, |k| Some((k < 5).then_some(1.0))),
            record("one", &sentences, |k| (k == 9).then_some(Some(0.0))),
        ];
        for other in score(&others) {
            for segment_of_other in other["segments"].as_array().unwrap() {
                let start = segment_of_other["start"].as_u64().unwrap();
                let id = &other["id"];
                assert_eq!(
                    segment(&other, start),
                    segment(&expected, start),
                    "{id}, {more:?}"
                );
            }
            for key in ["prompt_tokens_dropped", "response_tokens_dropped"] {
                assert_eq!(other[key], expected[key]);
            }
        }
    }
}

#[test]
fn what_was_not_read_stands_in_the_record_and_is_read_back() {
    let directory = trained();
    let long = record("long", &sentences(200), |_| Some(Some(0.5)));
    let short = record("short", &sentences(3), |_| Some(Some(0.1)));
    let scored = scores(directory, "bundle", &[long, short], &[]);
    assert!(
        scored[0]["response_tokens_dropped"].as_u64().unwrap() > 300,
        "{}",
        scored[0]
    );
    assert_eq!(scored[1]["response_tokens_dropped"], 0);
    let in_windows = scores(directory, "bundle", &scored, &["--stride", "100"]);
    assert!(in_windows[0]["windows"].as_u64().unwrap() > 2);
    let segments = in_windows[0]["segments"].as_array().unwrap();
    assert!(
        segments
            .iter()
            .all(|segment| segment.get("unscored").is_none()),
        "a stale reason"
    );

    let arguments = [
        "eval",
        "bundle",
        "input.jsonl",
        "--json",
        "--resamples",
        "0",
    ];
    let of_bundle = gradus(directory, &arguments).succeeds();
    let lines: Vec<String> = scored.iter().map(Value::to_string).collect();
    write(directory, "scored.jsonl", lines.join("\n"));
    let arguments = [
        "eval",
        "--scores",
        "scored.jsonl",
        "input.jsonl",
        "--json",
        "--resamples",
        "0",
    ];
    let of_file = gradus(directory, &arguments).succeeds();
    let [of_bundle, of_file] = [of_bundle, of_file]
        .map(|text| serde_json::from_str::<Value>(&text).unwrap()["aspects"][0].clone());
    let counts = &of_bundle["counts"];
    assert_eq!(counts["responses_shortened"], 1, "{counts}");
    assert_eq!(&of_file["counts"], counts);
    let judged = counts["scored_in_shortened"].as_u64().unwrap();
    let parts = &of_bundle["by_truncation"];
    assert_eq!(parts["shortened"]["segment"]["count"], judged);
    assert_eq!(parts["whole"]["segment"]["count"], 3);
    assert_eq!(
        of_file["by_truncation"]["whole"],
        strip_baselines(&parts["whole"])
    );

    let table = gradus(directory, &["eval", "bundle", "input.jsonl"]).succeeds();
    let line = format!("{judged} of them in 1 truncated responses");
    assert!(table.contains(&line), "{table}");
    assert!(
        table.contains("whole texts only") && table.contains("truncated only"),
        "{table}"
    );
    let page = gradus(
        directory,
        &["eval", "bundle", "input.jsonl", "--markdown", "-"],
    )
    .succeeds();
    assert!(page.contains("| whole texts only |"), "{page}");
}

/// Score files come without baselines.
fn strip_baselines(part: &Value) -> Value {
    let mut part = part.clone();
    part["baselines"] = json!([]);
    part
}

#[test]
fn a_cut_segment_is_marked_in_score_files_and_counted() {
    let directory = trained();
    // One segment that is longer than the model reads.
    let long = record("long", &[sentences(200).concat()], |_| Some(Some(0.5)));
    let dropped = scores(directory, "bundle", std::slice::from_ref(&long), &[]);
    assert_eq!(dropped[0]["segments"][0]["unscored"], "truncated");
    let more = ["--cut-segments", "score"];
    let cut = scores(directory, "bundle", std::slice::from_ref(&long), &more);
    assert_eq!(cut[0]["segments"][0]["cut"], true);
    assert!(cut[0]["segments"][0]["score"].is_f64());
    // Scored again without the option, the mark is gone.
    let again = scores(directory, "bundle", &cut, &[]);
    assert_eq!(again, dropped);
    let arguments = ["eval", "bundle", "input.jsonl", "--cut-segments", "score"];
    let table = gradus(directory, &arguments).succeeds();
    assert!(table.contains("1 by a part of the segment"), "{table}");
    gradus(
        directory,
        &["score", "bundle", "input.jsonl", "--cut-segments", "keep"],
    )
    .fails(2, &["keep", "expected drop or score"]);
}

#[test]
fn a_bundle_keeps_what_becomes_of_cut_segments() {
    let files = trained();
    let directory = temp_dir();
    for name in ["train.jsonl", "valid.jsonl", "tiny.toml"] {
        fs_err::copy(files.join(name), directory.path().join(name)).unwrap();
    }
    let more = [
        "--max-length",
        "24",
        "--cut-segments",
        "score",
        "--output",
        "bundle",
    ];
    gradus(directory.path(), &train_arguments(&more)).succeeds();
    let long = record("long", &sentences(30), |_| Some(None));
    let scored = scores(directory.path(), "bundle", &[long], &[]);
    let segments = scored[0]["segments"].as_array().unwrap();
    assert_eq!(segments.iter().filter(|s| s["cut"] == true).count(), 1);
    let run = fs_err::read_to_string(directory.path().join("bundle/run.toml")).unwrap();
    assert!(run.contains("cut_segments = \"score\""), "{run}");
    let old = fs_err::read_to_string(files.join("bundle/manifest.json")).unwrap();
    assert!(!old.contains("cut_segments"), "the default is not written");
}

/// How a response that was judged up to its first error is written down.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Only the judged segments are listed.
    Judged,
    /// The rest is listed, unrated.
    All,
    /// As the first, with the text cut at the start of the first listed segment that does not fit:
    /// what a cut that looks at the list makes of it.
    CutAtListed,
}

/// Solutions of random words in which a step is wrong with probability 0.1, which nothing in the text
/// tells. All are longer than `room` words.
fn solutions(seed: u64, count: usize, room: usize, form: Form) -> String {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut lines = String::new();
    for id in 0..count {
        let steps: Vec<Vec<String>> = (0..30)
            .map(|_| {
                let length = random.random_range(4..9);
                (0..length)
                    .map(|_| format!("w{}", random.random_range(0..30)))
                    .collect()
            })
            .collect();
        let wrong = (0..30).find(|_| random.random_bool(0.1)).unwrap_or(30);
        let mut words = 0;
        let mut visible = 30;
        for (k, step) in steps.iter().enumerate() {
            words += step.len();
            if words > room && visible == 30 {
                visible = k;
            }
        }
        let mut texts: Vec<String> = steps.iter().map(|step| step.join(" ") + " ").collect();
        if form == Form::CutAtListed && visible <= wrong {
            texts.truncate(visible);
        }
        let rating = |k: usize| match (k <= wrong, form) {
            (true, _) => Some(Some(if k == wrong { 0.0 } else { 1.0 })),
            (false, Form::All) => Some(None),
            (false, _) => None,
        };
        let mut record = record(&id.to_string(), &texts, rating);
        record["prompt"] = format!("w{} w{}", id % 30, id % 7).into();
        writeln!(lines, "{record}").unwrap();
    }
    lines
}

/// Pearson correlation at segment level on held-out solutions of the same form.
fn pearson(form: Form) -> f64 {
    let directory = temp_dir();
    let path = directory.path();
    // 64 tokens less three special ones and a prompt of two.
    let room = 59;
    for (name, seed, count) in [("train", 1, 1500), ("valid", 2, 150), ("test", 3, 600)] {
        write(
            path,
            &format!("{name}.jsonl"),
            solutions(seed, count, room, form),
        );
    }
    let config = "
        [scratch]
        d_model = 64
        num_layers = 2
        num_heads = 4
        d_ff = 128
        [text]
        max_length = 64
        [training]
        epochs = 6
        batch_size = 16
        learning_rate = 1e-3
    ";
    write(path, "run.toml", config);
    let files = [
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--output",
        "bundle",
    ];
    let train = [&["train", "--config", "run.toml"][..], &files].concat();
    gradus(path, &train).succeeds();
    let eval = ["eval", "bundle", "test.jsonl", "--json", "--resamples", "0"];
    let report: Value = serde_json::from_str(&gradus(path, &eval).succeeds()).unwrap();
    let values = &report["aspects"][0]["segment"]["values"];
    println!(
        "segments: {}, Pearson: {}",
        values["count"], values["pearson"]
    );
    values["pearson"].as_f64().unwrap()
}

#[test]
#[ignore = "trains three models, one to three minutes"]
fn a_list_that_ends_at_the_first_error_teaches_a_model_nothing() {
    println!("only the judged segments listed:");
    let judged = pearson(Form::Judged);
    println!("the rest listed without ratings:");
    let all = pearson(Form::All);
    println!("texts cut at listed segments, as before:");
    let cut_at_listed = pearson(Form::CutAtListed);
    assert_eq!(judged.to_bits(), all.to_bits());
    assert!(judged.abs() < 0.1, "{judged}");
    assert!(cut_at_listed > judged + 0.15, "{cut_at_listed}, not a trap");
}
