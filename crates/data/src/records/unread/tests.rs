use super::*;
use crate::records::record::parse_record;

fn told(line: &str) -> Vec<String> {
    let example = parse_record(line, 1).unwrap();
    UnreadKeys::of([&example])
        .into_iter()
        .map(|unread| {
            format!(
                "{}{}:{}",
                if unread.in_segments { "s." } else { "" },
                unread.key,
                unread.looks_like
            )
        })
        .collect()
}

#[test]
fn keys_that_look_like_one_that_is_read_are_told() {
    for (keys, expected) in [
        (r#""Rating":0.5"#, &["Rating:rating"][..]),
        (r#""score":0.5"#, &["score:rating"]),
        (r#""label":1"#, &["label:rating"]),
        (r#""label":"good""#, &["label:rating"]),
        (r#""rating":1,"label":"good","score":0.5"#, &[]),
        (r#""contxt":"c""#, &["contxt:context"]),
        (r#""Context":"c""#, &["Context:context"]),
        (r#""contexts":["c"]"#, &["contexts:context"]),
        (r#""segment":[]"#, &["segment:segments"]),
        (r#""weights":[1,2]"#, &["weights:segments[].weight"]),
        (r#""weight":2"#, &["weight:segments[].weight"]),
        (r#""spans":[{"start":0}]"#, &["spans:segments"]),
        (r#""step_labels":[1,0]"#, &["step_labels:rating"]),
        (r#""overall_rating":3"#, &["overall_rating:rating"]),
        (r#""gold_label":1"#, &["gold_label:rating"]),
        (r#""overall":0.5"#, &["overall:rating"]),
        (r#""rating":1,"aspect":"fact""#, &["aspect:rating.ASPECT"]),
        (r#""rating":{"fact":1},"aspect":"fact""#, &[]),
        (r#""first_error":1"#, &["first_error:rating"]),
        (r#""mistakeIndex":1"#, &["mistakeIndex:rating"]),
        (r#""error":"timeout","error_type":"t""#, &[]),
        (r#""rating":1,"first_error":1"#, &[]),
        (r#""aspects":{"fact":1}"#, &["aspects:rating"]),
        (r#""fluent":[true,false]"#, &["fluent:rating"]),
        (r#""token_ids":[1,2],"positions":[],"year":2020"#, &[]),
        (r#""passages":["c"]"#, &["passages:context"]),
        (r#""retrieved_docs":"c""#, &["retrieved_docs:context"]),
        (r#""context":"c","passages":["c"]"#, &[]),
        (r#""document_id":"d","knowledge_source":"s""#, &[]),
        (r#""system":"Be brief.""#, &["system:prompt"]),
        (
            r#""num_labels":2,"label_source":"people","ratingId":7"#,
            &[],
        ),
        (r#""source":"s","note":1,"content":"c","score":null"#, &[]),
    ] {
        assert_eq!(
            told(&format!(r#"{{"prompt":"p","response":"r",{keys}}}"#)),
            expected,
            "{keys}"
        );
    }
}

#[test]
fn keys_of_segments_are_told_too() {
    for (keys, expected) in [
        (r#""score":0.5"#, &["s.score:rating"][..]),
        (r#""score":"0.5""#, &["s.score:rating"]),
        (r#""label":"Contradiction""#, &["s.label:rating"]),
        (r#""rating":0.5,"score":0.4,"unscored":"truncated""#, &[]),
        (r#""rating":0.5,"label":"Contradiction""#, &[]),
        (r#""rating":0.5,"label":1"#, &["s.label:rating"]),
        (r#""ratng":1"#, &["s.ratng:rating"]),
        (r#""human_rating":0.5"#, &["s.human_rating:rating"]),
        (r#""is_correct":true"#, &["s.is_correct:rating"]),
        (r#""judgement":0.5"#, &["s.judgement:rating"]),
        (r#""judgments":[0.5,1]"#, &["s.judgments:rating"]),
        (r#""rating_factuality":1"#, &["s.rating_factuality:rating"]),
        (r#""ratingValue":1"#, &["s.ratingValue:rating"]),
        (r#""judge_score":1"#, &["s.judge_score:rating"]),
        (r#""step_label":1"#, &["s.step_label:rating"]),
        (r#""process_reward":1"#, &["s.process_reward:rating"]),
        (r#""rating":0.5,"judge_score":1,"other":2"#, &[]),
        (
            r#""clarity":0.4,"usefulness":1"#,
            &["s.clarity:rating", "s.usefulness:rating"],
        ),
        (r#""aspects":{"fact":1}"#, &["s.aspects:rating"]),
        (
            r#""flagged":true,"marks":[1,0]"#,
            &["s.flagged:rating", "s.marks:rating"],
        ),
        (r#""start_char":3,"token_range":[1,2]"#, &[]),
        (
            r#""index":3,"num_tokens":12,"annotator":7,"sentence_id":1"#,
            &[],
        ),
        (r#""rating":1,"aspect":"fact""#, &["s.aspect:rating.ASPECT"]),
        (r#""Weight":1"#, &["s.Weight:weight"]),
        (r#""rating":1,"note":"n","type":"t","prompts":"p""#, &[]),
    ] {
        let line =
            format!(r#"{{"prompt":"p","response":"r","segments":[{{"start":0,"end":1,{keys}}}]}}"#);
        assert_eq!(told(&line), expected, "{keys}");
    }
}

#[test]
fn numbers_of_segments_are_told_only_where_nothing_is_rated() {
    let line = |rating: &str| {
        let segment = format!(r#"{{"start":0,"end":1,"clarity":0.4{rating}}}"#);
        format!(r#"{{"prompt":"p","response":"r","segments":[{segment}]}}"#)
    };
    let examples = ["", r#","rating":1"#].map(|rating| parse_record(&line(rating), 1).unwrap());
    assert_eq!(UnreadKeys::of(&examples[..1]).len(), 1);
    assert_eq!(UnreadKeys::of(&examples), []);
}

#[test]
fn a_variant_beside_the_key_itself_is_refused() {
    for (line, field) in [
        (r#"{"prompt":"p","Prompt":"q","response":"r"}"#, "Prompt"),
        (
            r#"{"prompt":"p","response":"r","context":null,"con_text":"c"}"#,
            "con_text",
        ),
        (
            r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":0,"Rating":1}]}"#,
            "segments[0].Rating",
        ),
    ] {
        let message = parse_record(line, 1).unwrap_err().to_string();
        let start = format!("field `{field}`: found beside `");
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn a_variant_that_would_stand_beside_the_written_key_is_refused() {
    for (keys, segment, field, read) in [
        (r#","ID":"a""#, "", "ID", "id"),
        (r#","Segments":[]"#, "", "Segments", "segments"),
        ("", r#","Rating":1"#, "segments[0].Rating", "rating"),
    ] {
        let segments = if segment.is_empty() {
            String::new()
        } else {
            format!(r#","segments":[{{"start":0,"end":1{segment}}}]"#)
        };
        let line = format!(r#"{{"prompt":"p","response":"r"{keys}{segments}}}"#);
        let message = parse_record(&line, 1).unwrap_err().to_string();
        let expected = format!("field `{field}`: not read, expected `{read}`");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn a_key_is_counted_once_a_record() {
    let line = |id: u32| {
        format!(
            r#"{{"id":"{id}","prompt":"p","response":"ab","segments":[{{"start":0,"end":1,"score":1}},{{"start":1,"end":2,"score":1}}]}}"#
        )
    };
    let examples = [1, 2].map(|id| parse_record(&line(id), 1).unwrap());
    let unread = UnreadKeys::of(&examples);
    assert_eq!(
        unread[0].to_string(),
        "the key `score` in segments of 2 records is kept but not read; `rating` is (first in record `1`)"
    );
}
