//! Routes of other servers, asked as their clients ask.

use serde_json::{Value, json};

use crate::errors::error_of;
use crate::server::Server;

const PROMPT: &str = "Hana shows in order lamps, drums, coats.";
const RESPONSE: &str = "First: coats. Then: rings.";
/// A template of a chat, as policies are trained with.
const QUERY: &str = "<|im_start|>user\nHana shows in order lamps, drums, coats.<|im_end|>\n<|im_start|>assistant\nFirst: coats. Then: rings.<|im_end|>";

fn server() -> Server {
    Server::with(&[
        "m=bundle",
        "--query-separator",
        "<|im_start|>assistant\\n",
        "--rating-range",
        "0:1",
    ])
}

/// What the native route says of a response.
fn score(server: &Server, prompt: &str, response: &str) -> Value {
    server
        .score(&json!({"prompt": prompt, "response": response}))
        .json(200)["score"]
        .clone()
}

fn ask(server: &Server, path: &str, body: &Value) -> Value {
    server.post(path, body.to_string()).json(200)
}

fn templated() -> (&'static str, &'static str) {
    QUERY
        .strip_suffix("<|im_end|>")
        .unwrap()
        .split_once("First")
        .map(|(prompt, _)| (prompt, RESPONSE))
        .unwrap()
}

#[test]
fn openrlhf_gets_a_reward_for_each_query() {
    let server = server();
    let (prompt, response) = templated();
    let expected = score(&server, prompt, response);
    let answer = ask(
        &server,
        "/get_reward",
        &json!({"query": [QUERY], "prompts": [prompt], "labels": ["coats"]}),
    );
    assert_eq!(answer["rewards"], json!([expected]));
    assert_eq!(answer["scores"], answer["rewards"]);
    let logs = json!({"segments": 2.0, "unscored_segments": 0.0, "score_rating": expected});
    assert_eq!(answer["extra_logs"], logs);
    // A token may open the text before the prompt.
    let opened = format!("<s>{QUERY}</s>");
    let answer = ask(
        &server,
        "/get_reward",
        &json!({"query": [opened, QUERY], "prompts": [prompt, prompt], "labels": [null, null]}),
    );
    assert_eq!(answer["rewards"], json!([expected, expected]));
    // Each query is split behind the prompt of its own place.
    let (asked, said) = ("Who shows lamps?\n", "Hana does. Drums too.");
    let both = json!({"query": [format!("{asked}{said}"), QUERY], "prompts": [asked, prompt]});
    let answer = ask(&server, "/get_reward", &both);
    assert_eq!(
        answer["rewards"],
        json!([score(&server, asked, said), expected])
    );
    // Without prompts the separator splits them.
    let split = ask(&server, "/get_reward", &json!({"query": [QUERY]}));
    let (before, _) = QUERY.split_once("<|im_start|>assistant\n").unwrap();
    assert_eq!(split["rewards"], json!([score(&server, before, response)]));
}

#[test]
fn slime_gets_a_bare_number_or_an_object() {
    let body = json!({"prompt": PROMPT, "response": RESPONSE, "label": "x"});
    let plain = server();
    let expected = score(&plain, PROMPT, RESPONSE);
    assert_eq!(ask(&plain, "/slime/reward", &body), expected);
    let chat = json!({"prompt": [{"role": "user", "content": PROMPT}], "response": RESPONSE, "label": null});
    assert_eq!(ask(&plain, "/slime/reward", &chat), expected);
    let keyed = Server::with(&["bundle", "--reward-key", "reward"]);
    assert_eq!(
        ask(&keyed, "/slime/reward", &body),
        json!({"reward": expected})
    );
}

#[test]
fn llama_factory_gets_a_score_for_each_message() {
    let server = server();
    let (before, _) = QUERY.split_once("<|im_start|>assistant\n").unwrap();
    let expected = score(&server, before, RESPONSE);
    // Its client always calls the model "model".
    let other = QUERY.replace("rings", "lamps");
    let answer = ask(
        &server,
        "/v1/score/evaluation",
        &json!({"model": "model", "messages": [QUERY, other]}),
    );
    let of_other = score(&server, before, &RESPONSE.replace("rings", "lamps"));
    assert_ne!(of_other, expected);
    assert_eq!(answer["scores"], json!([expected, of_other]));
    assert_eq!(answer["model"], "m");
}

#[test]
fn vllm_and_verl_get_classes_and_numbers_for_tokens() {
    let server = server();
    let (before, _) = QUERY.split_once("<|im_start|>assistant\n").unwrap();
    let expected = score(&server, before, RESPONSE);
    let answer = ask(
        &server,
        "/classify",
        &json!({"model": "some/model", "input": QUERY, "use_activation": false}),
    );
    let last = answer["data"].as_array().unwrap().last().unwrap();
    assert_eq!(last["probs"].as_array().unwrap().last().unwrap(), &expected);
    assert_eq!(
        (&last["index"], &last["num_classes"], &last["label"]),
        (&json!(0), &json!(1), &json!("rating"))
    );
    assert_eq!(
        (&answer["object"], &answer["model"]),
        (&json!("list"), &json!("m"))
    );
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() > 5);
    // Parted at the last place, as a chat has the separator before each of its answers.
    let turns = format!("{QUERY}\n<|im_start|>assistant\nNext: boats.<|im_end|>");
    let several = ask(&server, "/classify", &json!({"input": [QUERY, turns]}));
    let (head, _) = turns.rsplit_once("<|im_start|>assistant\n").unwrap();
    let second = &several["data"][1];
    assert_eq!(
        second["probs"],
        json!([score(&server, head, "Next: boats.")])
    );
    assert_eq!(
        (&several["data"][0]["probs"], &second["index"]),
        (&last["probs"], &json!(1))
    );
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": RESPONSE}]});
    assert_eq!(
        ask(&server, "/classify", &chat)["data"][0]["probs"][0],
        score(&server, PROMPT, RESPONSE)
    );

    let segments = server
        .score(&json!({"prompt": before, "response": RESPONSE}))
        .json(200)["segments"]
        .clone();
    let (one, two) = (&segments[0]["score"], &segments[1]["score"]);
    let tokens = json!([
        "First",
        ":",
        " coats",
        ".",
        " Then",
        ":",
        " rings",
        ".",
        "<|im_end|>"
    ]);
    let pooled = ask(
        &server,
        "/pooling",
        &json!({"model": "m", "input": [QUERY], "task": "token_classify", "tokens": [tokens], "encoding_format": "float"}),
    );
    let expected = json!([
        [one],
        [one],
        [one],
        [one],
        [two],
        [two],
        [two],
        [two],
        [0.0]
    ]);
    assert_eq!(
        pooled["data"],
        json!([{"index": 0, "object": "pooling", "data": expected}])
    );
}

#[test]
fn fields_of_vllm_that_are_not_honored_are_refused() {
    let server = server();
    let tokens = json!(["First: coats.", " Then: rings."]);
    for (path, field, body) in [
        (
            "/classify",
            "use_activation",
            json!({"input": QUERY, "use_activation": true}),
        ),
        ("/classify", "input", json!({"input": [1, 2, 3]})),
        (
            "/pooling",
            "task",
            json!({"input": QUERY, "task": "embed", "tokens": tokens}),
        ),
        (
            "/pooling",
            "tokens",
            json!({"input": QUERY, "task": "token_classify"}),
        ),
        (
            "/pooling",
            "encoding_format",
            json!({"input": QUERY, "encoding_format": "base64", "tokens": tokens}),
        ),
        (
            "/classify",
            "dimensions",
            json!({"input": QUERY, "dimensions": 3}),
        ),
        (
            "/classify",
            "input[1]",
            json!({"input": [QUERY, "no separator"]}),
        ),
    ] {
        let error = error_of(path, &server.post(path, body.to_string()), 422);
        assert_eq!(error["field"], field, "{error:?}");
    }
}

#[test]
fn tei_predicts_pairs_and_refuses_what_it_would_cut() {
    let server = server();
    let expected = score(&server, PROMPT, RESPONSE);
    let one = ask(
        &server,
        "/predict",
        &json!({"inputs": [PROMPT, RESPONSE], "raw_scores": true}),
    );
    assert_eq!(one, json!([{"score": expected, "label": "rating"}]));
    // As the client of the Hugging Face Hub sends it.
    let hub = json!({"inputs": QUERY, "parameters": {"function_to_apply": "none"}});
    assert!(ask(&server, "/predict", &hub)[0]["score"].is_f64());
    let batch = ask(
        &server,
        "/predict",
        &json!({"inputs": [[PROMPT, RESPONSE], [QUERY]], "truncate": true}),
    );
    assert_eq!(batch[0], one);
    assert_eq!(batch.as_array().unwrap().len(), 2);
    let long = json!({"inputs": [PROMPT, "One two three. ".repeat(1000)]});
    let error = error_of("/predict", &server.post("/predict", long.to_string()), 422);
    assert!(
        error["expected"].as_str().unwrap().contains("`truncate`"),
        "{error:?}"
    );
}

#[test]
fn open_inference_has_its_tensors() {
    let server = server();
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.get("/v2/health/ready").status, 200);
    assert_eq!(server.get("/v2").json(200)["name"], "gradus");
    assert_eq!(
        server.get("/v2/models/m").json(200)["inputs"][0]["datatype"],
        "BYTES"
    );
    assert_eq!(server.get("/v2/models/m/ready").json(200)["ready"], true);
    assert_eq!(server.get("/v2/models/other/ready").status, 404);
    let tensor = |name: &str, texts: [&str; 2]| json!({"name": name, "shape": [2], "datatype": "BYTES", "data": texts});
    let body = json!({"id": "7", "inputs": [tensor("prompt", [PROMPT, PROMPT]), tensor("response", [RESPONSE, "Next: boats."])], "outputs": [{"name": "score"}, {"name": "segments"}]});
    let answer = ask(&server, "/v2/models/m/infer", &body);
    assert_eq!(
        (&answer["id"], &answer["model_name"]),
        (&json!("7"), &json!("m"))
    );
    let scores = &answer["outputs"][0];
    assert_eq!(
        (&scores["datatype"], &scores["shape"]),
        (&json!("FP32"), &json!([2, 1]))
    );
    assert_eq!(
        scores["data"],
        json!([
            score(&server, PROMPT, RESPONSE),
            score(&server, PROMPT, "Next: boats.")
        ])
    );
    let segments: Value =
        serde_json::from_str(answer["outputs"][1]["data"][0].as_str().unwrap()).unwrap();
    assert_eq!(segments.as_array().unwrap().len(), 2);
    for (inputs, field) in [
        (json!([tensor("prompt", ["a", "b"])]), "inputs"),
        (json!([tensor("text", ["a", "b"])]), "inputs[0].name"),
        (
            json!([{"name": "prompt", "shape": [3], "datatype": "BYTES", "data": ["a"]}]),
            "inputs[0].shape",
        ),
        (
            json!([{"name": "prompt", "shape": [1], "datatype": "FP32", "data": [1.0]}]),
            "inputs[0].datatype",
        ),
    ] {
        let body = json!({"inputs": inputs}).to_string();
        let answer = server.post("/v2/models/m/infer", body);
        let error = error_of("/v2/models/m/infer", &answer, 422);
        assert_eq!(error["field"], field, "{error:?}");
    }
}

#[test]
fn lettuce_detect_gets_the_segments_that_are_rated_low() {
    let server = server();
    let body = json!({"contexts": ["Lamps are lit.", "Drums are loud."], "question": PROMPT, "answer": RESPONSE});
    let answer = ask(&server, "/v1/lettucedetect/spans", &body);
    let native = json!({"prompt": PROMPT, "context": "Lamps are lit.\nDrums are loud.", "response": RESPONSE});
    let segments = server.score(&native).json(200)["segments"].clone();
    let low = segments
        .as_array()
        .unwrap()
        .iter()
        .filter(|segment| segment["score"].as_f64().unwrap() <= 0.5);
    let expected: Vec<Value> = low
        .map(|segment| {
            let (start, end) = (
                segment["start"].as_u64().unwrap(),
                segment["end"].as_u64().unwrap(),
            );
            let text = &RESPONSE[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            let share = (1.0 - segment["score"].as_f64().unwrap()).clamp(0.0, 1.0);
            json!({"start": start, "end": end, "text": text, "hallucination_score": share})
        })
        .collect();
    assert_eq!(answer, json!({"predictions": expected}));
}

#[test]
fn what_a_client_asks_in_vain_is_told() {
    let bare = Server::start();
    let refused = |path: &str, body: Value| {
        let answer = bare.post(path, body.to_string());
        error_of(path, &answer, 422)
    };
    let error = refused(
        "/v1/score/evaluation",
        json!({"model": "m", "messages": ["a"]}),
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("--query-separator")
    );
    let error = refused(
        "/get_reward",
        json!({"query": ["ab", "cd"], "prompts": ["a"]}),
    );
    assert_eq!(error["field"], "prompts");
    let error = refused("/get_reward", json!({"query": ["ab"], "prompts": ["x"]}));
    assert_eq!(error["field"], "query[0]");
    assert_eq!(
        refused("/get_reward", json!({"query": []}))["field"],
        "query"
    );
    assert_eq!(
        refused(
            "/get_reward",
            json!({"query": ["ab"], "prompts": ["a"], "images": [1]})
        )["field"],
        "images"
    );
    // An empty response has no score, and no number is made up for it.
    let error = refused("/get_reward", json!({"query": ["ab"], "prompts": ["ab"]}));
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("--unscored-reward")
    );
    let lenient = Server::with(&["bundle", "--unscored-reward", "-1.5"]);
    let answer = ask(
        &lenient,
        "/get_reward",
        &json!({"query": ["ab"], "prompts": ["ab"]}),
    );
    assert_eq!(answer["rewards"], json!([-1.5]));
    for (path, body) in [
        ("/slime/reward", "[]"),
        ("/slime/reward", "{"),
        ("/predict", "{}"),
        ("/v1/lettucedetect/spans", r#"{"contexts":[],"answer":"a"}"#),
        ("/classify", r#"{"input":[]}"#),
        ("/pooling", "3"),
        ("/v2/models/bundle/infer", r#"{"inputs":3}"#),
    ] {
        let answer = bare.post(path, body);
        assert!(
            matches!(answer.status, 400 | 422),
            "{path} {body}: {}",
            answer.status
        );
        error_of(path, &answer, answer.status);
    }
}
