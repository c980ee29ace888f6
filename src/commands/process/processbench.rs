//! `gradus process processbench`

use anyhow::Result;
use gradus::data::Example;
use gradus::eval::process::{ProcessBench, Solution, ThresholdChoice, choose_threshold};
use serde::Serialize;
use serde_json::Value;

use super::report::Report;
use super::steps::{Several, Steps, meta, name_of, percent};
use super::threshold::{QUANTILES, Threshold};
use crate::cli::{ProcessArgs, ThresholdArgs};
use crate::commands::intervals::bracketed;
use crate::failure::Usage;
use crate::show;

/// Where `data import processbench` leaves the index of the first wrong step.
const LABEL: &str = "label";
const IMPORT: &str = "make the records with `gradus data import processbench`";

/// What `--json` prints of it.
#[derive(Serialize)]
struct Figures {
    /// Where the threshold comes from; `null` if it was given.
    threshold_choice: Option<ThresholdChoice>,
    steps: usize,
    steps_scored: usize,
    #[serde(flatten)]
    result: ProcessBench,
}

pub(super) fn run(
    input: &ProcessArgs,
    threshold: &ThresholdArgs,
    subset: Option<&str>,
) -> Result<()> {
    let keys: Vec<&str> = [Some(LABEL), subset].into_iter().flatten().collect();
    let steps = Steps::load(input, Several::Refused, &keys)?;
    let solutions = solutions(&steps, subset)?;
    tell_contradictions(&steps.examples, &solutions);
    let expected = "scored solutions, some right and some wrong in every subset";
    let threshold = Threshold::of(threshold, expected, |path, name| {
        let other = Steps::load_other(path, input, threshold, Several::Refused, &keys)?;
        steps.tell_of_choice(&other);
        let others = self::solutions(&other, subset)?;
        Ok(choose_threshold(&others, name, QUANTILES))
    })?;
    let mut result = ProcessBench::compute(&solutions, threshold.value);
    result.add_intervals(&solutions, &steps.bootstrap);
    if input.json {
        let (steps_scored, all) = steps.counts();
        let figures = Figures {
            threshold_choice: threshold.choice,
            steps: all,
            steps_scored,
            result,
        };
        return show::json(&Report::new("processbench", &steps, figures));
    }
    show_result(&result, &threshold)?;
    steps.show_legend("solutions", solutions.len())?;
    steps.show_remarks()
}

fn solutions(steps: &Steps, subset: Option<&str>) -> Result<Vec<Solution>> {
    let pairs = steps.examples.iter().zip(&steps.scores);
    pairs
        .map(|(example, scores)| {
            Ok(Solution {
                subset: subset_of(example, subset)?,
                scores: scores.clone(),
                first_wrong: first_wrong(example)?,
            })
        })
        .collect()
}

/// Says where the ratings of the steps and `label` name other first wrong steps; the label counts.
fn tell_contradictions(examples: &[Example], solutions: &[Solution]) {
    let Some(cut) = cut(examples) else {
        return;
    };
    let contradicts = |(example, solution): &(&Example, &Solution)| {
        let wrong: Vec<Option<bool>> = (example.segments.iter())
            .map(|segment| {
                let mut ratings = segment.ratings.values();
                (ratings.len() > 0).then(|| ratings.any(|&rating| rating < cut))
            })
            .collect();
        let right = solution.first_wrong.unwrap_or(wrong.len());
        // What comes behind the first wrong step is not judged.
        wrong[..right].contains(&Some(true)) || wrong.get(right) == Some(&Some(false))
    };
    let found = examples.iter().zip(solutions).filter(contradicts).count();
    if found > 0 {
        show::warning(&format!(
            "{found} of {} solutions have ratings that name another first wrong step than \
             `meta.{LABEL}` does: the label counts, the ratings are not looked at",
            examples.len()
        ));
    }
}

/// Half way between the rating of a wrong step and that of a right one, where there are two such.
fn cut(examples: &[Example]) -> Option<f64> {
    let segments = examples.iter().flat_map(|example| &example.segments);
    let mut ratings: Vec<f64> = (segments)
        .flat_map(|segment| segment.ratings.values().copied())
        .collect();
    ratings.sort_by(f64::total_cmp);
    ratings.dedup();
    match ratings[..] {
        [low, high] => Some(f64::midpoint(low, high)),
        // All right, or all wrong, as `data import processbench` rates them.
        [only] if only == 0.0 || (only - 1.0).abs() < f64::EPSILON => Some(0.5),
        _ => None,
    }
}

/// Published ids name the subset: `gsm8k-12`.
fn subset_of(example: &Example, key: Option<&str>) -> Result<String> {
    if let Some(key) = key {
        return Ok(name_of(meta(
            example,
            key,
            "name one of them with --subset",
        )?));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    Ok(match example.id.rsplit_once('-') {
        Some((subset, number)) if digits(number) => subset.to_owned(),
        _ => "all".to_owned(),
    })
}

/// The index of the first wrong step, from 0; `None` where `label` is -1.
fn first_wrong(example: &Example) -> Result<Option<usize>> {
    let label = meta(example, LABEL, IMPORT)?;
    let count = example.segments.len();
    match label.as_i64() {
        Some(-1) => return Ok(None),
        Some(label) => {
            if let Ok(index) = usize::try_from(label)
                && index < count
            {
                return Ok(Some(index));
            }
        }
        None => {}
    }
    Err(Usage::new(format!(
        "response `{}`: field `meta.{LABEL}`: found {}, expected -1 (all steps are right) or the \
         first wrong step, from 0 to {}",
        example.id,
        short(label),
        count.saturating_sub(1),
    ))
    .with_hint(IMPORT)
    .into())
}

fn short(value: &Value) -> String {
    show::shortened(&value.to_string(), 40)
}

fn show_result(result: &ProcessBench, threshold: &Threshold) -> Result<()> {
    show::line(&format!(
        "first wrong step: the first that scores below {}{}\n",
        show::number(Some(result.threshold)),
        threshold.origin("F1")
    ))?;
    let header = [
        "subset",
        "solutions",
        "wrong",
        "found exactly, %",
        "right kept, %",
        "F1",
    ];
    let rows = result.subsets.iter().map(|subset| {
        let cell = |field, figure| bracketed(figure, subset.intervals.get(field), percent);
        vec![
            subset.subset.clone(),
            (subset.erroneous + subset.correct).to_string(),
            subset.erroneous.to_string(),
            cell("accuracy_erroneous", subset.accuracy_erroneous),
            cell("accuracy_correct", subset.accuracy_correct),
            cell("f1", subset.f1),
        ]
    });
    let average = vec![
        "average".to_owned(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        bracketed(
            result.average_f1,
            result.intervals.get("average_f1"),
            percent,
        ),
    ];
    show::line(&show::table(&header, rows.chain([average])))?;
    for subset in result.subsets.iter().filter(|subset| subset.f1.is_none()) {
        let lacks = if subset.erroneous == 0 {
            "a wrong"
        } else {
            "a right"
        };
        show::line(&format!(
            "no F1 of {}: it has no solution that is {lacks} one",
            subset.subset
        ))?;
    }
    let undecided: usize = result.subsets.iter().map(|subset| subset.undecided).sum();
    if undecided > 0 {
        show::line(&format!(
            "{undecided} solutions count as judged wrongly: a step without a score leaves open which is \
             the first wrong one"
        ))?;
    }
    Ok(())
}
