//! Scales from -1 to 1 beside scales from 0 to 1.

use std::collections::BTreeMap;

use super::{BY_CHANCE, Mixed, NEAR, Range};
use crate::audit::corpus::{Rated, by_response};
use crate::metrics::same;

/// Minimum share of the ratings of a signed source below 0, and of an unsigned source near 0.
const SIGNED: f64 = 0.1;

/// Finds names rated from -1 to 1 beside names rated from 0 to 1.
pub(super) fn signed_by_name(ratings: &BTreeMap<String, Vec<f64>>, key: &str) -> Option<Mixed> {
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
    // On a scale of -1, 0 and 1, a source that is never wrong may have ratings of 0 and 1 only.
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

/// Finds ratings of 0 and 1 beside ratings of -1 and 1: no response has both a 0 and a -1.
pub(super) fn signed(rated: &[Rated]) -> Option<Mixed> {
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
