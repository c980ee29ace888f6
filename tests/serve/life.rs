//! Loading, full queues, clients that are gone, reloading and the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::client::Connection;
use crate::native::{assert_scored_alike, scored_by, scored_by_the_command};
use crate::server::{Server, wait_until};
use crate::support::{gradus, temp_dir, train_arguments, trained};

/// A body of many records, each of which takes the small model a good while.
fn slow(records: usize) -> String {
    let record = json!({"prompt": "p", "response": "One two three four. ".repeat(500)});
    json!({"records": vec![record; records], "stride": 8}).to_string()
}

/// A server that computes so many slow records for a client, which has no answer yet.
fn busy(records: usize, arguments: &[&str]) -> (Server, Connection) {
    let server = Server::with(&[&["bundle"][..], arguments].concat());
    let mut client = server.connect();
    let body = slow(records);
    client
        .begin("POST", "/v1/score", &[], body.as_bytes())
        .unwrap();
    wait_until("records wait", || server.metric("gradus_queue_records") > 0);
    (server, client)
}

/// The same of 400 records, for which the server has places, and for no more.
fn full() -> (Server, Connection) {
    let limits = ["--queue", "400", "--max-records", "400"];
    busy(
        400,
        &[&limits[..], &["--max-body-bytes", "100000000"]].concat(),
    )
}

/// Asserts that eight clients at once get what the command writes, each of them for so many records.
fn assert_scored_alike_under_load(server: &Server, expected: &[(Value, Value)], turns: usize) {
    thread::scope(|scope| {
        for client in 0..8 {
            scope.spawn(move || {
                let mut connection = server.connect();
                for turn in 0..turns {
                    let (record, written) = &expected[(client * 5 + turn) % expected.len()];
                    let body = record.to_string();
                    let answer = connection.ask("POST", "/v1/score", &[], body.as_bytes());
                    assert_scored_alike(&answer.unwrap().json(200), written);
                }
            });
        }
    });
}

#[test]
fn many_clients_at_once_get_the_scores_of_the_command_to_the_bit() {
    let server = Server::with(&["bundle", "--max-batch-tokens", "700"]);
    assert_scored_alike_under_load(&server, &scored_by_the_command(12), 40);
}

#[test]
#[ignore = "needs MiniLM-L6: set GRADUS_MINILM to its directory"]
fn a_real_encoder_under_load_gives_the_scores_of_the_command_to_the_bit() {
    let encoder = std::env::var("GRADUS_MINILM")
        .expect("set GRADUS_MINILM to the directory of all-MiniLM-L6-v2");
    let directory = temp_dir();
    let path = directory.path();
    for (file, seed) in [("train.jsonl", "1"), ("test.jsonl", "2")] {
        let arguments = [
            "data",
            "generate",
            "--examples",
            "40",
            "--seed",
            seed,
            "-o",
            file,
        ];
        gradus(path, &arguments).succeeds();
    }
    let probe = [
        "probe",
        "--encoder",
        &encoder,
        "--train",
        "train.jsonl",
        "--valid",
        "test.jsonl",
        "-o",
        "bundle",
    ];
    gradus(path, &probe).succeeds();
    // Lengths of all kinds, so that batches are of all kinds.
    let text = fs_err::read_to_string(path.join("test.jsonl")).unwrap();
    let records = text.lines().enumerate().map(|(number, line)| {
        let record: Value = serde_json::from_str(line).unwrap();
        let response = record["response"].as_str().unwrap().to_owned() + " ";
        json!({"prompt": record["prompt"], "response": response.repeat(number % 9 + 1)})
    });
    let lines: Vec<String> = records.map(|record| record.to_string()).collect();
    fs_err::write(path.join("long.jsonl"), lines.join("\n")).unwrap();
    let server = Server::within(path, &["bundle", "--max-batch-tokens", "900"], &[]);
    let expected = scored_by(path, "long.jsonl", &[]);
    assert_scored_alike_under_load(&server, &expected, 20);
}

#[test]
fn a_full_queue_says_when_to_ask_again() {
    let (server, first) = full();
    // This needs all places, some of which the first request has for as long as it is computed.
    let record = json!({"prompt": "p", "response": "One."});
    let refused = server.score(&json!(vec![record; 400]));
    assert!(refused.error(429).contains("a full queue of 400 records"));
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&after));
    drop(first);
    server.wait_until_it_scores();
}

#[test]
fn records_of_clients_that_are_gone_are_not_computed() {
    let (server, client) = full();
    drop(client);
    wait_until("the queue is empty", || {
        server.metric("gradus_queue_records") == 0
    });
    server.wait_until_it_scores();
    let computed = server.metric("gradus_records_total");
    assert!((1..200).contains(&computed), "{computed} of 401");
    let gone = "gradus_requests_total{method=\"POST\",route=\"/v1/score\",status=\"499\"}";
    wait_until("it is counted as gone", || server.metric(gone) == 1);
}

/// The statuses of the requests to `/v1/score` in a log, each with its number.
fn statuses(log: &str) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"] == "request" && line["route"] == "/v1/score" {
            *counts.entry(line["status"].as_u64().unwrap()).or_default() += 1;
        }
    }
    counts
}

#[cfg(unix)]
#[test]
fn told_to_end_it_answers_what_was_asked_and_exits_with_0() {
    let (server, mut slow_client) = busy(60, &["--log-json"]);
    let expected = scored_by_the_command(6);
    let (is_told, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..4 {
            let (server, expected, is_told, answered) = (&server, &expected, &is_told, &answered);
            scope.spawn(move || {
                let mut connection = server.connect();
                for turn in 0.. {
                    let (record, written) = &expected[(client + turn) % expected.len()];
                    let body = record.to_string();
                    let answer = match connection.ask("POST", "/v1/score", &[], body.as_bytes()) {
                        Ok(answer) => answer,
                        // Closed between two requests, so that nothing of this one was read.
                        Err(_) if is_told.load(Ordering::SeqCst) => break,
                        Err(error) => panic!("no answer: {error}"),
                    };
                    assert_scored_alike(&answer.json(200), written);
                    answered.fetch_add(1, Ordering::SeqCst);
                    if answer.header("connection") == Some("close") {
                        break;
                    }
                }
            });
        }
        wait_until("clients are answered", || {
            answered.load(Ordering::SeqCst) >= 8
        });
        is_told.store(true, Ordering::SeqCst);
        server.signal("-TERM");
        let scored = slow_client.answer().unwrap().json(200);
        assert_eq!(scored["records"].as_array().unwrap().len(), 60);
    });
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        !said.contains("panicked") && !said.contains("internal error"),
        "{said}"
    );
    // What the server has read, it has answered.
    let answered = answered.into_inner() + 1;
    assert_eq!(statuses(&said), BTreeMap::from([(200, answered)]));
}

#[cfg(unix)]
#[test]
fn told_to_end_it_takes_no_new_connections() {
    let (server, mut client) = busy(60, &[]);
    server.signal("-TERM");
    wait_until("connections are refused", || {
        std::net::TcpStream::connect(server.address).is_err()
    });
    client.answer().unwrap().json(200);
    assert_eq!(server.end().0, Some(0));
}

#[cfg(unix)]
#[test]
fn what_is_not_answered_in_time_is_told() {
    let server = Server::with(&["bundle", "--grace", "1"]);
    let mut connection = server.connect();
    connection
        .send("POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n")
        .unwrap();
    // Now the request has been read, and its body is waited for.
    assert!(connection.line().unwrap().contains("100 Continue"));
    server.signal("-TERM");
    let (code, said) = server.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("still open after 1 s, and have been closed: "),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn told_twice_it_ends_without_waiting_for_answers() {
    let (server, _client) = full();
    server.signal("-TERM");
    server.signal("-INT");
    let (code, said) = server.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("closed at once: "), "{said}");
}

/// Sets a flag when it goes, also where a test has failed, as its threads would else go on for ever.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Puts a copy of a bundle in the place of another, as one step.
fn copy_over(from: &Path, to: &Path) {
    let (beside, old) = (to.with_extension("new"), to.with_extension("old"));
    let _ = fs_err::remove_dir_all(&beside);
    fs_err::create_dir(&beside).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), beside.join(entry.file_name())).unwrap();
    }
    let _ = fs_err::remove_dir_all(&old);
    let _ = fs_err::rename(to, &old);
    fs_err::rename(&beside, to).unwrap();
}

#[cfg(unix)]
#[test]
fn a_reload_under_load_loses_nothing_and_mixes_nothing() {
    let directory = temp_dir();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (first, second, served) = (path("first"), path("second"), path("served"));
    for (seed, output) in [("1", &first), ("2", &second)] {
        gradus(
            trained(),
            &train_arguments(&["--output", output, "--seed", seed]),
        )
        .succeeds();
    }
    let copy = |from: &str| copy_over(Path::new(from), Path::new(&served));
    copy(&first);
    let server = Server::within(trained(), &[&format!("m={served}")], &[("GRADUS_KEY", "k")]);
    let headers = [("authorization", "Bearer k")];
    let text = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
    let records: Vec<Value> = text
        .lines()
        .take(6)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let body = json!(records).to_string();
    let ask = || {
        server
            .connect()
            .ask("POST", "/v1/score", &headers, body.as_bytes())
            .unwrap()
            .json(200)
    };
    let reload = || {
        server
            .connect()
            .ask("POST", "/reload", &headers, b"")
            .unwrap()
    };
    let of_first = ask();
    copy(&second);
    let reloaded = reload().json(200);
    assert_eq!(reloaded["models"][0]["name"], "m");
    let of_second = ask();
    assert_ne!(of_first, of_second);

    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let answer = ask();
                    assert!(
                        answer == of_first || answer == of_second,
                        "an answer of two bundles"
                    );
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for turn in 0..6 {
            let (bundle, expected) = [(&first, &of_first), (&second, &of_second)][turn % 2];
            copy(bundle);
            if turn == 3 {
                server.signal("-HUP");
                wait_until("the other bundle answers", || ask() == *expected);
            } else {
                reload().json(200);
            }
            // Of nine answers, one at least was asked for after the bundle was loaded.
            let before = answered.load(Ordering::SeqCst);
            wait_until("clients are answered", || {
                answered.load(Ordering::SeqCst) >= before + 9
            });
            assert_eq!(ask(), *expected);
        }
    });

    // A bundle that cannot be loaded leaves the one that is there.
    let before = ask();
    fs_err::write(std::path::Path::new(&served).join("config.json"), "{").unwrap();
    let failed = reload().json(500);
    assert!(
        failed["models"][0]["error"]
            .as_str()
            .unwrap()
            .contains("bundle `m`"),
        "{failed}"
    );
    assert_eq!(ask(), before);
}

#[test]
fn while_it_loads_it_says_so() {
    let server = Server::spawn(trained(), &["bundle"], &[]);
    let first = server.get("/ready").status;
    assert!(first == 200 || first == 503);
    assert_eq!(server.get("/health").status, 200);
    server.wait_until_ready();
}
