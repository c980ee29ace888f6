//! A page stays within bounds, and what is not on it is counted.

use gradus_data::{CharSpan, Example, Segment};
use std::time::Instant;

use crate::support::{Fixture, data, read, select};

#[test]
fn the_worst_responses_are_shown_and_the_rest_is_counted() {
    let mut fixture = Fixture::generated(60);
    fixture.max_responses = 7;
    let page = read(&fixture.html());
    let text = select(&page, "#responses > p").concat();
    assert!(
        text.contains("7 of 60 responses shown") && text.contains("not a sample"),
        "{text}"
    );
    let data = data(&page);
    let shares: Vec<f64> = data["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|response| response["share"][0].as_f64().unwrap())
        .collect();
    assert!(
        shares.len() == 7 && shares.is_sorted_by(|a, b| a >= b),
        "{shares:?}"
    );
    fixture.max_responses = 0;
    let page = read(&fixture.html());
    assert!(
        select(&page, "#responses")
            .concat()
            .contains("0 of 60 responses shown")
    );
    assert_eq!(select(&page, "script").len(), 0);
}

#[test]
fn very_long_texts_are_cut_and_the_cut_is_counted() {
    let long = "word ".repeat(100_000);
    let example = Example {
        id: "long".into(),
        prompt: long.clone(),
        context: Some(long.clone()),
        response: long.clone(),
        segments: (0..50_000)
            .map(|k| Segment::rated(CharSpan::new(10 * k, 10 * k + 10), 0.5))
            .collect(),
        ..Example::default()
    };
    let html = Fixture::of(vec![example], |_, _| vec![0.25]).html();
    assert!(html.len() < 400_000, "{}", html.len());
    let data = data(&read(&html));
    let response = &data["responses"][0];
    let count = |field: &str| response[field].as_u64().unwrap();
    let shown = response["parts"].as_array().unwrap().len() as u64;
    assert_eq!(count("segmentsLeft") + shown, 50_000);
    assert_eq!(
        count("promptLeft") + response["prompt"].as_str().unwrap().chars().count() as u64,
        500_000
    );
    assert!(count("contextLeft") > 0);
}

#[test]
fn a_hundred_thousand_segments_take_seconds_and_a_page_of_a_few_megabytes() {
    let template = Fixture::generated(1).examples.remove(0);
    let copies = 100_000 / template.segments.len() + 1;
    let examples = (0..copies)
        .map(|id| Example {
            id: id.to_string(),
            ..template.clone()
        })
        .collect();
    let fixture = Fixture::of(examples, |example, k| {
        vec![(example.id.len() * 31 + k * 17) as f64 % 10.0 / 10.0]
    });
    let start = Instant::now();
    let html = fixture.html();
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    assert!(html.len() < 4_000_000, "{}", html.len());
}
