//! A page that shows an evaluation: metrics of the model and of trivial baselines, charts, and the responses
//! with their segments colored by score.
//!
//! The page is a single HTML file and loads nothing from the network: style, script, charts (SVG) and data are
//! in it, and its content security policy forbids everything else. The same input gives the same page. Text
//! from the data set is always shown as text, never as markup.

mod ablation;
mod browser;
mod by_truncation;
mod charts;
mod classes;
mod document;
mod figures;
mod history;
mod interval;
mod number;
mod page;
mod reading;
mod selection;
mod slice_table;
mod summary;

pub use history::{Epoch, History, Step};

/// Pages and charts in the style of the reports, for other reports.
pub mod drawing {
    pub use super::charts::{
        Axis, Chart, Ink, IntervalChart, IntervalRow, Layout, Numbers, Plot, draw,
    };
    pub use super::document::{Document, Section, Table, ToneSentence};
    pub use super::number::{counted, figure as number, plain};
    pub use super::page::{figure, frame};
}

use crate::{EvalError, Evaluation, Result, ScoredResponse};
use gradus_data::Example;

/// The input of a report.
#[derive(Clone, Debug)]
pub struct ReportInput<'a> {
    /// The metrics, with provenance, slices and intervals if they are to be shown.
    pub evaluation: &'a Evaluation,
    /// The scores from which the metrics were computed.
    pub scored: &'a [ScoredResponse],
    /// The texts, one for each of `scored`, in the same order.
    pub examples: &'a [Example],
    /// The log of the training run, if there is one.
    pub history: Option<&'a History>,
    /// Maximum number of responses on the page, those with the largest error first; see [`DEFAULT_RESPONSES`]. The page
    /// shows the number of all responses.
    pub max_responses: usize,
}

/// Default maximum number of responses on a page.
pub const DEFAULT_RESPONSES: usize = 500;

/// The colors of the page as custom properties of CSS, light and dark, for pages that are to look like it.
pub const fn colors() -> &'static str {
    include_str!("colors.css")
}

/// The page, as HTML in UTF-8. Names and texts are escaped, including invisible characters and those that reorder
/// others.
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
