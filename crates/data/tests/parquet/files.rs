use std::path::Path;

use gradus_data::{ColumnMap, DataError, Example, ExampleReader, ExampleWriter, read_examples};

fn example(id: &str) -> Example {
    Example {
        id: id.to_owned(),
        prompt: "p".to_owned(),
        response: "r".to_owned(),
        ..Example::default()
    }
}

fn write(path: &Path, ids: &[&str]) {
    let mut writer = ExampleWriter::create(path).unwrap();
    for id in ids {
        writer.write(&example(id)).unwrap();
    }
    writer.commit().unwrap();
}

fn ids(path: &Path) -> Vec<String> {
    let examples = read_examples(path).unwrap();
    examples.into_iter().map(|example| example.id).collect()
}

#[test]
fn the_files_of_a_directory_follow_each_other() {
    for ending in ["jsonl", "jsonl.gz", "parquet"] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        write(&root.join(format!("b.{ending}")), &["b1", "b2"]);
        write(&root.join(format!("a.{ending}")), &["a1"]);
        write(&root.join(format!("c.{ending}")), &["c1"]);
        fs_err::write(root.join("_SUCCESS"), "").unwrap();
        assert_eq!(ids(root), ["a1", "b1", "b2", "c1"]);
        assert_eq!(
            ids(&root.join(format!("[bc].{ending}"))),
            ["b1", "b2", "c1"]
        );
        let mut reader = ExampleReader::open(root).unwrap();
        assert_eq!(reader.by_ref().count(), 4);
        assert_eq!(reader.number(), 4);
        let third = reader.location_of(3).to_string();
        let place = if ending == "parquet" { ", row 2" } else { ":2" };
        assert!(third.ends_with(&format!("b.{ending}{place}")), "{third}");
    }
}

#[test]
fn records_without_an_id_are_counted_through_and_a_repeated_id_names_both_files() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let line = "{\"prompt\":\"p\",\"response\":\"r\"}\n";
    fs_err::write(root.join("a.jsonl"), line.repeat(2)).unwrap();
    fs_err::write(root.join("b.jsonl"), line).unwrap();
    assert_eq!(ids(root), ["1", "2", "3"]);
    fs_err::write(
        root.join("c.jsonl"),
        "{\"id\":\"2\",\"prompt\":\"p\",\"response\":\"r\"}\n",
    )
    .unwrap();
    let message = read_examples(root).unwrap_err().to_string();
    assert!(
        message.contains("c.jsonl:1: field `id`: found `2`, which line 2 of ")
            && message.contains("a.jsonl has too"),
        "{message}"
    );
}

#[test]
fn an_empty_file_among_others_is_passed_over_and_alone_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(&root.join("a.parquet"), &[]);
    let error = read_examples(root).unwrap_err();
    assert!(matches!(error, DataError::NoRecords { .. }), "{error}");
    write(&root.join("b.parquet"), &["b"]);
    write(&root.join("c.parquet"), &[]);
    assert_eq!(ids(root), ["b"]);
}

#[test]
fn columns_of_other_names_are_read_by_a_map() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let mut writer = ExampleWriter::create(&path).unwrap();
    let mut written = example("a");
    written.extra.insert("question".into(), "q".into());
    written.extra.insert("image".into(), "i".into());
    writer.write(&written).unwrap();
    writer.commit().unwrap();
    let read = |map: &str| {
        let map: ColumnMap = map.parse().unwrap();
        ExampleReader::open(&path).unwrap().with_columns(map)
    };
    let mapped = read("old=prompt,prompt=question,-image")
        .unwrap()
        .read_all()
        .unwrap();
    assert_eq!((mapped[0].prompt.as_str(), mapped[0].extra.len()), ("q", 1));
    let error = read("prompt=qestion").err().unwrap();
    assert!(
        error.to_string().contains("found no column `qestion`"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("question"));
}
