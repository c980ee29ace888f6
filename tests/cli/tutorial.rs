//! The scripts of the tutorials run as they stand there, and what they promise holds.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{gradus, json_of, names, temp_dir};

/// The first block of shell code of a document.
fn script(document: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(document);
    let text = fs_err::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// Runs the script of a document, and returns what it printed.
fn run(document: &str, path: &Path) -> String {
    let script = script(document);
    assert!(script.lines().count() < 40, "{document}");
    let binary = Path::new(env!("CARGO_BIN_EXE_gradus")).parent().unwrap();
    let search = std::env::var_os("PATH").unwrap_or_default();
    let search = std::env::join_paths(
        std::iter::once(binary.to_owned()).chain(std::env::split_paths(&search)),
    );
    let run = Command::new("sh")
        .args(["-eu", "-c", &script])
        .current_dir(path)
        .env("PATH", search.unwrap())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{stderr}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
#[ignore = "trains the model of quickstart: a minute"]
fn the_tutorial_ends_with_doubtful_sentences_at_the_precision_it_asks_for() {
    let directory = temp_dir();
    let path = directory.path();
    let printed = run("tutorial.md", path);
    let doubtful = fs_err::read_to_string(path.join("doubtful.txt")).unwrap();
    assert!(doubtful.lines().count() > 3, "{doubtful}");
    assert!(names(path).contains(&"report.html".to_owned()));
    let evaluated = json_of(gradus(
        path,
        &["eval", "judge", "splits/test.jsonl", "--json"],
    ));
    let found = &evaluated["aspects"][0]["doubtful"]["figures"];
    let high = found["intervals"]["precision"]["high"].as_f64().unwrap();
    assert!(
        high >= 0.9 && found["recall"].as_f64().unwrap() > 0.5,
        "{found}"
    );
    // The script shows it itself.
    let precision = found["precision"].as_f64().unwrap();
    let row = printed
        .lines()
        .find(|line| line.starts_with("doubtful, at most"));
    let row = row.unwrap_or_else(|| panic!("no row of the flags in {printed}"));
    assert!(row.contains(&format!("{precision:.2} [")), "{row}");
}

#[test]
#[ignore = "trains a small model: half a minute"]
fn the_tutorial_on_steps_ends_with_rewards_that_tell_right_steps_from_wrong_ones() {
    let directory = temp_dir();
    run("tutorial-steps.md", directory.path());
    let text = fs_err::read_to_string(directory.path().join("step_rewards.jsonl")).unwrap();
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let steps = record["completions"].as_array().unwrap().iter();
        for (step, label) in steps.zip(record["labels"].as_array().unwrap()) {
            let parts: Vec<&str> = step.as_str().unwrap().split(' ').collect();
            let [a, b, sum] = [0, 2, 4].map(|k| parts[k].parse::<i64>().unwrap());
            let expected = if parts[1] == "+" { a + b } else { a - b };
            let list = if sum == expected {
                &mut right
            } else {
                &mut wrong
            };
            list.push(label.as_f64().unwrap());
        }
    }
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    assert!(right.len() > 20 && wrong.len() > 10, "{text}");
    assert!(mean(&right) > mean(&wrong) + 0.6, "{text}");
}

#[test]
#[ignore = "trains a small model: half a minute"]
fn the_tutorial_on_translations_flags_wrong_ones_and_finds_the_better_system() {
    let directory = temp_dir();
    let path = directory.path();
    let printed = run("tutorial-mqm.md", path);
    assert!(
        printed.contains("`large` is better than `fast`"),
        "{printed}"
    );
    let doubtful = fs_err::read_to_string(path.join("doubtful.txt")).unwrap();
    assert!(doubtful.lines().count() > 20, "{doubtful}");
    let arguments = ["eval", "judge", "splits/test.jsonl", "--json"];
    let evaluated = json_of(gradus(path, &arguments));
    let found = &evaluated["aspects"][0]["doubtful"]["figures"];
    let high = found["intervals"]["precision"]["high"].as_f64().unwrap();
    assert!(high >= 0.8, "{found}");
}

#[test]
#[ignore = "makes 1,000 resamples of several figures: seconds"]
fn the_tutorial_on_other_models_tells_the_better_one_with_an_interval() {
    let directory = temp_dir();
    let path = directory.path();
    run("tutorial-prms.md", path);
    let verdict = fs_err::read_to_string(path.join("verdict.json")).unwrap();
    let verdict: Value = serde_json::from_str(&verdict).unwrap();
    let difference = &verdict[0]["comparisons"][0]["difference"];
    assert!(difference["low"].as_f64().unwrap() > 0.0, "{difference}");
    assert!(names(path).contains(&"dull.html".to_owned()));
}
