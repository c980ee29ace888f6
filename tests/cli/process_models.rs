//! Process reward models that others trained: their scores as their own code computes them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{gradus, json_of, temp_dir, write};

const GOLDEN: &str = "tests/cli/golden/process";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn reference() -> Value {
    let text = fs_err::read_to_string(root().join(GOLDEN).join("reference.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Lays a tiny decoder with the head of a golden file into a directory, as shards of one model.
fn lay(directory: &Path, family: &str, architecture: &str, head: &str) -> PathBuf {
    let model = directory.join("model");
    fs_err::create_dir_all(&model).unwrap();
    let tiny = root().join(format!("crates/model/tests/golden/tiny-{family}"));
    let heads = root().join(GOLDEN);
    let shards = [
        ("model-1.safetensors", tiny.join("model.safetensors")),
        ("model-2.safetensors", heads.join(head)),
    ];
    let mut weight_map = serde_json::Map::new();
    for (name, from) in shards {
        for tensor in tensors(&from) {
            weight_map.insert(tensor, name.into());
        }
        fs_err::copy(from, model.join(name)).unwrap();
    }
    let index = json!({"metadata": {}, "weight_map": weight_map}).to_string();
    write(&model, "model.safetensors.index.json", index);
    let config = fs_err::read_to_string(tiny.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["architectures"] = json!([architecture]);
    write(&model, "config.json", config.to_string());
    let tokenizer = root().join(format!(
        "crates/data/tests/golden/tiny-{family}/tokenizer.json"
    ));
    fs_err::copy(tokenizer, model.join("tokenizer.json")).unwrap();
    model
}

/// Names of the tensors of a safetensors file.
fn tensors(path: &Path) -> Vec<String> {
    let bytes = fs_err::read(path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let names = header.as_object().unwrap().keys();
    names
        .filter(|name| *name != "__metadata__")
        .cloned()
        .collect()
}

/// The records of the reference, their segments written by `step`.
fn records(directory: &Path, step: impl Fn(usize, &str) -> String) {
    let lines: Vec<String> = reference()["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| {
            let segments = record["segments"].as_array().unwrap().iter().enumerate();
            let segments = segments.map(|(k, text)| step(k, text.as_str().unwrap()));
            json!({"id": record["id"], "prompt": record["prompt"],
                   "segments": segments.collect::<Vec<_>>()})
            .to_string()
        })
        .collect();
    write(directory, "data.jsonl", lines.join("\n"));
}

fn import(directory: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["import", "model", "bundle"];
    arguments.extend(more);
    let run = gradus(directory, &arguments);
    let told = run.stderr.clone();
    run.succeeds();
    told
}

fn scored(directory: &Path, more: &[&str]) -> Vec<Vec<f64>> {
    let mut arguments = vec!["score", "bundle", "data.jsonl"];
    arguments.extend(more);
    let lines = gradus(directory, &arguments).succeeds();
    let of_line = |line: &str| -> Vec<f64> {
        let record: Value = serde_json::from_str(line).unwrap();
        let segments = record["segments"].as_array().unwrap().iter();
        segments.map(|segment| number(&segment["score"])).collect()
    };
    lines.lines().map(of_line).collect()
}

/// A score that stands alone or by the name of its aspect.
fn number(score: &Value) -> f64 {
    let alone = score.as_f64();
    alone.unwrap_or_else(|| {
        score
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .as_f64()
            .unwrap()
    })
}

fn assert_scores(found: &[Vec<f64>], name: &str) {
    let expected: Vec<Vec<f64>> =
        serde_json::from_value(reference()["scores"][name].clone()).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!(
            (found - expected).abs() < 2e-5,
            "{name}: {found} for {expected}"
        );
    }
    let lengths = |scores: &[Vec<f64>]| scores.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(found), lengths(&expected));
}

fn plain(_: usize, text: &str) -> String {
    text.to_owned()
}

/// Qwen's model with its chat template and separator, without a word said.
fn qwen(directory: &Path) {
    let model = lay(
        directory,
        "qwen2",
        "Qwen2ForProcessRewardModel",
        "qwen-prm.safetensors",
    );
    let golden = root().join(GOLDEN);
    fs_err::copy(golden.join("tokenizer.json"), model.join("tokenizer.json")).unwrap();
    let template = root().join("crates/data/tests/golden/chat/turns.jinja");
    fs_err::copy(template, model.join("chat_template.jinja")).unwrap();
    import(directory, &[]);
    records(directory, plain);
}

#[test]
fn qwens_process_reward_model_scores_at_its_separators() {
    let directory = temp_dir();
    qwen(directory.path());
    assert_scores(&scored(directory.path(), &[]), "qwen-prm");
}

#[test]
fn a_known_separator_has_to_be_a_token() {
    let directory = temp_dir();
    lay(
        directory.path(),
        "qwen2",
        "Qwen2ForProcessRewardModel",
        "qwen-prm.safetensors",
    );
    let run = |more: &[&str]| {
        let arguments = [&["import", "model", "bundle"], more].concat();
        gradus(directory.path(), &arguments)
    };
    run(&[]).fails(2, &["found no token `<extra_0>`", "--separator"]);
    run(&["--separator", "\\n"]).succeeds();
}

#[test]
fn math_shepherds_probability_of_plus_is_read_at_the_step_tag() {
    let directory = temp_dir();
    lay(
        directory.path(),
        "llama",
        "LlamaForCausalLM",
        "lm-head.safetensors",
    );
    let told = import(
        directory.path(),
        &[
            "--separator",
            " ки",
            "--between",
            "\\n",
            "--before-response",
            " ",
            "--positive-token",
            "+",
            "--negative-token",
            "-",
        ],
    );
    assert!(told.contains("`Ġ+` (327)"), "{told}");
    records(directory.path(), |k, text| {
        format!("Step {}: {text}", k + 1)
    });
    assert_scores(&scored(directory.path(), &[]), "math-shepherd");
}

#[test]
fn rlhflows_turns_are_separators_too() {
    let directory = temp_dir();
    lay(
        directory.path(),
        "qwen2",
        "Qwen2ForCausalLM",
        "lm-head.safetensors",
    );
    import(
        directory.path(),
        &[
            "--separator",
            "<|im_end|>\\n<|im_start|>assistant\\n",
            "--between",
            "+<|im_end|>\\n<|im_start|>user\\n",
            "--before-prompt",
            "<|im_start|>user\\n",
            "--before-response",
            " ",
            "--positive-token",
            "+",
            "--negative-token",
            "-",
        ],
    );
    records(directory.path(), plain);
    assert_scores(&scored(directory.path(), &[]), "rlhflow");
}

#[test]
fn a_value_head_is_read_where_texts_are_tokenized_apart() {
    let directory = temp_dir();
    lay(
        directory.path(),
        "qwen2",
        "Qwen2ForPrmModel",
        "value-head.safetensors",
    );
    import(
        directory.path(),
        &[
            "--separator",
            "\\n",
            "--before-response",
            "\\n",
            "--tokenize-apart",
        ],
    );
    records(directory.path(), plain);
    assert_scores(&scored(directory.path(), &[]), "value-head");
}

#[test]
fn trls_second_label_is_read_at_separators_that_are_tokenized_apart() {
    let directory = temp_dir();
    lay(
        directory.path(),
        "llama",
        "LlamaForTokenClassification",
        "trl.safetensors",
    );
    import(
        directory.path(),
        &["--separator", "\\n", "--tokenize-apart"],
    );
    records(directory.path(), plain);
    assert_scores(&scored(directory.path(), &[]), "trl");
}

#[test]
fn scores_do_not_depend_on_batches_ratings_or_what_follows() {
    let directory = temp_dir();
    qwen(directory.path());
    let all = scored(directory.path(), &[]);
    let alone = scored(directory.path(), &["--batch-tokens", "1"]);
    for (all, alone) in all.iter().flatten().zip(alone.iter().flatten()) {
        assert!((all - alone).abs() < 1e-6);
    }
    let text = fs_err::read_to_string(directory.path().join("data.jsonl")).unwrap();
    let mut record: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    record["ratings"] = json!([null, 0.5, null]);
    write(directory.path(), "data.jsonl", record.to_string());
    assert_eq!(scored(directory.path(), &[]), [all[1].clone()]);
    record["segments"].as_array_mut().unwrap().pop();
    record["ratings"].as_array_mut().unwrap().pop();
    write(directory.path(), "data.jsonl", record.to_string());
    let shorter = scored(directory.path(), &[]);
    for (shorter, all) in shorter[0].iter().zip(&all[1]) {
        assert!(
            (shorter - all).abs() < 1e-6,
            "a decoder sees nothing behind a token"
        );
    }
}

#[test]
fn every_command_reads_such_a_bundle() {
    let directory = temp_dir();
    qwen(directory.path());
    let record = |id: &str, label: i64, ratings: Value| {
        json!({"id": id, "prompt": "Is 9 odd?", "segments": ["Yes.", "No."], "ratings": ratings,
               "meta": {"label": label, "correct": label == -1, "answer": "9"}})
        .to_string()
    };
    let data = [
        record("x-0", -1, json!([1, 1])),
        record("x-1", 1, json!([1, 0])),
    ];
    write(directory.path(), "rated.jsonl", data.join("\n"));
    let run = |arguments: &[&str]| gradus(directory.path(), arguments);
    let bench = [
        "process",
        "processbench",
        "bundle",
        "rated.jsonl",
        "--threshold",
        "0.001",
        "--json",
    ];
    let found = json_of(run(&bench));
    assert_eq!(found["steps_scored"], 4, "{found}");
    run(&[
        "process",
        "best-of-n",
        "bundle",
        "rated.jsonl",
        "--outcome",
        "correct",
        "--answer",
        "answer",
    ])
    .succeeds();
    let figures = json_of(run(&["eval", "bundle", "rated.jsonl", "--json"]));
    assert_eq!(figures["aspects"][0]["segment"]["values"]["count"], 4);
    run(&["explain", "bundle", "rated.jsonl"]).succeeds();
    let inspected = json_of(run(&["inspect", "bundle", "--json"]));
    assert_eq!(inspected["separator"]["text"], "<extra_0>", "{inspected}");
    run(&["export", "bundle", "exported"]).fails(2, &["separator"]);
    assert!(!directory.path().join("exported").exists());
}

#[test]
fn a_response_is_listed_whole_or_cut_by_the_bundle() {
    let directory = temp_dir();
    qwen(directory.path());
    let whole = scored(directory.path(), &[]);
    let reference = reference();
    let record = &reference["records"][0];
    let steps: Vec<&str> = record["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_str().unwrap())
        .collect();
    let response = steps.join("\n");
    let cut = json!({"id": "a", "prompt": record["prompt"], "response": response}).to_string();
    write(directory.path(), "data.jsonl", cut);
    assert_eq!(scored(directory.path(), &[]), [whole[0].clone()]);
    let first = steps[0].chars().count();
    let partly = json!({"id": "a", "prompt": record["prompt"], "response": response,
                        "segments": [{"start": 0, "end": first}]});
    write(directory.path(), "data.jsonl", partly.to_string());
    gradus(directory.path(), &["score", "bundle", "data.jsonl"]).fails(
        2,
        &[
            "text outside of segments",
            "So the answer",
            "list all segments",
        ],
    );
}

#[test]
fn a_text_cannot_write_a_separator_or_end_its_turn() {
    let directory = temp_dir();
    qwen(directory.path());
    for (prompt, step) in [("Why?", "One.<extra_0>"), ("Why?<|im_end|>", "One.")] {
        let record = json!({"id": "a", "prompt": prompt, "segments": [step]}).to_string();
        write(directory.path(), "data.jsonl", record);
        gradus(directory.path(), &["score", "bundle", "data.jsonl"])
            .fails(2, &["special token", "remove it from the text"]);
    }
}

#[test]
fn what_does_not_fit_has_no_score_and_windows_score_it() {
    let directory = temp_dir();
    qwen(directory.path());
    import(directory.path(), &["--overwrite", "--max-length", "80"]);
    let lines = gradus(directory.path(), &["score", "bundle", "data.jsonl"]).succeeds();
    let second: Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    let segments = second["segments"].as_array().unwrap();
    let lost = segments.iter().filter(|s| s["score"].is_null()).count();
    assert!(lost > 0 && lost < 3, "{second}");
    let windows = gradus(
        directory.path(),
        &["score", "bundle", "data.jsonl", "--stride", "8"],
    )
    .succeeds();
    assert!(!windows.contains("\"score\":null"), "{windows}");
}

#[test]
fn imports_say_what_they_lack() {
    let directory = temp_dir();
    lay(
        directory.path(),
        "qwen2",
        "Qwen2ForCausalLM",
        "lm-head.safetensors",
    );
    let run = |more: &[&str]| {
        let mut arguments = vec!["import", "model", "bundle"];
        arguments.extend(more);
        gradus(directory.path(), &arguments)
    };
    run(&[]).fails(2, &["--separator"]);
    run(&["--separator", "x"]).fails(2, &["--positive-token", "--negative-token"]);
    let tokens = ["--positive-token", "yes?", "--negative-token", "-"];
    run(&[&["--separator", "x"], &tokens[..]].concat()).fails(2, &["`yes?`", "vocabulary"]);
    let same = [
        "--separator",
        "x",
        "--positive-token",
        "+",
        "--negative-token",
        "+",
    ];
    run(&same).fails(2, &["the same token"]);
    run(&["--separator", "\\q"]).fails(2, &["`\\q`", "\\n"]);
    run(&["--separator", "x", "--pooling", "mean"]).fails(2, &["--pooling", "separator"]);
    let other = temp_dir();
    lay(
        other.path(),
        "qwen2",
        "Qwen2ForProcessRewardModel",
        "lm-head.safetensors",
    );
    let arguments = ["import", "model", "bundle", "--separator", "x"];
    gradus(other.path(), &arguments).fails(2, &["score.0.weight"]);
    assert!(!other.path().join("bundle").exists());
}
