//! Clients that are slow, idle, gone or wrong: the server answers or closes, and the next good request works.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::server::{Server, wait_until};

/// Descriptors that the server has open.
#[cfg(target_os = "linux")]
fn descriptors(server: &Server) -> usize {
    fs_err::read_dir(format!("/proc/{}/fd", server.id()))
        .unwrap()
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn many_idle_connections_are_borne_and_closed() {
    let server = Server::with(&["bundle", "--header-timeout", "2"]);
    server.wait_until_it_scores();
    let before = descriptors(&server);
    // As many as the test may open where other tests run beside it and 1,024 descriptors are all there are.
    let idle: Vec<Connection> = (0..500).map(|_| server.connect()).collect();
    server.wait_until_it_scores();
    wait_until("idle connections are closed", || {
        descriptors(&server) <= before + 3
    });
    server.wait_until_it_scores();
    drop(idle);
}

#[cfg(target_os = "linux")]
#[test]
fn connections_beyond_the_limit_wait_their_turn() {
    let server = Server::with(&["bundle", "--max-connections", "3", "--header-timeout", "1"]);
    let most = descriptors(&server) + 4;
    let idle: Vec<Connection> = (0..20).map(|_| server.connect()).collect();
    for _ in 0..50 {
        let open = descriptors(&server);
        assert!(open <= most, "{open} descriptors, expected at most {most}");
        thread::sleep(Duration::from_millis(10));
    }
    // A place is free when the idle ones are closed.
    server.wait_until_it_scores();
    drop(idle);
}

#[test]
fn half_sent_heads_and_bodies_are_given_up() {
    let server = Server::with(&["bundle", "--header-timeout", "1", "--request-timeout", "1"]);
    let mut head = server.connect();
    head.send("POST /v1/score HTTP/1.1\r\nhost: localhost\r\n")
        .unwrap();
    let mut body = server.connect();
    body.send(
        "POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"prompt\"",
    )
    .unwrap();
    let mut lines = server.connect();
    lines.send("POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n{\"prompt\"").unwrap();
    assert!(body.answer().unwrap().error(408).contains("within 1 s"));
    assert!(
        lines
            .answer()
            .unwrap()
            .text()
            .contains("nothing more arrived within 1 s")
    );
    // Closed, with or without a word.
    assert!(head.answer().map_or(true, |answer| answer.status == 408));
    server.wait_until_it_scores();
}

/// Whether the server still has its side of a connection open.
#[cfg(target_os = "linux")]
fn is_held(server: &Server, connection: &Connection) -> bool {
    let port =
        |address: &str| u16::from_str_radix(address.rsplit_once(':').unwrap().1, 16).unwrap();
    let ports = (server.address.port(), connection.port());
    let table = fs_err::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Behind the addresses is the state; 01 is an open connection.
        (port(words[1]), port(words[2])) == ports && words[3] == "01"
    })
}

/// Clients that ask for more than all buffers on the way hold, and read nothing of it; each with the number of
/// answers that it asks for.
#[cfg(target_os = "linux")]
fn that_never_read(server: &Server) -> Vec<(Connection, usize)> {
    let many = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
    // Its answer is more than ten times as long: each sentence is a segment, though most are truncated.
    let record = json!({"prompt": "p", "response": "One. ".repeat(40_000)}).to_string();
    let list = format!("[{}]", [record.as_str(); 5].join(","));
    let post = |kind: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let lines = post("application/jsonl", &(record + "\n").repeat(5));
    let requests = [
        (many, 1000),
        (post("application/json", &list), 1),
        (lines, 1),
    ];
    let ask = |(request, answers): &(String, usize)| {
        let mut connection = server.connect();
        connection.send(request).unwrap();
        connection.wait_for_an_answer().unwrap();
        (connection, *answers)
    };
    // Several of each, as descriptors of other kinds come and go.
    requests.iter().flat_map(|one| [one; 3]).map(ask).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn clients_that_never_read_their_answer_are_given_up() {
    let server = Server::with(&["bundle", "--write-timeout", "1"]);
    let silent = that_never_read(&server);
    for (connection, _) in &silent {
        wait_until("the connection is closed", || !is_held(&server, connection));
    }
    for (mut connection, asked) in silent {
        // What the buffers hold still arrives.
        let whole = std::iter::from_fn(|| connection.answer().ok()).count();
        assert!(whole < asked, "{whole} of {asked}");
    }
    wait_until("the queue is empty", || {
        server.metric("gradus_queue_records") == 0
    });
    server.wait_until_it_scores();
}

#[test]
fn what_is_no_http_is_refused_or_closed() {
    let server = Server::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = server.connect();
        connection.send(bytes).unwrap();
        if let Ok(answer) = connection.answer() {
            assert!((400..600).contains(&answer.status), "{bytes:?}: {}", answer.status);
        }
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "a".repeat(1 << 20)
    );
    let mut connection = server.connect();
    // The server may close while this is being sent.
    let _ = connection.send(long);
    assert!(
        connection
            .answer()
            .map_or(true, |answer| answer.status >= 400)
    );
    server.wait_until_it_scores();
}

#[test]
fn a_body_of_a_hundred_megabytes_is_refused_and_the_next_request_is_answered() {
    let server = Server::start();
    let piece = vec![b' '; 1 << 20];
    for head in ["content-length: 104857600", "transfer-encoding: chunked"] {
        let mut connection = server.connect();
        connection
            .send(format!(
                "POST /v1/score HTTP/1.1\r\nhost: localhost\r\n{head}\r\n\r\n"
            ))
            .unwrap();
        for _ in 0..100 {
            let sent = if head.starts_with('t') {
                connection
                    .send("100000\r\n")
                    .and_then(|()| connection.send(&piece))
                    .and_then(|()| connection.send("\r\n"))
            } else {
                connection.send(&piece)
            };
            if sent.is_err() {
                break;
            }
        }
        if let Ok(answer) = connection.answer() {
            assert_eq!(answer.status, 413);
        }
        server.wait_until_it_scores();
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "loads the server for a minute, or GRADUS_SOAK seconds"]
fn memory_and_descriptors_stay_as_they_are() {
    let seconds = std::env::var("GRADUS_SOAK").map_or(60, |seconds| seconds.parse().unwrap());
    let server = Server::start();
    server.wait_until_it_scores();
    let open = descriptors(&server);
    let memory = || -> usize {
        let status = fs_err::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let load = |seconds: u64| {
        let end = Instant::now() + Duration::from_secs(seconds);
        thread::scope(|scope| {
            for client in 0..8 {
                let server = &server;
                scope.spawn(move || {
                    let mut turn = client;
                    while Instant::now() < end {
                        turn += 1;
                        let record = json!({"prompt": "p", "response": "One two. ".repeat(turn % 40 + 1)}).to_string();
                        let mut connection = server.connect();
                        if turn % 5 == 0 {
                            // Gone before its answer.
                            connection.send(format!("POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{record}", record.len())).unwrap();
                            continue;
                        }
                        let answer = connection.ask("POST", "/v1/score", &[], record.as_bytes()).unwrap();
                        answer.json(200);
                    }
                });
            }
        });
    };
    let full = json!(vec![
        json!({"prompt": "p", "response": "One two. ".repeat(60)});
        200
    ]);
    thread::scope(|scope| {
        // Batches as large as they ever are, two at once.
        for _ in 0..4 {
            scope.spawn(|| server.score(&full).json(200));
        }
    });
    load(seconds / 4);
    let before = memory();
    load(seconds - seconds / 4);
    wait_until("descriptors are as many as at first", || {
        descriptors(&server) <= open + 3
    });
    let after = memory();
    println!("{before} kB became {after} kB in {seconds} s");
    // The allocator asks the system for 32 MiB at a time, and may do so once more.
    assert!(
        after < before + before / 10 + 8192 + 32 * 1024,
        "{before} kB became {after} kB"
    );
}
