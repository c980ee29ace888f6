//! `gradus experiment`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub(super) const EXPERIMENT_HELP: &str = "\
A plan has a run configuration, what varies, and seeds; every combination is an ordinary run in a folder
of its own:

  seeds = 3
  [run]
  encoder = \"all-MiniLM-L6-v2\"
  train = \"train.jsonl.gz\"
  valid = \"valid.jsonl.gz\"
  data.test = \"test.jsonl.gz\"
  [grid]
  training.learning_rate = [2e-5, 5e-5]
  model.pooling = [\"mean\", \"attention\"]

  gradus experiment plan.toml -o runs --dry-run
  gradus experiment plan.toml -o runs
  gradus experiment report runs --html report.html

The same command goes on after Ctrl-C, a crash or a kill, also within a run. A run that fails is noted, and
the others go on; it is tried again when the experiment is started again. Exit codes: 1 if a run failed,
130 if stopped. All keys of a plan: docs/experiments.md";

pub(super) const REPORT_HELP: &str = "\
For each data set and aspect, a table with mean and standard deviation over seeds, the difference to the
reference with an interval over seeds and responses, and a verdict corrected for all comparisons. With
several directories, as of several machines, the directory is one more setting.";

/// `gradus experiment`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ExperimentArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ExperimentCommand>,
    /// The plan, a TOML file
    #[arg(required = true)]
    pub(crate) plan: Option<PathBuf>,
    /// Directory for the runs; one with runs of the same plan goes on
    #[arg(long, short, value_name = "DIR", required = true)]
    pub(crate) output: Option<PathBuf>,
    /// List the runs with their estimated time, and start none
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Runs at the same time [default: one on each device]
    #[arg(long, value_name = "COUNT")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Devices that take turns, separated by commas: names from `gradus devices` [default: the fastest]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) device: Vec<String>,
    /// Time for the whole experiment, such as 90m or 2h: the better settings on the validation split
    /// get further seeds, and no run is started that would not end in time
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) budget: Option<f64>,
}

/// Subcommands of `gradus experiment`.
#[derive(Debug, Subcommand)]
pub(crate) enum ExperimentCommand {
    /// Compare the settings of an experiment over seeds and responses
    #[command(after_help = REPORT_HELP)]
    Report(ExperimentReportArgs),
    /// Do one run of an experiment, in its folder
    #[command(hide = true)]
    Cell(ExperimentCellArgs),
}

/// `gradus experiment report`.
#[derive(Debug, Args)]
pub(crate) struct ExperimentReportArgs {
    /// Directories of experiments that vary the same settings
    #[arg(required = true, value_name = "DIR")]
    pub(crate) directories: Vec<PathBuf>,
    /// Metric that decides [default: that of the plan]
    #[arg(long)]
    pub(crate) metric: Option<String>,
    /// Split to report on [default: that of the plan]
    #[arg(long)]
    pub(crate) split: Option<ReportSplit>,
    /// Significance level of all verdicts together
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(crate) significance: f64,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write the tables in Markdown; `-` prints them instead
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Also write the tables as comma-separated values; `-` prints them instead
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Also write an HTML page with charts; one self-contained file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Replace existing reports
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// A split to report on.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ReportSplit {
    /// The validation split, on which weights were chosen.
    Valid,
    /// The test split.
    Test,
}

/// `gradus experiment cell`.
#[derive(Debug, Args)]
pub(crate) struct ExperimentCellArgs {
    /// The folder of the run
    pub(crate) folder: PathBuf,
    /// Stop with a checkpoint when standard input ends
    #[arg(long)]
    pub(crate) while_input_is_open: bool,
    /// Device to compute on
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
}

/// A time as a number with a unit: `90s`, `90m`, `2h`, `1d`.
fn seconds(text: &str) -> Result<f64, String> {
    let wrong =
        || format!("found `{text}`, expected a number above 0 with s, m, h or d, such as 2h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86400.0,
        _ => return Err(wrong()),
    };
    let number: f64 = text[..text.len() - 1].trim().parse().map_err(|_| wrong())?;
    let seconds = number * factor;
    if seconds > 0.0 && seconds.is_finite() {
        Ok(seconds)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_time_has_a_unit() {
        let found = ["90s", "1.5m", "2h", "1d"].map(|text| seconds(text).unwrap().to_bits());
        assert_eq!(found, [90.0_f64, 90.0, 7200.0, 86400.0].map(f64::to_bits));
        for wrong in ["", "2", "h", "-1h", "0s", "2 weeks", "NaNs", "infh", "2µ"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
