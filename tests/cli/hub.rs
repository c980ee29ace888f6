//! Encoders of the Hugging Face Hub, from a server that serves a made one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use assert_cmd::cargo::cargo_bin_cmd;

use crate::families::json;
use crate::support::{Run, temp_dir, tiny_encoder, trained, write};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const MODEL: &str = "makers/tiny-qwen";

/// A Hub with one model: the files of a directory, at one commit that is `main`.
struct Hub {
    endpoint: String,
    /// Files that were fetched, in order.
    fetched: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    /// Serves until the test ends; asks for `token` if there is one.
    fn serve(directory: &Path, token: Option<&'static str>) -> Self {
        Self::serve_with(directory, token, Lie::None)
    }

    fn serve_with(directory: &Path, token: Option<&'static str>, lie: Lie) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Self {
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
            fetched: Arc::default(),
        };
        let (directory, fetched) = (directory.to_owned(), Arc::clone(&hub.fetched));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &directory, token, &fetched, lie);
            }
        });
        hub
    }

    fn fetched(&self) -> Vec<String> {
        self.fetched.lock().unwrap().clone()
    }
}

/// What a server says that is not so.
#[derive(Debug, Clone, Copy)]
enum Lie {
    None,
    /// The commit of the model.
    Commit(&'static str),
    /// The commit that a file is of.
    FileCommit(&'static str),
    /// The name of a content.
    ETag(&'static str),
}

/// Answers one request and closes the connection.
fn answer(
    stream: TcpStream,
    directory: &Path,
    token: Option<&str>,
    fetched: &Mutex<Vec<String>>,
    lie: Lie,
) {
    let mut reader = BufReader::new(stream);
    let (mut path, mut range, mut bearer) = (String::new(), None, None);
    for (number, line) in reader.by_ref().lines().map_while(Result::ok).enumerate() {
        let lower = line.to_lowercase();
        if number == 0 {
            line.split(' ').nth(1).unwrap().clone_into(&mut path);
        } else if let Some(bytes) = lower.strip_prefix("range: bytes=") {
            range = bytes
                .split_once('-')
                .map(|(from, to)| (from.parse().unwrap(), to.parse().ok()));
        } else if let Some(found) = lower.strip_prefix("authorization: bearer ") {
            bearer = Some(found.to_owned());
        } else if line.is_empty() {
            break;
        }
    }
    let mut stream = reader.into_inner();
    let mut send = |status: &str, headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
        );
        // A client that has seen enough hangs up.
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body));
    };
    if token.is_some() && token != bearer.as_deref() {
        return send("401 Unauthorized", "", b"");
    }
    let known = ["main", COMMIT];
    if let Some(revision) = path.strip_prefix(&format!("/api/models/{MODEL}/revision/")) {
        if !known.contains(&revision) {
            return send("404 Not Found", "", b"");
        }
        let mut files = crate::support::names(directory);
        files.push("pytorch_model.bin".to_owned());
        let files = files
            .into_iter()
            .map(|name| serde_json::json!({"rfilename": name}));
        let commit = match lie {
            Lie::Commit(commit) => commit,
            _ => COMMIT,
        };
        let info = serde_json::json!({"sha": commit, "siblings": files.collect::<Vec<_>>()});
        return send(
            "200 OK",
            "Content-Type: application/json\r\n",
            info.to_string().as_bytes(),
        );
    }
    let file = path
        .strip_prefix(&format!("/{MODEL}/resolve/{COMMIT}/"))
        .map(|name| (name.to_owned(), fs_err::read(directory.join(name))));
    let Some((name, Ok(bytes))) = file else {
        return send("404 Not Found", "", b"");
    };
    let (from, to): (usize, Option<usize>) = range.unwrap_or((0, None));
    let to = to.map_or(bytes.len(), |last| (last + 1).min(bytes.len()));
    let etag = match lie {
        Lie::ETag(etag) => etag.to_owned(),
        _ => format!("{name}-1"),
    };
    let commit = match lie {
        Lie::FileCommit(commit) => commit,
        _ => COMMIT,
    };
    if to == bytes.len() {
        fetched.lock().unwrap().push(name.clone());
    }
    let headers = format!(
        "Content-Range: bytes {from}-{}/{}\r\nETag: \"{etag}\"\r\nX-Repo-Commit: {commit}\r\n",
        to - 1,
        bytes.len()
    );
    send("206 Partial Content", &headers, &bytes[from..to]);
}

/// A directory with the model to serve, and one that is the home of the cache.
fn model() -> (tempfile::TempDir, tempfile::TempDir) {
    let model = temp_dir();
    tiny_encoder("qwen2", model.path());
    write(
        model.path(),
        "README.md",
        "# A model that nobody asked about",
    );
    let template = "<|im_start|>{{ messages[0].content }}<|im_end|>";
    write(model.path(), "chat_template.jinja", template);
    (model, temp_dir())
}

fn gradus(home: &Path, endpoint: &str, more: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = cargo_bin_cmd!("gradus");
    for variable in [
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_HUB_CACHE",
        "HF_HUB_OFFLINE",
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

fn train<'a>(name: &'a str, output: &'a str) -> Vec<&'a str> {
    let mut arguments = vec![
        "train",
        "--encoder",
        name,
        "--output",
        output,
        "--epochs",
        "1",
    ];
    arguments.extend([
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--max-length",
        "190",
    ]);
    arguments
}

#[test]
fn an_encoder_is_fetched_once_and_pinned_in_the_bundle() {
    let (model, home) = model();
    let hub = Hub::serve(model.path(), None);
    let output = home.path().join("bundle");
    let output = output.to_str().unwrap();
    let pinned = format!("{MODEL}@{COMMIT}");
    let run = gradus(home.path(), &hub.endpoint, &[], &train(MODEL, output));
    assert!(
        run.stderr.contains(&format!("encoder: {pinned}")),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("chat template: "), "{}", run.stderr);
    run.succeeds();
    let needed = [
        "config.json",
        "tokenizer.json",
        "chat_template.jinja",
        "model.safetensors",
    ];
    assert_eq!(hub.fetched(), needed);
    let config = fs_err::read_to_string(Path::new(output).join("run.toml")).unwrap();
    assert!(
        config.contains(&format!("encoder = \"{pinned}\"")),
        "{config}"
    );
    let inspect = |name: &str, endpoint: &str, offline: &[(&str, &str)]| {
        gradus(home.path(), endpoint, offline, &["inspect", name, "--json"])
    };
    let bundle = json(&inspect(output, &hub.endpoint, &[]).succeeds());
    assert_eq!(
        (&bundle["kind"], &bundle["origin"]),
        (&"bundle".into(), &pinned.as_str().into())
    );

    // From here on everything is in the cache, with and without a Hub that answers.
    let nowhere = "http://127.0.0.1:9";
    for name in [MODEL, &pinned] {
        for (endpoint, offline) in [
            (hub.endpoint.as_str(), &[][..]),
            (nowhere, &[]),
            (nowhere, &[("HF_HUB_OFFLINE", "1")]),
        ] {
            let run = inspect(name, endpoint, offline);
            let told = run.stderr.contains("no answer from the Hub");
            assert_eq!(
                told,
                name == MODEL && endpoint == nowhere && offline.is_empty(),
                "{}",
                run.stderr
            );
            let encoder = json(&run.succeeds());
            assert_eq!(
                (&encoder["kind"], &encoder["origin"]),
                (&"encoder".into(), &pinned.as_str().into())
            );
        }
    }
    assert_eq!(hub.fetched(), needed);
    let again = home.path().join("again");
    gradus(
        home.path(),
        nowhere,
        &[("HF_HUB_OFFLINE", "1")],
        &train(&pinned, again.to_str().unwrap()),
    )
    .succeeds();
}

#[test]
fn weights_in_several_files_are_fetched_by_their_index() {
    let (model, home) = model();
    let hub = Hub::serve(model.path(), None);
    fs_err::rename(
        model.path().join("model.safetensors"),
        model.path().join("part.safetensors"),
    )
    .unwrap();
    write(model.path(), "other.safetensors", "of no use");
    let bytes = fs_err::read(model.path().join("part.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let header: serde_json::Value =
        serde_json::from_slice(&bytes[8..8 + usize::try_from(header).unwrap()]).unwrap();
    let names = header
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "__metadata__");
    let map: serde_json::Map<String, serde_json::Value> = names
        .map(|name| (name.clone(), "part.safetensors".into()))
        .collect();
    write(
        model.path(),
        "model.safetensors.index.json",
        serde_json::json!({"weight_map": map}).to_string(),
    );
    let inspect = |endpoint: &str| {
        gradus(home.path(), endpoint, &[], &["inspect", MODEL, "--json"]).succeeds()
    };
    assert_eq!(json(&inspect(&hub.endpoint))["supported"], true);
    assert_eq!(
        hub.fetched()[3..],
        ["model.safetensors.index.json", "part.safetensors"]
    );
    assert_eq!(json(&inspect("http://127.0.0.1:9"))["supported"], true);
}

#[test]
fn what_the_hub_does_not_have_is_named() {
    let (model, home) = model();
    let hub = Hub::serve(model.path(), None);
    let inspect = |endpoint: &str, more: &[(&str, &str)], name: &str| {
        gradus(home.path(), endpoint, more, &["inspect", name])
    };
    inspect(&hub.endpoint, &[], "makers/other")
        .fails(2, &["`makers/other`", "revision `main`", "404"]);
    let wrong = format!("{MODEL}@v9");
    inspect(&hub.endpoint, &[], &wrong).fails(2, &[MODEL, "revision `v9`", "404"]);
    let nowhere = "http://127.0.0.1:9";
    inspect(nowhere, &[], MODEL).fails(1, &[MODEL, "cannot reach", "HF_ENDPOINT"]);
    inspect(nowhere, &[("HF_HUB_OFFLINE", "1")], MODEL)
        .fails(2, &[MODEL, "does not have the model", "HF_HUB_OFFLINE"]);
    fs_err::remove_file(model.path().join("model.safetensors")).unwrap();
    inspect(&hub.endpoint, &[], MODEL).fails(
        2,
        &[
            "found no model.safetensors",
            "convert the model to safetensors",
        ],
    );
    assert!(
        hub.fetched().is_empty(),
        "nothing is fetched of a model that cannot be used"
    );
}

#[test]
fn a_token_opens_what_is_closed() {
    let (model, home) = model();
    let hub = Hub::serve(model.path(), Some("hf_right"));
    let inspect =
        |more: &[(&str, &str)]| gradus(home.path(), &hub.endpoint, more, &["inspect", MODEL]);
    inspect(&[]).fails(2, &["401", "HF_TOKEN"]);
    inspect(&[("HF_TOKEN", "hf_wrong")]).fails(2, &["401", "with this token"]);
    write(home.path(), "token", "hf_right\n");
    inspect(&[]).succeeds();
    let elsewhere = temp_dir();
    let cache = elsewhere.path().to_str().unwrap();
    inspect(&[("HF_TOKEN", "hf_right"), ("HF_HUB_CACHE", cache)]).succeeds();
    assert!(
        elsewhere
            .path()
            .join("models--makers--tiny-qwen/snapshots")
            .join(COMMIT)
            .is_dir()
    );
}

#[test]
fn a_server_that_lies_about_names_or_content_is_refused() {
    let (model, home) = model();
    for (lie, reason) in [
        (Lie::Commit("../../../outside"), "outside"),
        (Lie::ETag("../../outside"), "not a plain file name"),
        (Lie::ETag("/tmp/outside"), "not a plain file name"),
        (Lie::ETag(".."), "not a plain file name"),
        // SHA-256 and Git's name of something else.
        (
            Lie::ETag("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
            "expected 5891b5",
        ),
        (
            Lie::ETag("ce013625030ba8dba906f756967f9e9ca394464a"),
            "expected ce0136",
        ),
        (
            Lie::FileCommit("../../outside"),
            "expected 0123456789abcdef",
        ),
    ] {
        let hub = Hub::serve_with(model.path(), None, lie);
        let run = gradus(home.path(), &hub.endpoint, &[], &["inspect", MODEL]);
        assert_eq!(run.code, Some(1), "{lie:?}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains(reason), "{lie:?}: {}", run.stderr);
        let hub = home.path().join("hub");
        let left = if hub.is_dir() {
            crate::support::names(&hub)
        } else {
            Vec::new()
        };
        assert!(
            left.iter()
                .all(|name| name.starts_with("models--") || name == "tmp"),
            "{left:?}"
        );
    }
}

#[test]
fn a_bundle_in_the_cache_is_inspected_by_its_name() {
    let home = temp_dir();
    let repository = home.path().join("hub/models--makers--tiny-qwen");
    let snapshot = repository.join("snapshots").join(COMMIT);
    fs_err::create_dir_all(&snapshot).unwrap();
    fs_err::create_dir_all(repository.join("refs")).unwrap();
    write(&repository.join("refs"), "main", COMMIT);
    let bundle = trained().join("bundle");
    for name in crate::support::names(&bundle) {
        fs_err::copy(bundle.join(&name), snapshot.join(&name)).unwrap();
    }
    let nowhere = "http://127.0.0.1:9";
    let offline = [("HF_HUB_OFFLINE", "1")];
    let run = gradus(
        home.path(),
        nowhere,
        &offline,
        &["inspect", MODEL, "--json"],
    );
    assert_eq!(json(&run.succeeds())["kind"], "bundle");
}
