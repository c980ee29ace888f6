//! `gradus experiment cell`: one run in its folder, trained, scored and written down.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use gradus::RunConfig;
use gradus::bundle::Manifest;
use gradus::data::{Example, TextsDigest};
use gradus::device;
use gradus::eval::baselines::BaselineScores;
use gradus::eval::{
    Aggregation, Baselines, JudgedAspect, Level, MetricValues, OFFSET_DROPPED, OffsetUse,
    ScoredResponse, ScoredSegment,
};
use gradus::train::find_checkpoints;
use gradus_experiment::{
    BaselineScore, CellCommand, CellResult, CellTask, JudgedRatings, JudgedSplit, Machine, Meter,
    Provenance, Ratings, cpu_seconds,
};
use gradus_files::{Lock, Target};
use sha2::{Digest as _, Sha256};
use signal_hook::consts::SIGTERM;

use crate::cli::{Cli, Command, ExperimentCellArgs};
use crate::commands::{probe, train};
use crate::failure::Usage;
use crate::records;
use crate::scores::{Choices, ScoreInput, Scores, check_any_rating, stored_baselines};

/// How long to wait for an earlier process of the same run, which saves a checkpoint.
const PATIENCE: Duration = Duration::from_mins(10);
/// Says that training is over, and only scoring is left.
const TRAINED: &str = "trained.txt";

pub(super) fn run(args: &ExperimentCellArgs) -> Result<()> {
    let place = args.folder.as_path();
    let task = CellTask::read(place)?;
    if args.while_input_is_open {
        stop_with_input()?;
    }
    let lock = Target::of_plain(&place.join("run"))?;
    let _lock = Lock::acquire(&lock, PATIENCE)?;
    if CellTask::is_complete(place) {
        return Ok(());
    }
    let meter = Meter::start();
    let starts = CellTask::count_start(place)?;
    let config = RunConfig::load(&CellTask::config(place))?;
    let bundle = CellTask::bundle(place);
    if !place.join(TRAINED).exists() {
        fit(place, &task, args.device.as_deref())?;
        fs_err::write(place.join(TRAINED), b"trained\n")?;
    }
    if let Some(columns) = &config.columns {
        records::set_columns(columns.clone());
    }
    let device = args.device.as_deref().or(config.device.as_deref());
    let splits = [
        ("valid", config.valid.as_ref()),
        ("test", task.test.as_ref()),
    ];
    let splits = splits
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?)));
    let splits = splits
        .map(|(name, path)| Ok((name.to_owned(), judged(&bundle, path, device)?)))
        .collect::<Result<_>>()?;
    let (train, valid) = digests(&bundle)?;
    let result = CellResult {
        format_version: CellResult::FORMAT_VERSION,
        labels: task.labels,
        seed: task.seed,
        splits,
        provenance: Provenance {
            version: env!("CARGO_PKG_VERSION").into(),
            program_sha256: program_digest(),
            machine: Machine::this(),
            device: device_name(device)?,
            train,
            valid,
            starts,
            wall_seconds: meter.wall_seconds(),
            cpu_seconds: cpu_seconds(),
            energy_joules: meter.energy_joules(),
        },
    };
    CellTask::complete(place, &result)?;
    if !task.keep_bundle && bundle.exists() {
        fs_err::remove_dir_all(bundle)?;
    }
    Ok(())
}

/// Asks this process to stop, as Ctrl-C does, when its standard input ends: the one that started it has ended.
fn stop_with_input() -> Result<()> {
    std::thread::Builder::new()
        .name("gradus-input".into())
        .spawn(|| {
            let mut buffer = [0; 64];
            let mut input = std::io::stdin().lock();
            while input.read(&mut buffer).is_ok_and(|read| read > 0) {}
            let _ = signal_hook::low_level::raise(SIGTERM);
        })?;
    Ok(())
}

/// Trains or fits, by the command line that a person would use, from where an earlier start was.
fn fit(place: &Path, task: &CellTask, device: Option<&str>) -> Result<()> {
    let (bundle, config) = (CellTask::bundle(place), CellTask::config(place));
    let text = |path: &Path| path.display().to_string();
    let mut arguments = vec!["gradus".to_owned(), task.command.name().into()];
    if task.command == CellCommand::Train && find_checkpoints(&bundle).is_ok() {
        arguments.extend(["--resume".into(), text(&bundle)]);
    } else {
        arguments.extend(["--config".into(), text(&config), "--overwrite".into()]);
    }
    if let Some(device) = device {
        arguments.extend(["--device".into(), device.into()]);
    }
    match Cli::try_parse_from(arguments)?.command {
        Command::Train(args) => train::run(&args),
        Command::Probe(args) => probe::run(&args),
        other => unreachable!("asked for train or probe, found {other:?}"),
    }
}

/// The scores of the bundle beside the ratings of a split.
fn judged(bundle: &Path, path: &PathBuf, device: Option<&str>) -> Result<JudgedSplit> {
    let mut examples = records::read(path)?;
    check_any_rating(&examples).with_context(|| Usage::new(path.display().to_string()))?;
    let choices = Choices {
        device,
        ..Choices::default()
    };
    let source = ScoreInput::Bundle(bundle.to_owned());
    let scores = Scores::load(&source, &mut examples, &choices)?;
    let alone = models_alone(&source, &scores, &mut examples, &choices)?;
    let baselines = stored_baselines(bundle)?;
    let mut aspects = Vec::new();
    for (index, aspect) in scores.aspects.iter().enumerate() {
        let segments = JudgedAspect::collect(&scores.responses, index, aspect);
        let aggregation = scores.aggregation;
        let whole = JudgedAspect::collect_responses(&scores.responses, index, aspect, aggregation);
        let alone = alone.iter().find(|one| &one.aspect == aspect);
        for (ratings, judged, alone) in [
            (Ratings::Segments, segments, alone),
            (Ratings::Responses, whole, None),
        ] {
            if judged.counts.rated > 0 {
                let beside = beside(aspect, ratings, &baselines, &examples);
                let alone = alone.map(|one| -> BaselineScore<'_> {
                    Box::new(|response, segment| one.scores[response][segment])
                });
                let metrics = metrics_of(&judged);
                aspects.push(JudgedRatings::new(
                    aspect, ratings, &judged, metrics, beside, alone,
                ));
            }
        }
    }
    if aspects.iter().all(|aspect| aspect.responses.is_empty()) {
        return Err(Usage::new(format!(
            "{}: found nothing rated that the model scores on {}",
            path.display(),
            scores.aspects.join(", ")
        ))
        .into());
    }
    Ok(JudgedSplit {
        data: path.display().to_string(),
        digest: TextsDigest::of(&examples),
        aspects,
    })
}

/// The scores of the model alone, for each aspect whose scores hold a baseline.
fn models_alone(
    source: &ScoreInput,
    scores: &Scores,
    examples: &mut Vec<Example>,
    choices: &Choices<'_>,
) -> Result<Vec<BaselineScores>> {
    if scores.offset.is_none() || scores.other_offset.len() == scores.aspects.len() {
        return Ok(scores.other_offset.clone());
    }
    // Of an aspect on which the model has no weight, or which has no baseline, the scores do not tell them.
    let choices = Choices {
        offset: Some(OffsetUse::Drop),
        ..*choices
    };
    let dropped = Scores::load(source, examples, &choices)?;
    let of_aspect = |(column, aspect): (usize, &String)| {
        let of_segment = |segment: &ScoredSegment| {
            // A segment without a score is not judged.
            segment.scores.as_ref().map_or(0.0, |scores| scores[column])
        };
        let of_response =
            |response: &ScoredResponse| response.segments.iter().map(of_segment).collect();
        BaselineScores {
            name: OFFSET_DROPPED.to_owned(),
            aspect: aspect.clone(),
            scores: dropped.responses.iter().map(of_response).collect(),
        }
    };
    let all = scores.aspects.iter().enumerate().map(of_aspect);
    // Of an aspect without a baseline they are the same.
    let is_other = |(column, alone): &(usize, BaselineScores)| {
        let kept = scores.responses.iter().zip(&alone.scores);
        kept.flat_map(|(response, alone)| response.segments.iter().zip(alone))
            .any(|(kept, alone)| {
                kept.scores
                    .as_ref()
                    .is_some_and(|kept| kept[*column].total_cmp(alone).is_ne())
            })
    };
    Ok(all
        .enumerate()
        .filter(is_other)
        .map(|(_, alone)| alone)
        .collect())
}

fn metrics_of(judged: &JudgedAspect) -> MetricValues {
    let midpoint = judged.midpoint(None);
    let pairs = judged.pairs(Level::Segment, Aggregation::default(), midpoint);
    MetricValues::compute(&pairs)
}

/// The trivial baselines for the ratings of an aspect, by name.
fn beside<'a>(
    aspect: &str,
    ratings: Ratings,
    baselines: &Baselines,
    examples: &[Example],
) -> Vec<(String, BaselineScore<'a>)> {
    match ratings {
        Ratings::Segments => {
            let found = baselines.scores(examples).into_iter();
            let found = found.filter(|found| found.aspect == aspect);
            found
                .map(|found| {
                    let scores = found.scores;
                    let score: BaselineScore<'a> =
                        Box::new(move |response, segment| scores[response][segment]);
                    (found.name, score)
                })
                .collect()
        }
        Ratings::Responses => {
            let found = baselines.response_scores(examples).into_iter();
            let found = found.filter(|found| found.aspect == aspect);
            found
                .map(|found| {
                    let scores = found.scores;
                    let score: BaselineScore<'a> = Box::new(move |response, _| scores[response]);
                    (found.name, score)
                })
                .collect()
        }
    }
}

/// Digests of the texts of both splits, as the bundle keeps them.
fn digests(bundle: &Path) -> Result<(TextsDigest, TextsDigest)> {
    let manifest = fs_err::read(bundle.join("manifest.json"))?;
    let manifest: Manifest = serde_json::from_slice(&manifest)?;
    let data = manifest.training.and_then(|training| training.data);
    let data = data.context("the bundle does not say what it was trained on")?;
    Ok((data.train, data.valid))
}

/// SHA-256 of this program's file.
fn program_digest() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let mut file = fs_err::File::open(program).ok()?;
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).ok()?;
    Some(format!("{:x}", hash.finalize()))
}

fn device_name(name: Option<&str>) -> Result<String> {
    Ok(match name {
        Some(name) => name.into(),
        None => device::available()
            .into_iter()
            .next()
            .map(|device| device.name)
            .context("no device")?,
    })
}
