//! Training whose examples stay on disk.

use std::path::Path;

use crate::support::{Run, TINY, gradus, names, temp_dir, trained, write};

/// A directory with the splits of the tests and a configuration.
fn data() -> tempfile::TempDir {
    let directory = temp_dir();
    for name in ["train.jsonl", "valid.jsonl"] {
        fs_err::copy(trained().join(name), directory.path().join(name)).unwrap();
    }
    write(directory.path(), "tiny.toml", TINY);
    directory
}

fn train(directory: &Path, output: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["train", "--config", "tiny.toml", "--output", output];
    if !more.contains(&"--train") {
        arguments.extend(["--train", "train.jsonl"]);
    }
    arguments.extend(["--valid", "valid.jsonl"]);
    arguments.extend(more);
    gradus(directory, &arguments)
}

/// The files of a bundle that do not hold times, names or settings.
fn learned(directory: &Path, output: &str) -> Vec<Vec<u8>> {
    let names = [
        "model.safetensors",
        "tokenizer.json",
        "baselines.json",
        "train-texts.json",
    ];
    let read = |name| fs_err::read(directory.join(output).join(name));
    names
        .map(read)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap()
}

#[test]
fn a_run_on_disk_learns_what_one_in_memory_learns() {
    let directory = data();
    let path = directory.path();
    let memory = train(path, "memory", &["--data-in", "memory"]);
    let told = memory.stderr.clone();
    memory.succeeds();
    assert!(!path.join("train.jsonl.tokens").exists());
    for (output, said) in [("cold", "tokens written to"), ("warm", "tokens read from")] {
        let run = train(path, output, &["--data-in", "disk"]);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert!(
            run.stderr.contains("examples stay on disk: 96 of train"),
            "{}",
            run.stderr
        );
        // The preview of a run is the same.
        for line in told.lines().filter(|line| line.contains("rating")) {
            assert!(
                run.stderr.contains(line),
                "missing `{line}` in:\n{}",
                run.stderr
            );
        }
        run.succeeds();
        assert!(learned(path, output) == learned(path, "memory"), "{output}");
    }
    let found = names(&path.join("train.jsonl.tokens"));
    assert_eq!(found.len(), 4, "{found:?}");
    let saved = fs_err::read_to_string(path.join("warm/run.toml")).unwrap();
    assert!(saved.contains("data_in = \"disk\""), "{saved}");
}

#[test]
fn long_responses_are_learned_in_windows_by_default_from_memory_and_from_disk() {
    let directory = data();
    let path = directory.path();
    let short = ["--max-length", "32", "--stride"];
    let said = |run: &Run| {
        let mut lines = run.stderr.lines();
        let line = lines.find(|line| line.starts_with("train: ") && line.contains("ratings"));
        line.unwrap().to_owned()
    };
    let ratings = |line: &str| -> usize {
        let before = line.split(" ratings").next().unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let cut = train(path, "cut", &[&short[..], &["none"]].concat());
    let memory = train(
        path,
        "memory",
        &[&short[..], &["auto", "--data-in", "memory"]].concat(),
    );
    let (of_cut, of_memory) = (said(&cut), said(&memory));
    assert!(!of_cut.contains("windows"), "{of_cut}");
    assert!(of_memory.contains("windows with ratings"), "{of_memory}");
    assert!(
        ratings(&of_cut) < ratings(&of_memory),
        "{of_cut}\n{of_memory}"
    );
    cut.succeeds();
    memory.succeeds();
    let disk = train(
        path,
        "disk",
        &[&short[..], &["8", "--data-in", "disk"]].concat(),
    );
    assert_eq!(said(&disk), of_memory);
    disk.succeeds();
    // A step of 8 is the default of 32 tokens.
    assert!(learned(path, "disk") == learned(path, "memory"));
    assert!(learned(path, "cut") != learned(path, "memory"));

    let unscored = |bundle: &str, more: &[&str]| {
        let arguments = [&["score", bundle, "train.jsonl"], more].concat();
        let output = gradus(path, &arguments).succeeds();
        output.matches("\"unscored\":\"truncated\"").count()
    };
    assert_eq!(unscored("memory", &[]), 0);
    assert!(unscored("memory", &["--stride", "none"]) > 5);
    assert!(unscored("cut", &[]) > 5);
    assert_eq!(unscored("cut", &["--stride", "8"]), 0);
    let manifest = |bundle: &str| -> serde_json::Value {
        let text = fs_err::read(path.join(bundle).join("manifest.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    assert_eq!(manifest("memory")["text"]["stride"], 8);
    assert!(manifest("cut")["text"].get("stride").is_none());
    let told = gradus(path, &["eval", "memory", "valid.jsonl"]);
    assert!(told.stderr.contains("windows"), "{}", told.stderr);
    // A response loss needs whole responses.
    let whole = TINY.replace("\"none\"", "8")
        + "response_loss = { weight = 1.0, aggregation = \"mean\" }\n";
    write(path, "tiny.toml", whole);
    train(path, "whole", &[]).fails(2, &["`stride`", "8 with a response loss", "`none`"]);
    train(path, "whole", &["--stride", "auto", "--dry-run"]).succeeds();
}

#[test]
fn a_probe_on_disk_is_one_in_memory() {
    let directory = data();
    let path = directory.path();
    let probe = |output: &str, place: &str| {
        let arguments = [
            "probe",
            "--config",
            "tiny.toml",
            "--train",
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--output",
            output,
            "--data-in",
            place,
        ];
        let run = gradus(path, &arguments);
        let told = run.stderr.clone();
        run.succeeds();
        told
    };
    probe("memory", "memory");
    for said in ["tokens written to", "tokens read from"] {
        let told = probe(said, "disk");
        assert!(
            told.contains(said) && told.contains("examples stay on disk"),
            "{told}"
        );
        assert!(learned(path, said) == learned(path, "memory"), "{said}");
    }
}

#[test]
fn what_is_damaged_is_made_anew_and_said() {
    let directory = data();
    let path = directory.path();
    let run = |output: &str| {
        let more = ["--data-in", "disk", "--token-cache", "cache"];
        train(path, output, &more)
    };
    run("a").succeeds();
    let is_json = |file: &Path| file.extension().is_some_and(|ending| ending == "json");
    for name in names(&path.join("cache")) {
        let file = path.join("cache").join(&name);
        let whole = fs_err::read(&file).unwrap();
        let mut damaged = vec![whole[..whole.len() / 2].to_vec()];
        if is_json(&file) {
            // Still JSON of the right shape: another token, another number.
            let text = String::from_utf8(whole).unwrap();
            let other = text.replace("[UNK]", "[GAP]");
            let other = other.replace(r#"\"mean\":0."#, r#"\"mean\":1."#);
            assert!(other != text, "{name}");
            damaged.push(other.into_bytes());
        }
        for (k, bytes) in damaged.iter().enumerate() {
            fs_err::write(&file, bytes).unwrap();
            let output = format!("b-{k}-{}", name.replace('.', "-"));
            let again = run(&output);
            assert!(
                again.stderr.contains("made anew"),
                "{name}: {}",
                again.stderr
            );
            assert!(again.stderr.contains(&name), "{name}: {}", again.stderr);
            again.succeeds();
            assert!(learned(path, &output) == learned(path, "a"), "{name}");
        }
    }
}

#[test]
fn records_are_checked_as_in_memory() {
    let directory = data();
    let path = directory.path();
    let text = fs_err::read_to_string(path.join("train.jsonl")).unwrap();
    let first = text.lines().next().unwrap();
    let twice = format!("{text}{first}\n");
    let misspelt = text.replace("\"rating\":", "\"ratng\":");
    let wrong = text.replacen("\"prompt\":", "\"prompt\": 1, \"was\":", 1);
    for (name, content) in [
        ("twice.jsonl", &twice),
        ("misspelt.jsonl", &misspelt),
        ("wrong.jsonl", &wrong),
    ] {
        write(path, name, content);
        let errors = |place| {
            let run = train(path, "x", &["--train", name, "--data-in", place]);
            let code = run.code;
            let (_, message) = run
                .stderr
                .split_once("error: ")
                .unwrap_or_else(|| panic!("{name}: {}", run.stderr));
            (code, message.to_owned())
        };
        assert_eq!(errors("disk"), errors("memory"), "{name}");
    }
}

#[test]
fn a_stream_and_an_unknown_place_are_refused() {
    let directory = data();
    let path = directory.path();
    train(path, "x", &["--train", "-", "--data-in", "disk"])
        .fails(2, &["found a stream", "--data-in memory"]);
    train(path, "x", &["--data-in", "ram"]).fails(2, &["`auto`, `memory` or `disk`"]);
    write(path, "run.toml", "data_in = \"ram\"");
    gradus(path, &["train", "--config", "run.toml"]).fails(2, &["`auto`, `memory` or `disk`"]);
}

#[test]
fn a_pattern_of_parquet_files_is_read_again_for_each_pass() {
    let directory = data();
    let path = directory.path();
    fs_err::create_dir(path.join("in")).unwrap();
    let text = fs_err::read_to_string(path.join("train.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (number, lines) in lines.chunks(40).enumerate() {
        write(path, "part.jsonl", lines.join("\n"));
        let to = format!("in/{number}.parquet");
        gradus(path, &["data", "convert", "part.jsonl", &to]).succeeds();
    }
    train(path, "memory", &["--data-in", "memory"]).succeeds();
    train(
        path,
        "disk",
        &["--train", "in/*.parquet", "--data-in", "disk"],
    )
    .succeeds();
    assert!(learned(path, "disk") == learned(path, "memory"));
    assert!(path.join("in.tokens").is_dir());
}
