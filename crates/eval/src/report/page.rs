//! The page: its head and its sections in order.

use super::ablation::ablation;
use super::browser::browser;
use super::by_truncation::{by_truncation, responses_by_truncation};
use super::charts::{
    Chart, against_baselines, density, positions, reliability, residual_histogram,
    residuals_by_score, training,
};
use super::classes::{classes, doubtful_note};
use super::figures::{overview, table, tiles};
use super::interval::interval_note;
use super::number::counted;
use super::reading::{Judged, reading};
use super::slice_table::slice_table;
use super::summary::{coverage, summary, title};
use super::{History, ReportInput};
use crate::{
    AspectEvaluation, BaselineEvaluation, JudgedAspect, Metric, MetricValues, ResponseRatings,
    Result,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = concat!(include_str!("colors.css"), include_str!("style.css"));
/// The content security policy: loads and sends nothing, and runs no script files.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'";

/// The whole page.
pub(super) fn page(input: &ReportInput) -> Result<Markup> {
    let aspects = &input.evaluation.aspects;
    let sections: Vec<Markup> = (0..aspects.len())
        .map(|index| aspect_section(input, index))
        .collect::<Result<_>>()?;
    let training = input.history.map(training_section).transpose()?.flatten();
    let main = html! {
        @if aspects.len() > 1 { section { (overview(aspects)) } }
        @for section in &sections { (section) }
        @if let Some(training) = &training { (training) }
        (browser(input))
        (words())
    };
    let links = navigation(aspects, training.is_some());
    Ok(frame(&title(input), &summary(input), &links, &main))
}

/// A page in the style of the reports, which loads nothing: its title, its head, links to sections as their ids and
/// names, and what follows.
pub fn frame(title: &str, head: &Markup, links: &[(String, String)], main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="referrer" content="no-referrer";
                title { (title) " \u{b7} Gradus" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                div.page { header { (head) } }
                nav aria-label="Sections" {
                    ul {
                        @for (id, name) in links {
                            li { a href={ "#" (id) } { bdi { (name) } } }
                        }
                    }
                }
                main.page {
                    (main)
                    footer { "Made by Gradus " (env!("CARGO_PKG_VERSION")) ". This page loads nothing from the network." }
                }
            }
        }
    }
}

fn navigation(aspects: &[AspectEvaluation], training: bool) -> Vec<(String, String)> {
    let aspects = aspects.iter().enumerate();
    let mut links: Vec<(String, String)> = aspects
        .map(|(index, aspect)| (format!("aspect-{index}"), aspect.aspect.clone()))
        .collect();
    if training {
        links.push(("training".into(), "Training".into()));
    }
    links.push(("responses".into(), "Responses".into()));
    links.push(("words".into(), "Words".into()));
    links
}

fn aspect_section(input: &ReportInput, index: usize) -> Result<Markup> {
    let aspect = &input.evaluation.aspects[index];
    let responses = aspect.response_ratings.as_ref();
    let segments = (aspect.segment.values.count > 0)
        .then(|| segment_part(input, index))
        .transpose()?;
    let whole = responses.filter(|found| found.figures.values.count > 0);
    let whole = whole
        .map(|found| response_part(input, index, found, segments.is_none()))
        .transpose()?;
    Ok(html! {
        section id={ "aspect-" (index) } {
            h2 { "Aspect: " bdi { (aspect.aspect) } }
            @if aspect.counts.rated > 0 || responses.is_none() {
                p.note { (coverage(&aspect.counts, "segment")) }
            }
            @if let Some(found) = responses {
                p.note { (coverage(&found.counts, "response")) }
            }
            ul.reading {
                @for sentence in reading(aspect) {
                    li class=[sentence.tone.class()] { (sentence.text) }
                }
            }
            @if let Some(segments) = &segments { (segments) }
            @if let Some(whole) = &whole { (whole) }
        }
    })
}

/// Figures, charts and slices of segments, and of their aggregates.
fn segment_part(input: &ReportInput, index: usize) -> Result<Markup> {
    let aspect = &input.evaluation.aspects[index];
    let judged = JudgedAspect::collect(input.scored, index, &aspect.aspect);
    let charts = charts(aspect, &judged)?;
    Ok(html! {
        (tiles(&Judged::segments(aspect)))
        (tables(input, aspect))
        @if let Some(table) = classes("segment level", aspect.classes.as_ref(), aspect.doubtful.as_ref()) { (table) }
        @if let Some(found) = &aspect.doubtful { p.note { (doubtful_note(found)) } }
        @if let Some(found) = &aspect.prediction_interval { p.note { (interval_note(found)) } }
        @if let Some(table) = by_truncation(aspect) { (table) }
        div.charts { @for chart in &charts { (figure(chart)) } }
        @for found in &aspect.ablations { (ablation(found)) }
        @if !aspect.slices.is_empty() {
            h3 { "Slices, worst first" }
            p.note { "Segments by position, by length, and by the keys of their records. "
                "The mark in each bar is the RMSE of all segments." }
            (slice_table(&aspect.slices, aspect.segment.values.get(Metric::RMSE)))
        }
    })
}

/// Figures, charts and slices of responses rated as a whole; `alone` if no segment is rated.
fn response_part(
    input: &ReportInput,
    index: usize,
    found: &ResponseRatings,
    alone: bool,
) -> Result<Markup> {
    let judged = Judged::responses(found);
    let aggregation = input.evaluation.aggregation;
    let name = &input.evaluation.aspects[index].aspect;
    let pairs = JudgedAspect::collect_responses(input.scored, index, name, aggregation);
    let pairs = score_and_rating(&pairs);
    let (before, after) = match &found.recalibrated {
        Some(change) => (
            change.before.reliability.as_ref(),
            change.after.reliability.as_ref(),
        ),
        None => (found.reliability.as_ref(), None),
    };
    let charts = [
        against_baselines(
            "Response ratings, with the baselines",
            &found.figures,
            &judged.baselines,
        )?,
        density(&pairs)?,
        before.map_or(Ok(None), |before| reliability(before, after))?,
        residual_histogram(&pairs)?,
        residuals_by_score(&pairs)?,
    ];
    let note = counted(found.figures.values.count, "response");
    Ok(html! {
        h3 { "Response ratings" }
        p.note { "The score of each response, "
            @if found.given { "as given or recalibrated" } @else { "the " (aggregation) " of all of its segments" }
            ", against the rating of the response as a whole." }
        @if alone { (tiles(&judged)) }
        (table("Response ratings", &note, &found.figures, &judged.baselines))
        @if let Some(table) = classes("response ratings", found.classes.as_ref(), None) { (table) }
        @if let Some(table) = responses_by_truncation(found) { (table) }
        div.charts { @for chart in charts.iter().flatten() { (figure(chart)) } }
        @if !found.slices.is_empty() {
            h3 { "Slices of responses, worst first" }
            p.note { "Responses by length and by the keys of their records. "
                "The mark in each bar is the RMSE of all." }
            (slice_table(&found.slices, found.figures.values.get(Metric::RMSE)))
        }
    })
}

fn tables(input: &ReportInput, aspect: &AspectEvaluation) -> Markup {
    let segments = counted(aspect.segment.values.count, "segment");
    let responses = format!(
        "{}, {}",
        counted(aspect.response.values.count, "response"),
        input.evaluation.aggregation
    );
    html! {
        div.pair {
            (table("Segment level", &segments, &aspect.segment, &baselines(aspect, |baseline| &baseline.segment)))
            (table("Response level", &responses, &aspect.response, &baselines(aspect, |baseline| &baseline.response)))
        }
    }
}

/// The baselines at one level, by name.
fn baselines(
    aspect: &AspectEvaluation,
    level: fn(&BaselineEvaluation) -> &MetricValues,
) -> Vec<(&str, &MetricValues)> {
    let baselines = aspect.baselines.iter();
    baselines
        .map(|baseline| (baseline.name.as_str(), level(baseline)))
        .collect()
}

fn charts(aspect: &AspectEvaluation, judged: &JudgedAspect) -> Result<Vec<Chart>> {
    let pairs = score_and_rating(judged);
    let segment = baselines(aspect, |baseline| &baseline.segment);
    let response = baselines(aspect, |baseline| &baseline.response);
    let curve = calibration(aspect)?;
    let charts = [
        against_baselines("Segments, with the baselines", &aspect.segment, &segment)?,
        against_baselines("Responses, with the baselines", &aspect.response, &response)?,
        density(&pairs)?,
        curve,
        residual_histogram(&pairs)?,
        residuals_by_score(&pairs)?,
        positions(&aspect.slices, aspect.segment.values.get(Metric::RMSE))?,
    ];
    Ok(charts.into_iter().flatten().collect())
}

fn score_and_rating(judged: &JudgedAspect) -> Vec<(f64, f64)> {
    let segments = judged
        .responses
        .iter()
        .flat_map(|response| &response.segments);
    segments
        .map(|segment| (segment.score, segment.rating))
        .collect()
}

/// Reliability of the scores and, if there is a recalibration, of recalibrated scores.
fn calibration(aspect: &AspectEvaluation) -> Result<Option<Chart>> {
    let (before, after) = match &aspect.recalibrated {
        Some(recalibrated) => (
            recalibrated.before.reliability.as_ref(),
            recalibrated.after.reliability.as_ref(),
        ),
        None => (aspect.reliability.as_ref(), None),
    };
    before.map_or(Ok(None), |before| reliability(before, after))
}

/// A chart with its title, caption, legend and numbers.
pub fn figure(chart: &Chart) -> Markup {
    html! {
        figure {
            figcaption {
                h3 { (chart.title) }
                p { (chart.caption) }
            }
            (PreEscaped(&chart.svg))
            @if !chart.key.is_empty() {
                ul.key { @for (class, meaning) in &chart.key { li class=(class) { (meaning) } } }
            }
            (chart.numbers.markup(&chart.title))
        }
    }
}

fn training_section(history: &History) -> Result<Option<Markup>> {
    Ok(training(history)?.map(|chart| {
        html! {
            section #training {
                h2 { "Training" }
                div.charts { (figure(&chart)) }
            }
        }
    }))
}

/// Explains the terms, for readers who do not know the documentation.
fn words() -> Markup {
    let words = [
        (
            "rating",
            "what a person or another source gave a segment; unrated segments do not count",
        ),
        ("score", "what is evaluated, in the units of the rating"),
        (
            "J",
            "the rating objective, the negative mean squared error; 0 is best",
        ),
        ("bias", "mean of score minus rating"),
        (
            "R\u{b2}",
            "1 minus the ratio of the squared error to that of the mean rating; 0 for the mean, 1 is best",
        ),
        (
            "concordance",
            "Lin\u{2019}s coefficient: a correlation that also drops if level or spread differ",
        ),
        (
            "response level, response ratings",
            "the first compares aggregated scores of rated segments with their aggregated ratings, the second the score of a response with its rating as a whole",
        ),
        (
            "pairwise accuracy",
            "share of the pairs of differently rated segments of a response that the scores put in the right order",
        ),
        (
            "AUROC, AUPRC, F1",
            "ratings above the midpoint are positive, the others negative",
        ),
        (
            "precision, recall, F1 of a class",
            "share of the segments scored so that are rated so, share of those rated so that are scored so, and their harmonic mean",
        ),
        (
            "doubtful",
            "a segment whose score, before recalibration, is at most the threshold that the bundle has for this aspect",
        ),
        (
            "prediction interval",
            "the score and a width on either side that the bundle learned; it holds the promised share of ratings of new responses like those it was learned on",
        ),
        (
            "expected calibration error",
            "mean difference between mean score and mean rating over bins of equal count",
        ),
        (
            "interval",
            "95 % of such intervals contain the true value; whole responses are resampled, because segments of a response are not independent",
        ),
        (
            "trivial baselines",
            "fitted on the training split: the mean rating, ridge regression on position and length, and ridge regression on words",
        ),
    ];
    html! {
        section #words {
            h2 { "Words" }
            dl.words.note { @for (word, meaning) in words { dt { (word) } dd { (meaning) } } }
        }
    }
}
