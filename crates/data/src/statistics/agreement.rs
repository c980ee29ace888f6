//! Agreement of raters, collected record by record.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{CohensKappa, Example, KappaCounts, RaterAgreement, RaterSums};

/// Collects by aspect how far the raters of the same texts agree.
///
/// The names of raters are those of `raters` in the `meta` of a record, where imports write them. Where the rating of a text
/// is not the mean of its raters, theirs are read from `of_raters` beside it.
#[derive(Debug, Clone, Default)]
pub struct AgreementCounts(BTreeMap<String, (RaterSums, KappaCounts)>);

impl AgreementCounts {
    /// Adds the segments of an example.
    pub fn add_segments(&mut self, example: &Example) {
        if example.segments.is_empty() {
            return;
        }
        let names = names(example);
        for segment in &example.segments {
            self.add(&names, &single_ratings(&segment.raters, &segment.extra));
        }
    }

    /// Adds the response of an example.
    pub fn add_response(&mut self, example: &Example) {
        self.add(
            &names(example),
            &single_ratings(&example.raters, &example.meta),
        );
    }

    fn add(&mut self, names: &[&str], ratings: &BTreeMap<String, Vec<f64>>) {
        for (aspect, ratings) in ratings {
            if !self.0.contains_key(aspect) {
                self.0.insert(aspect.clone(), Default::default());
            }
            if let Some((sums, kappa)) = self.0.get_mut(aspect) {
                sums.add(ratings);
                kappa.add(names, ratings);
            }
        }
    }

    /// Whether no text has several ratings.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The agreement on an aspect, with Cohen's kappa where it is known who gave which rating; `None` if no text has several.
    pub fn of(&self, aspect: &str) -> Option<(RaterAgreement, Option<CohensKappa>)> {
        let (sums, kappa) = self.0.get(aspect)?;
        Some((sums.agreement()?, kappa.kappa()))
    }

    /// The aspects with ratings of several raters.
    pub fn aspects(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn names(example: &Example) -> Vec<&str> {
    let names = example.meta.get("raters").and_then(Value::as_array);
    let names = names.into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

/// The single ratings of a text, by aspect.
fn single_ratings<'a>(
    raters: &'a BTreeMap<String, Vec<f64>>,
    beside: &Map<String, Value>,
) -> Cow<'a, BTreeMap<String, Vec<f64>>> {
    let merged = beside.get("of_raters").filter(|_| raters.is_empty());
    let merged = merged.and_then(|merged| serde_json::from_value(merged.clone()).ok());
    merged.map_or(Cow::Borrowed(raters), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{CharSpan, Segment};

    #[test]
    fn the_raters_of_a_record_have_its_names() {
        let of_raters =
            |ratings: [f64; 2]| BTreeMap::from([("grounded".to_owned(), ratings.into())]);
        let mut example = Example {
            response: "a b c d".into(),
            ..Example::default()
        };
        example.meta.insert("raters".into(), json!(["ann", "bob"]));
        for (place, ratings) in [[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]].into_iter().enumerate() {
            let mut segment = Segment::unrated(CharSpan::new(2 * place, 2 * place + 1));
            segment.raters = of_raters(ratings);
            example.segments.push(segment);
        }
        // Merged otherwise than by the mean.
        let mut merged = Segment::unrated(CharSpan::new(6, 7));
        let ratings = json!({"grounded": [0.0, 0.0]});
        merged.extra.insert("of_raters".into(), ratings);
        example.segments.push(merged);
        let mut counts = AgreementCounts::default();
        counts.add_response(&example);
        assert!(counts.is_empty());
        counts.add_segments(&example);
        assert_eq!(counts.aspects().collect::<Vec<_>>(), ["grounded"]);
        let (agreement, kappa) = counts.of("grounded").unwrap();
        assert_eq!((agreement.texts, agreement.ratings), (4, 8));
        // Three of four agree; by chance 1/2 · 1/4 + 1/2 · 3/4.
        let kappa = kappa.unwrap();
        assert!((kappa.kappa - 0.5).abs() < 1e-12, "{kappa:?}");
        assert_eq!(kappa.names, Some(["ann".into(), "bob".into()]));
        assert!(counts.of("other").is_none());
    }
}
