//! Scales that the ratings themselves distinguish.

use super::{BY_CHANCE, ENDS, FEWEST, Mixed, NEAR, REACH, Range};
use crate::audit::corpus::{Rated, by_response};
use crate::metrics::same;

/// Minimum share of the lower ratings between multiples of the upper step.
const BETWEEN: f64 = 0.1;
/// Maximum share of the responses with ratings of one kind that have the other kind too.
const STRADDLING: f64 = 0.05;
/// Minimum highest rating of a far scale, and minimum number of its distinct values above [`FREE`].
const FAR: f64 = 50.0;
const FAR_VALUES: usize = 10;
/// From 1 to here, there are at most [`SPARSE`] ratings for each rating up to 1.
const FREE: f64 = 5.0;
const SPARSE: f64 = 0.2;

/// Finds many ratings up to 1 below a scale to 50 or more, with hardly any ratings in between.
pub(super) fn by_density(rated: &[Rated]) -> Option<Mixed> {
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

/// Finds a lower and an upper scale from the values of the ratings.
pub(super) fn by_value(rated: &[Rated]) -> Option<Mixed> {
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
            "the lower ones are finer than the steps of the upper ones, and hardly any response has both"
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

/// The largest of 10, 5, 1 and 0.1 of which all ratings are multiples.
pub(super) fn step(ratings: &[f64]) -> Option<f64> {
    [10.0, 5.0, 1.0, 0.1]
        .into_iter()
        .find(|&step| ratings.iter().all(|&rating| is_multiple(rating, step)))
}

fn is_multiple(rating: f64, step: f64) -> bool {
    let steps = rating / step;
    // 0.3 / 0.1 is 2.9999999999999996.
    (steps - steps.round()).abs() < 1e-9 * steps.abs().max(1.0)
}

/// Whether the upper ratings are multiples of a step and enough of the lower ones are not: at least two
/// distinct values, or 0.5.
pub(super) fn between(lower: &[f64], upper: &[f64]) -> bool {
    let Some(step) = step(upper) else {
        return false;
    };
    let between = lower.iter().filter(|&&r| !is_multiple(r, step));
    let between: Vec<f64> = between.copied().collect();
    let tells = Range::of(between.iter().copied())
        .is_some_and(|range| range.low < range.high || same(range.low, 0.5));
    tells && between.len() >= FEWEST && between.len() as f64 >= BETWEEN * lower.len() as f64
}

/// Whether hardly any response has both a rating above `end` and one between multiples of the upper step.
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

/// Whether every response lies on one side of `end`, although chance would give many responses ratings on both
/// sides. Responses with equal ratings do not count: they may be copies of a rating of the response.
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
