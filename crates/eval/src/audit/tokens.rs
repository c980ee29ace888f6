//! Finds tokens that reveal the rating, such as marks that a rater or a tool left in the text.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt;

use gradus_data::{CharOffsets, CharSpan, Example};
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::corpus::{Corpus, Rated, midpoint};
use super::finding::{Finding, FindingKind, Grade, percent};
use super::reach::{FEWEST_RESPONSES, FEWEST_SEGMENTS, TRAP};

/// Number of characters of unsegmented text before and after a segment that count as part of it.
const AROUND: usize = 40;
/// Minimum number of segments with a token.
const FEWEST: usize = 20;
/// Minimum share of a token's segments on one side of the midpoint for the token to mark that side.
const PURE: f64 = 0.99;
/// Maximum share of all segments on the marked side. If nearly all segments are on one side, purity means nothing.
const LARGEST_SIDE: f64 = 0.75;
/// Expected number of equally pure tokens if tokens were independent of ratings: one in a thousand data sets.
const BY_CHANCE: f64 = 1e-3;
/// Maximum number of listed tokens per aspect.
const LISTED: usize = 10;

/// A side of the midpoint between the lowest and the highest rating.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSide {
    /// Below it.
    Low,
    /// Above it.
    High,
}

impl fmt::Display for TokenSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::High => "high",
        })
    }
}

/// A token that predicts the rating.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SuspiciousToken {
    /// The token: a word, a number or a symbol, in lower case.
    pub token: String,
    /// Number of rated segments with it, in their text or within 40 characters of unsegmented text around.
    pub segments: usize,
    /// Number of distinct prompts of these.
    pub prompts: usize,
    /// The side with most of them.
    pub side: TokenSide,
    /// Share of them on that side, without those on the midpoint.
    pub purity: f64,
    /// Pearson correlation of its presence with the ratings.
    pub pearson: f64,
    /// Whether it marks its side: it is nearly pure, in more prompts than chance explains.
    pub marks_side: bool,
}

/// The counts of a token.
#[derive(Clone, Copy, Default)]
struct Count {
    segments: usize,
    low: usize,
    high: usize,
    prompts: usize,
    last_prompt: Option<usize>,
    sum: f64,
}

/// The properties of the ratings that tokens are compared with.
struct Ratings {
    count: usize,
    low: usize,
    high: usize,
    middle: f64,
    mean: f64,
    squares: f64,
}

pub(super) fn suspicious(
    corpus: &Corpus,
    aspect: &str,
    rated: &[Rated],
    findings: &mut Vec<Finding>,
) -> Vec<SuspiciousToken> {
    let responses = super::corpus::by_response(rated).count();
    let Some(ratings) = Ratings::of(rated)
        .filter(|_| rated.len() >= FEWEST_SEGMENTS && responses >= FEWEST_RESPONSES)
    else {
        return Vec::new();
    };
    let counts = count(corpus, rated, &ratings);
    let vocabulary = counts.len();
    let mut tokens: Vec<SuspiciousToken> = counts
        .into_iter()
        .filter(|(_, count)| count.segments >= FEWEST)
        .filter_map(|(token, count)| ratings.judge(token, &count, vocabulary))
        .collect();
    tokens.sort_by(|a, b| {
        let size = b.pearson.abs().total_cmp(&a.pearson.abs());
        size.then_with(|| a.token.cmp(&b.token))
    });
    let (leaks, strong): (Vec<_>, Vec<_>) = tokens.iter().partition(|token| token.marks_side);
    findings.extend(report(corpus, aspect, rated, &leaks, true));
    findings.extend(report(corpus, aspect, rated, &strong, false));
    tokens.truncate(LISTED);
    tokens
}

impl Ratings {
    /// `None` if all ratings are the same.
    fn of(rated: &[Rated]) -> Option<Self> {
        let middle = midpoint(rated)?;
        let values = || rated.iter().map(|rated| rated.rating);
        let mean = values().sum::<f64>() / rated.len() as f64;
        Some(Self {
            count: rated.len(),
            low: values().filter(|&rating| rating < middle).count(),
            high: values().filter(|&rating| rating > middle).count(),
            middle,
            mean,
            squares: values().map(|rating| (rating - mean).powi(2)).sum(),
        })
    }

    /// The token, if it predicts the rating suspiciously well.
    fn judge(&self, token: String, count: &Count, vocabulary: usize) -> Option<SuspiciousToken> {
        let sided = count.low + count.high;
        let (side, on_side, all_on_side) = if count.low > count.high {
            (TokenSide::Low, count.low, self.low)
        } else {
            (TokenSide::High, count.high, self.high)
        };
        let purity = on_side as f64 / sided.max(1) as f64;
        let share_of_side = all_on_side as f64 / (self.low + self.high).max(1) as f64;
        let spread = count.segments as f64 * (1.0 - count.segments as f64 / self.count as f64);
        let covariance = count.sum - count.segments as f64 * self.mean;
        let pearson = if spread > 0.0 {
            covariance / (spread * self.squares).sqrt()
        } else {
            0.0
        };
        // Counts prompts, not segments, because a word of the prompt is in all segments of its responses.
        let chance = vocabulary as f64 * share_of_side.powf(count.prompts as f64);
        let marks_side = purity >= PURE && share_of_side <= LARGEST_SIDE && chance < BY_CHANCE;
        (marks_side || pearson.abs() >= TRAP).then_some(SuspiciousToken {
            token,
            segments: count.segments,
            prompts: count.prompts,
            side,
            purity,
            pearson,
            marks_side,
        })
    }
}

/// Counts every token over the rated segments.
fn count(corpus: &Corpus, rated: &[Rated], ratings: &Ratings) -> HashMap<String, Count> {
    // Ordered by prompt, so that the prompts of a token can be counted without a set.
    let mut by_prompt: Vec<&Rated> = rated.iter().collect();
    by_prompt.sort_by_key(|rated| corpus.entries[rated.entry].prompt);
    let mut counts: HashMap<String, Count> = HashMap::new();
    let mut around = Around::default();
    for rated in by_prompt {
        let entry = corpus.entries[rated.entry];
        for token in tokens(around.of(entry.example, rated.segment)) {
            let count = counts.entry(token).or_default();
            count.segments += 1;
            count.low += usize::from(rated.rating < ratings.middle);
            count.high += usize::from(rated.rating > ratings.middle);
            count.sum += rated.rating;
            count.prompts += usize::from(count.last_prompt != Some(entry.prompt));
            count.last_prompt = Some(entry.prompt);
        }
    }
    counts
}

/// The distinct tokens of a text: words, numbers and symbols in lower case.
fn tokens(text: &str) -> BTreeSet<String> {
    text.split_word_bounds()
        .filter(|token| !token.trim().is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Finds texts around segments; fast if segments are visited response by response.
#[derive(Default)]
pub(super) struct Around<'a> {
    last: Option<(&'a Example, CharOffsets)>,
}

impl<'a> Around<'a> {
    /// The text of a segment with up to 40 characters of unsegmented text on both sides.
    pub(super) fn of(&mut self, example: &'a Example, segment: usize) -> &'a str {
        let last = self.last.take();
        let known = last.filter(|(last, _)| std::ptr::eq(*last, example));
        let known = known.unwrap_or_else(|| (example, CharOffsets::new(&example.response)));
        let (_, offsets) = self.last.insert(known);
        let span = span_around(example, segment, offsets.num_chars());
        let bytes = offsets.to_bytes(span);
        bytes
            .and_then(|bytes| bytes.slice(&example.response))
            .unwrap_or_default()
    }
}

fn span_around(example: &Example, segment: usize, num_chars: usize) -> CharSpan {
    let span = example.segments[segment].span;
    let gap_start = match segment.checked_sub(1) {
        Some(previous) => example.segments[previous].span.end,
        None => 0,
    };
    let gap_end = example
        .segments
        .get(segment + 1)
        .map(|next| next.span.start);
    let start = gap_start.max(span.start.saturating_sub(AROUND));
    let end = gap_end.unwrap_or(num_chars).min(span.end + AROUND);
    CharSpan::new(start, end.min(num_chars))
}

/// The first segment of each response for which `holds` is true, up to the maximum number of listed examples.
fn one_a_response(rated: &[Rated], holds: impl Fn(&&Rated) -> bool) -> Vec<&Rated> {
    super::corpus::by_response(rated)
        .filter_map(|of_response| of_response.iter().find(&holds))
        .take(super::finding::EXAMPLES_LISTED)
        .collect()
}

fn report(
    corpus: &Corpus,
    aspect: &str,
    rated: &[Rated],
    found: &[&SuspiciousToken],
    marks: bool,
) -> Option<Finding> {
    let strongest = found.first()?;
    let list: Vec<String> = found
        .iter()
        .take(5)
        .map(|token| {
            format!(
                "`{}` ({} segments, {} {})",
                token.token,
                token.segments,
                percent(token.purity),
                token.side
            )
        })
        .collect();
    let (grade, what) = match (marks, strongest.pearson.abs() >= TRAP) {
        (true, true) => (Grade::Problem, "mark the rating"),
        (true, false) => (Grade::Warning, "occur on only one side of the ratings"),
        (false, _) => (
            Grade::Warning,
            "alone predict the rating so well that it is a trap",
        ),
    };
    let message = format!(
        "{} {what}: {}; Pearson of the first {:.2}",
        if found.len() == 1 {
            "a token".to_owned()
        } else {
            format!("{} tokens", found.len())
        },
        list.join(", "),
        strongest.pearson
    );
    let around = RefCell::new(Around::default());
    let holds = |rated: &&Rated| {
        let example = corpus.entries[rated.entry].example;
        let text = around.borrow_mut().of(example, rated.segment);
        tokens(text).contains(&strongest.token)
    };
    Some(
        Finding::new(grade, FindingKind::TokenLeak, message)
            .about(aspect)
            .number("tokens", found.len() as f64)
            .number("segments", strongest.segments as f64)
            .number("purity", strongest.purity)
            .number("pearson", strongest.pearson)
            .examples(corpus.references(one_a_response(rated, holds))),
    )
}
