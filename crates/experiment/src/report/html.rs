//! The report as an HTML page.

use gradus_data::visible_lines;
use gradus_eval::report::drawing::{Chart, counted, figure, frame};
use maud::{Markup, html};

use super::Report;
use super::charts::{effects, learning, settings};
use super::curve::Curve;
use super::markdown::{about, reading, seeds, signed, spread, title, unfinished};
use super::table::{Arm, Table, Verdict};
use super::verdict::p_text;
use crate::Result;

pub(super) fn page(report: &Report) -> Result<String> {
    let sections: Vec<Markup> = report
        .tables
        .iter()
        .enumerate()
        .map(|(index, table)| section(report, index, table))
        .collect::<Result<_>>()?;
    let curves = curves(report)?;
    let mut links: Vec<(String, String)> = report
        .tables
        .iter()
        .enumerate()
        .map(|(index, table)| (format!("table-{index}"), title(table)))
        .collect();
    if !curves.is_empty() {
        links.push(("curves".into(), "Learning curves".into()));
    }
    links.push(("runs".into(), "Runs".into()));
    let main = html! {
        @for section in &sections { (section) }
        @if !curves.is_empty() {
            section #curves {
                h2 { "Learning curves" }
                @for (name, charts) in &curves {
                    h3 { bdi { (name) } }
                    div.charts { @for chart in charts { (figure(chart)) } }
                }
            }
        }
        (runs(report))
    };
    let names: Vec<String> = report
        .directories
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let name = names.join(", ");
    let page = frame(&name, &head(report, &name), &links, &main).into_string();
    Ok(visible_lines(&page).into_owned())
}

fn head(report: &Report, name: &str) -> Markup {
    let machines: std::collections::BTreeSet<String> = report
        .runs
        .iter()
        .map(|run| run.provenance.machine.short())
        .collect();
    let machines: Vec<String> = machines.into_iter().collect();
    let times = report.runs.iter().map(|run| run.provenance.wall_seconds);
    let seconds: f64 = times.sum();
    let time = if seconds < 600.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.1} hours", seconds / 3600.0)
    };
    let facts = [
        (
            "Runs",
            format!(
                "{} complete, {} without a result",
                report.runs.len(),
                report.unfinished.len()
            ),
        ),
        ("Deciding metric", report.metric.label().to_owned()),
        ("Split", report.split.name().to_owned()),
        (
            "Comparisons",
            format!("{}, corrected together (Holm)", report.comparisons),
        ),
        ("Machines", machines.join("; ")),
        ("Time of the runs", time),
    ];
    html! {
        p.kicker { "Gradus experiment" }
        h1 { bdi { (name) } }
        dl.facts { @for (name, value) in facts { dt { (name) } dd { (value) } } }
        @for note in reading(report).iter().chain(&unfinished(report)) { p.note { (note) } }
    }
}

fn section(report: &Report, index: usize, table: &Table) -> Result<Markup> {
    let charts: Vec<Chart> = [
        settings(table, report.metric)?,
        effects(table, &report.axes, report.metric)?,
    ]
    .into_iter()
    .flatten()
    .collect();
    Ok(html! {
        section id={ "table-" (index) } {
            h2 { bdi { (title(table)) } }
            p.note { (about(report, table)) }
            (verdicts(table))
            (of_table(table))
            div.charts { @for chart in &charts { (figure(chart)) } }
        }
    })
}

/// The verdicts in words, those that can be told first.
fn verdicts(table: &Table) -> Markup {
    let arms = || {
        table
            .arms
            .iter()
            .filter(|arm| arm.verdict != Verdict::Reference)
    };
    let told = arms().filter(|arm| matches!(arm.verdict, Verdict::Better | Verdict::Worse));
    let rest = arms().filter(|arm| !matches!(arm.verdict, Verdict::Better | Verdict::Worse));
    html! {
        ul.reading {
            @for arm in told.chain(rest) {
                li class=[tone(arm.verdict)] { bdi { (arm.name) } ": " (arm.sentence) "." }
            }
        }
    }
}

fn tone(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Better => Some("good"),
        Verdict::Worse => Some("bad"),
        _ => None,
    }
}

fn of_table(table: &Table) -> Markup {
    let Some(first) = table.arms.first() else {
        return html! {};
    };
    let name = first.metrics[0].metric.label();
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Table of " (title(table)) } {
            table {
                thead {
                    tr {
                        th scope="col" { "settings" }
                        th scope="col" { "seeds" }
                        @for summary in &first.metrics { th scope="col" { (summary.metric.label()) } }
                        th scope="col" { "difference of " (name) }
                        th scope="col" { "p (Holm)" }
                        th scope="col" { "verdict" }
                        th scope="col" { "s a run" }
                    }
                }
                tbody { @for arm in &table.arms { (row(arm)) } }
            }
        }
    }
}

fn row(arm: &Arm) -> Markup {
    let strong = matches!(arm.verdict, Verdict::Better | Verdict::Worse).then_some("best");
    html! {
        tr {
            th scope="row" { @if arm.is_baseline { i { (arm.name) } } @else { bdi { (arm.name) } } }
            td { (seeds(arm)) }
            @for summary in &arm.metrics { td { (spread(summary)) } }
            td class=[strong] {
                @if let Some(found) = arm.difference {
                    (signed(found.estimate))
                    span.range { (signed(found.low)) " to " (signed(found.high)) }
                } @else { "-" }
            }
            td { (arm.adjusted_p.map_or_else(|| "-".into(), p_text)) }
            td { (arm.verdict.words()) }
            td { (arm.seconds.map_or_else(|| "-".into(), |seconds| format!("{seconds:.0}"))) }
        }
    }
}

/// Charts of learning curves by data and aspect.
fn curves(report: &Report) -> Result<Vec<(String, Vec<Chart>)>> {
    let mut groups: Vec<(String, Vec<&Curve>)> = Vec::new();
    for curve in &report.curves {
        let labels = curve.data.iter().map(|(_, label)| label.clone());
        let name = labels
            .chain([curve.aspect.clone()])
            .collect::<Vec<_>>()
            .join(", ");
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, curves)) => curves.push(curve),
            None => groups.push((name, vec![curve])),
        }
    }
    let charts = groups
        .into_iter()
        .map(|(name, curves)| Ok((name, learning(&curves, report.metric)?)));
    charts.collect()
}

fn runs(report: &Report) -> Markup {
    let optional =
        |value: Option<f64>| value.map_or_else(|| "-".into(), |v: f64| format!("{v:.1}"));
    html! {
        section #runs {
            h2 { "Runs" }
            p.note {
                (counted(report.runs.len(), "complete run")) ". Time and energy are those of the process that ended the run; "
                "energy is that of the processor packages, with whatever else ran."
            }
            div.scroll tabindex="0" role="region" aria-label="Runs" {
                table {
                    thead { tr {
                        @for name in ["run", "seed", "starts", "wall s", "CPU s", "J", "device", "machine", "version", "training data"] {
                            th scope="col" { (name) }
                        }
                    } }
                    tbody {
                        @for run in &report.runs {
                            tr {
                                th scope="row" { bdi { (run.name) } }
                                td { (run.seed) }
                                td { (run.provenance.starts) }
                                td { (format!("{:.1}", run.provenance.wall_seconds)) }
                                td { (optional(run.provenance.cpu_seconds)) }
                                td { (optional(run.provenance.energy_joules)) }
                                td { (run.provenance.device) }
                                td.wrap { (run.provenance.machine.short()) " " (run.provenance.machine.features.join(" ")) }
                                td { (run.provenance.version) " " (run.provenance.program_sha256.as_deref().map_or("", |digest| &digest[..8.min(digest.len())])) }
                                td { (run.provenance.train.records) " records " (&run.provenance.train.sha256[..8.min(run.provenance.train.sha256.len())]) }
                            }
                        }
                    }
                }
            }
        }
    }
}
