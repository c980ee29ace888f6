//! `gradus experiment`: plans, runs that stop and go on, and the report.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{TINY, gradus, json_of, names, temp_dir, trained, write};

/// A plan over the files of [`trained`] in the directory above, ending with `more`. Its runs are not stacked.
fn plan(more: &str) -> String {
    let data = trained().display();
    let scratch = TINY
        .replace("[text]", "[run.text]")
        .replace("[scratch]", "[run.scratch]")
        .replace("[training]", "[run.training]");
    format!(
        "{more}\n[run]\nstack = 'none'\ntrain = '{data}/train.jsonl'\nvalid = '{data}/valid.jsonl'\ndata.test = '{data}/test.jsonl'\n{scratch}"
    )
}

const TWO_RATES: &str = "seeds = 2\n[grid]\ntraining.learning_rate = [1e-3, 3e-3]\n";

/// The report without what depends on the machine and the time: the CSV lines without their last cell.
fn table(directory: &Path, runs: &str) -> String {
    let csv = gradus(directory, &["experiment", "report", runs, "--csv", "-"]).succeeds();
    let lines = csv.lines().map(|line| line.rsplit_once(',').unwrap().0);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plan_becomes_runs_and_a_report() {
    let directory = temp_dir();
    let path = directory.path();
    write(path, "plan.toml", plan(TWO_RATES));
    let listed = gradus(
        path,
        &["experiment", "plan.toml", "-o", "runs", "--dry-run"],
    )
    .succeeds();
    assert!(
        listed.contains("cells/2-0.003/seed-1") && listed.contains("4 of 4 runs to do"),
        "{listed}"
    );
    assert!(!path.join("runs").exists(), "a dry run writes nothing");
    let run = gradus(path, &["experiment", "plan.toml", "-o", "runs"]);
    assert!(
        run.stderr.contains("4 of 4 runs are complete"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let place = path.join("runs/cells/2-0.003/seed-1");
    for file in ["run.toml", "cell.json", "result.json", "log.txt", "bundle"] {
        assert!(place.join(file).exists(), "{file}");
    }

    is_an_ordinary_run(path, &place);
    has_the_figures_of_eval(path);
    is_written_in_every_form(path);
    goes_on_with_the_same_plan_only(path);
}

/// The same command by hand gives the same weights.
fn is_an_ordinary_run(path: &Path, place: &Path) {
    gradus(
        path,
        &[
            "train",
            "--config",
            "runs/cells/2-0.003/seed-1/run.toml",
            "--output",
            "by-hand",
        ],
    )
    .succeeds();
    let weights = |bundle: &Path| fs_err::read(bundle.join("model.safetensors")).unwrap();
    assert_eq!(
        weights(&path.join("by-hand")),
        weights(&place.join("bundle"))
    );
}

fn has_the_figures_of_eval(path: &Path) {
    let report = json_of(gradus(path, &["experiment", "report", "runs", "--json"]));
    let arms = report["tables"][0]["arms"].as_array().unwrap();
    let names: Vec<&str> = arms
        .iter()
        .map(|arm| arm["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "learning_rate 0.001",
            "learning_rate 0.003",
            "train mean",
            "position + length",
            "bag of words"
        ]
    );
    assert_eq!(
        (&arms[0]["verdict"], &arms[1]["seeds"]),
        (&"reference".into(), &2.into())
    );
    assert_eq!(report["comparisons"], 4);
    // The figures are those of `gradus eval` on the same bundle.
    let test = trained().join("test.jsonl");
    let test = test.to_str().unwrap();
    let bundle = "runs/cells/2-0.003/seed-1/bundle";
    let evaluated = json_of(gradus(
        path,
        &["eval", bundle, test, "--json", "--resamples", "0"],
    ));
    let expected = evaluated["aspects"][0]["segment"]["values"]["mse"]
        .as_f64()
        .unwrap();
    let found = arms[1]["values"][1][1].as_f64().unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    let baseline = &evaluated["aspects"][0]["baselines"][1]["segment"]["mse"];
    let (expected, found) = (
        baseline.as_f64().unwrap(),
        arms[3]["values"][0][1].as_f64().unwrap(),
    );
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    let provenance = &report["runs"][0]["provenance"];
    assert_eq!(provenance["train"]["records"], 96);
    assert_eq!(provenance["program_sha256"].as_str().unwrap().len(), 64);
    assert!(provenance["wall_seconds"].as_f64().unwrap() > 0.0);
}

fn is_written_in_every_form(path: &Path) {
    let text = gradus(
        path,
        &["experiment", "report", "runs", "--html", "page.html"],
    )
    .succeeds();
    assert!(
        text.contains("learning_rate 0.003: ") && text.contains("p corrected for 4 comparisons"),
        "{text}"
    );
    let page = fs_err::read_to_string(path.join("page.html")).unwrap();
    assert!(
        page.contains("<svg") && page.contains("trivial baselines"),
        "{page}"
    );
    assert!(!page.contains("NaN"), "{page}");
    let again = gradus(
        path,
        &["experiment", "report", "runs", "--html", "page.html"],
    );
    again.fails(2, &["page.html", "--overwrite"]);
    let markdown = gradus(path, &["experiment", "report", "runs", "--markdown", "-"]).succeeds();
    assert!(markdown.contains("| *bag of words* |"), "{markdown}");
}

/// The same again has nothing to do; a changed plan is refused.
fn goes_on_with_the_same_plan_only(path: &Path) {
    let before = table(path, "runs");
    let run = gradus(path, &["experiment", "plan.toml", "-o", "runs"]);
    assert!(!run.stderr.contains("started"), "{}", run.stderr);
    run.succeeds();
    assert_eq!(table(path, "runs"), before);
    write(path, "other.toml", plan(&TWO_RATES.replace("3e-3", "4e-3")));
    gradus(path, &["experiment", "other.toml", "-o", "runs"])
        .fails(2, &["another plan", "0.003", "0.004", "-o"]);
    write(
        path,
        "other.toml",
        plan(TWO_RATES).replace("batch_size = 16", "batch_size = 8"),
    );
    gradus(path, &["experiment", "other.toml", "-o", "runs"]).fails(
        2,
        &["`batch_size = 16` there, and `batch_size = 8` in the plan"],
    );
    // Several directories: the directory is one more setting.
    write(path, "third.toml", plan(TWO_RATES));
    gradus(path, &["experiment", "third.toml", "-o", "again"]).succeeds();
    let both = json_of(gradus(
        path,
        &["experiment", "report", "runs", "again", "--json"],
    ));
    let names: Vec<&Value> = both["tables"][0]["arms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arm| &arm["name"])
        .collect();
    assert_eq!(names[2], "learning_rate 0.001, again");
    assert_eq!(
        both["tables"][0]["arms"][2]["difference"],
        Value::Null,
        "the same to the bit"
    );
}

#[test]
fn a_run_that_fails_is_noted_and_the_rest_goes_on() {
    let directory = temp_dir();
    let path = directory.path();
    // 1e-3 learns; a rate without bounds makes every step fail.
    write(
        path,
        "plan.toml",
        plan("[grid]\ntraining.learning_rate = [1e-3, 1e38]\n"),
    );
    let run = gradus(path, &["experiment", "plan.toml", "-o", "runs"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for part in [
        "1 of 2 runs failed",
        "learning_rate 1e38, seed 0 failed",
        "failure.json",
    ] {
        assert!(
            run.stderr.contains(part),
            "missing `{part}` in {}",
            run.stderr
        );
    }
    let report = gradus(path, &["experiment", "report", "runs"]).succeeds();
    assert!(report.contains("Failed: cells/2-1e38/seed-0"), "{report}");
    // It is tried again, and fails again.
    let run = gradus(path, &["experiment", "plan.toml", "-o", "runs"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("1 of 2 runs are complete; going on"),
        "{}",
        run.stderr
    );
}

#[test]
fn halving_gives_further_seeds_to_the_better_settings_on_valid() {
    let directory = temp_dir();
    let path = directory.path();
    let text =
        "seeds = 3\nhalving = {}\n[grid]\ntraining.learning_rate = [1e-9, 3e-3, 2e-9, 1e-3]\n";
    write(path, "plan.toml", plan(text));
    let run = gradus(
        path,
        &["experiment", "plan.toml", "-o", "runs", "--jobs", "2"],
    );
    // Of four, two are kept after the first seed, and one after the second; the reference, the worst, always.
    assert!(
        run.stderr
            .contains("no further seeds for: learning_rate 2e-9"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let report = json_of(gradus(path, &["experiment", "report", "runs", "--json"]));
    let arms = report["tables"][0]["arms"].as_array().unwrap();
    assert_eq!(arms[0]["seeds"], 3, "the reference");
    assert_eq!(arms[2]["seeds"], 1);
    assert_eq!(arms[2]["verdict"], "not_comparable");
    // A budget that is spent starts nothing.
    write(path, "small.toml", plan(TWO_RATES));
    let run = gradus(
        path,
        &[
            "experiment",
            "small.toml",
            "-o",
            "small",
            "--budget",
            "0.000000001s",
        ],
    );
    assert!(
        run.stderr
            .contains("4 not started, because the budget is spent"),
        "{}",
        run.stderr
    );
    run.succeeds();
    gradus(path, &["experiment", "report", "small"]).fails(2, &["no complete run"]);
}

#[test]
fn a_learning_curve_draws_smaller_parts_from_larger_ones() {
    let directory = temp_dir();
    let path = directory.path();
    let text = "seeds = 2\nkeep_bundles = false\n[grid]\ndata.train_records = [20, 60]\ncommand = ['train', 'probe']\n";
    write(path, "plan.toml", plan(text));
    gradus(path, &["experiment", "plan.toml", "-o", "runs"]).succeeds();
    let report = json_of(gradus(path, &["experiment", "report", "runs", "--json"]));
    let curves = report["curves"].as_array().unwrap();
    assert_eq!(curves.len(), 2 + 3, "two settings, three baselines");
    assert_eq!(curves[0]["points"][1]["records"], 60.0);
    assert_eq!(report["tables"][0]["arms"][1]["is_fixed"], true);
    assert_eq!(
        report["runs"].as_array().unwrap().len(),
        6,
        "a probe has no seeds"
    );
    assert_eq!(report["runs"][0]["provenance"]["train"]["records"], 20);
    let drawn = names(&path.join("runs/data"));
    assert_eq!(drawn.len(), 2, "{drawn:?}");
    let lines = |name: &String| -> Vec<String> {
        let text = fs_err::read_to_string(path.join("runs/data").join(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let (small, large) = (lines(&drawn[0]), lines(&drawn[1]));
    assert_eq!((small.len(), large.len()), (20, 60));
    assert!(small.iter().all(|line| large.contains(line)));
    assert!(!path.join("runs/cells/1-20-train/seed-0/bundle").exists());
    gradus(
        path,
        &["experiment", "report", "runs", "--html", "page.html"],
    )
    .succeeds();
    let page = fs_err::read_to_string(path.join("page.html")).unwrap();
    assert!(page.contains("Learning curves"), "no curves");
}

#[test]
fn a_wrong_plan_is_refused_before_anything_is_written() {
    let directory = temp_dir();
    let path = directory.path();
    for (text, parts) in [
        (
            plan("[grid]\ntraining.learning_rat = [1]"),
            &["plan.toml", "learning_rat"][..],
        ),
        (
            plan("[grid]\ntraining.learning_rate = [1e-3, -1.0]"),
            &["`-1`", "learning_rate"],
        ),
        (
            plan("[grid]\ntraining.learning_rate = ['fast']"),
            &["`fast`", "learning_rate"],
        ),
        (
            plan("[grid]\nencoder = ['there']"),
            &["both an encoder and a `scratch` table", "unset"],
        ),
        (
            plan("[grid]\ntrain = ['gone.jsonl']"),
            &["train: gone.jsonl: no such file"],
        ),
        (
            plan("tune_on = 'test'"),
            &["tune_on", "test split looks better"],
        ),
        (
            plan("").replace("valid.jsonl", "test.jsonl"),
            &["valid and data.test: found the same file"],
        ),
    ] {
        write(path, "plan.toml", text);
        gradus(path, &["experiment", "plan.toml", "-o", "runs"]).fails(2, parts);
        assert_eq!(names(path), ["plan.toml"]);
    }
    write(path, "plan.toml", plan(""));
    gradus(
        path,
        &[
            "experiment",
            "plan.toml",
            "-o",
            "runs",
            "--device",
            "abacus",
        ],
    )
    .fails(2, &["abacus"]);
    gradus(
        path,
        &["experiment", "plan.toml", "-o", "runs", "--budget", "2"],
    )
    .fails(2, &["2h"]);
    gradus(path, &["experiment", "report", "runs"]).fails(2, &["experiment.json"]);
    gradus(path, &["experiment", "plan.toml", "-o", "."]).fails(2, &["other files"]);
    gradus(path, &["experiment", "plan.toml"]).fails(2, &["--output"]);
    gradus(path, &["experiment", "cell", "."]).fails(2, &["cell.json"]);
}

fn start(path: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(arguments)
        .current_dir(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs with some checkpoints, so that a kill finds something to go on from.
fn slow_plan(more: &str) -> String {
    plan(more).replace(
        "epochs = 1\nbatch_size = 16",
        "epochs = 3\nbatch_size = 4\ndropout = 0.2\ncheckpoint_every = 12",
    )
}

#[test]
fn two_at_once_in_a_directory_are_one_too_many() {
    let directory = temp_dir();
    let path = directory.path();
    // So many that it still runs when the second one starts.
    write(path, "plan.toml", slow_plan("seeds = 50"));
    let mut first = start(path, &["experiment", "plan.toml", "-o", "runs"]);
    // It holds the directory from before its first run is prepared until its last one ends.
    while !path.join("runs/cells/1/seed-0/log.txt").exists() {
        assert!(first.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    gradus(path, &["experiment", "plan.toml", "-o", "runs"]).fails(1, &["another process"]);
    first.kill().unwrap();
    first.wait().unwrap();
}

/// Kills an experiment `kills` times, and compares its table with that of one left alone.
fn kill(kills: u32) {
    let directory = temp_dir();
    let path = directory.path();
    write(
        path,
        "plan.toml",
        slow_plan("[grid]\ntraining.learning_rate = [1e-3, 3e-3]\n"),
    );
    let started = Instant::now();
    gradus(path, &["experiment", "plan.toml", "-o", "alone"]).succeeds();
    let alone = started.elapsed();
    let arguments = ["experiment", "plan.toml", "-o", "killed"];
    for number in 0..kills {
        let mut child = start(path, &arguments);
        // Different moments of a run, as long as the machine takes.
        std::thread::sleep(alone.mul_f64(0.04 + 0.037 * f64::from(number % 7)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    gradus(path, &arguments).succeeds();
    assert_eq!(table(path, "killed"), table(path, "alone"));
    let weights = |runs: &str| {
        fs_err::read(
            path.join(runs)
                .join("cells/2-0.003/seed-0/bundle/model.safetensors"),
        )
        .unwrap()
    };
    assert_eq!(weights("killed"), weights("alone"));
}

#[test]
fn a_killed_experiment_ends_with_the_same_table() {
    kill(2);
}

#[test]
#[ignore = "kills an experiment ten times; a minute"]
fn an_experiment_that_is_killed_ten_times_ends_with_the_same_table() {
    kill(10);
}
