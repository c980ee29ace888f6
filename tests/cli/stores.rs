//! Objects of stores and files of web servers, from servers that serve made ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assert_cmd::cargo::cargo_bin_cmd;

use crate::families::json as parse;
use crate::support::{Run, names, temp_dir, trained, write};
use crate::web::{Answer, Request, Web};

/// Objects of one bucket, `b`.
type Objects = BTreeMap<String, Vec<u8>>;

fn records(from: usize, count: usize) -> Vec<u8> {
    let line = |k| format!("{{\"id\":\"r{k}\",\"prompt\":\"p{k}\",\"response\":\"One. Two.\"}}\n");
    (from..from + count)
        .map(line)
        .collect::<String>()
        .into_bytes()
}

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

fn objects() -> Objects {
    [
        ("in/a.parquet", parquet(&records(0, 20))),
        ("in/b.parquet", parquet(&records(20, 7))),
        ("in/deep/c.parquet", parquet(&records(30, 3))),
        ("in/_SUCCESS", Vec::new()),
        ("one.jsonl", records(0, 4)),
    ]
    .map(|(key, content)| (key.to_owned(), content))
    .into()
}

fn tag(content: &[u8]) -> String {
    let sum = content.iter().fold(content.len() as u64, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    format!("\"{sum:016x}\"")
}

/// Answers as S3 does, path style.
fn s3(objects: &Objects, request: &Request) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let Some(key) = path
        .strip_prefix("/b")
        .map(|key| key.trim_start_matches('/'))
    else {
        return Answer::status(404).with("Content-Type", "application/xml");
    };
    if query.contains("list-type=2") {
        return list(objects, query);
    }
    let Some(content) = objects.get(key) else {
        return Answer::of("<Error><Code>NoSuchKey</Code></Error>").with_status(404);
    };
    let matches = request.header("if-match");
    if !matches.is_empty() && matches != tag(content) {
        return Answer::status(412);
    }
    let answer = Answer::part(request, content)
        .with("ETag", tag(content))
        .with("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT");
    if request.method == "HEAD" {
        return answer.with("Content-Length", content.len().to_string());
    }
    answer
}

impl Answer {
    fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

fn list(objects: &Objects, query: &str) -> Answer {
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut found = pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value.replace("%2F", "/"));
        found.next().unwrap_or_default()
    };
    let (prefix, delimiter) = (value("prefix"), value("delimiter"));
    let mut xml =
        String::from("<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>");
    for (key, content) in objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        if !delimiter.is_empty() && key[prefix.len()..].contains(&delimiter) {
            continue;
        }
        let (tag, size) = (tag(content), content.len());
        write!(
            xml,
            "<Contents><Key>{key}</Key><LastModified>2026-10-21T07:28:00.000Z</LastModified><ETag>{}</ETag><Size>{size}</Size></Contents>",
            tag.replace('"', "&quot;")
        )
        .unwrap();
    }
    xml.push_str("</ListBucketResult>");
    Answer::of(xml).with("Content-Type", "application/xml")
}

fn gradus(cache: &Path, endpoint: &str, arguments: &[&str]) -> Run {
    let mut command = cargo_bin_cmd!("gradus");
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(variable);
    }
    command
        .current_dir(trained())
        .env("GRADUS_CACHE", cache)
        .env("AWS_ENDPOINT", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "s3cr3t-access")
        .args(arguments);
    let run = Run::of(command.output().unwrap());
    assert!(
        !run.stderr.contains("s3cr3t") && !run.stdout.contains("s3cr3t"),
        "{}",
        run.stderr
    );
    run
}

fn examples(cache: &Path, endpoint: &str, name: &str) -> u64 {
    let run = gradus(cache, endpoint, &["data", "stats", name, "--json"]);
    parse(&run.succeeds())["examples"].as_u64().unwrap()
}

fn serve(objects: Objects) -> Web {
    Web::serve(move |request| s3(&objects, request))
}

fn fetched(web: &Web) -> Vec<Request> {
    let asked = web.asked().into_iter();
    asked
        .filter(|request| !request.header("range").is_empty())
        .collect()
}

#[test]
fn objects_directories_and_patterns_are_read_and_kept_by_their_tags() {
    let cache = temp_dir();
    let web = serve(objects());
    for (name, count) in [
        ("s3://b/one.jsonl", 4),
        ("s3://b/in/a.parquet", 20),
        ("s3://b/in", 27),
        ("s3://b/in/", 27),
        ("s3://b/in/*.parquet", 27),
        ("s3://b/**/*.parquet", 30),
    ] {
        assert_eq!(examples(cache.path(), &web.endpoint, name), count, "{name}");
    }
    let before = fetched(&web).len();
    assert_eq!(before, 4, "each object once");
    let mut changed = objects();
    changed.insert("one.jsonl".into(), records(0, 6));
    let other = serve(changed);
    assert_eq!(
        examples(cache.path(), &other.endpoint, "s3://b/one.jsonl"),
        6
    );
    assert_eq!(examples(cache.path(), &other.endpoint, "s3://b/in"), 27);
    assert_eq!(fetched(&other).len(), 1, "what did not change is here");
}

#[test]
fn wrong_names_and_servers_are_answered() {
    let cache = temp_dir();
    let web = serve(objects());
    for (name, parts) in [
        (
            "s3://b/none.parquet",
            &["s3://b/none.parquet", "not found"][..],
        ),
        ("s3://b/none/*.parquet", &["no data file"]),
        ("s3://b/none/", &["no data file"]),
        (
            "s3://other/a.parquet",
            &["s3://other/a.parquet", "not found"],
        ),
        ("s3://", &["s3://BUCKET/KEY"]),
        ("ftp://host/a.parquet", &["`ftp`"]),
    ] {
        gradus(cache.path(), &web.endpoint, &["data", "validate", name]).fails(2, parts);
    }
    let refusing =
        Web::serve(|_| Answer::of("<Error><Code>AccessDenied</Code></Error>").with_status(403));
    let run = gradus(
        cache.path(),
        &refusing.endpoint,
        &["data", "validate", "s3://b/one.jsonl"],
    );
    run.fails(2, &["s3://b/one.jsonl", "credentials"]);
    let torn: Objects = [(
        "a.parquet".to_owned(),
        objects()["in/a.parquet"][..100].to_vec(),
    )]
    .into();
    let run = gradus(
        cache.path(),
        &serve(torn).endpoint,
        &["data", "validate", "s3://b/a.parquet"],
    );
    run.fails(2, &["s3://b/a.parquet", "cut off"]);
    let failing = Web::serve(|_| Answer::status(500));
    let run = gradus(
        cache.path(),
        &failing.endpoint,
        &["data", "validate", "s3://b/one.jsonl"],
    );
    run.fails(1, &["s3://b/one.jsonl", "500"]);
    assert!(
        names(&cache.path().join("objects")).len() <= 1,
        "only the torn one is whole as it is"
    );
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_did() {
    let cache = temp_dir();
    let (objects, asked) = (objects(), AtomicUsize::new(0));
    let web = Web::serve(move |request| {
        let answer = s3(&objects, request);
        if request.header("range").is_empty() || asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return answer;
        }
        Answer {
            cut: Some(100),
            ..answer
        }
    });
    assert_eq!(
        examples(cache.path(), &web.endpoint, "s3://b/in/a.parquet"),
        20
    );
    let requests = fetched(&web);
    assert!(requests.len() >= 2);
    assert!(
        requests
            .iter()
            .all(|request| !request.header("if-match").is_empty()),
        "of one version"
    );
}

#[test]
fn shards_score_their_row_groups_and_keep_no_input() {
    let cache = temp_dir();
    // Thirteen records in seven row groups.
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/data/tests/parquet/files/pyarrow-groups.parquet"
    );
    let content = fs_err::read(fixture).unwrap();
    let web = serve([("in/a.parquet".to_owned(), content)].into());
    let output = cache.path().join("out");
    let bundle = trained().join("bundle");
    for shard in ["1/2", "2/2"] {
        let arguments = [
            "score",
            bundle.to_str().unwrap(),
            "s3://b/in/",
            "-o",
            output.to_str().unwrap(),
            "--shard",
            shard,
        ];
        gradus(cache.path(), &web.endpoint, &arguments).succeeds();
    }
    assert_eq!(
        names(&output),
        ["_gradus", "a.1-of-2.parquet", "a.2-of-2.parquet"]
    );
    assert_eq!(
        examples(cache.path(), &web.endpoint, output.to_str().unwrap()),
        13
    );
    assert!(!cache.path().join("objects").exists());
    assert_eq!(
        names(&output.join("_gradus")),
        ["a.1-of-2.parquet.json", "a.2-of-2.parquet.json"]
    );
}

#[test]
fn files_of_web_servers_are_read_with_ranges_or_without() {
    let cache = temp_dir();
    let content = Arc::new(parquet(&records(0, 9)));
    for ranges in [true, false] {
        let content = Arc::clone(&content);
        let web = Web::serve(move |request| {
            if request.path == "/old.parquet" {
                return Answer::status(302).with("Location", "/a.parquet?sig=s3cr3t");
            }
            if request.path != "/a.parquet?sig=s3cr3t" {
                return Answer::status(403);
            }
            let answer = if ranges {
                Answer::part(request, &content)
            } else {
                Answer::of(&content[..])
            };
            let length = content.len().to_string();
            let answer = answer.with("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT");
            match request.method.as_str() {
                "HEAD" => answer.with("Content-Length", length),
                _ => answer,
            }
        });
        let signed = format!("{}/a.parquet?sig=s3cr3t", web.endpoint);
        assert_eq!(examples(cache.path(), "", &signed), 9);
        let moved = format!("{}/old.parquet", web.endpoint);
        assert_eq!(examples(cache.path(), "", &moved), 9);
        let closed = format!("{}/a.parquet?sig=s3cr3t-wrong", web.endpoint);
        gradus(cache.path(), "", &["data", "stats", &closed]).fails(2, &["/a.parquet", "403"]);
    }
}
