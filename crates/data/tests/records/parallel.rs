//! Reading on all cores gives what reading in order gives.

use std::io::Write as _;
use std::path::Path;

use flate2::write::GzEncoder;
use gradus_data::{Example, ExampleReader, Location, StatsCollector};

/// Enough records for many batches.
const RECORDS: usize = 6000;

/// A record, a wrong one or a blank line.
fn line(k: usize) -> String {
    match k % 97 {
        13 => "\n".into(),
        29 => format!("{{\"id\":\"w{k}\",\"prompt\":\"p\"}}\n"),
        31 => format!("{{\"prompt\":\"p\",\"response\":\"r\",}} {k}\n"),
        41 => format!(
            "{{\"id\":\"t{k}\",\"prompt\":\"p\",\"completions\":[\"a\",\"b\"],\"labels\":[1,0.5]}}\n"
        ),
        43 => "{\"prompt\":\"p\",\"response\":\"r\"}\n".into(),
        _ => format!(
            "{{\"id\":\"r{k}\",\"prompt\":\"Why {k}?\",\"response\":\"{}\",\"segments\":[{{\"start\":0,\"end\":3,\"rating\":0.5}}],\"meta\":{{\"k\":{k}}}}}\n",
            "abc ".repeat(1 + k % 50)
        ),
    }
}

fn lines(from: usize) -> String {
    (from..from + RECORDS).map(line).collect()
}

/// What was read, with its number and place.
type Found = (usize, Location, Result<Example, String>);

fn in_order(path: &Path) -> (Vec<Found>, ExampleReader) {
    let mut reader = ExampleReader::open(path).unwrap();
    let mut found = Vec::new();
    while let Some(example) = reader.next() {
        let example = example.map_err(|error| error.to_string());
        found.push((reader.number(), reader.location().clone(), example));
    }
    (found, reader)
}

fn same(path: &Path) {
    let (expected, in_order) = in_order(path);
    let mut reader = ExampleReader::open(path)
        .unwrap()
        .in_parallel(|example| example);
    let mut count = 0;
    while let Some(example) = reader.next() {
        let example = example.map_err(|error| error.to_string());
        let found = (reader.number(), reader.location().clone(), example);
        assert_eq!(found, expected[count], "{count}");
        assert_eq!(
            reader.location_of(found.0),
            in_order.location_of(found.0),
            "{count}"
        );
        count += 1;
    }
    assert_eq!(count, expected.len());
    assert!(reader.next().is_none());
}

#[test]
fn records_errors_and_places_are_the_same_on_all_cores() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for (name, from) in [("a.jsonl", 0), ("b.jsonl", 50_000), ("d.jsonl", 90_000)] {
        fs_err::write(path.join(name), lines(from)).unwrap();
    }
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines(70_000).as_bytes()).unwrap();
    fs_err::write(path.join("c.jsonl.gz"), packed.finish().unwrap()).unwrap();
    same(&path.join("a.jsonl"));
    same(path);
}

#[test]
fn what_ends_reading_comes_behind_all_records_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl.gz");
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines(0).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    fs_err::write(&path, &packed[..packed.len() / 2]).unwrap();
    same(&path);
    for text in [
        "\n\n",
        "[\n{}\n]\n",
        "\u{feff}{\"prompt\":\"p\",\"response\":\"r\"}",
    ] {
        let path = directory.path().join("b.jsonl");
        fs_err::write(&path, text).unwrap();
        same(&path);
    }
}

#[test]
fn a_reader_that_is_dropped_early_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    fs_err::write(&path, lines(0)).unwrap();
    for taken in [0, 1, 700] {
        let reader = ExampleReader::open(&path).unwrap();
        let read = reader.in_parallel(|example| example.id).take(taken);
        assert_eq!(read.count(), taken);
    }
}

#[test]
fn a_thread_that_panics_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    fs_err::write(&path, lines(0)).unwrap();
    let reader = ExampleReader::open(&path).unwrap();
    let mut reader = reader.in_parallel(|example| {
        assert_ne!(example.id, "r3000", "a test of panics");
    });
    let last = std::iter::from_fn(|| reader.next()).last();
    let is_alone = std::thread::available_parallelism().map_or(1, usize::from) == 1;
    if !is_alone {
        let error = last.unwrap().unwrap_err().to_string();
        assert!(error.contains("thread"), "{error}");
    }
}

#[test]
fn without_meta_everything_else_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.jsonl");
    fs_err::write(&path, lines(0)).unwrap();
    let bare = ExampleReader::open(&path).unwrap().without_meta();
    let all = ExampleReader::open(&path).unwrap();
    let (mut of_bare, mut of_all) = (StatsCollector::new(), StatsCollector::new());
    for (number, (bare, all)) in bare.zip(all).enumerate() {
        match (bare, all) {
            (Ok(bare), Ok(mut all)) => {
                of_bare.add(&bare, number);
                of_all.add(&all, number);
                all.meta.clear();
                assert_eq!(bare, all);
            }
            (bare, all) => assert_eq!(
                bare.map_err(|error| error.to_string()),
                all.map_err(|error| error.to_string())
            ),
        }
    }
    assert_eq!(of_bare.finish(), of_all.finish());
}
