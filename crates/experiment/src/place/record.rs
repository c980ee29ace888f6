//! The experiment as its directory keeps it, to go on with the same plan and to report.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::plan::{Axis, CellCommand, DataOptions, Halving, Plan, Split};

/// An experiment as in its `experiment.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentRecord {
    /// Version of this layout.
    pub format_version: u32,
    /// The metric by which settings are compared.
    pub metric: String,
    /// The split that the report is about.
    pub report_on: Split,
    /// Successive halving, if the plan asks for it.
    pub halving: Option<Halving>,
    /// What varies.
    pub axes: Vec<RecordedAxis>,
    /// The label of the reference on every axis.
    pub reference: Vec<String>,
    /// The runs, in the order in which they are started.
    pub cells: Vec<CellRecord>,
}

/// An axis without its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAxis {
    /// Its name.
    pub name: String,
    /// The labels of its choices.
    pub labels: Vec<String>,
    /// Whether a choice decides which data is read or which aspects are learned.
    pub is_data: bool,
}

/// A run of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// Its folder below the directory.
    pub folder: String,
    /// Its label on every axis.
    pub labels: Vec<String>,
    /// Its seed.
    pub seed: u64,
    /// What is done.
    pub command: CellCommand,
    /// The data beyond its configuration.
    pub data: DataOptions,
    /// Its run configuration, checked and complete, without the place of its output.
    pub run: String,
}

impl ExperimentRecord {
    /// The version that this program writes.
    pub const FORMAT_VERSION: u32 = 1;

    /// The record of a plan; `runs` are the complete configurations of its cells, in their order.
    pub fn of(plan: &Plan, runs: Vec<String>) -> Self {
        let axis = |axis: &Axis| RecordedAxis {
            name: axis.name.clone(),
            labels: axis
                .choices
                .iter()
                .map(|choice| choice.label.clone())
                .collect(),
            is_data: axis.is_data,
        };
        let cells = plan.cells().iter().zip(runs);
        Self {
            format_version: Self::FORMAT_VERSION,
            metric: plan.metric().name().into(),
            report_on: plan.report_on(),
            halving: plan.halving(),
            axes: plan.axes().iter().map(axis).collect(),
            reference: plan.reference().to_vec(),
            cells: cells
                .map(|(cell, run)| CellRecord {
                    folder: cell.folder.clone(),
                    labels: cell.labels.clone(),
                    seed: cell.seed,
                    command: cell.command,
                    data: cell.data.clone(),
                    run,
                })
                .collect(),
        }
    }

    /// The labels as a name: numbers and switches with the name of their axis, others alone.
    pub fn name_of(&self, labels: &[String]) -> String {
        let axes = self.axes.iter().map(|axis| axis.name.as_str());
        let pairs: Vec<(&str, &str)> = axes.zip(labels.iter().map(String::as_str)).collect();
        name_of(&pairs)
    }

    /// The first difference to another record, in words; `None` if they are the same.
    pub(super) fn difference(&self, planned: &Self) -> Option<String> {
        let (here, there) = (self, planned);
        if here.format_version != there.format_version {
            return Some(format!(
                "it was begun by a program with the layout {} of this directory, this one has {}",
                here.format_version, there.format_version
            ));
        }
        let pairs = [
            ("metric", here.metric.clone(), there.metric.clone()),
            (
                "report_on",
                here.report_on.name().into(),
                there.report_on.name().into(),
            ),
            (
                "halving",
                format!("{:?}", here.halving),
                format!("{:?}", there.halving),
            ),
            (
                "reference",
                here.reference.join(", "),
                there.reference.join(", "),
            ),
        ];
        if let Some((key, here, there)) = pairs.iter().find(|(_, here, there)| here != there) {
            return Some(format!(
                "`{key}` is `{here}` there, and `{there}` in the plan"
            ));
        }
        if here.axes != there.axes {
            let names = |record: &Self| {
                let axes = record.axes.iter();
                let axes = axes.map(|axis| format!("{} ({})", axis.name, axis.labels.join(", ")));
                axes.collect::<Vec<_>>().join("; ")
            };
            return Some(format!(
                "it varies {} there, and {} in the plan",
                names(here),
                names(there)
            ));
        }
        if here.cells.len() != there.cells.len() {
            return Some(format!(
                "it has {} runs there, and {} in the plan",
                here.cells.len(),
                there.cells.len()
            ));
        }
        let mut cells = here.cells.iter().zip(&there.cells);
        let (here, there) = cells.find(|(here, there)| here != there)?;
        Some(format!("{}: {}", there.folder, changed(here, there)))
    }
}

/// Axes and labels as a name.
pub(crate) fn name_of(pairs: &[(&str, &str)]) -> String {
    let names = pairs.iter().map(|(axis, label)| {
        let is_bare = label.parse::<f64>().is_ok() || ["true", "false"].contains(label);
        if is_bare {
            format!("{axis} {label}")
        } else {
            (*label).to_owned()
        }
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "the run".into()
    } else {
        names.join(", ")
    }
}

/// The first line in which the settings of a run differ.
fn changed(here: &CellRecord, there: &CellRecord) -> String {
    let mut lines = here.run.lines().zip(there.run.lines());
    if let Some((here, there)) = lines.find(|(here, there)| here != there) {
        return format!("`{here}` there, and `{there}` in the plan");
    }
    if here.data != there.data {
        let text = |data: &DataOptions| serde_json::to_string(data).unwrap_or_default();
        return format!(
            "data {} there, and {} in the plan",
            text(&here.data),
            text(&there.data)
        );
    }
    "other settings".into()
}

impl CellRecord {
    /// Where its configuration and results are.
    pub fn place(&self, directory: &Path) -> std::path::PathBuf {
        directory.join(&self.folder)
    }
}
