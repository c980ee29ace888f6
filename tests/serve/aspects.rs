//! Bundles that score several aspects, and two bundles side by side.

use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::errors::error_of;
use crate::server::Server;
use crate::support::{TINY, gradus, temp_dir, trained, write};

const PROMPT: &str = "Hana shows in order lamps, drums, coats.";
const RESPONSE: &str = "First: coats. Then: rings.";

/// A directory with a bundle of the aspects `clear` and `right`.
pub(crate) fn two_aspects() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = temp_dir();
        let text = fs_err::read_to_string(trained().join("train.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            for (number, segment) in record["segments"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .enumerate()
            {
                let clear = (number % 3) as f64 / 2.0;
                segment["rating"] = json!({"clear": clear, "right": segment["rating"]});
            }
            record.to_string() + "\n"
        });
        write(directory.path(), "records.jsonl", lines.collect::<String>());
        write(directory.path(), "tiny.toml", TINY);
        let files = [
            "--train",
            "records.jsonl",
            "--valid",
            "records.jsonl",
            "--stack",
            "none",
            "--output",
            "bundle",
        ];
        gradus(
            directory.path(),
            &[&["train", "--config", "tiny.toml"][..], &files[..]].concat(),
        )
        .succeeds();
        directory
    });
    directory.path()
}

fn server(more: &[&str]) -> Server {
    let arguments = [&["m=bundle", "--query-separator", "|"][..], more].concat();
    Server::within(two_aspects(), &arguments, &[])
}

/// The scores of the response by aspect, as the native route gives them.
fn scores(server: &Server) -> (Value, Value) {
    let answer = server
        .score(&json!({"prompt": PROMPT, "response": RESPONSE}))
        .json(200);
    let of = |aspect: &str| answer["scores"][aspect].clone();
    (of("clear"), of("right"))
}

#[track_caller]
fn ask(server: &Server, path: &str, body: &Value) -> Value {
    server.post(path, body.to_string()).json(200)
}

fn query() -> String {
    format!("{PROMPT}|{RESPONSE}")
}

#[test]
fn native_answers_have_a_number_for_each_aspect() {
    let server = server(&[]);
    let record = json!({"prompt": PROMPT, "response": RESPONSE, "offsets": [[0, 13], [13, 26]]});
    let answer = server.score(&record).json(200);
    assert!(answer.get("score").is_none());
    let segments = answer["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 2);
    for aspect in ["clear", "right"] {
        let numbers: Vec<&Value> = segments
            .iter()
            .map(|segment| &segment["scores"][aspect])
            .collect();
        assert_eq!(answer["token_rewards"][aspect], json!(numbers), "{answer}");
        assert!(answer["scores"][aspect].is_f64());
    }
    assert_ne!(
        answer["token_rewards"]["clear"],
        answer["token_rewards"]["right"]
    );
}

#[test]
fn routes_with_several_numbers_give_those_of_all_aspects() {
    let server = server(&[]);
    let (clear, right) = scores(&server);
    let class = &ask(&server, "/classify", &json!({"input": query()}))["data"][0];
    assert_eq!(class["probs"], json!([clear, right]));
    assert_eq!(
        (&class["label"], &class["num_classes"]),
        (&json!("clear,right"), &json!(2))
    );
    let tokens = json!(["First: coats.", " Then: rings."]);
    let pooled = ask(
        &server,
        "/pooling",
        &json!({"input": query(), "tokens": tokens}),
    );
    let record = json!({"prompt": PROMPT, "response": RESPONSE});
    let segments = server.score(&record).json(200)["segments"].clone();
    let both = |k: usize| {
        json!([
            segments[k]["scores"]["clear"],
            segments[k]["scores"]["right"]
        ])
    };
    assert_eq!(pooled["data"][0]["data"], json!([both(0), both(1)]));
    let mut expected = [("clear", &clear), ("right", &right)];
    expected.sort_by(|a, b| b.1.as_f64().unwrap().total_cmp(&a.1.as_f64().unwrap()));
    let expected = expected.map(|(label, score)| json!({"score": score, "label": label}));
    let predicted = ask(&server, "/predict", &json!({"inputs": [PROMPT, RESPONSE]}));
    assert_eq!(predicted, json!(expected));
    let tensor = |name: &str, text: &str| json!({"name": name, "shape": [1], "datatype": "BYTES", "data": [text]});
    let body = json!({"inputs": [tensor("prompt", PROMPT), tensor("response", RESPONSE)]});
    let output = &ask(&server, "/v2/models/m/infer", &body)["outputs"][0];
    assert_eq!(
        (&output["shape"], &output["data"]),
        (&json!([1, 2]), &json!([clear, right]))
    );
}

/// Routes that answer with one number, each with a body.
fn single() -> [(&'static str, Value); 4] {
    [
        ("/get_reward", json!({"query": [query()]})),
        (
            "/slime/reward",
            json!({"prompt": PROMPT, "response": RESPONSE}),
        ),
        ("/v1/score/evaluation", json!({"messages": [query()]})),
        (
            "/v1/lettucedetect/spans",
            json!({"contexts": ["c"], "answer": RESPONSE}),
        ),
    ]
}

#[test]
fn routes_with_one_number_want_to_know_the_aspect() {
    let server = server(&["--rating-range", "0:1"]);
    for (route, body) in single() {
        let error = error_of(route, &server.post(route, body.to_string()), 422);
        assert_eq!(
            error["found"], "a bundle with the aspects clear, right",
            "{route}"
        );
        assert!(
            error["hint"].as_str().unwrap().contains("--reward-aspect"),
            "{route}"
        );
    }
}

#[test]
fn routes_with_one_number_give_that_of_the_aspect_that_is_named() {
    for (aspect, is_right) in [("clear", false), ("right", true)] {
        let server = server(&["--rating-range", "-100:100", "--reward-aspect", aspect]);
        let (clear, right) = scores(&server);
        let expected = if is_right { right } else { clear };
        let [reward, slime, evaluation, spans] =
            single().map(|(route, body)| ask(&server, route, &body));
        assert_eq!(reward["rewards"], json!([expected]));
        assert_eq!(reward["scores"], json!([expected]));
        assert_eq!(slime, expected);
        assert_eq!(evaluation["scores"], json!([expected]));
        let class = &ask(&server, "/classify", &json!({"input": query()}))["data"][0];
        assert_eq!(
            (&class["probs"], &class["label"]),
            (&json!([expected]), &json!(aspect))
        );
        let record = json!({"prompt": "", "context": "c", "response": RESPONSE});
        let segments = server.score(&record).json(200)["segments"].clone();
        for span in spans["predictions"].as_array().unwrap() {
            let found = segments
                .as_array()
                .unwrap()
                .iter()
                .find(|segment| segment["start"] == span["start"]);
            let score = found.unwrap()["scores"][aspect].as_f64().unwrap();
            let share = span["hallucination_score"].as_f64().unwrap();
            assert!((share - (100.0 - score) / 200.0).abs() < 1e-9, "{span}");
        }
    }
}

#[test]
fn the_url_chooses_the_bundle_and_its_settings_on_routes_whose_bodies_have_no_place_for_them() {
    let bundle = trained().join("bundle");
    let arguments = [
        &format!("other={}", bundle.display()),
        "m=bundle",
        "--query-separator",
        "|",
        "--rating-range",
        "-100:100",
        "--reward-aspect",
        "right",
    ];
    let server = Server::within(two_aspects(), &arguments, &[]);
    let native = |setting: &str| {
        let record = json!({"prompt": PROMPT, "response": RESPONSE}).to_string();
        let path = format!("/v1/score?model=m&{setting}");
        server.post(&path, record).json(200)["scores"]["right"].clone()
    };
    let expected = native("aggregation=min");
    assert_ne!(expected, native("aggregation=max"));
    let [reward, slime, evaluation, _] = single().map(|(route, body)| {
        let answer = server.post(route, body.to_string());
        // The first bundle has no such aspect.
        error_of(route, &answer, 422);
        ask(&server, &format!("{route}?model=m&aggregation=min"), &body)
    });
    assert_eq!(reward["rewards"], json!([expected]));
    assert_eq!(slime, expected);
    assert_eq!(evaluation["scores"], json!([expected]));
    let input = json!({"input": query(), "model": "name/of-another-server"});
    let class = ask(&server, "/classify?model=m&aggregation=min", &input);
    assert_eq!(class["data"][0]["probs"], json!([expected]));
    let input = json!({"inputs": [PROMPT, RESPONSE]});
    let predicted = ask(&server, "/predict?model=m&aggregation=min", &input);
    let right = predicted
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["label"] == "right");
    assert_eq!(right.unwrap()["score"], expected);
    let input = json!({"input": query(), "tokens": ["First: coats.", " Then: rings."]});
    let ended = ask(&server, "/pooling?model=m&placement=difference", &input);
    let constant = ask(&server, "/pooling?model=m", &input);
    assert_eq!(ended["data"][0]["data"][0], constant["data"][0]["data"][0]);
    assert_ne!(ended["data"][0]["data"][1], constant["data"][0]["data"][1]);
}

#[test]
fn an_aspect_that_no_bundle_has_is_told() {
    let server = server(&["--reward-aspect", "tone"]);
    let (route, body) = &single()[0];
    let error = error_of(route, &server.post(route, body.to_string()), 422);
    assert_eq!(error["expected"], "\"tone\", the aspect of --reward-aspect");
}

#[test]
fn two_bundles_under_load_are_never_mixed() {
    let one = trained().join("bundle");
    let arguments = [format!("one={}", one.display()), "two=bundle".to_owned()];
    let arguments = arguments.each_ref().map(String::as_str);
    let server = Server::within(
        two_aspects(),
        &[&arguments[..], &["--max-batch-tokens", "700"]].concat(),
        &[],
    );
    let text = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
    let records: Vec<Value> = text
        .lines()
        .take(6)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let body = |model: &str| json!({"records": records, "model": model});
    let alone = ["one", "two"].map(|model| server.score(&body(model)).json(200));
    assert!(
        alone[0]["records"][0]["score"].is_f64() && alone[1]["records"][0]["scores"].is_object()
    );
    thread::scope(|scope| {
        for client in 0..8 {
            let (server, alone, body) = (&server, &alone, &body);
            scope.spawn(move || {
                for turn in 0..20 {
                    let which = (client + turn) % 2;
                    let answer = server.score(&body(["one", "two"][which])).json(200);
                    assert_eq!(answer, alone[which]);
                }
            });
        }
    });
}
