//! Keys that look like one that is read, and are not.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::example::{RECORD_KEYS, SEGMENT_KEYS};
use super::field::Checked;
use crate::{DEFAULT_ASPECT, Example, RecordError, RecordProblem, Segment};

/// Words that elsewhere name what is a rating here, in either spelling.
const RATING_WORDS: &[&str] = &[
    "annotation",
    "annotations",
    "correct",
    "correctness",
    "gold",
    "grade",
    "grades",
    "groundtruth",
    "hallucinated",
    "hallucination",
    "iscorrect",
    "issupported",
    "judgement",
    "judgements",
    "judgment",
    "judgments",
    "label",
    "labels",
    "likert",
    "overall",
    "points",
    "quality",
    "reward",
    "rewards",
    "rewardscore",
    "score",
    "scores",
    "severity",
    "stars",
    "steplabels",
    "supported",
    "target",
    "targets",
    "truth",
    "value",
    "values",
    "verdict",
    "factuality",
    "faithfulness",
    "helpfulness",
    "relevance",
    "truthfulness",
];
/// Words that make no rating of a key although another word in it names one: `label_source`,
/// `num_labels`, `correct_answer`.
const OTHER_WORDS: [&str; 44] = [
    "annotator",
    "answer",
    "answers",
    "by",
    "choice",
    "class",
    "comment",
    "comments",
    "completion",
    "confidence",
    "count",
    "date",
    "explanation",
    "file",
    "id",
    "ids",
    "index",
    "key",
    "language",
    "length",
    "model",
    "n",
    "name",
    "names",
    "num",
    "option",
    "output",
    "path",
    "prompt",
    "question",
    "rater",
    "raters",
    "rationale",
    "reason",
    "response",
    "size",
    "solution",
    "solutions",
    "source",
    "text",
    "time",
    "type",
    "unit",
    "version",
];
/// Numbers of segments that say where or how long they are, not how good.
const PLACE_WORDS: [&str; 22] = [
    "begin",
    "char",
    "chars",
    "end",
    "from",
    "idx",
    "len",
    "line",
    "number",
    "offset",
    "order",
    "page",
    "paragraph",
    "pos",
    "position",
    "start",
    "step",
    "time",
    "to",
    "token",
    "tokens",
    "turn",
];
/// Of these, the words that name a rating even beside one that is read.
const SURE_WORDS: [&str; 5] = ["label", "labels", "reward", "rewards", "humanscore"];
/// Words of keys that say where or whether an answer is wrong: `first_error`, `mistake_index`.
const ERROR_WORDS: [&str; 6] = [
    "error",
    "errors",
    "incorrect",
    "mistake",
    "mistakes",
    "wrong",
];
/// Words of keys that elsewhere hold what is `context` here.
const CONTEXT_WORDS: [&str; 8] = [
    "document",
    "documents",
    "evidence",
    "evidences",
    "knowledge",
    "passage",
    "passages",
    "retrieved",
];
/// Keys of instructions that belong to the prompt.
const SYSTEM_KEYS: [&str; 3] = ["system", "systemprompt", "systemmessage"];
/// Words that elsewhere name what are segments here.
const SEGMENT_WORDS: [&str; 6] = [
    "spans",
    "sentences",
    "steps",
    "annotations",
    "labels",
    "errors",
];
/// Keys whose misspellings are looked for; the others are too short or too common.
const SPELLED: [&str; 9] = [
    "prompt",
    "context",
    "response",
    "rating",
    "ratings",
    "segments",
    "completions",
    "labels",
    "weight",
];

/// Keys that every written record or segment has, whether or not they were read.
const ALWAYS_WRITTEN: [&str; 5] = ["id", "segments", "start", "end", "rating"];

/// Refuses a key that is one of the `known` ones but for case, blanks and hyphens, if that one stands
/// beside it or would do so in the written record.
pub(crate) fn refuse_variants(
    object: &Map<String, Value>,
    place: &str,
    known: &[&'static str],
) -> Checked<()> {
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        let folded = fold(key);
        let Some(&read) = known.iter().find(|read| **read == folded) else {
            continue;
        };
        // A rating of the response is left out where there is none.
        let is_written = ALWAYS_WRITTEN.contains(&read) && (read != "rating" || !place.is_empty());
        let problem = if object.contains_key(read) {
            RecordProblem::VariantKey { read }
        } else if is_written {
            RecordProblem::UnreadVariant { read }
        } else {
            continue;
        };
        let field = if place.is_empty() {
            key.clone()
        } else {
            format!("{place}.{key}")
        };
        return Err(RecordError::new(field, problem));
    }
    Ok(())
}

/// A key as it is compared: case, blanks, hyphens and underscores do not count.
pub(crate) fn fold(key: &str) -> String {
    let counts = |char: &char| !char.is_whitespace() && *char != '_' && *char != '-';
    key.chars()
        .filter(counts)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whether a key is a word for a rating, or has one among its words: `score`, `judge_score`,
/// `ratingValue`, `rating_2`.
pub(crate) fn names_a_rating(key: &str) -> bool {
    let folded = fold(key);
    let is_word = |word: &str| {
        RATING_WORDS.contains(&word)
            || SURE_WORDS.contains(&word)
            || ["rating", "ratings"].contains(&word)
    };
    if RATING_WORDS.contains(&folded.as_str()) || SURE_WORDS.contains(&folded.as_str()) {
        return true;
    }
    let words = words(key);
    let is_about_one = words
        .iter()
        .any(|word| OTHER_WORDS.contains(&word.as_str()));
    let is_compound = ["rating", "ratings"]
        .iter()
        .any(|end| folded.len() > end.len() && folded.ends_with(end));
    is_compound || (words.len() > 1 && !is_about_one && words.iter().any(|word| is_word(word)))
}

/// The words of a key in small letters, parted by what is no letter or digit and by capitals:
/// `step_label`, `step-label` and `stepLabel` have two.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = None;
    for char in key.chars() {
        let is_new = char.is_uppercase() && before.is_some_and(char::is_lowercase);
        if is_new || !char.is_alphanumeric() {
            words.push(String::new());
        }
        if char.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(char.to_lowercase());
        }
        before = Some(char);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a key says where something is or how long.
fn names_a_place(key: &str) -> bool {
    has_word(key, &PLACE_WORDS) || names_other(key)
}

/// A key of a data set that looks like one that is read. Displayed as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadKey {
    /// The key.
    pub key: String,
    /// Whether it stands in segments, and not beside them.
    pub in_segments: bool,
    /// What it looks like.
    pub looks_like: &'static str,
    /// Records that have it.
    pub records: usize,
    /// Id of the first of them.
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

/// Gathers the [`UnreadKey`]s of a data set example by example.
#[derive(Debug, Default)]
pub struct UnreadKeys {
    /// By place and key.
    found: BTreeMap<(bool, String), UnreadKey>,
    /// Numbers of segments, and lists and maps of numbers of records, under any other key, which are ratings where
    /// nothing else is.
    numbers: BTreeMap<(bool, String), UnreadKey>,
    /// Whether anything is rated.
    is_rated: bool,
}

impl UnreadKeys {
    /// A collector that has seen nothing.
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

    /// Looks at one more example.
    pub fn add(&mut self, example: &Example) {
        let is_rated = !example.ratings.is_empty()
            || example
                .segments
                .iter()
                .any(|segment| !segment.ratings.is_empty());
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

    /// What was found, keys of records first.
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

    /// Notes a key that holds numbers, unless it names a place or a length.
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

    /// Notes a key that names the aspect of a rating that is a plain number.
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

/// Whether a rating is a plain number, whose aspect a key beside it may be meant to name.
fn names_its_aspect(ratings: &BTreeMap<String, f64>) -> bool {
    ratings.len() == 1 && ratings.contains_key(DEFAULT_ASPECT)
}

fn is_aspect(key: &str, value: &Value) -> bool {
    ["aspect", "criterion"].contains(&fold(key).as_str()) && value.is_string()
}

fn record_key(key: &str, value: &Value, is_rated: bool, example: &Example) -> Option<&'static str> {
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

fn has_word(key: &str, of: &[&str]) -> bool {
    words(key).iter().any(|word| of.contains(&word.as_str()))
}

/// Whether a key is about something else than the word in it names: `document_id`, `evidence_count`.
fn names_other(key: &str) -> bool {
    has_word(key, &OTHER_WORDS)
}

fn segment_key(key: &str, value: &Value, is_rated: bool) -> Option<&'static str> {
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

/// Whether a value could be a rating, or several.
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

/// Whether a value holds nothing but numbers and the words `true` and `false`.
fn holds_numbers(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Bool(_) => true,
        Value::Array(values) => !values.is_empty() && values.iter().all(holds_numbers),
        Value::Object(values) => !values.is_empty() && values.values().all(holds_numbers),
        _ => false,
    }
}

/// The key that differs from `folded` by one letter that is missing, added, changed or changed with its
/// neighbor.
fn misspelled(folded: &str) -> Option<&'static str> {
    // Words of their own, one letter away.
    if ["content", "contest", "height", "eating", "dating"].contains(&folded) {
        return None;
    }
    SPELLED
        .into_iter()
        .find(|known| *known != folded && is_one_edit_away(folded, known))
}

/// The column among `columns` that the name of another one looks like: a misspelt one, or another word for it.
pub(crate) fn looks_like_column<'c>(name: &str, columns: &[&'c str]) -> Option<&'c str> {
    let folded = fold(name);
    let column = |meant: &str| columns.iter().find(|column| **column == meant).copied();
    if has_word(name, &CONTEXT_WORDS) && !names_other(name) {
        return column("context");
    }
    if ["aspects", "criterion", "criteria"].contains(&folded.as_str()) {
        return column("aspect");
    }
    if ["content", "contest", "height", "eating", "dating"].contains(&folded.as_str()) {
        return None;
    }
    let mut long = columns.iter().filter(|column| column.len() >= 5);
    long.find(|column| is_one_edit_away(&folded, column))
        .copied()
}

fn is_one_edit_away(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let ahead = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[ahead..], &b[ahead..]);
    let is_rest = |a: &[char], from_a: usize, b: &[char], from_b: usize| {
        a.get(from_a..) == b.get(from_b..) && a.get(from_a..).is_some()
    };
    is_rest(a, 1, b, 1)
        || is_rest(a, 0, b, 1)
        || is_rest(a, 1, b, 0)
        || (a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
}

#[cfg(test)]
mod tests {
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
            let line = format!(
                r#"{{"prompt":"p","response":"r","segments":[{{"start":0,"end":1,{keys}}}]}}"#
            );
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
}
