//! Ratings as columns: their means by aspect, and beside them those of every rater.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::cells::{Cell, Field};
use super::native::RATERS;
use crate::{DEFAULT_ASPECT, mean_rating};

/// Aspects that get a column each; with more of them `rating` is one text of JSON.
const MAX_ASPECTS: usize = 64;

/// Which columns the ratings need that were looked at.
#[derive(Debug, Default)]
pub(super) struct RatingPlan {
    /// Aspects of ratings that are maps.
    aspects: BTreeSet<String>,
    /// Whether some are plain.
    is_plain: bool,
    /// Aspects that have lists of raters.
    raters: BTreeSet<String>,
    /// Whether one is neither a number, nor a list of them, nor a map of these.
    is_other: bool,
}

impl RatingPlan {
    /// Looks at one more rating.
    pub(super) fn add(&mut self, rating: &Value) {
        match rating {
            Value::Null => {}
            Value::Object(aspects) => {
                for (aspect, rating) in aspects {
                    if !self.aspects.contains(aspect) {
                        self.aspects.insert(aspect.clone());
                    }
                    self.add_one(aspect, rating);
                }
                self.is_other |= aspects.is_empty() || self.aspects.len() > MAX_ASPECTS;
            }
            rating => {
                self.is_plain = true;
                self.add_one(DEFAULT_ASPECT, rating);
            }
        }
    }

    fn add_one(&mut self, aspect: &str, rating: &Value) {
        if numbers(rating).is_some() {
            if !self.raters.contains(aspect) {
                self.raters.insert(aspect.to_owned());
            }
        } else if !rating.is_number() {
            self.is_other = true;
        }
    }

    fn is_json(&self) -> bool {
        self.is_other
    }

    /// All aspects, where there is more than the plain one.
    fn columns(&self) -> Option<BTreeSet<&str>> {
        let mut aspects: BTreeSet<&str> = self.aspects.iter().map(String::as_str).collect();
        if aspects.is_empty() {
            return None;
        }
        if self.is_plain {
            aspects.insert(DEFAULT_ASPECT);
        }
        Some(aspects)
    }

    /// The columns, in their order.
    pub(super) fn fields(&self) -> Vec<Field> {
        if self.is_json() {
            return vec![Field::optional("rating", Cell::Json)];
        }
        let group = |names: BTreeSet<&str>, cell: fn() -> Cell| {
            let fields = names.into_iter().map(|name| Field::optional(name, cell()));
            Cell::Group(fields.collect())
        };
        let numbers = || Cell::List(Box::new(Field::needed("element", Cell::Number)));
        let (means, raters) = match self.columns() {
            None if self.is_plain => (Cell::Number, numbers()),
            None => return Vec::new(),
            Some(aspects) => {
                let raters = self.raters.iter().map(String::as_str).collect();
                (group(aspects, || Cell::Number), group(raters, numbers))
            }
        };
        let mut fields = vec![Field::optional("rating", means)];
        if !self.raters.is_empty() {
            fields.push(Field::optional(RATERS, raters));
        }
        fields
    }

    /// Adds the values of the columns.
    pub(super) fn shape(&self, rating: &Value, into: &mut Map<String, Value>) {
        if self.is_json() || rating.is_null() {
            into.insert("rating".into(), rating.clone());
            return;
        }
        let aspects: Vec<(&str, &Value)> = match rating {
            Value::Object(aspects) => aspects
                .iter()
                .map(|(a, rating)| (a.as_str(), rating))
                .collect(),
            rating => vec![(DEFAULT_ASPECT, rating)],
        };
        let mut means = Map::new();
        let mut raters = Map::new();
        for (aspect, rating) in aspects {
            let mean = match numbers(rating) {
                Some(numbers) => {
                    raters.insert(aspect.to_owned(), rating.clone());
                    mean_rating(&numbers).into()
                }
                None => rating.clone(),
            };
            means.insert(aspect.to_owned(), mean);
        }
        let in_columns = |mut values: Map<String, Value>| match self.columns() {
            Some(_) => Value::Object(values),
            None => values.shift_remove(DEFAULT_ASPECT).unwrap_or_default(),
        };
        into.insert("rating".into(), in_columns(means));
        if !raters.is_empty() {
            into.insert(RATERS.into(), in_columns(raters));
        }
    }
}

/// The numbers of a list that has nothing else, and not nothing.
fn numbers(value: &Value) -> Option<Vec<f64>> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    list.iter().map(Value::as_f64).collect()
}
