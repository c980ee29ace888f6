//! Files of models as people have them: keys that change what is computed, classifiers of other
//! kinds, adapters, tokenizers that say two things, and bundles whose files do not fit together.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::families::{greatest_difference, json, scores, train};
use crate::support::{gradus, temp_dir, tiny_encoder, trained, write};

/// Changes keys of a JSON file.
fn set(directory: &Path, file: &str, changes: Value) {
    let path = directory.join(file);
    let mut config: Map<String, Value> = match fs_err::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(_) => Map::new(),
    };
    config.extend(changes.as_object().unwrap().clone());
    write(directory, file, Value::Object(config).to_string());
}

/// Adds 32-bit floats to the weights of a directory.
fn add_tensor(directory: &Path, name: &str, shape: &[usize], values: &[f32]) {
    let path = directory.join("model.safetensors");
    let bytes = fs_err::read(&path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let (header, data) = bytes[8..].split_at(length);
    let mut header: Map<String, Value> = serde_json::from_slice(header).unwrap();
    let end = data.len() + 4 * values.len();
    header.insert(
        name.into(),
        json!({"dtype": "F32", "shape": shape, "data_offsets": [data.len(), end]}),
    );
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    write(directory, "model.safetensors", file);
}

/// A tiny decoder under a token classifier of so many labels.
fn classifier(directory: &Path, family: &str, labels: usize, keys: Value) {
    tiny_encoder(family, directory);
    let weight: Vec<f32> = (0..32 * labels)
        .map(|place| f32::from(u8::try_from(place * 37 % 101).unwrap()) / 200.0 - 0.25)
        .collect();
    let bias: Vec<f32> = (0..labels)
        .map(|label| f32::from(u8::try_from(label).unwrap()) / 4.0)
        .collect();
    add_tensor(directory, "score.weight", &[labels, 32], &weight);
    add_tensor(directory, "score.bias", &[labels], &bias);
    set(
        directory,
        "config.json",
        json!({"architectures": ["Qwen2ForTokenClassification"], "num_labels": labels}),
    );
    set(directory, "config.json", keys);
}

/// All scores of a scored file, one list for each segment.
fn all_scores(bundle: &str) -> Vec<Vec<f64>> {
    let scored = gradus(trained(), &["score", bundle, "test.jsonl"]).succeeds();
    let segments = scored.lines().flat_map(|line| {
        let record = json(line);
        record["segments"].as_array().unwrap().clone()
    });
    segments
        .map(|segment| match &segment["score"] {
            Value::Object(aspects) => aspects.values().map(|one| one.as_f64().unwrap()).collect(),
            one => vec![one.as_f64().unwrap()],
        })
        .collect()
}

fn import(directory: &Path, name: &str, more: &[&str]) -> (crate::support::Run, String) {
    let bundle = directory.join(name).to_str().unwrap().to_owned();
    let encoder = directory.to_str().unwrap();
    let arguments = [&["import", encoder, &bundle, "--max-length", "190"], more].concat();
    (gradus(trained(), &arguments), bundle)
}

#[test]
fn a_decoder_that_sees_both_sides_is_read_so() {
    for family in ["qwen2", "qwen3", "llama"] {
        let directory = temp_dir();
        let path = directory.path();
        tiny_encoder(family, path);
        set(
            path,
            "config.json",
            json!({"is_causal": false, "partial_rotary_factor": 1, "softcap": 2}),
        );
        let answer = gradus(trained(), &["inspect", path.to_str().unwrap(), "--json"]).succeeds();
        let answer = json(&answer);
        assert_eq!(answer["supported"], true);
        assert_eq!(answer["model"]["causal"], false);
        assert_eq!(answer["model"]["pooling"], "mean");
        let note = answer["notes"][0].as_str().unwrap();
        assert!(note.contains("config.json: `softcap` is 2"), "{note}");
        set(
            path,
            "config.json",
            json!({"is_causal": true, "use_bidirectional_attention": true}),
        );
        let answer = gradus(trained(), &["inspect", path.to_str().unwrap(), "--json"]).succeeds();
        let reason = json(&answer)["reason"].as_str().unwrap().to_owned();
        assert!(
            reason.contains("`use_bidirectional_attention` is true"),
            "{reason}"
        );
    }
}

#[test]
fn labels_that_two_keys_number_otherwise_are_refused() {
    for (ids, said) in [
        (json!({"bad": 1, "good": 0}), "but `label2id` says 1"),
        (
            json!({"bad": 0, "fine": 1}),
            "but `label2id` has no such name",
        ),
        (json!({"bad": 0, "good": 1}), ""),
    ] {
        let directory = temp_dir();
        let keys = json!({"id2label": {"0": "bad", "1": "good"}, "label2id": ids,
            "problem_type": "single_label_classification"});
        classifier(directory.path(), "qwen2", 2, keys);
        let (run, _) = import(directory.path(), "out", &[]);
        if said.is_empty() {
            run.succeeds();
        } else {
            assert_ne!(run.code, Some(0));
            assert!(run.stderr.contains(said), "{}", run.stderr);
        }
    }
}

#[test]
fn of_a_softmax_over_two_labels_the_share_of_the_second_is_the_score() {
    let directory = temp_dir();
    let path = directory.path();
    let labels = json!({"id2label": {"0": "bad", "1": "good"},
        "problem_type": "single_label_classification"});
    classifier(path, "qwen2", 2, labels);
    let (run, softmax) = import(path, "softmax", &[]);
    assert!(
        run.stderr
            .contains("the probability of good, the second of two labels"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let (run, raw) = import(path, "raw", &["--problem-type", "regression"]);
    assert!(
        run.stderr.contains("the values of bad, good (regression)"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let (run, each) = import(
        path,
        "each",
        &["--problem-type", "multi_label_classification"],
    );
    run.succeeds();
    let sigmoid = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    let (softmax, raw, each) = (all_scores(&softmax), all_scores(&raw), all_scores(&each));
    assert!(
        softmax
            .iter()
            .any(|one| (one[0] - softmax[0][0]).abs() > 1e-3)
    );
    for ((softmax, raw), each) in softmax.iter().zip(&raw).zip(&each) {
        assert_eq!((softmax.len(), raw.len(), each.len()), (1, 2, 2));
        assert!((softmax[0] - sigmoid(raw[1] - raw[0])).abs() < 1e-5);
        assert!((each[0] - sigmoid(raw[0])).abs() < 1e-5);
        assert!((each[1] - sigmoid(raw[1])).abs() < 1e-5);
    }
}

#[test]
fn logits_that_cannot_be_told_or_expressed_are_refused() {
    for (labels, keys, parts) in [
        (
            2,
            json!({}),
            &[
                "`problem_type` is missing",
                "2 logits are ambiguous",
                "--problem-type",
            ][..],
        ),
        (
            3,
            json!({"problem_type": "single_label_classification"}),
            &["with 3 labels", "single_label"],
        ),
        (
            1,
            json!({"problem_type": "single_label_classification"}),
            &["with 1 labels"],
        ),
        (
            2,
            json!({"problem_type": "ranking"}),
            &["`problem_type` is \"ranking\"", "`regression`"],
        ),
        (
            2,
            json!({"problem_type": "regression", "id2label": {"0": "a"}}),
            &["it names 1 labels", "2 logits"],
        ),
        (
            1,
            json!({"architectures": ["Qwen2ForSequenceClassification"]}),
            &["`score.bias`, which its class does not have"],
        ),
    ] {
        let directory = temp_dir();
        classifier(directory.path(), "qwen2", labels, keys);
        import(directory.path(), "bundle", &[]).0.fails(2, parts);
        assert!(!directory.path().join("bundle").exists());
    }
    let directory = temp_dir();
    classifier(directory.path(), "qwen2", 1, json!({}));
    import(directory.path(), "one", &[]).0.succeeds();
    let (run, _) = import(directory.path(), "two", &["--problem-type", "softmax"]);
    run.fails(2, &["softmax", "single_label_classification"]);
}

#[test]
fn what_is_exported_comes_back_with_all_that_scores_depend_on() {
    for (family, more) in [
        (
            "qwen2",
            &[
                "--pooling",
                "first",
                "--aggregation",
                "min",
                "--scale",
                "minmax:-1:3",
            ][..],
        ),
        (
            "bert",
            &[
                "--loss",
                "bce",
                "--scale",
                "minmax:-1:3",
                "--pooling",
                "last",
            ],
        ),
    ] {
        let directory = temp_dir();
        let bundle = train(family, directory.path(), more);
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        gradus(trained(), &["export", &bundle, &path("exported")]).succeeds();
        gradus(trained(), &["import", &path("exported"), &path("again")]).succeeds();
        let difference = greatest_difference(
            &scores(&bundle, "test.jsonl"),
            &scores(&path("again"), "test.jsonl"),
        );
        assert!(difference < 1e-5, "{family}: {difference}");
        let manifest = |bundle: &str| {
            let bytes = fs_err::read(Path::new(bundle).join("manifest.json")).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        let (first, again) = (manifest(&bundle), manifest(&path("again")));
        for key in ["/aggregation", "/text/aspects/0/name"] {
            let [first, again] = [&first, &again].map(|manifest| manifest.pointer(key).unwrap());
            assert_eq!(first, again, "{family}: {key}");
        }
        assert_eq!(first["text"]["max_length"], again["text"]["max_length"]);
    }
}

#[test]
fn an_adapter_is_merged_with_its_base_and_told_from_a_model() {
    let directory = temp_dir();
    let base = directory.path().join("base");
    fs_err::create_dir(&base).unwrap();
    tiny_encoder("qwen2", &base);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let adapter = root.join("crates/model/tests/golden/peft/qwen2-token");
    let (adapter, base) = (adapter.to_str().unwrap(), base.to_str().unwrap());
    let bundle = directory.path().join("bundle").to_str().unwrap().to_owned();
    let arguments = [
        "import",
        adapter,
        &bundle,
        "--base",
        base,
        "--max-length",
        "190",
    ];
    gradus(trained(), &arguments).succeeds();
    let found = scores(&bundle, "test.jsonl");
    assert!(found.iter().any(|score| (score - found[0]).abs() > 1e-3));
    let parts = ["an adapter of peft for \"tiny/qwen2\"", "--base"];
    gradus(trained(), &["import", adapter, "unused"]).fails(2, &parts);
    let train = [
        "train",
        "--encoder",
        adapter,
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
    ];
    gradus(trained(), &[&train[..], &["--output", "unused"]].concat()).fails(2, &parts);
    gradus(trained(), &["import", base, "unused", "--base", base])
        .fails(2, &["adapter_config.json"]);
}

#[test]
fn a_tokenizer_that_says_two_things_is_told_by_its_key() {
    let directory = temp_dir();
    let path = directory.path();
    tiny_encoder("bert", path);
    set(
        path,
        "tokenizer_config.json",
        json!({"do_lower_case": false, "model_max_length": 64,
            "added_tokens_decoder": {"900": {"content": "<step>", "special": true}}}),
    );
    let inspected =
        json(&gradus(trained(), &["inspect", path.to_str().unwrap(), "--json"]).succeeds());
    let notes: Vec<&str> = inspected["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap())
        .collect();
    let output = path.join("out").to_str().unwrap().to_owned();
    let arguments = [
        "train",
        "--encoder",
        path.to_str().unwrap(),
        "--train",
        "train.jsonl",
    ];
    let more = [
        "--valid",
        "valid.jsonl",
        "--epochs",
        "1",
        "--max-length",
        "190",
        "--output",
        &output,
    ];
    let run = gradus(trained(), &[&arguments[..], &more].concat());
    for part in [
        "`do_lower_case` is false",
        "`added_tokens_decoder` has \"<step>\"",
        "`model_max_length` is 64",
    ] {
        assert!(notes.iter().any(|note| note.contains(part)), "{notes:?}");
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    run.succeeds();
}

#[test]
fn a_bundle_whose_files_do_not_fit_together_is_refused_when_it_is_opened() {
    let directory = temp_dir();
    let bundle = train("bert", directory.path(), &[]);
    let path = Path::new(&bundle);
    let manifest = fs_err::read_to_string(path.join("manifest.json")).unwrap();
    let text = json(&manifest)["text"].clone();
    let mut renamed = text["aspects"].clone();
    renamed[0]["name"] = json!("other");
    for (key, value, parts) in [
        (
            "max_length",
            json!(5000),
            &["`text.max_length` is 5000", "at most 192"][..],
        ),
        ("aspects", renamed, &["`text.aspects` is [\"other\"]"]),
    ] {
        let mut text = text.clone();
        text[key] = value;
        // Older versions wrote the names of the aspects beside the text settings too.
        let change = json!({ "text": text, "aspects": ["rating"] });
        set(path, "manifest.json", change);
        for command in ["score", "eval"] {
            gradus(trained(), &[command, &bundle, "test.jsonl"]).fails(2, parts);
        }
        gradus(trained(), &["inspect", &bundle]).fails(2, parts);
    }
    write(path, "manifest.json", &manifest);
    gradus(trained(), &["score", &bundle, "test.jsonl"]).succeeds();
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    for (value, name) in [(f32::NAN, "score.weight"), (f32::INFINITY, "score.bias")] {
        let directory = temp_dir();
        let path = directory.path();
        classifier(path, "qwen2", 1, json!({"problem_type": "regression"}));
        let (name_of_file, last) = (
            "model.safetensors",
            if name == "score.bias" { 1 } else { 2 },
        );
        let mut bytes = fs_err::read(path.join(name_of_file)).unwrap();
        // The bias is the last number of the file, and the weight ends ahead of it.
        let place = bytes.len() - 4 * last;
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
        write(path, name_of_file, bytes);
        let (run, _) = import(path, "bundle", &[]);
        run.fails(2, &["NaN or infinite values", name, "damaged"]);
        assert!(!path.join("bundle").exists());
    }
}

#[test]
fn scores_that_overflow_end_every_command_with_the_segment() {
    let directory = temp_dir();
    let path = directory.path();
    tiny_encoder("qwen2", path);
    add_tensor(path, "score.weight", &[1, 32], &[3e38; 32]);
    add_tensor(path, "score.bias", &[1], &[0.0]);
    let keys = json!({"architectures": ["Qwen2ForTokenClassification"], "num_labels": 1,
                      "problem_type": "regression", "id2label": {"0": "rating"},
                      "label2id": {"rating": 0}});
    set(path, "config.json", keys);
    let (run, bundle) = import(path, "bundle", &[]);
    run.succeeds();
    for command in ["score", "eval", "explain"] {
        let run = gradus(trained(), &[command, &bundle, "test.jsonl"]);
        run.fails(2, &["segment 0: the model's score is", "a finite number"]);
    }
}

#[test]
fn a_bundle_is_no_model_to_import() {
    let directory = temp_dir();
    let bundle = trained().join("bundle");
    let arguments = ["import", bundle.to_str().unwrap(), "out"];
    gradus(directory.path(), &arguments).fails(2, &["a bundle, expected", "gradus export"]);
}

#[test]
fn baselines_of_another_version_are_named_and_are_no_defect() {
    let directory = temp_dir();
    let bundle = directory.path().join("bundle");
    fs_err::create_dir(&bundle).unwrap();
    for entry in fs_err::read_dir(trained().join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), bundle.join(entry.file_name())).unwrap();
    }
    write(&bundle, "baselines.json", "{\"aspects\":");
    // As a version before manifests listed such files.
    let mut manifest = json(&fs_err::read_to_string(bundle.join("manifest.json")).unwrap());
    manifest.as_object_mut().unwrap().shift_remove("files");
    write(&bundle, "manifest.json", manifest.to_string());
    let test = trained().join("test.jsonl");
    let arguments = ["eval", "bundle", test.to_str().unwrap()];
    let run = gradus(directory.path(), &arguments);
    run.fails(2, &["baselines.json: not the baselines", "--train"]);
}
