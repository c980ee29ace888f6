//! A temporary directory, the binary, and a small trained bundle that all tests share.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use assert_cmd::cargo::cargo_bin_cmd;
use tempfile::TempDir;

/// How a run of the binary ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        let run = Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(
            !run.stderr.contains("panicked") && !run.stderr.contains("internal error"),
            "a panic reached the user:\n{}",
            run.stderr
        );
        run
    }

    /// Asserts success and returns standard output.
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// Asserts an exit code, no data, and a message with all of `parts`.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stderr, self.stdout);
        assert_eq!(self.stdout, "", "data was written before the failure");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "missing `{part}` in:\n{}",
                self.stderr
            );
        }
    }
}

/// The JSON that a run prints.
#[track_caller]
pub(crate) fn json_of(run: Run) -> serde_json::Value {
    serde_json::from_str(&run.succeeds()).expect("JSON on standard output")
}

/// The token of every worker of the tests that has no other.
pub(crate) const TOKEN: &str = "token of the tests";

/// Runs `gradus` in a directory.
pub(crate) fn gradus(directory: &Path, arguments: &[&str]) -> Run {
    let mut command = cargo_bin_cmd!("gradus");
    Run::of(
        command
            .current_dir(directory)
            .env("GRADUS_WORKER_TOKEN", TOKEN)
            .args(arguments)
            .output()
            .expect("the binary starts"),
    )
}

pub(crate) fn temp_dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

pub(crate) fn write(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join(name);
    fs_err::write(&path, content).expect("a file in a temporary directory");
    path
}

/// Names of what lies in a directory, sorted.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(directory).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// A model so small that it trains in a second.
pub(crate) const TINY: &str = "
[text]
# Most tests of long texts look at what is cut; those of windows set a step.
stride = \"none\"

[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32

[training]
epochs = 1
batch_size = 16
learning_rate = 1e-3
";

/// A directory with `train.jsonl`, `valid.jsonl`, `test.jsonl`, `tiny.toml` and the trained `bundle`.
pub(crate) fn trained() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = temp_dir();
        let path = directory.path();
        gradus(
            path,
            &["data", "generate", "--examples", "120", "-o", "all.jsonl"],
        )
        .succeeds();
        gradus(path, &["data", "split", "all.jsonl", "-o", "."]).succeeds();
        write(path, "tiny.toml", TINY);
        gradus(
            path,
            &[
                "train",
                "--config",
                "tiny.toml",
                "--train",
                "train.jsonl",
                "--valid",
                "valid.jsonl",
                "--output",
                "bundle",
                // It knows little, so that a baseline would be most of its scores.
                "--stack",
                "none",
            ],
        )
        .succeeds();
        directory
    });
    directory.path()
}

/// Arguments of a training run on the files of [`trained`], ending with `more`. It is not stacked unless they say so: a model
/// of so few steps knows little, so that a baseline would be most of its scores.
pub(crate) fn train_arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "train",
        "--config",
        "tiny.toml",
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
    ];
    if !more.contains(&"--stack") {
        arguments.extend(["--stack", "none"]);
    }
    arguments.extend(more);
    arguments
}

/// The scores of all segments that `gradus score` prints.
pub(crate) fn segment_scores(printed: &str) -> Vec<f64> {
    let records = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let segments = records
        .flat_map(|record: serde_json::Value| record["segments"].as_array().unwrap().clone());
    segments
        .map(|segment| segment["score"].as_f64().unwrap())
        .collect()
}

/// A copy of the tiny BERT that the encoder tests hold against its reference.
pub(crate) fn tiny_bert(directory: &Path) {
    tiny_encoder("bert", directory);
}

/// Lays a tiny random encoder of a family into a directory.
pub(crate) fn tiny_encoder(family: &str, directory: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = root.join(format!("crates/model/tests/golden/tiny-{family}"));
    let data = root.join(format!("crates/data/tests/golden/tiny-{family}"));
    for (from, name) in [
        (&model, "config.json"),
        (&model, "model.safetensors"),
        (&data, "tokenizer.json"),
    ] {
        fs_err::copy(from.join(name), directory.join(name)).unwrap();
    }
}

/// A copy of the bundle of [`trained`] that may be changed, with `valid.jsonl` and `test.jsonl` beside it.
pub(crate) fn copy_of_bundle(directory: &Path) {
    let from = trained().join("bundle");
    fs_err::create_dir(directory.join("bundle")).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(
            entry.path(),
            directory.join("bundle").join(entry.file_name()),
        )
        .unwrap();
    }
    for name in ["valid.jsonl", "test.jsonl"] {
        fs_err::copy(trained().join(name), directory.join(name)).unwrap();
    }
}
