//! Your own data: build examples in memory, write native records, read them back.
//!
//! `cargo run --release --example custom_dataset`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use std::collections::BTreeMap;

use gradus::data::{CharSpan, DatasetStats, Example, ExampleWriter, Segment, read_examples};

/// A row of a custom format: a question, and statements with accuracy ratings, if they were rated.
type Row<'a> = (&'a str, &'a [(&'a str, Option<f64>)]);

const ROWS: &[Row<'_>] = &[
    (
        "How far is the moon?",
        &[
            ("About 384,400 km.", Some(1.0)),
            ("It is made of cheese.", Some(0.0)),
        ],
    ),
    (
        "When was it reached?",
        &[("In 1969.", Some(1.0)), ("By accident, some say.", None)],
    ),
];

fn example(id: usize, (prompt, statements): &Row<'_>) -> Example {
    let mut response = String::new();
    let mut segments = Vec::new();
    for (text, rating) in *statements {
        if !response.is_empty() {
            response.push(' ');
        }
        // Spans count characters; an unrated segment has no rating.
        let start = response.chars().count();
        response.push_str(text);
        let span = CharSpan::new(start, response.chars().count());
        let ratings: BTreeMap<String, f64> = rating
            .iter()
            .map(|&rating| ("accuracy".to_string(), rating))
            .collect();
        segments.push(Segment::new(span, ratings));
    }
    Example {
        id: id.to_string(),
        prompt: (*prompt).into(),
        response,
        segments,
        ..Example::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join("gradus-example-custom.jsonl");
    let mut writer = ExampleWriter::create(&path)?;
    for (id, row) in ROWS.iter().enumerate() {
        // Refuses invalid records as a reader does: overlapping spans, non-finite ratings, …
        writer.write(&example(id, row))?;
    }
    writer.commit()?;

    for example in read_examples(&path)? {
        println!("{}", example.prompt);
        for k in 0..example.segments.len() {
            println!(
                "  {:?}  {}",
                example.segments[k].ratings.get("accuracy"),
                example.segment_text(k)
            );
        }
    }
    let stats = DatasetStats::read(&path)?;
    println!(
        "{} segments, {} unrated",
        stats.segments, stats.unrated_segments
    );
    Ok(())
}
