//! The commands that are tried, and what they start from.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::copy;

/// So small that it trains in a moment. A checkpoint after every second step.
const CONFIG: &str = "
train = 'train.jsonl'
valid = 'valid.jsonl'

[scratch]
d_model = 8
num_layers = 1
num_heads = 2
d_ff = 16

[training]
epochs = 2
batch_size = 16
checkpoint_every = 2
";

/// A command and what is there when it starts.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<&'static str>,
    /// What of the template it starts with.
    files: &'static [&'static str],
    /// Whether it puts a directory in the place of another.
    pub(crate) replaces_a_directory: bool,
}

impl Scenario {
    /// A new directory to run it in.
    pub(crate) fn place(&self, template: &Path) -> TempDir {
        let place = tempfile::tempdir().unwrap();
        for name in self.files {
            let (from, to) = (template.join(name), place.path().join(name));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                fs_err::copy(from, to).unwrap();
            }
        }
        place
    }

    /// What its user runs after a failure, and the exit code: 2 where the first run had got as far
    /// as that nothing is left to do.
    pub(crate) fn again(&self, place: &Path) -> (Vec<&'static str>, i32) {
        let checkpoints = place.join("out.checkpoints");
        let steps = fs_err::read_dir(checkpoints).into_iter().flatten();
        let mut names = steps.map(|entry| entry.unwrap().file_name());
        if names.any(|name| name.to_string_lossy().starts_with("step-")) {
            return (vec!["train", "--resume", "out/"], 0);
        }
        let mut arguments = self.arguments.clone();
        match self.name {
            "calibrate --remove" => {
                let manifest = fs_err::read_to_string(place.join("calibrated/manifest.json"));
                let is_there = manifest.unwrap().contains("recalibration.json");
                return (arguments, if is_there { 0 } else { 2 });
            }
            "export" => {
                let is_there = place.join("out").is_dir();
                return (arguments, if is_there { 2 } else { 0 });
            }
            "train --resume" => {
                arguments = vec!["train", "--config", "run.toml", "--output", "out"];
            }
            _ => {}
        }
        if arguments[0] != "calibrate" && !arguments.contains(&"--overwrite") {
            arguments.push("--overwrite");
        }
        (arguments, 0)
    }
}

/// Everything that the scenarios start from.
pub(crate) fn template() -> TempDir {
    let template = tempfile::tempdir().unwrap();
    let path = template.path();
    let published = r#"[{"id":"p-1","problem":"q","steps":["a","b"],"label":1}]"#;
    fs_err::write(path.join("published.json"), published).unwrap();
    fs_err::write(path.join("run.toml"), CONFIG).unwrap();
    for command in [
        "data generate --examples 60 -o all.jsonl",
        "data split all.jsonl -o .",
        "train --config run.toml --output bundle",
        "train --config run.toml --output out --seed 7",
        "train --config run.toml --output adapters --lora 2",
        "score bundle valid.jsonl -o scored.jsonl",
        "export bundle classifier",
    ] {
        gradus(path, &command.split(' ').collect::<Vec<_>>());
    }
    copy(&path.join("bundle"), &path.join("calibrated"));
    gradus(path, &["calibrate", "calibrated", "train.jsonl"]);
    stopped_run(path);
    template
}

fn gradus(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    let output = command
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// Leaves the checkpoints of a run that was killed, `out.checkpoints`.
fn stopped_run(path: &Path) {
    let place = path.join("stopped");
    fs_err::create_dir(&place).unwrap();
    for name in ["train.jsonl", "valid.jsonl", "run.toml"] {
        fs_err::copy(path.join(name), place.join(name)).unwrap();
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(["train", "--config", "run.toml", "--output", "out"])
        .current_dir(&place)
        .spawn()
        .unwrap();
    let first = place.join("out.checkpoints/step-000002");
    while !first.is_dir() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the run ended before its checkpoint");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let checkpoints = place.join("out.checkpoints");
    fs_err::rename(checkpoints, path.join("out.checkpoints")).unwrap();
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, arguments: &'static str, files| Scenario {
        name,
        arguments: arguments.split(' ').collect(),
        files,
        replaces_a_directory: false,
    };
    let replacing = |name, arguments, files| Scenario {
        replaces_a_directory: true,
        ..scenario(name, arguments, files)
    };
    let data: &'static [&str] = &["train.jsonl", "valid.jsonl", "run.toml"];
    let data_and_output: &'static [&str] = &["train.jsonl", "valid.jsonl", "run.toml", "out"];
    let train = "train --config run.toml --output out";
    vec![
        scenario(
            "data generate",
            "data generate --examples 60 -o new.jsonl",
            &[],
        ),
        scenario(
            "data import",
            "data import processbench published.json -o scored.jsonl --overwrite",
            &["published.json", "scored.jsonl"],
        ),
        scenario(
            "data split",
            "data split all.jsonl -o splits",
            &["all.jsonl"],
        ),
        scenario(
            "score",
            "score bundle valid.jsonl -o new.jsonl",
            &["bundle", "valid.jsonl"],
        ),
        scenario(
            "score to .gz",
            "score bundle valid.jsonl -o new.jsonl.gz",
            &["bundle", "valid.jsonl"],
        ),
        scenario(
            "score --overwrite",
            "score bundle valid.jsonl -o scored.jsonl --raw --overwrite",
            &["bundle", "valid.jsonl", "scored.jsonl"],
        ),
        scenario(
            "eval",
            "eval bundle valid.jsonl --html new.html --markdown new.md",
            &["bundle", "valid.jsonl"],
        ),
        scenario(
            "calibrate",
            "calibrate bundle train.jsonl",
            &["bundle", "train.jsonl"],
        ),
        scenario(
            "calibrate again",
            "calibrate calibrated valid.jsonl",
            &["calibrated", "valid.jsonl"],
        ),
        Scenario {
            arguments: vec!["calibrate", "calibrated", "--remove"],
            ..scenario("calibrate --remove", "", &["calibrated"])
        },
        scenario("merge", "merge adapters new", &["adapters"]),
        replacing(
            "merge --overwrite",
            "merge adapters out --overwrite",
            &["adapters", "out"],
        ),
        scenario("export", "export bundle out", &["bundle"]),
        scenario("import", "import classifier new", &["classifier"]),
        replacing(
            "import --overwrite",
            "import classifier out --overwrite",
            &["classifier", "out"],
        ),
        scenario("probe", "probe --config run.toml --output new", data),
        scenario("train", train, data),
        replacing(
            "train --overwrite",
            "train --config run.toml --output out --overwrite",
            data_and_output,
        ),
        scenario(
            "train --resume",
            "train --resume out",
            &["train.jsonl", "valid.jsonl", "run.toml", "out.checkpoints"],
        ),
    ]
}
