//! The browser of responses: the data of the page's script, and its controls.

mod data;
mod text;

use super::ReportInput;
use super::number::{count, percent};
use super::selection::Selection;
use data::BrowserData;
use gradus_data::visible_texts_of_json;
use maud::{Markup, PreEscaped, html};

const SCRIPT: &str = include_str!("browser.js");

/// The section with the responses.
pub(super) fn browser(input: &ReportInput) -> Markup {
    let names: Vec<&str> = input
        .evaluation
        .aspects
        .iter()
        .map(|aspect| aspect.aspect.as_str())
        .collect();
    let selection = Selection::of(
        input.scored,
        &names,
        input.evaluation.aggregation,
        input.max_responses,
    );
    html! {
        section #responses {
            h2 { "Responses" }
            p { (shown(&selection, input.scored.len(), &names)) }
            @if !selection.shown.is_empty() {
                noscript { p.none { "Enable JavaScript to browse the responses. This page loads nothing from the network." } }
                div #browser hidden {
                    (controls(&names))
                    div.legend #legend {}
                    (pager(true))
                    div #list {}
                    (pager(false))
                }
                div #tip role="tooltip" hidden {}
                script #gradus-responses type="application/json" {
                    (PreEscaped(json(&BrowserData::of(input, &selection))))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// The number of responses on the page, and how they were selected.
fn shown(selection: &Selection, all: usize, aspects: &[&str]) -> String {
    let shown = selection.shown.len();
    if shown == all {
        return format!(
            "All {} are here. Those with the largest share of the squared error come first.",
            super::number::counted(all, "response")
        );
    }
    let mut text = format!(
        "{} of {} shown",
        count(shown),
        super::number::counted(all, "response")
    );
    if shown > 0 {
        text += ": those with the largest share of the squared error";
        let shares: Vec<String> = aspects
            .iter()
            .enumerate()
            .filter_map(|(index, name)| {
                let share = percent(selection.share_shown(index)?);
                Some(if aspects.len() > 1 {
                    format!("{share} on {name}")
                } else {
                    share
                })
            })
            .collect();
        if !shares.is_empty() {
            text = format!("{text}, together {}", shares.join(", "));
        }
    }
    text += ". They are not a sample: most are worse than the average. The option --html-responses changes how many.";
    text
}

fn controls(aspects: &[&str]) -> Markup {
    html! {
        div.controls {
            label.grow { "Search in prompts and responses" input type="search" name="search" autocomplete="off"; }
            @if aspects.len() > 1 {
                label { "Aspect"
                    select name="aspect" autocomplete="off" {
                        @for (index, name) in aspects.iter().enumerate() { option value=(index) { (name) } }
                    }
                }
            }
            label { "Order"
                select name="order" autocomplete="off" {
                    option value="share" { "share of all squared error" }
                    option value="mean" { "mean squared error" }
                    option value="largest" { "largest error of a segment" }
                    option value="file" { "as in the file" }
                }
            }
            label { "Error at least" input type="number" name="least" min="0" step="any" inputmode="decimal" autocomplete="off"; }
            label.check { input type="checkbox" name="rated" autocomplete="off"; "only rated" }
            label.check { input type="checkbox" name="numbers" autocomplete="off"; "show numbers" }
        }
    }
}

fn pager(first: bool) -> Markup {
    html! {
        div.pages {
            button type="button" data-go="-1" { "Previous" }
            button type="button" data-go="1" { "Next" }
            @if first { span #status role="status" {} }
        }
    }
}

/// JSON that is safe in a `script` element: without `<`, which could end it, and `&`, which could be misread.
/// Invisible characters are escaped, as everywhere on the page.
fn json(data: &BrowserData) -> String {
    let json = serde_json::to_string(data).unwrap_or_else(|error| {
        unreachable!("plain numbers and texts can be written as JSON: {error}")
    });
    visible_texts_of_json(&json)
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}
