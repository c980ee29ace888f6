use gradus_data::{DataError, DatasetStats};

#[test]
fn a_file_is_counted_in_one_pass() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    let lines = [
        r#"{"id":"a","prompt":"p","context":"c","response":"One. Two.","segments":[{"start":0,"end":4,"rating":{"relevance":1.0,"factuality":0.5}},{"start":5,"end":9,"rating":{"relevance":0.0}}]}"#,
        r#"{"id":"b","prompt":"p","segments":["x","y"],"ratings":[null,0.25]}"#,
        "",
        r#"{"id":"a","prompt":"q","response":"uncut"}"#,
    ];
    fs_err::write(&path, lines.join("\n")).unwrap();
    let stats = DatasetStats::read(&path).unwrap();
    assert_eq!(
        (stats.examples, stats.segments, stats.unrated_segments),
        (3, 4, 1)
    );
    assert_eq!(
        (stats.examples_with_context, stats.examples_without_segments),
        (1, 1)
    );
    assert_eq!((stats.distinct_prompts, stats.repeated_prompts), (2, 1));
    assert_eq!(
        stats.aspects.keys().collect::<Vec<_>>(),
        ["factuality", "rating", "relevance"]
    );
    assert_eq!(
        stats.aspects["relevance"].to_string(),
        "2 ratings from 0 to 1, mean 0.500, sd 0.500"
    );
    assert_eq!(
        stats.response_chars.unwrap().to_string(),
        "3 to 9, mean 5.7"
    );
    assert_eq!(stats.segments_per_response.unwrap().max, 2);
    assert_eq!(
        stats.repeated_id_list[0].to_string(),
        "id `a` on lines 1 and 4"
    );
}

#[test]
fn a_wrong_record_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    fs_err::write(&path, "{}").unwrap();
    assert!(matches!(
        DatasetStats::read(&path),
        Err(DataError::Record { .. })
    ));
}
