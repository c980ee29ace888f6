//! Scales of different splits, or of different values of a key of `meta`.

use std::collections::{BTreeMap, BTreeSet};

use gradus_data::meta_name;

use super::by_value::{between, step};
use super::signed::signed_by_name;
use super::{BY_CHANCE, ENDS, FEWEST, Mixed, REACH, Range};
use crate::audit::corpus::{Corpus, Rated, by_response};
use crate::metrics::same;

/// Minimum number of ratings on either scale if only their ranges differ.
const MANY: usize = 50;
/// Minimum share of the upper ratings above the end of the lower scale in that case.
const ABOVE: f64 = 0.3;
/// Minimum share of the upper ratings above that end if no response lacks such a rating.
const MOST: f64 = 0.6;
/// Maximum number of values of a key of `meta`; keys with more are ignored.
const MOST_VALUES: usize = 20;

/// Finds two scales that belong to different splits, or to different values of a key of `meta`.
pub(super) fn by_name(corpus: &Corpus, rated: &[Rated]) -> Option<Mixed> {
    let keys: BTreeSet<&String> = corpus
        .entries
        .iter()
        .flat_map(|entry| entry.example.meta.keys())
        .collect();
    let of_split = |r: &Rated| {
        let entry = &corpus.entries[r.entry];
        Some(corpus.splits[entry.split].name.clone())
    };
    let by_split = named(rated, "the split", of_split);
    by_split.or_else(|| {
        keys.into_iter().find_map(|key| {
            named(rated, &format!("`meta.{key}`"), |r| {
                meta_name(corpus.entries[r.entry].example.meta.get(key)?)
            })
        })
    })
}

/// Finds two scales that belong to different names; `key` describes the names.
fn named(rated: &[Rated], key: &str, name: impl Fn(&Rated) -> Option<String>) -> Option<Mixed> {
    // Ratings without a name may have one source too.
    let name_of = |rated: &Rated| name(rated).unwrap_or_else(|| "-".into());
    let mut ratings: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for rated in rated {
        let of_name = ratings.entry(name_of(rated)).or_default();
        of_name.push(rated.rating);
        if ratings.len() > MOST_VALUES {
            return None;
        }
    }
    let signs = signed_by_name(&ratings, key);
    signs.or_else(|| {
        ENDS.into_iter().find_map(|end| {
            let (mut lower, mut upper) = (Vec::new(), Vec::new());
            for (name, ratings) in &ratings {
                let range = Range::of(ratings.iter().copied())?;
                let varies = range.low < range.high && range.count >= FEWEST;
                match (range.high <= end, range.high >= REACH * end) {
                    (true, _) if varies => lower.push((name, range)),
                    (false, true) if varies => upper.push((name, range)),
                    // Equal ratings, or too few: they fit either scale.
                    _ if range.high <= end || !varies => {}
                    _ => return None,
                }
            }
            let whole =
                |side: &[(&String, Range)]| side.iter().map(|(_, range)| *range).reduce(Range::and);
            let (low, high) = (whole(&lower)?, whole(&upper)?);
            let of = |side: &[(&String, Range)]| -> Vec<f64> {
                side.iter()
                    .flat_map(|(name, _)| ratings[*name].iter().copied())
                    .collect()
            };
            // On a single scale, a source without good ratings has ratings that others have too.
            let tells = high.low >= low.high || between(&of(&lower), &of(&upper)) || {
                let upper: BTreeSet<&String> = upper.iter().map(|(name, _)| *name).collect();
                let is_upper = |r: &Rated| upper.contains(&name_of(r));
                breaks_off(&of(&lower), end) && goes_on_above(rated, &is_upper, end)
            };
            tells.then(|| {
                let both = lower.iter().chain(&upper);
                let ranges: Vec<String> = both
                    .map(|(name, range)| format!("`{name}`: {} to {}", range.low, range.high))
                    .collect();
                Mixed {
                    lower: low,
                    upper: high,
                    apart: format!("{key} tells them apart ({})", ranges.join(", ")),
                }
            })
        })
    })
}

/// Whether many ratings stop at `end` as at the end of a scale: the rating `end` is not rare among them. The
/// ratings of a source without good ratings thin out instead.
fn breaks_off(ratings: &[f64], end: f64) -> bool {
    let mut values = ratings.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let at_end = ratings.iter().filter(|r| same(**r, end)).count();
    ratings.len() >= MANY && values.len() > 1 && 2 * at_end * values.len() >= ratings.len()
}

/// Whether the ratings of a source go on above `end` as if no scale ended there: they are many and use their
/// scale evenly, and some responses happen to have none above. If the key was derived from the highest rating
/// of a response, no response lacks one.
fn goes_on_above(rated: &[Rated], is_upper: &dyn Fn(&Rated) -> bool, end: f64) -> bool {
    let upper: Vec<Rated> = rated.iter().copied().filter(is_upper).collect();
    let ratings: Vec<f64> = upper.iter().map(|r| r.rating).collect();
    let above = ratings.iter().filter(|r| **r > end).count() as f64 / ratings.len().max(1) as f64;
    if ratings.len() < MANY || above < ABOVE || !is_even(&ratings) {
        return false;
    }
    let without = by_response(&upper).any(|response| response.iter().all(|r| r.rating <= end));
    // Number of responses without one by chance.
    let expected = by_response(&upper).map(|response| {
        let below = (1.0 - above).ln() * response.len() as f64;
        below.exp()
    });
    without || (above >= MOST && expected.sum::<f64>() < BY_CHANCE)
}

/// Whether ratings use half of the steps between the lowest and the highest one, or are too few for that.
/// Penalties of 0, 1, 5 and 25 do not.
fn is_even(ratings: &[f64]) -> bool {
    let (Some(range), Some(step)) = (Range::of(ratings.iter().copied()), step(ratings)) else {
        return false;
    };
    let mut values = ratings.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let places = (range.high - range.low) / step + 1.0;
    values.len() as f64 >= (places / 2.0).min(ratings.len() as f64 / 4.0)
}
