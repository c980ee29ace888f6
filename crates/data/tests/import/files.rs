use std::io::Write;

use flate2::write::GzEncoder;
use gradus_data::{DataError, Format, ImportOptions, Segmenter, import};

use crate::{file, import_all, one, refused};

const TWO: [&str; 2] = [
    r#"{"id":"a","problem":"p","steps":["x"],"label":-1}"#,
    r#"{"id":"b","problem":"p","steps":["y"],"label":0}"#,
];

fn ids(text: &str) -> Vec<String> {
    let examples = import_all(text, Format::ProcessBench, &ImportOptions::default());
    examples.into_iter().map(|e| e.unwrap().id).collect()
}

#[test]
fn records_may_stand_one_a_line_or_in_a_list() {
    let [a, b] = TWO;
    assert_eq!(ids(&format!("{a}\n\n{b}\n")), ["a", "b"]);
    assert_eq!(ids(&format!("\u{feff}{a}\r\n{b}")), ["a", "b"]);
    assert_eq!(ids(&format!(" \n[{a},\n {b}]\n")), ["a", "b"]);
}

#[test]
fn gzip_is_read_by_its_content() {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(TWO.join("\n").as_bytes()).unwrap();
    let (_guard, path) = file(gzip.finish().unwrap());
    let examples = import(path, Format::ProcessBench, &ImportOptions::default()).unwrap();
    assert_eq!(examples.map(Result::unwrap).count(), 2);
}

#[test]
fn a_wrong_record_is_named_by_its_line_and_the_next_one_is_read() {
    let [a, b] = TWO;
    for (text, line) in [
        (format!("{a}\n{{\"id\":\"c\"}}\n{b}"), 2),
        (format!("[\n{a},\n\n{{\"id\":\"c\"}},\n{b}]"), 4),
        (format!("\n \n\n \n \n[{a},\n{{\"id\":\"c\"}},{b}]"), 7),
        (format!("\n \n\n \n \n{a}\n{{\"id\":\"c\"}}\n{b}"), 7),
    ] {
        let examples = import_all(&text, Format::ProcessBench, &ImportOptions::default());
        assert_eq!(examples.len(), 3);
        let message = examples[1].as_ref().unwrap_err().to_string();
        let expected = format!("data:{line}: field `problem`: missing, expected a text");
        assert!(message.ends_with(&expected), "{message}");
        assert!(examples[2].is_ok());
    }
}

#[test]
fn a_syntax_error_inside_a_list_is_named_by_the_line_of_the_file() {
    let text = format!("[{},\n{{\"id\":\n nul }}]", TWO[0]);
    let examples = import_all(&text, Format::ProcessBench, &ImportOptions::default());
    let error = examples[1].as_ref().unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("data:3: not JSON at column 5"),
        "{message}"
    );
    assert_eq!(error.hint().as_deref(), Some(ELEMENTS));
}

const ELEMENTS: &str =
    "the file is one list, of which every element is a JSON object, with a comma between two";

#[test]
fn a_wrong_element_of_a_list_is_not_told_what_a_line_should_be() {
    for (element, found) in [
        ("7", "found the number 7, expected a JSON object"),
        (
            r#"{"id":"a"} {"id":"b"}"#,
            "a second value without a comma ahead of it",
        ),
    ] {
        let text = format!("[{},{element}]", TWO[0]);
        let examples = import_all(&text, Format::ProcessBench, &ImportOptions::default());
        let error = examples[1].as_ref().unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
        assert_eq!(error.hint().as_deref(), Some(ELEMENTS), "{element}");
    }
}

#[test]
fn a_list_that_is_cut_off_is_refused_as_a_whole() {
    let (_guard, path) = file(format!("[{},\n{}", TWO[0], TWO[1]));
    let examples = import(path, Format::ProcessBench, &ImportOptions::default()).unwrap();
    let examples: Vec<_> = examples.collect();
    let error = examples.last().unwrap().as_ref().unwrap_err();
    assert!(
        matches!(error, DataError::Torn { .. }),
        "not an error that can be skipped"
    );
    let message = error.to_string();
    assert!(message.contains("data:2: not JSON"), "{message}");
    assert!(message.contains("the list does not end"), "{message}");
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("one list") && !hint.contains("JSONL"),
        "{hint}"
    );
}

#[test]
fn keys_that_stand_twice_or_look_like_one_that_is_read_are_refused() {
    for (record, problem) in [
        (
            r#"{"id":"a","problem":"p","steps":["x"],"label":-1,"label":0}"#,
            "field `label`: found twice",
        ),
        (
            r#"{"id":"a","problem":"p","steps":["x"],"label":-1,"Label":0}"#,
            "found the key `Label`, expected `label`",
        ),
        (
            r#"{"id":"a","problem":"p","steps":["x"],"label":-1,"Final_Answer":0,"STEPS":["y"]}"#,
            "found the key `STEPS`",
        ),
    ] {
        let found = refused(record, Format::ProcessBench);
        assert!(found.contains(problem), "{found}");
    }
}

#[test]
fn a_record_that_unfolds_to_more_than_the_limit_is_refused() {
    let options = ImportOptions {
        limits: gradus_data::ReadLimits {
            max_line_bytes: 60,
            ..Default::default()
        },
        ..ImportOptions::default()
    };
    let long = TWO[1].replace("\"y\"", &format!("\"{}\"", "y".repeat(60)));
    for text in [
        format!("{}\n{long}", TWO[0]),
        format!("[{},\n{long}]", TWO[0]),
    ] {
        let examples = import_all(&text, Format::ProcessBench, &options);
        assert!(examples[0].is_ok());
        let message = examples[1].as_ref().unwrap_err().to_string();
        assert!(
            message.contains("data:2: found a line of more than 60 bytes"),
            "{message}"
        );
        assert_eq!(examples.len(), 2);
    }
}

#[test]
fn an_id_that_is_used_twice_is_refused() {
    let text = [TWO[0], TWO[0]].join("\n");
    let examples = import_all(&text, Format::ProcessBench, &ImportOptions::default());
    assert!(examples[0].is_ok());
    assert!(matches!(
        examples[1],
        Err(DataError::DuplicateId { first_line: 1, .. })
    ));
}

#[test]
fn a_file_without_a_record_is_refused() {
    for text in ["", "\n", "[]"] {
        let examples = import_all(text, Format::ProcessBench, &ImportOptions::default());
        assert!(matches!(examples[..], [Err(DataError::NoRecords { .. })]));
    }
}

#[test]
fn text_that_is_no_object_is_refused() {
    let found = refused("3", Format::ProcessBench);
    assert_eq!(found, "1: found the number 3, expected a JSON object");
    let (_guard, path) = file(b"{\"id\":\"\xff\"}\n");
    let mut examples = import(path, Format::ProcessBench, &ImportOptions::default()).unwrap();
    let message = examples.next().unwrap().unwrap_err().to_string();
    assert!(
        message.contains("1: byte 8 of the line is not UTF-8"),
        "{message}"
    );
}

#[test]
fn every_format_has_a_name_that_is_read_back() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
    let message = "prm".parse::<Format>().unwrap_err().to_string();
    assert!(
        message.contains("found `prm`, expected one of prmbench, "),
        "{message}"
    );
}

#[test]
fn cutting_by_tokens_is_refused() {
    let options = ImportOptions {
        segmenter: Segmenter::Tokens(8),
        ..ImportOptions::default()
    };
    let (_guard, path) = file(TWO[0]);
    let error = import(path, Format::ProcessBench, &options).err();
    assert!(matches!(error, Some(DataError::SegmenterNeedsTokenizer)));
}

#[test]
fn an_imported_example_is_a_native_record() {
    let example = one(TWO[1], Format::ProcessBench);
    let (_guard, path) = file(example.to_json().to_string());
    assert_eq!(gradus_data::read_examples(path).unwrap(), [example]);
}
