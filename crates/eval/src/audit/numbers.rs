//! Finds numbers in the text that equal the rating.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::corpus::{Corpus, Rated};
use super::finding::{Finding, FindingKind, Grade, percent};
use super::tokens::Around;
use crate::metrics::same;

/// Minimum number of segments with a matching number for a finding.
const FEWEST: usize = 20;
/// Minimum agreement beyond chance at which numbers count as the rating.
const AGREEMENT: f64 = 0.3;

/// Counts of numbers that equal the rating of their segment. A number is in the segment or within 40 characters of
/// unsegmented text around it; `70%` counts as 70 and as 0.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NumberLeak {
    /// Rated segments with a number.
    pub with_number: usize,
    /// Segments of these with a number that equals the rating.
    pub matching: usize,
    /// The number expected by chance, if the ratings were shuffled.
    pub by_chance: f64,
    /// `(matching - by_chance) / (with_number - by_chance)`: 0 for chance, 1 if every segment with a number has its
    /// rating. `None` without numbers, or if chance explains all.
    pub agreement: Option<f64>,
}

pub(super) fn find(
    corpus: &Corpus,
    aspect: &str,
    rated: &[Rated],
    findings: &mut Vec<Finding>,
) -> NumberLeak {
    let mut sorted: Vec<f64> = rated.iter().map(|rated| rated.rating).collect();
    sorted.sort_by(f64::total_cmp);
    let share_of = |value: f64| {
        let from = sorted.partition_point(|&rating| rating < value);
        let to = sorted.partition_point(|&rating| rating <= value);
        (to - from) as f64 / sorted.len() as f64
    };
    let mut leak = NumberLeak::default();
    let mut matching = Vec::new();
    let mut around = Around::default();
    for rated in rated {
        let numbers = numbers(around.of(corpus.entries[rated.entry].example, rated.segment));
        if numbers.is_empty() {
            continue;
        }
        leak.with_number += 1;
        leak.by_chance += numbers
            .iter()
            .map(|&number| share_of(number))
            .sum::<f64>()
            .min(1.0);
        if numbers.iter().any(|&number| same(number, rated.rating)) {
            leak.matching += 1;
            matching.push(rated);
        }
    }
    let possible = leak.with_number as f64 - leak.by_chance;
    if possible > 1e-9 {
        leak.agreement = Some((leak.matching as f64 - leak.by_chance) / possible);
    }
    if let Some(agreement) = leak
        .agreement
        .filter(|&agreement| leak.matching >= FEWEST && agreement >= AGREEMENT)
    {
        let message = format!(
            "{} of {} segments with a number ({}) contain one that equals their rating; chance \
             explains {:.0}",
            leak.matching,
            leak.with_number,
            percent(leak.matching as f64 / leak.with_number as f64),
            leak.by_chance
        );
        findings.push(
            Finding::new(Grade::Problem, FindingKind::NumberLeak, message)
                .about(aspect)
                .number("segments", leak.matching as f64)
                .number("by_chance", leak.by_chance)
                .number("agreement", agreement)
                .examples(corpus.references(matching)),
        );
    }
    leak
}

/// The distinct numbers of a text.
fn numbers(text: &str) -> Vec<f64> {
    let tokens: Vec<&str> = text.split_word_bounds().collect();
    let mut numbers = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let starts_with_digit = token.starts_with(|c: char| c.is_ascii_digit());
        let Some(size) = token
            .parse::<f64>()
            .ok()
            .filter(|n| starts_with_digit && n.is_finite())
        else {
            continue;
        };
        let before = index.checked_sub(1).map(|before| tokens[before]);
        let value = if matches!(before, Some("-" | "\u{2212}")) {
            -size
        } else {
            size
        };
        numbers.push(value);
        if tokens.get(index + 1) == Some(&"%") {
            numbers.push(value / 100.0);
        }
    }
    numbers.sort_by(f64::total_cmp);
    numbers.dedup_by(|a, b| same(*a, *b));
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_sign_and_percent() {
        assert_eq!(numbers("rating: 0.3, so-so"), [0.3]);
        assert_eq!(numbers("score -1 or \u{2212}0.5"), [-1.0, -0.5]);
        assert_eq!(numbers("70% of 10"), [0.7, 10.0, 70.0]);
        assert!(numbers("inf, NaN, x2y, one").is_empty());
    }
}
