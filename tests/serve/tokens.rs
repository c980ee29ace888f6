//! Rewards for the tokens of a policy.

use serde_json::{Value, json};

use crate::server::Server;

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

#[test]
fn each_token_has_a_reward_and_the_sums_are_those_that_are_promised() {
    let server = Server::start();
    // Byte-level BPE splits the emoji in three; the response is cut in the middle of a sentence.
    let tokens = json!([
        "First", ":", "Ġcoats", ".", "ĠðŁ", "Ļ", "Ĥ", "", "ĠThen", ":", "Ġri"
    ]);
    let record = json!({"prompt": "p", "response": "First: coats. 🙂 Then: ri", "tokens": tokens});
    let of = |placement: &str| {
        let mut record = record.clone();
        record["placement"] = json!(placement);
        let answer = server.score(&record).json(200);
        let scores: Vec<f64> = answer["segments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|segment| segment["score"].as_f64().unwrap())
            .collect();
        (numbers(&answer["token_rewards"]), scores)
    };
    let (end, scores) = of("end");
    assert_eq!(end.len(), 11);
    assert_eq!(end[10].to_bits(), scores.last().unwrap().to_bits());
    assert_eq!(
        end.iter().filter(|reward| **reward != 0.0).count(),
        scores.len()
    );
    let close = |rewards: &[f64], expected: f64| {
        assert!((rewards.iter().sum::<f64>() - expected).abs() < 1e-9);
    };
    close(&end, scores.iter().sum());
    close(&of("spread").0, scores.iter().sum());
    close(&of("difference").0, *scores.last().unwrap());
    assert!(of("constant").0[7].abs() < f64::EPSILON, "an empty token");
    let plain = server
        .score(&json!({"prompt": "p", "response": "a"}))
        .json(200);
    assert!(plain.get("token_rewards").is_none());
}

#[test]
fn offsets_do_the_same_as_tokens_also_in_a_list() {
    let server = Server::start();
    let tokens = json!({"prompt": "p", "response": "One. Two", "tokens": ["One", ".", " Two"]});
    let offsets =
        json!({"prompt": "p", "response": "One. Two", "offsets": [[0, 3], [3, 4], [4, 8]]});
    let answer = server
        .score(&json!({"records": [tokens, offsets], "placement": "spread"}))
        .json(200);
    assert_eq!(answer["records"][0], answer["records"][1]);
    assert_eq!(numbers(&answer["records"][0]["token_rewards"]).len(), 3);
}

#[test]
fn tokens_that_do_not_fit_are_refused_by_their_place() {
    let server = Server::start();
    for (tokens, field) in [
        (json!({"offsets": [[0, 2], [3, 4]]}), "offsets[1]"),
        (json!({"offsets": [[0, 9]]}), "offsets[0]"),
        (json!({"offsets": [[0, 3], [1, 4]]}), "offsets[1]"),
        (json!({"offsets": [[2, 1]]}), "offsets[0]"),
        (json!({"offsets": "x"}), "offsets"),
        (json!({"tokens": ["One", " two"]}), "tokens[1]"),
        (json!({"tokens": ["One"]}), "tokens"),
        (json!({"tokens": ["One", 2]}), "tokens[1]"),
        (json!({"tokens": ["One."], "offsets": [[0, 4]]}), "tokens"),
        (json!({"placement": "end"}), "placement"),
        (
            json!({"tokens": ["One."], "placement": "middle"}),
            "placement",
        ),
    ] {
        let mut record = json!({"prompt": "p", "response": "One."});
        record
            .as_object_mut()
            .unwrap()
            .extend(tokens.as_object().unwrap().clone());
        let answer = server.score(&record).json(422);
        assert_eq!(answer["error"]["field"], field, "{tokens}: {answer}");
        let listed = server.score(&json!([record])).json(422);
        let field = listed["error"]["field"].as_str().unwrap();
        assert!(field.starts_with("[0]."), "{field}");
    }
}
