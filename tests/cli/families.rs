//! Every family of encoders from training to Python and back, and what `inspect` says of them.

use std::path::Path;
use std::process::Command;

use gradus::model::EncoderConfig;
use serde_json::Value;

use crate::chat::train_with_template;
use crate::support::{gradus, temp_dir, tiny_encoder, trained, write};

/// Trains a bundle on the tiny encoder of a family, with `more` arguments.
pub(crate) fn train(family: &str, directory: &Path, more: &[&str]) -> String {
    let encoder = directory.join("encoder");
    fs_err::create_dir_all(&encoder).unwrap();
    tiny_encoder(family, &encoder);
    let bundle = directory.join("bundle").to_str().unwrap().to_owned();
    let mut arguments = vec!["train", "--encoder", encoder.to_str().unwrap()];
    arguments.extend(["--train", "train.jsonl", "--valid", "valid.jsonl"]);
    arguments.extend(["--epochs", "1", "--max-length", "190", "--output", &bundle]);
    arguments.extend(more);
    gradus(trained(), &arguments).succeeds();
    bundle
}

/// The scores of all segments of a file.
pub(crate) fn scores(bundle: &str, input: &str) -> Vec<f64> {
    let scored = gradus(trained(), &["score", bundle, input]).succeeds();
    let records = scored
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let segments = records.flat_map(|record: Value| record["segments"].as_array().unwrap().clone());
    segments
        .map(|segment| segment["score"].as_f64().unwrap())
        .collect()
}

pub(crate) fn greatest_difference(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let differences = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_family_is_trained_and_comes_back_from_its_export_with_the_same_scores() {
    for family in EncoderConfig::MODEL_TYPES {
        let directory = temp_dir();
        let bundle = train(family, directory.path(), &[]);
        let first = scores(&bundle, "test.jsonl");
        assert!(
            first.iter().any(|score| (score - first[0]).abs() > 1e-6),
            "{family}"
        );
        let exported = directory.path().join("exported");
        let exported = exported.to_str().unwrap();
        gradus(trained(), &["export", &bundle, exported]).succeeds();
        let again = directory.path().join("again");
        let again = again.to_str().unwrap();
        let import = gradus(trained(), &["import", exported, again]);
        if *family == "modernbert" {
            import.fails(2, &["cannot be imported", "prediction head"]);
            continue;
        }
        import.succeeds();
        let second = scores(again, "test.jsonl");
        let difference = greatest_difference(&first, &second);
        assert!(difference < 1e-5, "{family}: {difference}");
    }
}

#[test]
fn decoders_pool_the_last_token_where_nothing_is_asked_for() {
    for (family, more, pooling) in [
        ("qwen3", &[][..], "last"),
        ("llama", &["--pooling", "mean"], "mean"),
        ("roberta", &[], "mean"),
    ] {
        let directory = temp_dir();
        let bundle = train(family, directory.path(), more);
        let inspected = json(&gradus(trained(), &["inspect", &bundle, "--json"]).succeeds());
        assert_eq!(inspected["model"]["pooling"], pooling, "{family}");
        assert_eq!(inspected["model"]["family"], family);
        assert_eq!(inspected["kind"], "bundle");
    }
}

#[test]
fn a_segment_scored_by_a_decoder_does_not_know_what_follows() {
    let directory = temp_dir();
    let record = |segments: &[&str]| {
        let segments: Vec<Value> = segments.iter().map(|&segment| segment.into()).collect();
        let record = serde_json::json!({"prompt": "Add 3 and 4.", "segments": segments});
        format!("{record}\n")
    };
    let whole = record(&["3 and 4 is 7.", " So it is 7.", " Or is it 8?"]);
    let cut = record(&["3 and 4 is 7.", " So it is 7."]);
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    write(directory.path(), "whole.jsonl", whole);
    write(directory.path(), "cut.jsonl", cut);
    for (family, causal) in [("qwen2", true), ("bert", false)] {
        let place = directory.path().join(family);
        let bundle = train(family, &place, &[]);
        let whole = scores(&bundle, &path("whole.jsonl"));
        let cut = scores(&bundle, &path("cut.jsonl"));
        let difference = greatest_difference(&whole[..2], &cut);
        assert_eq!(difference < 1e-5, causal, "{family}: {difference}");
        let told = gradus(trained(), &["eval", &bundle, "test.jsonl"]).stderr;
        assert_eq!(told.contains("without what follows it"), causal, "{told}");
        assert_eq!(told.contains("reads in both directions"), !causal, "{told}");
    }
}

#[test]
fn long_responses_are_scored_in_windows_where_a_stride_is_given() {
    let directory = temp_dir();
    let segments: Vec<Value> = (0..40)
        .map(|k| format!("Line {k} is short. ").into())
        .collect();
    let record = serde_json::json!({"prompt": "Add 3 and 4.", "segments": segments});
    write(directory.path(), "long.jsonl", format!("{record}\n"));
    let input = directory.path().join("long.jsonl");
    let input = input.to_str().unwrap();
    let bundle = train("qwen2", directory.path(), &[]);
    let score = |more: &[&str]| {
        let mut arguments = vec!["score", &bundle, input];
        arguments.extend(more);
        gradus(trained(), &arguments)
    };
    let cut = score(&[]);
    assert!(cut.stderr.contains("dropped"), "{}", cut.stderr);
    let windowed = score(&["--stride", "32"]);
    let told = windowed
        .stderr
        .contains("40 segments scored, 0 segments without a score")
        && windowed.stderr.contains("1 example in ");
    assert!(told, "{}", windowed.stderr);
    let first = |run: crate::support::Run| {
        let record = json(&run.succeeds());
        record["segments"][0]["score"].as_f64().unwrap()
    };
    assert!((first(cut) - first(windowed)).abs() < 1e-5);
    score(&["--stride", "0"]).fails(2, &["--stride", "at least 1"]);
}

#[test]
fn benchmarks_and_comparisons_read_long_responses_in_windows_too() {
    let directory = temp_dir();
    let texts: Vec<Value> = (0..40)
        .map(|k| format!("Line {k} is short. ").into())
        .collect();
    let ratings: Vec<Value> = (0..40).map(|k| (f64::from(k % 4) / 4.0).into()).collect();
    let record = serde_json::json!({"prompt": "Add 3 and 4.", "segments": texts, "ratings": ratings,
        "meta": {"label": 30}});
    write(directory.path(), "long.jsonl", format!("{record}\n"));
    let input = directory.path().join("long.jsonl");
    let input = input.to_str().unwrap();
    let bundle = train("qwen2", directory.path(), &[]);
    let (one, other) = (format!("one={bundle}"), format!("other={bundle}"));
    let compare = ["compare", &one, &other, input, "--json"];
    let process = [
        "process",
        "processbench",
        &bundle,
        input,
        "--threshold",
        "0.5",
    ];
    let run = |arguments: &[&str], more: &[&str]| gradus(trained(), &[arguments, more].concat());
    let compared = |more: &[&str]| json(&run(&compare, more).succeeds())[0]["pairs"].as_u64();
    assert!(compared(&[]) < Some(40));
    assert_eq!(compared(&["--stride", "32"]), Some(40));
    assert!(
        run(&process, &[])
            .succeeds()
            .contains(" of 40 steps have no score")
    );
    assert!(
        !run(&process, &["--stride", "32"])
            .succeeds()
            .contains("have no score")
    );
    for arguments in [&compare[..], &process] {
        run(arguments, &["--stride", "0"]).fails(2, &["--stride", "at least 1"]);
    }
}

#[test]
fn adapters_reach_every_family_and_are_multiplied_out_on_export() {
    for family in ["modernbert", "qwen2", "deberta-v2"] {
        let directory = temp_dir();
        let bundle = train(family, directory.path(), &["--lora", "2"]);
        let inspected = json(&gradus(trained(), &["inspect", &bundle, "--json"]).succeeds());
        let adapters = inspected["model"]["parameters"]["adapters"]
            .as_u64()
            .unwrap();
        assert!(
            adapters >= 3 * 2 * (32 * 2 + 2 * 16),
            "{family}: {adapters}"
        );
        let exported = directory.path().join("exported");
        gradus(trained(), &["export", &bundle, exported.to_str().unwrap()]).succeeds();
        let tensors = fs_err::read(exported.join("model.safetensors")).unwrap();
        let tensors = String::from_utf8_lossy(&tensors).into_owned();
        assert!(!tensors.contains("lora"), "{family}");
    }
}

#[test]
fn an_encoder_is_inspected_without_reading_its_weights() {
    let directory = temp_dir();
    let path = directory.path();
    tiny_encoder("llama", path);
    let inspect = |more: &[&str]| {
        let mut arguments = vec!["inspect", path.to_str().unwrap()];
        arguments.extend(more);
        gradus(trained(), &arguments)
    };
    let answer = json(&inspect(&["--json", "--batch-size", "2"]).succeeds());
    assert_eq!(answer["supported"], true);
    assert_eq!(answer["model"]["causal"], true);
    assert_eq!(answer["model"]["parameters"]["embeddings"], 392 * 32);
    assert_eq!(answer["weights"]["types"]["F32"], 29);
    assert_eq!(answer["memory"]["batch_size"], 2);
    assert_eq!(answer["memory"]["seq_length"], 192);
    assert_eq!(answer["tokenizer"]["vocab_size"], 392);
    let table = inspect(&[]).succeeds();
    let said = table.contains("llama (causal attention)");
    assert!(said && table.contains("12544"), "{table}");
    inspect(&["--batch-size", "0"]).fails(2, &["--batch-size", "at least 1"]);

    let config = fs_err::read_to_string(path.join("config.json")).unwrap();
    write(
        path,
        "config.json",
        config.replace("\"default\"", "\"dynamic\""),
    );
    let answer = json(&inspect(&["--json"]).succeeds());
    assert_eq!(answer["supported"], false);
    let reason = answer["reason"].as_str().unwrap();
    assert!(
        reason.contains("`rope_parameters.rope_type` is \"dynamic\""),
        "{reason}"
    );
    gradus(trained(), &["inspect", "no/such/place"]).fails(2, &["no/such/place"]);
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let directory = temp_dir();
    let path = directory.path();
    tiny_encoder("llama", path);
    let tokenizer = fs_err::read(path.join("tokenizer.json")).unwrap();
    tiny_encoder("deberta-v2", path);
    write(path, "tokenizer.json", tokenizer);
    let answer = gradus(trained(), &["inspect", path.to_str().unwrap(), "--json"]).succeeds();
    let reason = json(&answer)["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.contains("392 tokens, the encoder has 89 embeddings"),
        "{reason}"
    );
    let output = path.join("out");
    let arguments = [
        "train",
        "--encoder",
        path.to_str().unwrap(),
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--max-length",
        "190",
        "--output",
        output.to_str().unwrap(),
    ];
    gradus(trained(), &arguments).fails(2, &["token id 391", "89 token embeddings"]);
}

#[test]
fn what_values_of_tokens_cannot_express_is_not_exported() {
    for (more, reason) in [
        (&["--pooling", "max"][..], "its pooling is `max`"),
        (&["--head", "mlp:8"], "its head is not a linear layer"),
    ] {
        let directory = temp_dir();
        let bundle = train("bert", directory.path(), more);
        let exported = directory.path().join("exported");
        gradus(trained(), &["export", &bundle, exported.to_str().unwrap()]).fails(2, &[reason]);
        assert!(!exported.exists());
    }
    let directory = temp_dir();
    let bundle = train("bert", directory.path(), &[]);
    gradus(trained(), &["export", &bundle, &bundle]).fails(2, &["already exists"]);
}

#[test]
fn what_is_no_reward_model_is_not_imported() {
    let directory = temp_dir();
    tiny_encoder("bert", directory.path());
    let encoder = directory.path().to_str().unwrap();
    let import = || gradus(trained(), &["import", encoder, "unused"]);
    import().fails(
        2,
        &["the architecture is BertModel", "ForTokenClassification"],
    );
    let config = fs_err::read_to_string(directory.path().join("config.json")).unwrap();
    let named = |class: &str| {
        write(
            directory.path(),
            "config.json",
            config.replace("BertModel", class),
        );
    };
    named("BertForSequenceClassification");
    import().fails(2, &["scores the first token of a text"]);
    named("BertForTokenClassification");
    import().fails(2, &["it has no tensor `classifier.weight`"]);
}

/// Runs the code of the README on a scored file and prints the greatest difference.
const COMPARE: &str = r#"
import json, os, re, sys
scored = os.path.abspath(sys.argv[2])
os.chdir(sys.argv[1])
scoring, to_onnx = re.findall(r"```python\n(.*?)```", open("README.md").read(), re.S)
exec(scoring)
worst = 0.0
records = [json.loads(line) for line in open(scored)]
for record in records:
    spans = [(part["start"], part["end"]) for part in record["segments"]]
    expected = [part["score"] for part in record["segments"]]
    for found, value in zip(score(record["prompt"], record["response"], spans), expected):
        assert (found is None) == (value is None), (record["id"], value, found)
        worst = max(worst, abs(found[0] - value) if found else 0.0)
    if record["id"].startswith("long"):
        assert segment(record["response"]) == spans and None in expected
try:
    import onnx, onnxruntime
except ImportError:
    print("onnx and onnxruntime are not installed: the ONNX model is not looked at", file=sys.stderr)
else:
    exec(to_onnx)
    session = onnxruntime.InferenceSession("model.onnx")
    texts = [[record[key] for record in records[:8]] for key in ("prompt", "response")]
    encoded = tokenizer(*texts, padding=True, return_tensors="pt")
    [values] = session.run(None, {name: value.numpy() for name, value in encoded.items()})
    with torch.no_grad():
        distance = (model(**encoded).logits - torch.tensor(values)).abs()
    worst = max(worst, distance[encoded["attention_mask"].bool()].max().item())
print(worst)
"#;

#[test]
#[ignore = "needs Python with torch and transformers: set GRADUS_PYTHON to its interpreter"]
fn an_export_gives_the_same_scores_in_python() {
    let Some(python) = std::env::var_os("GRADUS_PYTHON") else {
        eprintln!("GRADUS_PYTHON is not set: nothing is compared");
        return;
    };
    for family in EncoderConfig::MODEL_TYPES {
        let has_template = ["qwen2", "llama"].contains(family);
        for more in [
            &[][..],
            &["--pooling", "first", "--scale", "standardized"],
            &["--loss", "bce"],
            &["a chat template"],
        ] {
            let directory = temp_dir();
            let bundle = match more {
                ["a chat template"] if has_template => {
                    train_with_template(family, directory.path())
                }
                ["a chat template"] => continue,
                more => train(family, directory.path(), more),
            };
            let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
            let (exported, scored) = (path("exported"), path("scored.jsonl"));
            gradus(trained(), &["export", &bundle, &exported]).succeeds();
            // Texts above the length of every model, which the segmenter cuts.
            let mut texts = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
            for (name, questions) in [("long", 1), ("long-prompt", 400)] {
                texts += &serde_json::json!({
                    "id": name,
                    "prompt": "Is it far? ".repeat(questions),
                    "response": "It is far. Very far! ".repeat(300),
                })
                .to_string();
                texts.push('\n');
            }
            write(directory.path(), "texts.jsonl", texts);
            gradus(
                directory.path(),
                &["score", &bundle, "texts.jsonl", "-o", &scored],
            )
            .succeeds();
            let output = Command::new(&python)
                .args(["-c", COMPARE, &exported, &scored])
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            let worst = String::from_utf8_lossy(&output.stdout);
            let worst: f64 = worst
                .lines()
                .last()
                .unwrap_or_default()
                .parse()
                .unwrap_or_else(|_| panic!("{error}"));
            println!("{family} {more:?}: {worst:e}");
            assert!(worst < 1e-4, "{family} {more:?}: {worst}");
        }
    }
}
