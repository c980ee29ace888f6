//! `gradus experiment report`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::{AtomicFile, STANDARD_OUTPUT};
use gradus_experiment::{Report, ReportOptions, Split, Table};

use crate::cli::{ExperimentReportArgs, ReportSplit};
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::show;

pub(super) fn run(args: &ExperimentReportArgs) -> Result<()> {
    let significance = args.significance;
    if !(significance > 0.0 && significance < 1.0) {
        let message = format!("--significance: found {significance}, expected above 0 and below 1");
        return Err(Usage::new(message).into());
    }
    let metric = args.metric.as_deref().map(str::parse).transpose()?;
    // First, so that a page that cannot be written is an error before anything is computed.
    let files = [
        (&args.markdown, Content::Markdown),
        (&args.csv, Content::Csv),
        (&args.html, Content::Html),
    ];
    let files = files.map(|(path, content)| create(path.as_ref(), content, args));
    let [markdown, csv, html] = files;
    let (markdown, csv, html) = (markdown?, csv?, html?);
    let directories: Vec<&Path> = args.directories.iter().map(PathBuf::as_path).collect();
    let report = Report::of(
        &directories,
        &ReportOptions {
            metric,
            split: args.split.map(|split| match split {
                ReportSplit::Valid => Split::Valid,
                ReportSplit::Test => Split::Test,
            }),
            significance,
        },
    )?;
    let mut printed = false;
    for (path, file, text) in [
        (&args.markdown, markdown, report.markdown()),
        (&args.csv, csv, report.csv()),
    ] {
        if let Some(mut file) = file {
            file.write_all(text.as_bytes())?;
            file.commit()?;
        } else if path.is_some() {
            show::line(text.trim_end())?;
            printed = true;
        }
    }
    if let Some(mut file) = html {
        file.write_all(report.html()?.as_bytes())?;
        file.commit()?;
    }
    if args.json {
        return show::json(&report);
    }
    if printed {
        return Ok(());
    }
    show(&report)
}

/// The file to write; none for standard output.
fn create(
    path: Option<&PathBuf>,
    content: Content,
    args: &ExperimentReportArgs,
) -> Result<Option<AtomicFile>> {
    let path = path.filter(|path| path.as_path() != Path::new(STANDARD_OUTPUT));
    path.map(|path| output::create(path, content, args.overwrite, &[]))
        .transpose()
}

fn show(report: &Report) -> Result<()> {
    for (index, table) in report.tables.iter().enumerate() {
        if index > 0 {
            show::line("")?;
        }
        show_table(table)?;
    }
    show::line("")?;
    for note in report.notes() {
        show::line(&note)?;
    }
    Ok(())
}

fn show_table(table: &Table) -> Result<()> {
    show::line(&table.title())?;
    let mut head = vec!["settings".to_owned(), "seeds".into()];
    let first = table.arms.first();
    for summary in first.map(|arm| arm.metrics.as_slice()).unwrap_or_default() {
        head.push(summary.metric.label().into());
        head.push("sd".into());
    }
    head.extend(["diff.", "from", "to", "p (Holm)"].map(str::to_owned));
    let rows = table.arms.iter().map(|arm| {
        let mut row = vec![
            show::shortened(&arm.name, 40),
            if arm.is_baseline {
                String::new()
            } else {
                format!("{}/{}", arm.seeds, arm.planned)
            },
        ];
        for summary in &arm.metrics {
            row.extend([show::number(summary.mean), show::number(summary.sd)]);
        }
        let difference = arm.difference;
        row.extend([
            show::number(difference.map(|found| found.estimate)),
            show::number(difference.map(|found| found.low)),
            show::number(difference.map(|found| found.high)),
            show::number(arm.adjusted_p),
        ]);
        row
    });
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    show::line(&format!("\n{}\n", show::table(&head, rows)))?;
    for arm in &table.arms {
        show::line(&format!("{}: {}", arm.name, arm.sentence))?;
    }
    Ok(())
}
