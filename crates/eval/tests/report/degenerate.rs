//! Evaluations of which little or nothing can be shown.

use gradus_data::{CharSpan, Example, Segment};

use crate::support::{Fixture, data, read, select};

fn example(id: usize, response: &str, rating: Option<f64>) -> Example {
    let mut segment = Segment::unrated(CharSpan::new(0, response.chars().count()));
    segment.ratings = rating
        .map(|rating| ("rating".to_owned(), rating))
        .into_iter()
        .collect();
    Example {
        id: id.to_string(),
        response: response.into(),
        segments: vec![segment],
        ..Example::default()
    }
}

#[test]
fn one_segment_is_shown_without_a_made_up_figure() {
    let page = read(&Fixture::of(vec![example(0, "Yes.", Some(0.5))], |_, _| vec![0.25]).html());
    let table = select(&page, "table").concat();
    assert!(
        table.contains("<td>-</td>") && table.contains("0.2500"),
        "{table}"
    );
    assert!(
        select(&page, "p.note")
            .concat()
            .contains("there is only one pair")
    );
    assert_eq!(data(&page)["responses"][0]["share"][0], 1.0);
}

#[test]
fn constant_scores_and_ratings_have_charts_and_no_correlation() {
    for (rating, score) in [(0.5, 0.5), (0.0, 1e9), (1e-12, 0.0)] {
        let examples = (0..50)
            .map(|id| example(id, "Yes.", Some(rating)))
            .collect();
        let page = read(&Fixture::of(examples, |_, _| vec![score]).html());
        assert!(!select(&page, "figure").is_empty());
        assert!(
            select(&page, "p.note")
                .concat()
                .contains("all ratings are the same")
        );
    }
}

#[test]
fn nothing_rated_says_so_and_still_shows_the_responses() {
    let examples = (0..3).map(|id| example(id, "Yes.", None)).collect();
    let page = read(&Fixture::of(examples, |_, _| vec![0.25]).html());
    assert!(
        select(&page, "ul.reading")
            .concat()
            .contains("Nothing is both rated and scored")
    );
    assert!(select(&page, "figure").is_empty());
    assert_eq!(data(&page)["responses"].as_array().unwrap().len(), 3);
}

#[test]
fn no_response_at_all_is_a_page_too() {
    let page = read(&Fixture::of(Vec::new(), |_, _| vec![]).html());
    assert!(
        select(&page, "#responses")
            .concat()
            .contains("All 0 responses")
    );
}

#[test]
fn scores_that_are_no_numbers_or_too_large_are_not_drawn() {
    for score in [f64::NAN, f64::INFINITY, 1e300, -1.7e308] {
        let examples = (0..50)
            .map(|id| example(id, "Yes.", Some(1.7e308)))
            .collect();
        read(&Fixture::of(examples, |_, _| vec![score]).html());
    }
}

#[test]
fn any_script_and_any_emoji_come_through() {
    let text = "שלום עולם 👩🏽‍🚀 e\u{301}\u{327} \u{202e}tfel\u{202c} \u{0} 🇺🇳 ﷽";
    let page = read(&Fixture::of(vec![example(0, text, Some(1.0)); 2], |_, _| vec![0.0]).html());
    // What turns the direction of the text around it is spelt out.
    let shown = text
        .replace('\u{202e}', r"\u{202e}")
        .replace('\u{202c}', r"\u{202c}");
    assert_eq!(data(&page)["responses"][0]["parts"][0][0], shown);
}
