//! Where segments are, for readers who do not count Unicode characters.

use gradus::data::Example;
use serde_json::{Map, Value};

use crate::cli::Offsets;

/// Keys that an earlier scoring may have left.
const KEYS: [&str; 4] = ["start_utf16", "end_utf16", "start_bytes", "end_bytes"];

/// Writes into every segment of a scored record its text, and its positions in another unit. Positions of an earlier
/// scoring go.
pub(super) fn locate(record: &mut Value, example: &Example, text: bool, offsets: Offsets) {
    let Some(segments) = record.get_mut("segments").and_then(Value::as_array_mut) else {
        return;
    };
    let positions = positions(&example.response, offsets);
    let texts = text.then(|| example.segment_texts());
    let segments = segments.iter_mut().filter_map(Value::as_object_mut);
    for (index, (segment, of_example)) in segments.zip(&example.segments).enumerate() {
        for key in KEYS {
            segment.shift_remove(key);
        }
        if let Some((keys, places)) = &positions {
            let span = of_example.span;
            for (key, place) in keys.iter().zip([span.start, span.end]) {
                insert(segment, key, places[place].into());
            }
        }
        if let Some(texts) = &texts {
            insert(segment, "text", texts[index].into());
        }
    }
}

/// The keys of positions in another unit, and the place of every character, and of the end, in it; `None` for characters.
pub(crate) fn positions(text: &str, offsets: Offsets) -> Option<([&'static str; 2], Vec<usize>)> {
    match offsets {
        Offsets::Chars => None,
        Offsets::Utf16 => Some(([KEYS[0], KEYS[1]], places(text, char::len_utf16))),
        Offsets::Bytes => Some(([KEYS[2], KEYS[3]], places(text, char::len_utf8))),
    }
}

fn insert(segment: &mut Map<String, Value>, key: &str, value: Value) {
    segment.insert(key.to_owned(), value);
}

fn places(text: &str, length: fn(char) -> usize) -> Vec<usize> {
    let mut place = 0;
    let mut places = vec![0];
    places.extend(text.chars().map(|character| {
        place += length(character);
        place
    }));
    places
}

#[cfg(test)]
mod tests {
    use gradus::data::{CharSpan, Segment};
    use serde_json::json;

    use super::*;

    #[test]
    fn positions_are_those_of_the_unit_and_old_ones_go() {
        let spans = [CharSpan::new(0, 4), CharSpan::new(5, 8)];
        let example = Example {
            response: "Öl 😊 und".into(),
            segments: spans.map(Segment::unrated).into(),
            ..Example::default()
        };
        let located = |text, offsets| {
            let mut record = example.to_json();
            record["segments"][0]["end_bytes"] = json!(99);
            locate(&mut record, &example, text, offsets);
            record["segments"].clone()
        };
        let utf16: Vec<u16> = example.response.encode_utf16().collect();
        let found = located(true, Offsets::Utf16);
        for segment in found.as_array().unwrap() {
            let place = |key: &str| usize::try_from(segment[key].as_u64().unwrap()).unwrap();
            let units = &utf16[place("start_utf16")..place("end_utf16")];
            assert_eq!(segment["text"], String::from_utf16(units).unwrap());
        }
        assert_eq!(found[0].get("end_bytes"), None);
        let found = located(false, Offsets::Bytes);
        assert_eq!(
            &found[0],
            &json!({"start": 0, "end": 4, "rating": null, "start_bytes": 0, "end_bytes": 8})
        );
        let plain = located(false, Offsets::Chars);
        assert_eq!(plain[1], json!({"start": 5, "end": 8, "rating": null}));
    }
}
