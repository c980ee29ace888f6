//! Runs examples that are command lines, and `gradus` itself, in a directory of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// An example. `cargo test` builds them, unless it is told to build one test alone.
pub(crate) fn binary(example: &str) -> PathBuf {
    let binaries = Path::new(env!("CARGO_BIN_EXE_gradus")).parent().unwrap();
    binaries.join("examples").join(example)
}

/// A program and the directory that it runs in.
pub(crate) struct Program {
    binary: PathBuf,
    pub(crate) place: TempDir,
}

impl Program {
    /// An example, in an empty directory.
    pub(crate) fn alone(example: &str) -> Self {
        Self {
            binary: binary(example),
            place: tempfile::tempdir().unwrap(),
        }
    }

    /// An example that is a command line, in a directory with generated data: 60 examples each to train and to validate.
    pub(crate) fn new(example: &str) -> Self {
        let program = Self::alone(example);
        for (name, seed) in [("train.jsonl", "1"), ("valid.jsonl", "2")] {
            let arguments = "data generate --examples 60 --seed";
            let arguments: Vec<&str> = arguments.split(' ').chain([seed, "-o", name]).collect();
            program.succeed(&arguments);
        }
        program
    }

    fn run(&self, binary: &Path, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(binary)
            .args(arguments)
            .current_dir(&self.place)
            .output()
            .unwrap_or_else(|error| {
                panic!(
                    "{}: {error}; cargo build --release --examples makes it",
                    binary.display()
                )
            });
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    /// What the program prints.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let (code, text) = self.run(&self.binary, arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        text
    }

    /// Kills the program once it has saved a checkpoint of this step or a later one, before it writes `output`.
    pub(crate) fn kill_at_step(
        &self,
        arguments: &[&str],
        output: &str,
        checkpoints: &str,
        step: usize,
    ) {
        while !self.is_killed(arguments, checkpoints, step) {
            // This thread had to wait for so long that the run came to its end: once more.
            fs_err::remove_dir_all(self.place.path().join(output)).unwrap();
        }
    }

    /// Whether it could be killed before it ended.
    fn is_killed(&self, arguments: &[&str], checkpoints: &str, step: usize) -> bool {
        let mut running = Command::new(&self.binary)
            .args(arguments)
            .current_dir(&self.place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let directory = self.place.path().join(checkpoints);
        let saved = || {
            let entries = fs_err::read_dir(&directory).into_iter().flatten();
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let mut steps = names.filter_map(|name| name.strip_prefix("step-")?.parse().ok());
            steps.any(|saved: usize| saved >= step)
        };
        while !saved() {
            if let Some(ended) = running.try_wait().unwrap() {
                assert!(ended.success(), "{arguments:?}: {ended}");
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        running.kill().unwrap();
        !running.wait().unwrap().success()
    }

    /// The program refuses its input, with these words.
    pub(crate) fn refuses(&self, arguments: &[&str], words: &[&str]) {
        self.refused(&self.binary, arguments, words);
    }

    /// `gradus` does, in the same directory.
    pub(crate) fn gradus_refuses(&self, arguments: &[&str], words: &[&str]) {
        self.refused(Path::new(env!("CARGO_BIN_EXE_gradus")), arguments, words);
    }

    fn refused(&self, binary: &Path, arguments: &[&str], words: &[&str]) {
        let (code, text) = self.run(binary, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        for word in words {
            assert!(text.contains(word), "{word} in {text}");
        }
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs_err::write(self.place.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs_err::read(self.place.path().join(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }
}

/// The encoder of most runs.
pub(crate) const SMALL: &str =
    "[scratch]\nd_model = 16\nnum_layers = 1\nnum_heads = 2\nd_ff = 32\n";

/// A run of a small model, with further tables of its configuration.
pub(crate) fn run(tables: &str) -> String {
    run_of(SMALL, tables)
}

/// A run of a model whose encoder a table describes.
pub(crate) fn run_of(scratch: &str, tables: &str) -> String {
    let files = "train = \"train.jsonl\"\nvalid = \"valid.jsonl\"\noutput = \"bundle\"\n";
    [files, scratch, tables].join("\n")
}
