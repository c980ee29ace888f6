//! `gradus compare-generators`

mod page;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::tensor::Device;
use gradus::data::{Example, fold_text};
use gradus::device;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::generators::{
    GeneratorOptions, GeneratorReport, PromptAnswers, compare_generators,
};
use gradus::eval::{Aggregation, ScoredResponse, Scorer};
use serde::Serialize;
use serde_json::Value;

use crate::cli::CompareGeneratorsArgs;
use crate::commands::compare::FEWEST_RESAMPLES;
use crate::commands::{intervals, offset};
use crate::failure::Usage;
use crate::scores::{self, Scores};
use crate::{output, records, show};

/// The comparison in one aspect, for programs.
#[derive(Serialize)]
struct AspectComparison {
    aspect: String,
    /// How segment scores, and ratings of segments, became those of a response.
    aggregation: String,
    bootstrap: Bootstrap,
    #[serde(flatten)]
    report: GeneratorReport,
}

/// Scored records of a file.
struct Answers {
    responses: Vec<ScoredResponse>,
    /// For each response, the prompt and the generator; `None` where the record does not name one.
    keys: Vec<(String, Option<String>)>,
}

pub(crate) fn run(args: &CompareGeneratorsArgs) -> Result<()> {
    let key = key(&args.by)?;
    let bootstrap = intervals::bootstrap(&args.bootstrap)?;
    if bootstrap.resamples < FEWEST_RESAMPLES {
        let found = bootstrap.resamples;
        let message = format!("--resamples: found {found}, expected at least {FEWEST_RESAMPLES}");
        return Err(Usage::new(message).into());
    }
    let inputs = [Some(&args.bundle), Some(&args.answers), args.rated.as_ref()];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
    let page = output::page(&args.page, &inputs)?;
    let device: Device = device::select(args.device.device.as_deref())?;
    let mut scorer = scores::load(&args.bundle, &device, None)?;
    if let Some(aggregation) = args.aggregation {
        scorer = scorer.with_aggregation(aggregation);
    }
    if args.raw {
        scorer = scorer.raw();
    }
    scorer = offset::chosen(scorer, &args.bundle, args.offset.offset)?;
    let aspects = args.aspects.names();
    let unrated = answers(&scorer, &args.bundle, &args.answers, key, aspects)?;
    let rated = args.rated.as_deref();
    let rated = rated
        .map(|path| answers(&scorer, &args.bundle, path, key, aspects))
        .transpose()?;
    let names = names(&unrated, rated.as_ref());
    if names.len() < 2 {
        return Err(Usage::new(format!(
            "--by {}: found {} in {}, expected at least two generators",
            args.by,
            names
                .first()
                .map_or_else(|| "none".to_owned(), |name| format!("only `{name}`")),
            args.answers.display()
        ))
        .into());
    }
    let aggregation = scorer.aggregation();
    let mut options = GeneratorOptions::default();
    options.bootstrap.clone_from(&bootstrap);
    let known: Vec<String> = scorer.aspects().map(str::to_owned).collect();
    let mut comparisons = Vec::new();
    for (index, aspect) in aspects
        .unwrap_or(&known)
        .iter()
        .map(String::as_str)
        .enumerate()
    {
        let of = |answers: &Answers| by_prompt(answers, &names, (index, aspect), aggregation);
        let mut rated = rated.as_ref().map(of).unwrap_or_default();
        rated.retain(|_, answers| answers.ratings.iter().any(Option::is_some));
        // A prompt is either in the rated sample or outside of it.
        let unrated: Vec<PromptAnswers> = of(&unrated)
            .into_iter()
            .filter(|(prompt, _)| !rated.contains_key(prompt))
            .map(|(_, answers)| answers)
            .collect();
        let rated: Vec<PromptAnswers> = rated.into_values().collect();
        comparisons.push(AspectComparison {
            aspect: aspect.to_owned(),
            aggregation: aggregation.to_string(),
            bootstrap: bootstrap.clone(),
            report: compare_generators(&names, &unrated, &rated, &options),
        });
    }
    check_paired(&comparisons, args)?;
    if let Some(page) = page {
        output::write_page(page, &page::document(&comparisons, args)?.html())?;
    }
    if args.format.json {
        return show::json(&comparisons);
    }
    for (index, comparison) in comparisons.iter().enumerate() {
        if index > 0 {
            show::line("")?;
        }
        table::show(comparison, args.format.markdown)?;
    }
    Ok(())
}

/// The key of `meta` in `meta.KEY`.
fn key(by: &str) -> Result<&str> {
    let key = by.strip_prefix("meta.").filter(|key| !key.is_empty());
    key.ok_or_else(|| {
        Usage::new(format!(
            "--by: found `{by}`, expected meta.KEY, such as meta.generator"
        ))
        .into()
    })
}

/// Reads and scores a file.
fn answers(
    scorer: &Scorer,
    bundle: &Path,
    path: &Path,
    key: &str,
    aspects: Option<&[String]>,
) -> Result<Answers> {
    let mut examples = records::read(path)?;
    for example in &mut examples {
        scorer.segment(example)?;
    }
    let keys: Vec<(String, Option<String>)> = examples
        .iter()
        .map(|example| (fold_text(&example.prompt), generator(example, key)))
        .collect();
    let nameless = keys
        .iter()
        .filter(|(_, generator)| generator.is_none())
        .count();
    if nameless == examples.len() {
        return Err(Usage::new(format!(
            "{}: no record has `{key}` in its `meta`, expected the name of its generator there",
            path.display()
        ))
        .into());
    }
    if nameless > 0 {
        show::status(&format!(
            "{}: {nameless} of {} records have no `{key}` in their `meta`; they are left out",
            path.display(),
            examples.len()
        ));
    }
    Ok(Answers {
        responses: Scores::score(scorer, bundle, &examples, aspects)?.responses,
        keys,
    })
}

fn generator(example: &Example, key: &str) -> Option<String> {
    match example.meta.get(key)? {
        Value::String(name) => Some(name.clone()).filter(|name| !name.trim().is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The generators of both files, sorted.
fn names(unrated: &Answers, rated: Option<&Answers>) -> Vec<String> {
    let keys = rated.into_iter().flat_map(|rated| &rated.keys);
    let names = unrated.keys.iter().chain(keys);
    let names: BTreeSet<&String> = names.filter_map(|(_, name)| name.as_ref()).collect();
    names.into_iter().cloned().collect()
}

/// Mean score and mean rating of each generator's answers, by prompt.
fn by_prompt(
    answers: &Answers,
    names: &[String],
    (index, aspect): (usize, &str),
    aggregation: Aggregation,
) -> BTreeMap<String, PromptAnswers> {
    let mut all: BTreeMap<&str, Vec<[Vec<f64>; 2]>> = BTreeMap::new();
    for (response, (prompt, name)) in answers.responses.iter().zip(&answers.keys) {
        let Some(place) = names.iter().position(|known| Some(known) == name.as_ref()) else {
            continue;
        };
        let of_prompt = all.entry(prompt);
        let of_prompt = of_prompt.or_insert_with(|| vec![Default::default(); names.len()]);
        let [scores, ratings] = &mut of_prompt[place];
        scores.extend(response.score(index, aggregation));
        ratings.extend(rating(response, aspect, aggregation));
    }
    let mean = |values: &Vec<f64>| {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    all.into_iter()
        .map(|(prompt, answers)| {
            let [scores, ratings] = [0, 1].map(|of| answers.iter().map(|a| mean(&a[of])).collect());
            (prompt.to_owned(), PromptAnswers { scores, ratings })
        })
        .collect()
}

/// The rating of a response: its own, or that of its segments if all are rated.
fn rating(response: &ScoredResponse, aspect: &str, aggregation: Aggregation) -> Option<f64> {
    if let Some(rating) = response.ratings.get(aspect) {
        return Some(*rating);
    }
    let segments = response.segments.iter();
    let ratings: Option<Vec<f64>> = segments.map(|s| s.ratings.get(aspect).copied()).collect();
    aggregation.aggregate(&ratings?)
}

/// Refuses generators that never answer the same prompt, and a rated file that rates none of them.
fn check_paired(comparisons: &[AspectComparison], args: &CompareGeneratorsArgs) -> Result<()> {
    let gaps = || comparisons.iter().flat_map(|c| &c.report.gaps);
    if gaps().all(|gap| gap.prompts == 0 && gap.rated == 0) {
        return Err(Usage::new(format!(
            "{}: no prompt has scored answers of two generators",
            args.answers.display()
        ))
        .with_hint("generators are compared on equal prompts, up to case and white space")
        .into());
    }
    let Some(rated) = &args.rated else {
        show::status(
            "no rated answers: the gaps are those of the judge, and its bias is unknown; --rated corrects it",
        );
        return Ok(());
    };
    if gaps().all(|gap| gap.corrected.is_none()) {
        return Err(Usage::new(format!(
            "{}: found no pair of generators with at least three prompts at which answers of both are rated and \
             scored",
            rated.display()
        ))
        .with_hint("a response counts as rated by its own rating, or if all of its segments are rated")
        .into());
    }
    Ok(())
}
