//! Who may ask, and where the server listens.

use std::process::Output;

use crate::server::{Server, command};
use crate::support::{Run, temp_dir, trained, write};

const RECORD: &[u8] = br#"{"prompt":"p","response":"One."}"#;

#[test]
fn with_a_key_only_requests_that_know_it_are_answered() {
    let server = Server::within(trained(), &["bundle"], &[("GRADUS_KEY", "a-key")]);
    let ask = |headers: &[(&str, &str)]| {
        server
            .connect()
            .ask("POST", "/v1/score", headers, RECORD)
            .unwrap()
    };
    let refused = ask(&[]);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(
        refused.error(401),
        "header `authorization`: found no key, expected `Bearer KEY`"
    );
    for wrong in ["Bearer a-ke", "Bearer a-key2", "Digest a-key", "a-key"] {
        assert!(
            ask(&[("authorization", wrong)])
                .error(401)
                .contains("another key")
        );
    }
    assert_eq!(ask(&[("authorization", "Bearer a-key")]).status, 200);
    for path in ["/info", "/v1/score", "/reload"] {
        assert!(matches!(server.get(path).status, 401 | 405), "{path}");
    }
    for path in ["/health", "/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn the_key_may_stand_in_a_file() {
    let directory = temp_dir();
    let key = write(directory.path(), "key.txt", "from-a-file\n");
    let server = Server::with(&["bundle", "--key-file", key.to_str().unwrap()]);
    let headers = [("authorization", "Bearer from-a-file")];
    assert_eq!(
        server
            .connect()
            .ask("GET", "/info", &headers, b"")
            .unwrap()
            .status,
        200
    );
    assert_eq!(server.get("/info").status, 401);
}

fn run(arguments: &[&str]) -> Run {
    let output: Output = command(trained()).args(arguments).output().unwrap();
    Run::of(output)
}

#[test]
fn an_address_that_others_reach_needs_a_key() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        run(&["bundle", "--listen", address])
            .fails(2, &["--listen: found", "without a key", "--insecure"]);
    }
    let server = Server::within(trained(), &["bundle", "--insecure"], &[]);
    assert_eq!(server.get("/info").status, 200);
}

#[test]
fn what_cannot_be_started_is_refused() {
    run(&["nowhere"]).fails_after_listening(2, &["nowhere"]);
    run(&["a=bundle", "a=bundle"]).fails(2, &["the name `a` twice"]);
    run(&["bundle", "--columns", "prompt=question"]).fails(2, &["--columns: found a server"]);
    run(&["bundle", "--write-timeout", "0"]).fails(2, &["--write-timeout: found 0 seconds"]);
    run(&["bundle", "--queue", "0"]).fails(2, &["--queue: found 0, expected 1 or more"]);
    run(&["bundle", "--listen", "127.0.0.1"]).fails(2, &["--listen 127.0.0.1"]);
    run(&["bundle", "--key-file", "nowhere"]).fails(2, &["nowhere"]);
}

impl Run {
    /// A failure of a server whose address was printed.
    #[track_caller]
    fn fails_after_listening(mut self, code: i32, parts: &[&str]) {
        assert!(
            self.stdout.starts_with("http://127.0.0.1:"),
            "{}",
            self.stdout
        );
        self.stdout.clear();
        self.fails(code, parts);
    }
}

#[test]
fn a_page_of_another_site_gets_nothing() {
    let server = Server::start();
    let ask = |origin: &str| {
        server
            .connect()
            .ask("POST", "/v1/score", &[("origin", origin)], RECORD)
            .unwrap()
    };
    assert!(
        ask("https://example.com")
            .error(403)
            .contains("header `origin`")
    );
    assert_eq!(ask(&format!("http://{}", server.address)).status, 200);
}

#[test]
fn a_name_that_a_site_had_resolved_to_this_machine_gets_nothing() {
    let ask = |server: &Server, host: &str| {
        let mut connection = server.connect();
        let request = format!("GET /info HTTP/1.1\r\nhost: {host}\r\n\r\n");
        connection.send(request).unwrap();
        connection.answer().unwrap()
    };
    let server = Server::start();
    let refused = ask(&server, "evil.example:8080");
    assert!(
        refused
            .error(403)
            .contains("header `host`: found \"evil.example:8080\"")
    );
    assert_eq!(ask(&server, "localhost").status, 200);
    let open = Server::with(&["bundle", "--insecure"]);
    assert_eq!(ask(&open, "gradus.example").status, 200);
    let with_key = Server::within(trained(), &["bundle"], &[("GRADUS_KEY", "a-key")]);
    assert_eq!(ask(&with_key, "gradus.example").status, 401);
}

#[test]
fn every_answer_has_the_id_of_its_request() {
    let server = Server::start();
    let ask = |headers: &[(&str, &str)]| {
        server
            .connect()
            .ask("GET", "/health", headers, b"")
            .unwrap()
    };
    let (first, second) = (ask(&[]), ask(&[]));
    assert_ne!(
        first.header("x-request-id").unwrap(),
        second.header("x-request-id").unwrap()
    );
    assert_eq!(
        ask(&[("x-request-id", "mine")]).header("x-request-id"),
        Some("mine")
    );
    let odd = ask(&[("x-request-id", "two words")]);
    assert_ne!(odd.header("x-request-id"), Some("two words"));
}
