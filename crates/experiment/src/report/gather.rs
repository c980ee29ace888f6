//! Gathers the results of directories by data, aspect and settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradus_eval::JudgedAspect;
use serde::Serialize;

use crate::place::{CellRecord, CellState, Experiment, ExperimentRecord, name_of};
use crate::plan::Split;
use crate::result::{CellResult, Provenance, Ratings};
use crate::{ExperimentError, Result};

/// Name of the axis of directories, where there are several.
const DIRECTORIES: &str = "runs";

/// What a table is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Place of the table among those of the plan.
    order: usize,
    pub(super) data: Vec<(String, String)>,
    pub(super) ratings: Ratings,
    pub(super) aspect: String,
    /// Labels of the reference on the axes that are not of data.
    pub(super) reference: Vec<String>,
}

/// The results for a table.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) arms: Vec<GatheredArm>,
    /// The trivial baselines, by name: the same for all runs on the same training data.
    pub(super) baselines: Vec<(String, JudgedAspect)>,
}

impl Gathered {
    /// The arm with these labels, a new one where there is none.
    fn arm(&mut self, name: &str, labels: &[String], is_fixed: bool) -> &mut GatheredArm {
        let found = self.arms.iter().position(|arm| arm.labels == labels);
        let place = found.unwrap_or_else(|| {
            self.arms.push(GatheredArm {
                name: name.to_owned(),
                labels: labels.to_vec(),
                is_fixed,
                planned: 0,
                runs: Vec::new(),
                is_stacked: false,
                alone: Vec::new(),
            });
            self.arms.len() - 1
        });
        &mut self.arms[place]
    }
}

/// Results of the same settings.
#[derive(Debug)]
pub(super) struct GatheredArm {
    pub(super) labels: Vec<String>,
    pub(super) name: String,
    pub(super) is_fixed: bool,
    pub(super) planned: usize,
    pub(super) runs: Vec<GatheredRun>,
    /// Whether a baseline is part of the scores of any of them.
    pub(super) is_stacked: bool,
    /// The runs with the scores of the model alone, as far as they are known.
    pub(super) alone: Vec<GatheredRun>,
}

#[derive(Debug, Clone)]
pub(super) struct GatheredRun {
    pub(super) seed: u64,
    pub(super) judged: JudgedAspect,
    seconds: Option<f64>,
}

impl GatheredArm {
    pub(super) fn seconds(&self) -> Option<f64> {
        let known: Vec<f64> = self.runs.iter().filter_map(|run| run.seconds).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// A run with its origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunRow {
    /// The directory of its experiment.
    pub directory: PathBuf,
    /// Its folder in there.
    pub folder: String,
    /// Its labels on the axes.
    pub labels: Vec<String>,
    /// Its labels as a name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// Digest of the texts of the split that is reported on.
    pub data: gradus_data::TextsDigest,
    /// Where it comes from, and what it took.
    pub provenance: Provenance,
}

/// A run without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unfinished {
    /// The directory of its experiment.
    pub directory: PathBuf,
    /// Its folder in there.
    pub folder: String,
    /// Why it failed; `None` if it was not run, or not to its end.
    pub failure: Option<String>,
}

/// Everything in the directories.
#[derive(Debug, Default)]
pub(super) struct All {
    pub(super) tables: BTreeMap<Key, Gathered>,
    pub(super) runs: Vec<RunRow>,
    pub(super) unfinished: Vec<Unfinished>,
    /// Names of the axes that are not of data.
    pub(super) axes: Vec<String>,
}

/// One directory and what it holds.
pub(super) struct Source<'a> {
    pub(super) directory: &'a Path,
    pub(super) record: ExperimentRecord,
    /// Its label, if there are several.
    pub(super) label: Option<String>,
}

impl Source<'_> {
    /// The labels on the axes of data, or on the others.
    fn labels(&self, labels: &[String], is_data: bool) -> Vec<(String, String)> {
        let axes = self.record.axes.iter().zip(labels);
        axes.filter(|(axis, _)| axis.is_data == is_data)
            .map(|(axis, label)| (axis.name.clone(), label.clone()))
            .collect()
    }
}

/// Reads the results of all directories on `split`.
pub(super) fn gather(sources: &[Source<'_>], split: Split) -> Result<All> {
    let mut all = All::default();
    let mut orders: BTreeMap<Vec<(String, String)>, usize> = BTreeMap::new();
    let first_label = sources.first().and_then(|source| source.label.clone());
    for source in sources {
        let reference = source.labels(&source.record.reference, false);
        let mut reference: Vec<String> = reference.into_iter().map(|(_, label)| label).collect();
        reference.extend(first_label.clone());
        for cell in &source.record.cells {
            let data = source.labels(&cell.labels, true);
            let next = orders.len();
            let order = *orders.entry(data.clone()).or_insert(next);
            let own = source.labels(&cell.labels, false);
            if all.axes.is_empty() {
                all.axes = own.iter().map(|(axis, _)| axis.clone()).collect();
                all.axes
                    .extend(source.label.as_ref().map(|_| DIRECTORIES.to_owned()));
            }
            let mut labels: Vec<String> = own.into_iter().map(|(_, label)| label).collect();
            labels.extend(source.label.clone());
            let place = Place {
                order,
                data,
                reference: reference.clone(),
                labels,
            };
            match Experiment::state(source.directory, cell)? {
                CellState::Complete(result) => all.add(source, cell, place, &result, split)?,
                CellState::Open => all.unfinished(source, cell, None),
                CellState::Failed(failure) => all.unfinished(source, cell, Some(failure.message)),
            }
        }
    }
    all.count_planned(sources);
    Ok(all)
}

/// Where a run belongs.
struct Place {
    order: usize,
    data: Vec<(String, String)>,
    reference: Vec<String>,
    labels: Vec<String>,
}

impl All {
    fn unfinished(&mut self, source: &Source<'_>, cell: &CellRecord, failure: Option<String>) {
        self.unfinished.push(Unfinished {
            directory: source.directory.into(),
            folder: cell.folder.clone(),
            failure,
        });
    }

    fn add(
        &mut self,
        source: &Source<'_>,
        cell: &CellRecord,
        place: Place,
        result: &CellResult,
        split: Split,
    ) -> Result<()> {
        let Some(judged) = result.splits.get(split.name()) else {
            return Err(ExperimentError::Report(format!(
                "{}: the runs have no scores of the {} split",
                cell.place(source.directory).display(),
                split.name()
            )));
        };
        let whole = result.provenance.starts == 1;
        let name = self.name(&place.labels);
        for found in &judged.aspects {
            let key = Key {
                order: place.order,
                data: place.data.clone(),
                ratings: found.ratings,
                aspect: found.aspect.clone(),
                reference: place.reference.clone(),
            };
            let gathered = self.tables.entry(key).or_default();
            if gathered.baselines.is_empty() {
                let baselines = found.baselines.iter();
                gathered.baselines = baselines
                    .filter_map(|baseline| {
                        Some((baseline.name.clone(), found.judged_baseline(baseline)?))
                    })
                    .collect();
            }
            let run = GatheredRun {
                seed: result.seed,
                judged: found.judged(),
                seconds: whole.then_some(result.provenance.wall_seconds),
            };
            let alone = match &found.alone {
                Some(_) => found.judged_alone(),
                None => found.tells_alone.then(|| found.judged()),
            };
            let alone = alone.map(|judged| GatheredRun {
                judged,
                ..run.clone()
            });
            let arm = gathered.arm(&name, &place.labels, !cell.command.has_seeds());
            arm.is_stacked |= found.alone.is_some();
            arm.runs.push(run);
            arm.alone.extend(alone);
        }
        self.runs.push(RunRow {
            directory: source.directory.into(),
            folder: cell.folder.clone(),
            labels: cell.labels.clone(),
            name: source.record.name_of(&cell.labels),
            seed: result.seed,
            data: judged.digest.clone(),
            provenance: result.provenance.clone(),
        });
        Ok(())
    }

    /// The name of labels on the axes that are not of data.
    fn name(&self, labels: &[String]) -> String {
        let axes = self.axes.iter().map(String::as_str);
        let pairs: Vec<(&str, &str)> = axes.zip(labels.iter().map(String::as_str)).collect();
        name_of(&pairs)
    }

    /// Sets how many seeds each arm was planned to have.
    fn count_planned(&mut self, sources: &[Source<'_>]) {
        /// Labels of the data, and those of the arm.
        type DataAndArm = (Vec<(String, String)>, Vec<String>);
        let mut planned: BTreeMap<DataAndArm, usize> = BTreeMap::new();
        for source in sources {
            for cell in &source.record.cells {
                let own = source.labels(&cell.labels, false).into_iter();
                let labels = own.map(|(_, label)| label).chain(source.label.clone());
                let key = (source.labels(&cell.labels, true), labels.collect());
                *planned.entry(key).or_default() += 1;
            }
        }
        for (key, gathered) in &mut self.tables {
            for arm in &mut gathered.arms {
                let of_arm = (key.data.clone(), arm.labels.clone());
                arm.planned = planned.get(&of_arm).copied().unwrap_or(arm.runs.len());
            }
        }
    }
}
