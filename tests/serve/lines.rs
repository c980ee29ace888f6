//! Records as a stream of lines.

use serde_json::{Value, json};

use crate::native::{assert_scored_alike, scored_by_the_command};
use crate::server::Server;

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

fn answers(server: &Server, path: &str, body: &str) -> Vec<Value> {
    let answer = server
        .connect()
        .ask("POST", path, &[LINES], body.as_bytes())
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_line_is_answered_in_order_as_the_command_does() {
    let server = Server::with(&["bundle", "--queue", "8", "--max-records", "8"]);
    let expected = scored_by_the_command(12);
    let records: Vec<String> = expected
        .iter()
        .map(|(record, _)| record.to_string())
        .collect();
    let body = records.join("\n") + "\n";
    // More records than the queue has places, and than a body without lines may have.
    let body = body.repeat(20);
    let answers = answers(&server, "/v1/score", &body);
    assert_eq!(answers.len(), 240);
    for (answer, (record, written)) in answers.iter().zip(expected.iter().cycle()) {
        assert_eq!(answer["id"], record["id"]);
        assert_scored_alike(answer, written);
    }
}

#[test]
fn a_wrong_line_is_told_and_the_next_is_read() {
    let server = Server::start();
    let body = "{\"prompt\":\"p\",\"response\":\"One.\"}\n\nno json\n{\"prompt\":\"p\"}\n{\"prompt\":\"p\",\"response\":\"One.\",\"id\":\"last\"}";
    let answers = answers(&server, "/v1/score?aggregation=min&raw=true", body);
    assert_eq!(answers.len(), 4);
    assert_eq!(
        (&answers[0]["id"], &answers[0]["aggregation"]),
        (&json!("1"), &json!("min"))
    );
    assert_eq!(answers[1]["line"], 3);
    assert!(
        answers[1]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no JSON at byte 2")
    );
    assert_eq!(
        (&answers[2]["line"], &answers[2]["error"]["field"]),
        (&json!(4), &json!("response"))
    );
    assert_eq!(answers[3]["id"], "last");
    assert_eq!(answers[3]["score"], answers[0]["score"]);
}

#[test]
fn lines_without_text_are_counted_wherever_they_stand() {
    let server = Server::start();
    for blank in ["\n", "\r\n", "  \n", "\n\n\n", " \n\n"] {
        let before = blank.matches('\n').count();
        let body =
            format!("{blank}{{}}\n{blank}{{\"prompt\":\"p\",\"response\":\"One.\"}}\n{blank}");
        let answers = answers(&server, "/v1/score", &body);
        assert_eq!(answers.len(), 2, "{blank:?}");
        assert_eq!(answers[0]["line"], before + 1, "{blank:?}");
        assert_eq!(answers[1]["id"], (2 * before + 2).to_string(), "{blank:?}");
    }
    assert!(answers(&server, "/v1/score", "\n \n").is_empty());
}

#[test]
fn answers_come_while_records_are_sent() {
    let server = Server::start();
    let mut connection = server.connect();
    connection.send("POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/jsonl\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let mut head = false;
    for turn in 0..5 {
        let line = format!("{{\"prompt\":\"p\",\"response\":\"One.\",\"id\":\"{turn}\"}}\n");
        connection
            .send(format!("{:x}\r\n{line}\r\n", line.len()))
            .unwrap();
        while !head {
            head = connection.line().unwrap().is_empty();
        }
        let answer: Value = serde_json::from_slice(&connection.chunk().unwrap().unwrap()).unwrap();
        assert_eq!(answer["id"], turn.to_string());
    }
    connection.send("0\r\n\r\n").unwrap();
    assert_eq!(connection.chunk().unwrap(), None);
}

#[test]
fn a_line_beyond_the_limit_ends_the_stream_with_a_word() {
    let server = Server::with(&["bundle", "--max-body-bytes", "200"]);
    let long = json!({"prompt": "p", "response": "a".repeat(300)});
    let body = format!("{{\"prompt\":\"p\",\"response\":\"One.\"}}\n{long}\n");
    let answers = answers(&server, "/v1/score", &body);
    assert_eq!(answers[1]["line"], 2);
    assert!(
        answers[1]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("at most 200 bytes")
    );
}
