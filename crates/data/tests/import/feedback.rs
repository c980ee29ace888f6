use gradus_data::{DEFAULT_ASPECT, DataError, Format, ImportOptions, MarkRule, Segmenter, import};
use serde_json::{Value, json};

use crate::{file, one, one_with, ratings, refusal, refused, texts, with_map};

fn feedback(errors: Value) -> String {
    json!([{
        "question": "q", "passages": [["Title", "One.", "Two."], ["Other"]], "gold": "g",
        "prediction 1": "Né is so. Go on now.", "prediction 2": "x",
        "feedback": {"errors": errors, "missing-info": []}, "preference": [0]
    }])
    .to_string()
}

fn error(kind: &str, start: usize, end: usize) -> Value {
    json!({"error type": kind, "explanation": "", "start": start, "end": end})
}

fn by_share() -> ImportOptions {
    ImportOptions {
        mark_rule: MarkRule::Share,
        ..ImportOptions::default()
    }
}

#[test]
fn feedback_rates_a_sentence_by_the_share_of_its_characters_that_is_not_marked() {
    let errors = json!([
        error("Unverifiable", 3, 9),
        error("Incoherent", 10, 12),
        error("Redundant", 11, 15)
    ]);
    let text = feedback(errors);
    let example = one_with(&text, Format::FineGrainedFeedback, &by_share());
    assert_eq!(example.id, "1");
    assert_eq!(
        example.context.as_deref(),
        Some("Title\nOne.\nTwo.\n\nOther")
    );
    assert_eq!(texts(&example), ["Né is so.", "Go on now."]);
    // White space does not count: 7 characters with 5 marked, 8 with 4 marked.
    let factuality = ratings(&example, "factuality");
    assert!((factuality[0].unwrap() - 2.0 / 7.0).abs() < 1e-12);
    assert_eq!(factuality[1], Some(1.0));
    assert_eq!(ratings(&example, "relevance"), [Some(1.0), Some(0.5)]);
    let example = one(&text, Format::FineGrainedFeedback);
    assert_eq!(ratings(&example, "factuality"), [Some(0.0), Some(1.0)]);
    assert_eq!(ratings(&example, "relevance"), [Some(1.0), Some(0.0)]);
    assert_eq!(example.meta["prediction 2"], "x");
    assert_eq!(example.meta["feedback"]["errors"][0]["start"], 3);
}

#[test]
fn feedback_may_be_cut_and_weighed_otherwise() {
    let text = feedback(json!([error("Irrelevant", 0, 20)]));
    let options = ImportOptions {
        segmenter: Segmenter::Line,
        ..with_map("Irrelevant=0.5")
    };
    let example = one_with(&text, Format::FineGrainedFeedback, &options);
    assert_eq!(ratings(&example, "relevance"), [Some(0.5)]);
    let text = feedback(json!([error("Redundant", 0, 20)]));
    let message = refusal(&text, Format::FineGrainedFeedback, &options);
    let expected = "field `feedback.errors[0].error type`: found the rating Redundant, \
                    expected one of the rating map Irrelevant=0.5";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn feedback_refuses_marks_that_mark_nothing() {
    for (wrong, problem) in [
        (
            error("Irrelevant", 3, 3),
            "errors[0]`: found the empty span 3..3",
        ),
        (
            error("Irrelevant", 4, 3),
            "errors[0]`: found the backwards span 4..3",
        ),
        (
            error("Irrelevant", 3, 21),
            "errors[0].end`: found character 21, past the end",
        ),
        (
            error("Novel", 3, 5),
            "errors[0].error type`: found `Novel`, expected Irrelevant",
        ),
        (
            json!({"error type": "Redundant", "start": -1}),
            "errors[0].start`: found the number -1",
        ),
    ] {
        let message = refused(&feedback(json!([wrong])), Format::FineGrainedFeedback);
        assert!(message.contains(problem), "{message}");
    }
}

fn tags(words: &str, tags: &str) -> String {
    let split = |text: &str| text.split(' ').map(Value::from).collect::<Vec<_>>();
    json!({"id": "0", "text": split(words), "feedback_tags": split(tags)}).to_string()
}

#[test]
fn a_tag_rates_the_words_behind_its_separator() {
    let example = one(
        &tags(
            "question: why so context: wikipage: Z text: answer: yes answer: </s> As is </s> no </s> or",
            "Ignore Ignore Ignore Ignore Ignore Ignore Ignore Ignore Ignore Ignore O Ignore Ignore F-ERR Ignore Ignore Ignore",
        ),
        Format::FineGrainedTags,
    );
    assert_eq!(example.prompt, "why so");
    let context = example.context.as_deref();
    assert_eq!(context, Some("wikipage: Z text: answer: yes"));
    assert_eq!(example.response, "As is no or");
    assert_eq!(texts(&example), ["As is", "no", "or"]);
    let expected = [Some(1.0), Some(0.0), None];
    assert_eq!(ratings(&example, DEFAULT_ASPECT), expected);
}

#[test]
fn tags_that_rate_a_word_or_mean_nothing_are_refused() {
    let words = "question: q answer: </s> a";
    for (found, problem) in [
        (
            "Ignore Ignore Ignore O O",
            "feedback_tags[4]`: found `O`, expected Ignore",
        ),
        (
            "Ignore Ignore Ignore X Ignore",
            "feedback_tags[3]`: found `X`, expected O, F-ERR",
        ),
        ("Ignore", "feedback_tags`: found 1 tags, expected 5"),
    ] {
        let message = refused(&tags(words, found), Format::FineGrainedTags);
        assert!(message.contains(problem), "{message}");
    }
    let message = refused(
        &tags("question: q", "Ignore Ignore"),
        Format::FineGrainedTags,
    );
    assert!(
        message.contains("field `text`: found no answer"),
        "{message}"
    );
}

fn rag_truth(label: Value) -> String {
    json!({"id": "1472", "source_id": "11316", "model": "m", "labels": [label],
        "split": "train", "quality": "good", "response": "Né is so. Go on now."})
    .to_string()
}

fn sources() -> (tempfile::TempDir, ImportOptions) {
    let source = json!({"source_id": "11316", "task_type": "QA", "source": "s",
        "source_info": {}, "prompt": "asked"});
    let (guard, path) = file(source.to_string());
    let options = ImportOptions {
        sources: Some(path),
        ..ImportOptions::default()
    };
    (guard, options)
}

#[test]
fn ragtruth_rates_sentences_and_takes_prompts_from_the_sources() {
    let (_guard, options) = sources();
    let label = json!({"start": 10, "end": 15, "text": "Go on", "meta": "", "label_type": "Evident Conflict"});
    let example = one_with(&rag_truth(label), Format::RagTruth, &options);
    assert_eq!(
        (example.id.as_str(), example.prompt.as_str()),
        ("1472", "asked")
    );
    assert_eq!(texts(&example), ["Né is so.", "Go on now."]);
    assert_eq!(ratings(&example, "faithfulness"), [Some(1.0), Some(0.0)]);
    let share = ImportOptions {
        mark_rule: MarkRule::Share,
        ..options.clone()
    };
    let label = json!({"start": 10, "end": 15, "text": "Go on", "meta": "", "label_type": "Evident Conflict"});
    let shared = one_with(&rag_truth(label), Format::RagTruth, &share);
    assert_eq!(ratings(&shared, "faithfulness"), [Some(1.0), Some(0.5)]);
    assert_eq!(example.meta["task_type"], "QA");
    assert_eq!(example.meta["labels"][0]["start"], 10);
}

#[test]
fn ragtruth_refuses_offsets_that_do_not_hit_their_text() {
    let (_guard, options) = sources();
    let label = json!({"start": 11, "end": 16, "text": "Go on", "label_type": "Evident Conflict"});
    let message = refusal(&rag_truth(label), Format::RagTruth, &options);
    let expected =
        "1: field `labels[0].text`: found \"o on \" at 11..16 of the response, expected \"Go on\"";
    assert_eq!(message, expected);
}

#[test]
fn a_wrong_number_makes_a_wrong_sentence_unless_shares_are_asked_for() {
    let record = json!({"id": "1", "source_id": "11316", "labels": [{"start": 8, "end": 11, "text": "124", "label_type": "Contradiction"}],
        "response": "Roughly 124 million people live there."}).to_string();
    let (_guard, options) = sources();
    let rated = |mark_rule: &str| {
        let options = ImportOptions {
            mark_rule: mark_rule.parse().unwrap(),
            ..options.clone()
        };
        ratings(
            &one_with(&record, Format::RagTruth, &options),
            "faithfulness",
        )[0]
    };
    assert_eq!(rated("any"), Some(0.0));
    assert_eq!(
        rated("any:5"),
        Some(0.0),
        "a mark that is shorter lies in the sentence whole"
    );
    assert!((rated("share").unwrap() - 30.0 / 33.0).abs() < 1e-12);
}

#[test]
fn two_prompts_of_one_source_are_refused() {
    let line = json!({"source_id": "7", "prompt": "a"}).to_string();
    let (_guard, path) = file(format!("{line}\n{}", line.replace("\"a\"", "\"b\"")));
    let options = ImportOptions {
        sources: Some(path),
        ..ImportOptions::default()
    };
    let (_data, path) = file(rag_truth(json!({})));
    let error = import(path, Format::RagTruth, &options).err().unwrap();
    assert!(
        matches!(error, DataError::DuplicateId { first_line: 1, .. }),
        "{error}"
    );
}

#[test]
fn ragtruth_needs_the_prompt_of_every_response() {
    let text = rag_truth(json!({}));
    let (_data, path) = file(&text);
    let error = import(path, Format::RagTruth, &ImportOptions::default()).err();
    assert!(matches!(error, Some(DataError::SourcesNeeded)));
    let (_guard, options) = sources();
    let text = text.replace("11316", "7");
    let message = refusal(&text, Format::RagTruth, &options);
    assert!(
        message.contains("field `source_id`: found `7`"),
        "{message}"
    );
}
