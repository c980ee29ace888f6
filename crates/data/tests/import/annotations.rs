//! Marked hallucinations and the exports of annotation tools, one and several raters.

use std::collections::BTreeMap;

use gradus_data::{
    DataError, Example, Format, ImportOptions, RaterMerge, RaterSums, Unannotated, import,
};
use serde_json::{Value, json};

use crate::{file, import_all, one, one_with, ratings, refusal, refused, texts};

const RATING: &str = "rating";
const FAITHFULNESS: &str = "faithfulness";

fn at_marks() -> ImportOptions {
    ImportOptions {
        cut_at_marks: true,
        ..ImportOptions::default()
    }
}

fn with_offsets(unit: &str) -> ImportOptions {
    ImportOptions {
        offsets: unit.parse().unwrap(),
        ..ImportOptions::default()
    }
}

fn with_map(map: &str) -> ImportOptions {
    crate::with_map(map)
}

/// An answer of two sentences of which the second has a wrong number.
fn lettuce() -> Value {
    json!({
        "prompt": "How tall is the tower? The tower is 324 m tall and stands in Paris.",
        "answer": "The tower stands in Paris. It is 342 m tall.",
        "labels": [{"start": 33, "end": 38, "label": "Evident Conflict"}],
        "split": "train", "task_type": "QA", "dataset": "ragtruth", "language": "en",
    })
}

#[test]
fn lettuce_detect_rates_sentences_or_what_lies_between_the_borders_of_marks() {
    let record = lettuce().to_string();
    let example = one(&record, Format::LettuceDetect);
    assert_eq!(
        texts(&example),
        ["The tower stands in Paris.", "It is 342 m tall."]
    );
    assert_eq!(ratings(&example, FAITHFULNESS), [Some(1.0), Some(0.0)]);
    assert_eq!(
        (example.id.as_str(), &example.meta["task_type"]),
        ("1", &json!("QA"))
    );

    let example = one_with(&record, Format::LettuceDetect, &at_marks());
    assert_eq!(
        texts(&example),
        ["The tower stands in Paris. It is", "342 m", "tall."]
    );
    assert_eq!(
        ratings(&example, FAITHFULNESS),
        [Some(1.0), Some(0.0), Some(1.0)]
    );

    let options = with_map("Evident Conflict=0.25");
    let example = one_with(&record, Format::LettuceDetect, &options);
    assert_eq!(ratings(&example, FAITHFULNESS), [Some(1.0), Some(0.25)]);
}

#[test]
fn overlapping_and_touching_marks_are_cut_at_each_border() {
    let mut record = lettuce();
    record["labels"] = json!([
        {"start": 30, "end": 38, "label": "a"},
        {"start": 33, "end": 44, "label": "b"},
        {"start": 0, "end": 3, "label": "b"},
    ]);
    let options = ImportOptions {
        rating_map: Some("a=0.5,b=0".parse().unwrap()),
        ..at_marks()
    };
    let example = one_with(&record.to_string(), Format::LettuceDetect, &options);
    assert_eq!(
        texts(&example),
        ["The", "tower stands in Paris. It", "is", "342 m", "tall."]
    );
    let expected = [0.0, 1.0, 0.5, 0.0, 0.0].map(Some);
    assert_eq!(ratings(&example, FAITHFULNESS), expected);
}

#[test]
fn offsets_count_what_they_are_said_to_count() {
    // "Né 💩. So 42." in characters 8..10, in UTF-16 units 9..11, in bytes 12..14.
    let record = |start: usize, end: usize, text: Option<&str>| {
        let mut label = json!({"start": start, "end": end, "label": "x"});
        if let Some(text) = text {
            label["text"] = text.into();
        }
        json!({"prompt": "p", "answer": "N\u{e9} \u{1f4a9}. So 42.", "labels": [label]}).to_string()
    };
    for (unit, start, end) in [("chars", 9, 11), ("utf16", 10, 12), ("bytes", 13, 15)] {
        let options = ImportOptions {
            cut_at_marks: true,
            ..with_offsets(unit)
        };
        let example = one_with(
            &record(start, end, Some("42")),
            Format::LettuceDetect,
            &options,
        );
        assert_eq!(
            texts(&example),
            ["N\u{e9} \u{1f4a9}. So", "42", "."],
            "{unit}"
        );
        assert_eq!(ratings(&example, FAITHFULNESS), [1.0, 0.0, 1.0].map(Some));
    }
    // The quoted text gives away another unit.
    let message = refused(&record(10, 12, Some("42")), Format::LettuceDetect);
    assert!(message.contains("labels[0].text"), "{message}");
    let (_guard, path) = file(record(10, 12, Some("42")));
    let mut examples = import(path, Format::LettuceDetect, &ImportOptions::default()).unwrap();
    let hint = examples.next().unwrap().unwrap_err().hint().unwrap();
    assert!(hint.contains("UTF-16"), "{hint}");
    // Without one, an end inside a character does.
    let message = refusal(
        &record(4, 12, None),
        Format::LettuceDetect,
        &with_offsets("utf16"),
    );
    assert!(message.contains("between the characters"), "{message}");
    let message = refused(&record(9, 99, None), Format::LettuceDetect);
    assert!(message.contains("labels[0].end"), "{message}");
}

#[test]
fn processed_rows_of_ragtruth_have_their_marks_in_a_text_of_json() {
    let row = |labels: Value| {
        json!({
            "id": "1183", "query": "How tall is it?", "context": "It is 324 m tall.",
            "output": "It stands. It is 342 m tall.", "task_type": "QA", "quality": "good", "model": "m",
            "temperature": 0.7, "hallucination_labels": labels,
            "hallucination_labels_processed": {"evident_conflict": 1, "baseless_info": 0}, "input_str": "i",
        })
        .to_string()
    };
    let marks = json!([{
        "start": 17, "end": 22, "text": "342 m", "meta": "", "label_type": "Evident Conflict", "implicit_true": false,
        "due_to_null": false,
    }]);
    for labels in [marks.to_string().into(), marks] {
        let example = one(&row(labels), Format::RagTruthProcessed);
        assert_eq!(ratings(&example, FAITHFULNESS), [Some(1.0), Some(0.0)]);
        assert_eq!(
            (example.id.as_str(), example.context.as_deref()),
            ("1183", Some("It is 324 m tall."))
        );
        assert_eq!(
            example.meta["hallucination_labels_processed"]["evident_conflict"],
            1
        );
    }
    let none = one(&row("[]".into()), Format::RagTruthProcessed);
    assert_eq!(ratings(&none, FAITHFULNESS), [Some(1.0), Some(1.0)]);
    let message = refused(&row("[{".into()), Format::RagTruthProcessed);
    assert!(
        message.contains("hallucination_labels") && message.contains("JSON"),
        "{message}"
    );
}

#[test]
fn psilo_qa_has_pairs_of_offsets_and_tags() {
    let record = |labels: Value, tagged: &str| {
        json!({
            "id": 7, "wiki_title": "T", "wiki_url": "u", "wiki_passage": "Der Turm ist 324 m hoch.", "lang": "de",
            "question": "Wie hoch?", "golden_answer": "324 m", "complexity": "easy", "llm_checkpoint": "m",
            "llm_answer": "Der Turm steht. Er ist 342 m hoch.", "annotated_span": tagged, "labels": labels,
        })
        .to_string()
    };
    let tagged = "Der Turm steht. Er ist [HAL]342 m[/HAL] hoch.";
    for labels in [json!([[23, 28]]), "[[23, 28]]".into()] {
        let example = one(&record(labels, tagged), Format::PsiloQa);
        assert_eq!(ratings(&example, FAITHFULNESS), [Some(1.0), Some(0.0)]);
        assert_eq!(
            (example.id.as_str(), &example.meta["lang"]),
            ("7", &json!("de"))
        );
    }
    let message = refused(&record(json!([[24, 29]]), tagged), Format::PsiloQa);
    assert!(message.contains("labels[0].text"), "{message}");
    // Tags around another text say nothing.
    one(
        &record(json!([[24, 29]]), "Er ist [HAL]hoch[/HAL]."),
        Format::PsiloQa,
    );
    let message = refused(&record(json!([[1, 2, 3]]), tagged), Format::PsiloQa);
    assert!(
        message.contains("labels[0]") && message.contains("start and end"),
        "{message}"
    );
}

/// Two raters of two sentences: `a` marks the second one, `b` marks nothing.
fn check_two_raters(example: &Example, names: [&str; 2]) {
    assert_eq!(texts(example), ["It stands.", "It is 342 m tall."]);
    assert_eq!(ratings(example, RATING), [Some(1.0), Some(0.5)]);
    assert_eq!(example.segments[1].raters[RATING], [0.0, 1.0]);
    assert_eq!(example.meta["raters"], json!(names));
    // By hand: squares (0 + 0) and (.25 + .25), over 1 + 1 degrees of freedom.
    assert_eq!(example.meta["rater_sd"], json!(0.5));
    let mut sums = RaterSums::default();
    for segment in &example.segments {
        sums.add(&segment.raters[RATING]);
    }
    // Krippendorff by hand: ratings 1, 1, 0, 1. Observed: 2 pairs of 1 over 4 ratings, 0.5. Expected: of all 12
    // ordered pairs 6 differ by 1, 0.5. Alpha 0.
    let agreement = sums.agreement().unwrap();
    assert!(agreement.alpha.unwrap().abs() < 1e-12, "{agreement:?}");
    assert_eq!((agreement.texts, agreement.ratings), (2, 4));
    example.check().unwrap();
}

const ANSWER: &str = "It stands. It is 342 m tall.";

fn label_region(id: &str, start: usize, end: usize, label: &str) -> Value {
    json!({
        "id": id, "from_name": "label", "to_name": "text", "type": "labels", "origin": "manual",
        "value": {"start": start, "end": end, "text": ANSWER[start..end].to_owned(), "labels": [label]},
    })
}

fn task(annotations: &Value) -> String {
    json!({
        "id": 1, "data": {"prompt": "How tall?", "response": ANSWER, "source": "s"}, "annotations": annotations,
        "predictions": [], "meta": {}, "created_at": "2024-03-09T21:52:49Z", "project": 83,
    })
    .to_string()
}

/// An answer that nobody has annotated is not one without a fault: it has segments, and no rating.
fn check_unannotated(example: &Example) {
    assert_eq!(example.meta["annotated"], json!(false));
    assert!(!example.segments.is_empty(), "{example:?}");
    let segments = example.segments.iter();
    assert!(
        segments
            .map(|segment| &segment.ratings)
            .all(BTreeMap::is_empty),
        "{example:?}"
    );
}

#[test]
fn label_studio_with_labels_of_two_raters() {
    let annotations = json!([
        {"id": 9, "completed_by": 4, "was_cancelled": false, "result": [label_region("r", 17, 22, "Wrong")]},
        {"id": 10, "completed_by": {"id": 5, "email": "b@x.org"}, "was_cancelled": false, "result": []},
        {"id": 11, "completed_by": 6, "was_cancelled": true, "result": [label_region("r", 0, 9, "Wrong")]},
    ]);
    let list = format!("[{}]", task(&annotations));
    let example = one(&list, Format::LabelStudio);
    check_two_raters(&example, ["4", "b@x.org"]);
    assert_eq!(
        (example.prompt.as_str(), &example.meta["source"]),
        ("How tall?", &json!("s"))
    );
    check_unannotated(&one(&task(&json!([])), Format::LabelStudio));
    let mut wrong = label_region("r", 17, 22, "Wrong");
    wrong["value"]["text"] = "343 m".into();
    let message = refused(&task(&json!([{"result": [wrong]}])), Format::LabelStudio);
    assert!(
        message.contains("annotations[0].result[0].value.text"),
        "{message}"
    );
}

#[test]
fn label_studio_with_labels_of_html_and_of_what_is_no_text() {
    // As the editor writes them: offsets in an element, and those in all of the text.
    let region = |kind: &str| {
        json!({
            "id": "r", "from_name": "label", "to_name": "text", "type": kind, "origin": "manual",
            "value": {
                "start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]", "startOffset": 3, "endOffset": 8,
                "globalOffsets": {"start": 17, "end": 22}, "text": "342 m", kind: ["Wrong"],
            },
        })
    };
    let read = |kind: &str| task(&json!([{"completed_by": 4, "result": [region(kind)]}]));
    let example = one(&read("hypertextlabels"), Format::LabelStudio);
    assert_eq!(ratings(&example, RATING), [Some(1.0), Some(0.0)]);
    let message = refused(&read("paragraphlabels"), Format::LabelStudio);
    assert!(
        message.contains("annotations[0].result[0].type") && message.contains("`paragraphlabels`"),
        "{message}"
    );
}

#[test]
fn label_studio_with_a_relation_and_with_a_region_without_a_label() {
    let relation = json!({"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"});
    let mut region = label_region("a", 17, 22, "Wrong");
    let read = |region: &Value| task(&json!([{"completed_by": 4, "result": [region, relation]}]));
    let example = one(&read(&region), Format::LabelStudio);
    assert_eq!(ratings(&example, RATING), [Some(1.0), Some(0.0)]);
    assert_eq!(example.meta["other_results"], json!([relation]));
    region["value"]["labels"] = json!([]);
    let message = refused(&read(&region), Format::LabelStudio);
    assert!(
        message.contains("value.labels") && message.contains("without a label"),
        "{message}"
    );
}

#[test]
fn label_studio_with_rated_regions_and_a_rating_of_all() {
    let rating = |id: &str, name: &str, rating: usize| {
        json!({
            "id": id, "from_name": name, "to_name": "text", "type": "rating", "value": {"rating": rating},
        })
    };
    let choice = json!({
        "id": "c", "from_name": "ok", "to_name": "text", "type": "choices", "value": {"choices": ["yes"]},
    });
    let by = |who: usize, of_region: usize, of_all: usize| {
        json!({
            "completed_by": who,
            "result": [
                label_region("one", 0, 10, "Claim"), rating("one", "factuality", of_region),
                rating("all", "overall", of_all), choice,
            ],
        })
    };
    let example = one(
        &task(&json!([by(1, 4, 5), by(2, 2, 5)])),
        Format::LabelStudio,
    );
    assert_eq!(texts(&example), ["It stands."]);
    assert_eq!(ratings(&example, "factuality"), [Some(3.0)]);
    assert_eq!(example.segments[0].raters["factuality"], [4.0, 2.0]);
    assert_eq!(
        (example.ratings["overall"], &example.raters["overall"][..]),
        (5.0, &[5.0, 5.0][..])
    );
    assert_eq!(example.meta["other_results"].as_array().unwrap().len(), 2);
    example.check().unwrap();
    let mapped = one_with(
        &task(&json!([by(1, 4, 5)])),
        Format::LabelStudio,
        &with_map("1=0,2=0.25,3=0.5,4=0.75,5=1"),
    );
    assert_eq!(ratings(&mapped, "factuality"), [Some(0.75)]);
    assert!(mapped.segments[0].raters.is_empty() && !mapped.meta.contains_key("raters"));
}

#[test]
fn argilla_nested_and_flat() {
    let span = json!([{"label": "wrong", "start": 17, "end": 22}]);
    let nested = json!({
        "id": "x", "status": "completed", "_server_id": "s", "fields": {"prompt": "How tall?", "response": ANSWER},
        "metadata": {"batch": 3}, "suggestions": {}, "vectors": {},
        "responses": {
            "spans": [
                {"value": span, "user_id": "u1", "status": "submitted"},
                {"value": [], "user_id": "u2", "status": "submitted"},
                {"value": [{"label": "wrong", "start": 0, "end": 2}], "user_id": "u3", "status": "draft"},
            ],
            "quality": [{"value": 4, "user_id": "u1"}],
            "why": [{"value": "the number", "user_id": "u1"}],
        },
    });
    let flat = json!({
        "id": "x", "status": "completed", "_server_id": "s", "prompt": "How tall?", "response": ANSWER,
        "spans.responses": [span, [], [{"label": "wrong", "start": 0, "end": 2}]],
        "spans.responses.users": ["u1", "u2", "u3"], "spans.responses.status": ["submitted", "submitted", "draft"],
        "quality.responses": [4], "quality.responses.users": ["u1"], "quality.responses.status": ["submitted"],
        "spans.suggestion": null,
    });
    let mut columns = flat.clone();
    columns["spans.responses"] = json!([
        {"label": ["wrong"], "start": [17], "end": [22]}, {"label": [], "start": [], "end": []}, null,
    ]);
    for record in [&nested, &flat, &columns] {
        let example = one(&record.to_string(), Format::Argilla);
        check_two_raters(&example, ["u1", "u2"]);
        assert_eq!(
            (example.id.as_str(), example.prompt.as_str()),
            ("x", "How tall?")
        );
        assert_eq!(example.ratings["quality"].to_bits(), 4.0_f64.to_bits());
    }
    let example = one(&nested.to_string(), Format::Argilla);
    assert_eq!(example.meta["other_answers"], json!(["the number"]));
    let message = refused(
        &json!({"id": "x", "text": "t"}).to_string(),
        Format::Argilla,
    );
    assert!(message.contains(".responses"), "{message}");
}

#[test]
fn prodigy_puts_the_answers_of_raters_together() {
    let line = |who: &str, spans: Value, answer: &str| {
        json!({
            "text": ANSWER, "prompt": "How tall?", "_input_hash": 5, "_task_hash": 6, "_is_binary": false, "spans": spans,
            "tokens": [{"text": "It", "start": 0, "end": 2, "id": 0}], "_view_id": "ner_manual", "answer": answer,
            "_timestamp": 1_700_000_000, "_annotator_id": who, "_session_id": who,
        })
    };
    let span =
        json!([{"start": 17, "end": 22, "token_start": 4, "token_end": 5, "label": "WRONG"}]);
    let other = json!({"text": "It is so.", "_input_hash": 9, "spans": [], "answer": "reject"});
    let lines = [
        line("db-a", span.clone(), "accept"),
        other,
        line("db-b", json!([]), "accept"),
        line(
            "db-c",
            json!([{"start": 0, "end": 2, "label": "WRONG"}]),
            "ignore",
        ),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let mut examples = import_all(&text, Format::Prodigy, &ImportOptions::default());
    assert_eq!(examples.len(), 2);
    check_unannotated(&examples.pop().unwrap().unwrap());
    let example = examples.pop().unwrap().unwrap();
    check_two_raters(&example, ["db-a", "db-b"]);
    assert_eq!(example.prompt, "How tall?");
}

/// A line of `db-out` as Prodigy 1.17 writes it.
fn prodigy_line(spans: Value, answer: &str, time: u64) -> String {
    json!({
        "text": ANSWER, "meta": {"source": "s"}, "_input_hash": -1_886_855_152, "_task_hash": 1_441_190_452,
        "tokens": [{"text": "It", "start": 0, "end": 2, "id": 0, "ws": true}], "_view_id": "spans_manual",
        "spans": spans, "answer": answer, "_timestamp": time, "_annotator_id": "db-a", "_session_id": "db-a",
    })
    .to_string()
}

#[test]
fn the_later_answer_of_a_rater_replaces_the_earlier_in_prodigy() {
    let marked =
        json!([{"start": 17, "end": 22, "token_start": 4, "token_end": 5, "label": "WRONG"}]);
    let read = |lines: [String; 2]| one(&lines.join("\n"), Format::Prodigy);
    for (first, second) in [(1_743_973_485, 1_743_973_485), (1, 2)] {
        let example = read([
            prodigy_line(json!([]), "accept", first),
            prodigy_line(marked.clone(), "accept", second),
        ]);
        assert_eq!(ratings(&example, RATING), [Some(1.0), Some(0.0)]);
        assert_eq!(example.meta["replaced_annotations"], json!(1));
        assert!(
            example.segments[1].raters.is_empty(),
            "one rater is not two"
        );
        assert_eq!(example.meta["meta"], json!({"source": "s"}));
    }
    // Files that were put together in the other order.
    let example = read([
        prodigy_line(marked.clone(), "accept", 2),
        prodigy_line(json!([]), "accept", 1),
    ]);
    assert_eq!(ratings(&example, RATING), [Some(1.0), Some(0.0)]);
    // Who takes an answer back has not said that all is well.
    let example = read([
        prodigy_line(json!([]), "accept", 1),
        prodigy_line(json!([]), "ignore", 2),
    ]);
    check_unannotated(&example);
    assert_eq!(example.meta["replaced_annotations"], json!(1));
}

#[test]
fn a_yes_to_one_span_says_nothing_of_the_rest_in_prodigy() {
    let line = json!({
        "text": ANSWER, "_input_hash": 1, "_task_hash": 2, "_is_binary": true, "_view_id": "ner", "answer": "accept",
        "spans": [{"start": 17, "end": 22, "text": "342 m", "label": "WRONG", "score": 0.4}],
    });
    let message = refused(&line.to_string(), Format::Prodigy);
    assert!(
        message.contains("_is_binary") && message.contains("spans.manual"),
        "{message}"
    );
}

/// A word that is not known must not count as a no.
#[test]
fn an_answer_of_another_word_is_refused() {
    let prodigy = |key: &str, value: Value| {
        let mut line = json!({"text": ANSWER, "_input_hash": 1, "spans": []});
        line[key] = value;
        refused(&line.to_string(), Format::Prodigy)
    };
    let argilla = |status: Value| {
        let record = json!({
            "id": "x", "fields": {"response": ANSWER},
            "responses": {"spans": [{"value": [], "user_id": "u1", "status": status}]},
        });
        refused(&record.to_string(), Format::Argilla)
    };
    let flat = json!({
        "id": "x", "response": ANSWER, "spans.responses": [[]], "spans.responses.status": ["Submitted"],
    });
    let studio = json!([{
        "id": 1, "data": {"text": ANSWER}, "annotations": [{"was_cancelled": "true", "result": []}],
    }]);
    for (message, field, found, expected) in [
        (
            prodigy("answer", json!("Accept")),
            "`answer`",
            "\"Accept\"",
            "accept, reject or ignore",
        ),
        (
            prodigy("answer", json!(true)),
            "`answer`",
            "true",
            "accept, reject or ignore",
        ),
        (
            prodigy("_is_binary", json!("true")),
            "`_is_binary`",
            "\"true\"",
            "true or false",
        ),
        (
            argilla(json!("done")),
            "`responses.spans[0].status`",
            "\"done\"",
            "submitted, draft or discarded",
        ),
        (
            refused(&flat.to_string(), Format::Argilla),
            "`spans.responses.status[0]`",
            "\"Submitted\"",
            "submitted, draft or discarded",
        ),
        (
            refused(&studio.to_string(), Format::LabelStudio),
            "`annotations[0].was_cancelled`",
            "\"true\"",
            "true or false",
        ),
    ] {
        for part in [field, found, &format!("expected {expected}")] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn the_later_annotation_of_a_user_replaces_the_earlier_in_label_studio() {
    let marked = json!([label_region("r", 17, 22, "Wrong")]);
    let annotation = |id: u64, time: &str, cancelled: bool, result: &Value| {
        json!({
            "id": id, "completed_by": 4, "was_cancelled": cancelled, "ground_truth": false, "result": result,
            "created_at": "2024-03-09T21:52:49.000000Z", "updated_at": time, "lead_time": 8.1, "draft_created_at": null,
            "parent_annotation": null, "parent_prediction": null, "last_action": null, "task": 1, "project": 83,
        })
    };
    let (early, late) = ("2024-03-09T21:52:49.000000Z", "2024-03-10T08:00:00.000000Z");
    let nothing = json!([]);
    for annotations in [
        json!([
            annotation(1, early, false, &nothing),
            annotation(2, late, false, &marked)
        ]),
        json!([
            annotation(1, late, false, &marked),
            annotation(2, early, false, &nothing)
        ]),
        json!([
            annotation(2, early, false, &marked),
            annotation(1, early, false, &nothing)
        ]),
    ] {
        let example = one(&task(&annotations), Format::LabelStudio);
        assert_eq!(
            ratings(&example, RATING),
            [Some(1.0), Some(0.0)],
            "{annotations}"
        );
        assert!(
            example.segments[1].raters.is_empty(),
            "one user is not two raters"
        );
        assert_eq!(example.meta["replaced_annotations"], json!(1));
    }
    // A user who skipped the task, and then did it.
    let skipped = json!([
        annotation(1, early, true, &nothing),
        annotation(2, late, false, &marked)
    ]);
    let example = one(&task(&skipped), Format::LabelStudio);
    assert_eq!(ratings(&example, RATING), [Some(1.0), Some(0.0)]);
    assert!(!example.meta.contains_key("replaced_annotations"));
    // Nobody is named: two annotations are two raters.
    let unnamed = json!([{"result": marked}, {"result": nothing}]);
    let example = one(&task(&unnamed), Format::LabelStudio);
    assert_eq!(example.segments[1].raters[RATING], [0.0, 1.0]);
}

#[test]
fn replaced_annotations_are_counted() {
    let lines = [
        prodigy_line(json!([]), "accept", 1),
        prodigy_line(json!([]), "accept", 2),
        prodigy_line(json!([]), "accept", 3),
    ];
    let (_guard, path) = file(lines.join("\n"));
    let mut importer = import(path, Format::Prodigy, &ImportOptions::default()).unwrap();
    assert_eq!(importer.by_ref().count(), 1);
    let counts = importer.counts();
    assert_eq!((counts.records, counts.empty, counts.replaced), (1, 0, 2));
}

#[test]
fn doccano_has_a_file_for_each_rater() {
    let directory = tempfile::tempdir().unwrap();
    let line = |key: &str, labels: &Value| {
        let mut record = json!({"id": 3, "text": ANSWER, "prompt": "How tall?", "Comments": []});
        record[key] = labels.clone();
        record.to_string()
    };
    let write =
        |name: &str, text: String| fs_err::write(directory.path().join(name), text).unwrap();
    write("ann.jsonl", line("label", &json!([[17, 22, "WRONG"]])));
    write("ben.jsonl", line("label", &json!([])));
    let read = || -> Vec<_> {
        import(directory.path(), Format::Doccano, &ImportOptions::default())
            .unwrap()
            .collect()
    };
    check_two_raters(&read().pop().unwrap().unwrap(), ["ann", "ben"]);
    let entities = json!([{"id": 1, "label": "WRONG", "start_offset": 17, "end_offset": 22}]);
    write("ann.jsonl", line("entities", &entities));
    check_two_raters(&read().pop().unwrap().unwrap(), ["ann", "ben"]);
    write("ben.jsonl", line("label", &json!([])).replace("342", "343"));
    let message = read().pop().unwrap().unwrap_err().to_string();
    assert!(message.contains("other texts"), "{message}");
    let message = refused(&line("label", &json!([[17, "x"]])), Format::Doccano);
    assert!(
        message.contains("label[0]") && message.contains("start, end and label"),
        "{message}"
    );
    let both = json!({"text": ANSWER, "label": [], "labels": [[17, 22, "WRONG"]]});
    let message = refused(&both.to_string(), Format::Doccano);
    assert!(
        message.contains("`labels`") && message.contains("beside `label`"),
        "{message}"
    );
}

#[test]
fn a_file_without_a_record_says_so() {
    for format in [Format::Prodigy, Format::Doccano, Format::LabelStudio] {
        let examples = import_all("[]", format, &ImportOptions::default());
        assert_eq!(examples.len(), 1, "{format}");
        let error = examples[0].as_ref().unwrap_err();
        assert!(
            matches!(error, DataError::NoRecords { .. }),
            "{format}: {error}"
        );
    }
}

/// A task of three raters, of whom two marked the number, and one that nobody annotated.
fn three_raters() -> String {
    let annotation = |by: &str, result: serde_json::Value| json!({"completed_by": by, "was_cancelled": false, "result": result});
    let number = json!([label_region("r", 17, 22, "Wrong")]);
    let annotations = json!([
        annotation("a", number.clone()),
        annotation("b", number),
        annotation("c", json!([])),
    ]);
    let mut nobody: serde_json::Value = serde_json::from_str(&task(&json!([]))).unwrap();
    nobody["id"] = json!("nobody");
    format!("[{}, {nobody}]", task(&annotations))
}

#[test]
fn raters_are_merged_as_the_options_say() {
    for (merge, expected) in [
        (RaterMerge::Mean, 1.0 / 3.0),
        (RaterMerge::Any, 0.0),
        (RaterMerge::Majority, 0.0),
    ] {
        let options = ImportOptions {
            rater_merge: merge,
            ..ImportOptions::default()
        };
        let examples = import_all(&three_raters(), Format::LabelStudio, &options);
        let example = examples[0].as_ref().unwrap();
        let last = example.segments.last().unwrap();
        let found = last.ratings["rating"];
        assert!((found - expected).abs() < 1e-12, "{merge}: {found}");
        let (beside, list) = (last.extra.get("of_raters"), last.raters.get("rating"));
        if merge == RaterMerge::Mean {
            assert_eq!((beside, list), (None, Some(&vec![0.0, 0.0, 1.0])));
        } else {
            assert_eq!(beside, Some(&json!({"rating": [0.0, 0.0, 1.0]})));
            assert_eq!(list, None, "a list is that of a mean");
        }
    }
}

#[test]
fn unannotated_answers_are_counted_and_kept_or_left_out() {
    for (unannotated, kept) in [(Unannotated::Keep, 2), (Unannotated::Skip, 1)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.json");
        fs_err::write(&path, three_raters()).unwrap();
        let options = ImportOptions {
            unannotated,
            ..ImportOptions::default()
        };
        let mut importer = import(&path, Format::LabelStudio, &options).unwrap();
        let examples: Vec<_> = importer.by_ref().map(Result::unwrap).collect();
        assert_eq!(examples.len(), kept);
        let counts = importer.counts();
        assert_eq!((counts.answers, counts.unannotated), (2, 1));
    }
}

#[test]
fn who_was_not_asked_for_marks_found_no_text_clean() {
    // u2 answered the rating question only.
    let record = json!({
        "id": "x", "fields": {"prompt": "How tall?", "response": ANSWER},
        "responses": {
            "spans": [{"value": [{"label": "wrong", "start": 17, "end": 22}], "user_id": "u1", "status": "submitted"}],
            "quality": [{"value": 4, "user_id": "u2", "status": "submitted"}],
        },
    });
    let example = one(&record.to_string(), Format::Argilla);
    let last = example.segments.last().unwrap();
    assert_eq!(last.ratings["rating"].to_bits(), 0.0_f64.to_bits());
    assert!(last.raters.is_empty(), "one rater looked for marks");
    assert_eq!(example.ratings["quality"].to_bits(), 4.0_f64.to_bits());
}

#[test]
fn texts_that_nobody_labeled_in_doccano_are_not_clean() {
    let line = r#"{"id":3,"text":"It stands. It is 342 m tall.","label":[]}"#;
    let directory = tempfile::tempdir().unwrap();
    for (name, is_rated) in [("ann.jsonl", true), ("unknown.jsonl", false)] {
        let path = directory.path().join(name);
        fs_err::write(&path, line).unwrap();
        let examples = import(&path, Format::Doccano, &ImportOptions::default()).unwrap();
        let examples: Vec<_> = examples.map(Result::unwrap).collect();
        if is_rated {
            assert_eq!(examples[0].segments[0].ratings.len(), 1, "{name}");
        } else {
            check_unannotated(&examples[0]);
        }
    }
}
