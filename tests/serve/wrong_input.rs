//! What is wrong with a request is told, with its place, what was found and what was expected.

use serde_json::json;

use crate::server::Server;

#[test]
fn wrong_records_are_refused_with_place_found_and_expected() {
    let server = Server::start();
    for (body, status, field, found) in [
        ("", 400, None, None),
        ("{", 400, None, None),
        ("no json", 400, None, None),
        ("3", 422, None, None),
        ("[]", 422, None, None),
        ("{}", 422, Some("prompt"), None),
        (r#"{"prompt":"p"}"#, 422, Some("response"), None),
        (
            r#"{"prompt":3,"response":"r"}"#,
            422,
            Some("prompt"),
            Some("the number 3"),
        ),
        (
            r#"{"prompt":"p","response":"r","model":"other"}"#,
            404,
            Some("model"),
            Some("\"other\""),
        ),
        (
            r#"{"prompt":"p","response":"r","stride":0}"#,
            422,
            Some("stride"),
            Some("the number 0"),
        ),
        (
            r#"{"prompt":"p","response":"abc","segments":[{"start":0,"end":9}]}"#,
            422,
            Some("segments[0].end"),
            Some("character 9, past the end of the response"),
        ),
        (
            r#"{"prompt":"p","response":"abc","segments":[{"start":0,"end":2},{"start":1,"end":3}]}"#,
            422,
            Some("segments[1]"),
            None,
        ),
        (
            r#"[{"prompt":"p","response":"r"},{"prompt":"p","response":"r","segments":[{"start":1,"end":1}]}]"#,
            422,
            Some("[1].segments[0]"),
            None,
        ),
        (
            r#"{"records":3}"#,
            422,
            Some("records"),
            Some("the number 3"),
        ),
        (
            r#"{"records":[{"prompt":"p"}]}"#,
            422,
            Some("records[0].response"),
            None,
        ),
        (
            r#"{"prompt":"p","prompt":"q","response":"r"}"#,
            422,
            Some("prompt"),
            None,
        ),
        (
            r#"{"prompt":"p","response":"r","agregation":"min"}"#,
            422,
            Some("agregation"),
            None,
        ),
    ] {
        let answer = server.post("/v1/score", body);
        let error = answer.json(status)["error"].clone();
        assert!(
            error["message"].as_str().unwrap().len() > 10,
            "{body}: {error}"
        );
        assert_eq!(error["field"].as_str(), field, "{body}: {error}");
        if let Some(found) = found {
            assert_eq!(error["found"], found, "{body}");
            assert!(error["expected"].is_string(), "{body}: {error}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_and_deep_json_are_refused_and_the_next_request_is_answered() {
    let server = Server::start();
    assert!(
        server
            .post("/v1/score", b"{\"prompt\":\"\xff\"}")
            .error(400)
            .contains("no UTF-8 at byte 12")
    );
    for deep in ["[".repeat(1_000_000), "{\"a\":".repeat(200_000)] {
        assert_eq!(server.post("/v1/score", deep).status, 400);
    }
    let record = json!({"prompt": "p", "response": "One."});
    assert_eq!(server.score(&record).status, 200);
}

#[test]
fn bodies_and_lists_beyond_their_limits_are_refused() {
    let server = Server::with(&[
        "bundle",
        "--max-body-bytes",
        "2000",
        "--max-records",
        "3",
        "--queue",
        "3",
    ]);
    let long = json!({"prompt": "p", "response": "a".repeat(3000)});
    assert!(
        server
            .score(&long)
            .error(413)
            .contains("at most 2000 bytes")
    );
    let record = json!({"prompt": "p", "response": "One."});
    let error = server
        .score(&json!([record, record, record, record]))
        .error(413);
    assert_eq!(error, "found 4 records, expected at most 3 in one request");
    assert_eq!(server.score(&json!([record, record, record])).status, 200);
    let mut connection = server.connect();
    connection
        .send("POST /v1/score HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    connection
        .send(format!("ff0\r\n{}\r\n0\r\n\r\n", "a".repeat(0xff0)))
        .unwrap();
    assert_eq!(connection.answer().unwrap().status, 413);
    let compressed = server
        .connect()
        .ask("POST", "/v1/score", &[("content-encoding", "gzip")], b"x")
        .unwrap();
    assert_eq!(compressed.status, 415);
}

#[test]
fn unknown_routes_and_methods_are_told() {
    let server = Server::start();
    assert!(server.get("/nowhere").error(404).contains("/nowhere"));
    let error = server.get("/v1/score").error(405);
    let expected = "found GET \"/v1/score\", expected a method that the header `allow` names";
    assert_eq!(error, expected);
    let answer = server.post("/info", "");
    answer.error(405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert!(
        server
            .post("/v1/score?modell=a", "{}")
            .error(400)
            .contains("modell")
    );
    assert_eq!(server.post("/reload", "").status, 403);
}
