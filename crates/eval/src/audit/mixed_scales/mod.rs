//! Finds ratings on two scales in one aspect, such as 0 to 1 and 1 to 5.
//!
//! Five patterns show two scales. The first three have a lower scale that ends at 1, 5 or 10 and an upper one
//! that reaches at least twice as far:
//! - one split, or one value of a key of `meta`, has one range of ratings and another one has the other; or the
//!   lower ratings stop abruptly where the upper ones go on, such as ratings of 0 and 1 beside 0 to 4;
//! - the upper ratings are integers or multiples of five or ten, the lower ones lie between them (0.25
//!   beside 2, 3 and 4), and hardly any response has both;
//! - every response has ratings either below or above the end of the lower scale, although chance would give at
//!   least five responses both;
//! - many ratings lie above 0 and up to 1, hardly any between 1 and 5, and others have many values up to 50 or
//!   more: the lower ones are not bad ratings of a scale to 100;
//! - a source or some responses, rated from -1 to 1, are often below 0, while others, rated from 0 to 1, never
//!   are, although they have ratings near 0.

mod by_name;
mod by_value;
mod signed;

use self::by_name::by_name;
use self::by_value::{by_density, by_value};
use self::signed::signed;
use super::corpus::{Corpus, Rated};
use super::finding::{Finding, FindingKind, Grade};

/// Possible ends of the lower scale.
const ENDS: [f64; 3] = [1.0, 5.0, 10.0];
/// Minimum end of the upper scale, relative to that of the lower one.
const REACH: f64 = 2.0;
/// Minimum number of ratings on either scale.
const FEWEST: usize = 5;
/// Minimum number of responses that chance would give ratings on both scales.
const BY_CHANCE: f64 = 5.0;
/// Minimum number of ratings from 0 to 1 beside a far or a signed scale.
const NEAR: usize = 20;

/// The range and the number of the ratings of one scale.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    count: usize,
}

impl Range {
    /// The range of `ratings`; `None` if there are none.
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

    /// The range of both.
    fn and(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            count: self.count + other.count,
        }
    }
}

/// Two scales and the evidence for them.
struct Mixed {
    lower: Range,
    upper: Range,
    /// The evidence, such as `` `meta.source` tells them apart (`a`: 0 to 1, `b`: 1 to 5) ``.
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
    // One example of each scale, with a rating that the other scale does not have.
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
