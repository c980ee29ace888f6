use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::{DataError, Example, Result};

/// The key of a segment, or of `meta` for those of the whole response, with the single ratings of several raters by
/// aspect, where the rating is not their mean.
const OF_RATERS: &str = "of_raters";

/// How the ratings of several raters become one. As text ([`FromStr`], [`Display`](fmt::Display)): `mean`, `any`,
/// `majority`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RaterMerge {
    /// Their mean; each rating is kept beside it, as the native format has it.
    #[default]
    Mean,
    /// The lowest: what any rater found wrong is wrong.
    Any,
    /// The one that most raters gave; of several such, the lowest.
    Majority,
}

impl RaterMerge {
    /// The rating that these become. There is at least one.
    fn merge(self, ratings: &[f64]) -> f64 {
        let lowest = |ratings: &mut dyn Iterator<Item = f64>| ratings.fold(f64::INFINITY, f64::min);
        match self {
            Self::Mean => crate::mean_rating(ratings),
            Self::Any => lowest(&mut ratings.iter().copied()),
            Self::Majority => {
                let votes = |rating: &f64| {
                    let same = ratings
                        .iter()
                        .filter(|other| other.total_cmp(rating).is_eq());
                    same.count()
                };
                let most = ratings.iter().map(votes).max().unwrap_or_default();
                let mut tied = ratings
                    .iter()
                    .filter(|rating| votes(rating) == most)
                    .copied();
                lowest(&mut tied)
            }
        }
    }

    /// Merges the ratings of an example. The single ratings of other rules than the mean go to a key beside,
    /// because the native format takes a list of ratings for raters of a mean.
    pub(super) fn apply(self, example: &mut Example) {
        if self == Self::Mean {
            return;
        }
        for segment in &mut example.segments {
            self.merge_all(
                &mut segment.ratings,
                &mut segment.raters,
                &mut segment.extra,
            );
        }
        let Example {
            ratings,
            raters,
            meta,
            ..
        } = example;
        self.merge_all(ratings, raters, meta);
    }

    fn merge_all(
        self,
        ratings: &mut BTreeMap<String, f64>,
        raters: &mut BTreeMap<String, Vec<f64>>,
        meta: &mut Map<String, Value>,
    ) {
        let raters = std::mem::take(raters);
        if raters.is_empty() {
            return;
        }
        for (aspect, of_raters) in &raters {
            ratings.insert(aspect.clone(), self.merge(of_raters));
        }
        let single = raters
            .into_iter()
            .map(|(aspect, ratings)| (aspect, ratings.into()));
        meta.insert(OF_RATERS.into(), Value::Object(single.collect()));
    }
}

impl fmt::Display for RaterMerge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Mean => "mean",
            Self::Any => "any",
            Self::Majority => "majority",
        })
    }
}

impl FromStr for RaterMerge {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let known = [Self::Mean, Self::Any, Self::Majority];
        let found = known.into_iter().find(|rule| rule.to_string() == text);
        found.ok_or_else(|| DataError::InvalidRaterMerge {
            found: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_what_they_write() {
        for text in ["mean", "any", "majority"] {
            assert_eq!(text.parse::<RaterMerge>().unwrap().to_string(), text);
        }
        let message = "all".parse::<RaterMerge>().unwrap_err().to_string();
        assert!(message.contains("mean, any or majority"), "{message}");
    }

    #[test]
    fn each_rule_merges_as_it_says() {
        let merged = |ratings: &[f64]| {
            let rules = [RaterMerge::Mean, RaterMerge::Any, RaterMerge::Majority];
            rules.map(|rule| rule.merge(ratings).to_string())
        };
        assert_eq!(merged(&[1.0, 1.0, 0.0, 1.0]), ["0.75", "0", "1"]);
        assert_eq!(
            merged(&[1.0, 0.0]),
            ["0.5", "0", "0"],
            "a tie is worth the lower"
        );
        assert_eq!(merged(&[0.5]), ["0.5"; 3]);
    }
}
