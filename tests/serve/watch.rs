//! What the operator sees: metrics, the log, the schema.

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::trained;

#[test]
fn metrics_count_requests_and_tokens() {
    let server = Server::start();
    let record = json!({"prompt": "p", "response": "One. Two."});
    for _ in 0..3 {
        server.score(&record).json(200);
    }
    server.post("/v1/score", "{").json(400);
    let answer = server.get("/metrics");
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.text();
    for line in [
        "gradus_requests_total{method=\"POST\",route=\"/v1/score\",status=\"200\"} 3",
        "gradus_requests_total{method=\"POST\",route=\"/v1/score\",status=\"400\"} 1",
        "gradus_records_total 3",
        "gradus_queue_records 0",
        "gradus_tokenize_seconds_count 3",
        "gradus_queue_seconds_count 3",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no `{line}` in:\n{text}"
        );
    }
    assert!(
        text.contains("gradus_model_seconds_bucket") && text.contains("gradus_batch_tokens_bucket")
    );
}

#[cfg(unix)]
#[test]
fn the_log_has_every_request_and_no_text() {
    let server = Server::within(trained(), &["bundle", "--log-json"], &[]);
    server
        .score(&json!({"prompt": "a secret question", "response": "A secret answer."}))
        .json(200);
    server
        .post(
            "/v1/score?model=a-secret-name",
            "{\"prompt\": \"another secret\"",
        )
        .json(400);
    server.signal("-TERM");
    let (code, said) = server.end();
    assert_eq!(code, Some(0));
    assert!(!said.contains("secret"), "{said}");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["event"] == event).collect()
    };
    assert_eq!(
        (
            of("listening").len(),
            of("loaded").len(),
            of("ready").len(),
            of("draining").len()
        ),
        (1, 1, 1, 1)
    );
    let mut scored = of("request");
    scored.retain(|line| line["route"] == "/v1/score");
    assert_eq!(scored.len(), 2);
    assert_eq!(
        (&scored[0]["status"], &scored[1]["status"]),
        (&json!(200), &json!(400))
    );
    assert!(scored[0]["milliseconds"].is_f64() && scored[0]["id"].is_string());
}

#[test]
fn the_schema_describes_every_route() {
    let server = Server::start();
    let schema = server.get("/openapi.json").json(200);
    assert!(schema["openapi"].as_str().unwrap().starts_with("3."));
    let paths = schema["paths"].as_object().unwrap();
    let schema_parts = &schema["components"]["schemas"];
    for (path, method) in [
        ("/v1/score", "post"),
        ("/info", "get"),
        ("/health", "get"),
        ("/ready", "get"),
        ("/metrics", "get"),
        ("/reload", "post"),
        ("/get_reward", "post"),
        ("/slime/reward", "post"),
        ("/v1/score/evaluation", "post"),
        ("/classify", "post"),
        ("/pooling", "post"),
        ("/predict", "post"),
        ("/v2/models/{model}/infer", "post"),
        ("/v2/models/{model}", "get"),
        ("/v1/lettucedetect/spans", "post"),
    ] {
        let responses = &paths[path][method]["responses"];
        assert!(responses["200"].is_object(), "{path}");
    }
    for (path, schema) in [
        ("/v1/score", "ErrorBody"),
        ("/get_reward", "ErrorBody"),
        ("/v1/score/evaluation", "DetailError"),
        ("/pooling", "VllmError"),
        ("/predict", "TeiError"),
        ("/v2/models/{model}/infer", "OpenInferenceError"),
        ("/v1/lettucedetect/spans", "DetailError"),
    ] {
        let error = &paths[path]["post"]["responses"]["429"]["content"]["application/json"];
        let expected = format!("#/components/schemas/{schema}");
        assert_eq!(error["schema"]["$ref"], expected, "{path}");
        assert!(schema_parts[schema].is_object(), "{schema}");
    }
}
