//! Poolings, heads and encoders of other programs.

use serde_json::{Value, json};

use crate::support::{Program, SMALL, run, run_of};

/// Where a part is named, and what a bundle keeps of it.
struct Part {
    example: &'static str,
    /// Tables of the run configuration: `[scratch]`, and others.
    tables: [&'static str; 2],
    /// The key in `config.json`, and what is there.
    kept: (&'static str, Value),
    /// A setting, or the name of the part, and what it may not be.
    wrong: [&'static str; 2],
}

/// Trains, is killed and goes on, is scored, evaluated, compared with a bundle of built-in parts, and refused
/// by `gradus`, which has no such part.
fn is_a_part_as_any_other(part: &Part) {
    let own = Program::new(part.example);
    let config = |output: &str| {
        let training =
            "[training]\nepochs = 2\nbatch_size = 8\ndropout = 0.1\ncheckpoint_every = 1";
        let [scratch, others] = part.tables;
        let config = run_of(scratch, &format!("{others}\n{training}"));
        config.replace("\"bundle\"", &format!("\"{output}\""))
    };
    own.write("run.toml", &config("bundle"));
    let plan = own.succeed(&["train", "--config", "run.toml"]);
    assert_eq!(
        own.json("bundle/config.json")[part.kept.0],
        part.kept.1,
        "{plan}"
    );
    let (_, name) = (part.kept.0, part.kept.1["kind"].as_str().unwrap());
    assert!(own.succeed(&["parts"]).contains(name));

    own.write("killed.toml", &config("killed"));
    own.kill_at_step(
        &["train", "--config", "killed.toml"],
        "killed",
        "killed.checkpoints",
        4,
    );
    own.succeed(&["train", "--resume", "killed"]);
    let weights = |bundle: &str| own.read(&format!("{bundle}/model.safetensors"));
    assert!(
        weights("bundle") == weights("killed"),
        "the resumed run has other weights"
    );

    own.succeed(&["score", "bundle", "valid.jsonl", "-o", "scores.jsonl"]);
    own.succeed(&["eval", "bundle", "valid.jsonl", "--resamples", "0"]);
    own.succeed(&["inspect", "bundle"]);
    own.write("plain.toml", &run("[training]\nepochs = 1"));
    own.succeed(&["train", "--config", "plain.toml", "--output", "plain"]);
    own.succeed(&["compare", "bundle", "plain", "valid.jsonl"]);

    let unknown = format!("`{name}`, which is not known to this program");
    own.gradus_refuses(
        &["score", "bundle", "valid.jsonl", "-o", "x.jsonl"],
        &["config.json", &unknown],
    );
    own.refuses(&["export", "bundle", "-o", "exported"], &["expected"]);
    let [found, other] = part.wrong;
    own.write("wrong.toml", &config("wrong").replace(found, other));
    own.refuses(&["train", "--config", "wrong.toml"], &[other]);
    own.gradus_refuses(&["train", "--config", "run.toml", "--output", "x"], &[name]);
}

#[test]
fn an_own_pooling_is_a_part_as_any_other() {
    is_a_part_as_any_other(&Part {
        example: "own_pooling",
        tables: [
            SMALL,
            "[model]\npooling = { kind = \"prompt-gate\", sharpness = 2.0 }",
        ],
        kept: (
            "pooling",
            json!({"kind": "prompt-gate", "version": 1, "sharpness": 2.0}),
        ),
        wrong: ["sharpness", "sharpnes"],
    });
}

#[test]
fn an_own_head_is_a_part_as_any_other() {
    is_a_part_as_any_other(&Part {
        example: "own_head",
        tables: [SMALL, "[model]\nhead = { kind = \"mixture\", experts = 3 }"],
        kept: (
            "head",
            json!({"kind": "mixture", "version": 1, "experts": 3}),
        ),
        wrong: ["experts", "expert"],
    });
}

#[test]
fn an_own_encoder_is_a_part_as_any_other() {
    is_a_part_as_any_other(&Part {
        example: "own_encoder",
        tables: [
            "[scratch]\ntokens = \"bytes\"\nencoder = { kind = \"byte-convolution\" }",
            "",
        ],
        kept: (
            "encoder",
            json!({
                "vocab_size": 260, "max_positions": 256, "dropout": 0.1, "attention_dropout": 0.0,
                "kind": "byte-convolution", "version": 1,
            }),
        ),
        wrong: ["byte-convolution", "byte-convolutions"],
    });
}
