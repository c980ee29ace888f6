//! One page that shows an evaluation: figures beside trivial baselines, charts, and the responses
//! with their segments colored by score.
//!
//! The page is a single HTML file. It fetches nothing, from nowhere: style, script, charts (SVG)
//! and data are in it, and its content security policy forbids the rest. The same input gives the
//! same page. Text from the data set is shown as text, whatever it contains.

mod browser;
mod by_truncation;
mod charts;
mod figures;
mod history;
mod number;
mod page;
mod reading;
mod selection;
mod slice_table;
mod summary;

pub use history::{Epoch, History, Step};

use crate::{EvalError, Evaluation, Result, ScoredResponse};
use gradus_data::Example;

/// What a report is made from.
#[derive(Clone, Debug)]
pub struct ReportInput<'a> {
    /// The figures, with provenance, slices and intervals where they are to be shown.
    pub evaluation: &'a Evaluation,
    /// The scores the figures were computed from.
    pub scored: &'a [ScoredResponse],
    /// The texts, one for each of `scored`, in the same order.
    pub examples: &'a [Example],
    /// The log of the training run, where there is one.
    pub history: Option<&'a History>,
    /// Responses that the page shows at most, those with the largest error first; see
    /// [`DEFAULT_RESPONSES`]. The page says how many there are in all.
    pub max_responses: usize,
}

/// Responses that a page shows where nothing else is said.
pub const DEFAULT_RESPONSES: usize = 500;

/// The page, as HTML in UTF-8. Names and texts are escaped, and characters that cannot be seen or
/// that reorder others are spelled out.
///
/// # Errors
/// [`EvalError::ReportExamples`] if there are more or fewer examples than scored responses;
/// [`EvalError::Chart`] if the drawing library fails.
pub fn html(input: &ReportInput) -> Result<String> {
    let (found, expected) = (input.examples.len(), input.scored.len());
    if found != expected {
        return Err(EvalError::ReportExamples { found, expected });
    }
    let page = page::page(input)?.into_string();
    Ok(gradus_data::visible_lines(&page).into_owned())
}
