//! Scores to evaluate, from a bundle or a score file.

mod bundle_files;
mod checks;
mod input;
mod notes;

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use gradus::bundle::{DoubtThresholds, Offset, PredictionIntervals, ScoringChoices};
use gradus::data::{CutSegments, Example, Stride, TruncationCounts};
use gradus::device;
use gradus::eval::baselines::BaselineScores;
use gradus::eval::calibration::{Recalibrations, recalibrated};
use gradus::eval::{
    Aggregation, OFFSET_DROPPED, OFFSET_KEPT, OffsetUse, ScoreFile, ScoreFileOptions,
    ScoredResponse, ScoredSegment, Scorer, raw_responses,
};
use gradus::model::Precision;

pub(crate) use bundle_files::{BASELINES, TEXTS, renew_card, stored_baselines, stored_sketch};
use checks::check_any_score;
pub(crate) use checks::{check_any_rating, check_not_trained_on, usable, with_stride};
pub(crate) use input::ScoreInput;
use notes::{tell_left_out, tell_of_data};
pub(crate) use notes::{
    tell_of_context, tell_of_fitted, tell_of_withheld, tell_unscored_aspects, unscored,
};

use crate::commands::offset;
use crate::failure::Usage;
use crate::progress::Reading;
use crate::{progress, records, show};

/// Examples scored between updates of the progress bar.
const CHUNK: usize = 256;

/// Settings for reading scores; defaults come from the source.
#[derive(Default)]
pub(crate) struct Choices<'a> {
    /// Aspects to use, in order.
    pub(crate) aspects: Option<&'a [String]>,
    /// Aggregation of segment scores to a response score.
    pub(crate) aggregation: Option<Aggregation>,
    /// Whether to ignore the bundle's recalibration.
    pub(crate) raw: bool,
    /// What becomes of the bundle's offset; kept if not said.
    pub(crate) offset: Option<OffsetUse>,
    /// Whether the scores are those of the model alone where a baseline was added after training.
    pub(crate) unstacked: bool,
    /// Distance of windows over long responses, in tokens; without it, responses are cut.
    pub(crate) stride: Stride,
    /// Treatment of segments that do not fit completely.
    pub(crate) cut_segments: Option<CutSegments>,
    /// Device name, as for `--device`.
    pub(crate) device: Option<&'a str>,
    /// Number format of the encoder's products; that of the bundle if it is not given.
    pub(crate) precision: Option<Precision>,
    /// Whether the scores of a file may consume the examples.
    pub(crate) consumes_examples: bool,
}

/// Scores and ratings of examples, in order.
pub(crate) struct Scores {
    /// Names of the scores.
    pub(crate) aspects: Vec<String>,
    /// The responses to evaluate.
    pub(crate) responses: Vec<ScoredResponse>,
    /// Aggregation of segment scores to a response score.
    pub(crate) aggregation: Aggregation,
    /// The bundle's recalibration, if it has one.
    pub(crate) recalibration: Option<Recalibration>,
    /// The scores of a bundle with an offset as they are with the other choice of `--offset`, by aspect; not recalibrated.
    pub(crate) other_offset: Vec<BaselineScores>,
    /// What became of the bundle's offset; `None` if it has none, and for a score file.
    pub(crate) offset: Option<OffsetUse>,
    /// The bundle's thresholds of doubtful segments.
    pub(crate) thresholds: DoubtThresholds,
    /// The bundle's prediction intervals, and how its scores came about, which decides whether they hold; `None` for a
    /// score file.
    pub(crate) prediction_intervals: Option<(PredictionIntervals, ScoringChoices)>,
    /// Whether the model scores a segment without later text; `None` for a score file.
    pub(crate) causal: Option<bool>,
    /// Whether the model reads contexts; `None` for a score file.
    pub(crate) reads_context: Option<bool>,
    /// Number format of the encoder's products; `None` for a score file.
    pub(crate) precision: Option<Precision>,
}

/// The recalibrations of a bundle.
pub(crate) struct Recalibration {
    /// The maps.
    pub(crate) maps: Recalibrations,
    /// The responses with the model's own scores.
    pub(crate) raw: Vec<ScoredResponse>,
    /// Whether the responses to evaluate are recalibrated.
    pub(crate) applied: bool,
}

impl Scores {
    /// Scores `examples`, or reads their scores, of which there has to be one. The bundle or the score
    /// file determines the segments of examples without segments.
    pub(crate) fn load(
        source: &ScoreInput,
        examples: &mut Vec<Example>,
        choices: &Choices<'_>,
    ) -> Result<Self> {
        let scores = Self::of(source, examples, choices)?;
        check_any_score(source, &scores.responses)?;
        Ok(scores)
    }

    fn of(source: &ScoreInput, examples: &mut Vec<Example>, choices: &Choices<'_>) -> Result<Self> {
        match source {
            ScoreInput::Bundle(directory) => {
                let scorer = scorer(directory, choices)?;
                for example in examples.iter_mut() {
                    scorer.segment(example)?;
                }
                Self::score(&scorer, directory, examples, choices.aspects)
            }
            ScoreInput::File(path) => {
                let options = ScoreFileOptions {
                    aspects: choices.aspects,
                    limits: records::limits(),
                    ..ScoreFileOptions::default()
                };
                let reading = Reading::new("scores", options.progress.clone());
                let mut file = if choices.consumes_examples {
                    ScoreFile::of_examples(path, std::mem::take(examples), &options)?
                } else {
                    ScoreFile::read_with(path, examples, &options)?
                };
                drop(reading);
                file.cut(examples);
                tell_left_out(path, &file);
                let own = file
                    .responses
                    .iter()
                    .any(|response| response.scores.is_some());
                if own && choices.aggregation.or(file.aggregation).is_none() {
                    show::status(&format!(
                        "{}: response scores are those of the file, which does not say how they were \
                         computed (`aggregation`); --aggregation computes them from the segment scores",
                        path.display()
                    ));
                }
                if choices.aggregation.is_some() {
                    // --aggregation takes precedence over the file's response scores.
                    for response in &mut file.responses {
                        response.scores = None;
                    }
                }
                Ok(Self {
                    aspects: file.aspects,
                    responses: file.responses,
                    aggregation: choices.aggregation.or(file.aggregation).unwrap_or_default(),
                    recalibration: None,
                    other_offset: Vec::new(),
                    offset: None,
                    thresholds: DoubtThresholds::new(),
                    prediction_intervals: None,
                    causal: None,
                    reads_context: None,
                    precision: None,
                })
            }
        }
    }

    /// Scores variants of records that [`load`](Self::load) scored, in the same way: nothing is said of the data again.
    pub(crate) fn of_variants(
        directory: &Path,
        variants: &[&[Example]],
        choices: &Choices<'_>,
    ) -> Result<Vec<Vec<ScoredResponse>>> {
        let scorer = scorer(directory, choices)?;
        let scores = variants.iter().map(|examples| {
            let scores = Self::score_quietly(&scorer, examples, choices.aspects)?;
            Ok(scores.responses)
        });
        scores.collect()
    }

    /// Scores `examples` with the scorer of the bundle in `directory`. If it recalibrates, also
    /// keeps the scores before.
    pub(crate) fn score(
        scorer: &Scorer,
        directory: &Path,
        examples: &[Example],
        aspects: Option<&[String]>,
    ) -> Result<Self> {
        tell_of_data(scorer, directory, examples)?;
        Self::score_quietly(scorer, examples, aspects)
    }

    fn score_quietly(
        scorer: &Scorer,
        examples: &[Example],
        aspects: Option<&[String]>,
    ) -> Result<Self> {
        let (scores, counts) = Self::score_again(scorer, examples, aspects)?;
        if counts.any() {
            show::status(&counts.to_string());
        }
        Ok(scores)
    }

    /// The same for records of which all was said before, with what was truncated.
    pub(crate) fn score_again(
        scorer: &Scorer,
        examples: &[Example],
        aspects: Option<&[String]>,
    ) -> Result<(Self, TruncationCounts)> {
        let known: Vec<String> = scorer.aspects().map(str::to_owned).collect();
        let wanted = aspects.map_or_else(|| known.clone(), <[String]>::to_vec);
        let places = places(&known, &wanted)?;
        let mut counts = TruncationCounts::default();
        let mut scored = Vec::with_capacity(examples.len());
        let bar = progress::bar(examples.len(), "responses");
        for chunk in examples.chunks(CHUNK) {
            let (responses, found) = raw_responses(scorer, chunk)?;
            scored.extend(responses);
            counts += found;
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        let responses = columns(scored, &places);
        let aggregation = scorer.aggregation();
        let causal = Some(scorer.is_causal());
        let reads_context = Some(scorer.text_config().use_context);
        let precision = Some(scorer.precision());
        let other_offset = other_offset(scorer, examples, &responses, (&wanted, &places));
        let mut thresholds = scorer.manifest().thresholds.clone();
        let offset = scorer.offset_use();
        if offset == Some(OffsetUse::Drop) {
            thresholds.clear();
        }
        let prediction_intervals = Some((
            scorer.manifest().prediction_intervals.clone(),
            scorer.scoring_choices(),
        ));
        let Some(maps) = scorer.recalibrations().cloned() else {
            let scores = Self {
                aspects: wanted,
                responses,
                aggregation,
                recalibration: None,
                other_offset,
                offset,
                thresholds,
                prediction_intervals,
                causal,
                reads_context,
                precision,
            };
            return Ok((scores, counts));
        };
        let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let applied = !scorer.is_raw();
        let judged = if applied {
            recalibrated(&maps, &responses, &names, aggregation)
        } else {
            responses.clone()
        };
        let scores = Self {
            aspects: wanted,
            responses: judged,
            aggregation,
            recalibration: Some(Recalibration {
                maps,
                raw: responses,
                applied,
            }),
            other_offset,
            offset,
            thresholds,
            prediction_intervals,
            causal,
            reads_context,
            precision,
        };
        Ok((scores, counts))
    }
}

/// The scores of the wanted aspects, at their places in the bundle, as they are without the offset that they have, or
/// with the one that was dropped.
fn other_offset(
    scorer: &Scorer,
    examples: &[Example],
    responses: &[ScoredResponse],
    (wanted, places): (&[String], &[usize]),
) -> Vec<BaselineScores> {
    let (Some(choice), Some(offset)) = (scorer.offset_use(), scorer.offset()) else {
        return Vec::new();
    };
    let name = match choice {
        OffsetUse::Keep => OFFSET_DROPPED,
        OffsetUse::Drop => OFFSET_KEPT,
    };
    let offsets: Vec<Vec<Vec<f64>>> = examples.iter().map(|one| offset.predict(one)).collect();
    // `None` for an aspect whose scores are the same with either choice, or do not tell those of the other.
    let of_aspect = |(column, (aspect, &place)): (usize, (&String, &usize))| {
        if offset.aspects[place].is_none() {
            return None;
        }
        let of_response = |(response, added): (&ScoredResponse, &Vec<Vec<f64>>)| {
            let segments = response.segments.iter().zip(added);
            let other = |(segment, added): (&ScoredSegment, &Vec<f64>)| {
                // A segment without a score is not judged.
                let score = segment.scores.as_ref().map_or(0.0, |scores| scores[column]);
                offset.aspects[place].other(choice, score, added[place])
            };
            segments.map(other).collect::<Option<Vec<f64>>>()
        };
        let scores = responses.iter().zip(&offsets).map(of_response);
        Some(BaselineScores {
            name: name.to_owned(),
            aspect: aspect.clone(),
            scores: scores.collect::<Option<_>>()?,
        })
    };
    let columns = wanted.iter().zip(places).enumerate();
    columns.filter_map(of_aspect).collect()
}

/// The scorer of a bundle in this precision, or in that of the bundle, with a note where the device has no such
/// products.
pub(crate) fn load(
    directory: &Path,
    device: &Device,
    precision: Option<Precision>,
) -> Result<Scorer> {
    let scorer = Scorer::load(directory, device)?;
    let precision = precision.unwrap_or(scorer.manifest().precision());
    Ok(scorer.with_precision(usable(precision, device)))
}

/// The scorer of a bundle, with the settings of the command line.
pub(crate) fn scorer(directory: &Path, choices: &Choices<'_>) -> Result<Scorer> {
    let device: Device = device::select(choices.device)?;
    let mut scorer = load(directory, &device, choices.precision)?;
    if let Some(aggregation) = choices.aggregation {
        scorer = scorer.with_aggregation(aggregation);
    }
    if choices.raw {
        scorer = scorer.raw();
    }
    scorer = offset::chosen(scorer, directory, choices.offset)?;
    if choices.unstacked && scorer.offset().is_some_and(Offset::is_stacked) {
        scorer = scorer.with_offset(OffsetUse::Drop);
    }
    scorer = with_stride(scorer, choices.stride);
    if let Some(policy) = choices.cut_segments {
        scorer = scorer.with_cut_segments(policy);
    }
    Ok(scorer)
}

/// Indices of the scores of the `wanted` aspects.
fn places(known: &[String], wanted: &[String]) -> Result<Vec<usize>> {
    let place = |name: &String| {
        let place = known.iter().position(|known| known == name);
        place.ok_or_else(|| {
            let known = known.join(", ");
            Usage::new(format!(
                "--aspects: found `{name}`, expected one of the bundle's: {known}"
            ))
        })
    };
    Ok(wanted.iter().map(place).collect::<Result<_, _>>()?)
}

/// Keeps only the scores at `places`, in that order.
fn columns(mut scored: Vec<ScoredResponse>, places: &[usize]) -> Vec<ScoredResponse> {
    let segments = scored
        .iter_mut()
        .flat_map(|response| &mut response.segments);
    for scores in segments.filter_map(|segment| segment.scores.as_mut()) {
        *scores = places.iter().map(|&place| scores[place]).collect();
    }
    scored
}
