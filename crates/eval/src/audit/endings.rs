//! Finds responses and lists of segments that end at the first error.

use gradus_data::Example;
use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Rated, by_response, midpoint};
use super::finding::{Finding, FindingKind, Grade, percent};

/// Minimum share of the responses with a low rating that end at the first one.
const SHARE: f64 = 0.9;
/// Minimum number of such responses.
const FEWEST: usize = 20;
/// Maximum share that chance may explain.
const CHANCE: f64 = 0.6;

/// Counts of responses that end at their first low rating (below halfway between the lowest and the highest).
/// Only responses with a low rating and at least two rated segments count.
///
/// A response ends where its text ends: it goes on if a segment, rated or not, or text outside of segments
/// follows the low one. The correlation of "is last" misses this if most responses have no error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Endings {
    /// Responses with a low rating.
    pub with_low: usize,
    /// Responses of these whose text ends with the first low segment.
    pub end_at_first_low: usize,
    /// Responses of these whose list of segments ends with it, although the text goes on.
    #[serde(default)]
    pub list_ends_at_first_low: usize,
    /// Share expected by chance: the mean of 1 / (number of rated segments). `None` without such responses.
    pub by_chance: Option<f64>,
}

/// The counts, and the low segments at which texts and lists end.
pub(super) struct FoundEndings {
    pub(super) endings: Endings,
    texts: Vec<Rated>,
    lists: Vec<Rated>,
}

pub(super) fn find(corpus: &Corpus, rated: &[Rated]) -> FoundEndings {
    let mut found = FoundEndings {
        endings: Endings::default(),
        texts: Vec::new(),
        lists: Vec::new(),
    };
    let Some(middle) = midpoint(rated) else {
        return found;
    };
    let mut chance = 0.0;
    for of_response in by_response(rated) {
        let example = corpus.entries[of_response[0].entry].example;
        let first_low = of_response.iter().find(|rated| rated.rating < middle);
        let Some(low) = first_low.filter(|_| of_response.len() > 1) else {
            continue;
        };
        found.endings.with_low += 1;
        chance += 1.0 / of_response.len() as f64;
        if low.segment + 1 < example.segments.len() {
            continue;
        }
        if text_ends_with(example, low.segment) {
            found.texts.push(*low);
        } else {
            found.lists.push(*low);
        }
    }
    let endings = &mut found.endings;
    endings.end_at_first_low = found.texts.len();
    endings.list_ends_at_first_low = found.lists.len();
    endings.by_chance = (endings.with_low > 0).then(|| chance / endings.with_low as f64);
    found
}

/// Whether only white space follows a segment.
fn text_ends_with(example: &Example, segment: usize) -> bool {
    let end = example.segments[segment].span.end;
    example.response.chars().skip(end).all(char::is_whitespace)
}

impl FoundEndings {
    /// Whether lists of segments end at the first error, but texts do not.
    pub(super) fn lists_end(&self) -> bool {
        self.is_rule(self.texts.len() + self.lists.len()) && !self.is_rule(self.texts.len())
    }

    /// Whether there are more such responses than chance explains.
    fn is_rule(&self, count: usize) -> bool {
        let Endings {
            with_low,
            by_chance,
            ..
        } = self.endings;
        let share = count as f64 / with_low.max(1) as f64;
        with_low >= FEWEST && share >= SHARE && by_chance.is_some_and(|chance| chance <= CHANCE)
    }

    /// The findings about endings.
    pub(super) fn report(&self, corpus: &Corpus, aspect: &str, findings: &mut Vec<Finding>) {
        let with_low = self.endings.with_low;
        let by_chance = self.endings.by_chance.unwrap_or_default();
        let mut push = |grade, kind, message: String, share: f64, found: Vec<&Rated>| {
            let finding = Finding::new(grade, kind, message)
                .about(aspect)
                .number("responses_with_low_rating", with_low as f64)
                .number("share", share)
                .number("by_chance", by_chance);
            findings.push(finding.examples(corpus.references(found)));
        };
        let share = |count: usize| count as f64 / with_low as f64;
        if self.is_rule(self.texts.len()) {
            let share = share(self.texts.len());
            let message = format!(
                "{} of {with_low} responses with a low rating end at the first one ({}; by chance {}): \
                 whether more text follows reveals the rating",
                self.texts.len(),
                percent(share),
                percent(by_chance)
            );
            let kind = FindingKind::EndsAtFirstError;
            push(
                Grade::Problem,
                kind,
                message,
                share,
                self.texts.iter().collect(),
            );
        } else if self.lists_end() {
            let found: Vec<&Rated> = self.texts.iter().chain(&self.lists).collect();
            let share = share(found.len());
            let message = format!(
                "in {} of {with_low} responses with a low rating the list of segments ends at the first one, \
                 though the text goes on in {} of them ({}; by chance {}): no model sees the list, but \
                 the trivial baselines do",
                found.len(),
                self.lists.len(),
                percent(share),
                percent(by_chance)
            );
            push(
                Grade::Warning,
                FindingKind::ListEndsAtFirstError,
                message,
                share,
                found,
            );
        }
    }
}
