//! The steps of solutions and their scores, for every benchmark.

use std::path::Path;

use anyhow::Result;
use gradus::data::{Example, TextsSketch, meta_name};
use gradus::eval::bootstrap::{Bootstrap, Interval};
use gradus::eval::process::LowestIsLast;
use gradus::eval::{Aggregation, ScoredResponse};
use serde_json::Value;

use crate::cli::{ProcessArgs, ThresholdArgs};
use crate::commands::intervals::{self, bracketed};
use crate::failure::Usage;
use crate::scores::{Choices, ScoreInput, Scores, tell_of_fitted};
use crate::{records, show};

/// What to do with scores of several aspects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Several<'a> {
    /// Ask for one.
    Refused,
    /// A step is as good as the lowest of its scores, but for those of one aspect, which are kept
    /// apart.
    Lowest { apart: Option<&'a str> },
}

impl<'a> Several<'a> {
    fn apart(self) -> Option<&'a str> {
        match self {
            Self::Refused => None,
            Self::Lowest { apart } => apart,
        }
    }
}

/// Records of a benchmark with one score a step.
pub(super) struct Steps {
    /// The records.
    pub(super) examples: Vec<Example>,
    /// The name of the aspect, or of several of which the lowest counts.
    pub(super) aspect: String,
    /// Scores of every step of every record; `None` if a step has none.
    pub(super) scores: Vec<Vec<Option<f64>>>,
    /// The scores of the aspect that is kept apart, where one is.
    pub(super) apart: Option<Vec<Vec<Option<f64>>>>,
    /// How intervals are computed.
    pub(super) bootstrap: Bootstrap,
}

impl Steps {
    /// Reads the records that `input` names, and their scores; `keys` of records are read by the benchmark.
    pub(super) fn load(input: &ProcessArgs, several: Several<'_>, keys: &[&str]) -> Result<Self> {
        let source = ScoreInput::of(input.bundle.as_deref(), input.scores.as_deref())?;
        source.check_options(&[
            ("--raw", input.raw),
            ("--stride", !input.stride.stride.is_auto()),
            ("--cut-segments", input.cut_segments.is_some()),
            ("--offset", input.offset.offset.is_some()),
            ("--device", input.device.device.is_some()),
        ])?;
        Self::read(&input.data, &source, input, several, keys)
    }

    /// The records that the threshold is chosen on, scored alike.
    pub(super) fn load_other(
        data: &Path,
        input: &ProcessArgs,
        threshold: &ThresholdArgs,
        several: Several<'_>,
        keys: &[&str],
    ) -> Result<Self> {
        let source = match (&input.bundle, &threshold.threshold_scores) {
            (Some(bundle), None) => ScoreInput::Bundle(bundle.clone()),
            (None, Some(scores)) => ScoreInput::File(scores.clone()),
            (Some(_), Some(_)) => {
                return Err(Usage::new(
                    "found --threshold-scores beside a bundle, which scores those records itself",
                )
                .into());
            }
            (None, None) => {
                return Err(Usage::new(
                    "found --threshold-on without --threshold-scores, expected scores of those records",
                )
                .with_hint("score them with the same program and name that file")
                .into());
            }
        };
        Self::read(data, &source, input, several, keys)
    }

    fn read(
        data: &Path,
        source: &ScoreInput,
        input: &ProcessArgs,
        several: Several<'_>,
        keys: &[&str],
    ) -> Result<Self> {
        let bootstrap = intervals::bootstrap(&input.bootstrap)?;
        let mut examples = records::read_with(data, keys)?;
        let mut asked = input.aspects.clone();
        if let (Some(asked), Some(apart)) = (&mut asked, several.apart())
            && !asked.iter().any(|name| name == apart)
        {
            asked.push(apart.to_owned());
        }
        let choices = Choices {
            aspects: asked.as_deref(),
            // Steps are looked at one by one.
            aggregation: Some(Aggregation::Mean),
            raw: input.raw,
            offset: input.offset.offset,
            stride: input.stride.stride,
            cut_segments: input.cut_segments,
            device: input.device.device.as_deref(),
            ..Choices::default()
        };
        let scores = Scores::load(source, &mut examples, &choices)?;
        if scores.aspects.len() > 1 && several == Several::Refused {
            let names = scores.aspects.join(", ");
            return Err(Usage::new(format!(
                "found scores of several aspects, expected one: {names}"
            ))
            .with_hint("choose one with --aspects")
            .into());
        }
        let names = scores.aspects.iter().map(String::as_str);
        let (apart, main): (Vec<_>, Vec<_>) = names
            .enumerate()
            .partition(|(_, name)| several.apart() == Some(*name));
        let of = |places: &[(usize, &str)]| -> Vec<Vec<Option<f64>>> {
            let of_response = |response: &ScoredResponse| {
                let steps = response.segments.iter();
                steps
                    .map(|step| lowest(step.scores.as_deref(), places))
                    .collect()
            };
            scores.responses.iter().map(of_response).collect()
        };
        if main.is_empty() {
            return Err(Usage::new(format!(
                "--aspects: found `{}` alone, expected the aspect that says how right a step is",
                several.apart().unwrap_or_default()
            ))
            .with_hint("name that in --aspects, and the other in --redundancy-aspect")
            .into());
        }
        Ok(Self {
            aspect: main
                .iter()
                .map(|(_, name)| *name)
                .collect::<Vec<_>>()
                .join(", "),
            scores: of(&main),
            apart: several.apart().map(|_| of(&apart)),
            examples,
            bootstrap,
        })
    }

    /// Says how many of these records the threshold was chosen on.
    pub(super) fn tell_of_choice(&self, chosen_on: &Self) {
        let texts = TextsSketch::of(&chosen_on.examples);
        tell_of_fitted("the threshold was chosen on", &texts, &self.examples);
    }

    /// Steps with a score, and all steps.
    pub(super) fn counts(&self) -> (usize, usize) {
        let all = self.scores.iter().flatten();
        (all.clone().flatten().count(), all.count())
    }

    /// How often the lowest step is the last one, and the interval of that share.
    pub(super) fn lowest_is_last(&self) -> (Option<LowestIsLast>, Option<Interval>) {
        let scored: Vec<Vec<f64>> = self
            .scores
            .iter()
            .map(|scores| scores.iter().copied().flatten().collect())
            .collect();
        let scored = scored.iter().map(Vec::as_slice);
        (
            LowestIsLast::compute(scored.clone()),
            LowestIsLast::interval(scored, &self.bootstrap),
        )
    }

    /// How intervals are computed, for the report: `None` where none are.
    pub(super) fn bootstrap(&self) -> Option<Bootstrap> {
        (self.bootstrap.resamples > 0).then(|| self.bootstrap.clone())
    }

    /// Prints what the brackets behind figures are, or why there are none although they were asked
    /// for: `drawn` of which there are `count` is resampled.
    pub(super) fn show_legend(&self, drawn: &str, count: usize) -> Result<()> {
        let Some(bootstrap) = self.bootstrap() else {
            return Ok(());
        };
        show::line(&if count < 2 {
            format!("no intervals: fewer than two {drawn} can be resampled")
        } else {
            intervals::legend(&bootstrap, drawn)
        })
    }

    /// Prints how often the lowest step is the last one, and how many steps have no score.
    pub(super) fn show_remarks(&self) -> Result<()> {
        let (found, interval) = self.lowest_is_last();
        if let Some(found) = found {
            let share = bracketed(Some(found.share), interval.as_ref(), percent);
            show::line(&format!(
                "\nthe last step scores lowest in {share} % of {} solutions ({:.1} % by chance)",
                found.responses,
                100.0 * found.by_chance,
            ))?;
        }
        let (scored, all) = self.counts();
        if scored < all {
            show::line(&format!("{} of {all} steps have no score", all - scored))?;
        }
        Ok(())
    }
}

/// The lowest score of a step at these places, where it has all.
fn lowest(scores: Option<&[f64]>, places: &[(usize, &str)]) -> Option<f64> {
    let scores = scores?;
    let scores = places.iter().map(|(place, _)| scores[*place]);
    let all = scores.clone().all(f64::is_finite);
    scores.reduce(f64::min).filter(|_| all)
}

/// A key of the record's `meta`, or else of the record itself.
///
/// # Errors
/// Where both have it with different values.
pub(super) fn meta_if_any<'a>(example: &'a Example, key: &str) -> Result<Option<&'a Value>> {
    match (example.meta.get(key), example.extra.get(key)) {
        (Some(in_meta), Some(beside)) if in_meta != beside => Err(Usage::new(format!(
            "response `{}`: found `{key}` twice, {} in its `meta` and {} beside it, expected one",
            example.id,
            show::shortened(&in_meta.to_string(), 40),
            show::shortened(&beside.to_string(), 40)
        ))
        .into()),
        (in_meta, beside) => Ok(in_meta.or(beside)),
    }
}

/// The same for a key that has to be there; `remedy` says what to do where it is not.
pub(super) fn meta<'a>(example: &'a Example, key: &str, remedy: &str) -> Result<&'a Value> {
    meta_if_any(example, key)?.ok_or_else(|| {
        let known: Vec<&str> = example.meta.keys().map(String::as_str).collect();
        Usage::new(format!(
            "response `{}`: found no `{key}` in its `meta`, keys there: {}",
            example.id,
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        ))
        .with_hint(remedy)
        .into()
    })
}

/// A value of `meta` as a name.
pub(super) fn name_of(value: &Value) -> String {
    meta_name(value).unwrap_or_else(|| "null".into())
}

/// A share in per cent: `-` where it does not exist.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1}", 100.0 * share))
}
