//! `gradus worker` as a child process that ends with its test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use crate::support::TOKEN;

/// A worker on loopback, on a port of its own.
pub(crate) struct Worker {
    child: Child,
    /// What `--device` takes for each of its devices.
    pub(crate) names: Vec<String>,
}

impl Worker {
    /// A worker that serves the CPU.
    pub(crate) fn start() -> Self {
        Self::with(&["--device", "cpu"], None)
    }

    /// A worker with these arguments behind the address, and the token of the tests or another.
    pub(crate) fn with(arguments: &[&str], token: Option<&str>) -> Self {
        let mut command = command("127.0.0.1:0");
        command.args(arguments);
        command.env("GRADUS_WORKER_TOKEN", token.unwrap_or(TOKEN));
        let count = arguments.iter().filter(|&&flag| flag == "--device").count();
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let names = lines
            .by_ref()
            .take(count.max(1))
            .map(Result::unwrap)
            .collect();
        Self { child, names }
    }

    /// The name of its first device.
    pub(crate) fn name(&self) -> &str {
        &self.names[0]
    }

    /// Waits until it has said something about a client on standard error.
    pub(crate) fn wait_for_client(&mut self) {
        let mut lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("WebSocket client")));
        // Read on, so that the worker never waits for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
    }

    /// SIGKILL: nothing of it runs any more.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ctrl-C. Returns the exit code and what it had said.
    #[cfg(unix)]
    pub(crate) fn interrupt(&mut self) -> (Option<i32>, String) {
        let mut signal = Command::new("kill");
        signal.args(["-INT", &self.child.id().to_string()]);
        assert!(signal.status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        (code, said)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `gradus worker --listen LISTEN`, without the token of whoever runs the tests.
pub(crate) fn command(listen: &str) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gradus"));
    command
        .args(["worker", "--listen", listen])
        .env_remove("GRADUS_WORKER_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
