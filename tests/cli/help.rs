//! Help texts a person can work from.

use crate::support::{gradus, temp_dir};

#[test]
fn every_command_explains_itself() {
    let directory = temp_dir();
    for command in [
        &["quickstart"][..],
        &["train"],
        &["eval"],
        &["compare"],
        &["compare-generators"],
        &["experiment"],
        &["experiment", "report"],
        &["explain"],
        &["calibrate"],
        &["threshold"],
        &["interval"],
        &["soup"],
        &["ensemble"],
        &["stack"],
        &["suggest"],
        &["audit"],
        &["process"],
        &["process", "processbench"],
        &["process", "prmbench"],
        &["process", "best-of-n"],
        &["score"],
        &["bench"],
        &["inspect"],
        &["export"],
        &["import"],
        &["devices"],
        &["parts"],
        &["completions"],
        &["man"],
        &["worker"],
        &["data"],
        &["data", "validate"],
        &["data", "stats"],
        &["data", "audit"],
        &["data", "split"],
        &["data", "import"],
        &["data", "convert"],
        &["data", "weigh"],
        &["data", "generate"],
    ] {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = gradus(directory.path(), &arguments).succeeds();
        assert!(help.contains("Usage: gradus"), "{help}");
    }
    for (command, resampled) in [
        ("eval", "resamples of the responses; 0"),
        ("audit", "resamples of the prompts; 0"),
        (
            "compare-generators",
            "resamples of the prompts; at least 100",
        ),
    ] {
        let help = gradus(directory.path(), &[command, "--help"]).succeeds();
        assert!(help.contains(resampled), "{help}");
    }
    let top = gradus(directory.path(), &["--help"]).succeeds();
    assert!(top.contains("segment-level reward models"), "{top}");
}

#[test]
fn devices_lists_the_cpu() {
    let directory = temp_dir();
    let table = gradus(directory.path(), &["devices"]).succeeds();
    assert!(
        table.contains("cpu:0") && table.contains("default"),
        "{table}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&gradus(directory.path(), &["devices", "--json"]).succeeds()).unwrap();
    assert_eq!(
        json.as_array()
            .unwrap()
            .iter()
            .filter(|d| d["default"] == true)
            .count(),
        1
    );
}

#[test]
fn shells_and_man_know_every_command() {
    let directory = temp_dir();
    let path = directory.path();
    for (shell, of_program) in [
        ("bash", " default gradus\n"),
        ("elvish", "arg-completer[gradus]"),
        ("fish", "complete -c gradus "),
        ("powershell", "-CommandName 'gradus'"),
        ("zsh", "#compdef gradus\n"),
    ] {
        let script = gradus(path, &["completions", shell]).succeeds();
        assert!(
            script.contains(of_program),
            "{shell}: nothing completes `gradus`"
        );
        for part in [
            "threshold",
            "compare-generators",
            "--precision",
            "unbuffered",
        ] {
            // fish names long options without dashes.
            let part = part.trim_start_matches('-');
            assert!(script.contains(part), "{shell}: no `{part}`");
        }
    }
    gradus(path, &["completions", "csh"]).fails(2, &["csh", "bash"]);
    gradus(path, &["man", "pages"]).succeeds();
    let page = |name: &str| fs_err::read_to_string(path.join("pages").join(name)).unwrap();
    assert!(page("gradus.1").contains(".TH gradus 1"));
    assert!(page("gradus-data-audit.1").contains("gradus\\-data\\-audit"));
    let commands = gradus(path, &["--help"]).succeeds();
    let commands = commands
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands: Vec<&str> = commands
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let name = format!("gradus-{command}.1");
        assert!(page(&name).contains(".SH SYNOPSIS"), "{name}");
    }
    assert!(page("gradus-threshold.1").contains("wrong:missed=5:1"));
    // Pages are never mixed with other files.
    gradus(path, &["man", "pages"]).fails(2, &["pages", "already"]);
}
