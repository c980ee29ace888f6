//! Chat templates of decoders: taken, told, kept in the bundle and exported.

use std::path::Path;

use crate::families::{greatest_difference, json, scores, train};
use crate::support::{gradus, temp_dir, tiny_encoder, trained, write};

/// Arguments that train on the encoder of a directory into `bundle` beside it.
fn arguments<'a>(encoder: &'a str, bundle: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["train", "--encoder", encoder, "--output", bundle];
    all.extend(["--train", "train.jsonl", "--valid", "valid.jsonl"]);
    all.extend(["--epochs", "1", "--max-length", "190", "--stack", "none"]);
    all.extend(more);
    all
}

/// Lays a tiny encoder with a chat template into a directory.
fn encoder_with(family: &str, template: &str, directory: &Path) -> String {
    let encoder = directory.join("encoder");
    fs_err::create_dir_all(&encoder).unwrap();
    tiny_encoder(family, &encoder);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/data/tests/golden/chat");
    fs_err::copy(root.join(template), encoder.join("chat_template.jinja")).unwrap();
    let tokens = r#"{"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}"#;
    if family == "llama" {
        write(&encoder, "tokenizer_config.json", tokens);
    }
    encoder.to_str().unwrap().to_owned()
}

#[test]
fn a_decoder_takes_the_chat_template_beside_it_and_its_bundle_keeps_it() {
    let directory = temp_dir();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let encoder = encoder_with("qwen2", "turns.jinja", directory.path());
    let run = gradus(trained(), &arguments(&encoder, &path("with"), &[]));
    let told = "chat template: chat_template.jinja";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    run.succeeds();
    let run = gradus(
        trained(),
        &arguments(&encoder, &path("without"), &["--chat-template", "none"]),
    );
    assert!(!run.stderr.contains("chat template"), "{}", run.stderr);
    run.succeeds();
    let inspected = json(&gradus(trained(), &["inspect", &encoder, "--json"]).succeeds());
    assert_eq!(inspected["chat_template"], "chat_template.jinja");

    // The bundle needs nothing of the directory, and one that was trained without stays so.
    fs_err::rename(
        directory.path().join("encoder/chat_template.jinja"),
        path("moved.jinja"),
    )
    .unwrap();
    gradus(trained(), &arguments(&encoder, &path("never"), &[])).succeeds();
    fs_err::remove_dir_all(&encoder).unwrap();
    let with = scores(&path("with"), "test.jsonl");
    let without = scores(&path("without"), "test.jsonl");
    assert!(greatest_difference(&with, &without) > 1e-4);
    assert_eq!(without, scores(&path("never"), "test.jsonl"));
    let inspected =
        |bundle: &str| json(&gradus(trained(), &["inspect", &path(bundle), "--json"]).succeeds());
    assert_eq!(inspected("with")["chat_template"], "chat_template.jinja");
    assert_eq!(
        inspected("without")["chat_template"],
        serde_json::Value::Null
    );
    for command in ["eval", "explain"] {
        gradus(trained(), &[command, &path("with"), "test.jsonl"]).succeeds();
    }
}

#[test]
fn a_chat_template_survives_export_and_import() {
    for (family, template) in [("qwen2", "thinking.jinja"), ("llama", "headers.jinja")] {
        let directory = temp_dir();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let encoder = encoder_with(family, template, directory.path());
        gradus(trained(), &arguments(&encoder, &path("bundle"), &[])).succeeds();
        gradus(trained(), &["export", &path("bundle"), &path("exported")]).succeeds();
        let readme = fs_err::read_to_string(path("exported/README.md")).unwrap();
        assert!(readme.contains("apply_chat_template"), "{readme}");
        let config = fs_err::read_to_string(path("exported/tokenizer_config.json")).unwrap();
        // The date would be that of the day in Python.
        assert!(!config.contains("strftime_now"), "{config}");
        let first = scores(&path("bundle"), "test.jsonl");
        let import = |name: &str, more: &[&str]| {
            let (from, to) = (path("exported"), path(name));
            let mut all = vec!["import", &from, &to, "--max-length", "190"];
            all.extend(more);
            gradus(trained(), &all).succeeds();
            greatest_difference(&first, &scores(&path(name), "test.jsonl"))
        };
        assert!(import("again", &[]) < 1e-5, "{family}");
        assert!(
            import("plain", &["--chat-template", "none"]) > 1e-5,
            "{family}"
        );
    }
}

#[test]
fn encoders_that_see_both_sides_take_a_template_only_where_it_is_named() {
    let directory = temp_dir();
    let encoder = encoder_with("bert", "turns.jinja", directory.path());
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let run = gradus(trained(), &arguments(&encoder, &path("plain"), &[]));
    assert!(!run.stderr.contains("chat template"), "{}", run.stderr);
    run.succeeds();
    let file = path("encoder/chat_template.jinja");
    let run = gradus(
        trained(),
        &arguments(&encoder, &path("named"), &["--chat-template", &file]),
    );
    assert!(run.stderr.contains("chat template: "), "{}", run.stderr);
    run.succeeds();
    let config = fs_err::read_to_string(path("named/run.toml")).unwrap();
    assert!(config.contains("chat_template = "), "{config}");
}

#[test]
fn a_template_that_cannot_be_used_stops_before_training() {
    let directory = temp_dir();
    let encoder = encoder_with("qwen3", "turns.jinja", directory.path());
    let output = directory.path().join("out");
    let output = output.to_str().unwrap();
    let refused = |template: &str, parts: &[&str]| {
        write(Path::new(&encoder), "chat_template.jinja", template);
        let run = gradus(trained(), &arguments(&encoder, output, &[]));
        run.fails(2, parts);
        assert!(!Path::new(output).exists());
    };
    let hint = "--chat-template none";
    refused(
        "a\n{% if %}",
        &["chat_template.jinja: line 2: syntax error", hint],
    );
    refused(
        "{{ raise_exception('no') }}",
        &["line 1: the template refuses the messages: no", hint],
    );
    refused("{{ messages|nothing }}", &["nothing", hint]);
    refused("nothing", &["it writes the prompt 0 times", hint]);
    let inspected = json(&gradus(trained(), &["inspect", &encoder, "--json"]).succeeds());
    assert_eq!(inspected["supported"], true);
    assert!(
        inspected["chat_template"]
            .as_str()
            .unwrap()
            .starts_with("cannot be used: ")
    );

    let with = |more: &[&str]| gradus(trained(), &arguments(&encoder, output, more));
    with(&["--chat-template", "no/such.jinja"]).fails(2, &["no/such.jinja"]);
    let file = Path::new(&encoder).join("chat_template.jinja");
    let scratch = [
        "train",
        "--config",
        "tiny.toml",
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
    ];
    let more = [
        "--output",
        output,
        "--chat-template",
        file.to_str().unwrap(),
    ];
    gradus(trained(), &[&scratch[..], &more[..]].concat())
        .fails(2, &["chat_template", "from scratch"]);
}

/// Trains on a decoder with a template, for the comparison with Python.
pub(crate) fn train_with_template(family: &str, directory: &Path) -> String {
    let template = if family == "llama" {
        "headers.jinja"
    } else {
        "turns.jinja"
    };
    encoder_with(family, template, directory);
    train(family, directory, &[])
}
