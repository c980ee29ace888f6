//! What the runs of an experiment say: a table over seeds with differences, intervals and verdicts, and its pages.

mod charts;
mod csv;
mod curve;
mod difference;
mod gather;
mod html;
mod markdown;
mod table;
mod verdict;

pub use curve::{Curve, CurvePoint};
pub use difference::{Difference, Replicates, paired_difference};
pub use gather::{RunRow, Unfinished};
pub use table::{Arm, MetricSummary, Table, Verdict};

use std::path::{Path, PathBuf};

use gradus_eval::Metric;
use serde::Serialize;

use crate::place::Experiment;
use crate::plan::Split;
use crate::{ExperimentError, Result};

use self::gather::{All, Source, gather};

/// Options of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// The metric that decides; `None`: that of the plan.
    pub metric: Option<Metric>,
    /// The split; `None`: that of the plan.
    pub split: Option<Split>,
    /// Significance level of the verdicts, for all of them together. Range `(0, 1)`, default 0.05. Intervals have the
    /// confidence `1 - significance`, each on its own.
    pub significance: f64,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            metric: None,
            split: None,
            significance: 0.05,
        }
    }
}

/// What the runs say.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Version of this layout.
    pub format_version: u32,
    /// Version of the program that made the report.
    pub gradus_version: String,
    /// The directories.
    pub directories: Vec<PathBuf>,
    /// The deciding metric.
    pub metric: Metric,
    /// The split that is reported on.
    pub split: Split,
    /// Significance level of the verdicts together.
    pub significance: f64,
    /// Comparisons that Holm's correction is for.
    pub comparisons: usize,
    /// Names of the axes that settings differ on.
    pub axes: Vec<String>,
    /// One table for each data set and aspect.
    pub tables: Vec<Table>,
    /// Learning curves, where the size of the training split varies.
    pub curves: Vec<Curve>,
    /// The complete runs.
    pub runs: Vec<RunRow>,
    /// The others.
    pub unfinished: Vec<Unfinished>,
}

impl Report {
    /// The report on the experiments in `directories`. With several, the directory is one more setting.
    ///
    /// # Errors
    /// [`ExperimentError::NoExperiment`] for another directory, [`ExperimentError::Report`] if there is no result, or
    /// if the directories differ in what they vary, [`ExperimentError::Eval`] if runs have different ratings.
    pub fn of(directories: &[&Path], options: &ReportOptions) -> Result<Self> {
        let sources = sources(directories)?;
        let first = &sources
            .first()
            .ok_or_else(|| ExperimentError::Report("found no directory".into()))?
            .record;
        let metric = match options.metric {
            Some(metric) => metric,
            None => first.metric.parse()?,
        };
        let split = options.split.unwrap_or(first.report_on);
        let All {
            tables: gathered,
            runs,
            unfinished,
            axes,
        } = gather(&sources, split)?;
        if runs.is_empty() {
            return Err(ExperimentError::Report(format!(
                "{}: found no complete run, expected at least one",
                directories[0].display()
            )));
        }
        let mut metrics = vec![metric];
        metrics.extend(
            [Metric::PEARSON, Metric::MSE]
                .into_iter()
                .filter(|other| *other != metric),
        );
        let confidence = 1.0 - options.significance;
        let mut tables = gathered
            .iter()
            .map(|(key, gathered)| table::table(key, gathered, &metrics, confidence))
            .collect::<Result<Vec<_>>>()?;
        let comparisons = verdict::decide(&mut tables, metric, options.significance);
        Ok(Self {
            format_version: 1,
            gradus_version: env!("CARGO_PKG_VERSION").into(),
            directories: directories.iter().map(|&path| path.to_owned()).collect(),
            metric,
            split,
            significance: options.significance,
            comparisons,
            curves: curve::curves(&tables),
            axes,
            tables,
            runs,
            unfinished,
        })
    }

    /// What has to be known to read the tables, and the runs that have no result.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = markdown::reading(self);
        notes.extend(markdown::unfinished(self));
        notes
    }

    /// The report in Markdown.
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// One line of comma-separated values for each setting and aspect, below a line of names.
    pub fn csv(&self) -> String {
        csv::lines(self)
    }

    /// The report as an HTML page that loads nothing.
    ///
    /// # Errors
    /// [`ExperimentError::Eval`] if the drawing library fails.
    pub fn html(&self) -> Result<String> {
        html::page(self)
    }
}

impl Table {
    /// Data and aspect.
    pub fn title(&self) -> String {
        markdown::title(self)
    }
}

fn sources<'a>(directories: &[&'a Path]) -> Result<Vec<Source<'a>>> {
    let mut sources: Vec<Source<'a>> = Vec::new();
    for &directory in directories {
        let record = Experiment::record_of(directory)?;
        let label = (directories.len() > 1).then(|| directory.display().to_string());
        if let Some(first) = sources.first() {
            let names = |record: &crate::ExperimentRecord| -> Vec<(String, bool)> {
                record
                    .axes
                    .iter()
                    .map(|axis| (axis.name.clone(), axis.is_data))
                    .collect()
            };
            if names(&first.record) != names(&record) {
                return Err(ExperimentError::Report(format!(
                    "{}: found an experiment that varies other settings than {}, expected the same",
                    directory.display(),
                    first.directory.display()
                )));
            }
            if sources.iter().any(|source| source.label == label) {
                return Err(ExperimentError::Report(format!(
                    "{}: found the directory twice",
                    directory.display()
                )));
            }
        }
        sources.push(Source {
            directory,
            record,
            label,
        });
    }
    Ok(sources)
}
