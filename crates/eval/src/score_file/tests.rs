use super::*;
use gradus_data::parse_example;

/// Two responses of two and one segments, rated on `good`.
fn examples() -> Vec<Example> {
    let lines = [
        r#"{"id":"a","prompt":"p","segments":["One.","Two."],"ratings":{"good":[1,0]}}"#,
        r#"{"id":"7","prompt":"p","segments":["Three."],"ratings":{"good":[0.5]}}"#,
    ];
    let parse = |line: &str| parse_example(line, &Location::new("data.jsonl", 1)).unwrap();
    lines.into_iter().map(parse).collect()
}

fn read(text: &str, aspects: Option<&[&str]>) -> Result<ScoreFile> {
    read_beside(text, &examples(), aspects)
}

fn read_beside(text: &str, examples: &[Example], aspects: Option<&[&str]>) -> Result<ScoreFile> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scores.jsonl");
    fs_err::write(&path, text).unwrap();
    let aspects: Option<Vec<String>> =
        aspects.map(|names| names.iter().map(|&name| name.to_owned()).collect());
    let options = ScoreFileOptions {
        aspects: aspects.as_deref(),
        ..ScoreFileOptions::default()
    };
    let file = ScoreFile::read_with(&path, examples, &options);
    // An empty file has no share that is read.
    let followed = options.progress.share().is_some();
    assert_eq!(followed, !text.is_empty(), "nothing followed the reading");
    let consuming = ScoreFile::of_examples(&path, examples.to_vec(), &options);
    match (&file, &consuming) {
        // An absent score of an aspect is NaN.
        (Ok(file), Ok(consuming)) => assert_eq!(format!("{consuming:?}"), format!("{file:?}")),
        (file, consuming) => assert_eq!(
            consuming.as_ref().err().map(ToString::to_string),
            file.as_ref().err().map(ToString::to_string)
        ),
    }
    file
}

fn scores(file: &ScoreFile) -> Vec<Vec<Option<Vec<f64>>>> {
    let of_response = |response: &ScoredResponse| {
        let scores = response.segments.iter().map(|s| s.scores.clone());
        scores.collect()
    };
    file.responses.iter().map(of_response).collect()
}

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let error = read(text, None).unwrap_err();
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "missing `{part}` in: {message}");
    }
    assert!(error.hint().is_some() && error.is_input(), "{message}");
}

#[test]
fn all_shapes_give_the_same_scores_in_the_order_of_the_data() {
    let expected = vec![vec![Some(vec![0.7]), None], vec![Some(vec![0.2])]];
    for text in [
        r#"{"id":7,"scores":[0.2]}
           {"id":"a","scores":[0.7,null]}"#,
        r#"{"id":"7","scores":{"good":[0.2]}}
           {"id":"a","scores":{"good":[0.7,null]}}"#,
        r#"{"id":"a","scores":[{"good":0.7},{"good":null}]}
           {"id":"7","scores":[{"good":0.2}]}"#,
        r#"{"id":"a","response":"One.\nTwo.","segments":[{"start":0,"end":4,"score":0.7},{"start":5,"end":9,"score":null}],"score":0.7}
           {"id":"7","segments":[{"score":0.2}]}"#,
        r#"{"id":"a","segments":[{"score":{"good":0.7}},{}]}
           {"id":"7","segments":[{"score":{"good":0.2}}]}"#,
    ] {
        let file = read(text, None).unwrap();
        assert_eq!(file.aspects, ["good"], "{text}");
        assert_eq!(scores(&file), expected, "{text}");
        let ids: Vec<&str> = file.responses.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["a", "7"]);
        assert_eq!(
            file.responses[0].segments[1].unscored,
            Some(UnscoredReason::Missing)
        );
    }
}

#[test]
fn a_response_without_a_record_is_missing_and_counted() {
    let file = read(r#"{"id":"a","scores":[0.7,0.1]}"#, None).unwrap();
    assert_eq!(file.missing_responses, 1);
    assert_eq!(
        file.responses[1].segments[0].unscored,
        Some(UnscoredReason::Missing)
    );
    let judged = crate::JudgedAspect::collect(&file.responses, 0, "good");
    assert_eq!((judged.counts.rated, judged.counts.scored), (3, 2));
    assert_eq!(judged.counts.unscored.missing, 1);
}

#[test]
fn the_reason_for_a_missing_score_is_kept() {
    let text = r#"{"id":"a","segments":[{"score":null,"unscored":"truncated"},{"score":null,"unscored":"no_tokens"}]}
                  {"id":"7","scores":[1]}"#;
    let file = read(text, None).unwrap();
    let reasons: Vec<_> = file.responses[0]
        .segments
        .iter()
        .map(|s| s.unscored)
        .collect();
    assert_eq!(
        reasons,
        [
            Some(UnscoredReason::Truncated),
            Some(UnscoredReason::NoTokens)
        ]
    );
    refused(
        r#"{"id":"a","segments":[{"unscored":"lost"},{}]}"#,
        &[
            "scores.jsonl:1",
            "segments[0].unscored",
            "\"lost\"",
            "no_tokens",
        ],
    );
}

#[test]
fn a_segment_scored_on_some_aspects_only_counts_as_missing_on_the_others() {
    let examples = [parse_example(
        r#"{"id":"a","prompt":"p","segments":["One."],"ratings":[{"good":1,"kind":0}]}"#,
        &Location::new("data.jsonl", 1),
    )
    .unwrap()];
    let both = r#"{"id":"a","scores":{"kind":[null],"good":[0.5],"other":[9]}}"#;
    let file = read_beside(both, &examples, None).unwrap();
    assert_eq!(
        (&file.aspects[..], &file.unrated_aspects[..]),
        (
            &["kind".to_owned(), "good".to_owned()][..],
            &["other".to_owned()][..]
        )
    );
    let counts =
        |k: usize| crate::JudgedAspect::collect(&file.responses, k, &file.aspects[k]).counts;
    assert_eq!((counts(0).scored, counts(0).unscored.missing), (0, 1));
    assert_eq!((counts(1).scored, counts(1).unscored.total()), (1, 0));
    let chosen = read_beside(both, &examples, Some(&["other"])).unwrap();
    assert_eq!(scores(&chosen), [[Some(vec![9.0])]]);
    let plain = r#"{"id":"a","scores":[0.5]}"#;
    let message = read_beside(plain, &examples, None).unwrap_err().to_string();
    assert!(
        message.contains("plain numbers") && message.contains("good, kind"),
        "{message}"
    );
    assert_eq!(
        read_beside(plain, &examples, Some(&["kind"]))
            .unwrap()
            .aspects,
        ["kind"]
    );
    let message = read_beside(both, &examples, Some(&["tone"]))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("kind, good, other") && message.contains("all of tone"),
        "{message}"
    );
}

#[test]
fn counts_spans_and_texts_that_disagree_with_the_data_are_refused() {
    refused(
        r#"{"id":"a","scores":[0.7]}"#,
        &["scores.jsonl:1", "`a`", "found 1 scores", "expected 2"],
    );
    refused(
        r#"{"id":"a","scores":{"good":[1,2,3]}}"#,
        &["`scores.good`", "found 3", "expected 2"],
    );
    refused(
        r#"{"id":"a","segments":[{"start":0,"end":4,"score":1},{"start":4,"end":9,"score":1}]}"#,
        &["segments[1]", "4..9", "5..9"],
    );
    refused(
        r#"{"id":"a","response":"Else.","scores":[1,2]}"#,
        &["`a`", "another text"],
    );
}

#[test]
fn ids_that_are_unknown_absent_or_repeated_are_refused() {
    let known = r#"{"id":"a","scores":[1,2]}"#;
    refused(
        &format!("{known}\n{known}"),
        &["scores.jsonl:2", "`a`", "line 1"],
    );
    refused(
        &format!("{known}\n{{\"id\":\"b\",\"scores\":[1]}}\n{{\"id\":\"c\",\"scores\":[1]}}"),
        &["scores.jsonl:2", "`b` and 1 more"],
    );
    refused(r#"{"scores":[1,2]}"#, &["scores.jsonl:1", "field `id`"]);
    refused(
        r#"{"id":1.5,"scores":[1,2]}"#,
        &["field `id`", "1.5", "whole number"],
    );
    refused(
        r#"{"id":"b","scores":[1]}"#,
        &["scores.jsonl", "none of 1", "`b`", "`a`"],
    );
}

#[test]
fn what_is_no_finite_number_is_refused() {
    for (value, found) in [
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("-Infinity", "-Infinity"),
        ("\"0.7\"", "the text"),
        ("true", "true"),
    ] {
        refused(
            &format!("{{\"id\":\"a\",\"scores\":[{value},1]}}"),
            &["scores.jsonl:1", "scores[0]", found],
        );
    }
    refused("[0.7]", &["scores.jsonl:1", "JSON object"]);
    let nothing = read("", None).unwrap_err().to_string();
    assert!(
        nothing.contains("scores.jsonl: found no record"),
        "{nothing}"
    );
    refused(r#"{"id":"a"}"#, &["`a`", "neither `scores` nor `segments`"]);
    refused(r#"{"id":"a","scores":0.7}"#, &["`scores`", "0.7", "a list"]);
}

#[test]
fn plain_and_named_scores_do_not_mix() {
    refused(
        "{\"id\":\"a\",\"scores\":[0.7,1]}\n{\"id\":\"7\",\"scores\":{\"good\":[1]}}",
        &[
            "scores.jsonl:2",
            "scores by aspect",
            "plain numbers as in line 1",
        ],
    );
}

#[test]
fn a_file_of_nulls_is_a_file_of_missing_scores() {
    let file = read("{\"id\":\"a\",\"scores\":[null,null]}", None).unwrap();
    assert_eq!(file.aspects, ["good"]);
    assert_eq!(scores(&file), [vec![None, None], vec![None]]);
}

#[test]
fn a_response_that_is_not_cut_takes_the_segments_of_the_file() {
    let line = r#"{"id":"a","prompt":"p","response":"One. Two."}"#;
    let mut examples = [parse_example(line, &Location::new("data.jsonl", 1)).unwrap()];
    let text =
        r#"{"id":"a","segments":[{"start":0,"end":4,"score":0.5},{"start":5,"end":9,"score":1}]}"#;
    let file = read_beside(text, &examples, None).unwrap();
    assert_eq!(file.aspects, ["rating"]);
    assert_eq!(scores(&file), [[Some(vec![0.5]), Some(vec![1.0])]]);
    file.cut(&mut examples);
    assert_eq!(examples[0].segment_text(1), "Two.");
    for (text, part) in [
        (r#"{"id":"a","scores":[0.5]}"#, "without spans"),
        (
            r#"{"id":"a","segments":[{"start":0,"end":40,"score":0.5}]}"#,
            "past the end",
        ),
    ] {
        let uncut = [parse_example(line, &Location::new("data.jsonl", 1)).unwrap()];
        let message = read_beside(text, &uncut, None).unwrap_err().to_string();
        assert!(
            message.contains("scores.jsonl:1") && message.contains(part),
            "{message}"
        );
    }
}

#[test]
fn marks_of_what_was_not_read_are_read() {
    let text = r#"{"id":"a","segments":[{"score":0.7,"cut":true},{"score":null,"cut":null}],"context_tokens_dropped":0,"prompt_tokens_dropped":3,"response_tokens_dropped":0}
                  {"id":"7","segments":[{"score":0.2,"cut":false}],"response_tokens_dropped":0,"windows":null}"#;
    let file = read(text, None).unwrap();
    let shortened: Vec<bool> = file.responses.iter().map(|r| r.shortened).collect();
    assert_eq!(shortened, [true, false]);
    let segments = file.responses.iter().flat_map(|r| &r.segments);
    let cut: Vec<bool> = segments.map(|segment| segment.cut).collect();
    assert_eq!(cut, [true, false, false]);
    let windows = r#"{"id":"7","scores":[0.2],"windows":2}"#;
    assert!(read(windows, None).unwrap().responses[1].shortened);
    refused(
        r#"{"id":"7","scores":[0.2],"windows":-1}"#,
        &["windows", "0 or more"],
    );
    refused(
        r#"{"id":"7","segments":[{"score":0.2,"cut":"yes"}]}"#,
        &["segments[0].cut", "true or false"],
    );
}

#[test]
fn what_has_two_readings_is_refused() {
    for (record, parts) in [
        (
            r#"{"id":"a","scores":[0.7,0.1],"scores":[0.1,0.7]}"#,
            &["`scores`", "twice"][..],
        ),
        (
            r#"{"id":"a","scores":[0.7,0.1],"segments":[{"score":1},{}]}"#,
            &["segments[0].score", "beside `scores`"],
        ),
        (
            r#"{"id":"a","scores":[0.7,0.1],"Scores":[0.1,0.7]}"#,
            &["`Scores`", "expected `scores`"],
        ),
        (
            r#"{"id":"a","segments":[{"score":1,"Score":0},{"score":1}]}"#,
            &["segments[0].Score", "expected `score`"],
        ),
        (
            r#"{"id":"a","scores":{"good":[1,0],"good":[0,1]}}"#,
            &["`scores.good`", "twice"],
        ),
        (
            r#"{"id":"a","scores":[9007199254740993,0]}"#,
            &["`scores[0]`", "9007199254740993", "64 bits"],
        ),
    ] {
        let mut expected = vec!["scores.jsonl:1"];
        expected.extend(parts);
        refused(record, &expected);
    }
}

#[test]
fn what_looks_like_a_score_and_is_not_read_is_refused() {
    for (record, part) in [
        (r#"{"id":"a","predictions":[0.7,0.1]}"#, "`predictions`"),
        (r#"{"id":"a","Scores":[0.7,0.1]}"#, "`Scores`"),
        (r#"{"id":"a","step_scores":[0.7,0.1]}"#, "`step_scores`"),
        (r#"{"id":"a","logits":[0.7,0.1]}"#, "`logits`"),
        (
            r#"{"id":"a","process_rewards":[0.7,0.1]}"#,
            "`process_rewards`",
        ),
        (
            r#"{"id":"a","segments":[{"reward":1},{"reward":0}]}"#,
            "`segments[0].reward`",
        ),
        (
            r#"{"id":"a","segments":[{"score":1},{"scores":0}]}"#,
            "`segments[1].scores`",
        ),
        (
            r#"{"id":"a","segments":[{"score":1,"start":"0"},{}]}"#,
            "`segments[0].start`",
        ),
        (
            r#"{"id":"a","segments":[{"score":1},{"score":1,"end":8}]}"#,
            "`segments[1].end`",
        ),
        (
            r#"{"id":"a","segments":[{"score":1},{"score":1,"start":1,"end":8}]}"#,
            "`segments[1]`",
        ),
        (
            r#"{"id":"a","segments":[{"score":0.1,"unscored":"truncated"},{"score":1}]}"#,
            "`segments[0].unscored`",
        ),
        (
            r#"{"id":"a","segments":[{"index":1,"score":1},{"index":0,"score":1}]}"#,
            "`segments[1].index`",
        ),
        (
            r#"{"id":"a","segments":[{"index":-1,"score":1},{"index":1,"score":1}]}"#,
            "`segments[0].index`",
        ),
        (
            r#"{"id":"a","segments":[{"index":"1","score":1},{"index":0,"score":1}]}"#,
            "`segments[0].index`",
        ),
        (
            r#"{"id":"a","scores":[0.7,0.1],"step_rewards":[0.1,0.7]}"#,
            "`step_rewards`",
        ),
        (
            r#"{"id":"a","segments":[{"score":1,"reward":0},{"score":1}]}"#,
            "`segments[0].reward`",
        ),
        (
            r#"{"id":"a","Response":"XX","scores":[0.7,0.1]}"#,
            "`response`",
        ),
        (r#"{"id":"a","prompt":"q","scores":[0.7,0.1]}"#, "`prompt`"),
        (
            r#"{"id":"a","context":"c","scores":[0.7,0.1]}"#,
            "`context`",
        ),
        (
            r#"{"id":"a","response":["One.","Two."],"scores":[0.7,0.1]}"#,
            "`response`",
        ),
    ] {
        refused(record, &["scores.jsonl:1", part]);
    }
}

#[test]
fn a_score_beside_a_rating_is_what_gradus_writes_and_is_read() {
    let text = r#"{"id":"a","prompt":"p","segments":[{"start":0,"end":4,"rating":1,"score":0.5},{"start":5,"end":9,"rating":0,"score":null,"unscored":"truncated"}],"score":0.5}"#;
    assert_eq!(
        scores(&read(text, None).unwrap())[0],
        [Some(vec![0.5]), None]
    );
}

#[test]
fn records_of_data_and_figures_of_one_score_are_refused() {
    let refused = |record: &str, parts: &[&str], hint: &str| {
        let error = read(record, None).unwrap_err();
        let message = error.to_string();
        for part in parts {
            assert!(message.contains(part), "missing `{part}` in: {message}");
        }
        let found = error.hint().unwrap();
        assert!(found.contains(hint), "{found}");
    };
    let none = ["`a`", "2 segments without the key `score`"];
    refused(
        r#"{"id":"a","prompt":"p","segments":[{"start":0,"end":4,"rating":1},{"start":5,"end":9,"rating":null}]}"#,
        &none,
        "looks like a data file",
    );
    refused(
        r#"{"id":"a","segments":[{"start":0,"end":4},{"start":5,"end":9}]}"#,
        &none,
        "a record is",
    );
    for (record, field) in [
        (
            r#"{"id":"a","scores":[{"mean":1,"std":0},null]}"#,
            "`scores[0]`",
        ),
        (
            r#"{"id":"a","scores":{"mean":[1,2],"std":[0,0]}}"#,
            "`scores`",
        ),
        (
            r#"{"id":"a","segments":[{"score":{"value":1,"n":3}},{"score":null}]}"#,
            "`segments[0].score`",
        ),
        (r#"{"id":"a","score":{"mean":1,"n":3}}"#, "`score`"),
    ] {
        refused(
            record,
            &["`a`", field, "look like figures"],
            "one number a segment",
        );
    }
    for record in [
        r#"{"id":"a","segments":[{"rating":1,"score":null},{"rating":1}]}"#,
        r#"{"id":"a","segments":[{"unscored":"truncated"},{}]}"#,
        r#"{"id":"a","segments":[{"rating":1},{"rating":0}],"score":null}"#,
    ] {
        assert!(read(record, None).is_ok(), "{record}");
    }
}
