use std::collections::BTreeSet;
use std::path::Path;

use gradus_data::{DataError, read_examples};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::ByteArray;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::support::{Levels, Values, first_error, fixture, flat, read, write, write_with};

/// What is written to a file, and what the message about it has to name.
type Case = (&'static str, fn(&Path), &'static [&'static str]);

const PROMPT: &str = "required binary prompt (STRING);";
const TEXTS: &str = "required binary prompt (STRING); required binary response (STRING);";

fn text(values: &[&'static str]) -> (Levels, Values) {
    let values = values.iter().map(|text| text.as_bytes()).collect();
    (flat(), Values::Texts(values))
}

fn good() -> Vec<u8> {
    fs_err::read(fixture("pyarrow-none-plain.parquet")).unwrap()
}

fn segments(path: &Path, fields: &str, columns: Vec<(Levels, Values)>) {
    let schema = format!(
        "{TEXTS} required group segments (LIST) {{ repeated group list {{ required group element {{ {fields} }} }} }}"
    );
    let texts = vec![text(&["p", "p"]), text(&["abc", "abc"])];
    write(path, &schema, texts.into_iter().chain(columns).collect());
}

/// Levels of two rows with a list of one and of `second` elements.
fn lists(second: usize) -> Levels {
    let repetition = std::iter::repeat_n(1, second.saturating_sub(1));
    let repetition: Vec<i16> = [0, 0].into_iter().chain(repetition).collect();
    let definition = if second == 0 {
        vec![1, 0]
    } else {
        vec![1; repetition.len()]
    };
    (definition, repetition)
}

const CASES: &[Case] = &[
    (
        "four bytes",
        |path| fs_err::write(path, "PAR1").unwrap(),
        &["found 4 bytes", "cut off"],
    ),
    (
        "eight bytes",
        |path| fs_err::write(path, "PAR1PAR1").unwrap(),
        &["found 8 bytes"],
    ),
    (
        "cut in the data",
        |path| fs_err::write(path, &good()[..900]).unwrap(),
        &["cut off"],
    ),
    (
        "cut in the footer",
        |path| fs_err::write(path, &good()[..good().len() - 10]).unwrap(),
        &["at the end, expected \"PAR1\""],
    ),
    (
        "text behind the end",
        |path| fs_err::write(path, [good(), b"\n".to_vec()].concat()).unwrap(),
        &["AR1\\n at the end"],
    ),
    (
        "a footer longer than the file",
        |path| {
            let mut bytes = good();
            let length = bytes.len();
            bytes[length - 8..length - 4].copy_from_slice(&u32::MAX.to_le_bytes());
            fs_err::write(path, bytes).unwrap();
        },
        &["the footer claims 4294967295 bytes"],
    ),
    (
        "a footer of other bytes",
        |path| {
            let mut bytes = b"PAR1".to_vec();
            bytes.extend([0xab; 300]);
            bytes.extend(300_u32.to_le_bytes());
            bytes.extend(b"PAR1");
            fs_err::write(path, bytes).unwrap();
        },
        &["the footer cannot be read"],
    ),
    (
        "encrypted",
        |path| {
            let mut bytes = good();
            let length = bytes.len();
            bytes[length - 4..].copy_from_slice(b"PARE");
            fs_err::write(path, bytes).unwrap();
        },
        &["the footer is encrypted"],
    ),
    (
        "no rows",
        |path| write(path, PROMPT, Vec::new()),
        &["no record"],
    ),
    (
        "deep nesting",
        |path| {
            let groups = "required group g { ".repeat(70);
            let schema = format!("{groups} required binary x; {}", "} ".repeat(70));
            write(path, &schema, Vec::new());
        },
        &["lie more than 64 groups deep"],
    ),
    (
        "a number for a text",
        |path| {
            let schema = "required int64 prompt; required binary response (STRING);";
            write(
                path,
                schema,
                vec![(flat(), Values::Whole(vec![7])), text(&["r"])],
            );
        },
        &["row 1", "field `prompt`", "the number 7", "expected a text"],
    ),
    (
        "bytes that are no text",
        |path| {
            write(
                path,
                TEXTS,
                vec![
                    text(&["p", "p"]),
                    (flat(), Values::Texts(vec![b"r", b"\xff\xfe"])),
                ],
            );
        },
        &["row 2", "field `response`", "2 bytes", "UTF-8"],
    ),
    (
        "a column that is missing",
        |path| write(path, PROMPT, vec![text(&["p"])]),
        &["row 1", "field `response`: missing"],
    ),
    (
        "negative offsets",
        |path| {
            let whole = |values: [i64; 2]| (lists(1), Values::Whole(values.into()));
            segments(
                path,
                "required int64 start; required int64 end;",
                vec![whole([0, -1]), whole([1, 2])],
            );
        },
        &["row 2", "field `segments[0].start`", "the number -1"],
    ),
    (
        "offsets past the end",
        |path| {
            let whole = |values: [i64; 2]| (lists(1), Values::Whole(values.into()));
            segments(
                path,
                "required int64 start; required int64 end;",
                vec![whole([0, 0]), whole([1, 9])],
            );
        },
        &["row 2", "field `segments[0].end`", "character 9"],
    ),
    (
        "a rating that is no number",
        |path| {
            let whole = |values: [i64; 2]| (lists(1), Values::Whole(values.into()));
            let ratings = (lists(1), Values::Numbers(vec![0.5, f64::NAN]));
            let fields = "required int64 start; required int64 end; required double rating;";
            segments(path, fields, vec![whole([0, 0]), whole([1, 1]), ratings]);
        },
        &["row 2", "field `segments[0].rating`", "found NaN"],
    ),
    (
        "ratings as texts",
        |path| {
            let whole = |values: [i64; 2]| (lists(1), Values::Whole(values.into()));
            let ratings = (lists(1), Values::Texts(vec![b"0.5", b"good"]));
            let fields =
                "required int64 start; required int64 end; required binary rating (STRING);";
            segments(path, fields, vec![whole([0, 0]), whole([1, 1]), ratings]);
        },
        &["row 1", "field `segments[0].rating`", "the text \"0.5\""],
    ),
    (
        "lists of different lengths",
        |path| {
            let start = (lists(2), Values::Whole(vec![0, 0, 1]));
            let end = (lists(1), Values::Whole(vec![1, 1]));
            segments(
                path,
                "required int64 start; required int64 end;",
                vec![start, end],
            );
        },
        &[
            "column `segments.list.element.end`",
            "row 2",
            "lists do not fit",
        ],
    ),
    (
        "a list in one column only",
        |path| {
            let start = (lists(1), Values::Whole(vec![0, 0]));
            let end = (lists(0), Values::Whole(vec![1]));
            segments(
                path,
                "required int64 start; required int64 end;",
                vec![start, end],
            );
        },
        &[
            "column `segments.list.element.end`",
            "row 2",
            "lists do not fit",
        ],
    ),
    (
        "segments that are a text",
        |path| {
            let schema = format!("{TEXTS} required binary segments (STRING);");
            write(
                path,
                &schema,
                vec![text(&["p"]), text(&["r"]), text(&["[]"])],
            );
        },
        &["row 1", "field `segments`", "expected a list"],
    ),
    (
        "notes that are no JSON",
        |path| {
            let schema = format!("{TEXTS} required binary meta (STRING);");
            write(
                path,
                &schema,
                vec![
                    text(&["p", "p"]),
                    text(&["r", "r"]),
                    text(&["{}", "{\"a\":1"]),
                ],
            );
        },
        &["row 2", "field `meta`", "not JSON at column"],
    ),
    (
        "a type that is not read",
        |path| {
            let schema = format!("{TEXTS} required fixed_len_byte_array(12) age (INTERVAL);");
            write(path, &schema, Vec::new());
        },
        &["column `age`", "intervals of time"],
    ),
    (
        "a page of two gigabytes",
        |path| fs_err::write(path, with_page_claim(&good(), i32::MAX)).unwrap(),
        &["column `year`", "row 1", "a page of 2147483647 bytes"],
    ),
    (
        "a page of less than nothing",
        |path| fs_err::write(path, with_page_claim(&good(), -5)).unwrap(),
        &["column `year`", "row 1", "a page of -5 bytes"],
    ),
    (
        "a row far longer than its bytes",
        |path| {
            // A text of a megabyte in the dictionary, and forty times its number.
            let schema = format!(
                "{TEXTS} required group notes (LIST) {{ repeated group list {{ required binary element (STRING); }} }}"
            );
            let repetition = [&[0_i16][..], &[1; 39]].concat();
            let text_of_a_megabyte = ByteArray::from(vec![b'a'; 1 << 20]);
            let notes = (
                (vec![1; 40], repetition),
                Values::Repeated(text_of_a_megabyte, 40),
            );
            let properties = WriterProperties::builder().set_dictionary_page_size_limit(4 << 20);
            write_with(
                path,
                &schema,
                vec![text(&["p"]), text(&["r"]), notes],
                properties,
            );
            assert!(fs_err::metadata(path).unwrap().len() < 2 << 20);
        },
        &["row 1", "found a row of more than 16777216 bytes"],
    ),
    (
        "texts that repeat the one before",
        |path| {
            let long = ByteArray::from(vec![b'a'; 4 << 20]);
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(false)
                .set_encoding(Encoding::DELTA_BYTE_ARRAY)
                .set_data_page_size_limit(1 << 30)
                .set_write_batch_size(1000);
            let prompts = (flat(), Values::Repeated(long.clone(), 70));
            let responses = (flat(), Values::Repeated(long, 70));
            write_with(path, TEXTS, vec![prompts, responses], properties);
            assert!(fs_err::metadata(path).unwrap().len() < 10 << 20);
        },
        &[
            "column `prompt`",
            "row 1",
            "a page with texts of 293601280 bytes",
        ],
    ),
    (
        "a codec that is not read",
        |path| {
            fs_err::copy(fixture("pyarrow-brotli.parquet"), path).unwrap();
        },
        &["column `prompt`", "compression BROTLI"],
    ),
];

/// The file with another size in the header of the first page of its last column, behind which nothing
/// but the footer lies.
fn with_page_claim(bytes: &[u8], size: i32) -> Vec<u8> {
    let file = fs_err::File::open(fixture("pyarrow-none-plain.parquet"))
        .unwrap()
        .into_parts()
        .0;
    let file = SerializedFileReader::new(file).unwrap();
    let group = file.metadata().row_group(0);
    let column = group.column(group.num_columns() - 1);
    let start = usize::try_from(column.data_page_offset()).unwrap();
    // Field 1 is the type of the page in one byte; field 2 its size.
    assert_eq!((bytes[start], bytes[start + 2]), (0x15, 0x15));
    let size_start = start + 3;
    let length = bytes[size_start..]
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .unwrap()
        + 1;
    let mut value = ((size << 1) ^ (size >> 31)).cast_unsigned();
    let mut claim = Vec::new();
    while value >= 0x80 {
        claim.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    claim.push(value.to_le_bytes()[0]);
    [&bytes[..size_start], &claim, &bytes[size_start + length..]].concat()
}

#[test]
fn wrong_files_are_refused_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    assert!(CASES.len() >= 20);
    for (name, make, found) in CASES {
        let path = directory
            .path()
            .join(format!("{}.parquet", name.replace(' ', "-")));
        make(&path);
        let message = first_error(&path);
        assert!(
            message.starts_with(path.to_str().unwrap()),
            "{name}: {message}"
        );
        for part in *found {
            assert!(message.contains(part), "{name}: {message}");
        }
    }
}

#[test]
fn a_wrong_row_does_not_take_the_others_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let texts = (flat(), Values::Texts(vec![b"a", b"\xff", b"c"]));
    write(&path, TEXTS, vec![text(&["p", "q", "r"]), texts]);
    let rows = read(&path);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[2].as_ref().unwrap().response, "c");
    assert!(matches!(rows[1], Err(DataError::Record { .. })));
}

#[test]
fn a_changed_byte_and_a_cut_do_no_more_than_end_reading() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    for name in [
        "pyarrow-zstd.parquet",
        "pyarrow-delta.parquet",
        "duckdb-zstd-v2.parquet",
    ] {
        let bytes = fs_err::read(fixture(name)).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= [0xff, 0x01, 0x80][at % 3];
            fs_err::write(&path, &changed).unwrap();
            read(&path);
            if at % 5 == 0 {
                fs_err::write(&path, &bytes[..at]).unwrap();
                assert!(read_examples(&path).is_err(), "{name} cut at {at}");
            }
        }
    }
}

/// Large pages are unpacked ahead of time where rows are read in batches, which [`read`] compares with those one by one.
#[test]
fn damage_to_large_pages_is_found_at_their_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        let texts = |text: String| {
            (
                flat(),
                Values::Repeated(ByteArray::from(text.as_str()), 3000),
            )
        };
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(1 << 17)
            .set_encoding(Encoding::PLAIN);
        let columns = vec![
            texts("Why is it? ".repeat(20)),
            texts("So it is. ".repeat(30)),
        ];
        write_with(&path, TEXTS, columns, properties);
        let rows = read(&path);
        assert_eq!(rows.len(), 3000);
        assert!(rows.iter().all(Result::is_ok));
        let bytes = fs_err::read(&path).unwrap();
        let mut places = BTreeSet::new();
        for at in (0..bytes.len()).step_by(bytes.len() / 60) {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            fs_err::write(&path, &changed).unwrap();
            let rows = read(&path);
            if rows.last().is_some_and(Result::is_err) {
                places.insert(rows.len());
            }
        }
        assert!(places.len() > 2, "{places:?}");
    }
}
