//! An audit of data as text.

use anstyle::AnsiColor;
use anyhow::Result;
use gradus::eval::audit::{AuditReport, Finding, Grade};
use gradus::eval::report::drawing::Table;

use super::tables::{self, RATERS};
use crate::show;

/// Width of the printed text.
const WIDTH: usize = 100;
/// Where the text of a finding starts.
const INDENT: usize = 9;

/// Prints the report.
pub(super) fn show(report: &AuditReport) -> Result<()> {
    show::line(&table(tables::splits(report)))?;
    show::line(&format!("\n{}", table(tables::ratings(report))))?;
    if let Some(raters) = tables::raters(report) {
        show::line(&format!("\n{}", table(raters)))?;
        show::line(&wrap(RATERS, 0))?;
    }
    if let Some(sampled) = tables::sampled(report) {
        show::line(&format!("\n{}", wrap(&sampled, 0)))?;
    }
    for (index, aspect) in report.aspects.iter().enumerate() {
        if index == 0 {
            show::line(&format!("\n{}", table(tables::shortcuts(report))))?;
        }
        show::line(wrap(&tables::verdict(aspect), 2).trim_end())?;
    }
    show::line(&format!("\nfound: {}", tables::counts(report)))?;
    for finding in &report.findings {
        show_finding(finding)?;
    }
    Ok(())
}

fn table(table: Table) -> String {
    let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
    show::table(&header, table.rows.into_iter())
}

fn show_finding(finding: &Finding) -> Result<()> {
    let color = match finding.grade {
        Grade::Problem => AnsiColor::Red,
        Grade::Warning => AnsiColor::Yellow,
        Grade::Note => AnsiColor::Cyan,
    };
    let style = color.on_default().bold();
    let aspect = finding.aspect.iter().map(|aspect| format!("{aspect}: "));
    let message = wrap(
        &format!("{}{}", aspect.collect::<String>(), finding.message),
        INDENT,
    );
    show::line("")?;
    show::marked_line(style, &format!("{:<INDENT$}", finding.grade), &message)?;
    let indent = " ".repeat(INDENT);
    if !finding.examples.is_empty() {
        let examples: Vec<String> = finding.examples.iter().map(ToString::to_string).collect();
        let text = wrap(&format!("for instance {}", examples.join(", ")), INDENT);
        show::line(&format!("{indent}{text}"))?;
    }
    show::line(&format!(
        "{indent}{}",
        wrap(&format!("→ {}", finding.advice), INDENT)
    ))
}

/// Breaks a text at blanks so that lines end before [`WIDTH`]; all but the first are indented.
fn wrap(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        let fits = indent + line.chars().count() + 1 + word.chars().count() <= WIDTH;
        if line.is_empty() {
            line.push_str(word);
        } else if fits {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}
