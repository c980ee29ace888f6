//! Data sets of the Hugging Face Hub, from a server that serves made ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::json;

use crate::families::json as parse;
use crate::support::{Run, temp_dir, trained, write};
use crate::web::{Answer, Request, Web};

const CONVERTED: &str = "00112233445566778899aabbccddeeff00112233";
const MAIN: &str = "fedcba98765432100123456789abcdef01234567";
const NOWHERE: &str = "http://127.0.0.1:9";

/// The files of a data set by path.
type Files = BTreeMap<String, Vec<u8>>;

/// A data set: its own files, and those that the Hub has converted, if it has.
#[derive(Clone, Default)]
struct DataSet {
    main: Files,
    converted: Option<Files>,
    token: Option<&'static str>,
}

impl DataSet {
    /// Answers as the Hub does.
    fn answer(&self, request: &Request) -> Answer {
        let bearer = request.header("authorization").strip_prefix("Bearer ");
        if self.token.is_some() && bearer != self.token {
            return Answer::status(if bearer.is_some() { 403 } else { 401 });
        }
        let commits = [
            ("main", MAIN, Some(&self.main)),
            (
                "refs%2Fconvert%2Fparquet",
                CONVERTED,
                self.converted.as_ref(),
            ),
        ];
        for (branch, commit, files) in commits {
            let Some(files) = files else { continue };
            for revision in [branch, commit] {
                if request.path == format!("/api/datasets/org/set/revision/{revision}") {
                    let names = files.keys().map(|name| json!({"rfilename": name}));
                    let list = json!({"sha": commit, "siblings": names.collect::<Vec<_>>()});
                    return Answer::of(list.to_string()).with("Content-Type", "application/json");
                }
            }
            let file = request
                .path
                .strip_prefix(&format!("/datasets/org/set/resolve/{commit}/"));
            if let Some(content) = file.and_then(|name| files.get(name)) {
                return Answer::part(request, content)
                    .with("ETag", format!("\"{}\"", git_name(content)))
                    .with("X-Repo-Commit", commit);
            }
        }
        Answer::status(404)
    }

    fn serve(self) -> Web {
        Web::serve(move |request| self.answer(request))
    }
}

/// The name that Git gives a content, which the Hub sends as its tag.
fn git_name(content: &[u8]) -> String {
    use sha1::Digest as _;
    let digest = sha1::Sha1::new().chain_update(format!("blob {}\0", content.len()));
    let digest = digest.chain_update(content).finalize();
    digest
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn records(from: usize, count: usize) -> String {
    let line = |k| format!("{{\"id\":\"r{k}\",\"prompt\":\"p{k}\",\"response\":\"One. Two.\"}}\n");
    (from..from + count).map(line).collect()
}

/// The same records as Parquet.
fn parquet(jsonl: &[u8]) -> Vec<u8> {
    let directory = temp_dir();
    write(directory.path(), "a.jsonl", jsonl);
    crate::support::gradus(
        directory.path(),
        &["data", "convert", "a.jsonl", "a.parquet"],
    )
    .succeeds();
    fs_err::read(directory.path().join("a.parquet")).unwrap()
}

/// Two shards of one split, and another split, as the Hub converts them.
fn converted() -> DataSet {
    let shard = |from, count| parquet(records(from, count).as_bytes());
    let files = [
        ("default/train/0000.parquet", shard(0, 30)),
        ("default/train/0001.parquet", shard(30, 12)),
        ("default/test/0000.parquet", shard(50, 5)),
        (".gitattributes", Vec::new()),
    ];
    let converted = files
        .map(|(name, content)| (name.to_owned(), content))
        .into();
    let main = [
        ("README.md".to_owned(), b"# Set".to_vec()),
        ("raw.jsonl".to_owned(), records(0, 3).into()),
    ];
    DataSet {
        main: main.into(),
        converted: Some(converted),
        token: None,
    }
}

fn gradus(home: &Path, endpoint: &str, more: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = cargo_bin_cmd!("gradus");
    for variable in [
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_CACHE",
        "HF_HUB_OFFLINE",
        "HF_HUB_DOWNLOAD_TIMEOUT",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(variable);
    }
    command
        .current_dir(trained())
        .env("HF_HOME", home)
        .env("HF_ENDPOINT", endpoint)
        .envs(more.iter().copied())
        .args(arguments);
    Run::of(command.output().unwrap())
}

fn examples(home: &Path, endpoint: &str, more: &[(&str, &str)], name: &str) -> u64 {
    let run = gradus(home, endpoint, more, &["data", "stats", name, "--json"]);
    parse(&run.succeeds())["examples"].as_u64().unwrap()
}

/// Files that were fetched.
fn fetched(web: &Web) -> usize {
    let is_content = |request: &&Request| {
        request.path.contains("/resolve/") && request.header("range") != "bytes=0-0"
    };
    web.asked().iter().filter(is_content).count()
}

#[test]
fn a_split_is_fetched_once_and_read_from_the_cache_from_then_on() {
    let home = temp_dir();
    let web = converted().serve();
    let name = "hub:org/set:train";
    assert_eq!(examples(home.path(), &web.endpoint, &[], name), 42);
    assert_eq!(fetched(&web), 2);
    let pinned = format!("hub:org/set@{CONVERTED}:default/train");
    for (endpoint, offline) in [
        (web.endpoint.as_str(), &[][..]),
        (NOWHERE, &[]),
        (NOWHERE, &[("HF_HUB_OFFLINE", "1")]),
    ] {
        assert_eq!(examples(home.path(), endpoint, offline, name), 42);
        assert_eq!(examples(home.path(), endpoint, offline, &pinned), 42);
    }
    assert_eq!(fetched(&web), 2, "all of it was in the cache");
    // The layout of Python's libraries.
    let repository = home.path().join("hub/datasets--org--set");
    let pointer = repository
        .join("snapshots")
        .join(CONVERTED)
        .join("default/train/0000.parquet");
    assert!(pointer.is_file());
    let commit = fs_err::read_to_string(repository.join("refs/refs/convert/parquet")).unwrap();
    assert_eq!(commit, CONVERTED);
    let other = "hub:org/set:default/test";
    let run = gradus(
        home.path(),
        NOWHERE,
        &[("HF_HUB_OFFLINE", "1")],
        &["data", "stats", other],
    );
    run.fails(2, &["default/test/0000.parquet", "HF_HUB_OFFLINE"]);
    let run = gradus(
        home.path(),
        NOWHERE,
        &[],
        &["data", "stats", "hub:org/other"],
    );
    run.fails(1, &["hub:org/other", "cannot reach", "HF_ENDPOINT"]);
}

#[test]
fn what_is_not_clear_or_not_there_is_answered_with_what_there_is() {
    let home = temp_dir();
    let web = converted().serve();
    for (name, parts) in [
        (
            "hub:org/set",
            &["several", "default/test, default/train"][..],
        ),
        (
            "hub:org/set:default",
            &["several", "default/test, default/train"],
        ),
        (
            "hub:org/set:valid",
            &[
                "`valid`",
                "default/test, default/train",
                "hub:org/set:CONFIG/SPLIT",
            ],
        ),
        (
            "hub:org/set@v9:train",
            &["`org/set`", "revision `v9`", "404"],
        ),
        ("hub:org/none", &["`org/none`", "404", "HF_TOKEN"]),
        ("hub:org", &["hub:org/name[@revision][:config/split]"]),
        (
            "hub:org/set:../../x",
            &["hub:org/name[@revision][:config/split]"],
        ),
    ] {
        gradus(home.path(), &web.endpoint, &[], &["data", "validate", name]).fails(2, parts);
    }
    assert_eq!(fetched(&web), 0);
    // A file of the authors, by its name.
    assert_eq!(
        examples(home.path(), &web.endpoint, &[], "hub:org/set:raw.jsonl"),
        3
    );
    assert_eq!(
        examples(home.path(), &web.endpoint, &[], "hub:org/set@main"),
        3
    );
    assert_eq!(
        examples(
            home.path(),
            &web.endpoint,
            &[],
            "hub:org/set:default/train/0001.parquet"
        ),
        12
    );
}

#[test]
fn what_the_hub_has_not_converted_is_read_as_its_authors_wrote_it() {
    let home = temp_dir();
    let set = DataSet {
        converted: None,
        ..converted()
    };
    let web = set.serve();
    let run = gradus(
        home.path(),
        &web.endpoint,
        &[],
        &["data", "stats", "hub:org/set", "--json"],
    );
    assert!(
        run.stderr.contains("has not converted it to Parquet"),
        "{}",
        run.stderr
    );
    assert_eq!(parse(&run.succeeds())["examples"], 3);
    let offline = [("HF_HUB_OFFLINE", "1")];
    assert_eq!(examples(home.path(), NOWHERE, &offline, "hub:org/set"), 3);
}

#[test]
fn a_closed_data_set_needs_a_token_with_access() {
    let home = temp_dir();
    let set = DataSet {
        token: Some("hf_right"),
        ..converted()
    };
    let web = set.serve();
    let stats = |more: &[(&str, &str)]| {
        gradus(
            home.path(),
            &web.endpoint,
            more,
            &["data", "stats", "hub:org/set:test"],
        )
    };
    stats(&[]).fails(2, &["401", "HF_TOKEN"]);
    let wrong = stats(&[("HF_TOKEN", "hf_wrong")]);
    assert!(!wrong.stderr.contains("hf_wrong"), "{}", wrong.stderr);
    wrong.fails(2, &["403", "with this token", "terms"]);
    let right = stats(&[("HF_TOKEN", "hf_right")]);
    assert!(!right.stderr.contains("hf_right"), "{}", right.stderr);
    right.succeeds();
}

#[test]
fn errors_name_the_file_of_the_data_set_and_columns_are_mapped() {
    let home = temp_dir();
    let lines = "{\"question\":\"q\",\"answer\":\"a.\"}\n{\"question\":1,\"answer\":\"a.\"}\n";
    let main = [("data/train.jsonl".to_owned(), lines.into())].into();
    let web = DataSet {
        main,
        ..DataSet::default()
    }
    .serve();
    let place = format!("hub:org/set@{MAIN}:data/train.jsonl:2");
    let columns = ["--columns", "prompt=question,response=answer"];
    let arguments = [&["data", "validate", "hub:org/set:train"][..], &columns].concat();
    let run = gradus(home.path(), &web.endpoint, &[], &arguments);
    assert!(run.stdout.contains(&place), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("1 valid, 1 invalid"), "{}", run.stdout);
}

/// What goes wrong with the contents of a set, by the number of the request for one.
fn faulty(fault: impl Fn(usize, Answer) -> Answer + Send + Sync + 'static) -> Web {
    let (set, asked) = (converted(), AtomicUsize::new(0));
    Web::serve(move |request| {
        let answer = set.answer(request);
        let is_content =
            request.path.contains("/resolve/") && request.header("range") != "bytes=0-0";
        if !is_content {
            return answer;
        }
        fault(asked.fetch_add(1, Ordering::SeqCst), answer)
    })
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_did() {
    let home = temp_dir();
    let web = faulty(|request, answer| match request {
        0 => Answer {
            cut: Some(100),
            ..answer
        },
        1 => Answer::status(500),
        _ => answer,
    });
    assert_eq!(
        examples(home.path(), &web.endpoint, &[], "hub:org/set:test"),
        5
    );
    let ranges: Vec<String> = web
        .asked()
        .iter()
        .map(|request| request.header("range").to_owned())
        .filter(|range| !range.is_empty() && range != "bytes=0-0")
        .collect();
    assert_eq!(ranges.len(), 3);
    assert!(ranges[2].starts_with("bytes=100-"), "{ranges:?}");
}

#[test]
fn a_server_that_fails_for_good_leaves_nothing_under_the_name_of_the_file() {
    for (fault, expected) in [
        (Answer::status(503), "HTTP status 503"),
        (
            Answer::of("other bytes").with("Content-Range", "bytes 7-17/18"),
            "digest",
        ),
    ] {
        let home = temp_dir();
        let is_status = fault.status != 200;
        let web = faulty(move |_, answer| {
            if is_status {
                return fault.clone();
            }
            // The right length, and other bytes.
            let mut answer = answer;
            answer.body.fill(b'x');
            answer
        });
        let run = gradus(
            home.path(),
            &web.endpoint,
            &[],
            &["data", "stats", "hub:org/set:test"],
        );
        run.fails(1, &["hub:org/set:test", expected, "try again"]);
        let repository = home.path().join("hub/datasets--org--set");
        assert!(!repository.join("snapshots").exists() && !repository.join("blobs").exists());
        // What the failed run left does no harm.
        let web = converted().serve();
        assert_eq!(
            examples(home.path(), &web.endpoint, &[], "hub:org/set:test"),
            5
        );
    }
}

#[test]
fn a_server_that_stalls_is_given_up() {
    let home = temp_dir();
    let web = faulty(|_, answer| Answer {
        stalls: true,
        ..answer
    });
    let short = [("HF_HUB_DOWNLOAD_TIMEOUT", "1")];
    let run = gradus(
        home.path(),
        &web.endpoint,
        &short,
        &["data", "stats", "hub:org/set:test"],
    );
    run.fails(1, &["hub:org/set:test", "timeout", "try again"]);
    let wrong = [("HF_HUB_DOWNLOAD_TIMEOUT", "soon")];
    let run = gradus(
        home.path(),
        &web.endpoint,
        &wrong,
        &["data", "stats", "hub:org/set:test"],
    );
    run.fails(2, &["HF_HUB_DOWNLOAD_TIMEOUT", "soon"]);
}

#[test]
fn a_renamed_data_set_and_content_on_another_server_are_followed() {
    let home = temp_dir();
    let set = Arc::new(converted());
    let contents = Arc::clone(&set);
    // A server of contents, which may not see the token.
    let elsewhere = Web::serve(move |request| {
        let path = request
            .path
            .strip_prefix("/content")
            .unwrap_or_default()
            .to_owned();
        contents.answer(&Request {
            path,
            ..request.clone()
        })
    });
    let there = elsewhere.endpoint.clone();
    let web = Web::serve(move |request| {
        let renamed = request.path.replace("org/old", "org/set");
        if renamed != request.path {
            return Answer::status(307).with("Location", renamed);
        }
        let answer = set.answer(request);
        if !request.path.contains("/resolve/") {
            return answer;
        }
        let size = answer
            .headers
            .iter()
            .find(|(name, _)| *name == "Content-Range");
        let size = size.map_or(String::new(), |(_, range)| {
            range.rsplit('/').next().unwrap().to_owned()
        });
        let tag = answer
            .headers
            .iter()
            .find(|(name, _)| *name == "ETag")
            .unwrap()
            .1
            .clone();
        Answer::status(302)
            .with("Location", format!("{there}/content{}", request.path))
            .with("X-Repo-Commit", CONVERTED)
            .with("X-Linked-Size", size)
            .with("X-Linked-ETag", tag)
    });
    let token = [("HF_TOKEN", "hf_secret")];
    assert_eq!(
        examples(home.path(), &web.endpoint, &token, "hub:org/old:train"),
        42
    );
    assert!(
        web.asked()
            .iter()
            .any(|request| request.header("authorization") == "Bearer hf_secret")
    );
    assert!(!elsewhere.asked().is_empty());
}

/// What becomes of an answer.
type Lie = fn(&Request, Answer) -> Answer;

#[test]
fn a_server_that_lies_is_refused() {
    let set = converted();
    let lies: [(&str, Lie); 4] = [
        ("commit", |request, answer| {
            if request.path.starts_with("/api") {
                Answer::of("{\"sha\":\"../../x\",\"siblings\":[]}")
            } else {
                answer
            }
        }),
        ("no path", |request, answer| {
            if request.path.starts_with("/api") {
                Answer::of(format!(
                    "{{\"sha\":\"{CONVERTED}\",\"siblings\":[{{\"rfilename\":\"../../train/0000.parquet\"}}]}}"
                ))
            } else {
                answer
            }
        }),
        ("list of files", |request, answer| {
            if request.path.starts_with("/api") {
                Answer::of("<html>")
            } else {
                answer
            }
        }),
        ("not a plain file name", |_, mut answer| {
            for (name, value) in &mut answer.headers {
                if *name == "ETag" {
                    *value = "\"../../x\"".into();
                }
            }
            answer
        }),
    ];
    for (expected, lie) in lies {
        let home = temp_dir();
        let set = set.clone();
        let web = Web::serve(move |request| lie(request, set.answer(request)));
        let run = gradus(
            home.path(),
            &web.endpoint,
            &[],
            &["data", "stats", "hub:org/set:test"],
        );
        run.fails(1, &["hub:org/set:test", expected]);
        assert!(!home.path().join("x").exists());
    }
}

#[test]
fn a_run_pins_its_splits_and_refuses_other_data() {
    let home = temp_dir();
    let rated = |split: &str| fs_err::read(trained().join(format!("{split}.jsonl"))).unwrap();
    let files = |train: Vec<u8>| -> Files {
        [
            ("train.jsonl".to_owned(), train),
            ("valid.jsonl".to_owned(), rated("valid")),
        ]
        .into()
    };
    let web = DataSet {
        main: files(rated("train")),
        ..DataSet::default()
    }
    .serve();
    let output = home.path().join("bundle");
    let config = home.path().join("small.toml");
    let tiny = "[scratch]\nd_model = 16\nnum_layers = 1\nnum_heads = 2\nd_ff = 32\n[training]\nepochs = 1\n";
    fs_err::write(&config, tiny).unwrap();
    let run =
        |config: &Path, output: &Path, more: &[&str], offline: &[(&str, &str)], endpoint: &str| {
            let (config, output) = (config.to_str().unwrap(), output.to_str().unwrap());
            let arguments = [&["train", "--config", config, "--output", output][..], more].concat();
            gradus(home.path(), endpoint, offline, &arguments)
        };
    let splits = [
        "--train",
        "hub:org/set:train",
        "--valid",
        "hub:org/set:validation",
    ];
    run(&config, &output, &splits, &[], &web.endpoint).succeeds();
    let pinned = output.join("run.toml");
    let text = fs_err::read_to_string(&pinned).unwrap();
    for part in [
        &format!("train = \"hub:org/set@{MAIN}:default/train\""),
        &format!("valid = \"hub:org/set@{MAIN}:default/validation\""),
        "train_sha256 = \"",
        "valid_sha256 = \"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let weights = |output: &Path| fs_err::read(output.join("model.safetensors")).unwrap();
    let again = home.path().join("again");
    run(&pinned, &again, &[], &[("HF_HUB_OFFLINE", "1")], NOWHERE).succeeds();
    assert_eq!(weights(&output), weights(&again));
    // The data on disk, in another place, must be what was pinned.
    let other = format!(
        "{}\n",
        text.lines()
            .map(|line| {
                if line.starts_with("train = ") {
                    "train = \"valid.jsonl\"".to_owned()
                } else {
                    line.to_owned()
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    );
    let changed = home.path().join("changed.toml");
    fs_err::write(&changed, other).unwrap();
    let run = run(
        &changed,
        &home.path().join("third"),
        &[],
        &[("HF_HUB_OFFLINE", "1")],
        NOWHERE,
    );
    run.fails(2, &["valid.jsonl", "digest", "train_sha256"]);
}

#[test]
fn many_files_are_scored_by_shards() {
    let home = temp_dir();
    let web = converted().serve();
    let bundle = trained().join("bundle");
    let bundle = bundle.to_str().unwrap();
    let score = |name: &str, output: &Path, more: &[&str]| {
        let arguments = [
            &["score", bundle, name, "-o", output.to_str().unwrap()][..],
            more,
        ]
        .concat();
        gradus(home.path(), &web.endpoint, &[], &arguments)
    };
    let parts = home.path().join("parts");
    for shard in ["1/2", "2/2"] {
        score("hub:org/set:train", &parts, &["--shard", shard]).succeeds();
    }
    assert_eq!(
        crate::support::names(&parts),
        ["0000.parquet", "0001.parquet", "_gradus"]
    );
    let left = crate::support::names(&parts.join("_gradus"));
    assert_eq!(
        left,
        ["0000.parquet.json", "0001.parquet.json"],
        "no copy of an input is left"
    );
    let count = examples(home.path(), &web.endpoint, &[], parts.to_str().unwrap());
    assert_eq!(count, 42);
    let before = fetched(&web);
    let run = score("hub:org/set:train", &parts, &["--shard", "1/2", "--resume"]);
    assert!(
        run.stderr.contains("1 of 1 files were done before"),
        "{}",
        run.stderr
    );
    run.succeeds();
    // The footer alone.
    assert!(fetched(&web) > before);
    score("hub:org/set:train", Path::new("s3://bucket/out/"), &[])
        .fails(2, &["s3://bucket/out/", "output"]);
}

#[test]
fn row_groups_of_one_file_go_to_several_shards() {
    let home = temp_dir();
    // Thirteen records in seven row groups.
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/data/tests/parquet/files/pyarrow-groups.parquet"
    );
    let content = fs_err::read(fixture).unwrap();
    let web = DataSet {
        converted: Some([("default/train/0000.parquet".to_owned(), content)].into()),
        ..DataSet::default()
    }
    .serve();
    let bundle = trained().join("bundle");
    let output = home.path().join("out");
    for shard in ["1/2", "2/2"] {
        let arguments = [
            "score",
            bundle.to_str().unwrap(),
            "hub:org/set",
            "-o",
            output.to_str().unwrap(),
            "--shard",
            shard,
        ];
        gradus(home.path(), &web.endpoint, &[], &arguments).succeeds();
    }
    assert_eq!(
        crate::support::names(&output),
        ["0000.1-of-2.parquet", "0000.2-of-2.parquet", "_gradus"]
    );
    assert_eq!(
        examples(home.path(), NOWHERE, &[], output.to_str().unwrap()),
        13
    );
    assert!(
        !home.path().join("hub/datasets--org--set/blobs").exists(),
        "inputs of many are not kept"
    );
}
