use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::field::{Checked, list, wrong_type};
use crate::{DEFAULT_ASPECT, RecordError, RecordProblem, mean_rating};

/// The ratings of one text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ratings {
    /// By aspect; the mean where there are several raters.
    pub(crate) means: BTreeMap<String, f64>,
    /// By aspect, where the record has a list.
    pub(crate) raters: BTreeMap<String, Vec<f64>>,
}

impl Ratings {
    fn of(rating: f64) -> Self {
        let means = BTreeMap::from([(DEFAULT_ASPECT.to_owned(), rating)]);
        Self {
            means,
            ..Self::default()
        }
    }

    fn insert(&mut self, aspect: String, rating: Rating) {
        if let Some(raters) = rating.raters {
            self.raters.insert(aspect.clone(), raters);
        }
        self.means.insert(aspect, rating.mean);
    }
}

/// The rating of one text in one aspect.
struct Rating {
    mean: f64,
    raters: Option<Vec<f64>>,
}

/// Ratings of shape 3, which lie beside the segments.
pub(crate) fn list_ratings(ratings: Value, count: usize) -> Checked<Vec<Ratings>> {
    match ratings {
        Value::Array(ratings) => {
            check_count("ratings", &ratings, count)?;
            let ratings = ratings.into_iter().enumerate();
            ratings
                .map(|(k, rating)| ratings_of(rating, &format!("ratings[{k}]")))
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

fn aspect_lists(aspects: Map<String, Value>, count: usize) -> Checked<Vec<Ratings>> {
    let mut by_segment = vec![Ratings::default(); count];
    check_aspects(&aspects, "ratings")?;
    for (aspect, ratings) in aspects {
        let field = format!("ratings.{aspect}");
        let ratings = list(ratings, &field)?;
        check_count(&field, &ratings, count)?;
        for (k, rating) in ratings.iter().enumerate() {
            if let Some(rating) = one_rating(rating, || format!("{field}[{k}]"))? {
                by_segment[k].insert(aspect.clone(), rating);
            }
        }
    }
    Ok(by_segment)
}

/// Ratings of shape 4: booleans become 1 and 0, numbers stay as they are.
pub(crate) fn label_ratings(labels: Value, count: usize) -> Checked<Vec<Ratings>> {
    let labels = list(labels, "labels")?;
    check_count("labels", &labels, count)?;
    let ratings = labels
        .into_iter()
        .enumerate()
        .map(|(k, label)| match label {
            Value::Null => Ok(Ratings::default()),
            Value::Bool(label) => Ok(Ratings::of(f64::from(u8::from(label)))),
            other => match other.as_f64() {
                Some(label) => Ok(Ratings::of(label)),
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
pub(crate) fn unrated(count: usize) -> Checked<Vec<Ratings>> {
    Ok(vec![Ratings::default(); count])
}

/// Ratings as shapes 1 to 3 write them: a number, a list of the numbers of several raters, `null`, or
/// a map of aspects to any of these.
pub(crate) fn ratings_of(value: Value, field: &str) -> Checked<Ratings> {
    let mut ratings = Ratings::default();
    match value {
        Value::Object(aspects) => {
            check_aspects(&aspects, field)?;
            for (aspect, rating) in aspects {
                if let Some(rating) = one_rating(&rating, || format!("{field}.{aspect}"))? {
                    ratings.insert(aspect, rating);
                }
            }
        }
        other => {
            let expected = "a number, a list of numbers, null or a map of aspects to these";
            if !matches!(other, Value::Null | Value::Number(_) | Value::Array(_)) {
                return Err(wrong_type(field, &other, expected));
            }
            if let Some(rating) = one_rating(&other, || field.to_owned())? {
                ratings.insert(DEFAULT_ASPECT.to_owned(), rating);
            }
        }
    }
    Ok(ratings)
}

fn one_rating(value: &Value, field: impl FnOnce() -> String) -> Checked<Option<Rating>> {
    let Value::Array(list) = value else {
        if value.is_null() {
            return Ok(None);
        }
        let Some(mean) = value.as_f64() else {
            let expected = "a number, a list of numbers or null";
            return Err(wrong_type(field(), value, expected));
        };
        return Ok(Some(Rating { mean, raters: None }));
    };
    let field = field();
    if list.is_empty() {
        let problem = RecordProblem::WrongType {
            found: "an empty list".into(),
            expected: "the number of at least one rater, or null",
        };
        return Err(RecordError::new(field, problem));
    }
    let expected = "a number; leave out who did not rate";
    let raters: Vec<f64> = list
        .iter()
        .enumerate()
        .map(|(k, value)| {
            let rating = value.as_f64();
            rating.ok_or_else(|| wrong_type(format!("{field}[{k}]"), value, expected))
        })
        .collect::<Checked<_>>()?;
    Ok(Some(Rating {
        mean: mean_rating(&raters),
        raters: Some(raters),
    }))
}

/// Looks at all keys, also those whose value is `null`.
fn check_aspects(aspects: &Map<String, Value>, field: &str) -> Checked<()> {
    RecordProblem::check_aspects(aspects.keys()).map_err(|problem| RecordError::new(field, problem))
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
