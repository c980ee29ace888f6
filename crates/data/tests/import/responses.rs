use gradus_data::{DEFAULT_ASPECT, Example, Format, ImportOptions};
use serde_json::{Value, json};

use crate::{file, import_all, one, one_with, ratings, refusal, refused, texts, with_map};

#[test]
fn helpsteer2_rates_the_whole_response_in_five_aspects() {
    let text = r#"{"prompt":"c#","response":"C# is é.","helpfulness":3,"correctness":4,"coherence":4,"complexity":2,"verbosity":1}"#;
    let example = one(text, Format::HelpSteer2);
    assert_eq!(texts(&example), ["C# is é."]);
    assert_eq!(ratings(&example, "helpfulness"), [Some(3.0)]);
    assert_eq!(ratings(&example, "verbosity"), [Some(1.0)]);
    assert_eq!(example.segments[0].ratings.len(), 5);
    let message = refused(&text.replace("\"C# is é.\"", "\"\""), Format::HelpSteer2);
    assert!(
        message.contains("field `response`: found an empty text"),
        "{message}"
    );
    let message = refused(
        &text.replace("\"verbosity\":1", "\"verbosity\":null"),
        Format::HelpSteer2,
    );
    assert!(message.contains("field `verbosity`: missing"), "{message}");
}

const HEADER: &str = "system\tdoc\tdoc_id\tseg_id\trater\tsource\ttarget\tcategory\tseverity";

fn table(rows: &[&str]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

const ROWS: [&str; 4] = [
    "A\td\t1\t1\tr1\tsrc\tDas <v>ißt</v> so\tAccuracy/Mistranslation\tMajor",
    "B\td\t1\t1\tr1\tsrc\tDas ist so\tNo-error\tno-error",
    "A\td\t1\t1\tr1\t<v>src</v>\tDas ißt so\tAccuracy/Omission\tMinor",
    "A\td\t1\t1\tr1\tsrc\tDas ißt so<v></v>\tFluency/Punctuation\tminor",
];

#[test]
fn wmt_mqm_adds_up_the_weights_of_a_judgment() {
    let options = ImportOptions::default();
    let examples = import_all(&table(&ROWS), Format::WmtMqm, &options);
    let examples: Vec<_> = examples.into_iter().map(Result::unwrap).collect();
    assert_eq!(examples.len(), 2);
    assert_eq!(examples[0].id, "A/d/1");
    assert_eq!(examples[0].prompt, "src");
    assert_eq!(texts(&examples[0]), ["Das ißt so"]);
    assert_eq!(ratings(&examples[0], DEFAULT_ASPECT), [Some(-6.1)]);
    assert_eq!(examples[0].meta["errors"][0]["start"], 4);
    assert_eq!(examples[0].meta["errors"][0]["end"], 7);
    assert!(examples[0].meta["errors"][1].get("start").is_none());
    let rating = ratings(&examples[1], DEFAULT_ASPECT)[0].unwrap();
    assert_eq!(rating.to_bits(), 0.0_f64.to_bits(), "not -0");

    let row = "A\td\t1\t1\tr1\tsrc\tx\tNon-translation!\tMajor";
    let example = one(&table(&[row]), Format::WmtMqm);
    assert_eq!(ratings(&example, DEFAULT_ASPECT), [Some(-25.0)]);
    let example = one_with(&table(&[row]), Format::WmtMqm, &with_map("Major=-2"));
    assert_eq!(ratings(&example, DEFAULT_ASPECT), [Some(-2.0)]);
}

#[test]
fn wmt_mqm_keeps_the_rating_of_every_rater_of_a_translation() {
    let rows = [
        ROWS[0],
        "A\td\t1\t1\tr2\tsrc\tDas ißt <v>so</v>\tStyle\tMinor",
        ROWS[1],
        ROWS[2],
        "A\td\t1\t1\tr3\tsrc\tDas ißt so\tNo-error\tno-error",
        "A\td\t1\t1\tr4\tsrc\tDas ist so\tNo-error\tno-error",
    ];
    let examples = import_all(&table(&rows), Format::WmtMqm, &ImportOptions::default());
    let examples: Vec<_> = examples.into_iter().map(Result::unwrap).collect();
    let ids: Vec<&str> = examples.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["A/d/1", "B/d/1", "A/d/1/r4"], "r4 saw another text");
    let segment = &examples[0].segments[0];
    assert_eq!(segment.raters[DEFAULT_ASPECT], [-6.0, -1.0, 0.0]);
    assert!((segment.ratings[DEFAULT_ASPECT] + 7.0 / 3.0).abs() < 1e-12);
    assert_eq!(
        examples[0].meta["raters"],
        serde_json::json!(["r1", "r2", "r3"])
    );
    let of: Vec<&str> = examples[0].meta["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["rater"].as_str().unwrap())
        .collect();
    assert_eq!(of, ["r1", "r1", "r2", "r3"]);
    assert!(
        examples[1].segments[0].raters.is_empty(),
        "one rater is no list"
    );
}

#[test]
fn wmt_mqm_gives_no_example_for_a_judgment_with_a_wrong_row() {
    let wrong = "A\td\t1\t1\tr1\tsrc\tDas ißt so\tStyle\tawful";
    let rows = [ROWS[0], ROWS[1], wrong, ROWS[2]];
    let examples = import_all(&table(&rows), Format::WmtMqm, &ImportOptions::default());
    assert_eq!(examples.len(), 2);
    let message = examples[0].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("data:4: field `severity`: found `awful`"),
        "{message}"
    );
    assert!(examples[1].is_ok());
}

#[test]
fn wmt_mqm_reads_tables_with_and_without_quoted_cells() {
    for (cell, text) in [
        (r#""Er sagte ""Ja"" dazu.""#, r#"Er sagte "Ja" dazu."#),
        (r#""""<v>""</v>""Ja.""#, r#""""Ja."#),
        (r#""Ja""#, r#""Ja""#),
        (r#"Er sagte "Ja""#, r#"Er sagte "Ja""#),
        (r#""Ja", "nein""#, r#""Ja", "nein""#),
        (r#"""#, r#"""#),
    ] {
        let row = format!("A\td\t1\t1\tr1\tsrc\t{cell}\tStyle\tMinor");
        let example = one(&table(&[&row]), Format::WmtMqm);
        assert_eq!(example.response, text, "{cell}");
    }
}

#[test]
fn wmt_mqm_refuses_marks_and_texts_that_disagree() {
    for (row, problem) in [
        (
            "A\td\t1\t1\tr1\tsrc\ta <v>b\tStyle\tMinor",
            "field `target`: found 1 of `<v>` and 0",
        ),
        (
            "A\td\t1\t1\tr1\tsrc\t\tStyle\tMinor",
            "field `target`: found an empty text",
        ),
    ] {
        let message = refused(&table(&[row]), Format::WmtMqm);
        assert!(message.starts_with("2: "), "{message}");
        assert!(message.contains(problem), "{message}");
    }
    let other = "A\td\t1\t1\tr1\tsrc\tother\tStyle\tMinor";
    let message = refused(&table(&[ROWS[0], other]), Format::WmtMqm);
    assert!(
        message.starts_with("3: field `target`: found another text"),
        "{message}"
    );
    let message = refusal(&table(&[ROWS[0]]), Format::WmtMqm, &with_map("Minor=-1"));
    assert!(message.contains("found the rating Major"), "{message}");
}

#[test]
fn wmt_mqm_refuses_tables_it_cannot_read() {
    for (text, problem) in [
        ("system\tdoc\n".to_owned(), "1: field `seg_id`: missing"),
        (
            table(&["A\td"]),
            "2: field `seg_id`: missing, expected a cell",
        ),
        (
            table(&[&format!("{}\tmore", ROWS[0])]),
            "2: found 10 cells, expected 9, as in the header",
        ),
        (
            table(&[]).replacen("severity", "severity\trater", 1),
            "two columns of that name",
        ),
    ] {
        let (_guard, path) = file(text);
        let error = gradus_data::import(path, Format::WmtMqm, &ImportOptions::default()).err();
        let message = error.unwrap().to_string();
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn a_csv_table_has_a_rated_span_in_each_row() {
    let text = "id,response,prompt,start,end,rating,aspect,note\n\
                a,\"Né, so.\nGo \"\"on\"\".\",p,0,7,0.5,x,n1\n\
                b,one,p,0,3,,,n2\n\
                a,\"Né, so.\nGo \"\"on\"\".\",p,0,7,1,y,n3\n\
                a,\"Né, so.\nGo \"\"on\"\".\",p,8,16,-2,z,n4\n";
    let examples = import_all(text, Format::SpanCsv, &ImportOptions::default());
    let examples: Vec<_> = examples.into_iter().map(Result::unwrap).collect();
    assert_eq!(examples.len(), 2);
    assert_eq!(texts(&examples[0]), ["Né, so.", "Go \"on\"."]);
    assert_eq!(ratings(&examples[0], "x"), [Some(0.5), None]);
    assert_eq!(ratings(&examples[0], "y"), [Some(1.0), None]);
    assert_eq!(ratings(&examples[0], "z"), [None, Some(-2.0)]);
    assert_eq!(examples[0].meta["note"], "n1");
    assert_eq!(ratings(&examples[1], DEFAULT_ASPECT), [None]);
}

const CSV: &str = "id,prompt,response,start,end,rating\n";

#[test]
fn a_csv_row_that_is_wrong_is_named_by_its_line() {
    for (rows, problem) in [
        (
            "a,p,r,0,1,x",
            "2: field `rating`: found \"x\", expected a finite number",
        ),
        ("a,p,r,0,1,NaN", "2: field `rating`: found \"NaN\""),
        (
            "a,p,r,-1,1,1",
            "2: field `start`: found \"-1\", expected a whole number",
        ),
        (
            "a,p,r,0,2,1",
            "2: field `segments[0].end`: found character 2, past the end",
        ),
        (",p,r,0,1,1", "2: field `id`: found an empty text"),
        (
            "a,p,r,0,1,1\na,q,r,0,1,1",
            "3: field `prompt`: found another text",
        ),
        (
            "a,p,r,0,1,1\na,p,r,0,1,2",
            "3: field `aspect`: found `rating` again for 0..1",
        ),
    ] {
        let message = refused(&format!("{CSV}{rows}\n"), Format::SpanCsv);
        assert!(message.starts_with(problem), "{message}");
    }
    let text = format!("{CSV}a,p,r,0,1,good\n");
    let example = one_with(&text, Format::SpanCsv, &with_map("good=1,bad=0"));
    assert_eq!(ratings(&example, DEFAULT_ASPECT), [Some(1.0)]);
    let message = refusal(&text, Format::SpanCsv, &with_map("bad=0"));
    assert!(message.contains("found the rating good"), "{message}");
}

#[test]
fn a_csv_table_that_is_torn_is_refused_as_a_whole() {
    for (text, problem) in [
        (
            "id,prompt\n".to_owned(),
            "data:1: field `response`: missing",
        ),
        (
            format!("{CSV}a,p,r,0,1,1\nb,p\n"),
            "data:3: found 2 cells, expected 6",
        ),
    ] {
        let (_guard, path) = file(text);
        let error = gradus_data::import(path, Format::SpanCsv, &ImportOptions::default()).err();
        let message = error.unwrap().to_string();
        assert!(message.contains(problem), "{message}");
    }
}

fn csv(text: &str) -> (Vec<gradus_data::Example>, Vec<String>) {
    let (_guard, path) = file(text);
    let importer = gradus_data::import(path, Format::SpanCsv, &ImportOptions::default()).unwrap();
    let notes = importer.notes().to_vec();
    (importer.map(Result::unwrap).collect(), notes)
}

#[test]
fn columns_of_a_csv_table_that_look_like_one_that_is_read_are_told() {
    for (name, read) in [
        ("weigth", Some("weight")),
        ("passages", Some("context")),
        ("Contxt", Some("context")),
        ("criterion", Some("aspect")),
        ("document_id", None),
        ("annotator", None),
    ] {
        let (_, notes) = csv(&format!(
            "id,prompt,response,start,end,rating,{name}\na,Who?,One. Two.,0,4,1,2\n"
        ));
        let told =
            read.map(|read| format!("the column `{name}` is kept but not read; `{read}` is"));
        assert_eq!(notes, told.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn a_csv_table_of_a_spreadsheet_is_read_and_what_was_done_is_told() {
    for (text, note) in [
        (
            "id;prompt;response;start;end;rating;aspect;context\na;Who?;\"One. Two.\";0;4;0,5;;\n",
            "';'",
        ),
        (
            "sep=;\r\nid;prompt;response;start;end;rating\r\na;Who?;One. Two.;0;4;0,5\r\n",
            "as its first line says",
        ),
        (
            "id\tprompt\tresponse\tstart\tend\trating\na\tWho?\tOne. Two.\t0\t4\t0,5\n",
            "'\\t'",
        ),
    ] {
        let (examples, notes) = csv(text);
        assert_eq!(ratings(&examples[0], DEFAULT_ASPECT), [Some(0.5)], "{text}");
        assert!(notes.iter().any(|told| told.contains(note)), "{notes:?}");
        assert!(
            notes.iter().any(|told| told.contains("decimal comma")),
            "{notes:?}"
        );
    }
    assert_eq!(csv(&format!("{CSV}a,p,r,0,1,1\n")).1, Vec::<String>::new());
}

#[test]
fn rows_of_a_csv_table_may_come_in_any_order() {
    let sorted = "id,prompt,response,start,end,rating,aspect,context\n\
                  a,Who?,One. Two.,0,4,0.5,fact,\na,Who?,One. Two.,5,9,1,fact,\n\
                  a,Who?,One. Two.,0,4,0.1,rel,\na,Who?,One. Two.,5,9,0.2,rel,\n";
    let (examples, notes) = csv(sorted);
    assert_eq!(texts(&examples[0]), ["One.", "Two."]);
    assert_eq!(ratings(&examples[0], "fact"), [Some(0.5), Some(1.0)]);
    assert_eq!(ratings(&examples[0], "rel"), [Some(0.1), Some(0.2)]);
    assert!(notes.is_empty(), "{notes:?}");
    let unsorted = format!("{CSV}a,q,One. Two.,5,9,1\na,q,One. Two.,0,4,0.5\n");
    let (examples, notes) = csv(&unsorted);
    assert_eq!(
        ratings(&examples[0], DEFAULT_ASPECT),
        [Some(0.5), Some(1.0)]
    );
    assert!(
        notes[0].contains("1 ids were not in the order of the text"),
        "{notes:?}"
    );
}

#[test]
fn nothing_of_a_csv_row_is_lost() {
    let (examples, _) = csv(
        "id,prompt,response,start,end,rating,aspect,weight,text,rater,set\n\
         a,p,One. Two.,0,4,1,x,0.5,One.,r1,dev\na,p,One. Two.,0,4,0,y,0.5,One.,r2,dev\na,p,One. Two.,5,9,0,x,,Two.,r1,dev\n",
    );
    let [first, second] = &examples[0].segments[..] else {
        panic!("{examples:?}")
    };
    assert_eq!((first.weight, second.weight), (Some(0.5), None));
    assert_eq!(
        first.extra["rater"],
        serde_json::json!({"x": "r1", "y": "r2"})
    );
    assert_eq!(second.extra["rater"], "r1");
    assert_eq!(first.extra["text"], "One.");
    assert_eq!(examples[0].meta["set"], "dev");
    assert!(first.extra.get("set").is_none());
}

#[test]
fn a_csv_table_with_two_readings_is_refused() {
    for (text, problem) in [
        (
            "id,prompt,response,start,end,rating\na,Who?,\"He said \\\"hi\\\". Two.\",0,15,0.5\n",
            "data:2: found 'h' behind the quotation mark",
        ),
        (
            "id,prompt,response,start,end,rating,rating\na,p,r,0,1,1,0\n",
            "data:1: field `rating`: found two columns",
        ),
        (
            "id,prompt,response,start,end,rating,Aspect\na,p,r,0,1,1,x\n",
            "data:1: found the column `Aspect`, expected `aspect`",
        ),
        (
            "id,prompt,response,start,end,rating,\na,p,r,0,1,1,x\n",
            "data:2: found a text in cell 7",
        ),
        (
            "id,prompt,response,start,end,rating\na,p,r,0,1,1,0\n",
            "data:2: found 7 cells, expected 6",
        ),
    ] {
        let (_guard, path) = file(text);
        let error = gradus_data::import(path, Format::SpanCsv, &ImportOptions::default())
            .err()
            .unwrap();
        assert!(matches!(error, gradus_data::DataError::Torn { .. }));
        assert!(error.to_string().contains(problem), "{error}");
    }
    for (rows, problem) in [
        (
            "a,p,r,0,1,\"0,5\"",
            "2: field `rating`: found \"0,5\", expected a decimal point and no comma",
        ),
        (
            "a,p,rs,0,1,\na,p,rs,1,2,1\na,p,rs,0,1,",
            "4: field `aspect`: found `rating` again for 0..1, as in line 2",
        ),
        (
            "a,p,r,0,1,9007199254740993",
            "2: field `rating`: found 9007199254740993",
        ),
        ("a,p,r,0,1.0,1", "2: field `end`: found \"1.0\""),
    ] {
        let message = refused(&format!("{CSV}{rows}\n"), Format::SpanCsv);
        assert!(message.starts_with(problem), "{message}");
    }
    for (rows, problem) in [
        (
            "a,p,rs,0,1,1,fact\na,p,rs,1,2,0,",
            "3: field `aspect`: found nothing beside a rating, but `fact` in line 2",
        ),
        (
            "a,p,rs,0,1,1,mean\na,p,rs,0,1,0,std",
            "2: field `segments[0].rating`: found the keys `mean`, `std`",
        ),
        (
            "a,p,rs,0,1,1,fact\na,p,rs,0,1,0,Fact",
            "2: field `segments[0].rating`: found the keys `Fact`, `fact`",
        ),
    ] {
        let header = "id,prompt,response,start,end,rating,aspect\n";
        let message = refused(&format!("{header}{rows}\n"), Format::SpanCsv);
        assert!(message.starts_with(problem), "{message}");
    }
    let message = refused(
        "id,prompt,response,start,end,rating,text\na,p,N\u{e9} \u{1f4a9} so.,6,8,1,so\n",
        Format::SpanCsv,
    );
    assert!(message.contains("field `segments[0].text`"), "{message}");
}

#[test]
fn lines_of_a_csv_table_are_counted_whatever_ends_them() {
    let lines = [
        "id,prompt,response,start,end,rating",
        "0,q,A b.,0,4,1",
        "1,q,\"A\nb.\",0,4,1",
        "",
        "2,q,A b.,0,4,bad",
        "",
    ];
    for end in ["\n", "\r\n"] {
        let examples = import_all(&lines.join(end), Format::SpanCsv, &ImportOptions::default());
        let message = examples[2].as_ref().unwrap_err().to_string();
        assert!(
            message.contains("data:6: field `rating`: found \"bad\""),
            "{message}"
        );
    }
}

#[test]
fn helpsteer3_rates_both_responses_by_the_preference_of_its_raters() {
    let record = |single: Value| {
        json!({
            "domain": "code", "language": "python",
            "context": [{"role": "user", "content": "Sort it."}],
            "response1": "Use sort.", "response2": "Use a loop.",
            "overall_preference": -2, "individual_preference": single,
        })
        .to_string()
    };
    let raters = json!([
        {"score": -3, "reasoning": "r", "feedback1": "f", "feedback2": "g"},
        {"score": -2, "reasoning": "r", "feedback1": "f", "feedback2": "g"},
        {"score": -1, "reasoning": "r", "feedback1": "f", "feedback2": "g"},
    ]);
    let options = ImportOptions::default();
    let examples = import_all(&record(raters), Format::HelpSteer3, &options);
    let [first, second] = examples.try_into().unwrap();
    let (first, second): (Example, Example) = (first.unwrap(), second.unwrap());
    assert_eq!((first.id.as_str(), second.id.as_str()), ("1-1", "1-2"));
    assert_eq!(
        (first.prompt.as_str(), texts(&second)),
        ("Sort it.", vec!["Use a loop."])
    );
    assert_eq!(ratings(&first, "preference"), [Some(2.0)]);
    assert_eq!(ratings(&second, "preference"), [Some(-2.0)]);
    assert_eq!(first.segments[0].raters["preference"], [3.0, 2.0, 1.0]);
    assert_eq!(first.meta["overall_preference"], -2);
    first.check().unwrap();

    let examples = import_all(&record(Value::Null), Format::HelpSteer3, &options);
    let first = examples.into_iter().next().unwrap().unwrap();
    assert_eq!(ratings(&first, "preference"), [Some(2.0)]);
    assert!(first.segments[0].raters.is_empty());

    let several = record(json!([])).replace(
        r#"[{"role":"user","content":"Sort it."}]"#,
        r#"[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"},{"role":"user","content":"Sort it."}]"#,
    );
    let examples = import_all(&several, Format::HelpSteer3, &options);
    let prompt = &examples[0].as_ref().unwrap().prompt;
    assert_eq!(prompt, "user: Hi\n\nassistant: Yes?\n\nuser: Sort it.");
    let message = refused(&record(json!([{"score": 5}])), Format::HelpSteer3);
    assert!(
        message.contains("individual_preference[0].score"),
        "{message}"
    );
}

#[test]
fn ultrafeedback_rates_each_completion_in_its_aspects() {
    let rating = |rating: &str| json!({"Rating": rating, "Rationale": "r"});
    let completion = |response: &str, honesty: &str| {
        json!({
            "model": "m", "response": response, "principle": "helpfulness", "custom_system_prompt": "s",
            "annotations": {
                "instruction_following": rating("4"), "honesty": rating(honesty),
                "truthfulness": {"Type": ["1"], "Rationale": "r", "Rating": "5", "Rationale For Rating": "s"},
                "helpfulness": {"Type": ["2"], "Rationale": "r", "Rating": "3", "Rationale For Rating": "s"},
            },
            "critique": "c", "overall_score": 7.5, "fine-grained_score": 4.0,
        })
    };
    let record = |completions: Value| {
        json!({
            "source": "flan", "instruction": "Say hi.", "models": ["m", "m"], "completions": completions,
            "correct_answers": ["None"], "incorrect_answers": ["None"],
        })
        .to_string()
    };
    let both = record(json!([completion("Hi.", "5"), completion("Bye.", "N/A")]));
    let examples = import_all(&both, Format::UltraFeedback, &ImportOptions::default());
    let [first, second] = examples.try_into().unwrap();
    let (first, second): (Example, Example) = (first.unwrap(), second.unwrap());
    assert_eq!((first.id.as_str(), second.id.as_str()), ("1-1", "1-2"));
    let found: Vec<(&str, f64)> = first.segments[0]
        .ratings
        .iter()
        .map(|(k, v)| (k.as_str(), *v))
        .collect();
    let expected = [
        ("helpfulness", 3.0),
        ("honesty", 5.0),
        ("instruction_following", 4.0),
        ("truthfulness", 5.0),
    ];
    assert_eq!(found, expected);
    assert_eq!(ratings(&second, "honesty"), [None]);
    assert_eq!(
        (&first.meta["source"], &first.meta["overall_score"]),
        (&json!("flan"), &json!(7.5))
    );
    let mut lacking = completion("Hi.", "5");
    lacking["annotations"]["truthfulness"] = Value::Null;
    let lacking = one(&record(json!([lacking])), Format::UltraFeedback);
    assert_eq!(ratings(&lacking, "truthfulness"), [None]);
    assert_eq!(ratings(&lacking, "honesty"), [Some(5.0)]);
    for wrong in ["good", "6", "-3", "0", "1e3", "inf"] {
        let message = refused(
            &record(json!([completion("Hi.", wrong)])),
            Format::UltraFeedback,
        );
        for part in [
            "completions[0].annotations.honesty.Rating",
            wrong,
            "expected a number from 1 to 5",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
    // A completion that is empty is refused alone.
    let one_empty = record(json!([completion("", "5"), completion("Hi.", "5")]));
    let examples = import_all(&one_empty, Format::UltraFeedback, &ImportOptions::default());
    assert!(examples[0].is_err() && examples[1].is_ok());
}
