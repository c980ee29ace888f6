//! An audit of data as a short page of Markdown.

use std::fmt::Write as _;

use gradus::data::{visible_lines, visible_markdown};
use gradus::eval::audit::{AuditReport, Finding};
use gradus::eval::report::drawing::Table;

use super::tables::{self, RATERS};
use crate::show;

/// The whole page.
pub(super) fn page(report: &AuditReport) -> String {
    let mut page = String::from("# Audit\n");
    let _ = writeln!(page, "\n{}.", tables::counts(report));
    for finding in &report.findings {
        add_finding(&mut page, finding);
    }
    add_table(&mut page, tables::splits(report));
    add_table(&mut page, tables::ratings(report));
    if let Some(raters) = tables::raters(report) {
        add_table(&mut page, raters);
        let _ = writeln!(page, "\n{RATERS}.");
    }
    if !report.aspects.is_empty() {
        add_table(&mut page, tables::shortcuts(report));
        page.push('\n');
        for aspect in &report.aspects {
            let _ = writeln!(page, "- {}", visible_markdown(&tables::verdict(aspect)));
        }
    }
    if let Some(sampled) = tables::sampled(report) {
        let _ = writeln!(page, "\n{}.", visible_markdown(&sampled));
    }
    visible_lines(&page).into_owned()
}

fn add_finding(page: &mut String, finding: &Finding) {
    let aspect = finding.aspect.iter().map(|aspect| format!("{aspect}: "));
    let message = format!("{}{}", aspect.collect::<String>(), finding.message);
    let _ = write!(
        page,
        "\n- **{}**: {}",
        finding.grade,
        visible_markdown(&message)
    );
    if !finding.examples.is_empty() {
        let examples: Vec<String> = finding.examples.iter().map(ToString::to_string).collect();
        let examples = visible_markdown(&examples.join(", "));
        let _ = write!(page, "; for instance {examples}");
    }
    let _ = writeln!(page, " \u{2192} {}", visible_markdown(&finding.advice));
}

fn add_table(page: &mut String, table: Table) {
    let header: Vec<String> = table.header.iter().map(|n| visible_markdown(n)).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = show::markdown_table(&header, table.rows);
    let _ = writeln!(page, "\n## {}\n\n{rows}", table.caption);
}
