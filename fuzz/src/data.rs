//! Records, scores and the texts in them.

use std::io::Cursor;
use std::panic;
use std::sync::Once;

use gradus::data::{
    DEFAULT_ASPECT, Example, ExampleReader, Format, ImportOptions, Segment, Segmenter,
    parse_example, visible, visible_code, visible_json, visible_lines, visible_markdown,
};
use gradus::eval::{Aggregation, ScoreFile};
use gradus::hub::HubId;
use gradus::model::{HeadConfig, LoraConfig, Pooling};
use gradus::train::ScaleOption;

use crate::place::file;

/// Records that are read no further than this from one input.
const MANY: usize = 10_000;

/// Native records. What was read is written and read again.
pub fn records(data: &[u8]) {
    let Ok(reader) = ExampleReader::new(Cursor::new(data.to_vec()), "input") else {
        return;
    };
    written_and_read(reader);
}

fn written_and_read(reader: ExampleReader) {
    for example in reader.take(MANY).flatten() {
        let line = example.to_json().to_string();
        let again = parse_example(&line, &gradus::data::Location::new("written", 1));
        assert_eq!(again.expect("what was written"), example, "{line}");
    }
}

/// Rows of a file in columns. A panic inside a library is an error of the file, as in the program; one
/// of this project's own is a fault.
pub fn parquet(data: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let fault = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_library = |place: &panic::Location<'_>| place.file().contains("/registry/src/");
            if !info.location().is_some_and(is_library) {
                fault(info);
            }
        }));
    });
    let path = file("rows.parquet", data);
    if let Ok(reader) = ExampleReader::open(&path) {
        written_and_read(reader);
    }
}

/// The same behind the first bytes of gzip or zstd.
pub fn compressed(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let magic: &[u8] = match first % 4 {
        0 => &[0x1f, 0x8b, 8, 0],
        1 => &[0x28, 0xb5, 0x2f, 0xfd],
        2 => &[0x50, 0x2a, 0x4d, 0x18],
        _ => &[],
    };
    records(&[magic, rest].concat());
}

/// Any published format; the first byte says which.
pub fn import(data: &[u8]) {
    if let Some((&first, rest)) = data.split_first() {
        imported(Format::ALL[usize::from(first) % Format::ALL.len()], rest);
    }
}

/// Tables of spans.
pub fn span_csv(data: &[u8]) {
    imported(Format::SpanCsv, data);
}

/// Tables of WMT.
pub fn wmt_mqm(data: &[u8]) {
    imported(Format::WmtMqm, data);
}

fn imported(format: Format, data: &[u8]) {
    let options = ImportOptions {
        sources: (format == Format::RagTruth).then(|| {
            let prompts =
                br#"{"source_id": "1", "task_type": "QA", "source_info": "A.", "prompt": "B."}"#;
            file("sources.jsonl", prompts)
        }),
        ..ImportOptions::default()
    };
    let path = file("published", data);
    let Ok(importer) = gradus::data::import(&path, format, &options) else {
        return;
    };
    for example in importer.take(MANY).flatten() {
        example.check().expect("what an importer gives");
        let line = example.to_json().to_string();
        let again = parse_example(&line, &gradus::data::Location::new("written", 1));
        assert_eq!(again.expect("what was written"), example, "{line}");
    }
}

/// Score files, for examples with and without segments.
pub fn scores(data: &[u8]) {
    let rated = r#"{"id":"a","prompt":"p","response":"One. Two.","segments":[
        {"start":0,"end":4,"rating":1},{"start":5,"end":9,"rating":0.5}]}"#;
    let named = r#"{"id":"b","prompt":"p","response":"One.","segments":[
        {"start":0,"end":4,"rating":{"x":1,"y":0}}]}"#;
    let whole = r#"{"id":"1","prompt":"p","response":"Zwölf. 🦀.","rating":1}"#;
    let parse = |text: &str| -> Example {
        let location = gradus::data::Location::new("examples", 1);
        parse_example(&text.replace('\n', " "), &location).expect("a record")
    };
    let mut examples = [rated, named, whole].map(parse);
    let path = file("scores.jsonl", data);
    for wanted in [None, Some([DEFAULT_ASPECT.to_owned()])] {
        let wanted = wanted.as_ref().map(<[String; 1]>::as_slice);
        if let Ok(read) = ScoreFile::read(&path, &examples, wanted) {
            assert_eq!(read.responses.len(), examples.len());
            read.cut(&mut examples);
            for example in &examples {
                example.check().expect("segments of a score file");
            }
        }
    }
}

/// Texts: cut into segments, made visible, and read as settings.
pub fn texts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let rules = [
        Segmenter::Sentence,
        Segmenter::Sentence2,
        Segmenter::Line,
        Segmenter::Paragraph,
    ];
    for rule in rules {
        if let Ok(spans) = rule.segment(text) {
            let example = Example {
                id: "a".into(),
                response: text.into(),
                segments: spans.into_iter().map(Segment::unrated).collect(),
                ..Example::default()
            };
            example.check().expect("the segments of a text");
        }
    }
    let shown = visible(text);
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert_eq!(visible(&shown), shown);
    let _ = (
        visible_lines(text),
        visible_markdown(text),
        visible_code(text),
    );
    let json = serde_json::to_string(text).expect("a text");
    assert_eq!(
        serde_json::from_str::<String>(&visible_json(&json)).expect("JSON"),
        text
    );
    let _ = text.parse::<Format>();
    let _ = text.parse::<gradus::data::RatingMap>();
    let _ = text.parse::<Segmenter>();
    let _ = text.parse::<HeadConfig>();
    let _ = text.parse::<LoraConfig>();
    let _ = text.parse::<Pooling>();
    let _ = text.parse::<Aggregation>();
    let _ = text.parse::<ScaleOption>();
    let _ = HubId::parse(text);
}
