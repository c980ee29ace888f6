use serde_json::{Map, Value};

use super::example::{RECORD_KEYS, SEGMENT_KEYS, WEIGHT};
use super::field::{Checked, describe, list, missing, take, text, unpaired, wrong_type};
use super::json::{JsonError, parse_json};
use super::rating_fields::{Ratings, label_ratings, list_ratings, ratings_of, unrated};
use super::unread::refuse_variants;
use crate::{CharSpan, DataError, Example, Location, RecordError, RecordProblem, Result, Segment};

/// Reads one record, in any of the four shapes, from a line of JSON.
///
/// | shape | text | segments | ratings |
/// |---|---|---|---|
/// | 1 | `response` | `segments`: objects with `start` and `end` | `rating`: a number or `null` |
/// | 2 | `response` | as in 1 | `rating`: a map of aspects to numbers or `null` |
/// | 3 | `segments`: texts | the texts | `ratings`: a list of what `rating` may be, or a map of aspects to lists |
/// | 4 | `completions`: texts | the texts | `labels`: a list of numbers, `true` (1), `false` (0) or `null` |
///
/// - `prompt` is needed; `id` (a text or a whole number), `context` and `meta` may be missing or
///   `null`.
/// - `rating` beside the response rates it as a whole, as `rating` rates a segment.
/// - A list in the place of a number holds the ratings of several raters: their mean is the rating,
///   and the list is kept (not in `labels`, and not empty). A list `rating` beside as many unrated texts is
///   refused: it may be meant for the segments.
/// - `weight` of a segment of shape 1 or 2 is a number, 0 or more; 1 if it is missing or `null`.
/// - Whatever has no rating is unrated: `null`, a missing aspect, a missing `rating`, `ratings` or
///   `labels`.
/// - `response` without `segments` is a response that is still to be cut. It may be empty, as the
///   list of `completions` may be: there is then nothing to cut and to score.
/// - The texts of shapes 3 and 4 are joined to one response, with a newline between two of them
///   unless one has white space there. That newline belongs to no segment.
/// - Keys without a meaning are kept, in the record and in its segments. Keys that mean something
///   in another shape are refused, since keeping them would lose their ratings.
/// - Segments stand in the order of the text. They are not sorted here: that might hide that spans
///   are wrong.
///
/// # Errors
/// [`DataError::Record`], which names the location and the field.
pub fn parse_example(line: &str, location: &Location) -> Result<Example> {
    parse_record(line, location.line).map_err(|error| DataError::Record {
        location: location.clone(),
        error: Box::new(error),
    })
}

pub(super) fn parse_record(line: &str, number: usize) -> Checked<Example> {
    let record = parse_object(line).map_err(|error| error.record)?;
    read_record(record, number)
}

/// The example of a record; `number` is the id of one without.
pub(crate) fn read_record(record: Map<String, Value>, number: usize) -> Checked<Example> {
    example_from_record(record, &number.to_string())
}

/// Reads one record, as [`parse_example`] does, from an object that [`parse_value`] has read;
/// `default_id` is its id where it has none.
///
/// # Errors
/// Field, what was found and what was expected.
pub fn example_from_record(
    mut record: Map<String, Value>,
    default_id: &str,
) -> std::result::Result<Example, RecordError> {
    refuse_variants(&record, "", &RECORD_KEYS)?;
    let id = take_id(&mut record)?.unwrap_or_else(|| default_id.to_owned());
    let prompt = match record.shift_remove("prompt") {
        Some(value) => text(value, "prompt")?,
        None => return Err(missing("prompt", "a text")),
    };
    let context = take(&mut record, "context")
        .map(|value| text(value, "context"))
        .transpose()?;
    let meta = take_meta(&mut record)?;
    let rating = take(&mut record, "rating");
    if let Some(Value::Array(numbers)) = &rating {
        refuse_ratings_of_segments(&record, numbers.len())?;
    }
    let ratings = match rating {
        Some(rating) => ratings_of(rating, "rating")?,
        None => Ratings::default(),
    };
    let (response, segments) = take_body(&mut record)?;
    let example = Example {
        id,
        prompt,
        context,
        response,
        ratings: ratings.means,
        raters: ratings.raters,
        segments,
        meta,
        extra: record,
    };
    example.check()?;
    Ok(example)
}

/// The JSON value that a text, all of it, is. What has two readings is refused: a key that stands twice
/// in one object, and a number that reading would change.
///
/// # Errors
/// Field, what was found and what was expected. Columns count bytes from the start of the text, also where
/// it has several lines.
pub fn parse_value(text: &str) -> std::result::Result<Value, RecordError> {
    parse_json(text).map_err(|mut error| {
        let before = text.split_inclusive('\n').take(error.lines_before);
        error.shift(before.map(str::len).sum());
        error.record
    })
}

/// Refuses a list of as many ratings of the response as there are texts of segments that have no ratings:
/// it cannot be told whether `rating` stands for `ratings`.
fn refuse_ratings_of_segments(record: &Map<String, Value>, count: usize) -> Checked<()> {
    let is_absent = |key: &str| record.get(key).is_none_or(Value::is_null);
    let shapes = [("segments", "ratings"), ("completions", "labels")];
    for (texts, ratings) in shapes.into_iter().filter(|(_, ratings)| is_absent(ratings)) {
        let Some(Value::Array(pieces)) = record.get(texts) else {
            continue;
        };
        if count > 1 && pieces.len() == count && pieces.iter().all(Value::is_string) {
            let problem = RecordProblem::RatingOrRatings {
                count,
                texts,
                ratings,
            };
            return Err(RecordError::new("rating", problem));
        }
    }
    Ok(())
}

/// The JSON object that a line holds.
pub(super) fn parse_object(text: &str) -> std::result::Result<Map<String, Value>, JsonError> {
    match parse_json(text)? {
        Value::Object(record) => Ok(record),
        other => {
            let found = describe(&other);
            Err(RecordError::new("", RecordProblem::NotAnObject { found }).into())
        }
    }
}

fn take_id(record: &mut Map<String, Value>) -> Checked<Option<String>> {
    match take(record, "id") {
        None => Ok(None),
        Some(Value::String(id)) => Ok(Some(id)),
        Some(Value::Number(id)) if !id.is_f64() => Ok(Some(id.to_string())),
        Some(other) => Err(wrong_type("id", &other, "a text or a whole number")),
    }
}

fn take_meta(record: &mut Map<String, Value>) -> Checked<Map<String, Value>> {
    match take(record, "meta") {
        None => Ok(Map::new()),
        Some(Value::Object(meta)) => Ok(meta),
        Some(other) => Err(wrong_type("meta", &other, "an object")),
    }
}

/// The response and its segments, from whichever keys of the four shapes are there.
fn take_body(record: &mut Map<String, Value>) -> Checked<(String, Vec<Segment>)> {
    let response = take(record, "response");
    let segments = take(record, "segments");
    let ratings = take(record, "ratings");
    let completions = take(record, "completions");
    let labels = take(record, "labels");

    if let Some(completions) = completions {
        let others = [
            ("response", &response),
            ("segments", &segments),
            ("ratings", &ratings),
        ];
        refuse_beside("completions", &others)?;
        return cut_response(list(completions, "completions")?, "completions", |count| {
            labels.map_or_else(|| unrated(count), |labels| label_ratings(labels, count))
        });
    }
    if labels.is_some() {
        return Err(unpaired("labels", "completions"));
    }
    let segments = match segments {
        Some(segments) => list(segments, "segments")?,
        None if ratings.is_some() => return Err(unpaired("ratings", "segments")),
        None => Vec::new(),
    };
    if segments.first().is_some_and(Value::is_string) {
        if response.is_some() {
            let expected = "an object with `start` and `end`, since there is a `response`";
            return Err(wrong_type("segments[0]", &segments[0], expected));
        }
        return cut_response(segments, "segments", |count| {
            ratings.map_or_else(|| unrated(count), |ratings| list_ratings(ratings, count))
        });
    }
    let Some(response) = response else {
        return Err(missing(
            "response",
            "a text, or the texts of its segments in `segments`",
        ));
    };
    refuse_beside("response", &[("ratings", &ratings)])?;
    let segments = segments
        .into_iter()
        .enumerate()
        .map(|(k, value)| span_segment(k, value));
    Ok((
        text(response, "response")?,
        segments.collect::<Checked<_>>()?,
    ))
}

fn refuse_beside(other: &'static str, fields: &[(&str, &Option<Value>)]) -> Checked<()> {
    match fields.iter().find(|(_, value)| value.is_some()) {
        Some((field, _)) => Err(RecordError::new(*field, RecordProblem::Conflict { other })),
        None => Ok(()),
    }
}

/// Shapes 1 and 2: a segment given as a span.
fn span_segment(index: usize, value: Value) -> Checked<Segment> {
    let field = format!("segments[{index}]");
    let Value::Object(mut record) = value else {
        return Err(wrong_type(
            field,
            &value,
            "an object with `start` and `end`",
        ));
    };
    refuse_variants(&record, &field, &SEGMENT_KEYS)?;
    let start = take_position(&mut record, &field, "start")?;
    let end = take_position(&mut record, &field, "end")?;
    let ratings = match record.shift_remove("rating") {
        Some(rating) => ratings_of(rating, &format!("{field}.rating"))?,
        None => Ratings::default(),
    };
    if let Some(ratings) = record.get("ratings") {
        let expected =
            "no such key in a segment: the numbers of several raters are a list in `rating`";
        return Err(wrong_type(format!("{field}.ratings"), ratings, expected));
    }
    let weight = take(&mut record, "weight")
        .map(|value| {
            let weight = value.as_f64();
            weight.ok_or_else(|| wrong_type(format!("{field}.weight"), &value, WEIGHT))
        })
        .transpose()?;
    Ok(Segment {
        span: CharSpan { start, end },
        ratings: ratings.means,
        raters: ratings.raters,
        weight,
        extra: record,
    })
}

fn take_position(record: &mut Map<String, Value>, segment: &str, key: &str) -> Checked<usize> {
    const EXPECTED: &str = "a whole number of characters, 0 or more";
    let field = format!("{segment}.{key}");
    let Some(value) = record.shift_remove(key) else {
        return Err(missing(field, EXPECTED));
    };
    let position = value
        .as_u64()
        .and_then(|position| usize::try_from(position).ok());
    position.ok_or_else(|| wrong_type(field, &value, EXPECTED))
}

/// Shapes 3 and 4: the response is joined from the texts of its segments.
fn cut_response(
    pieces: Vec<Value>,
    field: &str,
    ratings: impl FnOnce(usize) -> Checked<Vec<Ratings>>,
) -> Checked<(String, Vec<Segment>)> {
    let ratings = ratings(pieces.len())?;
    let mut response = String::new();
    let mut num_chars = 0;
    let mut segments = Vec::with_capacity(pieces.len());
    for (index, (piece, ratings)) in pieces.into_iter().zip(ratings).enumerate() {
        let field = format!("{field}[{index}]");
        let piece = text(piece, &field)?;
        if piece.is_empty() {
            return Err(RecordError::new(field, RecordProblem::EmptyText));
        }
        if needs_newline(&response, &piece) {
            response.push('\n');
            num_chars += 1;
        }
        let start = num_chars;
        num_chars += piece.chars().count();
        response.push_str(&piece);
        segments.push(Segment {
            raters: ratings.raters,
            ..Segment::new(CharSpan::new(start, num_chars), ratings.means)
        });
    }
    Ok((response, segments))
}

fn needs_newline(before: &str, after: &str) -> bool {
    !before.is_empty()
        && !before.ends_with(char::is_whitespace)
        && !after.starts_with(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::DEFAULT_ASPECT;

    fn parse(line: &str) -> Example {
        parse_record(line, 7).unwrap()
    }

    fn ratings(example: &Example) -> Vec<Option<f64>> {
        example
            .segments
            .iter()
            .map(|s| s.ratings.get(DEFAULT_ASPECT).copied())
            .collect()
    }

    fn texts(example: &Example) -> Vec<&str> {
        let texts = example.segment_texts();
        for (k, text) in texts.iter().enumerate() {
            assert_eq!(*text, example.segment_text(k));
        }
        texts
    }

    #[test]
    fn spans_with_numbers_are_read() {
        let example = parse(
            r#"{"id":"x1","prompt":"p","context":"c","response":"One. Twö.","segments":
            [{"start":0,"end":4,"rating":0.7},{"start":5,"end":9,"rating":null}],"meta":{"a":1}}"#,
        );
        assert_eq!(example.id, "x1");
        assert_eq!(example.context.as_deref(), Some("c"));
        assert_eq!(texts(&example), ["One.", "Twö."]);
        assert_eq!(ratings(&example), [Some(0.7), None]);
        assert_eq!(example.meta["a"], 1);
    }

    #[test]
    fn spans_with_aspects_are_read_and_a_null_aspect_is_absent() {
        let example = parse(
            r#"{"prompt":"p","response":"abc","segments":[{"start":0,"end":3,"rating":{"b":0.4,"a":1,"c":null}}]}"#,
        );
        assert_eq!(
            example.segments[0].ratings,
            BTreeMap::from([("a".into(), 1.0), ("b".into(), 0.4)])
        );
    }

    #[test]
    fn maps_whose_keys_are_no_aspects_are_refused_in_every_shape() {
        let segment = |rating: &str| {
            format!(
                r#"{{"prompt":"p","response":"abc","segments":[{{"start":0,"end":3,"rating":{rating}}}]}}"#
            )
        };
        for (line, field, like) in [
            (
                segment(r#"{"mean":0.5,"std":0.1}"#),
                "segments[0].rating",
                "figures",
            ),
            (
                segment(r#"{"value":0.5,"n":null}"#),
                "segments[0].rating",
                "figures",
            ),
            (
                segment(r#"{"rater_1":1,"rater_2":0}"#),
                "segments[0].rating",
                "raters",
            ),
            (
                segment(r#"{"1":3,"2":0,"5":1}"#),
                "segments[0].rating",
                "values",
            ),
            (
                r#"{"prompt":"p","response":"r","rating":{"median":1,"max":2}}"#.into(),
                "rating",
                "figures",
            ),
            (
                r#"{"prompt":"p","segments":["a","b"],"ratings":[1,{"mean":1,"count":2}]}"#.into(),
                "ratings[1]",
                "figures",
            ),
            (
                r#"{"prompt":"p","segments":["a"],"ratings":{"mean":[1],"stderr":[2]}}"#.into(),
                "ratings",
                "figures",
            ),
        ] {
            let error = parse_record(&line, 1).unwrap_err();
            let message = error.to_string();
            let start = format!("field `{field}`: found the keys `");
            assert!(
                message.starts_with(&start) && message.contains(like),
                "{message}"
            );
            assert!(error.hint().is_some_and(|hint| hint.contains("[0.2, 0.8]")));
        }
        assert!(parse_record(&segment(r#"{"clarity":3,"average":2}"#), 1).is_ok());
    }

    #[test]
    fn texts_are_joined_by_a_newline_that_belongs_to_no_segment() {
        let example = parse(r#"{"prompt":"p","segments":["añb","c d"],"ratings":[1.0,0.2]}"#);
        assert_eq!(example.response, "añb\nc d");
        assert_eq!(texts(&example), ["añb", "c d"]);
        assert_eq!(ratings(&example), [Some(1.0), Some(0.2)]);
    }

    #[test]
    fn white_space_between_texts_is_kept_and_not_doubled() {
        let example = parse(r#"{"prompt":"p","completions":["a ","b","\nc","d"]}"#);
        assert_eq!(example.response, "a b\nc\nd");
        assert_eq!(texts(&example), ["a ", "b", "\nc", "d"]);
        assert_eq!(ratings(&example), [None; 4]);
    }

    #[test]
    fn labels_may_be_booleans_or_floats_which_stay_floats() {
        let example = parse(
            r#"{"prompt":"p","completions":["a","b","c","d"],"labels":[true,false,0.7,null]}"#,
        );
        assert_eq!(ratings(&example), [Some(1.0), Some(0.0), Some(0.7), None]);
    }

    #[test]
    fn ratings_beside_texts_may_be_maps_or_lists_by_aspect() {
        let rows = parse(
            r#"{"prompt":"p","segments":["a","b"],"ratings":[{"x":0.1,"y":0.2},{"x":null,"y":0.4}]}"#,
        );
        let columns = parse(
            r#"{"prompt":"p","segments":["a","b"],"ratings":{"x":[0.1,null],"y":[0.2,0.4]}}"#,
        );
        assert_eq!(rows, columns);
        assert_eq!(
            rows.segments[1].ratings,
            BTreeMap::from([("y".into(), 0.4)])
        );
    }

    #[test]
    fn a_response_may_come_without_segments() {
        for line in [
            r#"{"prompt":"p","response":"r"}"#,
            r#"{"prompt":"p","response":"r","segments":[]}"#,
            r#"{"prompt":"p","response":"r","segments":null,"id":null,"context":null,"meta":null}"#,
        ] {
            let example = parse(line);
            assert!(example.segments.is_empty());
            assert_eq!(example.id, "7", "the line number stands in for the id");
        }
    }

    #[test]
    fn the_response_has_a_rating_of_its_own_and_segments_have_weights() {
        let line = r#"{"id":"a","prompt":"p","response":"abc","rating":{"x":0.5},"segments":[{"start":0,"end":1,"rating":0.25,"weight":2.0},{"start":1,"end":3,"rating":null}]}"#;
        let example = parse(line);
        assert_eq!(example.ratings, BTreeMap::from([("x".into(), 0.5)]));
        let weights: Vec<_> = example.segments.iter().map(|s| s.weight).collect();
        assert_eq!(weights, [Some(2.0), None]);
        assert_eq!(example.to_json().to_string(), line);
        let number = parse(r#"{"prompt":"p","completions":["a"],"rating":3}"#);
        assert_eq!(
            number.ratings,
            BTreeMap::from([(DEFAULT_ASPECT.into(), 3.0)])
        );
    }

    #[test]
    fn a_list_holds_the_ratings_of_several_raters_and_is_written_back() {
        let line = r#"{"id":"a","prompt":"p","response":"abc","rating":[1.0,0.0],"segments":[{"start":0,"end":1,"rating":[0.25,0.75,0.5]},{"start":1,"end":3,"rating":{"x":[0.1],"y":0.4}}]}"#;
        let example = parse(line);
        assert_eq!(example.ratings[DEFAULT_ASPECT].to_bits(), 0.5_f64.to_bits());
        assert_eq!(example.raters[DEFAULT_ASPECT], [1.0, 0.0]);
        let [first, second] = &example.segments[..] else {
            panic!("{example:?}")
        };
        assert_eq!(first.ratings[DEFAULT_ASPECT].to_bits(), 0.5_f64.to_bits());
        assert_eq!(
            second.ratings,
            BTreeMap::from([("x".into(), 0.1), ("y".into(), 0.4)])
        );
        assert_eq!(second.raters, BTreeMap::from([("x".into(), vec![0.1])]));
        assert_eq!(example.to_json().to_string(), line);
        let rows = parse(r#"{"prompt":"p","segments":["a","b"],"ratings":[[0.1,0.3],null]}"#);
        let columns =
            parse(r#"{"prompt":"p","segments":["a","b"],"ratings":{"rating":[[0.1,0.3],null]}}"#);
        assert_eq!(rows.segments, columns.segments);
        assert_eq!(rows.segments[0].raters[DEFAULT_ASPECT], [0.1, 0.3]);
    }

    #[test]
    fn as_many_ratings_of_the_response_as_unrated_texts_are_refused() {
        for texts in [r#""segments":["a","b"]"#, r#""completions":["a","b"]"#] {
            let line = format!(r#"{{"prompt":"p",{texts},"rating":[1,0]}}"#);
            let error = parse_record(&line, 1).unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains("field `rating`: found a list of 2 numbers beside 2 texts"),
                "{message}"
            );
            assert!(error.hint().unwrap().contains("[null, ...]"));
        }
        for line in [
            r#"{"prompt":"p","segments":["a","b"],"ratings":[null,null],"rating":[1,0]}"#,
            r#"{"prompt":"p","segments":["a","b","c"],"rating":[1,0]}"#,
            r#"{"prompt":"p","completions":["a"],"rating":[1]}"#,
            r#"{"prompt":"p","response":"ab","rating":[1,0],"segments":[{"start":0,"end":1},{"start":1,"end":2}]}"#,
        ] {
            assert_eq!(parse(line).raters.len(), 1, "{line}");
        }
    }

    #[test]
    fn a_list_of_raters_holds_numbers_and_at_least_one() {
        let message = |rating: &str| {
            let line = format!(
                r#"{{"prompt":"p","response":"r","segments":[{{"start":0,"end":1,"rating":{rating}}}]}}"#
            );
            parse_record(&line, 1).unwrap_err().to_string()
        };
        let empty = message("[]");
        assert!(
            empty.contains("segments[0].rating") && empty.contains("an empty list"),
            "{empty}"
        );
        let gap = message("[0.5,null]");
        assert!(
            gap.contains("segments[0].rating[1]") && gap.contains("leave out who did not rate"),
            "{gap}"
        );
        let beside = message(r#"null,"ratings":[0.2,0.8]"#);
        assert!(
            beside.contains("segments[0].ratings") && beside.contains("a list in `rating`"),
            "{beside}"
        );
        let nested = message(r#"{"x":[[0.5]]}"#);
        assert!(nested.contains("segments[0].rating.x[0]"), "{nested}");
    }

    #[test]
    fn a_rating_that_is_not_the_mean_of_its_raters_is_refused() {
        let mut example = parse(r#"{"prompt":"p","segments":["a"],"ratings":[[0.1,0.3]]}"#);
        let rating = example.segments[0].ratings.get_mut(DEFAULT_ASPECT);
        *rating.unwrap() = 0.9;
        let message = example.check().unwrap_err().to_string();
        assert!(
            message.contains("segments[0].rating.rating") && message.contains("0.9 beside raters"),
            "{message}"
        );
    }

    #[test]
    fn an_empty_response_is_read_and_has_no_segments() {
        for line in [
            r#"{"prompt":"p","response":""}"#,
            r#"{"prompt":"p","response":"","segments":[]}"#,
            r#"{"prompt":"p","completions":[],"labels":[]}"#,
        ] {
            let example = parse(line);
            assert_eq!((example.response.as_str(), example.segments.len()), ("", 0));
            let written = example.to_json().to_string();
            assert_eq!(parse(&written), example, "{written}");
        }
        let ends = parse_record(
            r#"{"prompt":"p","response":"","segments":[{"start":0,"end":1}]}"#,
            1,
        );
        assert!(ends.unwrap_err().to_string().contains("past the end"));
    }

    #[test]
    fn weights_and_ratings_of_the_wrong_kind_are_named() {
        let message = |line: &str| parse_record(line, 1).unwrap_err().to_string();
        for (weight, found) in [("-1", "the number -1"), ("\"a\"", "the text \"a\"")] {
            let line = format!(
                r#"{{"prompt":"p","response":"r","segments":[{{"start":0,"end":1,"weight":{weight}}}]}}"#
            );
            let message = message(&line);
            assert!(message.contains("segments[0].weight"), "{message}");
            assert!(
                message.contains(found) && message.contains("0 or more"),
                "{message}"
            );
        }
        let message = message(r#"{"prompt":"p","response":"r","rating":"good"}"#);
        assert!(message.contains("`rating`"), "{message}");
    }

    #[test]
    fn unknown_keys_are_kept_in_their_order() {
        let example = parse(
            r#"{"z":1,"prompt":"p","y":{"b":1,"a":2},"response":"r","segments":[{"note":"n","start":0,"end":1}],"a":[null]}"#,
        );
        assert_eq!(example.extra.keys().collect::<Vec<_>>(), ["z", "y", "a"]);
        assert_eq!(
            example.to_json().to_string(),
            r#"{"id":"7","prompt":"p","response":"r","segments":[{"start":0,"end":1,"rating":null,"note":"n"}],"z":1,"y":{"b":1,"a":2},"a":[null]}"#
        );
    }

    #[test]
    fn a_rating_arrives_bit_by_bit() {
        for number in [
            "0.7",
            "0.1",
            "1e-300",
            "-0.0",
            "0.30000000000000004",
            "5e-324",
            "123456789.123456789",
        ] {
            let line = format!(
                r#"{{"prompt":"p","response":"r","segments":[{{"start":0,"end":1,"rating":{number}}}]}}"#
            );
            let rating = ratings(&parse(&line))[0].unwrap();
            assert_eq!(
                rating.to_bits(),
                number.parse::<f64>().unwrap().to_bits(),
                "{number}"
            );
        }
    }
}
