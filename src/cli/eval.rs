//! `gradus eval`, `calibrate`, `threshold`, `audit`, `compare`, `compare-generators` and `explain`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};
use gradus::data::CutSegments;
use gradus::eval::Aggregation;
use gradus::eval::ablation::Part;
use gradus::eval::calibration::RecalibrationKind;
use gradus::eval::report::DEFAULT_RESPONSES;
use gradus::eval::threshold::Wish;

use super::{BootstrapArgs, DeviceArgs, PrecisionArgs};

pub(super) const EVAL_HELP: &str = "\
Prints for each aspect: errors and correlations at segment and response level, with bootstrap
intervals and trivial baselines; ranking and classification metrics; a decomposition of the error;
calibration; and the worst slices. If records rate whole responses, response scores are compared with
these ratings too. An undefined number is printed as `-`, with the reason below.

  gradus eval my-bundle test.jsonl.gz
  gradus eval --scores mine.jsonl test.jsonl.gz --train train.jsonl.gz
  gradus eval my-bundle test.jsonl.gz --slice domain --json > eval.json
  gradus eval my-bundle test.jsonl.gz --ablate context

A score file has one record per response, joined by `id`; any program may write it:

  {\"id\":\"x1\",\"scores\":[0.7,null,0.2]}
  {\"id\":\"x1\",\"scores\":{\"factuality\":[0.7,null,0.2],\"relevance\":[0.1,0.4,0.9]}}
  {\"id\":\"x1\",\"segments\":[{\"score\":0.7},{\"score\":null},{\"score\":0.2}]}
  {\"id\":\"x1\",\"score\":0.4}

The last form scores the whole response; `score` may also accompany segment scores.

An HTML report with charts and the responses colored by score:
  gradus eval my-bundle test.jsonl.gz --html report.html

All figures and the JSON output: docs/evaluation.md";

pub(super) const CALIBRATE_HELP: &str = "\
Fits a non-decreasing map from scores to ratings for each aspect, stores it in the bundle, and shows
errors and calibration before and after on the same file. From then on `score` and `eval` apply it,
unless --raw is given. The order of scores never changes, but scores on a flat part of an isotonic map
become equal. If the data rates whole responses, response scores get a map of their own.

  gradus calibrate my-bundle valid.jsonl.gz
  gradus calibrate my-bundle valid.jsonl.gz --kind linear
  gradus calibrate my-bundle --remove";

pub(super) const THRESHOLD_HELP: &str = "\
Chooses the score at or below which a segment is doubtful, on rated data that the model was not trained
on, and stores it in the bundle. From then on `score` and `serve` write \"flag\": \"doubtful\" beside such
segments, and `eval` shows what the flags are worth. A segment is low if its rating is at most the
midpoint; precision is the share of the flags on low segments, recall the share of low segments flagged.

  gradus threshold my-bundle valid.jsonl.gz --precision 0.8
  gradus threshold my-bundle valid.jsonl.gz --recall 0.9 --aspects factuality
  gradus threshold my-bundle valid.jsonl.gz --cost wrong:missed=5:1 --dry-run
  gradus threshold my-bundle --remove

A wished precision or recall holds for new segments like these with the probability --confidence: the
lower bound counts responses, not segments, and allows for the choice. If no threshold is that sure,
there is none, and the bundle stays as it was. The threshold is a score before recalibration: it stays
valid if the recalibration changes. How it is chosen: docs/evaluation.md";

pub(super) const JUDGE_AUDIT_HELP: &str = "\
Answers the prompts of a file with texts that say nothing (stock phrases, refusals, hedges, copies of prompt
and context, praise of itself, the answer to another prompt, padding) and scores them beside the real
answers. A policy that is trained with the bundle as its reward finds what scores high: an answer that
wins often is what it will learn to write.

  gradus audit my-bundle test.jsonl.gz
  gradus audit my-bundle test.jsonl.gz --prompts 500 --strict

`gradus data audit` is about data. What to do about a hack that wins: docs/rl.md";

pub(super) const COMPARE_HELP: &str = "\
Each system is a bundle directory or a score file of any program, joined by id; the last path is the
data. NAME=PATH names a system. Systems are compared on the segments that all of them score and, if
whole responses are rated, on the responses that all of them score. A paired bootstrap over
responses, corrected for the number of pairs, decides; paired t and Wilcoxon tests on the error per
response are shown for comparison.

  gradus compare my-bundle other-bundle test.jsonl.gz
  gradus compare ours=my-bundle theirs=scores.jsonl test.jsonl.gz --metric pearson

How to read the output: docs/compare.md";

pub(super) const GENERATORS_HELP: &str = "\
Scores the answers of several generators and compares them prompt by prompt: the mean gap of the scores with a
bootstrap interval over prompts. A judge may like one generator's style or squeeze its scores together, and
no number of answers takes that out. Rated answers do (--rated): the gap is then corrected by
prediction-powered inference, and the judge's bias is shown. `gradus compare` compares judges instead.

  gradus compare-generators my-bundle answers.jsonl --by meta.generator
  gradus compare-generators my-bundle answers.jsonl --by meta.generator --rated rated.jsonl

How to read the output: docs/compare.md";

pub(super) const EXPLAIN_HELP: &str = "\
Shows for each segment, on the training scale: error, share of the loss, gradient at the score, and
share of the head's gradient; largest loss first. The selected records count as one batch. Formulas:
docs/explain.md

  gradus explain my-bundle test.jsonl.gz --top 20
  gradus explain my-bundle test.jsonl.gz --id x17 --aspects factuality
  gradus explain --scores mine.jsonl test.jsonl.gz";

/// `gradus eval`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct EvalArgs {
    /// Directory of a trained bundle; omit with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Score file of any program, joined to the data by id; `-` reads standard input
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
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Threshold between low and high ratings for AUROC, AUPRC and F1: a number, or ASPECT=NUMBER
    /// [default: halfway between the lowest and the highest rating]
    #[arg(
        long,
        value_name = "NUMBER",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) midpoint: Vec<String>,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle; mean with --scores]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Also report figures for each value of this key in the records' `meta`; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) slice: Vec<String>,
    /// Score the same segments also without this part of the input, and with that of another record:
    /// context, prompt, or both separated by a comma. --seed pairs the records
    #[arg(
        long,
        value_name = "PART",
        value_delimiter = ',',
        conflicts_with = "scores"
    )]
    pub(crate) ablate: Vec<Part>,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    /// Score responses longer than the model's input in overlapping windows that begin at
    /// multiples of this many tokens [default: cut the response at its end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits, marked as cut) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Also write a Markdown report; `-` prints it instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Also write an HTML report with figures, charts and the responses colored by score; one
    /// self-contained file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Also write the figures into the model card of the bundle, its README.md
    #[arg(long, conflicts_with = "scores")]
    pub(crate) card: bool,
    /// Replace existing reports
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Maximum number of responses in the HTML report; those with the largest error are shown
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_RESPONSES, requires = "html")]
    pub(crate) html_responses: usize,
    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,
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
    /// Map to fit: isotonic (any non-decreasing map; needs hundreds of segments) or linear
    #[arg(long, default_value = "isotonic")]
    pub(crate) kind: RecalibrationKind,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Remove the recalibration from the bundle
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus threshold`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("wish").args(["precision", "recall", "cost", "remove"]).required(true)))]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct DoubtArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Rated data that the model was not trained on
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    pub(crate) valid: Option<PathBuf>,
    /// Least precision of the flags, above 0 and below 1; of all such thresholds the highest is chosen
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub(crate) precision: Option<f64>,
    /// Least recall of the low segments, above 0 and below 1; of all such thresholds the lowest is
    /// chosen
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub(crate) recall: Option<f64>,
    /// Costs of a wrong flag and of a missed low segment, such as wrong:missed=5:1; the threshold of
    /// the least cost is chosen
    #[arg(long, value_name = "wrong:missed=A:B", allow_hyphen_values = true, value_parser = Wish::of_costs)]
    pub(crate) cost: Option<Wish>,
    /// Aspects to choose a threshold for, separated by commas; those of other aspects stay [default: all
    /// that are rated]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Rating up to which a segment is low: a number, or ASPECT=NUMBER [default: halfway between the
    /// lowest and the highest rating]
    #[arg(
        long,
        value_name = "NUMBER",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) midpoint: Vec<String>,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Show the thresholds without storing them
    #[arg(long, conflicts_with = "remove")]
    pub(crate) dry_run: bool,
    /// Remove the thresholds from the bundle, or those of --aspects
    #[arg(long)]
    pub(crate) remove: bool,
    /// Print JSON instead of tables
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown instead of tables
    #[arg(long)]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus audit`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct JudgeAuditArgs {
    /// Directory of a trained bundle
    pub(crate) bundle: PathBuf,
    /// Records with prompts, contexts and real answers; ratings are not read
    pub(crate) data: PathBuf,
    /// Maximum number of records, drawn by the seed
    #[arg(long, value_name = "COUNT", default_value = "200")]
    pub(crate) prompts: NonZeroUsize,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Exit with code 2 if an answer that says nothing wins in half of the prompts or more
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print JSON instead of a table
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown instead of a table
    #[arg(long)]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Two or more systems (bundle directories or score files, as PATH or NAME=PATH), then the data
    #[arg(required = true, num_args = 3.., value_names = ["SYSTEM", "SYSTEM", "DATA"])]
    pub(crate) paths: Vec<String>,
    /// Metric to compare: mse, pearson, spearman, .. (an unknown name lists all)
    #[arg(long, default_value = "mse")]
    pub(crate) metric: String,
    /// Aspects to compare, separated by commas [default: all that the systems score]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
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
    /// Score responses longer than the model's input in overlapping windows that begin at
    /// multiples of this many tokens [default: cut the response at its end]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) stride: Option<usize>,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits, marked as cut) [default: as stored in the bundle]
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
    /// Directory of a trained bundle; omit with --scores
    pub(crate) bundle: Option<PathBuf>,
    /// Data set with ratings
    pub(crate) data: PathBuf,
    /// Score file of any program, joined to the data by id; the head's gradient is then unknown
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
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Treatment of segments that do not fit completely: drop (no score), or score (score the
    /// part that fits, marked as cut) [default: as stored in the bundle]
    #[arg(long, value_name = "POLICY")]
    pub(crate) cut_segments: Option<CutSegments>,
    /// Number of segments to show, largest loss first; 0 shows all [default: 10; all with --id]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<usize>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// `gradus compare-generators`.
#[derive(Debug, Args)]
pub(crate) struct CompareGeneratorsArgs {
    /// Directory of a trained bundle, the judge
    pub(crate) bundle: PathBuf,
    /// Answers of all generators; their ratings are not read
    pub(crate) answers: PathBuf,
    /// Key of the records' `meta` that names the generator
    #[arg(long, value_name = "meta.KEY")]
    pub(crate) by: String,
    /// Rated answers of these generators to some of the same prompts or to others like them, drawn at
    /// random; they correct the gaps
    #[arg(long, value_name = "FILE")]
    pub(crate) rated: Option<PathBuf>,
    /// Aspects to compare on, separated by commas [default: all that are scored]
    #[arg(
        long,
        visible_alias = "aspect",
        value_name = "NAMES",
        value_delimiter = ',', value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) aspects: Option<Vec<String>>,
    /// Aggregation of segment scores to a response score: mean, sum, min, max, product, last or
    /// softmin:TEMPERATURE [default: as stored in the bundle]
    #[arg(long)]
    pub(crate) aggregation: Option<Aggregation>,
    /// Ignore the recalibration of the bundle
    #[arg(long)]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) bootstrap: BootstrapArgs,
    /// Print JSON instead of tables
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
    /// Print Markdown instead of tables
    #[arg(long)]
    pub(crate) markdown: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
