//! Responses that end at their first error.

use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Rated, by_response, midpoint};
use super::finding::{Finding, FindingKind, Grade, percent};

/// Share of the responses with a low rating that have to end at the first one.
const SHARE: f64 = 0.9;
/// Fewest such responses to speak of.
const FEWEST: usize = 20;
/// Largest share that chance may explain: one in two segments, say.
const CHANCE: f64 = 0.6;

/// How many responses end at their first low rating (below half way between the lowest and the
/// highest), out of those with a low rating and at least two rated segments, the last one rated.
///
/// The correlation of "is last" misses this where most responses have no error at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endings {
    /// Responses with a low rating.
    pub with_low: usize,
    /// Of these, responses whose last segment is the first low one.
    pub end_at_first_low: usize,
    /// What share of them would do so by chance: the mean of one over their rated segments.
    /// `None` without any.
    pub by_chance: Option<f64>,
}

pub(super) fn find(
    corpus: &Corpus,
    aspect: &str,
    rated: &[Rated],
    findings: &mut Vec<Finding>,
) -> Endings {
    let Some(middle) = midpoint(rated) else {
        return Endings::default();
    };
    let mut endings = Endings::default();
    let mut chance = 0.0;
    let mut found = Vec::new();
    for of_response in by_response(rated) {
        let last = corpus.entries[of_response[0].entry].example.segments.len() - 1;
        let last_is_rated = of_response[of_response.len() - 1].segment == last;
        let first_low = of_response.iter().find(|rated| rated.rating < middle);
        let Some(low) = first_low.filter(|_| last_is_rated && of_response.len() > 1) else {
            continue;
        };
        endings.with_low += 1;
        chance += 1.0 / of_response.len() as f64;
        if low.segment == last {
            endings.end_at_first_low += 1;
            found.push(*low);
        }
    }
    if endings.with_low == 0 {
        return endings;
    }
    let share = endings.end_at_first_low as f64 / endings.with_low as f64;
    let by_chance = chance / endings.with_low as f64;
    endings.by_chance = Some(by_chance);
    if endings.with_low >= FEWEST && share >= SHARE && by_chance <= CHANCE {
        let message = format!(
            "{} of {} responses with a low rating end right there ({}; by chance {}): \"is there \
             more text?\" answers \"was it wrong?\"",
            endings.end_at_first_low,
            endings.with_low,
            percent(share),
            percent(by_chance)
        );
        findings.push(
            Finding::new(Grade::Problem, FindingKind::EndsAtFirstError, message)
                .about(aspect)
                .number("responses_with_low_rating", endings.with_low as f64)
                .number("share", share)
                .number("by_chance", by_chance)
                .examples(corpus.references(&found)),
        );
    }
    endings
}
