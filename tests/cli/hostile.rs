//! Files as someone would write them who means harm: sizes without bound, tokenizers and templates
//! that stop their libraries, and names that act on a terminal.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gradus::data::{visible, visible_lines};
use serde_json::{Value, json};

use crate::support::{Run, TINY, gradus, temp_dir, tiny_bert, tiny_encoder, trained, write};

/// Longer than any refusal takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn refused(directory: &Path, arguments: &[&str], parts: &[&str]) {
    let started = Instant::now();
    gradus(directory, arguments).fails(2, parts);
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

#[test]
fn sizes_of_a_run_configuration_are_bounded_before_memory_is_taken() {
    let directory = trained();
    for (number, (table, setting, parts)) in [
        (
            "scratch",
            "num_layers = 4294967296",
            &["num_layers", "at most 10000"][..],
        ),
        ("scratch", "num_layers = 0", &["num_layers", "above 0"]),
        (
            "scratch",
            "d_model = 1099511627776",
            &["d_model", "at most"],
        ),
        (
            "scratch",
            "d_model = 2147483646",
            &["max_parameters", "smaller model"],
        ),
        (
            "scratch",
            "d_ff = 9223372036854775807",
            &["d_feed_forward", "at most"],
        ),
        ("scratch", "num_heads = 0", &["num_heads", "above 0"]),
        (
            "scratch",
            "num_heads = 3",
            &["d_model", "multiple of `num_heads`"],
        ),
        (
            "training",
            "epochs = 9223372036854775807",
            &["epochs", "1000000"],
        ),
        (
            "model",
            "lora = { rank = 4294967296 }",
            &["lora.rank", "at most"],
        ),
        ("model", "lora = { rank = 1000000000 }", &["max_parameters"]),
        (
            "model",
            "head = { mlp = { d_hidden = 1000000000 } }",
            &["max_parameters"],
        ),
        (
            "model",
            "max_parameters = 10",
            &["max_parameters", "found 10 for a model"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut config: toml::Table = TINY.parse().unwrap();
        let new: toml::Table = setting.parse().unwrap();
        let entry = config
            .entry(table)
            .or_insert_with(|| toml::Table::new().into());
        entry.as_table_mut().unwrap().extend(new);
        let name = format!("hostile-{number}.toml");
        write(directory, &name, config.to_string());
        let output = format!("hostile-{number}");
        let arguments = [
            "train",
            "--config",
            &name,
            "--train",
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--output",
            &output,
        ];
        refused(directory, &arguments, parts);
        assert!(!directory.join(output).exists());
    }
}

/// The tiny BERT with other values in its `config.json`.
fn bert_with(changes: &[(&str, Value)]) -> tempfile::TempDir {
    let directory = temp_dir();
    tiny_bert(directory.path());
    change(&directory.path().join("config.json"), changes);
    directory
}

fn change(path: &Path, changes: &[(&str, Value)]) {
    let mut json: Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
    for (pointer, value) in changes {
        match json.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => json[&pointer[1..]] = value.clone(),
        }
    }
    fs_err::write(path, json.to_string()).unwrap();
}

#[test]
fn sizes_of_a_published_configuration_are_bounded_by_its_weights() {
    for (key, value, part) in [
        ("/num_hidden_layers", json!(100_000), "at most 10000"),
        (
            "/num_hidden_layers",
            json!(9000),
            "tensors of the weights allow",
        ),
        ("/num_hidden_layers", json!(1_000_000_000), "at most 10000"),
        ("/num_hidden_layers", json!(u64::MAX), "at most 10000"),
        ("/vocab_size", json!(1_u64 << 63), "at most 2147483647"),
        ("/vocab_size", json!(i32::MAX), "wrong shape"),
        ("/hidden_size", json!(1_u64 << 62), "at most 2147483647"),
        ("/intermediate_size", json!(u64::MAX), "at most 2147483647"),
        (
            "/max_position_embeddings",
            json!(1_u64 << 40),
            "at most 2147483647",
        ),
        ("/num_attention_heads", json!(0), "above 0"),
        ("/num_attention_heads", json!(7), "multiple of"),
        ("/type_vocab_size", json!(1_u64 << 33), "at most 2147483647"),
    ] {
        let directory = bert_with(&[(key, value)]);
        let started = Instant::now();
        let arguments = ["inspect", ".", "--batch-size", "18446744073709551615"];
        let shown = gradus(directory.path(), &arguments).succeeds();
        assert!(shown.contains("supported             no"), "{shown}");
        assert!(
            shown.contains(part) && shown.contains(&key[1..]) || shown.contains("wrong shape"),
            "{shown}"
        );
        assert!(
            started.elapsed() < PATIENCE,
            "{key}: {:?}",
            started.elapsed()
        );
    }
}

/// A copy of the trained bundle, its parts changed and its manifest made to agree.
fn bundle_with(part: &str, changes: &[(&str, Value)]) -> (tempfile::TempDir, PathBuf) {
    let directory = temp_dir();
    let bundle = directory.path().join("bundle");
    fs_err::create_dir(&bundle).unwrap();
    for entry in fs_err::read_dir(trained().join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), bundle.join(entry.file_name())).unwrap();
    }
    change(&bundle.join(part), changes);
    if part != "manifest.json" {
        let digest = gradus::bundle::digest_file(&bundle.join(part)).unwrap();
        let place = format!("/parts/{}", part.replace('/', "~1"));
        let digest = serde_json::to_value(digest).unwrap();
        change(&bundle.join("manifest.json"), &[(&place, digest)]);
    }
    (directory, bundle)
}

#[test]
fn sizes_of_a_bundle_are_bounded_by_its_weights() {
    for (key, value, part) in [
        (
            "/encoder/num_layers",
            json!(9000),
            "tensors of the weights allow",
        ),
        ("/encoder/num_layers", json!(u64::MAX), "at most 10000"),
        ("/encoder/vocab_size", json!(u64::MAX), "at most 2147483647"),
        ("/encoder/d_model", json!(0), "above 0"),
        ("/encoder/d_model", json!(1 << 30), "tensors do not match"),
        ("/encoder/num_heads", json!(5), "multiple of `num_heads`"),
        (
            "/head",
            json!({"mlp": {"d_hidden": 1_u64 << 40}}),
            "at most 2147483647",
        ),
        (
            "/head",
            json!({"mlp": {"d_hidden": 1 << 30}}),
            "tensors do not match",
        ),
        ("/lora", json!({"rank": 1 << 30}), "tensors do not match"),
    ] {
        let (directory, bundle) = bundle_with("config.json", &[(key, value)]);
        let bundle = bundle.to_str().unwrap();
        refused(directory.path(), &["inspect", bundle], &[part]);
    }
}

#[test]
fn tokenizers_that_stop_their_library_are_refused() {
    let double = json!({"type": "Replace", "pattern": {"String": "e"}, "content": "ee"});
    let many = json!({"type": "Sequence", "normalizers": vec![double; 60]});
    for (part, value) in [
        (
            "/normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": "/////wAA"}),
        ),
        (
            "/normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        ),
        // A table whose trie points outside of itself: only a text shows it.
        (
            "/normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": "BAAAAP////9hAA=="}),
        ),
        ("/normalizer", many),
        (
            "/pre_tokenizer",
            json!({"type": "FixedLength", "length": 0}),
        ),
    ] {
        let (directory, bundle) = bundle_with("tokenizer.json", &[(part, value.clone())]);
        let data = trained().join("test.jsonl");
        let arguments = ["score", bundle.to_str().unwrap(), data.to_str().unwrap()];
        let run = gradus(directory.path(), &arguments);
        assert_eq!(run.code, Some(2), "{value}: {}", run.stderr);
        assert!(run.stderr.contains("token"), "{}", run.stderr);
    }
}

#[test]
fn templates_that_nest_without_end_are_survived() {
    let nested = |open: &str| format!("{{{{ {}1 }}}}", open.repeat(100_000));
    let deep = "{% set n = namespace(x=[]) %}{% for a in range(9000) %}{% for b in range(10) %}\
                {% set n.x = [n.x] %}{% endfor %}{% endfor %}{{ n.x }}";
    for template in [
        nested("-"),
        nested("["),
        nested("("),
        deep.to_owned(),
        "x".repeat(1 << 20),
    ] {
        let directory = temp_dir();
        tiny_encoder("qwen2", directory.path());
        write(directory.path(), "chat_template.jinja", template);
        let shown = gradus(directory.path(), &["inspect", "."]).succeeds();
        assert!(shown.contains("cannot be used"), "{shown}");
    }
}

/// A name that clears the screen, sets a title, turns the line around and hides.
const NAME: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{200b}|<b>`[a](http://b)\r";

/// Nothing of what a run says acts on a terminal.
#[track_caller]
fn harmless(run: Run) -> Run {
    for text in [&run.stdout, &run.stderr] {
        assert_eq!(visible_lines(text), *text);
    }
    run
}

/// Records whose every name and text is [`NAME`].
fn records(from: usize, count: usize) -> String {
    let lines = (from..from + count).map(|k| {
        let first = format!("One {NAME}.");
        let length = first.chars().count();
        let rating = |value: f64| json!({NAME: value, "plain": 1.0 - value});
        let record = json!({
            "id": format!("{k}{NAME}"), "prompt": format!("{k} {NAME}?"),
            "response": format!("{first} Two."),
            "segments": [
                {"start": 0, "end": length, "rating": rating((k % 7) as f64 / 7.0)},
                {"start": length + 1, "end": length + 5, "rating": rating((k % 3) as f64 / 3.0)},
            ],
            "meta": {NAME: format!("{}{NAME}", k % 2)},
        });
        format!("{record}\n")
    });
    lines.collect()
}

#[test]
fn names_of_others_are_shown_and_do_not_act() {
    let directory = temp_dir();
    let path = directory.path();
    let data = format!("data{NAME}.jsonl").replace(['/', '\r'], "");
    let data = data.as_str();
    write(path, data, records(0, 40));
    write(path, "valid.jsonl", records(40, 20));
    write(path, "tiny.toml", TINY);
    let run = |arguments: &[&str]| harmless(gradus(path, arguments));
    let train = [
        "train",
        "--config",
        "tiny.toml",
        "--train",
        data,
        "--valid",
        "valid.jsonl",
    ];
    run(&[&train[..], &["--output", "bundle"]].concat()).succeeds();
    run(&[
        &train[..],
        &["--output", "other", "--epochs", "2", "--json"],
    ]
    .concat())
    .succeeds();
    for bundle in ["bundle", "other"] {
        let scores = format!("{bundle}.jsonl");
        run(&["score", bundle, "valid.jsonl", "-o", &scores]).succeeds();
    }
    let shown = visible(NAME);
    let inspected = run(&["inspect", "bundle"]).succeeds();
    assert!(inspected.contains(&*shown), "{inspected}");
    for arguments in [
        &["data", "validate", data][..],
        &["data", "stats", data],
        &["data", "stats", data, "--json"],
        &["data", "audit", data, "--test", "valid.jsonl"],
        &["data", "audit", data, "--json"],
        &["inspect", "bundle", "--json"],
        &["eval", "bundle", "valid.jsonl"],
        &["eval", "bundle", "valid.jsonl", "--json"],
        &["eval", "--scores", "bundle.jsonl", "valid.jsonl"],
        &["explain", "bundle", "valid.jsonl"],
        &["explain", "bundle", "valid.jsonl", "--id", "none"],
        &[
            "compare",
            "bundle.jsonl",
            "other.jsonl",
            "valid.jsonl",
            "--aspect",
            NAME,
        ],
        &[
            "compare",
            "bundle",
            "other.jsonl",
            "valid.jsonl",
            "--aspect",
            NAME,
            "--markdown",
        ],
        &["calibrate", "other", "valid.jsonl"],
        &["export", "bundle", "exported"],
        &["merge", "bundle", data],
        &["score", data, data],
        &[data],
    ] {
        run(arguments);
    }
    run(&["eval", "bundle", "valid.jsonl", "--html", "report.html"]);
    let page = fs_err::read_to_string(path.join("report.html")).unwrap();
    assert_eq!(visible_lines(&page), page);
    assert!(!page.contains("<b>`"));
    let readme = fs_err::read_to_string(path.join("exported/README.md")).unwrap();
    assert_eq!(visible_lines(&readme), readme);
    assert!(
        readme.contains("\\|\\<b\\>\\`\\[a\\]\\(http://b\\)"),
        "{readme}"
    );
    run(&[
        "eval",
        "bundle",
        data,
        "--markdown",
        "report.md",
        "--slice",
        NAME,
    ])
    .succeeds();
    let markdown = fs_err::read_to_string(path.join("report.md")).unwrap();
    assert_eq!(visible_lines(&markdown), markdown);
    assert!(markdown.contains("\\[a\\]"), "{markdown}");
}

#[test]
fn names_in_errors_are_shown_and_do_not_act() {
    let directory = temp_dir();
    let path = directory.path();
    let error = |name: &str, content: String| {
        write(path, name, content);
        let run = harmless(gradus(path, &["data", "validate", name]));
        assert_eq!(run.code, Some(2), "{}{}", run.stdout, run.stderr);
    };
    let record = |id: &str, more: Value| {
        let mut record = json!({"id": id, "prompt": "p", "response": "r", "rating": 1});
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        format!("{record}\n")
    };
    error("twice.jsonl", record(NAME, json!({})).repeat(2));
    error(
        "rating.jsonl",
        record(NAME, json!({"rating": {NAME: NAME}})),
    );
    error(
        "segments.jsonl",
        record(NAME, json!({"segments": [{NAME: NAME}]})),
    );
    error("no.jsonl", format!("{{\"{}\n", "\u{1b}[2J"));
    let directory = bert_with(&[("/model_type", json!(NAME))]);
    harmless(gradus(directory.path(), &["inspect", "."]));
    let directory = bert_with(&[("/hidden_act", json!(NAME))]);
    harmless(gradus(directory.path(), &["inspect", "."]));
    let header = json!({NAME: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).to_string();
    let weights = [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        &[0; 4],
    ]
    .concat();
    let directory = bert_with(&[]);
    write(directory.path(), "model.safetensors", weights);
    harmless(gradus(directory.path(), &["inspect", "."]));
    let aspect = json!({"name": NAME, "scale": {"kind": "identity"}});
    let (directory, bundle) = bundle_with(
        "manifest.json",
        &[("/text/aspects", json!([aspect, aspect]))],
    );
    harmless(gradus(
        directory.path(),
        &["inspect", bundle.to_str().unwrap()],
    ))
    .fails(2, &[]);
}

#[cfg(unix)]
#[test]
fn a_manifest_that_never_ends_or_is_huge_is_refused() {
    let directory = temp_dir();
    let bundle = directory.path().join("bundle");
    let input = trained().join("test.jsonl");
    let arguments = ["score", "bundle", input.to_str().unwrap()];
    let manifest = bundle.join("manifest.json");
    let empty = || {
        let _ = fs_err::remove_dir_all(&bundle);
        fs_err::create_dir(&bundle).unwrap();
    };
    empty();
    std::os::unix::fs::symlink("/dev/zero", &manifest).unwrap();
    refused(
        directory.path(),
        &arguments,
        &["not a bundle", "manifest.json"],
    );
    empty();
    let made = std::process::Command::new("mkfifo").arg(&manifest).status();
    assert!(made.unwrap().success());
    for arguments in [&arguments[..], &["inspect", "bundle"]] {
        refused(
            directory.path(),
            arguments,
            &["not a bundle", "manifest.json is not a regular file"],
        );
    }
    empty();
    // Without a byte on disk.
    let file = fs_err::File::create(&manifest).unwrap();
    file.set_len(1 << 30).unwrap();
    refused(
        directory.path(),
        &arguments,
        &["manifest.json", "more than 67108864 bytes"],
    );
    let file = fs_err::File::create(directory.path().join("run.toml")).unwrap();
    file.set_len(1 << 30).unwrap();
    let arguments = ["train", "--config", "run.toml"];
    refused(
        directory.path(),
        &arguments,
        &["run.toml", "more than 67108864 bytes"],
    );
}
