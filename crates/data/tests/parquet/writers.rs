use gradus_data::{Example, Format, ImportOptions, import, read_examples};

use crate::support::fixture;

/// The three records that `scripts/parquet_fixtures.py` has every program write.
fn expected() -> Vec<Example> {
    let mut examples = read_examples(fixture("expected.jsonl")).unwrap();
    for example in &mut examples {
        // A column that is null is a key that is not there.
        example.extra.retain(|_, value| !value.is_null());
    }
    examples
}

#[test]
fn every_writer_and_encoding_gives_the_same_records() {
    let mut names: Vec<String> = Vec::new();
    for entry in fs_err::read_dir(fixture("")).unwrap() {
        names.push(entry.unwrap().file_name().into_string().unwrap());
    }
    let others = [
        "stepwise",
        "null-column",
        "fixed",
        "aspects",
        "types",
        "decimal",
        "brotli",
        "groups",
    ];
    names.retain(|name| {
        name.ends_with(".parquet") && !others.iter().any(|other| name.contains(other))
    });
    assert!(names.len() >= 13, "{names:?}");
    for writer in ["pyarrow", "polars", "duckdb", "spark"] {
        assert!(
            names.iter().any(|name| name.starts_with(writer)),
            "{writer}"
        );
    }
    for name in names {
        let found = read_examples(fixture(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found, expected(), "{name}");
    }
}

#[test]
fn a_column_of_nulls_is_no_key() {
    let found = read_examples(fixture("pyarrow-null-column.parquet")).unwrap();
    assert!(found.iter().all(|example| example.context.is_none()));
    assert_eq!(found[0].prompt, expected()[0].prompt);
}

#[test]
fn stepwise_supervision_is_read_as_it_is_and_by_its_importer() {
    let path = fixture("pyarrow-stepwise.parquet");
    let examples = read_examples(&path).unwrap();
    let ratings = |example: &Example| -> Vec<Option<f64>> {
        let segments = example.segments.iter();
        segments
            .map(|segment| segment.ratings.get("rating").copied())
            .collect()
    };
    assert_eq!(examples[0].response, "step one\nstep two");
    assert_eq!(ratings(&examples[0]), [Some(1.0), Some(0.0)]);
    assert_eq!(ratings(&examples[1]), [Some(1.0), None, Some(1.0)]);
    assert_eq!(examples[1].id, "2", "the row stands in for the id");
    let imported = import(path, Format::TrlStepwise, &ImportOptions::default()).unwrap();
    let imported: Vec<Example> = imported.map(Result::unwrap).collect();
    assert_eq!(imported[0].segments.len(), 2);
}

#[test]
fn lists_beside_texts_aspects_and_decimals_are_ratings() {
    let fixed = &read_examples(fixture("pyarrow-fixed-lists.parquet")).unwrap()[0];
    assert_eq!(
        fixed.segments[1].ratings["rating"].to_bits(),
        0.25_f64.to_bits()
    );
    // DuckDB writes the literal 0.7 as a decimal number.
    let decimal = &read_examples(fixture("duckdb-decimal.parquet")).unwrap()[0];
    assert_eq!(
        decimal.segments[0].ratings["rating"].to_bits(),
        0.7_f64.to_bits()
    );
    let aspects = &read_examples(fixture("pyarrow-aspects.parquet")).unwrap()[0];
    let [first, second] = &aspects.segments[..] else {
        panic!("{aspects:?}")
    };
    assert_eq!(first.ratings, [("fact".to_owned(), 1.0)].into());
    assert_eq!(second.ratings, [("style".to_owned(), 0.5)].into());
}

#[test]
fn values_of_other_types_are_kept_as_json_has_them() {
    let example = &read_examples(fixture("pyarrow-types.parquet")).unwrap()[0];
    assert_eq!(
        example.ratings,
        [("fact".to_owned(), 0.5), ("style".to_owned(), 1.0)].into()
    );
    assert_eq!(example.extra["when"], "2024-02-29T12:34:56.789000Z");
    assert_eq!(example.extra["day"], "2024-02-29");
    assert_eq!(example.extra["price"], 1.25);
    assert_eq!(example.extra["half"], 0.5);
}
