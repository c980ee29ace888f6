//! The process of a run.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};

use gradus_files::{MOST_BYTES, read_regular};

use crate::Result;

/// Longest note of why a run failed, in characters.
const LONGEST: usize = 600;

/// A process that stops with a checkpoint when its standard input ends.
pub(super) struct Child {
    process: std::process::Child,
    /// Its other end is the process's standard input.
    input: Option<ChildStdin>,
}

impl Child {
    /// Starts a process whose output goes to the end of `log`.
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let open = || -> std::io::Result<std::fs::File> {
            OpenOptions::new().create(true).append(true).open(log)
        };
        let named = |error: std::io::Error| {
            std::io::Error::new(error.kind(), format!("{}: {error}", log.display()))
        };
        let (output, errors) = (open().map_err(named)?, open().map_err(named)?);
        // Its own group, so that Ctrl-C in a terminal reaches it by way of its standard input, once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()?;
        let input = process.stdin.take();
        Ok(Self { process, input })
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    pub(super) fn ask_to_stop(&mut self) {
        self.input = None;
    }
}

/// Why a run failed: the error at the end of its log.
pub(super) fn last_words(log: &Path, code: Option<i32>) -> String {
    let ended = match code {
        Some(code) => format!("ended with the exit code {code}"),
        None => "was killed by the system or a person".into(),
    };
    let text = read_regular(log, MOST_BYTES).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let (Some(code), Some(at)) = (code, text.rfind("error: ")) else {
        return ended;
    };
    let words: String = text[at + "error: ".len()..]
        .trim()
        .chars()
        .take(LONGEST)
        .collect();
    format!("{words} (exit code {code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_by_the_last_error_of_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log.txt");
        fs_err::write(&log, "error: old\nstep 1\nerror: new: x\n\nhint: y\n").unwrap();
        assert_eq!(last_words(&log, Some(2)), "new: x\n\nhint: y (exit code 2)");
        assert_eq!(
            last_words(&log, None),
            "was killed by the system or a person"
        );
        let none = directory.path().join("none");
        assert_eq!(last_words(&none, Some(1)), "ended with the exit code 1");
    }
}
