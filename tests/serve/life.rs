//! Loading, full queues, clients that are gone, reloading and the end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::native::{assert_scored_alike, scored_by_the_command};
use crate::server::Server;
use crate::support::{gradus, temp_dir, train_arguments, trained};

/// A record that takes the small model a good while.
fn slow() -> Value {
    json!({"prompt": "p", "response": "One two three four. ".repeat(4000), "stride": 8})
}

#[test]
fn many_clients_at_once_get_the_scores_of_the_command_to_the_bit() {
    let server = Server::with(&["bundle", "--max-batch-tokens", "700"]);
    let expected = scored_by_the_command(12, &[]);
    thread::scope(|scope| {
        for client in 0..8 {
            let (server, expected) = (&server, &expected);
            scope.spawn(move || {
                let mut connection = server.connect();
                for turn in 0..40 {
                    let (record, written) = &expected[(client * 5 + turn) % expected.len()];
                    let answer = connection
                        .ask("POST", "/v1/score", &[], record.to_string().as_bytes())
                        .unwrap();
                    assert_scored_alike(&answer.json(200), written);
                }
            });
        }
    });
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
    let records: Vec<Value> = records.collect();
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    fs_err::write(path.join("long.jsonl"), lines.join("\n")).unwrap();
    let scored = gradus(path, &["score", "bundle", "long.jsonl"]).succeeds();
    let written: Vec<Value> = scored
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let server = Server::within(path, &["bundle", "--max-batch-tokens", "900"], &[]);
    thread::scope(|scope| {
        for client in 0..8 {
            let (server, records, written) = (&server, &records, &written);
            scope.spawn(move || {
                let mut connection = server.connect();
                for turn in 0..20 {
                    let place = (client * 5 + turn) % records.len();
                    let body = records[place].to_string();
                    let answer = connection.ask("POST", "/v1/score", &[], body.as_bytes());
                    assert_scored_alike(&answer.unwrap().json(200), &written[place]);
                }
            });
        }
    });
}

#[test]
fn a_full_queue_says_when_to_ask_again() {
    let server = Server::with(&["bundle", "--queue", "2", "--max-records", "2"]);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = server.score(&slow());
                if answer.status == 429 {
                    refused.fetch_add(1, Ordering::Relaxed);
                    assert!(answer.error(429).contains("a full queue of 2 records"));
                    let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                    assert!((1..=60).contains(&after));
                } else {
                    answer.json(200);
                }
            });
        }
    });
    assert!(refused.into_inner() > 0);
    assert_eq!(
        server
            .score(&json!({"prompt": "p", "response": "One."}))
            .status,
        200
    );
}

#[test]
fn records_of_clients_that_are_gone_are_not_computed() {
    let server = Server::start();
    let record = slow().to_string();
    server.post("/v1/score", &record).json(200);
    let head = format!(
        "POST /v1/score HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        record.len()
    );
    for _ in 0..40 {
        let mut connection = server.connect();
        connection.send(format!("{head}{record}")).unwrap();
        drop(connection);
    }
    server
        .score(&json!({"prompt": "p", "response": "One."}))
        .json(200);
    let metrics = server.get("/metrics");
    let computed = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("gradus_records_total "));
    let computed: usize = computed.unwrap().parse().unwrap();
    // The first, the last, and those that were computed already when their clients went.
    assert!((2..=20).contains(&computed), "{computed} of 42");
}

#[cfg(unix)]
#[test]
fn told_to_end_it_answers_what_was_asked_and_exits_with_0() {
    let server = Server::start();
    let expected = scored_by_the_command(6, &[]);
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..4 {
            let (server, expected, stop, answered) = (&server, &expected, &stop, &answered);
            scope.spawn(move || {
                let mut connection = server.connect();
                for turn in 0.. {
                    let (record, written) = &expected[(client + turn) % expected.len()];
                    let answer = connection
                        .ask("POST", "/v1/score", &[], record.to_string().as_bytes())
                        .unwrap();
                    assert_scored_alike(&answer.json(200), written);
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.header("connection") == Some("close") {
                        break;
                    }
                    assert!(!stop.load(Ordering::Relaxed) || turn < 100_000);
                }
            });
        }
        let slow = scope.spawn(|| server.score(&slow()));
        thread::sleep(Duration::from_millis(300));
        server.signal("-TERM");
        stop.store(true, Ordering::Relaxed);
        slow.join().unwrap().json(200);
    });
    assert!(answered.into_inner() >= 4);
    let (code, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(
        !said.contains("panicked") && !said.contains("internal error"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn what_is_not_answered_in_time_is_told() {
    let server = Server::with(&["bundle", "--grace", "1"]);
    let mut connection = server.connect();
    connection
        .send("POST /v1/score HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{")
        .unwrap();
    thread::sleep(Duration::from_millis(100));
    server.signal("-TERM");
    let (code, said) = server.end();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("still open after 1 s, and have been closed: 1"),
        "{said}"
    );
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
    let copy = |from: &str| {
        let beside = path("beside");
        let _ = fs_err::remove_dir_all(&beside);
        fs_err::create_dir(&beside).unwrap();
        for entry in fs_err::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs_err::copy(
                entry.path(),
                std::path::Path::new(&beside).join(entry.file_name()),
            )
            .unwrap();
        }
        let old = path("old");
        let _ = fs_err::remove_dir_all(&old);
        let _ = fs_err::rename(&served, &old);
        fs_err::rename(&beside, &served).unwrap();
    };
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

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0, 0];
                    while !stop.load(Ordering::Relaxed) {
                        let answer = ask();
                        if answer == of_first {
                            seen[0] += 1;
                        } else {
                            assert_eq!(answer, of_second, "an answer of two bundles");
                            seen[1] += 1;
                        }
                    }
                    seen
                })
            })
            .collect();
        for turn in 0..6 {
            copy(if turn % 2 == 0 { &first } else { &second });
            if turn == 3 {
                server.signal("-HUP");
                thread::sleep(Duration::from_millis(300));
            } else {
                reload().json(200);
            }
        }
        stop.store(true, Ordering::Relaxed);
        let seen = clients.into_iter().map(|client| client.join().unwrap());
        let seen = seen.fold([0, 0], |sum, seen| [sum[0] + seen[0], sum[1] + seen[1]]);
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
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
