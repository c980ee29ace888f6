//! Every family of encoders from training to Python and back, and what `inspect` says of them.

use std::path::Path;
use std::process::Command;

use gradus::model::EncoderConfig;
use serde_json::Value;

use crate::chat::train_with_template;
use crate::support::{gradus, segment_scores, temp_dir, tiny_encoder, trained, write};

/// Trains a bundle on the tiny encoder of a family, with `more` arguments.
pub(crate) fn train(family: &str, directory: &Path, more: &[&str]) -> String {
    train_on(["train.jsonl", "valid.jsonl"], family, directory, more)
}

fn train_on(splits: [&str; 2], family: &str, directory: &Path, more: &[&str]) -> String {
    let encoder = directory.join("encoder");
    fs_err::create_dir_all(&encoder).unwrap();
    tiny_encoder(family, &encoder);
    let bundle = directory.join("bundle").to_str().unwrap().to_owned();
    let mut arguments = vec!["train", "--encoder", encoder.to_str().unwrap()];
    arguments.extend(["--train", splits[0], "--valid", splits[1]]);
    arguments.extend(["--epochs", "1", "--max-length", "190", "--stride", "none"]);
    arguments.extend(["--output", &bundle, "--stack", "none"]);
    arguments.extend(more);
    gradus(trained(), &arguments).succeeds();
    bundle
}

/// The scores of all segments of a file.
pub(crate) fn scores(bundle: &str, input: &str) -> Vec<f64> {
    let scored = gradus(trained(), &["score", bundle, input]).succeeds();
    segment_scores(&scored)
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
    score(&["--stride", "0"]).fails(2, &["--stride", "1 or more"]);
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
        run(arguments, &["--stride", "0"]).fails(2, &["--stride", "1 or more"]);
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

/// Runs the code of the READMEs on scored files, and prints the greatest difference of each export. In a process of its own,
/// transformers would be read anew for each of them.
const COMPARE: &str = r#"
import json, os, re, sys

def compare(exported, scored, refuses):
    os.chdir(exported)
    for name in ("segmenter", "segmenter_tables"):
        sys.modules.pop(name, None)
    scoring, to_onnx = re.findall(r"```python\n(.*?)```", open("README.md").read(), re.S)
    names = {}
    exec(scoring, names)
    score, segment, torch = names["score"], names["segment"], names["torch"]
    tokenizer, model = names["tokenizer"], names["model"]
    reads_context = "context" in score.__code__.co_varnames[: score.__code__.co_argcount]
    by_tokens = {"tokenizer": tokenizer} if "segment(response, tokenizer=tokenizer)" in scoring else {}
    worst = 0.0
    records = [json.loads(line) for line in open(scored)]
    for record in records:
        spans = [(part["start"], part["end"]) for part in record["segments"]]
        expected = [part["score"] for part in record["segments"]]
        more = {"context": record.get("context", "")} if reads_context else {}
        found = score(record["prompt"], record["response"], spans, **more)
        for own, value in zip(found, expected):
            assert (own is None) == (value is None), (record["id"], value, own)
            worst = max(worst, abs(own[0] - value) if own else 0.0)
        if record["id"].startswith("uncut"):
            assert segment(record["response"], **by_tokens) == spans, (record["id"], spans)
            assert score(record["prompt"], record["response"], **more) == found
        assert not record["id"].endswith("long") or None in expected
    if refuses:
        try:
            score("Is it far?", "It is far. Very far! " * 300)
        except ValueError as error:
            assert re.fullmatch(r"\d+ tokens, expected at most \d+", str(error)), error
        else:
            sys.exit("a text that is too long is no error")
    try:
        import onnx, onnxruntime
    except ImportError:
        print("onnx and onnxruntime are not installed: the ONNX model is not looked at", file=sys.stderr)
        return worst
    exec(to_onnx, names)
    model = names["model"]
    session = onnxruntime.InferenceSession("model.onnx")
    texts = [[record[key] for record in records[:8]] for key in ("prompt", "response")]
    encoded = tokenizer(*texts, padding=True, return_tensors="pt")
    [values] = session.run(None, {name: value.numpy() for name, value in encoded.items()})
    with torch.no_grad():
        distance = (model(**encoded).logits - torch.tensor(values)).abs()
    return max(worst, distance[encoded["attention_mask"].bool()].max().item())

for exported, scored, refuses in json.loads(sys.argv[1]):
    print(compare(exported, scored, refuses))
"#;

/// Trains one model in each of several ways, exports it, scores texts with it, and names the export, the scores, and whether
/// it refuses texts that are too long.
fn exports(family: &str, directory: &Path) -> Vec<(String, Value)> {
    let has_template = ["qwen2", "llama"].contains(&family);
    let mut ways = vec![
        &[][..],
        &["--pooling", "first", "--scale", "standardized"],
        &["--loss", "bce"],
    ];
    if has_template {
        ways.push(&["a chat template"]);
    }
    // What does not depend on the family.
    if ["bert", "qwen2"].contains(&family) {
        ways.extend([
            &["segmenter = { tokens = 5 }"][..],
            &["--cut-segments", "score"],
            &["truncation = \"error\""],
            &["--use-context"],
        ]);
    }
    let of_way = |(place, more): (usize, &[&str])| {
        let directory = directory.join(format!("{family}-{place}"));
        fs_err::create_dir(&directory).unwrap();
        let bundle = match more {
            ["a chat template"] => train_with_template(family, &directory),
            ["--use-context"] => {
                let splits = ["train.jsonl", "valid.jsonl"].map(|name| {
                    let text = fs_err::read_to_string(trained().join(name)).unwrap();
                    write(
                        &directory,
                        name,
                        text.replace("{\"id\"", "{\"context\":\"So it was said.\",\"id\""),
                    );
                    directory.join(name).to_str().unwrap().to_owned()
                });
                train_on([&splits[0], &splits[1]], family, &directory, more)
            }
            // A setting of texts that no flag has.
            [setting] if setting.contains(" = ") => {
                write(&directory, "text.toml", format!("[text]\n{setting}\n"));
                let config = directory.join("text.toml");
                train(family, &directory, &["--config", config.to_str().unwrap()])
            }
            more => train(family, &directory, more),
        };
        let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        let (exported, scored) = (path("exported"), path("scored.jsonl"));
        gradus(trained(), &["export", &bundle, &exported]).succeeds();
        let refuses = more.iter().any(|way| way.starts_with("truncation"));
        write(&directory, "texts.jsonl", texts(refuses));
        gradus(
            &directory,
            &["score", &bundle, "texts.jsonl", "-o", &scored],
        )
        .succeeds();
        let case = serde_json::json!([exported, scored, refuses]);
        (format!("{family} {more:?}"), case)
    };
    ways.into_iter().enumerate().map(of_way).collect()
}

/// Records with segments and without; unless `only_short`, also such that no model holds, with segments behind its end.
fn texts(only_short: bool) -> String {
    let mut texts = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
    let mut add = |id: &str, [prompts, contexts, responses]: [usize; 3]| {
        texts += &serde_json::json!({
            "id": id,
            "prompt": "Is it far? ".repeat(prompts),
            "context": "It was said to be far. ".repeat(contexts),
            "response": "It is far. Very far! ".repeat(responses),
        })
        .to_string();
        texts.push('\n');
    };
    add("uncut", [1, 1, 1]);
    if !only_short {
        add("uncut, long", [1, 0, 300]);
        add("uncut, a long prompt, long", [400, 1, 300]);
        add("uncut, a long context, long", [1, 400, 300]);
    }
    texts
}

#[test]
#[ignore = "needs Python with torch and transformers: set GRADUS_PYTHON to its interpreter"]
fn an_export_gives_the_same_scores_in_python() {
    let Some(python) = std::env::var_os("GRADUS_PYTHON") else {
        eprintln!("GRADUS_PYTHON is not set: nothing is compared");
        return;
    };
    let directory = temp_dir();
    let only = std::env::var("GRADUS_TEST_FAMILY").ok();
    let families = EncoderConfig::MODEL_TYPES.iter();
    let families = families.filter(|family| only.as_ref().is_none_or(|only| only == **family));
    let (names, cases): (Vec<String>, Vec<Value>) = families
        .flat_map(|family| exports(family, directory.path()))
        .unzip();
    let output = Command::new(&python)
        .args(["-c", COMPARE, &Value::from(cases).to_string()])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let found = String::from_utf8_lossy(&output.stdout);
    let worst: Vec<f64> = found.lines().filter_map(|line| line.parse().ok()).collect();
    for (name, worst) in names.iter().zip(&worst) {
        println!("{name}: {worst:e}");
        assert!(*worst < 1e-4, "{name}: {worst}");
    }
    assert!(output.status.success() && !names.is_empty(), "{error}");
    assert_eq!(
        worst.len(),
        names.len(),
        "behind {:?}: {error}",
        names.get(worst.len())
    );
}
