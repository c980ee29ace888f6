use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::field::{Checked, list, wrong_type};
use crate::{DEFAULT_ASPECT, RecordError, RecordProblem};

/// Ratings of shape 3, which lie beside the segments.
pub(crate) fn list_ratings(ratings: Value, count: usize) -> Checked<Vec<BTreeMap<String, f64>>> {
    match ratings {
        Value::Array(ratings) => {
            check_count("ratings", &ratings, count)?;
            let ratings = ratings.into_iter().enumerate();
            ratings
                .map(|(k, rating)| rating_map(rating, &format!("ratings[{k}]")))
                .collect()
        }
        Value::Object(aspects) => aspect_lists(aspects, count),
        other => Err(wrong_type(
            "ratings",
            &other,
            "a list, or a map of aspects to lists",
        )),
    }
}

fn aspect_lists(aspects: Map<String, Value>, count: usize) -> Checked<Vec<BTreeMap<String, f64>>> {
    let mut by_segment = vec![BTreeMap::new(); count];
    for (aspect, ratings) in aspects {
        let field = format!("ratings.{aspect}");
        let ratings = list(ratings, &field)?;
        check_count(&field, &ratings, count)?;
        for (k, rating) in ratings.iter().enumerate() {
            if let Some(rating) = number_or_null(rating, || format!("{field}[{k}]"))? {
                by_segment[k].insert(aspect.clone(), rating);
            }
        }
    }
    Ok(by_segment)
}

/// Ratings of shape 4: booleans become 1 and 0, numbers stay as they are.
pub(crate) fn label_ratings(labels: Value, count: usize) -> Checked<Vec<BTreeMap<String, f64>>> {
    let labels = list(labels, "labels")?;
    check_count("labels", &labels, count)?;
    let ratings = labels
        .into_iter()
        .enumerate()
        .map(|(k, label)| match label {
            Value::Null => Ok(BTreeMap::new()),
            Value::Bool(label) => Ok(default_rating(f64::from(u8::from(label)))),
            other => match other.as_f64() {
                Some(label) => Ok(default_rating(label)),
                None => Err(wrong_type(
                    format!("labels[{k}]"),
                    &other,
                    "a number, true, false or null",
                )),
            },
        });
    ratings.collect()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "stands in for the functions that read ratings"
)]
pub(crate) fn unrated(count: usize) -> Checked<Vec<BTreeMap<String, f64>>> {
    Ok(vec![BTreeMap::new(); count])
}

/// A rating as shapes 1 to 3 write it: a number, `null` or a map of aspects.
pub(crate) fn rating_map(value: Value, field: &str) -> Checked<BTreeMap<String, f64>> {
    let aspects = match value {
        Value::Null => return Ok(BTreeMap::new()),
        Value::Object(aspects) => aspects,
        other => {
            let expected = "a number, null or a map of aspects to numbers";
            let rating = other
                .as_f64()
                .ok_or_else(|| wrong_type(field, &other, expected))?;
            return Ok(default_rating(rating));
        }
    };
    let mut ratings = BTreeMap::new();
    for (aspect, rating) in aspects {
        if let Some(rating) = number_or_null(&rating, || format!("{field}.{aspect}"))? {
            ratings.insert(aspect, rating);
        }
    }
    Ok(ratings)
}

fn default_rating(rating: f64) -> BTreeMap<String, f64> {
    BTreeMap::from([(DEFAULT_ASPECT.to_owned(), rating)])
}

fn number_or_null(value: &Value, field: impl FnOnce() -> String) -> Checked<Option<f64>> {
    match value {
        Value::Null => Ok(None),
        _ => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong_type(field(), value, "a number or null")),
        },
    }
}

fn check_count(field: &str, ratings: &[Value], segments: usize) -> Checked<()> {
    if ratings.len() == segments {
        return Ok(());
    }
    let problem = RecordProblem::CountMismatch {
        segments,
        ratings: ratings.len(),
    };
    Err(RecordError::new(field, problem))
}
