//! Cohen's kappa of pairs of raters.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Most different ratings that are taken for categories.
const MOST_CATEGORIES: usize = 20;

/// Most pairs of raters that are counted: of a crowd, few pairs have more than some texts in common.
const MOST_PAIRS: usize = 1 << 12;

/// Cohen's kappa: `(observed - expected) / (1 - expected)` agreement of two raters, where equal ratings agree and others
/// do not. 1 for full agreement, 0 for that of chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CohensKappa {
    /// Mean over the pairs of raters that have one.
    pub kappa: f64,
    /// Number of these pairs.
    pub pairs: usize,
    /// Names of the two raters, if there is one pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<[String; 2]>,
}

/// Collects the ratings of pairs of raters.
#[derive(Debug, Clone, Default)]
pub struct KappaCounts {
    /// By pair of names, in alphabetical order: how often they gave which two ratings (their bits).
    pairs: BTreeMap<[String; 2], BTreeMap<[u64; 2], usize>>,
    categories: BTreeSet<u64>,
}

impl KappaCounts {
    /// Adds the ratings of a text by raters with these names. Without a name for each, it is not known who gave which,
    /// and nothing is added.
    pub fn add(&mut self, names: &[&str], ratings: &[f64]) {
        if names.len() != ratings.len() || self.is_beyond() {
            return;
        }
        // 0 and -0 are one category.
        let bits = |rating: f64| (rating + 0.0).to_bits();
        self.categories
            .extend(ratings.iter().map(|rating| bits(*rating)));
        for (k, (name, rating)) in names.iter().zip(ratings).enumerate() {
            for (other, of_other) in names[..k].iter().zip(ratings) {
                let (mut pair, mut both) = ([*other, *name], [bits(*of_other), bits(*rating)]);
                if pair[0] > pair[1] {
                    pair.reverse();
                    both.reverse();
                }
                let counts = self.pairs.entry(pair.map(str::to_owned)).or_default();
                *counts.entry(both).or_default() += 1;
            }
        }
    }

    /// Whether there are too many ratings or pairs for a kappa.
    fn is_beyond(&self) -> bool {
        self.categories.len() > MOST_CATEGORIES || self.pairs.len() > MOST_PAIRS
    }

    /// The kappa of the pairs; `None` if no pair has one (both gave one rating throughout), if there are so many
    /// different ratings that they are no categories, or more than 4,096 pairs of raters.
    pub fn kappa(&self) -> Option<CohensKappa> {
        if self.is_beyond() {
            return None;
        }
        let found = self.pairs.iter();
        let found = found.filter_map(|(names, counts)| Some((names, kappa(counts)?)));
        let found: Vec<(&[String; 2], f64)> = found.collect();
        let sum: f64 = found.iter().map(|(_, kappa)| kappa).sum();
        Some(CohensKappa {
            kappa: (!found.is_empty()).then(|| sum / found.len() as f64)?,
            pairs: found.len(),
            names: match found.as_slice() {
                [(names, _)] => Some((*names).clone()),
                _ => None,
            },
        })
    }
}

fn kappa(counts: &BTreeMap<[u64; 2], usize>) -> Option<f64> {
    let total = counts.values().sum::<usize>() as f64;
    let equal = counts.iter().filter(|([a, b], _)| a == b);
    let observed = equal.map(|(_, count)| *count).sum::<usize>() as f64 / total;
    let share = |place: usize, category: u64| {
        let of = counts.iter().filter(|(both, _)| both[place] == category);
        of.map(|(_, count)| *count).sum::<usize>() as f64 / total
    };
    let categories: BTreeSet<u64> = counts.keys().flatten().copied().collect();
    let expected = categories
        .into_iter()
        .map(|one| share(0, one) * share(1, one));
    let expected: f64 = expected.sum();
    let kappa = (observed - expected) / (1.0 - expected);
    kappa.is_finite().then_some(kappa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_fifty_proposals() {
        // Two readers: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no. Observed .7, expected .5 * .6 + .5 * .4 = .5.
        let mut counts = KappaCounts::default();
        for (both, times) in [
            ([1.0, 1.0], 20),
            ([1.0, 0.0], 5),
            ([0.0, 1.0], 10),
            ([0.0, 0.0], 15),
        ] {
            for time in 0..times {
                // Who is named first does not matter.
                if time % 2 == 0 {
                    counts.add(&["a", "b"], &both);
                } else {
                    counts.add(&["b", "a"], &[both[1], both[0]]);
                }
            }
        }
        let found = counts.kappa().unwrap();
        assert!((found.kappa - 0.4).abs() < 1e-12, "{found:?}");
        assert_eq!(found.names, Some(["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn several_pairs_have_a_mean_and_constant_raters_none() {
        let mut counts = KappaCounts::default();
        counts.add(&["a", "b", "c"], &[1.0, 1.0, 0.0]);
        counts.add(&["a", "b", "c"], &[0.0, 0.0, 1.0]);
        // a and b agree (1), a and c, b and c never do: observed 0, expected .5: -1.
        let found = counts.kappa().unwrap();
        assert!((found.kappa + 1.0 / 3.0).abs() < 1e-12, "{found:?}");
        assert_eq!((found.pairs, found.names), (3, None));
        let mut constant = KappaCounts::default();
        constant.add(&["a", "b"], &[1.0, 1.0]);
        assert_eq!(constant.kappa(), None);
        constant.add(&["a"], &[1.0, 0.0]);
        assert_eq!(
            constant.kappa(),
            None,
            "whose ratings they are is not known"
        );
    }

    #[test]
    fn graded_ratings_are_no_categories() {
        let mut counts = KappaCounts::default();
        for k in 0..40 {
            let rating = f64::from(k) / 40.0;
            counts.add(&["a", "b"], &[rating, rating]);
        }
        assert_eq!(counts.kappa(), None);
    }

    #[test]
    fn a_crowd_of_raters_has_no_kappa_and_takes_no_memory() {
        let names: Vec<String> = (0..200).map(|k| format!("rater {k}")).collect();
        let mut counts = KappaCounts::default();
        for names in names.windows(60) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let ratings: Vec<f64> = (0..60).map(|k| f64::from(k % 2)).collect();
            counts.add(&names, &ratings);
        }
        assert!(counts.pairs.len() <= MOST_PAIRS + 60 * 59 / 2);
        assert_eq!(counts.kappa(), None);
    }
}
