//! `gradus serve` as a child process that ends with its test.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Answer, Connection, WAIT};
use crate::support::trained;

/// A server on loopback, on a port of its own.
pub(crate) struct Server {
    child: Child,
    /// What it says on standard error: a pipe that nobody reads would stop it when it is full.
    said: fs_err::File,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// A server of the bundle of all tests.
    pub(crate) fn start() -> Self {
        Self::with(&["bundle"])
    }

    /// A server with these arguments, started in the directory of the trained bundle; it is ready.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::within(trained(), arguments, &[])
    }

    pub(crate) fn within(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let server = Self::spawn(directory, arguments, variables);
        server.wait_until_ready();
        server
    }

    /// A server that listens, and may be loading still. Unless they are given, its times are longer than any test
    /// takes on a machine that does much else.
    pub(crate) fn spawn(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = command(directory);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        for time in [
            "--header-timeout",
            "--request-timeout",
            "--write-timeout",
            "--grace",
        ] {
            if !arguments.contains(&time) {
                command.args([time, "600"]);
            }
        }
        command.envs(variables.iter().copied());
        let said = tempfile::tempfile().unwrap();
        command.stderr(said.try_clone().unwrap());
        let said = fs_err::File::from_parts(said, "standard error");
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("http://")
            .and_then(|address| address.parse().ok());
        let Some(address) = address else {
            child.wait().unwrap();
            panic!("no address: {line:?} {}", text_of(said));
        };
        Self {
            child,
            said,
            address,
        }
    }

    pub(crate) fn wait_until_ready(&self) {
        wait_until("the server is ready", || self.get("/ready").status == 200);
    }

    /// A whole number of `GET /metrics`, by its name; 0 where it is not there.
    pub(crate) fn metric(&self, name: &str) -> usize {
        let answer = self.get("/metrics");
        let found = answer.text().lines().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(' ')?;
            value.parse().ok()
        });
        found.unwrap_or(0)
    }

    /// Waits until a good request is answered with scores.
    pub(crate) fn wait_until_it_scores(&self) {
        wait_until("a good request is answered", || {
            let answer = self.post("/v1/score", r#"{"prompt":"p","response":"One. Two."}"#);
            assert!(
                matches!(answer.status, 200 | 429 | 503),
                "{}",
                answer.text()
            );
            answer.status == 200
        });
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.connect().ask("GET", path, &[], b"").unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.connect()
            .ask("POST", path, &[], body.as_ref())
            .unwrap()
    }

    pub(crate) fn score(&self, body: &Value) -> Answer {
        self.post("/v1/score", body.to_string())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends the process a signal, by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([name, &self.child.id().to_string()]);
        assert!(kill.status().unwrap().success());
    }

    /// Waits for its end: the exit code, and what it said on standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let said = self.said.try_clone().unwrap();
        (code, text_of(said))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text_of(mut file: fs_err::File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Waits until something is so, which it has to be before long.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < WAIT, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// `gradus serve` without a key from the environment.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gradus"));
    command
        .arg("serve")
        .current_dir(directory)
        .env_remove("GRADUS_KEY");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
