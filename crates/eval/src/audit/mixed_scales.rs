//! Finds ratings on two scales in one aspect, such as 0 to 1 and 1 to 5.
//!
//! Five signs tell the scales apart. The first three look for a lower scale that ends at 1, 5 or 10 and an
//! upper one that reaches twice as far or more:
//! - a split, or a value of a key of `meta`, has one range of ratings, and another one has the other; or the
//!   one breaks off where the other goes on, as 0 and 1 do beside 0 to 4;
//! - the upper ratings are whole, or multiples of five or ten, and the lower ones lie between them
//!   (0.25, where others are 2, 3 and 4), and hardly a response has both;
//! - responses have ratings below the end of the lower scale, or above it, but not both, where
//!   chance would give five with both;
//! - many ratings lie above 0 and up to 1, hardly any from there to 5, and others of many values reach
//!   50: the lower ones are no bad ratings of a scale to 100;
//! - a source, or responses, rated from -1 to 1 lie below 0 often, and others, rated from 0 to 1, never
//!   do, though they have ratings near 0.

use std::collections::{BTreeMap, BTreeSet};

use gradus_data::meta_name;

use super::corpus::{Corpus, Rated, by_response};
use super::finding::{Finding, FindingKind, Grade};
use crate::metrics::same;

/// Where a lower scale may end.
const ENDS: [f64; 3] = [1.0, 5.0, 10.0];
/// How many times as far the upper scale reaches at least.
const REACH: f64 = 2.0;
/// Fewest ratings on either scale.
const FEWEST: usize = 5;
/// Least share of the lower ratings that lie between multiples of the upper step.
const BETWEEN: f64 = 0.1;
/// Largest share of the responses with a rating of the one kind that may have the other kind too.
const STRADDLING: f64 = 0.05;
/// Fewest responses that chance would give ratings on both sides of the end of the lower scale.
const BY_CHANCE: f64 = 5.0;
/// Fewest ratings on either scale where only their ranges differ.
const MANY: usize = 50;
/// Least share of upper ratings above the end of the lower scale, there.
const ABOVE: f64 = 0.3;
/// The share from which on no response without one is needed.
const MOST: f64 = 0.6;
/// Most different values of a key of `meta` that are looked at one by one.
const MOST_VALUES: usize = 20;

/// Fewest ratings above 0 and up to 1 beside a scale that reaches [`FAR`].
const NEAR: usize = 20;
/// Where such a scale reaches at least, and in how many values above [`FREE`].
const FAR: f64 = 50.0;
const FAR_VALUES: usize = 10;
/// Up to here there are, for each rating up to 1, at most [`SPARSE`] more.
const FREE: f64 = 5.0;
const SPARSE: f64 = 0.2;
/// Least share of the ratings of a source that lie below 0, or of another that lie near 0.
const SIGNED: f64 = 0.1;

/// The range of the ratings of one scale, and how many there are.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    count: usize,
}

impl Range {
    fn of(ratings: impl IntoIterator<Item = f64>) -> Option<Self> {
        ratings
            .into_iter()
            .fold(None, |range: Option<Self>, rating| {
                let Self { low, high, count } = range.unwrap_or(Self {
                    low: rating,
                    high: rating,
                    count: 0,
                });
                Some(Self {
                    low: low.min(rating),
                    high: high.max(rating),
                    count: count + 1,
                })
            })
    }

    fn and(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            count: self.count + other.count,
        }
    }
}

/// Two scales and what tells them apart.
struct Mixed {
    lower: Range,
    upper: Range,
    /// As in `` `meta.source` tells them apart (`a`: 0 to 1, `b`: 1 to 5) ``.
    apart: String,
}

/// Finds ratings on two scales among the rated segments of an aspect.
pub(super) fn check(corpus: &Corpus, aspect: &str, rated: &[Rated], findings: &mut Vec<Finding>) {
    let Some(Mixed {
        lower,
        upper,
        apart,
    }) = by_name(corpus, rated)
        .or_else(|| by_value(rated))
        .or_else(|| by_density(rated))
        .or_else(|| signed(rated))
    else {
        return;
    };
    let message = format!(
        "ratings on two scales: {} from {} to {} and {} from {} to {}; {apart}",
        lower.count, lower.low, lower.high, upper.count, upper.low, upper.high,
    );
    // One of each, of a value that the other scale does not have.
    let of_both = [true, false].map(|low| {
        let inside = |r: &&Rated| {
            let is_lower = if upper.low < lower.low {
                r.rating >= lower.low
            } else {
                r.rating <= lower.high
            };
            is_lower == low
        };
        rated.iter().find(inside)
    });
    findings.push(
        Finding::new(Grade::Problem, FindingKind::MixedScales, message)
            .about(aspect)
            .number("lower_ratings", lower.count as f64)
            .number("lower_low", lower.low)
            .number("lower_high", lower.high)
            .number("upper_ratings", upper.count as f64)
            .number("upper_low", upper.low)
            .number("upper_high", upper.high)
            .examples(corpus.references(of_both.into_iter().flatten())),
    );
}

/// Scales that splits, or values of a key of `meta`, tell apart.
fn by_name(corpus: &Corpus, rated: &[Rated]) -> Option<Mixed> {
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

fn named(rated: &[Rated], key: &str, name: impl Fn(&Rated) -> Option<String>) -> Option<Mixed> {
    // Those without a name may be of one source too.
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
                    // All the same, or too few: may be of either scale.
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
            // On one scale, a source that is never good has ratings that others have too.
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

/// Whether many ratings end at `end` as at the end of a scale: its highest rating is not rare among them.
/// The ratings of a source that is never good thin out instead.
fn breaks_off(ratings: &[f64], end: f64) -> bool {
    let mut values = ratings.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let at_end = ratings.iter().filter(|r| same(**r, end)).count();
    ratings.len() >= MANY && values.len() > 1 && 2 * at_end * values.len() >= ratings.len()
}

/// Whether the ratings of a source go on above `end` as if nothing ended there: they are many and use their
/// scale evenly, and some responses happen to have none above. Where a key follows from the highest rating
/// of a response, none happens to.
fn goes_on_above(rated: &[Rated], is_upper: &dyn Fn(&Rated) -> bool, end: f64) -> bool {
    let upper: Vec<Rated> = rated.iter().copied().filter(is_upper).collect();
    let ratings: Vec<f64> = upper.iter().map(|r| r.rating).collect();
    let above = ratings.iter().filter(|r| **r > end).count() as f64 / ratings.len().max(1) as f64;
    if ratings.len() < MANY || above < ABOVE || !is_even(&ratings) {
        return false;
    }
    let without = by_response(&upper).any(|response| response.iter().all(|r| r.rating <= end));
    // Responses without one that chance would give.
    let expected = by_response(&upper).map(|response| {
        let below = (1.0 - above).ln() * response.len() as f64;
        below.exp()
    });
    without || (above >= MOST && expected.sum::<f64>() < BY_CHANCE)
}

/// Whether ratings use half of the places between their lowest and their highest, or are too few to.
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

/// A source rated from -1 to 1 beside one rated from 0 to 1.
fn signed_by_name(ratings: &BTreeMap<String, Vec<f64>>, key: &str) -> Option<Mixed> {
    let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
    for (name, ratings) in ratings {
        let range = Range::of(ratings.iter().copied())?;
        if range.low < -1.0 || range.high > 1.0 {
            return None;
        }
        let share = |counts: fn(f64) -> bool| {
            ratings.iter().filter(|r| counts(**r)).count() as f64 / ratings.len() as f64
        };
        if range.count < NEAR {
            continue;
        }
        if share(|r| r < 0.0) >= SIGNED && range.high > 0.0 {
            signed.push((name, range));
        } else if range.low >= 0.0 && range.high > 0.0 && share(|r| r < 0.25) >= SIGNED {
            unsigned.push((name, range));
        } else {
            return None;
        }
    }
    let whole = |side: &[(&String, Range)]| side.iter().map(|(_, range)| *range).reduce(Range::and);
    let (lower, upper) = (whole(&unsigned)?, whole(&signed)?);
    // On a scale with 0 in its middle, 0 itself may be the rating of a source that is never wrong.
    let is_middle = |ratings: &[f64]| ratings.iter().all(|r| [-1.0, 0.0, 1.0].contains(r));
    let of = |side: &[(&String, Range)], holds: &dyn Fn(&[f64]) -> bool| {
        side.iter().all(|(name, _)| holds(&ratings[*name]))
    };
    let has_middle = |ratings: &[f64]| is_middle(ratings) && ratings.contains(&0.0);
    if of(&signed, &has_middle) && of(&unsigned, &is_middle) {
        return None;
    }
    let ranges = unsigned.iter().chain(&signed);
    let ranges = ranges.map(|(name, range)| format!("`{name}`: {} to {}", range.low, range.high));
    let ranges: Vec<String> = ranges.collect();
    Some(Mixed {
        lower,
        upper,
        apart: format!("{key} tells them apart ({})", ranges.join(", ")),
    })
}

/// Ratings of 0 and 1 beside ratings of -1 and 1: no response has both a 0 and a -1.
fn signed(rated: &[Rated]) -> Option<Mixed> {
    if !rated.iter().all(|r| [-1.0, 0.0, 1.0].contains(&r.rating)) {
        return None;
    }
    let has = |response: &[Rated], rating: f64| response.iter().any(|r| same(r.rating, rating));
    let (mut all, mut zero, mut minus, mut both) = (0_usize, 0_usize, 0_usize, 0_usize);
    for response in by_response(rated).filter(|response| response.len() > 1) {
        let (is_zero, is_minus) = (has(response, 0.0), has(response, -1.0));
        all += 1;
        zero += usize::from(is_zero);
        minus += usize::from(is_minus);
        both += usize::from(is_zero && is_minus);
    }
    let by_chance = zero as f64 * minus as f64 / all.max(1) as f64;
    if by_chance < 2.0 * BY_CHANCE || both as f64 > 0.01 * by_chance {
        return None;
    }
    let side = |signed: bool| {
        let responses = by_response(rated).filter(move |r| has(r, -1.0) == signed);
        Range::of(responses.flatten().map(|r| r.rating))
    };
    Some(Mixed {
        lower: side(false)?,
        upper: side(true)?,
        apart: "no response has both a 0 and a -1".to_owned(),
    })
}

/// Many ratings up to 1 and hardly any behind them, below a scale that reaches far.
fn by_density(rated: &[Rated]) -> Option<Mixed> {
    let ratings = || rated.iter().map(|r| r.rating);
    let count = |from: f64, to: f64| ratings().filter(|r| *r > from && *r <= to).count();
    let (near, behind) = (count(0.0, 1.0), count(1.0, FREE));
    if near < NEAR || behind as f64 > SPARSE * near as f64 || ratings().any(|r| r < 0.0) {
        return None;
    }
    let mut far: Vec<f64> = ratings().filter(|r| *r > FREE).collect();
    far.sort_by(f64::total_cmp);
    far.dedup();
    if far.len() < FAR_VALUES || far.last().is_none_or(|last| *last < FAR) {
        return None;
    }
    Some(Mixed {
        lower: Range::of(ratings().filter(|r| *r <= 1.0))?,
        upper: Range::of(ratings().filter(|r| *r > 1.0))?,
        apart: format!("{near} ratings lie above 0 and up to 1, and {behind} from there to {FREE}"),
    })
}

/// Scales that the values themselves tell apart.
fn by_value(rated: &[Rated]) -> Option<Mixed> {
    ENDS.into_iter().find_map(|end| {
        let (lower, upper): (Vec<f64>, Vec<f64>) =
            (rated.iter().map(|r| r.rating)).partition(|rating| *rating <= end);
        let reaches = Range::of(upper.iter().copied())?.high >= REACH * end;
        if !reaches || lower.len() < FEWEST || upper.len() < FEWEST {
            return None;
        }
        let (finer, apart) = (between(&lower, &upper), apart(rated, end));
        if !(apart || finer && hardly_both(rated, end, &upper)) {
            return None;
        }
        let is_upper = |response: &[Rated]| response.iter().any(|r| r.rating > end);
        let side = |high: bool| {
            let responses = by_response(rated).filter(move |r| is_upper(r) == high);
            Range::of(responses.flatten().map(|r| r.rating))
        };
        let signs = if finer {
            "the ones are finer than the steps of the others, and hardly a response has both"
        } else {
            "no response has both"
        };
        Some(Mixed {
            lower: side(false)?,
            upper: side(true)?,
            apart: signs.to_owned(),
        })
    })
}

/// The largest of 10, 5, 1 and 0.1 that all ratings are multiples of.
fn step(ratings: &[f64]) -> Option<f64> {
    [10.0, 5.0, 1.0, 0.1]
        .into_iter()
        .find(|&step| ratings.iter().all(|&rating| is_multiple(rating, step)))
}

fn is_multiple(rating: f64, step: f64) -> bool {
    let steps = rating / step;
    // 0.3 / 0.1 is 2.9999999999999996.
    (steps - steps.round()).abs() < 1e-9 * steps.abs().max(1.0)
}

/// Whether the upper ratings are multiples of a step and enough of the lower ones are not: two
/// different ones at least, or the middle of 0 and 1.
fn between(lower: &[f64], upper: &[f64]) -> bool {
    let Some(step) = step(upper) else {
        return false;
    };
    let between = lower.iter().filter(|&&r| !is_multiple(r, step));
    let between: Vec<f64> = between.copied().collect();
    let tells = Range::of(between.iter().copied())
        .is_some_and(|range| range.low < range.high || same(range.low, 0.5));
    tells && between.len() >= FEWEST && between.len() as f64 >= BETWEEN * lower.len() as f64
}

/// Whether hardly a response has both a rating above `end` and one between multiples of the upper
/// step.
fn hardly_both(rated: &[Rated], end: f64, upper: &[f64]) -> bool {
    let Some(step) = step(upper) else {
        return false;
    };
    let (mut above, mut between, mut both) = (0_usize, 0_usize, 0_usize);
    for response in by_response(rated) {
        let is_above = response.iter().any(|r| r.rating > end);
        let is_between = response
            .iter()
            .any(|r| r.rating <= end && !is_multiple(r.rating, step));
        above += usize::from(is_above);
        between += usize::from(is_between);
        both += usize::from(is_above && is_between);
    }
    both as f64 <= STRADDLING * above.min(between) as f64
}

/// Whether responses lie on one side of `end` each, where chance would give many that do not.
/// Responses with one rating throughout do not count: that may be a rating of the whole.
fn apart(rated: &[Rated], end: f64) -> bool {
    let (mut all, mut below, mut above, mut both) = (0_usize, 0_usize, 0_usize, 0_usize);
    for response in by_response(rated) {
        let Some(range) = Range::of(response.iter().map(|r| r.rating)) else {
            continue;
        };
        if range.low < range.high {
            let (is_below, is_above) = (range.low < end, range.high > end);
            all += 1;
            below += usize::from(is_below);
            above += usize::from(is_above);
            both += usize::from(is_below && is_above);
        }
    }
    let by_chance = below as f64 * above as f64 / all.max(1) as f64;
    by_chance >= BY_CHANCE && (both as f64) <= 0.01 * by_chance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_is_the_largest_that_all_ratings_are_multiples_of() {
        assert_eq!(step(&[20.0, 50.0, 0.0]), Some(10.0));
        assert_eq!(step(&[15.0, 50.0]), Some(5.0));
        assert_eq!(step(&[2.0, 7.0]), Some(1.0));
        let tenths: Vec<f64> = (0..1000).map(|tenth| f64::from(tenth) / 10.0).collect();
        assert_eq!(step(&tenths), Some(0.1));
        assert_eq!(step(&[0.3, 2.31]), None);
    }

    #[test]
    fn lower_ratings_lie_between_the_tenths_of_the_upper_ones_or_not() {
        let upper = [1.3, 2.7, 4.9, 3.3, 2.3];
        assert!(between(&[0.25, 0.55, 0.05, 0.85, 0.15], &upper));
        assert!(!between(&[0.3, 0.6, 0.7, 0.1, 0.9], &upper));
        assert!(!between(&[0.25, 0.55, 0.05, 0.85], &upper), "too few");
    }
}
