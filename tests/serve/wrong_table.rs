//! Each route with each kind of wrong input: the status, and the place, what was found and what was expected.

use serde_json::{Map, Value, json};

use crate::client::Answer;
use crate::errors::error_of;
use crate::server::Server;
use crate::support::trained;

/// All routes that read a body, each with one that it answers.
#[rustfmt::skip]
const GOOD: [(&str, &str); 10] = [
    ("/v1/score", r#"{"prompt":"p","response":"r"}"#),
    ("/get_reward", r#"{"query":["a|b"],"prompts":["a|"]}"#),
    ("/slime/reward", r#"{"prompt":"p","response":"r"}"#),
    ("/v1/score/evaluation", r#"{"model":"m","messages":["a|b"]}"#),
    ("/classify", r#"{"model":"m","input":"a|b"}"#),
    ("/pooling", r#"{"model":"m","input":"a|b","tokens":["b"]}"#),
    ("/predict", r#"{"inputs":["a","b"]}"#),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]}]}"#),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c"],"question":"q","answer":"a"}"#),
    ("/reload", r#"{"model":"m"}"#),
];

/// Fields that a body may leave out.
const OPTIONAL: [&str; 3] = ["model", "question", "prompts"];

/// `R` stands for 500 characters in a body; a text may have 400 bytes here, a body 1,000, a request 3 records.
const LONG: usize = 500;

/// A server that parts prompt and response at `|`.
fn server() -> Server {
    let arguments = [
        "m=bundle",
        "--query-separator",
        "|",
        "--rating-range",
        "0:1",
        "--max-body-bytes",
        "1000",
        "--max-text-bytes",
        "400",
        "--max-records",
        "3",
    ];
    Server::within(trained(), &arguments, &[("GRADUS_KEY", "k")])
}

fn ask(server: &Server, path: &str, body: impl AsRef<[u8]>) -> Answer {
    ask_with(server, path, &[], body)
}

/// Asks with the key and more headers.
fn ask_with(server: &Server, path: &str, more: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let headers = [&[("authorization", "Bearer k")][..], more].concat();
    let mut connection = server.connect();
    connection
        .ask("POST", path, &headers, body.as_ref())
        .unwrap()
}

/// Asserts that an answer has this status and says place, found and expected, also in its message, and that its
/// hint is one for a client.
#[track_caller]
fn refused(answer: &Answer, asked: &str, status: u16, field: &str, found: &str, expected: &str) {
    let route = asked.split_once(' ').map_or(asked, |(route, _)| route);
    let error = error_of(route, answer, status);
    let of = |key: &str| error[key].as_str().unwrap_or_default();
    assert_eq!(of("field"), field, "{asked}: {error:?}");
    assert!(of("found").starts_with(found), "{asked}: {error:?}");
    assert!(of("expected").starts_with(expected), "{asked}: {error:?}");
    let message = of("message");
    for part in ["field", "found", "expected"] {
        assert!(message.contains(of(part)), "{asked}: {error:?}");
    }
    for word in ["file", "JSONL", "jq ", "gradus ", "the line"] {
        let told = [message, of("hint")];
        assert!(
            !told.iter().any(|text| text.contains(word)),
            "{asked}: {error:?}"
        );
    }
}

#[test]
fn on_every_route_what_is_no_json_no_object_or_too_long_is_refused() {
    let server = server();
    let long = format!("{{\"a\": \"{}\"}}", "b".repeat(1000));
    for (route, _) in GOOD {
        let check = |body: &[u8], status, found: &str, expected: &str| {
            let asked = format!("{route} {}", String::from_utf8_lossy(body));
            let field = if route == "/reload" && status == 422 {
                "model"
            } else {
                ""
            };
            refused(
                &ask(&server, route, body),
                &asked,
                status,
                field,
                found,
                expected,
            );
        };
        check(b"{\"a", 400, "no JSON at byte 3: ", "JSON in UTF-8");
        check(
            b"\n\n [1,\n oh]",
            400,
            "no JSON at byte 9: ",
            "JSON in UTF-8",
        );
        check(b"{", 400, "JSON without its end", "JSON in UTF-8");
        check(
            b"{\"a\":\"\xff\"}",
            400,
            "no UTF-8 at byte 7",
            "JSON in UTF-8",
        );
        check(b"{}\n{}", 400, "a second JSON object at byte 4", "one");
        check(
            long.as_bytes(),
            413,
            "a body of 1009 bytes",
            "at most 1000 bytes",
        );
        check(b"3", 422, "the number 3", "a");
        if route == "/reload" {
            assert_eq!(ask(&server, route, b" ").status, 200);
        } else {
            check(b" ", 400, "nothing", "JSON in UTF-8");
            check(b"null", 422, "null", "a");
        }
    }
}

/// Route, body, status, field, the beginnings of what was found and of what was expected.
type Row = (
    &'static str,
    &'static str,
    u16,
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const NATIVE: &[Row] = &[
    ("/v1/score", "[]", 422, "", "an empty list", "at least one record"),
    ("/v1/score", r#"{"records":[]}"#, 422, "", "an empty list", "at least one record"),
    ("/v1/score", r#"[{"prompt":"p","response":"r"},3]"#, 422, "[1]", "the number 3", "a record"),
    ("/v1/score", "{}", 422, "prompt", "missing", "a text"),
    ("/v1/score", r#"{"prompt":"p"}"#, 422, "response", "missing", "a text"),
    ("/v1/score", r#"{"prompt":3,"response":"r"}"#, 422, "prompt", "the number 3", "a text"),
    ("/v1/score", r#"{"prompt":"p","response":["r"]}"#, 422, "response", "a list", "a text"),
    ("/v1/score", r#"{"prompt":"p","response":"r","model":"x"}"#, 404, "model", "\"x\"", "one of m"),
    ("/v1/score", r#"{"prompt":"p","response":"r","model":3}"#, 422, "model", "the number 3", "a text"),
    ("/v1/score", r#"{"prompt":"p","response":"r","aggregation":"best"}"#, 422, "aggregation", "the text \"best\"", "one of mean"),
    ("/v1/score", r#"{"prompt":"p","response":"r","raw":"yes"}"#, 422, "raw", "the text \"yes\"", "true or false"),
    ("/v1/score", r#"{"prompt":"p","response":"r","stride":-1}"#, 422, "stride", "the number -1", "a whole number"),
    ("/v1/score", r#"{"prompt":"p","response":"r","segmenter":"word"}"#, 422, "segmenter", "the text \"word\"", "sentence, line"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","segments":[{"start":0,"end":9}]}"#, 422, "segments[0].end", "character 9", "at most 3"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","segments":[{"start":2,"end":1}]}"#, 422, "segments[0]", "the backwards span 2..1", "the start"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","segments":[{"start":0,"end":2},{"start":1,"end":3}]}"#, 422, "segments[1]", "1..3, which overlaps", "spans that share"),
    ("/v1/score", r#"{"prompt":"p","segments":["a","b"],"ratings":[1]}"#, 422, "ratings", "1 rating(s)", "as many"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0,2],[0,3]]}"#, 422, "offsets[1]", "[0, 3]", "a token behind [0, 2]; two share a character only where the tokenizer splits it"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0,2]]}"#, 422, "offsets", "no token that holds character 2", "tokens that hold all"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0,9]]}"#, 422, "offsets[0]", "[0, 9]", "at most 3"),
    ("/v1/score", r#"[{"prompt":"p","response":"abc","tokens":["a","c"]}]"#, 422, "[0].tokens[1]", "\"c\"", "the text of the response at character 1"),
    ("/v1/score", r#"{"prompt":"R","response":"r"}"#, 422, "prompt", "a text of 500 bytes", "at most 400"),
    ("/v1/score", r#"[{"prompt":"p","response":"r"},{"prompt":"p","response":"R"}]"#, 422, "[1].response", "a text of 500 bytes", "at most 400"),
    ("/v1/score", r#"[{"prompt":"p","response":"r"},{"prompt":"p","response":"r"},{"prompt":"p","response":"r"},{"prompt":"p","response":"r"}]"#, 413, "", "4 records", "at most 3"),
    ("/v1/score", r#"{"prompt":"p","response":"r","context":3}"#, 422, "context", "the number 3", "a text"),
    ("/v1/score", r#"{"prompt":"p","context":"R","response":"r"}"#, 422, "context", "a text of 500 bytes", "at most 400"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","segments":[{"start":1,"end":1}]}"#, 422, "segments[0]", "the empty span", "at least one character"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","segments":[{"start":2,"end":3},{"start":0,"end":1}]}"#, 422, "segments[1]", "0..1 after 2..3", "segments in the order of the text"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":[]}"#, 422, "tokens", "the end of the tokens", "the text of the response at character 0: \"abc\""),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":["a","d"]}"#, 422, "tokens[1]", "\"d\"", "the text of the response at character 1"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":["ab"]}"#, 422, "tokens", "the end of the tokens", "the text of the response at character 2: \"c\""),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":["abc",3]}"#, 422, "tokens[1]", "the number 3", "a text"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":"abc"}"#, 422, "tokens", "the text \"abc\"", "a list of texts, one a token"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0,1],[2,3]]}"#, 422, "offsets[1]", "no token that holds character 1, 'b'", "tokens that hold all of the response but white space"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[2,1]]}"#, 422, "offsets[0]", "[2, 1]", "a start that is not behind the end"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0]]}"#, 422, "offsets[0]", "[0]", "a pair of whole numbers: first character, and one past the last"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":3}"#, 422, "offsets", "the number 3", "a list of pairs of whole numbers"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0,3]],"tokens":["abc"]}"#, 422, "tokens", "both `offsets` and `tokens`", "one of the two"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","placement":"end"}"#, 422, "placement", "the text \"end\"", "`tokens` or `offsets` beside it"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":["abc"],"placement":"middle"}"#, 422, "placement", "the text \"middle\"", "end, spread"),
    ("/v1/score", r#"{"records":[{"prompt":"p","response":"abc","offsets":[[0,9]]}]}"#, 422, "records[0].offsets[0]", "[0, 9]", "at most 3"),
    ("/v1/score", r#"{"records":[{"prompt":"p","response":"abc"}],"model":"x"}"#, 404, "model", "\"x\"", "one of m"),
    ("/v1/score", r#"{"records":[{"prompt":"p","response":"abc"}],"stride":0}"#, 422, "stride", "the number 0", "a whole number"),
    ("/v1/score", r#"{"records":[{"prompt":"p","response":"abc"}],"strid":8}"#, 422, "strid", "the number 8", "only records, model"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[[0,-1]]}"#, 422, "offsets[0]", "[0,-1]", "a pair of whole numbers"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","offsets":[["a","b"]]}"#, 422, "offsets[0]", "a list", "a pair of whole numbers"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":null,"placement":"end"}"#, 422, "placement", "the text \"end\"", "`tokens` or `offsets` beside it"),
    ("/v1/score?raw=true&raw=false", r#"{"prompt":"p","response":"r"}"#, 400, "raw", "the same name twice", "it once"),
    ("/v1/score?model=x", r#"{"prompt":"p","response":"r"}"#, 404, "model", "\"x\"", "one of m"),
    ("/v1/score?raw=yes", r#"{"prompt":"p","response":"r"}"#, 422, "raw", "the text \"yes\"", "true or false"),
    ("/v1/score?modell=m", r#"{"prompt":"p","response":"r"}"#, 400, "modell", "an unknown name", "one of model"),
    ("/v1/score", r#"{"prompt":"p","response":"abc","tokens":["abc"],"placement":3}"#, 422, "placement", "the number 3", "a text"),
    ("/reload?model=x", "", 404, "model", "\"x\"", "one of m"),
    ("/reload?modell=m", "", 400, "modell", "an unknown name", "one of model"),
    ("/reload?stride=8", "", 400, "", "settings of scoring", "only `model`"),
    ("/reload", r#"{"model":"x"}"#, 404, "model", "\"x\"", "one of m"),
    ("/reload", r#"{"model":3}"#, 422, "model", "the number 3", "a text"),
    ("/reload", r#"{"modell":"m"}"#, 422, "modell", "an unknown key", "only model"),
];

#[rustfmt::skip]
const TRAINING: &[Row] = &[
    ("/get_reward", "{}", 422, "query", "nothing", "a list of texts"),
    ("/get_reward", r#"{"query":[]}"#, 422, "query", "an empty list", "at least one"),
    ("/get_reward", r#"{"query":["a|b",3]}"#, 422, "query[1]", "the number 3", "a text"),
    ("/get_reward", r#"{"query":["ab"]}"#, 422, "query[0]", "a text without the separator", "\"|\""),
    ("/get_reward", r#"{"query":["ab"],"prompts":3}"#, 422, "prompts", "the number 3", "a text or a list"),
    ("/get_reward", r#"{"query":["ab","cd"],"prompts":["a"]}"#, 422, "prompts", "1 prompts", "2"),
    ("/get_reward", r#"{"query":["a|b"],"model":"x"}"#, 422, "model", "the text \"x\"", "only query"),
    ("/get_reward", r#"{"query":["a|"]}"#, 422, "query[0]", "a response without a score", "one that"),
    ("/get_reward", r#"{"query":["a|R"]}"#, 422, "query[0].response", "a text of 500 bytes", "at most 400"),
    ("/get_reward", r#"{"query":["a|b","a|b","a|b","a|b"]}"#, 413, "", "4 records", "at most 3"),
    ("/get_reward", r#"{"query":["ab"],"prompts":[]}"#, 422, "prompts", "0 prompts", "1"),
    ("/get_reward", r#"{"query":["ab"],"prompts":["x"]}"#, 422, "query[0]", "a text without the separator", "\"|\""),
    ("/get_reward", r#"{"query":["R|b"]}"#, 422, "query[0].prompt", "a text of 500 bytes", "at most 400"),
    ("/slime/reward", r#"{"prompt":[],"response":""}"#, 422, "response", "a response without a score", "one that"),
    ("/slime/reward", r#"{"prompt":"p","response":"r","model":"x"}"#, 422, "model", "the text \"x\"", "only prompt"),
    ("/slime/reward", r#"{"prompt":"R","response":"r"}"#, 422, "prompt", "a text of 500 bytes", "at most 400"),
    ("/slime/reward", r#"{"response":"r"}"#, 422, "prompt", "nothing", "a text or messages"),
    ("/slime/reward", r#"{"prompt":"p"}"#, 422, "response", "nothing", "a text"),
    ("/slime/reward", r#"{"prompt":3,"response":"r"}"#, 422, "prompt", "the number 3", "a text"),
    ("/slime/reward", r#"{"prompt":[{"role":"user"}],"response":"r"}"#, 422, "prompt[0].content", "nothing", "a text"),
    ("/slime/reward", r#"{"prompt":"p","response":""}"#, 422, "response", "a response without a score", "one that"),
    ("/slime/reward", r#"{"prompt":"p","response":"r","offsets":[[0,1]]}"#, 422, "offsets", "a list", "only prompt"),
    ("/slime/reward", r#"{"prompt":"p","response":"R"}"#, 422, "response", "a text of 500 bytes", "at most 400"),
    ("/v1/score/evaluation", "{}", 422, "messages", "nothing", "a list of texts"),
    ("/v1/score/evaluation", r#"{"messages":[]}"#, 422, "messages", "an empty list", "at least one"),
    ("/v1/score/evaluation", r#"{"messages":["ab"]}"#, 422, "messages[0]", "a text without the separator", "\"|\""),
    ("/v1/score/evaluation", r#"{"messages":[{"role":"user"}]}"#, 422, "messages[0]", "an object", "a text"),
    ("/v1/score/evaluation", r#"{"messages":["a|b"],"model":3}"#, 422, "model", "the number 3", "a text"),
    ("/v1/score/evaluation", r#"{"messages":["a|b",3]}"#, 422, "messages[1]", "the number 3", "a text"),
    ("/v1/score/evaluation", r#"{"messages":["a|"]}"#, 422, "messages[0]", "a response without a score", "one that"),
    ("/v1/score/evaluation", r#"{"messages":["a|b","a|b","a|b","a|b"]}"#, 413, "", "4 records", "at most 3"),
    ("/v1/score/evaluation", r#"{"messages":["a|b","a|R"]}"#, 422, "messages[1].response", "a text of 500 bytes", "at most 400"),
];

#[rustfmt::skip]
const SERVERS: &[Row] = &[
    ("/classify", "{}", 422, "input", "nothing", "a text, a list"),
    ("/classify", r#"{"input":3}"#, 422, "input", "the number 3", "a text or a list"),
    ("/classify", r#"{"input":[]}"#, 422, "input", "an empty list", "at least one"),
    ("/classify", r#"{"input":[1,2]}"#, 422, "input", "token ids", "texts"),
    ("/classify", r#"{"input":["a|b","ab"]}"#, 422, "input[1]", "a text without the separator", "\"|\""),
    ("/classify", r#"{"messages":[{"role":"user","content":"x"}]}"#, 422, "messages", "a last message of \"user\"", "one of \"assistant\""),
    ("/classify", r#"{"input":"a|b","model":3}"#, 422, "model", "the number 3", "a text"),
    ("/classify", r#"{"input":"a|R"}"#, 422, "input[0].response", "a text of 500 bytes", "at most 400"),
    ("/classify", r#"{"messages":[]}"#, 422, "messages", "an empty list", "messages, the last"),
    ("/classify", r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"R"}]}"#, 422, "messages[1].content", "a text of 500 bytes", "at most 400"),
    ("/classify", r#"{"messages":[{"role":"user","content":"R"},{"role":"assistant","content":"x"}]}"#, 422, "messages", "a text of 500 bytes", "at most 400"),
    ("/classify", r#"{"messages":[{"role":"assistant","content":""}]}"#, 422, "messages", "a response without a score", "one that"),
    ("/classify", r#"{"input":"a|b","messages":[]}"#, 422, "messages", "both `input` and `messages`", "one of the two"),
    ("/classify", r#"{"input":"a|"}"#, 422, "input[0]", "a response without a score", "one that"),
    ("/classify", r#"{"input":["a|b","a|b","a|b","a|b"]}"#, 413, "", "4 records", "at most 3"),
    ("/pooling", r#"{"input":[],"tokens":[]}"#, 422, "input", "an empty list", "at least one"),
    ("/pooling", r#"{"input":"a|b","tokens":["b"],"offsets":[[0,1]]}"#, 422, "tokens", "both `tokens` and `offsets`", "one of the two"),
    ("/pooling", r#"{"input":"a|b","tokens":["b"],"placement":"middle"}"#, 422, "placement", "\"middle\"", "end, spread"),
    ("/pooling", r#"{"input":"a|b","tokens":["b"],"encoding_format":"base64"}"#, 422, "encoding_format", "the text \"base64\"", "\"float\""),
    ("/pooling", r#"{"messages":[{"role":"user","content":"R"},{"role":"assistant","content":"b"}],"tokens":["b"]}"#, 422, "messages", "a text of 500 bytes", "at most 400"),
    ("/pooling", r#"{"input":"R|b","tokens":["b"]}"#, 422, "input[0].prompt", "a text of 500 bytes", "at most 400"),
    ("/pooling", r#"{"input":"a|b"}"#, 422, "tokens", "nothing", "the tokens of each response"),
    ("/pooling", r#"{"input":"a|b","tokens":3}"#, 422, "tokens", "the number 3", "a list for each"),
    ("/pooling", r#"{"input":"a|b","task":"embed","tokens":["b"]}"#, 422, "task", "the text \"embed\"", "\"token_classify\""),
    ("/pooling", r#"{"input":["a|b","a|c"],"tokens":[["b"]]}"#, 422, "tokens", "1 lists", "2"),
    ("/pooling", r#"{"input":["a|b","a|c"],"tokens":[["b"],["d"]]}"#, 422, "tokens[1][0]", "\"d\"", "the text of the response"),
    ("/pooling", r#"{"input":"a|b","tokens":["c"]}"#, 422, "tokens[0]", "\"c\"", "the text of the response"),
    ("/pooling", r#"{"input":["a|bc"],"offsets":[[[0,1]]]}"#, 422, "offsets[0]", "no token that holds character 1", "tokens that hold all"),
    ("/pooling", r#"{"input":"a|bc","offsets":[[0,5]]}"#, 422, "offsets[0]", "[0, 5]", "at most 2"),
    ("/pooling", r#"{"input":"a|bcd","offsets":[[0,2],[0,3]]}"#, 422, "offsets[1]", "[0, 3]", "a token behind [0, 2]; two share a character only where the tokenizer splits it"),
    ("/pooling", r#"{"input":"a|bcd","offsets":[[2,1]]}"#, 422, "offsets[0]", "[2, 1]", "a start that is not behind the end"),
    ("/pooling", r#"{"input":"a|bcd","offsets":[]}"#, 422, "offsets", "no token that holds character 0, 'b'", "tokens that hold all of the response but white space"),
    ("/pooling", r#"{"input":"a|bcd","tokens":["b",3]}"#, 422, "tokens[1]", "the number 3", "a text"),
    ("/pooling", r#"{"input":"a|R","tokens":["b"]}"#, 422, "tokens[0]", "\"b\"", "the text of the response at character 0: \"xxxxxxxxxxxxxxxxxxxx\""),
    ("/pooling", r#"{"input":["a|b","a|b","a|b","a|b"],"tokens":[["b"],["b"],["b"],["b"]]}"#, 413, "", "4 records", "at most 3"),
    ("/pooling", r#"{"messages":[{"role":"user","content":"x"}],"tokens":["b"]}"#, 422, "messages", "a last message of \"user\"", "one of \"assistant\""),
    ("/predict", "{}", 422, "inputs", "nothing", "a text, a pair"),
    ("/predict", r#"{"inputs":3}"#, 422, "inputs", "the number 3", "a text, a pair"),
    ("/predict", r#"{"inputs":[]}"#, 422, "inputs", "a list of 0 texts", "a pair"),
    ("/predict", r#"{"inputs":[["a","b"],3]}"#, 422, "inputs[1]", "the number 3", "a text, a pair"),
    ("/predict", r#"{"inputs":["a","b"],"truncate":"yes"}"#, 422, "truncate", "the text \"yes\"", "true or false"),
    ("/predict", r#"{"inputs":["a","b"],"parameters":{"top_k":2}}"#, 422, "parameters.top_k", "the number 2", "no such"),
    ("/predict", r#"{"inputs":["a","R"],"truncate":true}"#, 422, "inputs.response", "a text of 500 bytes", "at most 400"),
    ("/predict", r#"{"inputs":["a","b"],"model":"x"}"#, 422, "model", "the text \"x\"", "only inputs"),
    ("/predict", r#"{"inputs":["a",3]}"#, 422, "inputs[1]", "the number 3", "a text"),
    ("/predict", r#"{"inputs":["a",""]}"#, 422, "inputs", "a response without a score", "one that"),
    ("/predict", r#"{"inputs":[["a","b"],["a","b"],["a","b"],["a","b"]]}"#, 413, "", "4 records", "at most 3"),
    ("/v2/models/x/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"response","shape":[1],"datatype":"BYTES","data":["a"]}]}"#, 404, "model", "\"x\"", "one of m"),
    ("/v2/models/m/infer", "{}", 422, "inputs", "nothing", "a list of tensors"),
    ("/v2/models/m/infer", r#"{"inputs":[3]}"#, 422, "inputs[0]", "the number 3", "a tensor"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]}],"outputs":["score"]}"#, 422, "outputs[0]", "the text \"score\"", "a tensor"),
    ("/v2/models/m/infer", r#"{"inputs":[]}"#, 422, "inputs", "nothing", "a tensor `prompt`"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["a"]}]}"#, 422, "inputs[0].name", "the text \"x\"", "prompt"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[2],"datatype":"BYTES","data":["a"]}]}"#, 422, "inputs[0].shape", "[2]", "[1]"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":[1]}]}"#, 422, "inputs[0].data[0]", "the number 1", "a text"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]},{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]}]}"#, 422, "inputs[2].name", "a second tensor `prompt`", "one of each"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]}]}"#, 422, "inputs", "nothing", "a tensor `prompt`"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[2],"datatype":"BYTES","data":["a","b"]},{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]}]}"#, 422, "inputs", "tensors of 2 and 1 texts", "as many"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[0],"datatype":"BYTES","data":[]},{"name":"response","shape":[0],"datatype":"BYTES","data":[]}]}"#, 422, "inputs", "tensors without a text", "at least one"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"response","shape":[2],"datatype":"BYTES","data":["b","R"]},{"name":"prompt","shape":[2],"datatype":"BYTES","data":["a","a"]}]}"#, 422, "inputs[0].data[1]", "a text of 500 bytes", "at most 400"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"response","shape":[2],"datatype":"BYTES","data":["b","b"]},{"name":"prompt","shape":[2],"datatype":"BYTES","data":["a","R"]}]}"#, 422, "inputs[1].data[1]", "a text of 500 bytes", "at most 400"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[2],"datatype":"BYTES","data":["a","a"]},{"name":"response","shape":[2],"datatype":"BYTES","data":["b",""]}]}"#, 422, "inputs[1].data[1]", "a response without a score", "one that"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]}],"outputs":3}"#, 422, "outputs", "the number 3", "a list of tensors"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"BYTES","data":["a"]},{"name":"response","shape":[1],"datatype":"BYTES","data":["b"]}],"outputs":[{"name":"logits"}]}"#, 422, "outputs[0].name", "the text \"logits\"", "score or segments"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":["1"],"datatype":"BYTES","data":["a"]}]}"#, 422, "inputs[0].shape", "[\"1\"]", "[1]"),
    ("/v2/models/m/infer", r#"{"inputs":[{"name":"prompt","shape":[1],"datatype":"FP32","data":[1]}]}"#, 422, "inputs[0].datatype", "the text \"FP32\"", "\"BYTES\""),
    ("/v1/lettucedetect/spans", "{}", 422, "contexts", "nothing", "a list of texts"),
    ("/v1/lettucedetect/spans", r#"{"contexts":[],"answer":"a"}"#, 422, "contexts", "an empty list", "at least one"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c"],"answer":3}"#, 422, "answer", "the number 3", "a text"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c"],"question":3,"answer":"a"}"#, 422, "question", "the number 3", "a text"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c",3],"answer":"a"}"#, 422, "contexts[1]", "the number 3", "a text"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["R"],"answer":"a"}"#, 422, "contexts", "a text of 500 bytes", "at most 400"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c"],"question":"R","answer":"a"}"#, 422, "question", "a text of 500 bytes", "at most 400"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c"],"answer":"a","model":"x"}"#, 422, "model", "the text \"x\"", "only contexts"),
    ("/v1/lettucedetect/spans", r#"{"contexts":["c"],"question":"q","answer":"R"}"#, 422, "answer", "a text of 500 bytes", "at most 400"),
];

/// Wrong settings in the URL of every route that scores.
#[test]
fn on_every_route_wrong_settings_in_the_url_are_refused() {
    let server = server();
    for (route, body) in GOOD.iter().filter(|(route, _)| *route != "/reload") {
        let check = |query: &str, status, field: &str, found: &str, expected: &str| {
            let answer = ask(&server, &format!("{route}?{query}"), body);
            let error = error_of(route, &answer, status);
            for (key, text) in [("field", field), ("found", found), ("expected", expected)] {
                let told = error[key].as_str().unwrap_or_default();
                assert!(told.starts_with(text), "{route}?{query}: {error:?}");
            }
        };
        check("modell=m", 400, "modell", "an unknown name", "one of model");
        check("raw=yes", 422, "raw", "the text \"yes\"", "true or false");
        check("stride=0", 422, "stride", "the number 0", "a whole number");
        if route.starts_with("/v2") {
            check(
                "model=m",
                422,
                "model",
                "\"m\" in the query",
                "a name in the path",
            );
        } else {
            check("model=x", 404, "model", "\"x\"", "one of m");
        }
        if !["/v1/score", "/pooling"].contains(route) {
            check(
                "placement=end",
                422,
                "placement",
                "a placement",
                "no such setting",
            );
        }
    }
}

#[test]
fn good_bodies_are_answered_whatever_client_sends_them() {
    let server = server();
    for (route, body) in GOOD {
        for kind in [
            "",
            "application/json; charset=utf-8",
            "application/x-www-form-urlencoded",
            "Application/Vnd.Api+JSON",
        ] {
            let answer = ask_with(&server, route, &[("content-type", kind)], body);
            assert_eq!(answer.status, 200, "{route} {kind}: {}", answer.text());
        }
    }
    // Clients of these send the name that their own server would know.
    for route in ["/v1/score/evaluation", "/classify", "/pooling"] {
        let (_, body) = GOOD.iter().find(|(known, _)| *known == route).unwrap();
        let answer = ask(&server, route, body.replace("\"m\"", "\"org/other\""));
        assert_eq!(answer.json(200)["model"], "m", "{route}");
    }
}

#[test]
fn on_every_route_a_wrong_key_site_type_or_method_is_refused() {
    let server = server();
    for (route, body) in GOOD {
        let without = |headers: &[(&str, &str)]| {
            let mut connection = server.connect();
            connection
                .ask("POST", route, headers, body.as_bytes())
                .unwrap()
        };
        refused(&without(&[]), route, 401, "", "no key", "`Bearer KEY`");
        let wrong = without(&[("authorization", "Bearer kk")]);
        refused(&wrong, route, 401, "", "another key", "`Bearer KEY`");
        for kind in [
            "application/xml",
            "multipart/form-data; boundary=x",
            "image/png",
        ] {
            let answer = ask_with(&server, route, &[("content-type", kind)], body);
            let found = format!("{:?}", kind.split(';').next().unwrap());
            refused(&answer, route, 415, "", &found, "`application/json`");
        }
        if route != "/v1/score" {
            let answer = ask_with(
                &server,
                route,
                &[("content-type", "application/jsonl")],
                body,
            );
            refused(
                &answer,
                route,
                415,
                "",
                "\"application/jsonl\"",
                "`application/json`",
            );
        }
        let packed = ask_with(&server, route, &[("content-encoding", "gzip")], body);
        refused(&packed, route, 415, "", "\"gzip\"", "a body that is not");
        let foreign = ask_with(&server, route, &[("origin", "https://example.com")], body);
        refused(
            &foreign,
            route,
            403,
            "",
            "\"https://example.com\"",
            "a page of this server",
        );
        let headers = [("authorization", "Bearer k")];
        let answer = server.connect().ask("GET", route, &headers, b"").unwrap();
        refused(&answer, route, 405, "", "GET \"/", "a method that");
        assert_eq!(answer.header("allow"), Some("POST"), "{route}");
    }
}

/// A body as an object.
fn fields(body: &str) -> Map<String, Value> {
    serde_json::from_str(body).unwrap()
}

#[test]
fn on_every_route_each_field_of_a_wrong_type_missing_or_unknown_is_named() {
    let server = server();
    let check = |route: &str, body: &Map<String, Value>, name: &str| {
        let asked = format!("{route} {}", json!(body));
        let error = error_of(route, &ask(&server, route, json!(body).to_string()), 422);
        let field = error["field"].as_str().unwrap_or_default();
        assert!(field.starts_with(name), "{asked}: {error:?}");
        for part in ["found", "expected"] {
            assert!(error[part].is_string(), "{asked}: {error:?}");
        }
    };
    for (route, body) in GOOD {
        for name in fields(body).keys() {
            for wrong in [json!(3), json!(true), json!({"x": 1}), json!([[3]])] {
                let mut fields = fields(body);
                fields.insert(name.clone(), wrong);
                check(route, &fields, name);
            }
            if !OPTIONAL.contains(&name.as_str()) {
                let mut fields = fields(body);
                fields.insert(name.clone(), Value::Null);
                check(route, &fields, name);
                fields.shift_remove(name);
                check(route, &fields, name);
            }
        }
        if route != "/v1/score" {
            let mut fields = fields(body);
            fields.insert("unknown".to_owned(), json!(1));
            check(route, &fields, "unknown");
        }
    }
}

#[test]
fn each_route_tells_the_place_what_was_found_and_what_was_expected() {
    let server = server();
    let rows = [NATIVE, TRAINING, SERVERS].concat();
    for (route, body, status, field, found, expected) in rows {
        let asked = format!("{route} {body}");
        let body = body.replace('R', &"x".repeat(LONG));
        refused(
            &ask(&server, route, body),
            &asked,
            status,
            field,
            found,
            expected,
        );
    }
}

#[test]
fn a_line_of_a_stream_is_refused_alike() {
    let server = server();
    let headers = [
        ("authorization", "Bearer k"),
        ("content-type", "application/x-ndjson"),
    ];
    let rows = NATIVE
        .iter()
        .filter(|row| row.0 == "/v1/score" && row.1.starts_with("{\"prompt"));
    for (_, body, _, field, found, _) in rows.filter(|row| !row.1.contains("model")) {
        // The settings of a stream are those of its URL; those keys are the record's own.
        if ["aggregation", "raw", "stride", "segmenter"].contains(field) {
            continue;
        }
        let body = body.replace('R', &"x".repeat(LONG));
        let mut connection = server.connect();
        let answer = connection.ask("POST", "/v1/score", &headers, body.as_bytes());
        let answer: Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
        assert_eq!(answer["line"], 1, "{body}: {answer}");
        assert_eq!(answer["error"]["field"], *field, "{body}: {answer}");
        let told = answer["error"]["found"].as_str().unwrap();
        assert!(told.starts_with(found), "{body}: {answer}");
    }
}
