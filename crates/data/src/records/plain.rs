//! Records of the usual shape, read straight from their text.
//!
//! This reads what [`parse_object`](super::record::parse_object) and [`read_record`](super::record::read_record) read
//! of records with a `response` and spans, several times as fast: no value of JSON is built but of keys that are kept.
//! Whatever is unusual, be it wrong or only written in another shape, is left to these two, so that there is one place
//! that refuses.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::example::{RECORD_KEYS, SEGMENT_KEYS};
use super::json::parse_value_of;
use super::unread::fold;
use crate::{CharSpan, DEFAULT_ASPECT, Example, RecordProblem, Segment};

/// The example of a line; `None` where it is left to the reader of all shapes. Without `keep_meta` its `meta` is
/// checked and left empty.
pub(super) fn read_plain(line: &str, number: usize, keep_meta: bool) -> Option<Example> {
    let mut parser = serde_json::Deserializer::from_str(line);
    let example = read_plain_from(&mut parser, number, keep_meta)?;
    parser.end().ok()?;
    Some(example)
}

/// The same of anything that is read as an object.
pub(super) fn read_plain_from<'de>(
    from: impl Deserializer<'de>,
    number: usize,
    keep_meta: bool,
) -> Option<Example> {
    let record = Record { keep_meta }.deserialize(from).ok()?;
    let example = record.example(number)?;
    example.check().ok()?;
    Some(example)
}

/// Ends reading; the message reaches nobody.
fn unusual<E: serde::de::Error>() -> E {
    E::custom("unusual")
}

/// What was read of a record.
#[derive(Default)]
#[expect(
    clippy::option_option,
    reason = "the outer one says whether the key was there"
)]
struct Parts {
    id: Option<Option<String>>,
    prompt: Option<String>,
    context: Option<Option<String>>,
    response: Option<String>,
    ratings: Option<BTreeMap<String, f64>>,
    segments: Option<Vec<Segment>>,
    meta: Option<Map<String, Value>>,
    extra: Map<String, Value>,
}

impl Parts {
    fn example(self, number: usize) -> Option<Example> {
        Some(Example {
            id: self.id.flatten().unwrap_or_else(|| number.to_string()),
            prompt: self.prompt?,
            context: self.context.flatten(),
            response: self.response?,
            ratings: self.ratings.unwrap_or_default(),
            raters: BTreeMap::new(),
            segments: self.segments.unwrap_or_default(),
            meta: self.meta.unwrap_or_default(),
            extra: self.extra,
        })
    }
}

/// A seed that is its own visitor, for one type of value.
macro_rules! seed {
    ($seed:ty, $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $seed {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<$value, D::Error> {
                from.deserialize_any(self)
            }
        }
    };
}

/// Fills an entry that has to be empty: a key that stands twice is refused elsewhere.
fn once<T, E: serde::de::Error>(entry: &mut Option<T>, value: T) -> Result<(), E> {
    if entry.replace(value).is_some() {
        return Err(unusual());
    }
    Ok(())
}

struct Record {
    keep_meta: bool,
}

seed!(Record, Parts);

impl<'de> Visitor<'de> for Record {
    type Value = Parts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Parts, A::Error> {
        let mut parts = Parts::default();
        while let Some(Key(key)) = entries.next_key_seed(KeySeed)? {
            match &*key {
                "id" => once(&mut parts.id, entries.next_value_seed(Id)?)?,
                "prompt" => once(&mut parts.prompt, entries.next_value::<String>()?)?,
                "context" => once(&mut parts.context, entries.next_value()?)?,
                "response" => once(&mut parts.response, entries.next_value::<String>()?)?,
                "rating" => once(&mut parts.ratings, entries.next_value_seed(RatingsSeed)?)?,
                "segments" => once(&mut parts.segments, entries.next_value_seed(Segments)?)?,
                "meta" => {
                    let meta = entries.next_value_seed(Meta {
                        keep: self.keep_meta,
                    })?;
                    once(&mut parts.meta, meta)?;
                }
                key => {
                    let key = kept_key(key, &RECORD_KEYS)?;
                    let value = kept_value(&key, &mut entries)?;
                    if parts.extra.insert(key, value).is_some() {
                        return Err(unusual());
                    }
                }
            }
        }
        Ok(parts)
    }
}

/// A key that is kept, if it does not look like one that is read.
fn kept_key<E: serde::de::Error>(key: &str, known: &[&str]) -> Result<String, E> {
    let folded = fold(key);
    if known.contains(&folded.as_str()) {
        return Err(unusual());
    }
    Ok(key.to_owned())
}

/// The value of a key that is kept.
fn kept_value<'de, A: MapAccess<'de>>(key: &str, entries: &mut A) -> Result<Value, A::Error> {
    parse_value_of(key, entries)?.ok_or_else(unusual)
}

struct Key<'de>(Cow<'de, str>);
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Key<'de>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

struct Id;

seed!(Id, Option<String>);

impl Visitor<'_> for Id {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a whole number")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
        Ok(Some(id.to_owned()))
    }

    fn visit_u64<E>(self, id: u64) -> Result<Self::Value, E> {
        Ok(Some(id.to_string()))
    }

    fn visit_i64<E>(self, id: i64) -> Result<Self::Value, E> {
        Ok(Some(id.to_string()))
    }
}

/// A number as a rating or a weight, unless reading would change it.
fn exact<E: serde::de::Error>(number: f64) -> Result<f64, E> {
    // Larger ones may have been written as whole numbers that no `f64` is.
    if number.abs() < 9e15 {
        Ok(number)
    } else {
        Err(unusual())
    }
}

/// A number, or none for `null`.
struct NumberSeed;

seed!(NumberSeed, Option<f64>);

impl Visitor<'_> for NumberSeed {
    type Value = Option<f64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        exact(number as f64).map(Some)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        exact(number as f64).map(Some)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        exact(number).map(Some)
    }
}

/// Ratings: a number, `null`, or a map of aspects to these.
struct RatingsSeed;

seed!(RatingsSeed, BTreeMap<String, f64>);

fn plain_rating(rating: Option<f64>) -> BTreeMap<String, f64> {
    let mut ratings = BTreeMap::new();
    if let Some(rating) = rating {
        ratings.insert(DEFAULT_ASPECT.to_owned(), rating);
    }
    ratings
}

impl<'de> Visitor<'de> for RatingsSeed {
    type Value = BTreeMap<String, f64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, null or a map of aspects")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BTreeMap::new())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        NumberSeed.visit_u64(number).map(plain_rating)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        NumberSeed.visit_i64(number).map(plain_rating)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        NumberSeed.visit_f64(number).map(plain_rating)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut all: BTreeMap<String, Option<f64>> = BTreeMap::new();
        while let Some(aspect) = entries.next_key::<String>()? {
            let rating = entries.next_value_seed(NumberSeed)?;
            if all.insert(aspect, rating).is_some() {
                return Err(unusual());
            }
        }
        // Also of those whose value is `null`.
        RecordProblem::check_aspects(all.keys()).map_err(|_| A::Error::custom("unusual"))?;
        let rated = all.into_iter();
        Ok(rated
            .filter_map(|(aspect, rating)| Some((aspect, rating?)))
            .collect())
    }
}

/// A list of spans with ratings, or `null`.
struct Segments;

seed!(Segments, Vec<Segment>);

impl<'de> Visitor<'de> for Segments {
    type Value = Vec<Segment>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of spans")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut segments = Vec::new();
        while let Some(segment) = list.next_element_seed(SpanSeed)? {
            segments.push(segment);
        }
        Ok(segments)
    }
}

struct SpanSeed;

seed!(SpanSeed, Segment);

impl<'de> Visitor<'de> for SpanSeed {
    type Value = Segment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a span")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Segment, A::Error> {
        let (mut start, mut end) = (None, None);
        let (mut ratings, mut weight) = (None, None);
        let mut extra = Map::new();
        while let Some(Key(key)) = entries.next_key_seed(KeySeed)? {
            match &*key {
                "start" => once(&mut start, entries.next_value::<usize>()?)?,
                "end" => once(&mut end, entries.next_value::<usize>()?)?,
                "rating" => once(&mut ratings, entries.next_value_seed(RatingsSeed)?)?,
                "weight" => once(&mut weight, entries.next_value_seed(NumberSeed)?)?,
                // Refused in a segment.
                "ratings" => return Err(unusual()),
                key => {
                    let key = kept_key(key, &SEGMENT_KEYS)?;
                    let value = kept_value(&key, &mut entries)?;
                    if extra.insert(key, value).is_some() {
                        return Err(unusual());
                    }
                }
            }
        }
        let (Some(start), Some(end)) = (start, end) else {
            return Err(unusual());
        };
        Ok(Segment {
            span: CharSpan { start, end },
            ratings: ratings.unwrap_or_default(),
            raters: BTreeMap::new(),
            weight: weight.flatten(),
            extra,
        })
    }
}

/// The object `meta`, or `null`.
struct Meta {
    keep: bool,
}

seed!(Meta, Map<String, Value>);

impl<'de> Visitor<'de> for Meta {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Map::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        if !self.keep {
            Look { rated: false }.visit_map(entries)?;
            return Ok(Map::new());
        }
        let mut meta = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = kept_value(&key, &mut entries)?;
            if meta.insert(key, value).is_some() {
                return Err(unusual());
            }
        }
        Ok(meta)
    }
}

/// Looks at a value as [`kept_value`] does, and keeps nothing of it.
#[derive(Clone, Copy)]
struct Look {
    rated: bool,
}

seed!(Look, ());

impl<'de> Visitor<'de> for Look {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        if self.rated {
            exact(number as f64).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        if self.rated {
            exact(number as f64).map(|_| ())
        } else {
            Ok(())
        }
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        exact(number).map(|_| ())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Key(key)) = entries.next_key_seed(KeySeed)? {
            // Of very many keys a comparison of each with all others would never end.
            if seen.len() == MOST_KEYS || seen.contains(&key) {
                return Err(unusual());
            }
            let rated = self.rated || super::json::RATING_KEYS.contains(&&*key);
            entries.next_value_seed(Self { rated })?;
            seen.push(key);
        }
        Ok(())
    }
}

/// Most keys of an object that are compared one by one.
const MOST_KEYS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::records::record::parse_record;

    /// Records of every kind that people write, read straight or not.
    const RECORDS: [&str; 14] = [
        r#"{"id":"x1","prompt":"Why?","response":"One. Two.","segments":[{"start":0,"end":4,"rating":0.7},{"start":5,"end":9,"rating":null}],"meta":{"a":1,"b":{"c":[1,2.5,"x"]}}}"#,
        r#"{"prompt":"p","context":null,"response":"ab","rating":0.25,"segments":[{"start":0,"end":2,"rating":{"a":1,"b":null,"c":-0.5},"weight":2}],"source":"web"}"#,
        r#"{"id":7,"prompt":"é\u00e9","context":"c\n","response":"💩x","segments":[{"start":0,"end":1,"rating":1,"note":"n","text":"💩"}]}"#,
        r#"{"id":null,"prompt":"p","response":"","rating":{"a":3},"segments":null,"meta":null}"#,
        r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":[1,2]}]}"#,
        r#"{"prompt":"p","segments":["step one","step two"],"ratings":[1.0,0.2]}"#,
        r#"{"prompt":"p","completions":["a","b"],"labels":[true,0.5]}"#,
        r#"{"prompt":"p","response":"r","meta":{"score":9007199254740993,"n":9007199254740993}}"#,
        r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":12345678901234567890}]}"#,
        r#"{"prompt":"p","response":"r","Segments":[],"big":1e300,"deep":[[[[{"a":[{}]}]]]]}"#,
        r#"{"prompt":"p","response":"r","meta":{"a":1,"a":2}}"#,
        r#"{"prompt":"p","response":"r","rating":{"mean":1,"std":0}}"#,
        r#"{"prompt":"p","response":"abc","segments":[{"start":0,"end":1,"text":"b"},{"start":1,"end":9}]}"#,
        r#"{"prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":NaN}],"rating":1e999}"#,
    ];

    /// Checks that a line that is read straight is read as the reader of all shapes reads it; says whether it is.
    fn same(line: &str) -> bool {
        let Some(example) = read_plain(line, 7, true) else {
            return false;
        };
        assert_eq!(
            parse_record(line, 7).ok().as_ref(),
            Some(&example),
            "{line}"
        );
        // Long numbers in the meta that is not kept may be left to the other reader.
        if let Some(bare) = read_plain(line, 7, false) {
            let meta = Map::new();
            assert_eq!(bare, Example { meta, ..example }, "{line}");
        }
        true
    }

    #[test]
    fn the_usual_shape_is_read_straight_and_all_else_is_left() {
        let straight: Vec<bool> = RECORDS.iter().map(|line| same(line)).collect();
        assert_eq!(straight, [[true; 4].as_slice(), &[false; 10]].concat());
        let without_meta = RECORDS.map(|line| read_plain(line, 7, false).is_some());
        assert_eq!(without_meta.as_slice(), straight);
        assert!(same(
            " {\"prompt\" : \"p\" , \"response\" : \"r\", \"x\": {}} \r\n"
        ));
        let keys = (0..100).map(|k| format!("\"k{k}\":{k}"));
        let keys = keys.collect::<Vec<_>>().join(",");
        let many = format!(r#"{{"prompt":"p","response":"r","meta":{{{keys}}}}}"#);
        assert!(read_plain(&many, 1, true).is_some());
        assert!(read_plain(&many, 1, false).is_none(), "left to the other");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn mutated_records_are_never_read_otherwise(
            record in 0..RECORDS.len(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<prop::sample::Index>()), 0..4),
        ) {
            const PIECES: [&str; 22] = [
                "\"", "{", "}", "[", "]", ",", ":", "0", "-1", "1.5", "1e3", "null", "true", "\\", "\\u0041", " ",
                "\"start\":0,", "\"rating\":1,", "\"prompt\":\"q\",", "\"meta\":{},", "\u{a0}", "9007199254740993",
            ];
            let mut line = RECORDS[record].to_owned();
            for (place, kind, piece) in edits {
                let places: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
                if places.is_empty() {
                    break;
                }
                let at = places[place.index(places.len())];
                let piece = PIECES[piece.index(PIECES.len())];
                match kind {
                    0 => drop(line.remove(at)),
                    1 => line.insert_str(at, piece),
                    2 => line.replace_range(at..at + line[at..].chars().next().unwrap().len_utf8(), piece),
                    _ => line.truncate(at),
                }
            }
            same(&line);
        }
    }
}
