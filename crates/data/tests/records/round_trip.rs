use gradus_data::{Example, ExampleReader, ExampleWriter, Location, parse_example, read_examples};
use proptest::prelude::*;

use crate::arbitrary;

fn parse(line: &str) -> Example {
    parse_example(line, &Location::new("test.jsonl", 1)).unwrap()
}

proptest! {
    #[test]
    fn any_example_is_the_same_after_writing_and_reading(example in arbitrary::example()) {
        prop_assert!(example.check().is_ok());
        let line = example.to_json().to_string();
        prop_assert!(!line.contains('\n'));
        let read = parse(&line);
        prop_assert_eq!(&read, &example);
        for (written, read) in example.segments.iter().zip(&read.segments) {
            for (aspect, rating) in &written.ratings {
                prop_assert_eq!(rating.to_bits(), read.ratings[aspect].to_bits());
            }
        }
        prop_assert_eq!(read.to_json().to_string(), line, "keys keep their order");
    }

    #[test]
    fn segment_texts_are_what_the_spans_say(example in arbitrary::example()) {
        for (k, segment) in example.segments.iter().enumerate() {
            let span = segment.span;
            let text: String =
                example.response.chars().skip(span.start).take(span.len()).collect();
            prop_assert_eq!(example.segment_text(k), text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_examples_survive_any_file(
        examples in proptest::collection::vec(arbitrary::example(), 1..20),
    ) {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.jsonl", "a.jsonl.gz", "a.parquet"] {
            let path = directory.path().join(name);
            let mut writer = ExampleWriter::create(&path).unwrap();
            let mut written = Vec::new();
            for (index, example) in examples.iter().enumerate() {
                let example = Example { id: format!("{index}"), ..example.clone() };
                writer.write(&example).unwrap();
                written.push(example);
            }
            prop_assert_eq!(writer.written(), examples.len());
            writer.commit().unwrap();
            prop_assert_eq!(&read_examples(&path).unwrap(), &written, "{}", name);
            let reader = ExampleReader::open(&path).unwrap();
            let read: Result<Vec<Example>, _> = reader.in_parallel(|example| example).collect();
            prop_assert_eq!(read.unwrap(), written, "{} on all cores", name);
        }
    }
}

#[test]
fn a_float_rating_is_unchanged_in_every_shape() {
    for line in [
        r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":0.7}]}"#,
        r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":{"rating":0.7}}]}"#,
        r#"{"prompt":"p","segments":["r"],"ratings":[0.7]}"#,
        r#"{"prompt":"p","segments":["r"],"ratings":{"rating":[0.7]}}"#,
        r#"{"prompt":"p","completions":["r"],"labels":[0.7]}"#,
    ] {
        let rating = parse(line).segments[0].ratings["rating"];
        assert_eq!(rating.to_bits(), 0.7_f64.to_bits(), "{line}");
        #[expect(clippy::cast_possible_truncation)]
        let as_trained = rating as f32;
        assert_eq!(as_trained.to_bits(), 0.7_f32.to_bits(), "{line}");
    }
}

#[test]
fn an_example_that_is_not_valid_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = ExampleWriter::create(directory.path().join("a.jsonl")).unwrap();
    let mut example =
        parse(r#"{"id":"x","prompt":"p","response":"r","segments":[{"start":0,"end":1}]}"#);
    example.segments[0]
        .ratings
        .insert("factuality".into(), f64::NAN);
    assert_eq!(
        writer.write(&example).unwrap_err().to_string(),
        "example `x`: field `segments[0].rating.factuality`: found NaN, expected a finite number"
    );
    example.segments.clear();
    example.extra.insert("labels".into(), 1.into());
    assert_eq!(
        writer.write(&example).unwrap_err().to_string(),
        "example `x`: found `labels` among the extra keys, expected keys without a meaning of their own"
    );
    assert_eq!(writer.written(), 0);
}
