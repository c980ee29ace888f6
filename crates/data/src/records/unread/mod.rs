//! Keys that look like a key that is read, and are not read.

mod key;
mod spelling;
#[cfg(test)]
mod tests;
mod variants;
mod words;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use self::key::looks_like_column;
use self::key::{holds_numbers, record_key, segment_key};
pub(crate) use self::spelling::fold;
pub(crate) use self::variants::refuse_variants;
use self::words::names_a_place;
pub(crate) use self::words::names_a_rating;
use crate::{DEFAULT_ASPECT, Example, Segment};

/// A key of a data set that looks like a key that is read, but is not read. Displayed as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadKey {
    /// The key.
    pub key: String,
    /// `true` for a key of segments, `false` for a key of records.
    pub in_segments: bool,
    /// The key that it looks like.
    pub looks_like: &'static str,
    /// Number of records that have it.
    pub records: usize,
    /// Id of the first record that has it.
    pub first_id: String,
}

impl fmt::Display for UnreadKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            looks_like,
            records,
            first_id,
            ..
        } = self;
        let place = if self.in_segments {
            "in segments of "
        } else {
            "in "
        };
        let noun = if *records == 1 { "record" } else { "records" };
        write!(
            formatter,
            "the key `{}` {place}{records} {noun} is kept but not read; `{looks_like}` is (first in record `{}`)",
            key.escape_debug(),
            first_id.escape_debug(),
        )
    }
}

/// What [`UnreadKeys`] has to know of an example, which may be found out of several examples at a time.
#[derive(Debug)]
pub struct KeyFacts {
    is_rated: bool,
    /// Only where it has keys that are not read.
    example: Option<Box<Example>>,
}

impl KeyFacts {
    /// The facts of an example.
    pub fn of(example: Example) -> Self {
        let of_segments = example.segments.iter().map(|segment| &segment.extra);
        let has_keys = std::iter::once(&example.extra)
            .chain(of_segments)
            .any(|extra| !extra.is_empty());
        Self {
            is_rated: is_rated(&example),
            example: has_keys.then(|| Box::new(example)),
        }
    }
}

fn is_rated(example: &Example) -> bool {
    let mut of_segments = example.segments.iter().map(|segment| &segment.ratings);
    !example.ratings.is_empty() || of_segments.any(|ratings| !ratings.is_empty())
}

/// Collects the [`UnreadKey`]s of a data set, example by example.
#[derive(Debug, Default)]
pub struct UnreadKeys {
    /// By place and key.
    found: BTreeMap<(bool, String), UnreadKey>,
    /// Other keys of segments that hold numbers, and of records that hold lists or maps of numbers. They
    /// are reported only if the data set has no ratings at all.
    numbers: BTreeMap<(bool, String), UnreadKey>,
    /// Whether anything is rated.
    is_rated: bool,
}

impl UnreadKeys {
    /// An empty collector.
    pub fn new() -> Self {
        Self::default()
    }

    /// The unread keys of `examples`.
    pub fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> Vec<UnreadKey> {
        let mut keys = Self::new();
        for example in examples {
            keys.add(example);
        }
        keys.finish()
    }

    /// Adds the unread keys of one example, of which there are these facts.
    pub fn add_facts(&mut self, facts: &KeyFacts) {
        self.is_rated |= facts.is_rated;
        if let Some(example) = &facts.example {
            self.add(example);
        }
    }

    /// Adds the unread keys of one example.
    pub fn add(&mut self, example: &Example) {
        let is_rated = is_rated(example);
        self.is_rated |= is_rated;
        if names_its_aspect(&example.ratings) {
            self.note_aspect(example, &example.extra, false);
        }
        for (key, value) in &example.extra {
            if let Some(looks_like) = record_key(key, value, is_rated, example) {
                self.note(example, key, looks_like, false);
            } else if !self.is_rated && holds_numbers(value) && !value.is_number() {
                self.note_numbers(example, key, false);
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        for segment in &example.segments {
            for (key, value) in &segment.extra {
                if seen.contains(&key.as_str()) {
                    continue;
                }
                if let Some(looks_like) = segment_key(key, value, !segment.ratings.is_empty()) {
                    seen.push(key);
                    self.note(example, key, looks_like, true);
                } else if !self.is_rated && holds_numbers(value) {
                    seen.push(key);
                    self.note_numbers(example, key, true);
                }
            }
        }
        let alone = |segment: &&Segment| names_its_aspect(&segment.ratings);
        if let Some(segment) = example.segments.iter().filter(alone).find(|segment| {
            let mut keys = segment.extra.iter();
            keys.any(|(key, value)| is_aspect(key, value))
        }) {
            self.note_aspect(example, &segment.extra, true);
        }
    }

    /// The unread keys, those of records first.
    pub fn finish(mut self) -> Vec<UnreadKey> {
        if !self.is_rated {
            for (key, unread) in self.numbers {
                self.found.entry(key).or_insert(unread);
            }
        }
        self.found.into_values().collect()
    }

    fn note(&mut self, example: &Example, key: &str, looks_like: &'static str, in_segments: bool) {
        let place = (in_segments, key.to_owned());
        count(
            &mut self.found,
            place,
            example,
            key,
            looks_like,
            in_segments,
        );
    }

    /// Notes a key that holds numbers, unless it names a position or a length.
    fn note_numbers(&mut self, example: &Example, key: &str, in_segments: bool) {
        if !names_a_place(key) {
            let place = (in_segments, key.to_owned());
            count(
                &mut self.numbers,
                place,
                example,
                key,
                "rating",
                in_segments,
            );
        }
    }

    /// Notes the keys that name the aspect of a rating that is a plain number.
    fn note_aspect(&mut self, example: &Example, keys: &Map<String, Value>, in_segments: bool) {
        for (key, _) in keys.iter().filter(|(key, value)| is_aspect(key, value)) {
            self.note(example, key, "rating.ASPECT", in_segments);
        }
    }
}

fn count<K: Ord>(
    found: &mut BTreeMap<K, UnreadKey>,
    place: K,
    example: &Example,
    key: &str,
    looks_like: &'static str,
    in_segments: bool,
) {
    let unread = found.entry(place).or_insert_with(|| UnreadKey {
        key: key.to_owned(),
        in_segments,
        looks_like,
        records: 0,
        first_id: example.id.clone(),
    });
    unread.records += 1;
}

/// Whether the only rating is a plain number, so that a key beside it may be meant to name its aspect.
fn names_its_aspect(ratings: &BTreeMap<String, f64>) -> bool {
    ratings.len() == 1 && ratings.contains_key(DEFAULT_ASPECT)
}

fn is_aspect(key: &str, value: &Value) -> bool {
    ["aspect", "criterion"].contains(&fold(key).as_str()) && value.is_string()
}
