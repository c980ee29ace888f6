//! Every command that writes, with each of its writes failing, and killed at each of them: what was
//! there before is whole, the message says what happened, and the next run puts things in order.
//!
//! `tests/faults/shim.c` stands between the binary and the C library; the C compiler that Rust links
//! with builds it. docs/reliability.md says what came of it.
//!
//! ```text
//! cargo test --release --test faults -- --ignored --nocapture
//! ```

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

#[path = "faults/commands.rs"]
mod commands;
#[path = "faults/state.rs"]
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use self::commands::{Scenario, scenarios, template};
use self::state::{State, copy};

/// Places in a command where it is killed, and where calls fail, spread over all of its calls.
const KILLS: usize = 16;
const FAILURES: usize = 8;

/// Numbers of errors, for the kernel and for people.
const FAULTS: [(&str, &str); 2] = [
    ("28+", "No space left on device"),
    ("5", "Input/output error"),
];

/// Builds the library that makes calls fail.
fn shim(directory: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
    let library = directory.join("shim.so");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .output()
        .expect("this test needs a C compiler by the name of `cc`; apt-get install gcc libc6-dev");
    assert!(output.status.success(), "{output:?}");
    library
}

/// Runs the binary in `directory` under the shim.
fn run(shim: &Path, directory: &Path, arguments: &[&str], faults: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(arguments)
        .current_dir(directory)
        .env("LD_PRELOAD", shim)
        .env("FAULTS_ROOT", directory)
        .env("RAYON_NUM_THREADS", "1")
        .envs(faults.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Something that was tried on a scenario.
#[derive(Debug, Clone, Copy)]
struct Trial {
    /// Number of the call, from 1.
    at: usize,
    /// An error, or `kill`.
    how: &'static str,
    /// What the message has to name; none for a kill.
    says: Option<&'static str>,
}

/// One command with everything that is needed to try it.
struct Bench<'a> {
    shim: &'a Path,
    template: &'a Path,
    scenario: &'a Scenario,
    /// As where the file system cannot exchange names.
    old_system: bool,
    /// What was there before.
    before: State,
    /// What is there when nothing fails.
    after: State,
    /// The calls that it makes, by name.
    calls: Vec<String>,
}

impl<'a> Bench<'a> {
    fn new(shim: &'a Path, template: &'a Path, scenario: &'a Scenario, old_system: bool) -> Self {
        let place = scenario.place(template);
        let before = State::of(place.path());
        let count = shim.with_file_name(format!("{}-{old_system}.count", scenario.name));
        let mut faults = vec![("FAULTS_COUNT", count.to_str().unwrap())];
        if old_system {
            faults.push(("FAULTS_OLD", "1"));
        }
        let output = run(shim, place.path(), &scenario.arguments, &faults);
        assert!(output.status.success(), "{}: {output:?}", scenario.name);
        let calls = fs_err::read_to_string(count).unwrap();
        Self {
            shim,
            template,
            scenario,
            old_system,
            before,
            after: State::of(place.path()),
            calls: calls.lines().map(str::to_owned).collect(),
        }
    }

    /// Places spread over all calls, the first and the last among them.
    fn places(&self, number: usize) -> Vec<usize> {
        let calls = self.calls.len();
        let number = number.min(calls);
        let mut places: Vec<usize> = (0..number)
            .map(|place| 1 + place * (calls - 1) / (number - 1).max(1))
            .collect();
        places.dedup();
        places
    }

    fn trials(&self) -> Vec<Trial> {
        let kills = self.places(KILLS).into_iter().map(|at| Trial {
            at,
            how: "kill",
            says: None,
        });
        let failures = FAULTS.into_iter().flat_map(|(how, says)| {
            let places = self.places(FAILURES).into_iter();
            places.map(move |at| Trial {
                at,
                how,
                says: Some(says),
            })
        });
        kills.chain(failures).collect()
    }

    /// Whether the process survived it, as it may where nothing depends on the call.
    fn attempt(&self, trial: Trial) -> bool {
        let place = self.scenario.place(self.template);
        let at = trial.at.to_string();
        let mut faults = vec![("FAULTS_AT", at.as_str()), ("FAULTS_HOW", trial.how)];
        if self.old_system {
            faults.push(("FAULTS_OLD", "1"));
        }
        let output = run(self.shim, place.path(), &self.scenario.arguments, &faults);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let call = &self.calls[trial.at - 1];
        let context = format!(
            "{} (old system: {}), {trial:?}, call `{call}`: {:?}\n{said}",
            self.scenario.name, self.old_system, output.status
        );
        assert!(
            !said.contains("panicked") && !said.contains("internal error"),
            "{context}"
        );
        let survived = output.status.success();
        match (trial.says, output.status.code()) {
            (None, code) => assert!(code.is_none() || survived, "{context}"),
            (Some(_), Some(0)) => {}
            (Some(says), Some(code)) => {
                // A checkpoint that cannot be read counts as damaged.
                let expected = if said.contains("damaged") { 2 } else { 1 };
                assert_eq!(code, expected, "{context}");
                assert!(said.contains("error: ") && said.contains(says), "{context}");
            }
            (Some(_), None) => panic!("{context}"),
        }
        let found = State::of(place.path());
        let killed = trial.says.is_none();
        let problem = found.problem(&self.before, &self.after, killed);
        assert!(problem.is_none(), "{context}\n{}", problem.unwrap());
        self.run_again(&place, &context);
        survived
    }

    /// The next run without a fault ends as if there had been none.
    fn run_again(&self, place: &TempDir, context: &str) {
        let (again, code) = self.scenario.again(place.path());
        let output = run(self.shim, place.path(), &again, &[]);
        let context = format!("{context}\nagain: {again:?}: {output:?}");
        assert_eq!(output.status.code(), Some(code), "{context}");
        let found = State::of(place.path());
        let difference = found.difference(&self.after);
        assert!(difference.is_none(), "{context}\n{difference:?}");
    }
}

/// Tries everything on the scenarios, on as many cores as there are.
fn try_all(benches: &[Bench<'_>]) -> String {
    let trials: Vec<(&Bench<'_>, Trial)> = benches
        .iter()
        .flat_map(|bench| bench.trials().into_iter().map(move |trial| (bench, trial)))
        .collect();
    let next = AtomicUsize::new(0);
    let survived = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((bench, trial)) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if bench.attempt(*trial) {
                        survived.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let kills = trials
        .iter()
        .filter(|(_, trial)| trial.says.is_none())
        .count();
    assert!(kills >= 200, "{kills}");
    let survived = survived.load(Ordering::Relaxed);
    format!(
        "{}{} trials, {kills} of them kills; {survived} runs went on to a good end",
        table(benches, &trials),
        trials.len(),
    )
}

/// What was tried on which command.
fn table(benches: &[Bench<'_>], trials: &[(&Bench<'_>, Trial)]) -> String {
    let mut table: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for bench in benches {
        table.entry(bench.scenario.name).or_default()[0] += bench.calls.len();
    }
    for (bench, trial) in trials {
        let column = match trial.how {
            "kill" => 1,
            "5" => 3,
            _ => 2,
        };
        table.entry(bench.scenario.name).or_default()[column] += 1;
    }
    let rows = table
        .into_iter()
        .map(|(name, [calls, kills, full, broken])| {
            format!("| `{name}` | {calls} | {kills} | {full} | {broken} |\n")
        });
    let header = "| command | calls | kills | full | broken |\n|---|---|---|---|---|\n".to_owned();
    std::iter::once(header).chain(rows).collect()
}

#[test]
#[ignore = "runs the binary some thousand times; about four minutes"]
fn whatever_fails_or_is_killed_what_was_there_is_whole() {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let template = template();
    let scenarios = scenarios();
    let mut benches = Vec::new();
    for scenario in &scenarios {
        benches.push(Bench::new(&shim, template.path(), scenario, false));
        // Only what replaces a directory differs there.
        if scenario.replaces_a_directory {
            benches.push(Bench::new(&shim, template.path(), scenario, true));
        }
    }
    println!("{}", try_all(&benches));
}

/// The test above is worth nothing if the shim does nothing.
#[test]
#[ignore = "builds a C library"]
fn the_shim_fails_and_kills_where_it_is_told_to() {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let place = tempfile::tempdir().unwrap();
    let arguments = ["data", "generate", "--examples", "20", "-o", "d.jsonl"];
    let count = tools.path().join("count");
    let output = run(
        &shim,
        place.path(),
        &arguments,
        &[("FAULTS_COUNT", count.to_str().unwrap())],
    );
    assert!(output.status.success(), "{output:?}");
    let calls = fs_err::read_to_string(count).unwrap();
    for call in ["open64", "write", "fsync", "close"] {
        assert!(
            calls.lines().any(|name| name == call),
            "no `{call}` in:\n{calls}"
        );
    }
    fs_err::remove_file(place.path().join("d.jsonl")).unwrap();
    let at = calls.lines().position(|name| name == "write").unwrap() + 1;
    let at = at.to_string();
    for (how, code) in [("28", Some(1)), ("kill", None)] {
        let faults = [("FAULTS_AT", at.as_str()), ("FAULTS_HOW", how)];
        let output = run(&shim, place.path(), &arguments, &faults);
        assert_eq!(output.status.code(), code, "{output:?}");
        assert!(!place.path().join("d.jsonl").exists());
    }
}
