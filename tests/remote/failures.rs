//! What a person sees when a worker cannot be started, reached or kept.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin_cmd;

use crate::support::{Run, TINY, gradus, names, temp_dir, train_arguments, trained, write};
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
    gradus(trained(), &eval(&name)).fails(1, &[&name, "no worker", "gradus worker"]);
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
    gradus(trained(), &["worker", "--token-file", empty]).fails(2, &["token is empty"]);
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

#[test]
fn a_worker_open_to_the_network_without_a_token_warns() {
    let mut child = command("0.0.0.0:0").spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<String> = stderr.map(Result::unwrap).take(3).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        said[1].contains("warning") && said[1].contains("--token-file"),
        "{said:?}"
    );
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
