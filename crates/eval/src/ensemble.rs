//! The scores of several models for the same records, as one: their mean, and how far they lie apart.

use gradus_data::describe_value;
use gradus_scores::Aggregation;
use serde_json::{Map, Value, json};

/// A scored record, as `gradus score` writes it.
pub type ScoredRecord = Map<String, Value>;

/// Why scored records cannot be merged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnsembleProblem {
    /// Something that has to be the same in all of them is not.
    #[error(
        "found another `{key}` than in the first file, expected the same records in the same order"
    )]
    Differs {
        /// Which of them, from 0.
        record: usize,
        /// The key.
        key: String,
    },
    /// A segment, or a whole record, has no key `score`.
    #[error("found no `{key}`, expected the output of `gradus score`")]
    NoScore {
        /// Which of them, from 0.
        record: usize,
        /// The key.
        key: String,
    },
    /// A score is of another form than a number, or a number for each aspect of the first file.
    #[error("`{key}` is {found}, expected {expected}")]
    Score {
        /// Which of them, from 0.
        record: usize,
        /// The key.
        key: String,
        /// The value, in words.
        found: String,
        /// What it should be.
        expected: String,
    },
}

impl EnsembleProblem {
    /// Which of the records it is about, from 0.
    pub fn record(&self) -> usize {
        match self {
            Self::Differs { record, .. }
            | Self::NoScore { record, .. }
            | Self::Score { record, .. } => *record,
        }
    }
}

/// What is left out, because it belongs to the scores of a single model.
const OF_ONE_MODEL: [&str; 3] = ["low", "high", "flag"];

/// Merges the records of several models, the same one of each, at least two: scores of segments become means, and
/// `spread` beside each of them is the standard deviation between the models (with `n - 1`). A score that one of them
/// lacks is absent, for its reason. The score of the response is aggregated anew from the means, as `aggregation`
/// says; without it, it is the mean of theirs. Prediction intervals and flags are left out; everything else is that of
/// the first.
///
/// # Errors
/// If they are different records, or not scored.
///
/// # Panics
/// Without a record.
pub fn merged(mut records: Vec<ScoredRecord>) -> Result<ScoredRecord, EnsembleProblem> {
    for key in ["id", "prompt", "context", "response", "aggregation"] {
        all_same("", key, &records)?;
    }
    let mut segments: Vec<Vec<Value>> = records.iter_mut().map(take_segments).collect();
    let other = segments
        .iter()
        .position(|others| others.len() != segments[0].len());
    if let Some(record) = other {
        let key = "segments".into();
        return Err(EnsembleProblem::Differs { record, key });
    }
    let merged_segments: Result<Vec<Value>, EnsembleProblem> = (0..segments[0].len())
        .map(|k| {
            let same = segments.iter_mut().map(|others| others[k].take());
            merged_segment(k, same.collect())
        })
        .collect();
    let merged_segments = merged_segments?;
    let mut all = merge_scores("", records)?;
    if let Some(aggregation) = all.get("aggregation").and_then(Value::as_str) {
        let aggregation: Aggregation = aggregation.parse().map_err(|_| EnsembleProblem::Score {
            record: 0,
            key: "aggregation".into(),
            found: describe_value(&all["aggregation"]),
            expected: "one of `gradus score`".into(),
        })?;
        let score = aggregated(&merged_segments, aggregation);
        // A response that one model could not score may have segments that all score, and the other way round.
        all.remove(if score.is_null() {
            "spread"
        } else {
            "unscored"
        });
        all.insert("score".into(), score);
    }
    all.insert("segments".into(), merged_segments.into());
    Ok(all)
}

/// Refuses objects that differ in a key from the first.
fn all_same(place: &str, key: &str, objects: &[ScoredRecord]) -> Result<(), EnsembleProblem> {
    let first = objects.first().and_then(|object| object.get(key));
    match objects.iter().position(|object| object.get(key) != first) {
        None => Ok(()),
        Some(record) => Err(EnsembleProblem::Differs {
            record,
            key: format!("{place}{key}"),
        }),
    }
}

fn take_segments(record: &mut ScoredRecord) -> Vec<Value> {
    match record.get_mut("segments").map(Value::take) {
        Some(Value::Array(segments)) => segments,
        _ => Vec::new(),
    }
}

fn merged_segment(k: usize, segments: Vec<Value>) -> Result<Value, EnsembleProblem> {
    let place = format!("segments[{k}].");
    let objects = segments
        .into_iter()
        .enumerate()
        .map(|(record, segment)| match segment {
            Value::Object(object) => Ok(object),
            _ => Err(EnsembleProblem::NoScore {
                record,
                key: format!("{place}score"),
            }),
        });
    let objects = objects.collect::<Result<Vec<_>, _>>()?;
    for key in ["start", "end"] {
        all_same(&place, key, &objects)?;
    }
    let mut merged = merge_scores(&place, objects)?;
    for key in OF_ONE_MODEL {
        merged.remove(key);
    }
    Ok(merged.into())
}

/// The score of the response, of those segments that have one, in the form of theirs.
fn aggregated(segments: &[Value], aggregation: Aggregation) -> Value {
    let scores: Vec<&Value> = segments
        .iter()
        .filter_map(|segment| segment.get("score"))
        .filter(|score| !score.is_null())
        .collect();
    let of = |part: &dyn Fn(&Value) -> Option<f64>| {
        let values: Option<Vec<f64>> = scores.iter().map(|&score| part(score)).collect();
        json!(values.and_then(|values| aggregation.aggregate(&values)))
    };
    match scores.first() {
        Some(Value::Object(aspects)) => {
            let by_aspect = aspects.keys().map(|aspect| {
                let score = of(&|score| score.get(aspect)?.as_f64());
                (aspect.clone(), score)
            });
            by_aspect.collect::<Map<_, _>>().into()
        }
        _ => of(&Value::as_f64),
    }
}

/// The first of the objects, with the mean of all scores.
fn merge_scores(place: &str, objects: Vec<ScoredRecord>) -> Result<ScoredRecord, EnsembleProblem> {
    let key = format!("{place}score");
    let scores = objects.iter().enumerate().map(|(record, object)| {
        let key = key.clone();
        let score = object.get("score");
        score.ok_or(EnsembleProblem::NoScore { record, key })
    });
    let scores = scores.collect::<Result<Vec<_>, _>>()?;
    let absent = scores.iter().position(|score| score.is_null());
    let merged = match absent {
        Some(_) => None,
        None => Some(mean_and_spread(&key, &scores)?),
    };
    let unscored = absent.and_then(|index| objects[index].get("unscored").cloned());
    let is_cut = absent.is_none() && objects.iter().any(|object| object.contains_key("cut"));
    let mut first = objects.into_iter().next().unwrap_or_default();
    // Of an earlier merging, or of the first model alone.
    first.remove("spread");
    first.remove("cut");
    if is_cut {
        first.insert("cut".into(), true.into());
    }
    let (mean, spread) = merged.unwrap_or_default();
    first.insert("score".into(), mean);
    if !spread.is_null() {
        first.insert("spread".into(), spread);
    }
    if let Some(unscored) = unscored {
        first.insert("unscored".into(), unscored);
    }
    Ok(first)
}

/// Means and standard deviations, in the form of the scores: a number, or one for each aspect.
fn mean_and_spread(key: &str, scores: &[&Value]) -> Result<(Value, Value), EnsembleProblem> {
    let wrong = |record: usize, expected: String| EnsembleProblem::Score {
        record,
        key: key.into(),
        found: match scores[record] {
            Value::Object(aspects) => {
                let names: Vec<&str> = aspects.keys().map(String::as_str).collect();
                format!("an object of {}", names.join(", "))
            }
            other => describe_value(other),
        },
        expected,
    };
    let Value::Object(aspects) = scores[0] else {
        let numbers = scores.iter().enumerate().map(|(record, score)| {
            let number = score.as_f64();
            number.ok_or_else(|| wrong(record, "a number, as in the first file".into()))
        });
        let (mean, spread) = of_numbers(key, &numbers.collect::<Result<Vec<_>, _>>()?)?;
        return Ok((json!(mean), json!(spread)));
    };
    let (mut means, mut spreads) = (Map::new(), Map::new());
    for aspect in aspects.keys() {
        let numbers = scores.iter().enumerate().map(|(record, score)| {
            let same = score
                .as_object()
                .filter(|other| other.len() == aspects.len());
            let number = same.and_then(|other| other.get(aspect)?.as_f64());
            let names: Vec<&str> = aspects.keys().map(String::as_str).collect();
            let expected = || format!("a number for each of {}", names.join(", "));
            number.ok_or_else(|| wrong(record, expected()))
        });
        let (mean, spread) = of_numbers(key, &numbers.collect::<Result<Vec<_>, _>>()?)?;
        means.insert(aspect.clone(), json!(mean));
        spreads.insert(aspect.clone(), json!(spread));
    }
    Ok((means.into(), spreads.into()))
}

/// Mean and standard deviation of at least two numbers.
fn of_numbers(key: &str, numbers: &[f64]) -> Result<(f64, f64), EnsembleProblem> {
    let count = numbers.len() as f64;
    let mean = numbers.iter().map(|number| number / count).sum::<f64>();
    let squares = numbers.iter().map(|number| (number - mean).powi(2));
    let spread = (squares.sum::<f64>() / (count - 1.0)).sqrt();
    if spread.is_finite() {
        return Ok((mean, spread));
    }
    let largest = numbers.iter().position(|number| number.abs() > 1e150);
    Err(EnsembleProblem::Score {
        record: largest.unwrap_or(0),
        key: key.into(),
        found: "a number too large to be squared".into(),
        expected: "a score".into(),
    })
}

/// The record with the scores of its segments as their ratings, for a model that learns them (distillation): other
/// ratings of segments are replaced, and a segment without a score has none. What belongs to scores is left out.
pub fn with_scores_as_ratings(mut record: ScoredRecord) -> ScoredRecord {
    let mut segments = take_segments(&mut record);
    for segment in segments.iter_mut().filter_map(Value::as_object_mut) {
        let score = segment.remove("score").unwrap_or_default();
        segment.insert("rating".into(), score);
        for key in ["spread", "unscored", "cut"].iter().chain(&OF_ONE_MODEL) {
            segment.remove(*key);
        }
    }
    record.insert("segments".into(), segments.into());
    record.retain(|key, _| {
        let of_scores = ["score", "spread", "unscored", "aggregation", "windows"];
        !of_scores.contains(&key.as_str()) && !key.ends_with("_tokens_dropped")
    });
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> ScoredRecord {
        match value {
            Value::Object(object) => object,
            other => panic!("{other}"),
        }
    }

    fn scored(scores: [Value; 2], whole: f64) -> ScoredRecord {
        let [first, second] = scores;
        object(json!({
            "id": "a", "prompt": "p", "response": "xy", "aggregation": "mean", "score": whole,
            "segments": [
                {"start": 0, "end": 1, "rating": 1.0, "score": first, "low": 0.0, "high": 1.0},
                {"start": 1, "end": 2, "score": second, "flag": "doubtful"},
            ],
        }))
    }

    #[test]
    fn scores_become_means_with_their_spread() {
        let (one, two) = (json!(1.0), json!(0.5));
        let found = merged(vec![
            scored([one.clone(), two.clone()], 0.75),
            scored([json!(2.0), json!(0.5)], 1.25),
            scored([json!(6.0), json!(2.0)], 4.0),
        ]);
        let expected = json!({
            "id": "a", "prompt": "p", "response": "xy", "aggregation": "mean", "score": 2.0,
            "spread": ((1.25_f64.powi(2) + 0.75_f64.powi(2) + 2.0_f64.powi(2)) / 2.0).sqrt(),
            "segments": [
                {"start": 0, "end": 1, "rating": 1.0, "score": 3.0, "spread": 7.0_f64.sqrt()},
                {"start": 1, "end": 2, "score": 1.0, "spread": 0.75_f64.sqrt()},
            ],
        });
        assert_eq!(Value::from(found.unwrap()), expected);
        // Aspects one by one, whatever their order.
        let aspects = |a: f64, b: f64| json!({"a": a, "b": b});
        let found = merged(vec![
            scored([aspects(1.0, 2.0), one.clone()], 0.0),
            scored([aspects(3.0, 2.0), one.clone()], 0.0),
        ]);
        let found = found.unwrap();
        assert_eq!(found["segments"][0]["score"], aspects(2.0, 2.0));
        assert_eq!(found["segments"][0]["spread"], aspects(2.0_f64.sqrt(), 0.0));
    }

    #[test]
    fn a_score_that_one_lacks_is_absent_for_its_reason() {
        let mut lacks = scored([json!(1.0), Value::Null], 1.0);
        lacks["segments"][1]["unscored"] = json!("truncated");
        let found = merged(vec![scored([json!(1.0), json!(1.0)], 1.0), lacks]).unwrap();
        let expected = json!({"start": 1, "end": 2, "score": null, "unscored": "truncated"});
        assert_eq!(found["segments"][1], expected);
    }

    #[test]
    fn the_response_is_aggregated_anew_and_nothing_stale_stays() {
        let with = |scores: [f64; 2], aggregation: &str| {
            let mut record = scored(scores.map(|score| json!(score)), 9.0);
            record.insert("aggregation".into(), json!(aggregation));
            record
        };
        // The least means, not the mean of the least.
        let both = || vec![with([0.0, 1.0], "min"), with([1.0, 0.0], "min")];
        let found = merged(both()).unwrap();
        assert_eq!(
            (&found["score"], &found["spread"]),
            (&json!(0.5), &json!(0.0))
        );
        let mut unknown = both();
        for record in &mut unknown {
            record.insert("aggregation".into(), json!("median"));
        }
        let problem = merged(unknown).unwrap_err().to_string();
        assert!(
            problem.contains("`aggregation` is the text \"median\""),
            "{problem}"
        );
        // A spread of an earlier merging beside a score that is now absent, and a segment that one model saw in part.
        let mut records = both();
        records[0]["segments"][0]["spread"] = json!(9.0);
        records[1]["segments"][0]["score"] = Value::Null;
        records[1]["segments"][1]["cut"] = json!(true);
        records[1]["score"] = Value::Null;
        records[1].insert("unscored".into(), json!("truncated"));
        let found = merged(records).unwrap();
        assert!(found.get("unscored").is_none(), "{found:?}");
        assert!(found["segments"][0].get("spread").is_none(), "{found:?}");
        assert_eq!(found["segments"][1]["cut"], json!(true));
        assert_eq!(found["score"], json!(0.5), "of the segment that all score");
        let huge = vec![with([1e308, 1.0], "min"), with([-1.5e308, 1.0], "min")];
        let problem = merged(huge).unwrap_err().to_string();
        assert!(problem.contains("too large"), "{problem}");
    }

    #[test]
    fn other_records_and_unscored_ones_are_refused() {
        let record = || scored([json!(1.0), json!(1.0)], 1.0);
        let problem = |change: &dyn Fn(&mut ScoredRecord)| {
            let mut other = record();
            change(&mut other);
            let problem = merged(vec![record(), other]).unwrap_err();
            assert_eq!(problem.record(), 1);
            problem.to_string()
        };
        for (key, value) in [
            ("id", json!("b")),
            ("response", json!("xz")),
            ("aggregation", json!("sum")),
        ] {
            let found = problem(&|other| other[key] = value.clone());
            assert!(
                found.starts_with(&format!("found another `{key}`")),
                "{found}"
            );
        }
        let found = problem(&|other| other["segments"][1]["end"] = json!(3));
        assert!(found.contains("`segments[1].end`"), "{found}");
        let found = problem(&|other| {
            other["segments"].as_array_mut().unwrap().pop();
        });
        assert!(found.contains("another `segments`"), "{found}");
        let found = problem(&|other| {
            other["segments"][0]
                .as_object_mut()
                .unwrap()
                .remove("score");
        });
        assert!(found.contains("no `segments[0].score`"), "{found}");
        let found = problem(&|other| other["segments"][0]["score"] = json!({"a": 1.0}));
        assert!(
            found.contains("`segments[0].score` is an object of a, expected a number"),
            "{found}"
        );
    }

    #[test]
    fn scores_become_ratings_to_learn() {
        let mut record = scored([json!(0.5), Value::Null], 1.0);
        record.insert("prompt_tokens_dropped".into(), json!(0));
        record["segments"][1]["unscored"] = json!("truncated");
        let expected = json!({
            "id": "a", "prompt": "p", "response": "xy",
            "segments": [
                {"start": 0, "end": 1, "rating": 0.5},
                {"start": 1, "end": 2, "rating": null},
            ],
        });
        assert_eq!(Value::from(with_scores_as_ratings(record)), expected);
    }
}
