//! The segmenter in Python that `gradus export` writes.

use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use gradus::data::Segmenter;

use crate::support::{gradus, temp_dir, trained};

/// An interpreter: `GRADUS_PYTHON`, or `python3`.
fn python() -> Option<Command> {
    let interpreter = std::env::var_os("GRADUS_PYTHON").unwrap_or_else(|| "python3".into());
    let check = "import sys; sys.exit(sys.version_info < (3, 8))";
    let found = Command::new(&interpreter).args(["-c", check]).status();
    let is_there = found.is_ok_and(|status| status.success());
    is_there.then(|| Command::new(interpreter))
}

/// Holds the cuts of both against each other on that many texts.
fn compare(texts: &str) {
    let Some(mut python) = python() else {
        eprintln!("LEFT OUT: the segmenter in Python needs Python 3.8");
        return;
    };
    let directory = temp_dir();
    let exported = directory.path().join("exported");
    gradus(trained(), &["export", "bundle", exported.to_str().unwrap()]).succeeds();
    let tables = fs_err::read_to_string(exported.join("segmenter_tables.py")).unwrap();
    assert!(tables.contains("\nRULE = \"sentence-5\"\n"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/segmenter/compare.py");
    let output = python
        .arg("-B")
        .arg(script)
        .args([cargo_bin("gradus"), exported])
        .args(["--texts", texts])
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{found}{error}");
    assert_eq!(found.matches(&format!(": {texts} texts, ")).count(), 8);
}

#[test]
fn the_segmenter_in_python_cuts_as_the_program() {
    compare("300");
}

#[test]
#[ignore = "cuts 10,000 texts by eight rules in Python: a minute"]
fn the_segmenter_in_python_cuts_ten_thousand_texts_as_the_program() {
    compare("10000");
}

/// The rows of the table of versions hold what the rules cut.
#[test]
fn the_document_tells_the_cuts_of_every_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/segmenters.md");
    let document = fs_err::read_to_string(path).unwrap();
    let code = |cell: &str| {
        let inside = cell.trim().strip_prefix("`` ")?.strip_suffix(" ``")?;
        Some(inside.replace('⏎', "\n"))
    };
    let mut rows = 0;
    for line in document.lines().filter(|line| line.starts_with("| `` ")) {
        let cells: Vec<_> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let text = code(cells[0]).unwrap();
        let mut expected = String::new();
        for (version, cell) in [5, 4, 3, 2, 1].into_iter().zip(&cells[1..]) {
            expected = code(cell).unwrap_or(expected);
            let rule: Segmenter = format!("sentence-{version}").parse().unwrap();
            let spans = rule.segment(&text).unwrap();
            let found: Vec<_> = spans
                .iter()
                .map(|span| span.slice(&text).unwrap())
                .collect();
            assert_eq!(found.join(" ¦ "), expected, "sentence-{version}");
        }
        rows += 1;
    }
    assert!(rows > 15, "{rows}");
}
