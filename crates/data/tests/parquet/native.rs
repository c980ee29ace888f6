use gradus_data::{Example, ExampleReader, ExampleWriter, read_examples};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::schema::printer::print_schema;
use proptest::prelude::*;
use serde_json::{Value, json};

fn round_trip(records: &[Value]) -> (Vec<Example>, Vec<Example>, String) {
    let directory = tempfile::tempdir().unwrap();
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let source = directory.path().join("a.jsonl");
    fs_err::write(&source, lines.join("\n")).unwrap();
    let examples = read_examples(&source).unwrap();
    let path = directory.path().join("a.parquet");
    let mut writer = ExampleWriter::create(&path).unwrap();
    for example in &examples {
        writer.write(example).unwrap();
    }
    assert!(!path.exists());
    writer.commit().unwrap();
    let entries = fs_err::read_dir(directory.path()).unwrap();
    assert_eq!(entries.count(), 2, "nothing else is left behind");
    let read: Result<Vec<Example>, _> = crate::support::read(&path).into_iter().collect();
    let read = read.unwrap();
    let file =
        SerializedFileReader::new(fs_err::File::open(&path).unwrap().into_parts().0).unwrap();
    let mut schema = Vec::new();
    print_schema(&mut schema, file.metadata().file_metadata().schema());
    (examples, read, String::from_utf8(schema).unwrap())
}

#[test]
fn records_have_typed_columns_and_lose_nothing() {
    let records = [
        json!({"id": "a", "prompt": "p", "context": "c", "response": "one two", "rating": 0.5,
            "segments": [{"start": 0, "end": 3, "rating": [0.25, 0.75], "weight": 2.0, "note": "n"},
                         {"start": 4, "end": 7, "rating": null, "odd": [1]}],
            "meta": {"k": [1, null]}, "year": 2024, "lang": "en", "ok": true, "share": 0.5,
            "mixed": 1, "nothing": null, "extra": "mine"}),
        json!({"id": "b", "prompt": "q", "response": "r", "segments": [], "mixed": "x",
            "year": null, "lang": null, "raters": 7}),
    ];
    let (examples, read, schema) = round_trip(&records);
    assert_eq!(read, examples);
    for column in [
        "REQUIRED BYTE_ARRAY id (STRING)",
        "REQUIRED BYTE_ARRAY prompt (STRING)",
        "OPTIONAL BYTE_ARRAY context (STRING)",
        "OPTIONAL DOUBLE rating",
        "REQUIRED INT64 start",
        "OPTIONAL DOUBLE weight",
        "OPTIONAL BYTE_ARRAY note (STRING)",
        "OPTIONAL BYTE_ARRAY meta (JSON)",
        "OPTIONAL INT64 year",
        "OPTIONAL BYTE_ARRAY lang (STRING)",
        "OPTIONAL BOOLEAN ok",
        "OPTIONAL DOUBLE share",
        "OPTIONAL BYTE_ARRAY extra (JSON)",
    ] {
        assert!(schema.contains(column), "{column} in\n{schema}");
    }
    assert!(!schema.contains("mixed"), "{schema}");
}

#[test]
fn aspects_are_columns_and_scores_keep_their_nulls() {
    let records = [
        json!({"id": "a", "prompt": "p", "response": "ab", "segments": [
            {"start": 0, "end": 1, "rating": {"fact": 1.0, "style": [0.5, 0.5]}, "score": {"fact": 0.5, "style": null}}],
            "score": {"fact": 0.5, "style": null}}),
        json!({"id": "b", "prompt": "p", "response": "ab", "rating": {"all": 0.5}, "segments": [
            {"start": 0, "end": 1, "rating": 0.25, "score": null}], "score": null}),
    ];
    let (examples, read, schema) = round_trip(&records);
    assert_eq!(read, examples);
    for column in [
        "OPTIONAL DOUBLE fact",
        "OPTIONAL DOUBLE style",
        "OPTIONAL group raters",
    ] {
        assert!(schema.contains(column), "{column} in\n{schema}");
    }
}

#[test]
fn many_rows_go_over_several_batches_and_pages() {
    let records: Vec<Value> = (0..3000)
        .map(|k| {
            let response = format!("{k} ").repeat(k % 50);
            let segments: Vec<Value> = (0..k % 7)
                .filter(|part| part + 1 < response.len())
                .map(|part| json!({"start": part, "end": part + 1, "rating": part as f64 / 7.0}))
                .collect();
            json!({"id": k.to_string(), "prompt": format!("p{k}"), "response": response, "segments": segments})
        })
        .collect();
    let (examples, read, _) = round_trip(&records);
    assert_eq!(read, examples);
}

#[test]
fn row_groups_are_read_by_themselves_and_rows_keep_their_numbers() {
    let path = crate::support::fixture("pyarrow-zstd.parquet");
    let open = || ExampleReader::open(&path).unwrap();
    assert_eq!(open().row_groups(), Some(vec![2, 1]));
    for (groups, ids) in [(&[0][..], &["x1", "x2"][..]), (&[1], &["x3"]), (&[], &[])] {
        let mut reader = open().with_row_groups(groups);
        let found: Vec<String> = reader
            .by_ref()
            .filter_map(Result::ok)
            .map(|e| e.id)
            .collect();
        assert_eq!(found, ids);
        assert!(
            groups != [1] || reader.number() == 3,
            "a row that is passed over is counted"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Keys that many records share, of one type or of several, and absent or `null`.
    #[test]
    fn keys_of_the_author_survive(
        keys in proptest::collection::vec(
            proptest::collection::vec(("[a-d]x|score", prop_oneof![
                Just(Value::Null), any::<i8>().prop_map(Value::from), any::<bool>().prop_map(Value::from),
                "[a-c]{0,2}".prop_map(Value::from), (-1.0..1.0_f64).prop_map(Value::from),
                ("[ab]", -1.0..1.0_f64).prop_map(|(key, value)| json!({key: value})),
            ]), 0..4), 1..6),
    ) {
        let records: Vec<Value> = keys.into_iter().enumerate().map(|(k, keys)| {
            let mut record = json!({"id": k.to_string(), "prompt": "p", "response": "r", "segments": []});
            for (key, value) in keys {
                record[key] = value;
            }
            record
        }).collect();
        let (examples, read, _) = round_trip(&records);
        prop_assert_eq!(read, examples);
    }
}
