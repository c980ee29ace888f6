//! Which of the keys that are read an unread key looks like.

use serde_json::Value;

use super::super::example::{RECORD_KEYS, SEGMENT_KEYS};
use super::spelling::{fold, is_one_edit_away, is_own_word, misspelled};
use super::words::{
    CONTEXT_WORDS, ERROR_WORDS, SEGMENT_WORDS, SURE_WORDS, SYSTEM_KEYS, has_word, names_a_rating,
    names_other,
};
use crate::Example;

/// The key that a key of a record looks like. `is_rated` says whether the record has a rating.
pub(super) fn record_key(
    key: &str,
    value: &Value,
    is_rated: bool,
    example: &Example,
) -> Option<&'static str> {
    let folded = fold(key);
    if value.is_null() {
        return None;
    }
    if let Some(&known) = RECORD_KEYS.iter().find(|known| **known == folded) {
        return Some(known);
    }
    if folded == "weight" || folded == "weights" {
        return Some("segments[].weight");
    }
    let is_word = |words: &[&str]| words.contains(&folded.as_str());
    if example.segments.is_empty() && value.is_array() && is_word(&SEGMENT_WORDS) {
        return Some("segments");
    }
    let may_rate = may_rate(value);
    let is_sure = is_word(&SURE_WORDS);
    if names_a_rating(key) {
        let rates = (may_rate && (!is_rated || is_sure)) || (value.is_string() && !is_rated);
        return rates.then_some("rating");
    }
    if may_rate && !is_rated && has_word(key, &ERROR_WORDS) {
        return Some("rating");
    }
    if value.is_string() && is_word(&SYSTEM_KEYS) {
        return Some("prompt");
    }
    let is_text = value.is_string() || value.is_array();
    if is_text && example.context.is_none() && has_word(key, &CONTEXT_WORDS) && !names_other(key) {
        return Some("context");
    }
    misspelled(&folded)
}

/// The key that a key of a segment looks like. `is_rated` says whether the segment has a rating.
pub(super) fn segment_key(key: &str, value: &Value, is_rated: bool) -> Option<&'static str> {
    let folded = fold(key);
    if value.is_null() {
        return None;
    }
    if let Some(&known) = SEGMENT_KEYS.iter().find(|known| **known == folded) {
        return Some(known);
    }
    let is_word = |words: &[&str]| words.contains(&folded.as_str());
    let is_sure = is_word(&SURE_WORDS);
    if names_a_rating(key) {
        let rates = (may_rate(value) && (!is_rated || is_sure)) || (value.is_string() && !is_rated);
        return rates.then_some("rating");
    }
    match misspelled(&folded) {
        Some("rating" | "ratings") => Some("rating"),
        Some("weight") => Some("weight"),
        _ => None,
    }
}

/// Whether a value could be a rating or a collection of ratings.
fn may_rate(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Bool(_) => true,
        Value::String(text) => text.trim().parse::<f64>().is_ok(),
        Value::Array(values) => {
            values.iter().all(|v| v.is_null() || may_rate(v)) && values.iter().any(may_rate)
        }
        Value::Object(values) => {
            values.values().all(|v| v.is_null() || may_rate(v)) && values.values().any(may_rate)
        }
        Value::Null => false,
    }
}

/// Whether a value consists of numbers and booleans only.
pub(super) fn holds_numbers(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Bool(_) => true,
        Value::Array(values) => !values.is_empty() && values.iter().all(holds_numbers),
        Value::Object(values) => !values.is_empty() && values.values().all(holds_numbers),
        _ => false,
    }
}

/// The column of `columns` that `name` looks like: `name` misspells it or is another word for it.
pub(crate) fn looks_like_column<'c>(name: &str, columns: &[&'c str]) -> Option<&'c str> {
    let folded = fold(name);
    let column = |meant: &str| columns.iter().find(|column| **column == meant).copied();
    if has_word(name, &CONTEXT_WORDS) && !names_other(name) {
        return column("context");
    }
    if ["aspects", "criterion", "criteria"].contains(&folded.as_str()) {
        return column("aspect");
    }
    if is_own_word(&folded) {
        return None;
    }
    let mut long = columns.iter().filter(|column| column.len() >= 5);
    long.find(|column| is_one_edit_away(&folded, column))
        .copied()
}
