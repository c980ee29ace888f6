//! The data of the page's script.

use super::super::ReportInput;
use super::super::selection::Selection;
use super::text::{Part, known, parts};
use crate::{Aggregation, ScoredResponse};
use gradus_data::Example;
use serde::Serialize;

/// Maximum number of characters of a prompt on the page.
const PROMPT: usize = 4_000;
/// Maximum number of characters of a context on the page.
const CONTEXT: usize = 6_000;

/// Everything the script shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BrowserData {
    aspects: Vec<AspectData>,
    /// Decimals of scores and ratings.
    digits: usize,
    /// Whether the shown contexts were not read by the model.
    context_unread: bool,
    responses: Vec<ResponseData>,
}

/// An aspect: its name, the ends of its color scale, its squared error over all responses.
#[derive(Debug, Serialize)]
struct AspectData {
    name: String,
    low: f64,
    high: f64,
    total: Option<f64>,
}

/// A response; lists have one entry per aspect.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseData {
    /// Index in the file, from 0.
    index: usize,
    id: String,
    prompt: String,
    /// Number of characters of the prompt that are not shown.
    prompt_left: usize,
    context: Option<String>,
    context_left: usize,
    parts: Vec<Part>,
    /// Number of segments that are not shown.
    segments_left: usize,
    /// Aggregated rating and score of the response.
    level: Vec<[Option<f64>; 2]>,
    /// Rating of the response as a whole, and the score it is compared with.
    whole: Vec<[Option<f64>; 2]>,
    mean: Vec<Option<f64>>,
    largest: Vec<Option<f64>>,
    share: Vec<Option<f64>>,
}

impl BrowserData {
    /// The responses of `selection`.
    pub(super) fn of(input: &ReportInput, selection: &Selection) -> Self {
        let names: Vec<&str> = input
            .evaluation
            .aspects
            .iter()
            .map(|aspect| aspect.aspect.as_str())
            .collect();
        let aspects: Vec<AspectData> = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let (low, high) = color_range(input.scored, index, name);
                AspectData {
                    name: (*name).to_owned(),
                    low,
                    high,
                    total: known(Some(selection.totals[index])),
                }
            })
            .collect();
        let widest = aspects
            .iter()
            .map(|aspect| aspect.high - aspect.low)
            .fold(0.0, f64::max);
        Self {
            digits: digits(widest),
            context_unread: input
                .evaluation
                .provenance
                .as_ref()
                .is_some_and(|provenance| provenance.context.is_some_and(|context| !context.reads)),
            aspects,
            responses: selection
                .shown
                .iter()
                .map(|&index| response(input, selection, index, &names))
                .collect(),
        }
    }
}

fn response(
    input: &ReportInput,
    selection: &Selection,
    index: usize,
    names: &[&str],
) -> ResponseData {
    let (example, scored): (&Example, &ScoredResponse) =
        (&input.examples[index], &input.scored[index]);
    let (prompt, prompt_left) = cut(&example.prompt, PROMPT);
    let context = example
        .context
        .as_ref()
        .filter(|context| !context.is_empty());
    let (context, context_left) = context.map_or((None, 0), |context| {
        let (text, left) = cut(context, CONTEXT);
        (Some(text), left)
    });
    let (parts, segments_left) = parts(&example.response, scored, names);
    let errors = &selection.errors[index];
    let rated = |value: f64, segments: usize| known(Some(value)).filter(|_| segments > 0);
    ResponseData {
        index,
        id: scored.id.clone(),
        prompt,
        prompt_left,
        context,
        context_left,
        parts,
        segments_left,
        level: names
            .iter()
            .enumerate()
            .map(|(aspect, name)| level(scored, aspect, name, input.evaluation.aggregation))
            .collect(),
        whole: names
            .iter()
            .enumerate()
            .map(|(aspect, name)| {
                let rating = scored.ratings.get(*name).copied();
                let score = scored.score(aspect, input.evaluation.aggregation);
                [known(rating), rating.and(known(score))]
            })
            .collect(),
        mean: errors.iter().map(|error| known(error.mean())).collect(),
        largest: errors
            .iter()
            .map(|error| rated(error.largest, error.segments))
            .collect(),
        share: (0..names.len())
            .map(|aspect| known(selection.share(index, aspect)))
            .collect(),
    }
}

/// The first characters of a text, and the number of the others.
fn cut(text: &str, most: usize) -> (String, usize) {
    match text.char_indices().nth(most) {
        Some((byte, _)) => (text[..byte].to_owned(), text[byte..].chars().count()),
        None => (text.to_owned(), 0),
    }
}

/// Rating and score of a response over its segments that are both rated and scored.
fn level(
    scored: &ScoredResponse,
    aspect: usize,
    name: &str,
    aggregation: Aggregation,
) -> [Option<f64>; 2] {
    let (ratings, scores): (Vec<f64>, Vec<f64>) = scored
        .segments
        .iter()
        .filter_map(|segment| {
            let score = segment.scores.as_ref()?.get(aspect)?;
            Some((segment.ratings.get(name)?, score))
        })
        .filter(|(rating, score)| rating.is_finite() && score.is_finite())
        .unzip();
    [
        known(aggregation.aggregate(&ratings)),
        known(aggregation.aggregate(&scores)),
    ]
}

/// The ends of the color scale: the lowest and highest rating, or score if nothing is rated.
fn color_range(scored: &[ScoredResponse], aspect: usize, name: &str) -> (f64, f64) {
    let segments = || scored.iter().flat_map(|response| &response.segments);
    let ratings = segments().filter_map(|segment| segment.ratings.get(name).copied());
    let scores = segments().filter_map(|segment| segment.scores.as_ref()?.get(aspect).copied());
    range(ratings)
        .or_else(|| range(scores))
        .unwrap_or((0.0, 1.0))
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
        .filter(|(low, high)| (high - low).is_finite())
}

/// Number of decimals that distinguishes hundredths of the range.
fn digits(range: f64) -> usize {
    let places = 2.0 - range.log10().floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in 0..=6"
    )]
    if places.is_finite() {
        places.clamp(0.0, 6.0) as usize
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_decimals_their_range_needs() {
        assert_eq!(
            [1.0, 0.6, 4.0, 100.0, 0.0, 1e-30].map(digits),
            [2, 3, 2, 0, 2, 6]
        );
    }

    #[test]
    fn a_cut_text_says_how_much_is_missing() {
        assert_eq!(cut("añb", 2), ("añ".to_owned(), 1));
        assert_eq!(cut("añb", 3), ("añb".to_owned(), 0));
    }
}
