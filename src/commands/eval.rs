//! `gradus eval`

use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::data::{Example, TruncationCounts, read_examples};
use gradus::device;
use gradus::eval::{
    Aspect, AspectEvaluation, Baselines, Evaluation, MetricValues, Scorer, scored_responses,
};

use crate::cli::EvalArgs;
use crate::failure::Usage;
use crate::{progress, show};

/// File of a bundle that holds the baselines fitted on its training split.
pub(crate) const BASELINES: &str = "baselines.json";
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
        Some(path) => Baselines::fit(scorer.aspects(), &read_examples(path)?)?,
        None => stored_baselines(&args.bundle)?,
    };
    let evaluation = evaluate(&scorer, &examples, &baselines)?;
    if args.json {
        show::json(&evaluation)
    } else {
        show_evaluation(&evaluation)
    }
}

fn stored_baselines(bundle: &Path) -> Result<Baselines> {
    let path = bundle.join(BASELINES);
    if !path.is_file() {
        show::status(&format!(
            "{}: no {BASELINES}, so no trivial baselines; give the training split with --train",
            bundle.display()
        ));
        return Ok(Baselines::default());
    }
    let bytes = fs_err::read(&path)?;
    let baselines = serde_json::from_slice(&bytes).with_context(|| {
        Usage::new(format!(
            "{}: not the baselines of this version",
            path.display()
        ))
        .with_hint("give the training split with --train")
    })?;
    Ok(baselines)
}

/// Scores the rated examples and holds the scores against the ratings, beside the baselines.
pub(crate) fn evaluate(
    scorer: &Scorer,
    examples: &[Example],
    baselines: &Baselines,
) -> Result<Evaluation> {
    let mut counts = TruncationCounts::default();
    let mut scored = Vec::with_capacity(examples.len());
    let bar = progress::bar(examples.len(), "responses");
    for chunk in examples.chunks(CHUNK) {
        scored.extend(scored_responses(scorer, chunk, &mut counts)?);
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    if counts.any() {
        show::status(&counts.to_string());
    }
    let aspects: Vec<Aspect> = scorer.aspects().map(Aspect::named).collect();
    let rated = examples
        .iter()
        .flat_map(|example| &example.segments)
        .any(|segment| {
            aspects
                .iter()
                .any(|aspect| segment.ratings.contains_key(&aspect.name))
        });
    if !rated {
        let names: Vec<&str> = scorer.aspects().collect();
        return Err(Usage::new(format!(
            "no segment is rated on what the bundle scores: {}",
            names.join(", ")
        ))
        .with_hint("check the names of the aspects with `gradus data stats`")
        .into());
    }
    let baselines = baselines.scores(examples);
    Ok(Evaluation::compute(
        &scored,
        &aspects,
        scorer.aggregation(),
        &baselines,
    )?)
}

/// Prints a table per aspect and level.
pub(crate) fn show_evaluation(evaluation: &Evaluation) -> Result<()> {
    for aspect in &evaluation.aspects {
        let counts = &aspect.counts;
        show::line(&format!(
            "\n{}: {} of {} rated segments scored, in {} responses",
            aspect.aspect, counts.scored, counts.rated, counts.responses
        ))?;
        let segment = level(aspect, &aspect.segment.values, |baseline| &baseline.segment);
        show::line(&table("segment level", segment))?;
        let name = format!("response level ({})", evaluation.aggregation);
        let response = level(aspect, &aspect.response.values, |baseline| {
            &baseline.response
        });
        show::line(&format!("\n{}", table(&name, response)))?;
    }
    Ok(())
}

type Rows<'a> = Vec<(&'a str, &'a MetricValues)>;

fn level<'a>(
    aspect: &'a AspectEvaluation,
    model: &'a MetricValues,
    baseline: impl Fn(&'a gradus::eval::BaselineEvaluation) -> &'a MetricValues,
) -> Rows<'a> {
    let baselines = aspect
        .baselines
        .iter()
        .map(|entry| (entry.name.as_str(), baseline(entry)));
    std::iter::once(("model", model)).chain(baselines).collect()
}

fn table(level: &str, rows: Rows<'_>) -> String {
    let header = [
        level,
        "J",
        "RMSE",
        "MAE",
        "bias",
        "R²",
        "Pearson",
        "Spearman",
        "Kendall τ-b",
    ];
    let rows = rows.into_iter().map(|(name, values)| {
        let numbers = [
            values.mse.map(|mse| -mse),
            values.rmse,
            values.mae,
            values.bias,
            values.r2,
            values.pearson,
            values.spearman,
            values.kendall_tau_b,
        ];
        let cells = numbers.into_iter().map(show::number);
        std::iter::once(name.to_string()).chain(cells).collect()
    });
    show::table(&header, rows)
}
