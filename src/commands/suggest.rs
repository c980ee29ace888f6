//! `gradus suggest`

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::{Example, ExampleWriter};
use gradus::eval::suggestion::{Candidate, Suggestion, spreads, suggest};
use gradus::eval::{ScoredResponse, Scorer};

use crate::cli::SuggestArgs;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::scores::{self, Choices, Scores};
use crate::{progress, records, show};

/// Responses whose states are read at a time.
const CHUNK: usize = 256;

pub(crate) fn run(args: &SuggestArgs) -> Result<()> {
    if args.count == 0 {
        return Err(Usage::new("--number: found 0, expected at least 1").into());
    }
    let choices = Choices {
        raw: true,
        // A baseline that several share makes them more alike than their models are.
        unstacked: true,
        stride: args.stride.stride,
        device: args.device.device.as_deref(),
        precision: args.precision.precision,
        ..Choices::default()
    };
    let scorer = scores::scorer(&args.bundles[0], &choices)?;
    let (rated, mut unrated): (Vec<Example>, Vec<Example>) =
        records::read(&args.data)?.into_iter().partition(is_rated);
    if unrated.is_empty() {
        let data = args.data.display();
        return Err(Usage::new(format!(
            "{data}: found ratings in every record, expected records without"
        ))
        .into());
    }
    let mut rated_before = rated;
    let mut inputs = vec![args.data.as_path()];
    if let Some(path) = &args.rated {
        rated_before.extend(records::read(path)?);
        inputs.push(path);
    }
    let output = output::create(&args.output, Content::Records, args.overwrite, &inputs)?;
    for example in rated_before.iter_mut().chain(&mut unrated) {
        scorer.segment(example)?;
    }
    let rated: Vec<Vec<f32>> = states(&scorer, &rated_before)?
        .into_iter()
        .flatten()
        .collect();
    let (candidates, places) = candidates(args, &scorer, &choices, &unrated)?;
    let picked = suggest(&candidates, &rated, args.count);
    let mut writer = ExampleWriter::to_file(output)?;
    for suggestion in &picked {
        writer.write(&unrated[places[suggestion.index]])?;
    }
    writer.commit()?;
    tell(args, &picked, &candidates, unrated.len());
    Ok(())
}

fn is_rated(example: &Example) -> bool {
    let mut segments = example.segments.iter();
    !example.ratings.is_empty() || segments.any(|segment| !segment.ratings.is_empty())
}

/// The responses that have a state and a spread, and their places among the examples.
fn candidates(
    args: &SuggestArgs,
    scorer: &Scorer,
    choices: &Choices<'_>,
    examples: &[Example],
) -> Result<(Vec<Candidate>, Vec<usize>)> {
    let states = states(scorer, examples)?;
    // With one bundle, there is nothing that its scores are compared with.
    let spreads = if args.bundles.len() == 1 {
        vec![Some(1.0); examples.len()]
    } else {
        spreads(&all_scores(&args.bundles, scorer, choices, examples)?)
    };
    let mut known = spreads.iter().flatten().peekable();
    if known.peek().is_some() && known.all(|&spread| spread == 0.0) {
        let problem = "found the same scores from all bundles, expected some that differ";
        return Err(Usage::new(problem)
            .with_hint("give bundles that differ in their seed or training data, or one alone")
            .into());
    }
    let found = states.into_iter().zip(spreads).enumerate();
    Ok(found
        .filter_map(|(place, (state, spread))| {
            let candidate = Candidate {
                state: state?,
                spread: spread?,
            };
            Some((candidate, place))
        })
        .unzip())
}

/// The scores of every bundle, of which one is in memory beside the first.
fn all_scores(
    bundles: &[PathBuf],
    first: &Scorer,
    choices: &Choices<'_>,
    examples: &[Example],
) -> Result<Vec<Vec<ScoredResponse>>> {
    let mut all = Vec::new();
    let mut aspects: Option<Vec<String>> = None;
    for (index, bundle) in bundles.iter().enumerate() {
        let other = (index > 0)
            .then(|| scores::scorer(bundle, choices))
            .transpose()?;
        let (scores, _) = Scores::score_again(other.as_ref().unwrap_or(first), examples, None)?;
        let expected = aspects.get_or_insert_with(|| scores.aspects.clone());
        check_aspects(bundle, &scores.aspects, expected)?;
        all.push(scores.responses);
    }
    Ok(all)
}

fn check_aspects(bundle: &Path, found: &[String], expected: &[String]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let (bundle, found, expected) = (bundle.display(), found.join(", "), expected.join(", "));
    let problem =
        format!("{bundle}: found aspects {found}, expected those of the first bundle: {expected}");
    Err(Usage::new(problem).into())
}

/// The mean segment states of responses.
fn states(scorer: &Scorer, examples: &[Example]) -> Result<Vec<Option<Vec<f32>>>> {
    let bar = progress::bar(examples.len(), "states");
    let mut states = Vec::with_capacity(examples.len());
    for chunk in examples.chunks(CHUNK) {
        let prepared: Result<Vec<_>, _> = chunk
            .iter()
            .map(|example| scorer.preparer().prepare(example))
            .collect();
        states.extend(scorer.mean_states(&prepared?)?);
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(states)
}

fn tell(args: &SuggestArgs, picked: &[Suggestion], candidates: &[Candidate], unrated: usize) {
    let mean = |sum: f64, count: usize| sum / count.max(1) as f64;
    let output = args.output.display();
    show::status(&format!(
        "{output}: {} of {unrated} unrated records",
        picked.len()
    ));
    if args.bundles.len() > 1 {
        let of_picked = picked.iter().map(|one| one.spread).sum();
        let of_all = candidates.iter().map(|one| one.spread).sum();
        show::status(&format!(
            "mean spread between bundles: {:.3} standard deviations, {:.3} of all",
            mean(of_picked, picked.len()),
            mean(of_all, candidates.len())
        ));
    }
    let without = unrated - candidates.len();
    if without > 0 {
        show::status(&format!(
            "{without} records were left out, as no segment of theirs has a score"
        ));
    }
    if picked.len() < args.count.min(candidates.len()) {
        show::status(
            "all others are equal to one of these or to one that is rated, or the bundles agree on them",
        );
    }
}
