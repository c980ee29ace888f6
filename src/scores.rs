//! Scores to evaluate, from a bundle or a score file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use burn::tensor::Device;
use gradus::data::{
    ContextCounts, CutSegments, Example, TextsDigest, TextsSketch, TruncationCounts,
};
use gradus::device;
use gradus::eval::calibration::{Recalibrations, recalibrated};
use gradus::eval::{
    Aggregation, Baselines, ScoreFile, ScoreFileOptions, ScoreSource, ScoredResponse, Scorer,
    UnscoredCounts, raw_responses,
};
use gradus::model::Precision;

use gradus::bundle::{Bundle, CARD, CardRenewal, DoubtThresholds};

use crate::failure::Usage;
use crate::progress::Reading;
use crate::{progress, records, show};

/// Bundle file with the baselines fitted on the training split.
pub(crate) const BASELINES: &str = "baselines.json";
/// Bundle file with digests of the training records.
pub(crate) const TEXTS: &str = "train-texts.json";
/// Examples scored between updates of the progress bar.
const CHUNK: usize = 256;

/// A bundle that scores, or a file of scores.
pub(crate) enum ScoreInput {
    /// A trained bundle.
    Bundle(PathBuf),
    /// A score file.
    File(PathBuf),
}

impl ScoreInput {
    /// The source from `[BUNDLE]` or `--scores`, exactly one of which is required.
    pub(crate) fn of(bundle: Option<&Path>, scores: Option<&Path>) -> Result<Self> {
        match (bundle, scores) {
            (Some(bundle), None) => Ok(Self::Bundle(bundle.to_owned())),
            (None, Some(scores)) => Ok(Self::File(scores.to_owned())),
            (None, None) => Err(Usage::new(
                "found one path and no --scores, expected scores and data",
            )
            .with_hint("give a bundle and a data file, or --scores FILE and a data file")
            .into()),
            (Some(bundle), Some(_)) => Err(Usage::new(format!(
                "found both the bundle {} and --scores, expected one of them",
                bundle.display()
            ))
            .into()),
        }
    }

    /// Its name for reports.
    pub(crate) fn name(&self) -> ScoreSource {
        match self {
            Self::Bundle(path) => ScoreSource::Bundle(path.display().to_string()),
            Self::File(path) => ScoreSource::File(path.display().to_string()),
        }
    }

    /// The bundle, if it is one.
    pub(crate) fn bundle(&self) -> Option<&Path> {
        match self {
            Self::Bundle(path) => Some(path),
            Self::File(_) => None,
        }
    }
}

/// Settings for reading scores; defaults come from the source.
#[derive(Default)]
pub(crate) struct Choices<'a> {
    /// Aspects to use, in order.
    pub(crate) aspects: Option<&'a [String]>,
    /// Aggregation of segment scores to a response score.
    pub(crate) aggregation: Option<Aggregation>,
    /// Whether to ignore the bundle's recalibration.
    pub(crate) raw: bool,
    /// Distance of windows over long responses, in tokens; without it, responses are cut.
    pub(crate) stride: Option<usize>,
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
    /// The bundle's thresholds of doubtful segments.
    pub(crate) thresholds: DoubtThresholds,
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

/// Makes the model card of a bundle anew, with `measured` or what it says was measured before.
pub(crate) fn renew_card(bundle: &Path, measured: Option<&str>) -> Result<()> {
    if Bundle::renew_card(bundle, measured)? == CardRenewal::Foreign {
        show::status(&format!(
            "{}: left as it is, since it is not the model card that gradus wrote; remove it for a new one",
            bundle.join(CARD).display()
        ));
    }
    Ok(())
}

/// Checks `--stride`.
pub(crate) fn checked_stride(stride: usize) -> Result<usize> {
    if stride == 0 {
        return Err(Usage::new("--stride: found 0, expected at least 1").into());
    }
    Ok(stride)
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
                    thresholds: DoubtThresholds::new(),
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

    /// The same, and nothing is said of the data.
    pub(crate) fn score_quietly(
        scorer: &Scorer,
        examples: &[Example],
        aspects: Option<&[String]>,
    ) -> Result<Self> {
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
        if counts.any() {
            show::status(&counts.to_string());
        }
        let responses = columns(scored, &places);
        let aggregation = scorer.aggregation();
        let causal = Some(scorer.is_causal());
        let reads_context = Some(scorer.text_config().use_context);
        let precision = Some(scorer.precision());
        let thresholds = scorer.manifest().thresholds.clone();
        let Some(maps) = scorer.recalibrations().cloned() else {
            return Ok(Self {
                aspects: wanted,
                responses,
                aggregation,
                recalibration: None,
                thresholds,
                causal,
                reads_context,
                precision,
            });
        };
        let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let applied = !scorer.is_raw();
        let judged = if applied {
            recalibrated(&maps, &responses, &names, aggregation)
        } else {
            responses.clone()
        };
        Ok(Self {
            aspects: wanted,
            responses: judged,
            aggregation,
            recalibration: Some(Recalibration {
                maps,
                raw: responses,
                applied,
            }),
            thresholds,
            causal,
            reads_context,
            precision,
        })
    }
}

/// The precision if the device has such products, otherwise `f32` with a note.
pub(crate) fn usable(precision: Precision, device: &Device) -> Precision {
    let usable = precision.on(device);
    if usable != precision {
        show::status(&format!(
            "this device has no products in {precision}: computing in {usable}"
        ));
    }
    usable
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
fn scorer(directory: &Path, choices: &Choices<'_>) -> Result<Scorer> {
    let device: Device = device::select(choices.device)?;
    let mut scorer = load(directory, &device, choices.precision)?;
    if let Some(aggregation) = choices.aggregation {
        scorer = scorer.with_aggregation(aggregation);
    }
    if choices.raw {
        scorer = scorer.raw();
    }
    if let Some(stride) = choices.stride {
        scorer = scorer.with_stride(checked_stride(stride)?);
    }
    if let Some(policy) = choices.cut_segments {
        scorer = scorer.with_cut_segments(policy);
    }
    Ok(scorer)
}

/// Warns if the examples are training or validation data of the bundle, or if contexts are missing
/// or not read.
fn tell_of_data(scorer: &Scorer, directory: &Path, examples: &[Example]) -> Result<()> {
    let digest = TextsDigest::of(examples);
    let training = scorer.manifest().training.as_ref();
    let data = training.and_then(|training| training.data.as_ref());
    if data.is_some_and(|data| data.train == digest) {
        show::warning(
            "the bundle was trained on these texts: figures on them say nothing about new texts",
        );
    } else {
        if data.is_some_and(|data| data.valid == digest) {
            show::status(
                "these texts are the validation split on which the bundle's weights were chosen",
            );
        }
        tell_of_shared(directory, examples)?;
    }
    let maps = scorer.recalibrations().filter(|_| !scorer.is_raw());
    if let Some(texts) = maps.and_then(|maps| maps.texts.as_ref()) {
        tell_of_fitted(
            "the recalibration of the bundle was fitted to",
            texts,
            examples,
        );
    }
    tell_of_context(scorer, ContextCounts::of(examples));
    Ok(())
}

/// Says how many of `examples` were among the records that something was fitted to; `fitted` says what, as in
/// `the threshold was chosen on`.
pub(crate) fn tell_of_fitted(fitted: &str, sketch: &TextsSketch, examples: &[Example]) {
    let found = sketch.shared(examples);
    if found.shared == 0 {
        return;
    }
    let about = if found.exact { "" } else { "about " };
    show::warning(&format!(
        "{fitted} {about}{} of {} records that are judged: figures on them say nothing about new ones",
        found.shared, found.records
    ));
}

/// The sketch of the texts that a bundle was trained on, if it has one.
pub(crate) fn stored_sketch(directory: &Path) -> Result<Option<TextsSketch>> {
    let Some(bytes) = Bundle::read_extra(directory, TEXTS)? else {
        return Ok(None);
    };
    let sketch = serde_json::from_slice(&bytes).with_context(|| {
        let path = directory.join(TEXTS);
        Usage::new(format!("{}: not the list of this version", path.display()))
            .with_hint("remove it; the bundle then no longer knows which texts it was trained on")
    })?;
    Ok(Some(sketch))
}

/// Warns how many of the records the bundle was trained on; imported and older bundles cannot tell.
fn tell_of_shared(directory: &Path, examples: &[Example]) -> Result<()> {
    let Some(sketch) = stored_sketch(directory)? else {
        return Ok(());
    };
    let found = sketch.shared(examples);
    if found.shared > 0 {
        let about = if found.exact { "" } else { "about " };
        show::warning(&format!(
            "{about}{} of {} records were in the training data of the bundle: figures on them say \
             nothing about new texts",
            found.shared, found.records
        ));
    }
    Ok(())
}

/// Warns if contexts are missing or not read. For a model trained elsewhere it is unknown whether
/// it needs them.
pub(crate) fn tell_of_context(scorer: &Scorer, found: ContextCounts) {
    let training = scorer.manifest().training.as_ref();
    let Some(training) = training.filter(|training| training.was_trained_here()) else {
        return;
    };
    if let Some(text) = found.mismatch(scorer.text_config().use_context, training.context()) {
        show::warning(&text);
    }
}

/// Refuses data without ratings.
pub(crate) fn check_any_rating(examples: &[Example]) -> Result<()> {
    let is_rated = |example: &Example| {
        let mut segments = example.segments.iter();
        !example.ratings.is_empty() || segments.any(|segment| !segment.ratings.is_empty())
    };
    if examples.iter().any(is_rated) {
        return Ok(());
    }
    let records = examples.len();
    Err(Usage::new(format!(
        "the data has no ratings: found none in {records} records, expected at least one rated segment \
         or response"
    ))
    .with_hint(
        "`gradus data stats` shows the ratings of a file; `gradus score` scores unrated records",
    )
    .into())
}

/// How many have no score, by reason.
pub(crate) fn unscored(counts: &UnscoredCounts) -> String {
    let reasons = [
        (counts.missing, "missing"),
        (counts.truncated, "truncated"),
        (counts.no_tokens, "without a token"),
        (counts.empty, "empty"),
        (counts.no_segments, "without segments"),
        (counts.not_finite, "not finite"),
        (counts.unknown, "without a reason"),
    ];
    let found = reasons.into_iter().filter(|(count, _)| *count > 0);
    let found: Vec<String> = found.map(|(count, why)| format!("{count} {why}")).collect();
    found.join(", ")
}

/// Refuses scores of which there is none: no figure could be computed.
fn check_any_score(source: &ScoreInput, responses: &[ScoredResponse]) -> Result<()> {
    let finite =
        |scores: Option<&Vec<f64>>| scores.is_some_and(|s| s.iter().any(|s| s.is_finite()));
    let is_scored = |response: &ScoredResponse| {
        let mut segments = response.segments.iter();
        finite(response.scores.as_ref()) || segments.any(|s| finite(s.scores.as_ref()))
    };
    if responses.is_empty() || responses.iter().any(is_scored) {
        return Ok(());
    }
    let (name, hint) = match source {
        ScoreInput::Bundle(path) => (
            path,
            "--stride scores responses that are longer than the bundle reads at once",
        ),
        ScoreInput::File(path) => (
            path,
            "a score file is what `gradus score BUNDLE DATA -o FILE` writes, or scores of another program by `id`",
        ),
    };
    Err(Usage::new(format!(
        "{}: found no score in {} responses ({}), expected at least one",
        name.display(),
        responses.len(),
        unscored(&UnscoredCounts::of_responses(responses))
    ))
    .with_hint(hint)
    .into())
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

/// Reports unused and missing scores of a score file.
fn tell_left_out(path: &Path, file: &ScoreFile) {
    if file.missing_responses > 0 {
        show::status(&format!(
            "{}: no scores for {} of {} responses of the data; they count as not scored",
            path.display(),
            file.missing_responses,
            file.responses.len(),
        ));
    }
    if file.response_scores_left_out > 0 {
        show::status(&format!(
            "{}: `score` of {} responses left out: beside segment scores by aspect, a plain number is \
             ambiguous, and vice versa",
            path.display(),
            file.response_scores_left_out,
        ));
    }
    if !file.unrated_aspects.is_empty() {
        show::status(&format!(
            "{}: left out, because the data does not rate it or --aspects does not name it: {}",
            path.display(),
            file.unrated_aspects.join(", "),
        ));
    }
}

/// Reports ratings on aspects without scores.
pub(crate) fn tell_unscored_aspects(responses: &[ScoredResponse], aspects: &[String]) {
    let unscored = |names: BTreeSet<&String>| -> Vec<String> {
        let names = names.into_iter().filter(|name| !aspects.contains(*name));
        names.cloned().collect()
    };
    let of_responses = responses
        .iter()
        .flat_map(|response| response.ratings.keys());
    let of_segments = responses.iter().flat_map(|response| &response.segments);
    let of_segments = of_segments.flat_map(|segment| segment.ratings.keys());
    let segments = unscored(of_segments.collect());
    let responses = unscored(of_responses.collect());
    for (what, names) in [("segments", segments), ("responses", responses)] {
        if !names.is_empty() {
            show::status(&format!(
                "ratings of {what} not evaluated, because there are no scores for their aspect: {}",
                names.join(", ")
            ));
        }
    }
}

/// The baselines stored in the bundle; if there are none, says so.
pub(crate) fn stored_baselines(bundle: &Path) -> Result<Baselines> {
    let path = bundle.join(BASELINES);
    let Some(bytes) = Bundle::read_extra(bundle, BASELINES)? else {
        show::status(&format!(
            "{}: no {BASELINES}, so no trivial baselines; give the training split with --train",
            bundle.display()
        ));
        return Ok(Baselines::default());
    };
    let baselines = serde_json::from_slice(&bytes).with_context(|| {
        Usage::new(format!(
            "{}: not the baselines of this version",
            path.display()
        ))
        .with_hint("give the training split with --train")
    })?;
    Ok(baselines)
}
