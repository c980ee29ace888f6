//! The table as comma-separated values.

use super::Report;
use super::table::{Arm, Table};

/// The first line, and one for each arm of each table.
pub(super) fn lines(report: &Report) -> String {
    let mut head: Vec<String> = vec!["data".into(), "aspect".into(), "ratings".into()];
    head.extend(report.axes.iter().cloned());
    head.extend(
        [
            "setting",
            "baseline",
            "model_alone",
            "seeds",
            "planned",
            "responses",
            "pairs",
        ]
        .map(str::to_owned),
    );
    if let Some(arm) = report.tables.iter().flat_map(|table| &table.arms).next() {
        for summary in &arm.metrics {
            head.push(summary.metric.name().into());
            head.push(format!("{}_sd", summary.metric.name()));
        }
    }
    head.extend(
        [
            "difference",
            "low",
            "high",
            "p",
            "p_holm",
            "verdict",
            "seconds",
        ]
        .map(str::to_owned),
    );
    let mut lines = vec![line(&head)];
    for table in &report.tables {
        lines.extend(
            table
                .arms
                .iter()
                .map(|arm| line(&of_arm(report, table, arm))),
        );
    }
    lines.join("\n") + "\n"
}

fn of_arm(report: &Report, table: &Table, arm: &Arm) -> Vec<String> {
    let data: Vec<&str> = table.data.iter().map(|(_, label)| label.as_str()).collect();
    let mut row = vec![
        data.join(" "),
        table.aspect.clone(),
        table.ratings.noun().into(),
    ];
    let labels = arm
        .labels
        .iter()
        .cloned()
        .chain(std::iter::repeat(String::new()));
    row.extend(labels.take(report.axes.len()));
    row.extend([
        arm.name.clone(),
        arm.is_baseline.to_string(),
        arm.is_model_alone.to_string(),
        arm.seeds.to_string(),
        arm.planned.to_string(),
        table.responses.to_string(),
        table.pairs.to_string(),
    ]);
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for summary in &arm.metrics {
        row.extend([number(summary.mean), number(summary.sd)]);
    }
    let difference = arm.difference;
    row.extend([
        number(difference.map(|found| found.estimate)),
        number(difference.map(|found| found.low)),
        number(difference.map(|found| found.high)),
        number(difference.map(|found| found.p)),
        number(arm.adjusted_p),
        arm.verdict.name().into(),
        number(arm.seconds),
    ]);
    row
}

fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",")
}

/// A cell as RFC 4180 has it. A text that a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(cell: &str) -> String {
    let is_number = cell.parse::<f64>().is_ok();
    let risky = !is_number && cell.starts_with(['=', '+', '-', '@', '\t']);
    let cell = if risky {
        format!("'{cell}")
    } else {
        cell.into()
    };
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        let cells = ["a, b", "say \"x\"", "-0.5", "=1+1", "plain"].map(str::to_owned);
        assert_eq!(line(&cells), "\"a, b\",\"say \"\"x\"\"\",-0.5,'=1+1,plain");
    }
}
