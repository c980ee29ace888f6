//! `gradus serve` as a child process that ends with its test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Answer, Connection};
use crate::support::trained;

/// A server on loopback, on a port of its own.
pub(crate) struct Server {
    child: Child,
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

    /// A server that listens, and may be loading still.
    pub(crate) fn spawn(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = command(directory);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.envs(variables.iter().copied());
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
            let mut said = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut said)
                .unwrap();
            panic!("no address: {line:?} {said}");
        };
        Self { child, address }
    }

    pub(crate) fn wait_until_ready(&self) {
        let started = Instant::now();
        while self.get("/ready").status != 200 {
            assert!(
                started.elapsed() < Duration::from_mins(1),
                "the server is never ready"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
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
        let mut said = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (code, said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `gradus serve` without the key of whoever runs the tests.
pub(crate) fn command(directory: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gradus"));
    command
        .arg("serve")
        .current_dir(directory)
        .env_remove("GRADUS_KEY");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
