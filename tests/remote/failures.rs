//! What a person sees when a worker cannot be started, reached or kept.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin_cmd;

use crate::support::{Run, TINY, TOKEN, gradus, names, temp_dir, train_arguments, trained, write};
use crate::worker::{Worker, command};

fn eval(device: &str) -> [&str; 5] {
    ["eval", "bundle", "test.jsonl", "--device", device]
}

#[test]
fn a_name_that_is_none_is_refused_with_the_right_form() {
    gradus(trained(), &eval("remote:gpu:3000")).fails(2, &["`gpu:3000`", "remote:ws://HOST:PORT"]);
}

#[test]
fn a_host_without_a_worker_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let name = format!("remote:ws://{free}");
    gradus(trained(), &eval(&name)).fails(1, &[&name, "cannot reach a worker", "gradus worker"]);
}

#[test]
fn a_host_that_does_not_answer_is_given_up_after_a_while() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("remote:ws://{}", silent.local_addr().unwrap());
    let started = Instant::now();
    gradus(trained(), &eval(&name)).fails(1, &[&name, "no answer within 20 seconds"]);
    assert!(started.elapsed() < Duration::from_mins(1));
}

#[test]
fn a_device_beyond_the_last_is_refused() {
    let worker = Worker::start();
    let name = format!("{}#1", worker.name());
    gradus(trained(), &eval(&name)).fails(1, &[&name, "serves 1 device(s)"]);
}

#[test]
fn only_who_has_the_token_is_served() {
    let worker = Worker::with(&[], Some("open sesame"));
    let run = |token: Option<&str>| {
        let mut command = cargo_bin_cmd!("gradus");
        command.env_remove("GRADUS_WORKER_TOKEN");
        if let Some(token) = token {
            command.env("GRADUS_WORKER_TOKEN", token);
        }
        let command = command.current_dir(trained()).args(eval(worker.name()));
        Run::of(command.output().unwrap())
    };
    run(None).fails(1, &["refused", "without a token", "GRADUS_WORKER_TOKEN"]);
    run(Some("open barley")).fails(1, &["refused the token"]);
    run(Some("open sesame")).succeeds();
}

#[test]
fn a_worker_that_dies_ends_the_training_with_an_error() {
    let mut worker = Worker::start();
    let directory = temp_dir();
    let output = directory.path().join("bundle");
    let config = write(
        directory.path(),
        "long.toml",
        TINY.replace("epochs = 1", "epochs = 500"),
    );
    let mut arguments = train_arguments(&["--output", output.to_str().unwrap()]);
    arguments[2] = config.to_str().unwrap();
    arguments.extend(["--device", worker.name()]);
    let training = command_here(&arguments).spawn().unwrap();
    worker.wait_for_client();
    std::thread::sleep(Duration::from_secs(2));
    worker.kill();
    let started = Instant::now();
    let run = Run::of(training.wait_with_output().unwrap());
    assert!(
        started.elapsed() < Duration::from_mins(1),
        "{:?}",
        started.elapsed()
    );
    run.fails(1, &["the worker stopped answering", worker.name()]);
    // The best epoch so far, whole; or nothing.
    if output.exists() {
        gradus(trained(), &["eval", output.to_str().unwrap(), "test.jsonl"]).succeeds();
    }
    let left = names(directory.path());
    let expected = ["bundle", "bundle.checkpoints", "long.toml"];
    assert!(
        left.iter().all(|name| expected.contains(&name.as_str())),
        "{left:?}"
    );
}

fn command_here(arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gradus"));
    command
        .current_dir(trained())
        .env("GRADUS_WORKER_TOKEN", TOKEN)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_port_in_use_and_a_wrong_address_are_told_apart() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let listen = |address: &str| gradus(trained(), &["worker", "--listen", address]);
    listen(&taken).fails(1, &[&taken, "another program listens"]);
    listen("127.0.0.1").fails(2, &["127.0.0.1", "expected HOST:PORT"]);
    listen("nowhere").fails(2, &["nowhere", "expected HOST:PORT"]);
    listen("127.0.0.1:99999").fails(2, &["99999", "expected HOST:PORT"]);
    gradus(trained(), &["worker", "--device", "remote:ws://gpu:3000"]).fails(2, &["own machine"]);
    gradus(trained(), &["worker", "--device", "abacus"]).fails(2, &["`abacus`"]);
    gradus(trained(), &["worker", "--token-file", "none.txt"]).fails(2, &["none.txt"]);
    let directory = temp_dir();
    let empty = write(directory.path(), "empty.txt", "\n");
    let empty = empty.to_str().unwrap();
    gradus(trained(), &["worker", "--token-file", empty]).fails(2, &["token has 0 bytes"]);
}

#[cfg(feature = "ndarray")]
#[test]
fn devices_of_two_backends_need_two_workers() {
    gradus(
        trained(),
        &["worker", "--device", "cpu", "--device", "ndarray"],
    )
    .fails(2, &["of one backend", "cpu", "ndarray"]);
}

/// What a worker says before it serves, up to the line with `last`.
fn said_at_start(child: &mut std::process::Child, last: &str) -> Vec<String> {
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said.last().unwrap().contains(last) {
            break;
        }
    }
    said
}

#[test]
fn a_worker_open_to_the_network_warns() {
    let mut child = command("0.0.0.0:0").spawn().unwrap();
    let said = said_at_start(&mut child, "GRADUS_WORKER_TOKEN=");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        said[1].contains("warning: the connection is not encrypted"),
        "{said:?}"
    );
}

#[test]
fn a_worker_without_a_token_makes_one_and_asks_for_it() {
    let mut child = command("127.0.0.1:0").spawn().unwrap();
    let mut name = String::new();
    let said = said_at_start(&mut child, "GRADUS_WORKER_TOKEN=");
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut name)
        .unwrap();
    let run = |token: &str| {
        let mut command = cargo_bin_cmd!("gradus");
        command.env("GRADUS_WORKER_TOKEN", token);
        Run::of(
            command
                .current_dir(trained())
                .args(eval(name.trim()))
                .output()
                .unwrap(),
        )
    };
    let made = said.last().unwrap().split_once('=').unwrap().1;
    assert_eq!(made.len(), 64, "{said:?}");
    run("").fails(1, &["refused"]);
    run(made).succeeds();
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What a worker answers to these bytes until it hangs up.
fn answer(worker: &Worker, bytes: &[u8]) -> String {
    let address = worker.name().trim_start_matches("remote:ws://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn pages_of_a_browser_and_long_first_messages_are_refused() {
    let worker = Worker::start();
    let request = "GET /session HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let page = answer(
        &worker,
        format!("{request}Origin: http://evil\r\n\r\n").as_bytes(),
    );
    assert!(
        page.starts_with("HTTP/1.1 403") && page.contains("pages in a browser"),
        "{page}"
    );
    let mut huge = format!("{request}\r\n").into_bytes();
    huge.extend([0x82, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0, 1, 2, 3, 4]);
    let started = Instant::now();
    let cut = answer(&worker, &huge);
    // The answer to the request may go with the connection.
    assert!(cut.is_empty() || cut.starts_with("HTTP/1.1 101"), "{cut}");
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "it is cut off at once"
    );
    // Silence is given up after a while.
    let silent = answer(&worker, b"GET /session");
    assert!(silent.contains("403") || silent.is_empty(), "{silent}");
    assert!(
        started.elapsed() < Duration::from_secs(25),
        "{:?}",
        started.elapsed()
    );
    gradus(trained(), &eval(worker.name())).succeeds();
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_worker_well() {
    let mut worker = Worker::with(&[], Some("secret"));
    gradus(trained(), &eval(worker.name())).fails(1, &["refused"]);
    let (code, said) = worker.interrupt();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("refused, wrong token"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
