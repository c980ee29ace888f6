//! `gradus process prmbench`

use anyhow::Result;
use gradus::data::Example;
use gradus::eval::bootstrap::{Bootstrap, Interval};
use gradus::eval::process::{
    LowestIsLast, PrmBench, PrmBenchSample, StepResult, ThresholdChoice, choose_step_threshold,
};
use serde::Serialize;

use super::steps::{Several, Steps, meta, name_of, percent};
use super::threshold::{QUANTILES, Threshold};
use crate::cli::{ProcessArgs, ThresholdArgs};
use crate::commands::intervals::bracketed;
use crate::failure::Usage;
use crate::show;

/// The class of untouched solutions, which the benchmark leaves out.
const CORRECT: &str = "correct";
const CLASS_REMEDY: &str =
    "make the records with `gradus data import prmbench`, or name the key with --class";

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    format_version: u32,
    benchmark: &'static str,
    /// The aspects; of several, the lowest score of a step counts.
    aspect: String,
    /// Where the threshold comes from; `null` where it was given.
    threshold_choice: Option<ThresholdChoice>,
    /// Solutions of class `correct`, which the benchmark leaves out.
    left_out: usize,
    #[serde(flatten)]
    result: PrmBench,
    lowest_is_last: Option<LowestIsLast>,
    /// Of its share.
    lowest_is_last_interval: Option<Interval>,
    /// How intervals were computed; `null` without intervals.
    bootstrap: Option<Bootstrap>,
}

pub(super) fn run(input: &ProcessArgs, threshold: &ThresholdArgs, class: &str) -> Result<()> {
    let steps = Steps::load(input, Several::Lowest)?;
    let samples = samples(&steps, class)?;
    let expected = "scored steps, some right and some wrong";
    let threshold = Threshold::of(threshold, expected, |path, name| {
        let other = Steps::load_other(path, input, threshold, Several::Lowest)?;
        let others = self::samples(&other, class)?;
        Ok(choose_step_threshold(&others, name, QUANTILES))
    })?;
    let mut result = PrmBench::compute(&samples, threshold.value);
    result.add_intervals(&samples, &steps.bootstrap);
    let left_out = steps.examples.len() - samples.len();
    if input.json {
        let (lowest_is_last, lowest_is_last_interval) = steps.lowest_is_last();
        return show::json(&Report {
            format_version: 1,
            benchmark: "prmbench",
            lowest_is_last,
            lowest_is_last_interval,
            bootstrap: steps.bootstrap(),
            aspect: steps.aspect,
            threshold_choice: threshold.choice,
            left_out,
            result,
        });
    }
    show_result(&result, &threshold)?;
    steps.show_legend("solutions", samples.len())?;
    if left_out > 0 {
        show::line(&format!(
            "\n{left_out} solutions of class `{CORRECT}` left out, as the benchmark does"
        ))?;
    }
    steps.show_remarks()
}

fn samples(steps: &Steps, class: &str) -> Result<Vec<PrmBenchSample>> {
    let cut = halfway(&steps.examples).ok_or_else(|| {
        Usage::new("found no two different ratings, expected right and wrong steps")
            .with_hint("make the records with `gradus data import prmbench`")
    })?;
    let mut samples = Vec::new();
    for (example, scores) in steps.examples.iter().zip(&steps.scores) {
        let category = name_of(meta(example, class, CLASS_REMEDY)?);
        if category != CORRECT {
            samples.push(PrmBenchSample {
                category,
                scores: scores.clone(),
                wrong: wrong(example, cut),
            });
        }
    }
    Ok(samples)
}

/// Half way between the rating of a wrong step and that of a right one.
fn halfway(examples: &[Example]) -> Option<f64> {
    let segments = examples.iter().flat_map(|example| &example.segments);
    let ratings = segments.flat_map(|segment| segment.ratings.values().copied());
    let low = ratings.clone().reduce(f64::min)?;
    let high = ratings.reduce(f64::max)?;
    (low < high).then_some(f64::midpoint(low, high))
}

/// A step is wrong where any aspect rates it so.
fn wrong(example: &Example, cut: f64) -> Vec<bool> {
    let segments = example.segments.iter();
    segments
        .map(|segment| segment.ratings.values().any(|&rating| rating < cut))
        .collect()
}

fn show_result(result: &PrmBench, threshold: &Threshold) -> Result<()> {
    show::line(&format!(
        "a step is called wrong where it scores below {}{}\n",
        show::number(Some(result.threshold)),
        threshold.origin("score")
    ))?;
    let row = |name: &str, samples: String, steps: &StepResult| {
        let counts = &steps.counts;
        let cell = |field, figure| bracketed(figure, steps.intervals.get(field), percent);
        vec![
            name.to_owned(),
            samples,
            counts.total().to_string(),
            (counts.true_negatives + counts.false_positives).to_string(),
            cell("f1", steps.f1),
            cell("negative_f1", steps.negative_f1),
            cell("score", steps.score),
        ]
    };
    let categories = result.categories.iter().map(|category| {
        let samples = category.samples.to_string();
        row(&category.category, samples, &category.steps)
    });
    let samples: usize = result.categories.iter().map(|c| c.samples).sum();
    let overall = row("overall", samples.to_string(), &result.overall);
    let header = [
        "class",
        "solutions",
        "steps",
        "wrong",
        "F1",
        "negative F1",
        "score",
    ];
    show::line(&show::table(&header, categories.chain([overall])))?;
    let dimensions = result.dimensions.iter().map(|dimension| {
        vec![
            dimension.dimension.name().to_owned(),
            bracketed(dimension.score, dimension.interval.as_ref(), percent),
        ]
    });
    show::line(&format!(
        "\n{}",
        show::table(&["dimension", "score"], dimensions)
    ))?;
    for category in &result.categories {
        if category.steps.score.is_none() {
            show::line(&format!(
                "no score of {}: it has no step that is wrong or called wrong",
                category.category
            ))?;
        }
    }
    Ok(())
}
