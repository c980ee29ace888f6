//! `training.offset`: a model that is trained beside a trivial baseline, with it and without it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{gradus, temp_dir, tiny_bert, trained, write};

/// Words that make a step good, and words that make it bad.
const GOOD: [&str; 4] = ["checked", "proven", "exact", "sound"];
const BAD: [&str; 4] = ["guessed", "vague", "wrong", "loose"];

/// Solutions that are cut off where a rater lost patience: the last of two to five steps is rated low, whatever it says
/// (a truncation trap). Half of a rating is a matter of the words.
fn solutions(directory: &Path, name: &str, from: usize, count: usize) {
    let lines: Vec<String> = (from..from + count)
        .map(|k| {
            let steps = 2 + k % 4;
            let is_good = |step: usize| (k * 7919 + step * 104_729).count_ones().is_multiple_of(2);
            let text = |step: usize| {
                let word = if is_good(step) { GOOD } else { BAD }[(k / 3 + step) % 4];
                format!("this is a {word} step")
            };
            let rating = |step: usize| {
                f64::from(u8::from(is_good(step))) * 0.5 + if step + 1 == steps { 0.0 } else { 0.5 }
            };
            let texts: Vec<String> = (0..steps).map(text).collect();
            let ratings: Vec<f64> = (0..steps).map(rating).collect();
            json!({"id": format!("r{k}"), "prompt": format!("exercise {k}"), "segments": texts, "ratings": ratings})
                .to_string()
        })
        .collect();
    write(directory, name, lines.join("\n"));
}

/// Solutions in `train.jsonl`, `valid.jsonl` and `test.jsonl`.
pub(crate) fn splits(path: &Path) {
    for (name, from, count) in [("train", 0, 240), ("valid", 1000, 60), ("test", 2000, 120)] {
        solutions(path, &format!("{name}.jsonl"), from, count);
    }
}

pub(crate) const CONFIG: &str = "
stack = \"none\"

[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32

[training]
epochs = 12
batch_size = 16
learning_rate = 3e-3
head_learning_rate = 1e-2
";

/// A directory with the splits, and the bundles `none`, `position` and `words`, by offset.
fn bundles() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = temp_dir();
        let path = directory.path();
        splits(path);
        for (name, offset) in [
            ("none", "none"),
            ("position", "position+length"),
            ("words", "bag-of-words"),
        ] {
            write(path, "run.toml", format!("{CONFIG}offset = \"{offset}\"\n"));
            let run = "train --config run.toml --train train.jsonl --valid valid.jsonl --output";
            let run: Vec<&str> = run.split(' ').chain([name]).collect();
            gradus(path, &run).succeeds();
        }
        directory
    });
    directory.path()
}

/// The score, the rating, and whether it is the last one, of every segment of the test split, by response.
fn scored(bundle: &str, options: &[&str]) -> Vec<Vec<(f64, f64, bool)>> {
    let mut run = vec!["score", bundle, "test.jsonl"];
    run.extend(options);
    let text = gradus(bundles(), &run).succeeds();
    text.lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            let segments = record["segments"].as_array().unwrap();
            let number = |value: &Value| value.as_f64().unwrap();
            segments
                .iter()
                .enumerate()
                .map(|(k, one)| {
                    (
                        number(&one["score"]),
                        number(&one["rating"]),
                        k + 1 == segments.len(),
                    )
                })
                .collect()
        })
        .collect()
}

fn pearson(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|pair| of(pair.0 - x, pair.1 - y)).sum()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// Correlation of scores with being the last segment.
fn with_last(responses: &[Vec<(f64, f64, bool)>]) -> f64 {
    let segments = responses.iter().flatten();
    let pairs: Vec<_> = segments
        .map(|one| (one.0, f64::from(u8::from(one.2))))
        .collect();
    pearson(&pairs)
}

/// Correlation of scores with ratings within responses, of the segments that are not the last: what is left of the
/// ratings without the trap.
fn within(responses: &[Vec<(f64, f64, bool)>]) -> f64 {
    let mut pairs = Vec::new();
    for response in responses {
        let rest: Vec<_> = response.iter().filter(|one| !one.2).collect();
        let mean = |of: fn(&(f64, f64, bool)) -> f64| {
            rest.iter().map(|one| of(one)).sum::<f64>() / rest.len() as f64
        };
        let (score, rating) = (mean(|one| one.0), mean(|one| one.1));
        pairs.extend(rest.iter().map(|one| (one.0 - score, one.1 - rating)));
    }
    pearson(&pairs)
}

#[test]
fn a_run_that_only_does_harm_ends_with_the_baseline() {
    let path = bundles();
    let config = CONFIG
        .replace("epochs = 12", "epochs = 1")
        .replace("learning_rate = 3e-3", "learning_rate = 1.0")
        .replace("head_learning_rate = 1e-2", "head_learning_rate = 1.0");
    write(
        path,
        "harm.toml",
        format!("{config}offset = \"position+length\"\n"),
    );
    let run = "train --config harm.toml --train train.jsonl --valid valid.jsonl --output harmed";
    gradus(path, &run.split(' ').collect::<Vec<_>>()).succeeds();
    let log = fs_err::read_to_string(path.join("harmed/metrics.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let validations: Vec<Value> = lines
        .filter(|line: &Value| line.get("eval/mse").is_some())
        .collect();
    let of = |k: usize| {
        (
            validations[k]["step"].as_u64(),
            validations[k]["eval/best"].as_bool(),
        )
    };
    assert_eq!(of(0), (Some(0), Some(true)), "{log}");
    assert_eq!(of(1), (Some(15), Some(false)), "{log}");
    // Nothing but the baseline: without it, all scores are the mean rating.
    let dropped: Vec<f64> = scored("harmed", &["--offset", "drop"])
        .concat()
        .iter()
        .map(|one| one.0)
        .collect();
    assert!(
        dropped
            .iter()
            .all(|score| (score - dropped[0]).abs() < 1e-6)
    );
    let kept = scored("harmed", &[]);
    assert!(with_last(&kept) < -0.4, "{}", with_last(&kept));
}

#[test]
fn without_the_offset_scores_are_free_of_the_trap_and_know_the_words() {
    let usual = scored("none", &[]);
    assert!(
        with_last(&usual) < -0.4,
        "the trap is one: {}",
        with_last(&usual)
    );
    let (kept, dropped) = (
        scored("position", &[]),
        scored("position", &["--offset", "drop"]),
    );
    assert!(with_last(&kept) < -0.5, "{}", with_last(&kept));
    assert!(with_last(&dropped).abs() <= 0.1, "{}", with_last(&dropped));
    let (before, after) = (within(&usual), within(&dropped));
    assert!(after > 0.8 && after > before - 0.05, "{before} {after}");
    // Scores stay on the scale of the ratings.
    let mean = |all: &[Vec<(f64, f64, bool)>], of: fn(&(f64, f64, bool)) -> f64| {
        all.iter().flatten().map(of).sum::<f64>() / all.iter().flatten().count() as f64
    };
    let (score, rating) = (mean(&dropped, |one| one.0), mean(&dropped, |one| one.1));
    assert!((score - rating).abs() < 0.1, "{score} {rating}");
    let asked: Vec<_> = scored("position", &["--offset", "keep"]);
    assert_eq!(asked, kept, "kept is the default");
}

#[test]
fn eval_shows_both_and_the_kept_one_does_not_lose_to_the_baseline() {
    for (bundle, baseline) in [("position", "position + length"), ("words", "bag of words")] {
        let figures = |options: &[&str]| -> (f64, BTreeMap<String, f64>) {
            let mut run = vec!["eval", bundle, "test.jsonl", "--json", "--resamples", "0"];
            run.extend(options);
            let report: Value = serde_json::from_str(&gradus(bundles(), &run).succeeds()).unwrap();
            let choice = options.last().map_or("keep", |choice| *choice);
            assert_eq!(report["provenance"]["offset"], choice);
            let aspect = &report["aspects"][0];
            let baselines = aspect["baselines"].as_array().unwrap();
            let mse = |values: &Value| values["mse"].as_f64().unwrap();
            let named = baselines.iter().map(|one| {
                (
                    one["name"].as_str().unwrap().to_owned(),
                    mse(&one["segment"]),
                )
            });
            (mse(&aspect["segment"]["values"]), named.collect())
        };
        let (kept, rows) = figures(&[]);
        assert!(kept <= rows[baseline], "{bundle}: {kept} {rows:?}");
        assert!(rows["offset dropped"] > kept, "{bundle}: {kept} {rows:?}");
        let (dropped, others) = figures(&["--offset", "drop"]);
        assert!((dropped - rows["offset dropped"]).abs() < 1e-6);
        assert!((others["offset kept"] - kept).abs() < 1e-6);
    }
    let table = gradus(bundles(), &["eval", "position", "test.jsonl"]).succeeds();
    assert!(table.contains("offset dropped"), "{table}");
}

#[test]
fn audit_says_how_much_of_the_scores_the_shortcut_explains_before_and_after() {
    let run = [
        "audit",
        "position",
        "test.jsonl",
        "--json",
        "--resamples",
        "0",
    ];
    let report: Value = serde_json::from_str(&gradus(bundles(), &run).succeeds()).unwrap();
    let shares = report[0]["shortcuts"].as_array().unwrap();
    let share = |place: usize| shares[place]["position_length"].as_f64().unwrap();
    assert_eq!(
        (&shares[0]["offset"], &shares[1]["offset"]),
        (&json!("keep"), &json!("drop"))
    );
    assert!(share(0) > 0.3 && share(1) < 0.1, "{shares:?}");
    let text = gradus(bundles(), &["audit", "position", "test.jsonl"]).succeeds();
    assert!(
        text.contains("(offset: drop), position and length explain 0.0"),
        "{text}"
    );
    // A bundle without one has one line.
    let run = ["audit", "none", "test.jsonl", "--json", "--resamples", "0"];
    let report: Value = serde_json::from_str(&gradus(bundles(), &run).succeeds()).unwrap();
    let shares = report[0]["shortcuts"].as_array().unwrap();
    assert!(shares.len() == 1 && shares[0]["position_length"].as_f64().unwrap() > 0.3);
}

#[test]
fn the_bundle_says_that_it_has_an_offset_and_others_refuse_the_choice() {
    let path = bundles();
    let inspected = gradus(path, &["inspect", "words"]).succeeds();
    assert!(
        inspected.contains(
            "bag-of-words, beside which the model was trained; left out with --offset drop"
        ),
        "{inspected}"
    );
    let card = fs_err::read_to_string(path.join("words/README.md")).unwrap();
    assert!(
        card.contains("offset: a trivial baseline (bag-of-words)"),
        "{card}"
    );
    let manifest = fs_err::read(path.join("words/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    // Versions that would leave the offset out refuse the bundle.
    assert_eq!(manifest["format_version"], 2);
    assert!(manifest["parts"]["offset.json"]["sha256"].is_string());
    for bundle in [path.join("none"), trained().join("bundle")] {
        let bundle = bundle.to_str().unwrap();
        let run = gradus(path, &["score", bundle, "test.jsonl", "--offset", "keep"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("without an offset"), "{}", run.stderr);
        // Without one, the scores are those that one asks for.
        let run = gradus(path, &["score", bundle, "test.jsonl", "--offset", "drop"]);
        assert!(run.stderr.contains("no offset to drop"), "{}", run.stderr);
        let alone = gradus(path, &["score", bundle, "test.jsonl"]).succeeds();
        assert!(run.succeeds() == alone);
    }
}

#[test]
fn an_export_says_what_it_leaves_out_and_a_soup_what_differs() {
    let path = bundles();
    for (bundle, is_told) in [("words", true), ("none", false)] {
        let to = format!("exported-{bundle}");
        let run = gradus(path, &["export", bundle, &to]);
        let warning = "warning: scores of the export are not those of the bundle: the baseline (bag-of-words)";
        assert_eq!(run.stderr.contains(warning), is_told, "{}", run.stderr);
        run.succeeds();
        let readme = fs_err::read_to_string(path.join(to).join("README.md")).unwrap();
        let told = "**These scores are not those of the gradus bundle.**";
        assert_eq!(readme.contains(told), is_told, "{readme}");
        assert_eq!(
            readme.contains("its words: bag-of-words)"),
            is_told,
            "{readme}"
        );
    }
    let soup = |other| gradus(path, &["soup", "words", other, "--output", "soup"]);
    soup("position").fails(2, &["`offset`", "\"position+length\"", "\"bag-of-words\""]);
    soup("none").fails(2, &["`offset`", "null", "\"bag-of-words\""]);
}

#[test]
fn what_was_fitted_to_kept_scores_is_not_used_without_the_offset() {
    let directory = temp_dir();
    let path = directory.path();
    let source = bundles();
    for entry in fs_err::read_dir(source.join("position")).unwrap() {
        let entry = entry.unwrap();
        let to = path.join("bundle").join(entry.file_name());
        fs_err::create_dir_all(path.join("bundle")).unwrap();
        fs_err::copy(entry.path(), to).unwrap();
    }
    let data = source.join("test.jsonl");
    let data = data.to_str().unwrap();
    let drop = ["score", "bundle", data, "--offset", "drop"];
    let before = gradus(path, &drop).succeeds();
    gradus(path, &["calibrate", "bundle", data, "--kind", "isotonic"]).succeeds();
    let run = gradus(path, &drop);
    assert_eq!(run.stdout, before);
    assert!(
        run.stderr.contains("not used: the bundle's recalibration"),
        "{}",
        run.stderr
    );
    assert_ne!(gradus(path, &["score", "bundle", data]).succeeds(), before);
    for (choice, part) in [
        (
            "drop",
            "of scores without recalibration, with the offset dropped:",
        ),
        ("keep", "of recalibrated scores, with the offset kept:"),
    ] {
        let eval = [
            "eval",
            "bundle",
            data,
            "--resamples",
            "0",
            "--card",
            "--offset",
            choice,
        ];
        gradus(path, &eval).succeeds();
        let card = fs_err::read_to_string(path.join("bundle/README.md")).unwrap();
        assert!(card.contains(part), "no `{part}` in {card}");
    }
}

/// A bit that nothing predicts.
fn noise(k: usize, step: usize) -> u64 {
    let mut z = (k * 64 + step + 1) as u64;
    for factor in [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9] {
        z = z.wrapping_mul(factor);
        z ^= z >> 31;
    }
    (z >> 20) % 2
}

/// The solutions, rated by place alone as `place` and by nothing as `noise`; without `place` where that is left out.
fn two_aspects(directory: &Path, name: &str, (from, count): (usize, usize), with_place: bool) {
    let lines = (from..from + count).map(|k| {
        let steps = 2 + k % 4;
        let text = |step: usize| format!("step {} of exercise {k:03}. ", step + 1);
        let length = text(0).len();
        let segments = (0..steps).map(|step| {
            let mut ratings = json!({"noise": noise(k, step)});
            if with_place {
                ratings["place"] = json!(u8::from(step + 1 < steps));
            }
            json!({"start": step * length, "end": (step + 1) * length - 1, "rating": ratings})
        });
        let segments: Vec<Value> = segments.collect();
        let response: String = (0..steps).map(text).collect();
        json!({"id": format!("{name}{k}"), "prompt": format!("{name} {k}"), "response": response, "segments": segments})
            .to_string()
    });
    write(directory, name, lines.collect::<Vec<_>>().join("\n"));
}

/// A directory with `train.jsonl`, `valid.jsonl` and `run.toml` with this offset.
fn directory(offset: &str, with_place: bool) -> TempDir {
    let directory = temp_dir();
    for (name, places) in [("train.jsonl", (0, 120)), ("valid.jsonl", (500, 60))] {
        two_aspects(directory.path(), name, places, with_place);
    }
    let encoder = directory.path().join("encoder");
    fs_err::create_dir(&encoder).unwrap();
    tiny_bert(&encoder);
    let config = "encoder = \"encoder\"\nstack = \"none\"\n[text]\nmax_length = 96\n[training]\nepochs = 2\nlearning_rate = 1e-3\n";
    write(
        directory.path(),
        "run.toml",
        format!("{config}offset = \"{offset}\"\n"),
    );
    directory
}

const RUN: [&str; 7] = [
    "--config",
    "run.toml",
    "--train",
    "train.jsonl",
    "--valid",
    "valid.jsonl",
    "--output",
];

#[test]
fn auto_picks_the_shortcut_of_one_aspect_and_none_for_another_and_says_so_everywhere() {
    let directory = directory("auto", true);
    let path = directory.path();
    let train = |more: &[&str]| gradus(path, &[&["train"][..], &RUN, more].concat());
    let told = |stderr: &str| {
        let line = stderr.lines().find(|line| line.starts_with("offset: "));
        let line = line.unwrap_or_else(|| panic!("no line of the offset in {stderr}"));
        assert!(
            line.starts_with("offset: noise none (MSE on valid: mean 0.2"),
            "{line}"
        );
        assert!(
            line.contains("), place position+length (MSE on valid: mean 0.2"),
            "{line}"
        );
    };
    let table = json!({"noise": "none", "place": "position+length"});
    let dry = train(&["a", "--dry-run", "--json"]);
    told(&dry.stderr);
    let plan: Value = serde_json::from_str(&dry.succeeds()).unwrap();
    assert_eq!(plan["settings"]["offset"], table);
    let run = train(&["a"]);
    told(&run.stderr);
    run.succeeds();
    // The same from disk, whose run.toml asks for what was chosen.
    let toml = fs_err::read_to_string(path.join("a/run.toml")).unwrap();
    assert!(
        toml.contains("[training.offset]") && toml.contains("place = \"position+length\""),
        "{toml}"
    );
    let again = [
        "train",
        "--config",
        "a/run.toml",
        "--output",
        "b",
        "--data-in",
        "disk",
    ];
    let again = gradus(path, &again);
    assert!(!again.stderr.contains("offset: "), "{}", again.stderr);
    again.succeeds();
    let read = |bundle: &str, file: &str| fs_err::read(path.join(bundle).join(file)).unwrap();
    for file in ["model.safetensors", "offset.json", "metrics.jsonl"] {
        assert!(read("a", file) == read("b", file), "{file}");
    }
    let manifest: Value = serde_json::from_slice(&read("a", "manifest.json")).unwrap();
    assert_eq!(
        (&manifest["offset"], &manifest["format_version"]),
        (&table, &json!(3))
    );
    let inspected = gradus(path, &["inspect", "a"]).succeeds();
    assert!(
        inspected.contains("noise none, place position+length, beside which"),
        "{inspected}"
    );
    let card = String::from_utf8(read("a", "README.md")).unwrap();
    assert!(card.contains("noise none, place position+length"), "{card}");
    // A probe, and a run that goes on from the bundle.
    let probe = gradus(path, &[&["probe"][..], &RUN, &["c"]].concat());
    told(&probe.stderr);
    probe.succeeds();
    assert!(read("c", "offset.json") == read("a", "offset.json"));
    let next = [
        "train",
        "--from",
        "a",
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--output",
        "d",
        "--epochs",
        "1",
    ];
    gradus(path, &next).succeeds();
    assert!(read("d", "offset.json") == read("a", "offset.json"));
}

#[cfg(unix)]
#[test]
fn a_stopped_run_goes_on_with_what_it_chose() {
    let directory = directory("auto", true);
    let path = directory.path();
    let arguments = |output| [&["train"][..], &RUN, &[output, "--epochs", "40"]].concat();
    gradus(path, &arguments("alone")).succeeds();
    let child = crate::interrupt::start_in(path, &arguments("stopped"));
    crate::interrupt::wait_for(&path.join("stopped.checkpoints/metrics.jsonl"), 5);
    crate::interrupt::signal(&child, "-INT");
    crate::support::Run::of(child.wait_with_output().unwrap()).fails(130, &["checkpoint saved"]);
    let resumed = gradus(path, &["train", "--resume", "stopped"]);
    assert!(!resumed.stderr.contains("offset: "), "{}", resumed.stderr);
    resumed.succeeds();
    for file in ["model.safetensors", "offset.json", "metrics.jsonl"] {
        let read = |bundle: &str| fs_err::read(path.join(bundle).join(file)).unwrap();
        assert!(read("stopped") == read("alone"), "{file}");
    }
}

#[test]
fn auto_that_finds_nothing_is_a_run_without_an_offset() {
    let (auto, none) = (directory("auto", false), directory("none", false));
    for directory in [&auto, &none] {
        let run = gradus(directory.path(), &[&["train"][..], &RUN, &["a"]].concat());
        let is_told = run.stderr.contains("offset: noise none (MSE on valid: ");
        assert_eq!(is_told, directory.path() == auto.path(), "{}", run.stderr);
        run.succeeds();
        assert!(!directory.path().join("a/offset.json").exists());
    }
    for file in [
        "model.safetensors",
        "run.toml",
        "metrics.jsonl",
        "config.json",
        "README.md",
    ] {
        let [one, other] = [&auto, &none]
            .map(|directory| fs_err::read(directory.path().join("a").join(file)).unwrap());
        assert!(one == other, "{file}");
    }
    let manifest = fs_err::read_to_string(auto.path().join("a/manifest.json")).unwrap();
    assert!(manifest.contains("\"format_version\": 1"), "{manifest}");
}
