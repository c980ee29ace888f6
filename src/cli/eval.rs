//! Judging scores: eval, calibrate, compare, explain.

use std::path::PathBuf;

use clap::Args;
use gradus::data::CutSegments;
use gradus::eval::report::DEFAULT_RESPONSES;

use super::{BootstrapArgs, DeviceArgs};

pub(super) const EVAL_HELP: &str = "\
Prints to standard output, for each aspect: errors and correlations of segments and (aggregated) of
responses with their bootstrap intervals, beside what trivial predictors reach; order and classes;
the parts of the error; calibration; the slices that do worst. Where records rate whole responses,
the response score is held against these ratings too. A number that does not exist is printed as
`-`, with the reason below.

  gradus eval my-bundle test.jsonl.gz
  gradus eval --scores mine.jsonl test.jsonl.gz --train train.jsonl.gz
  gradus eval my-bundle test.jsonl.gz --slice domain --json > eval.json

A score file of any program has one record per response, joined by `id`:

  {\"id\":\"x1\",\"scores\":[0.7,null,0.2]}
  {\"id\":\"x1\",\"scores\":{\"factuality\":[0.7,null,0.2],\"relevance\":[0.1,0.4,0.9]}}
  {\"id\":\"x1\",\"segments\":[{\"score\":0.7},{\"score\":null},{\"score\":0.2}]}
  {\"id\":\"x1\",\"score\":0.4}

The last scores the response as a whole, alone or beside the scores of its segments.

What each figure means, and the JSON: docs/evaluation.md

A page to look at, with charts and the responses colored by score:
  gradus eval my-bundle test.jsonl.gz --html report.html";

pub(super) const CALIBRATE_HELP: &str = "\
Fits a curve that never falls from scores to ratings, for each aspect, stores it in the bundle, and
shows what it changes on the same file. From then on `score` and `eval` apply it, unless --raw says
otherwise. The order of scores stays; isotonic curves have flat stretches, where scores become equal.
Where the data rates whole responses, the response score gets a curve of its own.

  gradus calibrate my-bundle valid.jsonl.gz
  gradus calibrate my-bundle valid.jsonl.gz --kind linear
  gradus calibrate my-bundle --remove";

pub(super) const COMPARE_HELP: &str = "\
Each system is a bundle directory or a file of scores made by any program and joined by id; the last
path is the data. NAME=PATH names a system. All are judged on the segments that all of them score,
and where whole responses are rated, on the responses that all of them score.
The verdict rests on a paired bootstrap over responses, corrected for the number of pairs; paired t
and Wilcoxon tests on the error per response stand beside it.

  gradus compare my-bundle other-bundle test.jsonl.gz
  gradus compare ours=my-bundle theirs=scores.jsonl test.jsonl.gz --metric pearson

docs/compare.md says how to read it.";

pub(super) const EXPLAIN_HELP: &str = "\
Takes the squared error apart, segment by segment, on the scale that the model is trained on: error,
share of the loss, gradient at the score and share of the gradient at the head, worst first. What is
explained together counts as one batch. docs/explain.md has the formulas.

  gradus explain my-bundle test.jsonl.gz --top 20
  gradus explain my-bundle test.jsonl.gz --id x17 --aspects factuality
  gradus explain --scores mine.jsonl test.jsonl.gz";

/// `gradus eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Directory of a trained bundle; left out with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Scores of any program, joined to the data by id; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Training split to fit the trivial baselines on [default: the training statistics in the bundle]
    #[arg(long, value_name = "FILE")]
    pub(crate) train: Option<PathBuf>,
    /// Aspects to evaluate, separated by commas [default: all that are scored]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Threshold between low and high ratings for AUROC, AUPRC and F1: a number, or ASPECT=NUMBER
    /// [default: half way between the lowest and the highest rating]
    #[arg(
        long,
        value_name = "NUMBER",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) midpoint: Vec<String>,
    /// How segment scores become a response score [default: as the bundle says, mean with --scores]
    #[arg(long)]
    pub(crate) aggregation: Option<String>,
    /// Key of the records' `meta` to sort by, beside position and length; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) slice: Vec<String>,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    /// Score responses that are too long for the model in overlapping windows that begin at
    /// multiples of this many tokens [default: the response is cut at the end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Treatment of segments that the length limit cuts: drop (no score), or score (that of
    /// the part that fits, marked as cut) [default: as the bundle says]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write a Markdown report; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Also write an HTML report: figures, charts, and the responses colored by score, in one
    /// HTML file that fetches nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Replace these pages if they exist
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Responses on that page at most, those with the largest error first
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_RESPONSES, requires = "html")]
    pub(crate) html_responses: usize,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus calibrate`.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    pub(crate) valid: Option<PathBuf>,
    /// What is fitted: isotonic (any curve that never falls; hundreds of segments) or linear
    #[arg(long, default_value = "isotonic")]
    pub(crate) kind: String,
    /// Treatment of segments that the length limit cuts: drop (no score), or score (the score of
    /// that part) [default: as
    /// the bundle says]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Take the recalibration out of the bundle
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Two or more systems (bundle directories or score files, as PATH or NAME=PATH), then the data
    #[arg(required = true, num_args = 3.., value_names = ["SYSTEM", "SYSTEM", "DATA"])]
    pub(crate) paths: Vec<String>,
    /// Metric the verdict is about: mse, pearson, spearman, .. (an unknown one lists all)
    #[arg(long, default_value = "mse")]
    pub(crate) metric: String,
    /// Aspects to compare, separated by commas [default: all that the systems score]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Significance level: probability of calling equal systems different
    #[arg(long, default_value_t = 0.05)]
    pub(crate) significance: f64,
    /// Resamples of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) resamples: usize,
    /// Seed of the resamples
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Score responses that are too long for the model in overlapping windows that begin at
    /// multiples of this many tokens [default: the response is cut at the end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Treatment of segments that the length limit cuts: drop (no score), or score (that of
    /// the part that fits, marked as cut) [default: as the bundle says]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Print JSON instead of tables
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown tables
    #[arg(long)]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Directory of a trained bundle; left out with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Scores of any program, joined to the data by id; nothing is known of their head
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// Explain this record only
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Aspects to explain, separated by commas [default: all that are scored]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ','
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Treatment of segments that the length limit cuts: drop (no score), or score (that of
    /// the part that fits, marked as cut) [default: as the bundle says]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Segments to show, the worst first; 0 shows all [default: 10, all with --id]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
