//! The script of the tutorial runs as it stands there, and what it promises holds.

use std::path::Path;
use std::process::Command;

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

#[test]
#[ignore = "trains the model of quickstart: a minute"]
fn the_tutorial_ends_with_doubtful_sentences_at_the_precision_it_asks_for() {
    let directory = temp_dir();
    let path = directory.path();
    let script = script("tutorial.md");
    assert!(script.lines().count() < 40);
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
}
