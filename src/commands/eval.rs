//! `gradus eval`

use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::data::{Example, TruncationCounts, read_examples};
use gradus::device;
use gradus::eval::baselines::{self, Baselines};
use gradus::eval::{Aspect, AspectEvaluation, Evaluation, MetricValues, ScoredResponse, Scorer};

use crate::cli::EvalArgs;
use crate::{progress, show};

/// Where training leaves the baselines it fitted, inside the bundle.
pub(crate) const BASELINES_FILE: &str = "baselines.json";
/// Examples scored between two moves of the progress bar.
const CHUNK: usize = 256;

pub(crate) fn run(args: &EvalArgs) -> Result<()> {
    let device = device::select(args.device.device.as_deref())?;
    let mut scorer = Scorer::load(&args.bundle, &device)?;
    if let Some(text) = &args.aggregation {
        scorer = scorer.with_aggregation(text.parse()?);
    }
    let examples = read_examples(&args.data)?;
    let baselines = match &args.train {
        Some(path) => Baselines::fit(&items(&read_examples(path)?))?,
        None => stored_baselines(&args.bundle)?,
    };
    let evaluation = evaluate(&scorer, &examples, &baselines)?;
    if args.json { show::json(&evaluation) } else { show_evaluation(&evaluation) }
}
