//! `gradus process prmbench`

use std::collections::BTreeSet;

use anyhow::Result;
use gradus::data::Example;
use gradus::eval::process::{
    CategoryResult, Dimension, PrmBench, PrmBenchSample, Redundancy, StepResult, ThresholdChoice,
    choose_step_threshold,
};
use serde::Serialize;

use super::report::Report;
use super::steps::{Several, Steps, meta, name_of, percent};
use super::threshold::{QUANTILES, Threshold};
use crate::cli::{ProcessArgs, ThresholdArgs};
use crate::commands::intervals::bracketed;
use crate::failure::Usage;
use crate::show;

/// The class of untouched solutions, which the benchmark leaves out.
const CORRECT: &str = "correct";
/// The class in which every step is right.
const ALL_RIGHT: &str = "multi_solutions";
const CLASS_REMEDY: &str =
    "make the records with `gradus data import prmbench`, or name the key with --class";

/// The benchmark's own threshold of redundancy.
const REDUNDANCY_THRESHOLD: f64 = 0.15;

/// The aspect that decides where a class is about superfluous steps.
pub(super) struct RedundancyChoice<'a> {
    aspect: &'a str,
    threshold: f64,
}

impl<'a> RedundancyChoice<'a> {
    /// What the flags say.
    pub(super) fn of(aspect: Option<&'a str>, threshold: Option<f64>) -> Result<Option<Self>> {
        let threshold = threshold.unwrap_or(REDUNDANCY_THRESHOLD);
        if !threshold.is_finite() {
            return Err(Usage::new(format!(
                "--redundancy-threshold: found {threshold}, expected a finite number"
            ))
            .into());
        }
        Ok(aspect.map(|aspect| Self { aspect, threshold }))
    }
}

/// What `--json` prints of it.
#[derive(Serialize)]
struct Figures {
    /// The aspect that decides in the classes about superfluous steps, and its threshold; `null`
    /// where none does.
    redundancy_aspect: Option<String>,
    redundancy_threshold: Option<f64>,
    /// Where the threshold comes from; `null` if it was given.
    threshold_choice: Option<ThresholdChoice>,
    /// Solutions of class `correct`, which the benchmark leaves out.
    left_out: usize,
    #[serde(flatten)]
    result: PrmBench,
}

pub(super) fn run(
    input: &ProcessArgs,
    threshold: &ThresholdArgs,
    class: &str,
    redundancy: Option<&RedundancyChoice<'_>>,
) -> Result<()> {
    let several = Several::Lowest {
        apart: redundancy.map(|choice| choice.aspect),
    };
    let steps = Steps::load(input, several, &[class])?;
    let samples = samples(&steps, class, redundancy)?;
    tell_contradictions(&samples);
    tell_unknown_classes(&samples);
    let expected = "scored steps, some right and some wrong";
    let threshold = Threshold::of(threshold, expected, |path, name| {
        let other = Steps::load_other(path, input, threshold, several, &[class])?;
        steps.tell_of_choice(&other);
        let others = self::samples(&other, class, redundancy)?;
        Ok(choose_step_threshold(&others, name, QUANTILES))
    })?;
    let mut result = PrmBench::compute(&samples, threshold.value);
    result.add_intervals(&samples, &steps.bootstrap);
    let left_out = steps.examples.len() - samples.len();
    if input.json {
        let figures = Figures {
            redundancy_aspect: redundancy.map(|choice| choice.aspect.to_owned()),
            redundancy_threshold: redundancy.map(|choice| choice.threshold),
            threshold_choice: threshold.choice,
            left_out,
            result,
        };
        return show::json(&Report::new("prmbench", &steps, figures));
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

fn samples(
    steps: &Steps,
    class: &str,
    redundancy: Option<&RedundancyChoice<'_>>,
) -> Result<Vec<PrmBenchSample>> {
    let of_class = |example| Ok(name_of(meta(example, class, CLASS_REMEDY)?));
    let categories: Vec<String> = steps.examples.iter().map(of_class).collect::<Result<_>>()?;
    let cut = halfway(&steps.examples, &categories)?;
    let mut samples = Vec::new();
    for (place, (example, category)) in steps.examples.iter().zip(categories).enumerate() {
        if category == CORRECT {
            continue;
        }
        let apart = redundancy.zip(steps.apart.as_ref());
        samples.push(PrmBenchSample {
            category,
            scores: steps.scores[place].clone(),
            wrong: wrong(example, cut),
            redundancy: apart.map(|(choice, scores)| Redundancy {
                scores: scores[place].clone(),
                threshold: choice.threshold,
            }),
        });
    }
    Ok(samples)
}

/// Half way between the rating of a wrong step and that of a right one. Where all ratings are equal
/// it is that rating, if no class has wrong steps.
fn halfway(examples: &[Example], categories: &[String]) -> Result<f64> {
    let segments = examples.iter().flat_map(|example| &example.segments);
    let ratings = segments.flat_map(|segment| segment.ratings.values().copied());
    let low = ratings.clone().reduce(f64::min);
    let ends = low.zip(ratings.reduce(f64::max));
    let all_right = || {
        categories
            .iter()
            .all(|name| name == CORRECT || name == ALL_RIGHT)
    };
    match ends {
        Some((low, high)) if low < high || all_right() => {
            let cut = f64::midpoint(low, high);
            if low.abs() > 0.0 || high > 1.0 || high < 1.0 && low < high {
                show::status(&format!(
                    "ratings lie from {low} to {high}: a step is wrong where it is rated below {cut}, half way"
                ));
            }
            Ok(cut)
        }
        _ => Err(
            Usage::new("found no two different ratings, expected right and wrong steps")
                .with_hint("make the records with `gradus data import prmbench`")
                .into(),
        ),
    }
}

/// Says where a class without wrong steps has some: its score does not count how they are found.
fn tell_contradictions(samples: &[PrmBenchSample]) {
    let of_class = || samples.iter().filter(|sample| sample.category == ALL_RIGHT);
    let contradict = |sample: &&PrmBenchSample| sample.wrong.contains(&Some(true));
    let found = of_class().filter(contradict).count();
    if found > 0 {
        show::warning(&format!(
            "{found} of {} solutions of class `{ALL_RIGHT}` have a step that is rated wrong, where the \
             benchmark has none: the score of this class is F1 of right steps, whatever becomes of those",
            of_class().count()
        ));
    }
}

/// Names classes that the benchmark does not have.
fn tell_unknown_classes(samples: &[PrmBenchSample]) {
    let names = samples.iter().map(|sample| sample.category.as_str());
    let unknown = names.filter(|name| Dimension::of_category(name).is_none());
    let unknown: BTreeSet<String> = unknown.map(|name| format!("`{name}`")).collect();
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.into_iter().collect();
        show::warning(&format!(
            "found classes that the benchmark does not have, which count overall and in no dimension: {}",
            show::shortened(&names.join(", "), 200)
        ));
    }
}

/// A step is wrong where any aspect rates it so, and right where others do; without a rating it is
/// neither.
fn wrong(example: &Example, cut: f64) -> Vec<Option<bool>> {
    let segments = example.segments.iter();
    segments
        .map(|segment| {
            let mut ratings = segment.ratings.values();
            (ratings.len() > 0).then(|| ratings.any(|&rating| rating < cut))
        })
        .collect()
}

fn show_result(result: &PrmBench, threshold: &Threshold) -> Result<()> {
    show::line(&format!(
        "a step is called wrong where it scores {} or less{}\n",
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
        let all = dimension.dimension.categories();
        vec![
            dimension.dimension.name().to_owned(),
            format!("{} of {all}", dimension.categories),
            bracketed(dimension.score, dimension.interval.as_ref(), percent),
        ]
    });
    show::line(&format!(
        "\n{}",
        show::table(&["dimension", "classes", "score"], dimensions)
    ))?;
    show_special_cases(result)
}

/// Prints what does not follow from the table.
fn show_special_cases(result: &PrmBench) -> Result<()> {
    for CategoryResult {
        category, steps, ..
    } in &result.categories
    {
        if category == ALL_RIGHT {
            show::line(&format!(
                "the score of {category} is F1 alone, as in the benchmark: it has no wrong step to find"
            ))?;
        } else if steps.score.is_none() {
            show::line(&format!(
                "no score of {category}: it has no step that is wrong or called wrong, or none that is \
                 right or called right"
            ))?;
        }
    }
    if result.steps_unrated > 0 {
        show::line(&format!("{} unrated steps left out", result.steps_unrated))?;
    }
    if result.steps_unscored > 0 {
        show::line(&format!(
            "{} rated steps without a score left out, as in the benchmark",
            result.steps_unscored
        ))?;
    }
    Ok(())
}
