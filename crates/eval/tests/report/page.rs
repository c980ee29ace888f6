//! What is on the page.

use gradus_data::{CharSpan, Example, Segment};
use gradus_eval::Aspect;
use gradus_eval::report::{ReportInput, html};
use gradus_eval::{Aggregation, EvalError, Evaluation, UnscoredReason};

use crate::support::{Fixture, data, history, read, read_part, select};

#[test]
fn the_page_is_whole_and_shows_figures_charts_and_responses() {
    let mut fixture = Fixture::generated(300);
    fixture.baselines = true;
    fixture.history = Some(history());
    let html = fixture.html();
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs_err::write(directory.join("report.html"), &html).unwrap();
    let page = read(&html);
    let titles = select(&page, "figure h3").concat();
    for title in [
        "Segments, with the baselines",
        "Responses, with the baselines",
        "Score against rating",
        "Reliability",
        "Residuals",
        "Residuals against score",
        "Error by position",
        "Training",
    ] {
        assert!(
            titles.contains(&format!("<h3>{title}</h3>")),
            "{title} is missing in {titles}"
        );
    }
    assert_eq!(select(&page, "figure svg[aria-label]").len(), 8);
    for figure in select(&page, "figure") {
        let figure = read_part(&figure);
        assert_eq!(select(&figure, "details.numbers:not([open])").len(), 1);
        let columns = select(&figure, "details.numbers thead th[scope=col]").len();
        let rows = select(&figure, "details.numbers tbody tr").len();
        let cells = select(&figure, "details.numbers tbody :is(td, th[scope=row])").len();
        assert!(columns >= 3 && rows >= 2, "{rows} rows of {columns}");
        assert_eq!(cells, rows * columns);
    }
    let text = select(&page, "main").concat();
    for words in [
        "All 300 responses are here",
        "bag of words",
        "epoch 2 were kept",
        "position + length",
    ] {
        assert!(text.contains(words), "{words}");
    }
    assert_eq!(data(&page)["responses"].as_array().unwrap().len(), 300);
    assert_eq!(html, fixture.html(), "the same input gives another page");
}

#[test]
fn text_from_the_data_set_stays_text() {
    let hostile =
        "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> ]]> \u{2028}\"'&lt;";
    let mut example = Example {
        id: hostile.into(),
        prompt: hostile.into(),
        context: Some(hostile.into()),
        response: hostile.into(),
        segments: vec![Segment::rated(CharSpan::new(0, 20), 0.5)],
        ..Example::default()
    };
    example.segments[0].ratings = [(hostile.to_owned(), 0.5)].into();
    example.meta.insert("topic".into(), hostile.into());
    let mut fixture = Fixture::of(vec![example; 30], |_, _| vec![0.25]);
    fixture.aspects = vec![Aspect::named(hostile)];
    let html = fixture.html();
    let page = read(&html);
    assert_eq!(select(&page, "script").len(), 2);
    assert_eq!(select(&page, "img").len(), 0);
    let data = data(&page);
    let response = &data["responses"][0];
    // What acts where it is shown is spelt out.
    let shown = hostile.replace('\u{2028}', r"\u{2028}");
    for field in ["id", "prompt", "context"] {
        assert_eq!(response[field], shown);
    }
    let parts = response["parts"].as_array().unwrap();
    let text: String = parts
        .iter()
        .map(|part| part[0].as_str().or(part.as_str()).unwrap())
        .collect();
    assert_eq!(text, shown);
    assert_eq!(data["aspects"][0]["name"], shown);
}

#[test]
fn every_aspect_has_its_section_and_its_colors() {
    let ratings = [("fact", 0.0), ("style", 10.0)];
    let example = |index: usize| {
        let mut segment = Segment::unrated(CharSpan::new(0, 3));
        let rating = |(name, most): (&str, f64)| (name.to_owned(), most + (index % 3) as f64);
        segment.ratings = ratings.map(rating).into();
        Example {
            id: index.to_string(),
            response: "Yes.".into(),
            segments: vec![segment],
            ..Example::default()
        }
    };
    let mut fixture = Fixture::of((0..40).map(example).collect(), |example, _| {
        vec![example.id.len() as f64, 11.0]
    });
    fixture.aspects = ["fact", "style"].map(Aspect::named).to_vec();
    let page = read(&fixture.html());
    assert_eq!(select(&page, "section[id^=aspect-]").len(), 2);
    assert_eq!(select(&page, "select[name=aspect] option").len(), 2);
    let data = data(&page);
    assert_eq!(
        (&data["aspects"][1]["low"], &data["aspects"][1]["high"]),
        (&10.0.into(), &12.0.into())
    );
    assert_eq!(data["responses"][0]["share"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_scored_is_shown_with_its_reason() {
    let mut fixture = Fixture::generated(20);
    fixture.scored[3].segments[0].scores = None;
    fixture.scored[3].segments[0].unscored = Some(UnscoredReason::Truncated);
    let page = read(&fixture.html());
    let head = select(&page, "section p.note").concat();
    assert!(
        head.contains("1 truncated, because the text was too long"),
        "{head}"
    );
    let data = data(&page);
    let responses = data["responses"].as_array().unwrap();
    let cut = responses
        .iter()
        .find(|response| response["index"] == 3)
        .unwrap();
    assert_eq!(cut["parts"][0][2], serde_json::Value::Null);
    assert!(cut["parts"][0][3].as_str().unwrap().contains("too long"));
}

#[test]
fn examples_of_another_data_set_are_refused() {
    let fixture = Fixture::generated(20);
    let evaluation =
        Evaluation::compute(&fixture.scored, &fixture.aspects, Aggregation::Mean, &[]).unwrap();
    let error = html(&ReportInput {
        evaluation: &evaluation,
        scored: &fixture.scored,
        examples: &fixture.examples[1..],
        history: None,
        max_responses: 1,
    })
    .unwrap_err();
    assert!(
        matches!(
            error,
            EvalError::ReportExamples {
                found: 19,
                expected: 20
            }
        ),
        "{error}"
    );
}
