use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use gradus_data::{
    AtomicFile, Compression, DataError, Example, ExampleReader, ReadLimits, read_examples,
};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const NUM_RECORDS: usize = 500;

fn record(index: usize) -> String {
    format!(
        "{{\"id\":\"x{index}\",\"prompt\":\"p\",\"response\":\"{}\"}}\n",
        index * index
    )
}

fn records() -> String {
    (0..NUM_RECORDS).map(record).collect()
}

fn save(directory: &Path, name: &str, data: &[u8]) -> PathBuf {
    let path = directory.join(name);
    fs_err::write(&path, data).unwrap();
    path
}

fn packed(name: &str) -> Vec<u8> {
    let records = records();
    if name == "a.zst" {
        return compress_to_vec(records.as_bytes(), CompressionLevel::Fastest);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(records.as_bytes()).unwrap();
    file.commit().unwrap();
    fs_err::read(path).unwrap()
}

#[test]
fn the_first_bytes_decide_and_not_the_name() {
    let directory = tempfile::tempdir().unwrap();
    for (written_as, compression) in [
        ("a", Compression::Plain),
        ("a.gz", Compression::Gzip),
        ("a.zst", Compression::Zstd),
    ] {
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            let path = save(directory.path(), name, &packed(written_as));
            assert_eq!(
                ExampleReader::open(&path).unwrap().compression(),
                compression
            );
            let examples = read_examples(&path).unwrap();
            assert_eq!(examples.len(), NUM_RECORDS, "{written_as} as {name}");
            assert_eq!(examples[7].response, "49");
        }
    }
}

#[test]
fn gzip_files_that_were_joined_are_read_to_their_end() {
    let mut data = Vec::new();
    for index in 0..3 {
        let mut part = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        part.write_all(record(index).as_bytes()).unwrap();
        data.extend(part.finish().unwrap());
    }
    let reader = ExampleReader::new(std::io::Cursor::new(data), "joined").unwrap();
    assert_eq!(reader.map(Result::unwrap).count(), 3);
}

#[test]
fn a_compressed_file_that_is_cut_off_is_an_error_that_ends_the_reading() {
    for (name, hint) in [("a.gz", "gzip -t"), ("a.zst", "zstd -t")] {
        let data = packed(name);
        for length in [data.len() / 2, data.len() - 1] {
            let cut = data[..length].to_vec();
            let mut reader = ExampleReader::new(std::io::Cursor::new(cut), name).unwrap();
            let error = reader.by_ref().find_map(Result::err).unwrap();
            assert!(matches!(error, DataError::Read { .. }), "{name}: {error}");
            let message = error.to_string();
            assert!(
                message.starts_with(&format!("{name}: reading failed after line")),
                "{message}"
            );
            assert!(error.hint().unwrap().contains(hint));
            assert!(reader.next().is_none());
        }
    }
}

#[test]
fn a_damaged_compressed_file_is_an_error() {
    for name in ["a.gz", "a.zst"] {
        let mut data = packed(name);
        let middle = data.len() / 2;
        data[middle] ^= 0xff;
        let mut reader = ExampleReader::new(std::io::Cursor::new(data), name).unwrap();
        assert!(reader.any(|result| result.is_err()), "{name}");
    }
}

#[test]
fn a_line_that_unfolds_to_more_than_the_limit_is_refused_and_not_read_whole() {
    use std::io::Write as _;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer
        .write_all(b"{\"prompt\":\"p\",\"response\":\"r\"}\n{\"prompt\":\"")
        .unwrap();
    let chunk = vec![b'a'; 1 << 20];
    for _ in 0..64 {
        packer.write_all(&chunk).unwrap();
    }
    let packed = packer.finish().unwrap();
    assert!(packed.len() < 100_000, "{}", packed.len());
    let mut reader = ExampleReader::new(std::io::Cursor::new(packed), "a.gz").unwrap();
    assert!(reader.next().unwrap().is_ok());
    let error = reader.next().unwrap().unwrap_err();
    let expected = "a.gz:2: found a line of more than 16777216 bytes, expected at most that many";
    assert_eq!(error.to_string(), expected);
    assert!(reader.next().is_none());
}

#[test]
fn blank_lines_line_ends_and_a_byte_order_mark_do_not_matter() {
    let text = format!(
        "\u{feff}{}\r\n\r\n  \n{}",
        record(0).trim_end(),
        record(1).trim_end()
    );
    let mut reader = ExampleReader::new(std::io::Cursor::new(text), "a.jsonl").unwrap();
    let lines: Vec<usize> = std::iter::from_fn(|| {
        reader.next().map(|example| {
            example.unwrap();
            reader.location().line
        })
    })
    .collect();
    assert_eq!(lines, [1, 4]);
}

#[test]
fn reading_goes_on_after_a_wrong_record() {
    let text = format!("{}oops\n{}", record(0), record(1));
    let reader = ExampleReader::new(std::io::Cursor::new(text), "a.jsonl").unwrap();
    let results: Vec<bool> = reader.map(|result| result.is_ok()).collect();
    assert_eq!(results, [true, false, true]);
}

#[test]
fn a_very_long_line_is_read() {
    let response = "é".repeat(3_000_000);
    let line = format!("{{\"prompt\":\"p\",\"response\":\"{response}\"}}");
    let directory = tempfile::tempdir().unwrap();
    let path = save(directory.path(), "a.jsonl", line.as_bytes());
    let limits = |max_text_bytes| ReadLimits {
        max_text_bytes,
        ..ReadLimits::default()
    };
    let mut reader = ExampleReader::open_within(&path, limits(6_000_000)).unwrap();
    assert_eq!(reader.next().unwrap().unwrap().response, response);
    let mut reader = ExampleReader::open_within(&path, limits(5_999_999)).unwrap();
    let error = reader.next().unwrap().unwrap_err().to_string();
    let expected =
        "a.jsonl:1: field `response`: found a text of 6000000 bytes, expected at most 5999999";
    assert!(error.ends_with(expected), "{error}");
    assert!(reader.next().is_none());
}

#[test]
fn only_as_much_is_read_as_is_needed() {
    /// Records without end; reading all of them would never return.
    struct Endless(usize, Vec<u8>);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.1.is_empty() {
                self.1 = record(self.0).into_bytes();
                self.0 += 1;
            }
            let count = buffer.len().min(self.1.len());
            buffer[..count].copy_from_slice(&self.1[..count]);
            self.1.drain(..count);
            Ok(count)
        }
    }
    let reader = ExampleReader::new(Endless(0, Vec::new()), "endless").unwrap();
    let ids: Vec<String> = reader
        .take(1000)
        .map(|example| example.unwrap().id)
        .collect();
    assert_eq!(ids[999], "x999");
}

#[test]
fn an_id_used_twice_is_an_error_that_names_both_lines() {
    let directory = tempfile::tempdir().unwrap();
    let data = format!("{}\n{}{}", record(1), record(2), record(1));
    let path = save(directory.path(), "a.jsonl", data.as_bytes());
    let error = read_examples(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}:4: field `id`: found `x1`, which line 1 has too, expected distinct ids",
            path.display()
        )
    );
    let reader = ExampleReader::open(&path).unwrap();
    assert!(
        reader
            .collect::<gradus_data::Result<Vec<Example>>>()
            .is_ok(),
        "streams do not look back"
    );
}

#[test]
fn an_empty_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = save(directory.path(), "a.jsonl.gz", b"");
    assert!(matches!(
        read_examples(&path),
        Err(DataError::NoRecords { .. })
    ));
}
