//! The pages of `threshold`, `audit`, `data audit` and `compare-generators`, and the agreement of raters in every form.

use std::path::Path;

use serde_json::json;

use crate::support::{gradus, json_of, names, temp_dir, trained, write};
use crate::{generators, threshold};

/// Runs a command with `--html`, and checks that the page is whole, has these parts and loads nothing.
#[track_caller]
fn page_of(directory: &Path, arguments: &[&str], parts: &[&str]) {
    let before = names(directory);
    let run = gradus(directory, &[arguments, &["--html", "page.html"]].concat());
    assert!(
        run.stderr.contains("report written: page.html"),
        "{}",
        run.stderr
    );
    assert!(!run.succeeds().is_empty(), "the table is printed, too");
    let page = fs_err::read_to_string(directory.join("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    for part in parts {
        assert!(page.contains(part), "missing `{part}` in {page}");
    }
    for foreign in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(foreign), "the page names {foreign}");
    }
    // An existing page is kept, and refused before anything is computed.
    gradus(directory, &[arguments, &["--html", "page.html"]].concat())
        .fails(2, &["page.html", "--overwrite"]);
    gradus(directory, &[arguments, &["--html", "-"]].concat()).fails(2, &["--html: found `-`"]);
    fs_err::remove_file(directory.join("page.html")).unwrap();
    assert_eq!(names(directory), before);
}

#[test]
fn a_threshold_has_a_page_with_its_curve() {
    let directory = threshold::place(|score| json!(score));
    let remove = ["threshold", "bundle", "--remove", "--html", "page.html"];
    gradus(directory.path(), &remove).fails(2, &["--remove", "--html"]);
    page_of(
        directory.path(),
        &[
            "threshold",
            "bundle",
            "rated.jsonl",
            "--recall",
            "0.8",
            "--dry-run",
        ],
        &[
            "Gradus threshold",
            "<dt>Chosen on</dt><dd><bdi>rated.jsonl</bdi></dd>",
            "Recall on new segments like these: at least",
            "(chosen)",
            "<h3>Precision and recall by threshold</h3>",
            "<svg class=\"chart\"",
        ],
    );
}

#[test]
fn hacks_have_a_page_with_their_wins() {
    let directory = threshold::place(|score| json!(score));
    page_of(
        directory.path(),
        &["audit", "bundle", "rated.jsonl", "--prompts", "8"],
        &[
            "Gradus audit of a judge",
            "<dt>Prompts</dt><dd><bdi>8</bdi></dd>",
            "<h3>Wins over real answers</h3>",
            "<th scope=\"col\">danger</th>",
            "policy",
        ],
    );
}

#[test]
fn generators_have_a_page_that_says_whether_their_gap_is_the_judges() {
    let directory = generators::place();
    let path = directory.path();
    let compare = [
        "compare-generators",
        "bundle",
        "answers.jsonl",
        "--by",
        "meta.generator",
    ];
    page_of(
        path,
        &compare,
        &[
            "none: the gaps are the judge",
            "Without rated answers",
            "long - short",
            "<h3>Gaps</h3>",
        ],
    );
    generators::rate(path, 20, |generator, score| {
        let noise = (score * 1e5).fract() / 100.0;
        score + noise - if generator == "long" { 0.25 } else { 0.0 }
    });
    page_of(
        path,
        &[&compare[..], &["--rated", "rated.jsonl"]].concat(),
        &[
            "<li class=\"good\">",
            "corrected by 20 rated prompts",
            "<li class=\"model dot\">corrected by ratings",
        ],
    );
}

#[test]
fn a_plan_has_markdown_json_and_a_page_with_its_ratings() {
    let directory = temp_dir();
    let path = directory.path();
    let place = |name: &str| trained().join(name).to_str().unwrap().to_owned();
    let [config, train, valid] = ["tiny.toml", "train.jsonl", "valid.jsonl"].map(place);
    let plan = [
        "train",
        "--config",
        &config,
        "--train",
        &train,
        "--valid",
        &valid,
        "--output",
        "bundle",
        "--dry-run",
    ];
    page_of(
        path,
        &plan,
        &[
            "Gradus training plan",
            "<dt>Expected memory</dt>",
            "<caption>Ratings</caption>",
            "<th scope=\"col\">highest</th>",
            "<caption>Settings</caption>",
            "head_learning_rate",
            "loss",
            "offset",
            "precision",
            "stack",
        ],
    );
    let said = |more: &[&str]| gradus(path, &[&plan[..], more].concat()).stderr;
    let html = said(&["--html", "plan.html"]);
    assert!(html.contains("only plan.html was written"), "{html}");
    let nothing = said(&[]);
    assert!(nothing.contains("nothing written"), "{nothing}");
    let markdown = gradus(path, &[&plan[..], &["--markdown"]].concat()).succeeds();
    for part in ["# Training plan", "steps in", "| aspect ", "| train "] {
        assert!(markdown.contains(part), "missing `{part}` in {markdown}");
    }
    let json = json_of(gradus(path, &[&plan[..], &["--json"]].concat()));
    let ratings = &json["ratings"][0]["segments"]["rating"];
    assert!(ratings["count"].as_u64() > Some(0), "{json}");
    assert!(ratings["min"].as_f64() < ratings["max"].as_f64());
    assert!(json["steps"].as_u64() > Some(0));
    // Of a run that is done there is no plan to print.
    gradus(path, &["train", "--config", &config, "--markdown"]).fails(2, &["--dry-run"]);
}

/// Records with two raters by name, who differ in some places.
fn rated_by_two(path: &Path) {
    let lines = (0..60).map(|k| {
        let ratings = |j: usize| match (k + j) % 4 {
            0 => [1.0, 0.0],
            1 => [0.0, 0.0],
            _ => [1.0, 1.0],
        };
        json!({
            "id": k, "prompt": format!("What of {k}?"), "meta": {"raters": ["ann", "bob"]},
            "segments": [format!("It is {k}."), format!("So it is not {}.", k + 1)],
            "ratings": [ratings(0), ratings(1)],
        })
        .to_string()
    });
    write(path, "two.jsonl", lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn data_audit_has_markdown_and_a_page_with_findings_shortcuts_and_raters() {
    let directory = temp_dir();
    let path = directory.path();
    rated_by_two(path);
    page_of(
        path,
        &["data", "audit", "two.jsonl"],
        &[
            "<a href=\"#section-0\"><bdi>Findings</bdi>",
            "overlap with context",
            "fitted: position + length",
            "<caption>Agreement of raters</caption>",
            "0.50",
        ],
    );
    let markdown = gradus(path, &["data", "audit", "two.jsonl", "--markdown"]).succeeds();
    for part in [
        "# Audit",
        "## Agreement of raters",
        "| Pearson with the rating",
        "overlap with context",
    ] {
        assert!(markdown.contains(part), "missing `{part}` in {markdown}");
    }
}

#[test]
fn statistics_have_cohens_kappa_in_every_form() {
    let directory = temp_dir();
    let path = directory.path();
    rated_by_two(path);
    let stats = ["data", "stats", "two.jsonl"];
    // Of four pairs of ratings 3 agree; ann gives 1 in 3 of 4, bob in 2 of 4: (3/4 - 1/2) / (1 - 1/2).
    let found = json_of(gradus(path, &[&stats[..], &["--json"]].concat()));
    let ratings = &found["aspects"]["rating"];
    assert_eq!(
        ratings["kappa"],
        json!({"kappa": 0.5, "pairs": 1, "names": ["ann", "bob"]})
    );
    assert!(ratings["raters"]["alpha"].is_f64());
    let text = gradus(path, &stats).succeeds();
    assert!(
        text.contains("Cohen's kappa 0.5000 (ann and bob)"),
        "{text}"
    );
    let markdown = gradus(path, &[&stats[..], &["--markdown"]].concat()).succeeds();
    assert!(markdown.contains("Cohen's kappa 0.5000"), "{markdown}");
    assert!(markdown.contains("| aspect "), "{markdown}");
}
