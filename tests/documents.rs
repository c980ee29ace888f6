//! Documents that agree with each other and with the program: links resolve, and the flags they name exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assert_cmd::cargo::cargo_bin_cmd;
use fs_err as fs;

/// Flags in the documents that belong to other programs: cargo, its test harness, pip, `hf`, and training loops.
const OTHER_PROGRAMS: [&str; 19] = [
    "--release",
    "--workspace",
    "--features",
    "--locked",
    "--all-targets",
    "--lib",
    "--test",
    "--example",
    "--bench",
    "--ignored",
    "--nocapture",
    "--sanitizer",
    "--reward",
    "--custom-rm-path",
    "--rm-type",
    "--rm-url",
    "--hf-checkpoint",
    "--advantage-estimator",
    "--rollout-skip-special-tokens",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents: Markdown beside Cargo.toml and in `docs/`.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for folder in [root().to_owned(), root().join("docs")] {
        for entry in fs::read_dir(folder).expect("a folder of documents") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a document in UTF-8");
            (path, text)
        })
        .collect()
}

/// The lines of a document outside (`false`) or inside (`true`) of fenced code, with their numbers.
fn lines(text: &str, fenced: bool) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            return None;
        }
        (inside == fenced).then_some((index + 1, line))
    })
}

/// Splits a line at its backticks: texts at even places are prose, at odd places code.
fn parts(line: &str) -> impl Iterator<Item = (bool, &str)> {
    line.split('`')
        .enumerate()
        .map(|(index, part)| (index % 2 == 1, part))
}

/// The targets of the links and pictures of a line.
fn link_targets(line: &str) -> Vec<String> {
    let prose: String = parts(line)
        .map(|(is_code, part)| if is_code { "code" } else { part })
        .collect();
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

/// The anchors of a document's headings, as GitHub forms them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let headings = lines(text, false).filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let slug: String = title
                .chars()
                .filter(|&c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let repeats = seen.entry(slug.clone()).or_default();
            *repeats += 1;
            match *repeats {
                1 => slug,
                n => format!("{slug}-{}", n - 1),
            }
        })
        .collect()
}

/// What is wrong with a link of the document at `path`, if anything.
fn link_fault(path: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = path.with_file_name(file);
    let linked_text = if file.is_empty() {
        text.to_owned()
    } else if !linked.exists() {
        return Some(format!("`{target}`: no such file"));
    } else if anchor.is_empty() {
        return None;
    } else {
        fs::read_to_string(&linked).expect("a document in UTF-8")
    };
    let found = anchor.is_empty() || anchors(&linked_text).contains(anchor);
    (!found).then(|| format!("`{target}`: no such heading"))
}

#[test]
fn every_relative_link_and_anchor_resolves() {
    let mut faults = Vec::new();
    let mut links = 0;
    for (path, text) in documents() {
        for (number, line) in lines(&text, false) {
            for target in link_targets(line) {
                links += 1;
                if let Some(fault) = link_fault(&path, &text, &target) {
                    faults.push(format!("{}:{number}: {fault}", path.display()));
                }
            }
        }
    }
    assert!(links > 50, "only {links} links found: is the reader right?");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_index_links_every_document() {
    let index = fs::read_to_string(root().join("docs/README.md")).expect("the index");
    let linked: BTreeSet<String> = index
        .lines()
        .flat_map(link_targets)
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .collect();
    for (path, _) in documents() {
        let name = path.file_name().expect("a name").to_string_lossy();
        let is_in_docs = path.parent().is_some_and(|parent| parent.ends_with("docs"));
        assert!(
            !is_in_docs || name == "README.md" || linked.contains(name.as_ref()),
            "docs/README.md does not link {name}"
        );
    }
}

/// The long flags in a text.
fn flags(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            let name = word.strip_prefix("--");
            name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        })
        .map(str::to_owned)
        .collect()
}

fn help(command: &[&str]) -> String {
    let mut binary = cargo_bin_cmd!("gradus");
    let output = binary.args(command).arg("--help").output().expect("help");
    assert!(output.status.success(), "{command:?} --help");
    String::from_utf8(output.stdout).expect("help in UTF-8")
}

/// The flags that a command takes: what its help lists, as far as lines begin with a flag.
fn flags_of(help: &str) -> BTreeSet<String> {
    let listed = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'));
    listed.flat_map(flags).collect()
}

/// The commands that a help text lists.
fn subcommands(help: &str) -> Vec<&str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

/// The flags of every command, by its name (`data split`).
fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let top = help(&[]);
    let mut commands = BTreeMap::new();
    for name in subcommands(&top) {
        let text = help(&[name]);
        for inner in subcommands(&text) {
            let flags = flags_of(&help(&[name, inner]));
            commands.insert(format!("{name} {inner}"), flags);
        }
        commands.insert(name.to_owned(), flags_of(&text));
    }
    commands
}

/// What follows the program's name in a line of shell code that calls it.
fn call(code: &str) -> Option<&str> {
    let run = code.split_once("cargo run ");
    run.and_then(|(_, rest)| rest.split_once(" -- "))
        .or_else(|| code.split_once(" gradus "))
        .map(|(_, rest)| rest)
        .or_else(|| code.strip_prefix("gradus "))
}

/// The calls of the program in a document's fenced code: line number and what follows the program's name.
fn calls(text: &str) -> Vec<(usize, String)> {
    let mut calls = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in lines(text, true) {
        let code = line.split(" # ").next().unwrap_or_default();
        let code = code.split([';', '|', '>']).next().unwrap_or_default();
        let code = code.trim();
        let started = open.take();
        let joined = started.map(|(start, before)| (start, format!("{before} {code}")));
        let found = joined.or_else(|| call(code).map(|rest| (number, rest.to_owned())));
        let Some((start, mut call)) = found else {
            continue;
        };
        if call.ends_with('\\') {
            call.pop();
            open = Some((start, call));
        } else {
            calls.push((start, call));
        }
    }
    calls
}

#[test]
fn every_flag_in_the_documents_exists() {
    let commands = commands();
    let mut all: BTreeSet<String> = commands.values().flatten().cloned().collect();
    all.extend(OTHER_PROGRAMS.map(str::to_owned));
    let mut faults = Vec::new();
    let mut checked = 0;
    for (path, text) in documents() {
        if path.ends_with("CHANGELOG.md") {
            continue; // It may name flags that no longer exist.
        }
        for (number, call) in calls(&text) {
            let words: Vec<&str> = call.split_whitespace().take(2).collect();
            let known = commands
                .get(&words.join(" "))
                .or_else(|| commands.get(words.first().copied().unwrap_or_default()));
            let Some(known) = known else {
                continue; // A sentence in a message, or a command with a placeholder.
            };
            for flag in flags(&call).difference(known) {
                faults.push(format!(
                    "{}:{number}: `gradus {}` has no {flag}",
                    path.display(),
                    words[0]
                ));
            }
            checked += 1;
        }
        for (number, line) in lines(&text, false) {
            for (_, code) in
                parts(line).filter(|(is_code, part)| *is_code && !part.contains("scripts/"))
            {
                for flag in flags(code).difference(&all) {
                    faults.push(format!(
                        "{}:{number}: no command has {flag}",
                        path.display()
                    ));
                }
            }
        }
    }
    assert!(
        checked > 50,
        "only {checked} calls found: is the reader right?"
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The output of `gradus COMMAND --help` names documents; they exist.
#[test]
fn help_names_documents_that_exist() {
    let mut named = 0;
    for command in commands().keys() {
        let text = help(&command.split(' ').collect::<Vec<_>>());
        for word in text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '`')) {
            let word = word.trim_end_matches(['.', ':']);
            if word.starts_with("docs/") {
                named += 1;
                assert!(
                    root().join(word).exists(),
                    "gradus {command} --help names {word}"
                );
            }
        }
    }
    assert!(named > 3, "only {named} documents found in help texts");
}
