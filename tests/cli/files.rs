//! Files that are not ours, and every way to write a path.

use std::path::Path;

use crate::support::{gradus, names, temp_dir, train_arguments, trained, write};

/// A copy of the trained bundle under `name`.
fn copy_bundle(directory: &Path, name: &str) {
    let target = directory.join(name);
    fs_err::create_dir_all(&target).unwrap();
    for entry in fs_err::read_dir(trained().join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
}

/// Arguments of a short training run whose data lies elsewhere.
fn train(more: &[&str]) -> Vec<String> {
    let absolute = |name: &str| trained().join(name).to_str().unwrap().to_owned();
    train_arguments(more)
        .into_iter()
        .map(|argument| match argument {
            "tiny.toml" | "train.jsonl" | "valid.jsonl" => absolute(argument),
            other => other.to_owned(),
        })
        .collect()
}

fn run(directory: &Path, arguments: &[String]) -> crate::support::Run {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    gradus(directory, &arguments)
}

#[test]
fn a_trailing_slash_and_dots_mean_nothing() {
    for output in ["out/", "./out", "out/.", "new/../out/"] {
        let directory = temp_dir();
        let path = directory.path();
        fs_err::create_dir(path.join("new")).unwrap();
        run(path, &train(&["--output", output])).succeeds();
        assert_eq!(names(path), ["new", "out"], "{output}");
        let again = train(&["--output", output]);
        run(path, &again).fails(2, &["already exists"]);
        let over = train(&["--output", output, "--overwrite"]);
        run(path, &over).succeeds();
        assert_eq!(names(path), ["new", "out"], "{output}");
    }
    let directory = temp_dir();
    run(directory.path(), &train(&["--output", "/"])).fails(2, &["root"]);
}

#[test]
fn overwrite_removes_nothing_that_is_not_a_bundle() {
    let directory = temp_dir();
    let path = directory.path();
    copy_bundle(path, "bundle");
    write(path, "bundle/thesis.tex", "years of work");
    fs_err::create_dir(path.join("bundle/mydata")).unwrap();
    let before = names(&path.join("bundle"));
    let adapters = path.join("adapters").to_str().unwrap().to_owned();
    run(path, &train(&["--output", &adapters, "--lora", "2"])).succeeds();
    let bert = path.join("bert");
    fs_err::create_dir(&bert).unwrap();
    crate::support::tiny_bert(&bert);
    let encoder = bert.to_str().unwrap();
    let probe: Vec<String> = train(&["--output", "bundle", "--overwrite"])
        .into_iter()
        // A probe is not stacked.
        .filter(|argument| !["--stack", "none"].contains(&argument.as_str()))
        .map(|argument| {
            if argument == "train" {
                "probe".into()
            } else {
                argument
            }
        })
        .collect();
    let merge = ["merge", &adapters, "bundle", "--overwrite"].map(String::from);
    let quickstart = ["quickstart", "--output", "bundle", "--overwrite"].map(String::from);
    let import = ["import", encoder, "bundle", "--overwrite"].map(String::from);
    for arguments in [
        train(&["--output", "bundle", "--overwrite"]),
        train(&["--output", "bundle/", "--overwrite"]),
        probe,
        merge.to_vec(),
        quickstart.to_vec(),
        import.to_vec(),
    ] {
        run(path, &arguments).fails(2, &["`mydata`, `thesis.tex`", "not overwritten"]);
        assert_eq!(names(&path.join("bundle")), before);
    }
    let quickstart = ["quickstart", "--output", "adapters"];
    gradus(path, &quickstart).fails(2, &["already exists", "overwrit"]);
    assert_eq!(names(path), ["adapters", "bert", "bundle"]);
}

#[test]
fn checkpoints_stay_out_of_the_output_and_of_other_peoples_files() {
    let directory = temp_dir();
    let path = directory.path();
    let with = |checkpoints: &str| train(&["--output", "out", "--checkpoints", checkpoints]);
    for checkpoints in ["out", "out/", "out/checkpoints", "."] {
        run(path, &with(checkpoints)).fails(2, &["contain each other"]);
        assert_eq!(names(path), [""; 0], "{checkpoints}");
    }
    fs_err::create_dir_all(path.join("mine/step-000100")).unwrap();
    write(path, "mine/step-000100/weights.pt", "");
    let over = train(&["--output", "out", "--checkpoints", "mine", "--overwrite"]);
    run(path, &over).fails(2, &["step-000100/weights.pt"]);
    fs_err::create_dir(path.join("logs")).unwrap();
    write(path, "logs/metrics.jsonl", "{}");
    run(path, &with("logs")).fails(2, &["metrics.jsonl"]);
    assert_eq!(
        fs_err::read(path.join("logs/metrics.jsonl")).unwrap(),
        b"{}"
    );
    assert_eq!(names(path), ["logs", "mine"]);
}

#[test]
fn an_output_is_not_replaced_unasked_and_an_input_never() {
    let directory = temp_dir();
    let path = directory.path();
    copy_bundle(path, "bundle");
    gradus(
        path,
        &["data", "generate", "-o", "d.jsonl", "--examples", "30"],
    )
    .succeeds();
    let data = fs_err::read(path.join("d.jsonl")).unwrap();
    for ending in ["jsonl", "html", "md"] {
        fs_err::hard_link(path.join("d.jsonl"), path.join(format!("hard.{ending}"))).unwrap();
        #[cfg(unix)]
        fs_err::os::unix::fs::symlink("d.jsonl", path.join(format!("soft.{ending}"))).unwrap();
    }
    let prm =
        r#"{"question":"q","steps":["a","b"],"label":1,"id":"1","final_answer_correct":false}"#;
    write(path, "published.json", format!("[{prm}]"));
    let commands: [&[&str]; 6] = [
        &["score", "bundle", "d.jsonl", "-o"],
        &["data", "import", "processbench", "d.jsonl", "-o"],
        &["data", "generate", "--examples", "3", "-o"],
        &["eval", "bundle", "d.jsonl", "--html"],
        &["eval", "bundle", "d.jsonl", "--markdown"],
        &["eval", "--scores", "d.jsonl", "published.json", "--html"],
    ];
    for command in commands {
        let outputs: &[&str] = match command.last() {
            Some(&"--html") => &["hard.html", "soft.html"],
            Some(&"--markdown") => &["hard.md", "soft.md"],
            _ => &["d.jsonl", "hard.jsonl", "soft.jsonl", "./d.jsonl"],
        };
        for &output in outputs {
            let run = gradus(path, &[command, &[output]].concat());
            assert_eq!(run.code, Some(2), "{command:?}: {}", run.stderr);
            if command[0] != "data" || command[1] == "import" {
                let over = gradus(path, &[command, &[output, "--overwrite"]].concat());
                over.fails(2, &["found the input `d.jsonl`"]);
            }
            assert_eq!(fs_err::read(path.join("d.jsonl")).unwrap(), data);
        }
    }
    let into = [
        "score",
        "bundle",
        "d.jsonl",
        "--overwrite",
        "-o",
        "bundle/tokenizer.json",
    ];
    gradus(path, &into).fails(2, &["found the input `bundle`"]);
    let split = ["data", "split", "d.jsonl", "-o", "."];
    gradus(path, &split).succeeds();
    gradus(path, &split).fails(2, &["already exists", "--overwrite"]);
    gradus(path, &[&split[..], &["--overwrite"]].concat()).succeeds();
    let itself = ["data", "split", "train.jsonl", "-o", ".", "--overwrite"];
    gradus(path, &itself).fails(2, &["found the input `train.jsonl`"]);
    let score = ["score", "bundle", "d.jsonl", "-o", "scored.jsonl"];
    gradus(path, &score).succeeds();
    gradus(path, &score).fails(2, &["scored.jsonl: already exists", "--overwrite"]);
    gradus(path, &[&score[..], &["--overwrite"]].concat()).succeeds();
    assert!(names(path).iter().all(|name| !name.starts_with('.')));
}

#[cfg(unix)]
#[test]
fn pipes_devices_and_standard_output_can_be_written_to() {
    use std::process::Command;
    let directory = temp_dir();
    let path = directory.path();
    let bundle = trained().join("bundle");
    let data = trained().join("valid.jsonl");
    let (bundle, data) = (bundle.to_str().unwrap(), data.to_str().unwrap());
    let expected = gradus(path, &["score", bundle, data]).succeeds();
    for output in ["-", "/dev/stdout", "/dev/fd/1"] {
        assert_eq!(
            gradus(path, &["score", bundle, data, "-o", output]).succeeds(),
            expected
        );
    }
    gradus(path, &["score", bundle, data, "-o", "/dev/null"]).succeeds();
    assert!(!fs_err::metadata("/dev/null").unwrap().is_file());
    let shell = |script: &str| {
        let arguments = ["-c", script, env!("CARGO_BIN_EXE_gradus"), bundle, data];
        let mut command = Command::new("bash");
        command.args(arguments).current_dir(path).output().unwrap()
    };
    // What was in the file stays, and nothing replaces it behind the shell's back.
    let script =
        "echo first > log; \"$0\" score \"$1\" \"$2\" -o /dev/stdout >> log; echo last >> log";
    assert!(shell(script).status.success());
    let log = fs_err::read_to_string(path.join("log")).unwrap();
    assert_eq!(log, format!("first\n{expected}last\n"));
    let script = "cp \"$2\" d.jsonl; \"$0\" score \"$1\" d.jsonl >> d.jsonl";
    let output = shell(script);
    assert_eq!(output.status.code(), Some(2), "it reads what it writes");
    assert_eq!(
        fs_err::read(path.join("d.jsonl")).unwrap(),
        fs_err::read(data).unwrap()
    );
}

#[cfg(unix)]
#[test]
fn what_was_private_stays_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = temp_dir();
    let path = directory.path();
    copy_bundle(path, "bundle");
    let mode = |name: &str| {
        fs_err::metadata(path.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    let set = |name: &str, mode: u32| {
        let mode = std::fs::Permissions::from_mode(mode);
        fs_err::set_permissions(path.join(name), mode).unwrap();
    };
    write(path, "scored.jsonl", "");
    set("scored.jsonl", 0o600);
    set("bundle", 0o700);
    set("bundle/model.safetensors", 0o640);
    let data = trained().join("valid.jsonl");
    let data = data.to_str().unwrap();
    gradus(
        path,
        &["score", "bundle", data, "-o", "scored.jsonl", "--overwrite"],
    )
    .succeeds();
    assert_eq!(mode("scored.jsonl"), 0o600);
    run(path, &train(&["--output", "bundle", "--overwrite"])).succeeds();
    assert_eq!(
        (mode("bundle"), mode("bundle/model.safetensors")),
        (0o700, 0o640)
    );
    gradus(path, &["calibrate", "bundle", data]).succeeds();
    assert_eq!(mode("bundle"), 0o700);
}

#[cfg(unix)]
#[test]
fn names_may_be_links_bytes_or_as_long_as_they_can_be() {
    use std::os::unix::ffi::OsStrExt as _;
    let directory = temp_dir();
    let path = directory.path();
    fs_err::create_dir(path.join("elsewhere")).unwrap();
    fs_err::os::unix::fs::symlink("elsewhere/bundle", path.join("link")).unwrap();
    run(path, &train(&["--output", "link"])).succeeds();
    run(path, &train(&["--output", "link", "--overwrite"])).succeeds();
    assert_eq!(names(&path.join("elsewhere")), ["bundle"]);
    assert_eq!(names(path), ["elsewhere", "link"]);
    assert!(path.join("link").symlink_metadata().unwrap().is_symlink());

    let long = "x".repeat(255);
    let data = trained().join("valid.jsonl");
    gradus(
        path,
        &["score", "link", data.to_str().unwrap(), "-o", &long],
    )
    .succeeds();
    let checkpoints = ["--output", &long[..250], "--checkpoints", "checkpoints"];
    run(path, &train(&checkpoints)).succeeds();
    run(path, &train(&checkpoints[..2])).fails(2, &["too long", "--checkpoints"]);

    let bytes = std::ffi::OsStr::from_bytes(b"caf\xe9.jsonl");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(train(&[]))
        .arg("--output")
        .arg(std::ffi::OsStr::from_bytes(b"caf\xe9"))
        .output()
        .unwrap();
    crate::support::Run::of(output).fails(2, &["output", "Unicode"]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(["score", "link"])
        .arg(&data)
        .arg("-o")
        .arg(bytes)
        .current_dir(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(path.join(bytes).is_file());
}

#[test]
fn calibrations_at_the_same_time_take_turns() {
    let directory = temp_dir();
    let path = directory.path();
    copy_bundle(path, "bundle");
    let valid = trained().join("valid.jsonl");
    let train = trained().join("train.jsonl");
    let start = |data: &Path| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gradus"));
        command.args(["calibrate", "bundle"]).arg(data);
        command
            .current_dir(path)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let children = [&valid, &train, &valid, &train].map(|data| start(data));
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(names(path), ["bundle"]);
    assert!(names(&path.join("bundle")).contains(&"recalibration.json".to_owned()));
    gradus(path, &["score", "bundle", valid.to_str().unwrap()]).succeeds();
}

#[test]
fn a_bundle_is_not_replaced_under_the_feet_of_the_command() {
    let directory = temp_dir();
    let path = directory.path();
    copy_bundle(path, "bundle");
    let inside = path.join("bundle");
    for output in [".", "../bundle", "../bundle/"] {
        let over = train(&["--output", output, "--overwrite"]);
        run(&inside, &over).fails(2, &["the directory that the command runs in"]);
    }
    // A recalibration changes two files of it, and leaves the directory where it is.
    let valid = trained().join("valid.jsonl");
    let calibrate = ["calibrate", ".", valid.to_str().unwrap()];
    gradus(&inside, &calibrate).succeeds();
    assert!(names(&inside).contains(&"recalibration.json".to_owned()));
    assert_eq!(names(path), ["bundle"]);
}
