//! The plan of an experiment: a run configuration, what varies, and the seeds.

mod axis;
mod cell;
mod settings;

pub use axis::{Axis, Choice};
pub use cell::{Cell, CellCommand, DataOptions};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gradus_eval::Metric;
use gradus_files::{MOST_SETTINGS, read_bounded};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{ExperimentError, Result};

/// More runs than anybody waits for: a plan with more is a mistake.
const MOST_CELLS: usize = 10_000;

/// The plan of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    axes: Vec<Axis>,
    reference: Vec<String>,
    cells: Vec<Cell>,
    metric: Metric,
    report_on: Split,
    halving: Option<Halving>,
    keep_bundles: bool,
}

/// A split of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The validation split, on which runs and choices are made.
    Valid,
    /// The test split, on which nothing is chosen.
    Test,
}

impl Split {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// Successive halving: after some seeds, only the better settings get more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Halving {
    /// Share of the settings that are kept after each round, at least one. Range `(0, 1)`, default 0.5.
    pub keep: f64,
}

impl Default for Halving {
    fn default() -> Self {
        Self { keep: 0.5 }
    }
}

/// How the choices of the axes are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Design {
    /// Every combination.
    #[default]
    Product,
    /// The reference, and every combination that differs from it on one axis; axes of data are combined with all.
    OneAtATime,
}

/// A number of seeds, or their list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a number of seeds, or a list of them")]
enum Seeds {
    Count(u64),
    List(Vec<u64>),
}

/// A plan as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    base: Option<PathBuf>,
    #[serde(default)]
    run: Table,
    seeds: Option<Seeds>,
    #[serde(default)]
    design: Design,
    #[serde(default)]
    grid: Table,
    #[serde(default)]
    variation: Vec<Table>,
    #[serde(default)]
    reference: BTreeMap<String, String>,
    metric: Option<String>,
    tune_on: Option<Split>,
    report_on: Option<Split>,
    halving: Option<Halving>,
    #[serde(default = "yes")]
    keep_bundles: bool,
}

fn yes() -> bool {
    true
}

impl Plan {
    /// Reads a plan from a file, and the run configuration that it names as its base.
    ///
    /// # Errors
    /// [`ExperimentError::Io`], and those of [`parse`](Self::parse).
    pub fn load(path: &Path) -> Result<Self> {
        Self::parse(&text_of(path)?, &path.display().to_string())
    }

    /// Reads a plan from text; `name` is its name in messages. A base is read from its file.
    ///
    /// # Errors
    /// [`ExperimentError::Parse`] for text that is no TOML, an unknown key of the plan or a value of the wrong type;
    /// [`ExperimentError::Plan`] for settings that contradict each other or are out of range. The settings of the
    /// runs themselves are checked by whoever knows them.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let written: Written = toml::from_str(text).map_err(|source| ExperimentError::Parse {
            name: name.into(),
            source: Box::new(source),
        })?;
        let mut run = Table::new();
        if let Some(base) = &written.base {
            let text = text_of(base)?;
            run = toml::from_str(&text).map_err(|source| ExperimentError::Parse {
                name: base.display().to_string(),
                source: Box::new(source),
            })?;
        }
        settings::merge(&mut run, &written.run);
        Self::of(run, written).map_err(|problem| ExperimentError::Plan {
            name: name.into(),
            problem,
        })
    }

    fn of(run: Table, written: Written) -> std::result::Result<Self, String> {
        if written.tune_on == Some(Split::Test) {
            return Err(
                "tune_on: found \"test\", expected \"valid\": what is chosen on the test split looks better on it than it is"
                    .into(),
            );
        }
        let metric = metric(written.metric.as_deref())?;
        let seeds = seeds(written.seeds)?;
        let mut axes = axis::of_grid(&written.grid)?;
        axes.extend(axis::of_variations(written.variation)?);
        axis::check(&axes)?;
        if let Some(halving) = written.halving
            && !(halving.keep > 0.0 && halving.keep < 1.0)
        {
            let found = halving.keep;
            return Err(format!(
                "halving.keep: found {found}, expected above 0 and below 1"
            ));
        }
        let reference = reference(&axes, &written.reference)?;
        let cells = cells(&run, &axes, &reference, written.design, &seeds)?;
        let tested = cells.iter().filter(|cell| cell.data.test.is_some()).count();
        if let Some(draws) = cells
            .iter()
            .find(|cell| cell.data.test.is_none() && cell.data.test_records.is_some())
        {
            let records = draws.data.test_records.unwrap_or_default();
            return Err(format!(
                "data.test_records: found {records} and no `data.test` to draw from"
            ));
        }
        let report_on = written.report_on.unwrap_or(if tested == 0 {
            Split::Valid
        } else {
            Split::Test
        });
        if report_on == Split::Test && tested < cells.len() {
            return Err(
                "data.test: found none for some of the runs, expected the test split that is reported on, or report_on = \"valid\""
                    .into(),
            );
        }
        Ok(Self {
            axes,
            reference,
            cells,
            metric,
            report_on,
            halving: written.halving,
            keep_bundles: written.keep_bundles,
        })
    }

    /// What varies, in the order of the plan: the grid, then the variations.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The label of the reference on every axis.
    pub fn reference(&self) -> &[String] {
        &self.reference
    }

    /// The runs, in the order in which they are started: one seed of all settings, then the next.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The metric by which settings are compared, and chosen on the validation split.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The split that the report is about.
    pub fn report_on(&self) -> Split {
        self.report_on
    }

    /// Whether only the better settings get more seeds.
    pub fn halving(&self) -> Option<Halving> {
        self.halving
    }

    /// Whether the bundle of a run is kept when its results are written.
    pub fn keeps_bundles(&self) -> bool {
        self.keep_bundles
    }
}

fn text_of(path: &Path) -> Result<String> {
    let bytes = read_bounded(path, MOST_SETTINGS)?;
    String::from_utf8(bytes).map_err(|_| ExperimentError::Plan {
        name: path.display().to_string(),
        problem: "found text that is not UTF-8".into(),
    })
}

fn metric(name: Option<&str>) -> std::result::Result<Metric, String> {
    let Some(name) = name else {
        return Ok(Metric::MSE);
    };
    name.parse()
        .map_err(|error: gradus_eval::EvalError| format!("metric: {error}"))
}

fn seeds(written: Option<Seeds>) -> std::result::Result<Vec<u64>, String> {
    let seeds = match written {
        None => vec![0],
        Some(Seeds::Count(count)) if count <= MOST_CELLS as u64 => (0..count).collect(),
        Some(Seeds::Count(count)) => {
            return Err(format!(
                "seeds: found {count}, expected at most {MOST_CELLS}"
            ));
        }
        Some(Seeds::List(list)) => list,
    };
    if seeds.is_empty() {
        return Err("seeds: found none, expected at least one".into());
    }
    for (index, seed) in seeds.iter().enumerate() {
        if seeds[..index].contains(seed) {
            return Err(format!("seeds: found {seed} twice"));
        }
    }
    Ok(seeds)
}

/// The label of the reference on every axis: the one named, else the first.
fn reference(
    axes: &[Axis],
    named: &BTreeMap<String, String>,
) -> std::result::Result<Vec<String>, String> {
    if let Some(unknown) = named
        .keys()
        .find(|name| axes.iter().all(|axis| axis.name != **name))
    {
        let known: Vec<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        return Err(format!(
            "reference: found `{unknown}`, expected one of the axes: {}",
            known.join(", ")
        ));
    }
    let of_axis = |axis: &Axis| {
        let Some(wanted) = named.get(&axis.name) else {
            return Ok(axis.choices[0].label.clone());
        };
        if axis.choices.iter().any(|choice| choice.label == *wanted) {
            return Ok(wanted.clone());
        }
        let known: Vec<&str> = axis.choices.iter().map(|c| c.label.as_str()).collect();
        Err(format!(
            "reference.{}: found `{wanted}`, expected one of {}",
            axis.name,
            known.join(", ")
        ))
    };
    axes.iter().map(of_axis).collect()
}

/// All combinations of choices, as indices.
fn combinations(axes: &[Axis]) -> std::result::Result<Vec<Vec<usize>>, String> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for axis in axes {
        let size = all.len().saturating_mul(axis.choices.len());
        if size > MOST_CELLS {
            return Err(format!(
                "found more than {MOST_CELLS} combinations, expected at most that many"
            ));
        }
        all = all
            .into_iter()
            .flat_map(|chosen| {
                (0..axis.choices.len()).map(move |choice| [chosen.clone(), vec![choice]].concat())
            })
            .collect();
    }
    Ok(all)
}

fn cells(
    base: &Table,
    axes: &[Axis],
    reference: &[String],
    design: Design,
    seeds: &[u64],
) -> std::result::Result<Vec<Cell>, String> {
    let mut combinations = combinations(axes)?;
    if design == Design::OneAtATime {
        combinations.retain(|chosen| {
            let differs = axes.iter().zip(chosen).zip(reference);
            let differs = differs.filter(|((axis, choice), reference)| {
                !axis.is_data && axis.choices[**choice].label != **reference
            });
            differs.count() <= 1
        });
    }
    if combinations.len().saturating_mul(seeds.len()) > MOST_CELLS {
        let found = combinations.len() * seeds.len();
        return Err(format!("found {found} runs, expected at most {MOST_CELLS}"));
    }
    let digits = combinations.len().to_string().len();
    let mut cells = Vec::new();
    for (rank, &seed) in seeds.iter().enumerate() {
        for (number, chosen) in combinations.iter().enumerate() {
            let mut run = base.clone();
            let mut labels = Vec::new();
            for (axis, &choice) in axes.iter().zip(chosen) {
                let choice = &axis.choices[choice];
                if let Some(missing) = choice.apply(&mut run) {
                    return Err(format!(
                        "{}, `{}`: found `{missing}` to unset, which is not set",
                        axis.name, choice.label
                    ));
                }
                labels.push(choice.label.clone());
            }
            let (command, data) = cell::take(&mut run)?;
            if rank > 0 && !command.has_seeds() {
                continue;
            }
            cell::set_seed(&mut run, seed)?;
            let slug = cell::slug(&labels.join("-"));
            let number = number + 1;
            let folder = match slug.as_str() {
                "" => format!("cells/{number:0digits$}/seed-{seed}"),
                slug => format!("cells/{number:0digits$}-{slug}/seed-{seed}"),
            };
            cells.push(Cell {
                labels,
                seed,
                command,
                data,
                run,
                folder,
            });
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests;
