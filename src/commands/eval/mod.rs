//! `gradus eval`

mod ablation;
mod card;
mod classes;
mod figures;
mod html;
mod markdown;
mod settings;
mod table;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::bundle::{PredictionInterval, PredictionIntervals, ScoringChoices};
use gradus::data::{AtomicFile, ContextCounts, Example, STANDARD_OUTPUT, Sample, SketchCollector};
use gradus::eval::baselines::BaselineScores;
use gradus::eval::slices::Slice;
use gradus::eval::{
    Aspect, AspectCounts, Baselines, ContextRead, Evaluation, Metric, OffsetUse, Provenance,
    ScoredResponse,
};
use gradus::model::Precision;

use self::settings::Settings;
use crate::cli::EvalArgs;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::scores::{
    Choices, ScoreInput, Scores, check_any_rating, renew_card, stored_baselines, tell_of_fitted,
    tell_of_withheld, tell_unscored_aspects, unscored,
};
use crate::{records, show};

pub(crate) use table::show_brief;

/// Bytes of text up to which the baselines of `--train` are fitted to all records.
const MOST_IN_MEMORY: usize = 64 << 20;

pub(crate) fn run(args: &EvalArgs) -> Result<()> {
    let settings = Settings::check(args)?;
    // First, so an unwritable page is an error before anything is scored.
    let pages = Pages::create(args)?;
    let is_file = settings.source.bundle().is_none();
    // Nothing is needed of the data but what is moved to the scores of a file: ids, ratings and spans.
    let consumes_examples = is_file && args.html.is_none() && args.train.is_none();
    let mut examples = if consumes_examples && args.slice.is_empty() {
        records::read_without_meta(&args.data)?
    } else {
        records::read(&args.data)?
    };
    check_any_rating(&examples)?;
    settings.check_slices(&examples)?;
    let choices = Choices {
        aspects: args.aspects.names(),
        aggregation: settings.aggregation,
        raw: args.raw,
        offset: args.offset.offset,
        stride: args.stride.stride,
        cut_segments: args.cut.segments,
        device: args.device.device.as_deref(),
        precision: args.precision.precision,
        consumes_examples,
        unstacked: false,
    };
    let scores = Scores::load(&settings.source, &mut examples, &choices)?;
    tell_what_is_read(&scores);
    if args.aspects.names().is_none() {
        tell_unscored_aspects(&scores.responses, &scores.aspects);
    }
    let aspects = settings.aspects(&scores.aspects)?;
    let train = args.train.as_deref();
    let (baselines, fitted_on) = baselines(&settings.source, train, &aspects, &examples)?;
    let mut evaluation = evaluate(&scores, &aspects, &examples, &baselines)?;
    check_judged(&evaluation)?;
    let mut provenance = Provenance::new(settings.source.name(), args.data.display().to_string());
    provenance.baselines = fitted_on;
    provenance.context = scores.reads_context.map(|reads| ContextRead {
        reads,
        counts: ContextCounts::of(&examples),
    });
    provenance.offset = scores.offset;
    evaluation.provenance = Some(provenance);
    drop(baselines);
    let responses = &scores.responses;
    evaluation.add_slices(responses, &aspects, &settings.slices, Slice::MIN_SEGMENTS);
    if settings.bootstrap.resamples > 0 {
        evaluation.add_intervals(responses, &aspects, &settings.bootstrap, &Metric::all());
    }
    tell_of_thresholds(&scores, &examples);
    let raw = scores.recalibration.as_ref();
    let raw = raw.map_or(responses, |recalibration| &recalibration.raw);
    let bootstrap = (settings.bootstrap.resamples > 0).then_some(&settings.bootstrap);
    evaluation.add_thresholds(raw, &aspects, &scores.thresholds, bootstrap);
    if let Some((intervals, choices)) = &scores.prediction_intervals {
        tell_of_intervals(intervals, choices, &examples);
        let holds = |interval: &&PredictionInterval| interval.scored_with == *choices;
        let of_aspect = |aspect: &str| intervals.get(aspect).filter(holds);
        evaluation.add_prediction_intervals(responses, &aspects, of_aspect, bootstrap);
    }
    let ablation = ablation::Run {
        bundle: settings.source.bundle(),
        examples: &examples,
        choices: &choices,
        bootstrap: &settings.bootstrap,
    };
    for &part in &args.ablate {
        ablation.add(part, &scores, &aspects, &mut evaluation)?;
    }
    if let Some(page) = pages.html {
        let evaluated = (&evaluation, &scores);
        html::write(
            page,
            args.html_responses,
            &settings.source,
            evaluated,
            &examples,
        )?;
    }
    if let (true, Some(bundle)) = (args.card, settings.source.bundle()) {
        let recalibrated = if scores.recalibration.is_some() && !args.raw {
            "of recalibrated scores"
        } else {
            "of scores without recalibration"
        };
        let made = match scores.precision.unwrap_or_default() {
            Precision::F32 => recalibrated.to_owned(),
            other => format!("{recalibrated} in {other}"),
        };
        let made = match scores.offset {
            Some(OffsetUse::Drop) => format!("{made}, with the offset dropped"),
            Some(OffsetUse::Keep) => format!("{made}, with the offset kept"),
            None => made,
        };
        renew_card(bundle, Some(&card::measured(&evaluation, &examples, &made)))?;
    }
    report(args, pages.markdown, &evaluation)
}

/// Says whether a segment is judged with what follows it.
fn tell_what_is_read(scores: &Scores) {
    if let Some(causal) = scores.causal {
        let reads = match (causal, scores.offset) {
            (true, _) => {
                "the encoder reads from left to right: a segment is judged without what follows it"
            }
            (false, Some(OffsetUse::Keep)) => {
                "a segment is judged with what follows it, which the baseline in the scores reads, so that scores of unfinished responses are not comparable"
            }
            (false, _) => {
                "the encoder reads in both directions: a segment is judged with what follows it, so that scores of unfinished responses are not comparable"
            }
        };
        show::status(reads);
    }
}

/// Warns if thresholds were chosen on the records that are judged.
fn tell_of_thresholds(scores: &Scores, examples: &[Example]) {
    for (aspect, threshold) in &scores.thresholds {
        if let Some(texts) = &threshold.texts {
            let fitted = format!("the threshold of doubtful segments ({aspect}) was chosen on");
            tell_of_fitted(&fitted, texts, examples);
        }
    }
}

/// Says which prediction intervals do not hold, and warns if they were learned on the records that are judged.
fn tell_of_intervals(
    intervals: &PredictionIntervals,
    choices: &ScoringChoices,
    examples: &[Example],
) {
    tell_of_withheld(intervals, choices);
    for (aspect, interval) in intervals {
        if let Some(texts) = &interval.texts {
            let fitted = format!("the prediction interval ({aspect}) was learned on");
            tell_of_fitted(&fitted, texts, examples);
        }
    }
}

/// Additional files to write.
struct Pages {
    html: Option<AtomicFile>,
    markdown: Option<AtomicFile>,
}

impl Pages {
    fn create(args: &EvalArgs) -> Result<Self> {
        let inputs = [&args.bundle, &args.scores, &args.train];
        let mut inputs: Vec<&Path> = inputs.into_iter().flatten().map(PathBuf::as_path).collect();
        inputs.push(&args.data);
        let create = |path: &Option<PathBuf>, content| -> Result<Option<AtomicFile>> {
            let path = path.as_deref();
            let path = path.filter(|path| *path != Path::new(STANDARD_OUTPUT));
            path.map(|path| output::create(path, content, args.overwrite, &inputs))
                .transpose()
        };
        Ok(Self {
            html: create(&args.html, Content::Html)?,
            markdown: create(&args.markdown, Content::Markdown)?,
        })
    }
}

/// Writes the page of Markdown, and the table or JSON on standard output.
fn report(args: &EvalArgs, markdown: Option<AtomicFile>, evaluation: &Evaluation) -> Result<()> {
    if let Some(mut file) = markdown {
        file.write_all(markdown::page(evaluation).as_bytes())?;
        file.commit()?;
    } else if args.markdown.is_some() {
        return show::line(markdown::page(evaluation).trim_end());
    }
    if args.json {
        show::json(evaluation)
    } else {
        table::show(evaluation)
    }
}

/// The trivial baselines of the aspects, and the data they were fitted to.
fn baselines(
    source: &ScoreInput,
    train: Option<&Path>,
    aspects: &[Aspect],
    judged: &[Example],
) -> Result<(Baselines, Option<String>)> {
    let names = || aspects.iter().map(|aspect| aspect.name.as_str());
    if let Some(path) = train {
        let (mut sample, mut texts) = (Sample::of_training(), SketchCollector::new());
        let (mut records, mut bytes) = (0, 0);
        let mut all = Some(Vec::new());
        records::each(path, SketchCollector::digest_of, |example, digest| {
            records += 1;
            bytes += example.text_bytes();
            texts.add_digest(digest);
            if let Some(kept) = &mut all {
                if bytes > MOST_IN_MEMORY {
                    kept.drain(..).for_each(|example| sample.add(example));
                    all = None;
                    sample.add(example);
                } else {
                    kept.push(example);
                }
            } else {
                sample.add(example);
            }
            Ok(())
        })?;
        let train = all.unwrap_or_else(|| sample.finish());
        tell_of_fitted(
            "the trivial baselines are fitted to",
            &texts.finish(),
            judged,
        );
        let mut fitted_on = path.display().to_string();
        if train.len() < records {
            fitted_on = format!(
                "{fitted_on} (a sample: {} of {records} records)",
                train.len()
            );
            show::status(&format!(
                "the trivial baselines are fitted to a sample: {} of {records} records of {}",
                train.len(),
                path.display()
            ));
        }
        let baselines = Baselines::fit(names(), &train)?;
        return Ok((baselines, Some(fitted_on)));
    }
    let Some(bundle) = source.bundle() else {
        show::status(
            "no trivial baselines: give the training split they are fitted on with --train",
        );
        return Ok((Baselines::default(), None));
    };
    let mut baselines = stored_baselines(bundle)?;
    let wanted = |name: &str| names().any(|wanted| wanted == name);
    baselines.aspects.retain(|entry| wanted(&entry.aspect));
    let fitted_on = (!baselines.aspects.is_empty()).then(|| "training data of the bundle".into());
    Ok((baselines, fitted_on))
}

/// Evaluates scores against ratings, with baselines and the effect of a recalibration if there is one.
pub(crate) fn evaluate(
    scores: &Scores,
    aspects: &[Aspect],
    examples: &[Example],
    baselines: &Baselines,
) -> Result<Evaluation> {
    let responses = &scores.responses;
    check_rated(responses, aspects)?;
    let mut of_segments = baselines.scores(examples);
    let wanted = |row: &&BaselineScores| aspects.iter().any(|one| one.name == row.aspect);
    of_segments.extend(scores.other_offset.iter().filter(wanted).cloned());
    let mut evaluation = Evaluation::compute(responses, aspects, scores.aggregation, &of_segments)?;
    evaluation.add_response_baselines(responses, aspects, &baselines.response_scores(examples))?;
    if let Some(recalibration) = &scores.recalibration {
        let (maps, applied) = (&recalibration.maps, recalibration.applied);
        evaluation.add_recalibration(&recalibration.raw, aspects, maps, applied);
    }
    Ok(evaluation)
}

/// Refuses scores of which none is beside a rating: no figure could be computed.
fn check_judged(evaluation: &Evaluation) -> Result<()> {
    let mut aspects = evaluation.aspects.iter();
    let is_judged = aspects.any(|aspect| {
        let responses = aspect.response_ratings.as_ref();
        aspect.counts.scored > 0 || responses.is_some_and(|found| found.counts.scored > 0)
    });
    if is_judged {
        return Ok(());
    }
    let mut lines = Vec::new();
    for aspect in &evaluation.aspects {
        let mut of = |counts: &AspectCounts, noun: &str| {
            if counts.rated > 0 {
                let (name, rated) = (&aspect.aspect, counts.rated);
                let why = unscored(&counts.unscored);
                lines.push(format!("{name}: {rated} rated {noun} ({why})"));
            }
        };
        of(&aspect.counts, "segments");
        if let Some(responses) = &aspect.response_ratings {
            of(&responses.counts, "responses");
        }
    }
    Err(Usage::new(format!(
        "nothing that is rated has a score, so that there is no figure: {}",
        lines.join("; ")
    ))
    .with_hint("`gradus data stats` shows what is rated; a score file needs the scores of these")
    .into())
}

/// Refuses data that is not rated on any aspect of the scores.
fn check_rated(responses: &[ScoredResponse], aspects: &[Aspect]) -> Result<()> {
    let of_segments = responses.iter().flat_map(|response| &response.segments);
    let of_segments = of_segments.map(|segment| &segment.ratings);
    let of_responses = responses.iter().map(|response| &response.ratings);
    let mut ratings = of_segments.chain(of_responses);
    let rated_otherwise = ratings.clone().any(|ratings| !ratings.is_empty());
    let rated = ratings.any(|ratings| {
        let known = |aspect: &Aspect| ratings.contains_key(&aspect.name);
        aspects.iter().any(known)
    });
    if rated || !rated_otherwise {
        return Ok(());
    }
    let names: Vec<&str> = aspects.iter().map(|aspect| aspect.name.as_str()).collect();
    Err(Usage::new(format!(
        "no segment and no response is rated on what is scored: {}",
        names.join(", ")
    ))
    .with_hint("check the names of the aspects with `gradus data stats`")
    .into())
}
