//! Every wrong line: what the message says, and the hint.

use std::path::Path;

use gradus_data::{DataError, ExampleReader};

/// The first error in a file that holds a good record and then `line`.
fn error_of(line: &[u8]) -> DataError {
    let mut data = b"{\"prompt\":\"p\",\"response\":\"r\"}\n".to_vec();
    data.extend_from_slice(line);
    let mut reader = ExampleReader::new(std::io::Cursor::new(data), "data/a.jsonl").unwrap();
    reader.find_map(Result::err).unwrap()
}

#[track_caller]
fn refused(line: &str, message: &str, hint: Option<&str>) {
    let error = error_of(line.as_bytes());
    assert_eq!(error.to_string(), format!("data/a.jsonl:2: {message}"));
    assert_eq!(error.hint().as_deref(), hint);
}

/// A record of shape 1 with an eight-character response and the given segments.
fn with_segments(segments: &str) -> String {
    format!(r#"{{"prompt":"p","response":"añ😀 bcde","segments":[{segments}]}}"#)
}

const JSONL: Option<&str> = Some("a data file holds one JSON object per line (JSONL)");
const HALF_OPEN: Option<&str> =
    Some("spans are half-open: `end` is the first character after the segment");
const NULL: Option<&str> = Some("write null for a segment without a rating");
const SHAPES: Option<&str> = Some(
    "a record has `response` and `segments` with spans and a `rating` each, or `segments` as texts and `ratings`, \
     or `completions` and `labels`",
);

#[test]
fn a_line_that_is_not_json() {
    refused(
        "{\"prompt\":\"p\"",
        "not JSON at column 13: EOF while parsing an object",
        JSONL,
    );
    refused("hello", "not JSON at column 1: expected value", JSONL);
    refused(
        "{\"a\":1} x",
        "not JSON at column 9: trailing characters",
        JSONL,
    );
}

#[test]
fn a_line_that_is_not_an_object() {
    refused("[1]", "found a list, expected a JSON object", JSONL);
    refused(
        "\"text\"",
        "found the text \"text\", expected a JSON object",
        JSONL,
    );
}

#[test]
fn a_line_that_is_not_utf_8() {
    let error = error_of(b"{\"prompt\":\"caf\xe9\"}");
    assert_eq!(
        error.to_string(),
        "data/a.jsonl:2: byte 15 of the line is not UTF-8, expected text in UTF-8"
    );
    assert_eq!(error.hint().unwrap(), "save the file as UTF-8");
}

#[test]
fn a_field_that_is_missing() {
    refused(
        r#"{"response":"r"}"#,
        "field `prompt`: missing, expected a text",
        None,
    );
    refused(
        r#"{"prompt":"p"}"#,
        "field `response`: missing, expected a text, or the texts of its segments in `segments`",
        SHAPES,
    );
    refused(
        r#"{"prompt":"p","response":"r","segments":["r"]}"#,
        "field `segments[0]`: found the text \"r\", expected an object with `start` and `end`, since there is a `response`",
        None,
    );
    refused(
        &with_segments(r#"{"end":3}"#),
        "field `segments[0].start`: missing, expected a whole number of characters, 0 or more",
        None,
    );
}

#[test]
fn a_field_of_the_wrong_type() {
    for (line, message) in [
        (
            r#"{"prompt":null,"response":"r"}"#,
            "field `prompt`: found null, expected a text",
        ),
        (
            r#"{"prompt":"p","response":["r"]}"#,
            "field `response`: found a list, expected a text",
        ),
        (
            r#"{"id":1.5,"prompt":"p","response":"r"}"#,
            "field `id`: found the number 1.5, expected a text or a whole number",
        ),
        (
            r#"{"prompt":"p","response":"r","context":{}}"#,
            "field `context`: found an object, expected a text",
        ),
        (
            r#"{"prompt":"p","response":"r","meta":"m"}"#,
            "field `meta`: found the text \"m\", expected an object",
        ),
        (
            r#"{"prompt":"p","response":"r","segments":{}}"#,
            "field `segments`: found an object, expected a list",
        ),
        (
            r#"{"prompt":"p","segments":["a",1]}"#,
            "field `segments[1]`: found the number 1, expected a text",
        ),
    ] {
        refused(line, message, None);
    }
    for (segment, message) in [
        (
            "[0,3]",
            "field `segments[0]`: found a list, expected an object with `start` and `end`",
        ),
        (
            r#"{"start":-1,"end":3}"#,
            "field `segments[0].start`: found the number -1, expected a whole number of characters, 0 or more",
        ),
        (
            r#"{"start":0,"end":"3"}"#,
            "field `segments[0].end`: found the text \"3\", expected a whole number of characters, 0 or more",
        ),
    ] {
        refused(&with_segments(segment), message, None);
    }
}

#[test]
fn a_rating_of_the_wrong_type() {
    refused(
        &with_segments(r#"{"start":0,"end":3,"rating":"good"}"#),
        "field `segments[0].rating`: found the text \"good\", expected a number, a list of numbers, null or a map of aspects to these",
        None,
    );
    refused(
        &with_segments(r#"{"start":0,"end":3,"rating":true}"#),
        "field `segments[0].rating`: found true, expected a number, a list of numbers, null or a map of aspects to these",
        None,
    );
    refused(
        &with_segments(r#"{"start":0,"end":3,"rating":{"relevance":{}}}"#),
        "field `segments[0].rating.relevance`: found an object, expected a number, a list of numbers or null",
        None,
    );
    refused(
        r#"{"prompt":"p","segments":["a"],"ratings":0.5}"#,
        "field `ratings`: found the number 0.5, expected a list, or a map of aspects to lists",
        None,
    );
    refused(
        r#"{"prompt":"p","segments":["a"],"ratings":{"x":["b"]}}"#,
        "field `ratings.x[0]`: found the text \"b\", expected a number, a list of numbers or null",
        None,
    );
    refused(
        r#"{"prompt":"p","completions":["a"],"labels":["+"]}"#,
        "field `labels[0]`: found the text \"+\", expected a number, true, false or null",
        None,
    );
}

#[test]
fn a_rating_that_is_not_finite() {
    for token in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan"] {
        let line = format!(r#"{{"start":0,"end":2}},{{"start":2,"end":3,"rating":{token}}}"#);
        refused(
            &with_segments(&line),
            &format!("field `segments[1].rating`: found {token}, expected a finite number"),
            NULL,
        );
    }
    let digits = "9".repeat(400);
    refused(
        &format!(r#"{{"prompt":"p","completions":["a","b"],"labels":[1,{digits}]}}"#),
        &format!("field `labels[1]`: found {digits}, expected a finite number"),
        NULL,
    );
}

#[test]
fn a_span_past_the_end() {
    refused(
        &with_segments(r#"{"start":0,"end":9}"#),
        "field `segments[0].end`: found character 9, past the end of the response, \
         expected at most 8, its length in characters",
        Some(
            "offsets count Unicode characters of `response`; these would fit if they count UTF-16 \
             code units (the response has 9) or bytes (the response has 12): convert them",
        ),
    );
    refused(
        &with_segments(r#"{"start":13,"end":14}"#),
        "field `segments[0].end`: found character 14, past the end of the response, \
         expected at most 8, its length in characters",
        Some("offsets count Unicode characters of `response`"),
    );
}

#[test]
fn a_text_that_its_span_does_not_cover() {
    refused(
        &with_segments(r#"{"start":3,"end":6,"text":" bc"},{"start":7,"end":9,"text":"de"}"#),
        "field `segments[1].end`: found character 9, past the end of the response, \
         expected at most 8, its length in characters",
        Some(
            "offsets count Unicode characters of `response`; these would fit if they count UTF-16 \
             code units (the response has 9) or bytes (the response has 12): convert them",
        ),
    );
    for (span, text, fit) in [
        (
            r#""start":5,"end":7"#,
            "bc",
            "these fit if they count UTF-16 code units: in characters the span is 4..6",
        ),
        (
            r#""start":1,"end":3"#,
            "ñ",
            "these fit if they count bytes: in characters the span is 1..2",
        ),
        (
            r#""start":2,"end":3"#,
            "ñ",
            "these fit if they count from 1: in characters the span is 1..2",
        ),
        (
            r#""start":0,"end":2"#,
            "añ😀",
            "these fit if the end is the last character: in characters the span is 0..3",
        ),
        (
            r#""start":0,"end":1"#,
            "cde",
            "this text stands at 5..8 of it and nowhere else",
        ),
    ] {
        let error = error_of(with_segments(&format!(r#"{{{span},"text":"{text}"}}"#)).as_bytes());
        let message = error.to_string();
        assert!(
            message.contains("field `segments[0].text`: found ")
                && message.contains(&format!("expected \"{text}\"")),
            "{message}"
        );
        let hint = error.hint().unwrap();
        assert!(hint.ends_with(fit), "{hint}");
    }
}

#[test]
fn a_key_that_stands_twice_and_one_that_means_the_same() {
    let keep = Some("only one of the values could be read: keep the right one");
    refused(
        &with_segments(r#"{"start":0,"end":3,"rating":0,"rating":1}"#),
        "field `segments[0].rating`: found twice in one object, expected each key once",
        keep,
    );
    refused(
        &with_segments(r#"{"start":0,"end":3,"rating":null,"Rating":1}"#),
        "field `segments[0].Rating`: found beside `rating`, which means the same, expected only one of the two",
        keep,
    );
    refused(
        r#"{"prompt":"p","response":"r","meta":{"k":1,"k":2}}"#,
        "field `meta.k`: found twice in one object, expected each key once",
        keep,
    );
}

#[test]
fn a_number_that_would_come_back_as_another_one() {
    refused(
        &with_segments(r#"{"start":0,"end":3,"rating":9007199254740993}"#),
        "field `segments[0].rating`: found 9007199254740993, expected a number that 64 bits hold exactly",
        Some("write a name or a long number as a text, in quotation marks"),
    );
    refused(
        r#"{"prompt":"p","response":"r","meta":{"hash":340282366920938463463374607431768211455}}"#,
        "field `meta.hash`: found 340282366920938463463374607431768211455, expected a number that 64 bits hold exactly",
        Some("write a name or a long number as a text, in quotation marks"),
    );
}

#[test]
fn more_or_less_than_one_record_a_line() {
    refused(
        "{\"prompt\": \"p\",",
        "found a record that goes on behind the end of the line, expected one JSON object a line",
        Some("a data file holds one JSON object per line (JSONL): `jq -c . FILE` writes it so"),
    );
    refused(
        r#"{"prompt":"p","response":"r"}{"prompt":"p","response":"r"}"#,
        "found a second record at column 30 of the line, expected one JSON object a line",
        Some("a data file holds one JSON object per line (JSONL): `jq -c . FILE` writes it so"),
    );
    let error = ExampleReader::new(
        &b"{\"prompt\":\"p\",\"response\":\"r\"}\r{\"prompt\":\"p\",\"response\":\"r\"}"[..],
        "a",
    )
    .unwrap()
    .find_map(Result::err);
    let hint = error.unwrap().hint().unwrap();
    assert!(hint.contains("carriage return alone"), "{hint}");
    let mut list = ExampleReader::new(&b"[\n{},\n{}\n]"[..], "a").unwrap();
    let error = list.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a:1: found a list that goes on in the next line, expected a JSON object"
    );
    assert!(error.hint().unwrap().contains("jq -c '.[]'"));
    assert!(list.next().is_none(), "each of its lines would be an error");
}

#[test]
fn another_encoding() {
    let text = "{\"prompt\":\"p\",\"response\":\"r\"}";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    for bytes in [little, big] {
        let mut reader = ExampleReader::new(std::io::Cursor::new(bytes), "a.jsonl").unwrap();
        let error = reader.next().unwrap().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.jsonl: found text in UTF-16, expected UTF-8"
        );
        assert!(error.hint().unwrap().contains("iconv"));
        assert!(reader.next().is_none());
    }
}

#[test]
fn spans_that_are_empty_backwards_overlapping_or_out_of_order() {
    refused(
        &with_segments(r#"{"start":3,"end":3}"#),
        "field `segments[0]`: found the empty span 3..3, expected at least one character",
        HALF_OPEN,
    );
    refused(
        &with_segments(r#"{"start":5,"end":3}"#),
        "field `segments[0]`: found the backwards span 5..3, expected the start before the end",
        HALF_OPEN,
    );
    refused(
        &with_segments(r#"{"start":0,"end":3},{"start":2,"end":5}"#),
        "field `segments[1]`: found 2..5, which overlaps segment 0 at 0..3, expected spans that share no character",
        Some("spans are half-open: a segment may start where the one before it ends"),
    );
    refused(
        &with_segments(r#"{"start":3,"end":5},{"start":0,"end":3}"#),
        "field `segments[1]`: found 0..3 after 3..5, expected segments in the order of the text",
        Some("sort the segments of the record by `start`"),
    );
}

#[test]
fn an_empty_segment() {
    let message = "found an empty text, expected at least one character";
    refused(
        r#"{"prompt":"p","segments":["a",""]}"#,
        &format!("field `segments[1]`: {message}"),
        None,
    );
}

#[test]
fn counts_that_disagree() {
    for (line, message) in [
        (
            r#"{"prompt":"p","segments":["a","b"],"ratings":[1]}"#,
            "field `ratings`: found 1 rating(s) for 2 segment(s), expected as many ratings as segments",
        ),
        (
            r#"{"prompt":"p","segments":["a"],"ratings":{"x":[1],"y":[1,2]}}"#,
            "field `ratings.y`: found 2 rating(s) for 1 segment(s), expected as many ratings as segments",
        ),
        (
            r#"{"prompt":"p","completions":["a"],"labels":[]}"#,
            "field `labels`: found 0 rating(s) for 1 segment(s), expected as many ratings as segments",
        ),
    ] {
        refused(line, message, NULL);
    }
}

#[test]
fn keys_of_two_shapes_at_once() {
    for (line, message) in [
        (
            r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1}],"ratings":[1]}"#,
            "field `ratings`: found beside `response`, expected only one of the two",
        ),
        (
            r#"{"prompt":"p","response":"r","completions":["r"]}"#,
            "field `response`: found beside `completions`, expected only one of the two",
        ),
        (
            r#"{"prompt":"p","completions":["r"],"ratings":[1]}"#,
            "field `ratings`: found beside `completions`, expected only one of the two",
        ),
        (
            r#"{"prompt":"p","segments":["r"],"labels":[true]}"#,
            "field `labels`: found without `completions`, expected both",
        ),
        (
            r#"{"prompt":"p","response":"r","ratings":[1]}"#,
            "field `ratings`: found without `segments`, expected both",
        ),
    ] {
        refused(line, message, SHAPES);
    }
}

#[test]
fn a_file_without_a_record() {
    let reader = ExampleReader::new(&b"\n  \n"[..], "a.jsonl").unwrap();
    let errors: Vec<String> = reader
        .map(|result| result.unwrap_err().to_string())
        .collect();
    assert_eq!(errors, ["a.jsonl: found no record, expected at least one"]);
}

#[test]
fn a_directory_and_a_missing_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = ExampleReader::open(directory.path()).err().unwrap();
    assert!(matches!(error, DataError::NoDataFiles { .. }));
    assert!(
        error
            .to_string()
            .ends_with(": found no data file, expected .jsonl, .json or .parquet files"),
        "{error}"
    );
    let error = ExampleReader::open(Path::new("missing/a.jsonl"))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("failed to open file `missing/a.jsonl`: No such file"),
        "{error}"
    );
}
