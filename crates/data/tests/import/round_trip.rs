//! What an importer has read comes back the same when it is written and read as native records.

use gradus_data::{Example, Format, ImportOptions, Location, Offsets, import, parse_example};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{file, import_all, ratings};

/// A record of each format.
fn published(format: Format) -> String {
    let text = "Né 💩 so. It \"is\" \u{2028}far.";
    match format {
        Format::PrmBench => json!({"idx": "1", "classification": "circular", "modified_question": "q",
            "modified_process": [text, "b"], "error_steps": [2], "extra": {"n": 0.1, "m": [null]}}),
        Format::FineGrainedFeedback => json!([{"question": "q", "passages": [["t", "c"]], "prediction 1": text,
            "feedback": {"errors": [{"error type": "Redundant", "start": 3, "end": 4}]}}]),
        Format::TrlStepwise => {
            json!({"prompt": "p", "completions": [text, "b"], "labels": [true, 0.300_000_000_000_000_04]})
        }
        Format::Prm800k | Format::Prm800kTree => json!({"question": {"problem": "p"}, "label": {"steps": [
            {"completions": [{"text": text, "rating": -1}], "chosen_completion": 0}]}}),
        Format::ProcessBench => json!({"id": "a", "problem": "p", "steps": [text, "b"], "label": 1}),
        Format::MathShepherd => json!({"input": format!("q Step 1: {text} ки"), "value": [0.1]}),
        Format::RagTruth => json!({"id": "1", "source_id": "7", "response": text,
            "labels": [{"start": 3, "end": 4, "text": "💩", "label_type": "x"}]}),
        Format::HelpSteer2 => json!({"prompt": "p", "response": text, "helpfulness": 0.1, "correctness": 4,
            "coherence": 4, "complexity": 2, "verbosity": 1}),
        Format::FineGrainedTags => json!({"id": "0", "text": ["question:", "q", "answer:", "</s>", text],
            "feedback_tags": ["Ignore", "Ignore", "Ignore", "O", "Ignore"]}),
        Format::WmtMqm => {
            let header = "system\tdoc\tseg_id\trater\tsource\ttarget\tcategory\tseverity";
            let rows = "A\td\t1\tr1\ts\tN\u{e9} <v>💩</v>\tStyle\tMinor\nA\td\t1\tr2\ts\tN\u{e9} 💩\tStyle\tMajor";
            return format!("{header}\n{rows}\n");
        }
        Format::SpanCsv => {
            return "id,prompt,response,start,end,rating,aspect,weight,text,note\n\
                    a,p,\"Né 💩, \"\"so\"\".\",3,4,0.1,x,0.25,💩,n1\na,p,\"Né 💩, \"\"so\"\".\",0,2,-1e-7,y,,Né,n2\n"
                .to_owned();
        }
        other => return documented(other),
    }
    .to_string()
}

/// `docs/importing.md`.
fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/importing.md");
    fs_err::read_to_string(path).unwrap()
}

/// The record that the format's section of the page shows.
fn documented(format: Format) -> String {
    let page = page();
    let section = page.split_once(&format!("\n## {format}\n"));
    let section = section
        .unwrap_or_else(|| panic!("no section on {format}"))
        .1;
    let record = section.split_once("```json\n").unwrap().1;
    record.split_once("```").unwrap().0.to_owned()
}

#[test]
fn every_format_is_documented() {
    let page = page();
    for format in Format::ALL {
        assert!(page.contains(&format!("\n| `{format}` |")), "{format}");
    }
    assert!(documented(Format::ProcessBench).contains("\"label\""));
}

fn again(example: &Example) -> Example {
    parse_example(&example.to_json().to_string(), &Location::new("again", 1)).unwrap()
}

#[test]
fn every_format_comes_back_the_same() {
    let (_guard, sources) = file(json!({"source_id": "7", "prompt": "asked"}).to_string());
    let options = ImportOptions {
        sources: Some(sources),
        ..ImportOptions::default()
    };
    for format in Format::ALL {
        let examples = import_all(&published(format), format, &options);
        assert!(!examples.is_empty(), "{format}");
        for example in examples {
            let example = example.unwrap();
            assert_eq!(again(&example), example, "{format}");
        }
    }
}

proptest! {
    #[test]
    fn any_rating_comes_back_bit_by_bit(
        rating in any::<f64>().prop_filter("finite", |rating| rating.is_finite()),
        text in "[^\u{0}-\u{1f}]{1,20}",
    ) {
        let record = json!({"prompt": text, "completions": [text], "labels": [rating]});
        let quoted = text.replace('"', "\"\"");
        let end = text.chars().count();
        let table = format!("id,prompt,response,start,end,rating\n1,\"{quoted}\",\"{quoted}\",0,{end},{rating}\n");
        for (text, format) in [(record.to_string(), Format::TrlStepwise), (table, Format::SpanCsv)] {
            let mut examples = import_all(&text, format, &ImportOptions::default());
            let example = again(&examples.remove(0).unwrap());
            let found = ratings(&example, "rating")[0].unwrap();
            prop_assert_eq!(found.to_bits(), rating.to_bits(), "{}", format);
            let response = Value::from(example.response);
            prop_assert_eq!(&response, &record["prompt"]);
        }
    }
}

/// All places of a value, itself included.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(places).sum(),
        Value::Object(fields) => fields.values().map(places).sum::<usize>(),
        _ => 0,
    }
}

/// Replaces the value at a place, counted as [`places`] does.
fn replace(value: &mut Value, place: &mut usize, by: &Value) {
    if *place == 0 {
        *value = by.clone();
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| replace(value, place, by)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| replace(value, place, by)),
        _ => {}
    }
}

#[test]
fn a_record_with_any_value_replaced_is_read_or_refused() {
    let (_guard, sources) = file(json!({"source_id": "7", "prompt": "asked"}).to_string());
    let others = [
        Value::Null,
        json!(-1),
        json!(7),
        json!(""),
        json!("💩 x"),
        json!([[]]),
        json!({"start": 0, "end": 1}),
        json!([0, 1, "x"]),
    ];
    for format in Format::ALL {
        // A table is no JSON.
        let Ok(record) = serde_json::from_str::<Value>(&published(format)) else {
            continue;
        };
        for place in 0..places(&record) {
            for other in &others {
                let mut changed = record.clone();
                replace(&mut changed, &mut { place }, other);
                let cut_at_marks = place % 2 == 0;
                let options = ImportOptions {
                    sources: Some(sources.clone()),
                    cut_at_marks,
                    offsets: if cut_at_marks {
                        Offsets::Utf16
                    } else {
                        Offsets::Chars
                    },
                    ..ImportOptions::default()
                };
                let (_guard, path) = file(changed.to_string());
                // What is read whole may be refused whole.
                let examples = import(path, format, &options).into_iter().flatten();
                for example in examples.flatten() {
                    assert_eq!(again(&example), example, "{format}: {changed}");
                }
            }
        }
    }
}
