//! `gradus train`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use gradus::bundle::{Bundle, EncoderOrigin};
use gradus::burn::tensor::Device;
use gradus::data::{Example, TextsSketch, tokenizer_notes};
use gradus::eval::Baselines;
use gradus::hub::Located;
use gradus::model::PretrainedEncoder;
use gradus::train::{
    Begin, Checkpoints, EncoderSource, Freeze, OffsetOption, Rehearsal, Session, StopHandle,
    TrainError, TrainObserver, TrainingPlan, TrainingReport, checkpoint_file, default_checkpoints,
    find_checkpoints, rehearse, rehearse_stored, train_stored,
};
use gradus::{CheckedSettings, EvalMetrics, RunConfig, device};
use serde::Serialize;

use crate::cli::TrainArgs;
use crate::commands::compare::AspectComparison;
use crate::commands::continuing::{self, OldTest, show_old_test};
use crate::commands::offset;
use crate::commands::plan::{Ratings, Told};
use crate::commands::rehearsal::{self, Rehearsed};
use crate::commands::settings::{Paths, base_config, locate, pinned, set, set_run, set_some};
use crate::commands::stack_at_end::{AtEnd, Stacked, tell_of_stacking};
use crate::commands::stored::{Stored, Survey};
use crate::failure::Usage;
use crate::progress::TrainProgress;
use crate::scores::{BASELINES, TEXTS};
use crate::{records, registry, show, signals};

/// File of a bundle or checkpoint with the configuration of the run.
const CONFIG: &str = "run.toml";

pub(crate) fn run(args: &TrainArgs) -> Result<()> {
    let resumed = args.resume.as_deref().map(find_checkpoints).transpose()?;
    let config = effective_config(args, resumed.as_deref())?;
    config.check()?;
    continuing::check(&config)?;
    let config = pinned(config)?;
    let old_test = OldTest::read(&config)?;
    let paths = Paths::of(&config)?;
    let devices = device::select_all(config.device.as_deref())?;
    let device = devices[0].device.clone();
    let stop = StopHandle::new();
    let splits = Splits::read(&config, &paths, &stop)?;
    if let Some(old_test) = &old_test {
        old_test.tell_of_shared(&splits.sketch()?)?;
    }
    let settled = splits.settled(&config)?;
    let plan = Planned {
        config: &settled,
        settings: settled.check()?,
        output: paths.output,
        overwrite: args.run.overwrite,
    };
    let session = Session {
        stop: stop.clone(),
        metrics: Box::new(EvalMetrics),
        devices,
        ..Session::default()
    };
    if args.dry_run {
        let page = rehearsal::page(args, &paths)?;
        let ratings = splits.ratings();
        let settings = rehearsal::settings(&plan.settings.training, config.stack)?;
        let rehearsal = splits.rehearse(plan, &device, session)?;
        return rehearsal::show(
            &Rehearsed {
                rehearsal,
                ratings,
                settings,
            },
            args,
            page,
        );
    }
    let mut watching = vec![observer(args.dashboard, &stop)?];
    watching.extend(registry::observers());
    let session = Session {
        observer: Box::new(watching),
        checkpoints: Some(checkpoints(args, &settled, resumed, paths.output)?),
        ..session
    };
    let at_end = AtEnd::default();
    let report = splits.train(plan, &device, session, &at_end)?;
    show::training(&report);
    let stacked = at_end.found();
    tell_of_stacking(&stacked);
    show::status(&format!("bundle saved: {}", paths.output.display()));
    let old_test = old_test.map(|test| test.judge(&config, paths.output));
    let old_test = old_test.transpose()?;
    if args.json {
        return show::json(&Reported {
            report,
            stacked,
            old_test,
        });
    }
    old_test.as_deref().map_or(Ok(()), show_old_test)
}

/// What a run prints for programs.
#[derive(Serialize)]
struct Reported {
    #[serde(flatten)]
    report: TrainingReport,
    /// What the scores are made of, for a run that weighed model and baselines together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stacked: Vec<Stacked>,
    /// The old test data before and after, for a run that continues a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_test: Option<Vec<AspectComparison>>,
}

/// The splits of a run.
enum Splits {
    Memory {
        train: Vec<Example>,
        valid: Vec<Example>,
    },
    Disk {
        stored: Box<Stored>,
        survey: Box<Survey>,
    },
}

/// The splits of a run that has a plan.
enum Ready {
    Memory {
        train: Vec<Example>,
        valid: Vec<Example>,
    },
    Disk(Box<Stored>),
}

/// What a plan is made of, besides the data.
struct Planned<'a> {
    config: &'a RunConfig,
    settings: CheckedSettings,
    output: &'a Path,
    overwrite: bool,
}

impl Splits {
    fn read(config: &RunConfig, paths: &Paths<'_>, stop: &StopHandle) -> Result<Self> {
        let Some(stored) = Stored::find(config, paths)? else {
            let train = records::read(paths.train)?;
            let valid = records::read(paths.valid)?;
            signals::stop_on_signal(stop)?;
            return Ok(Self::Memory { train, valid });
        };
        signals::stop_on_signal(stop)?;
        let of_responses = config.training.response_loss.is_some();
        let survey = stored.survey(&config.text.aspects, of_responses, stop)?;
        Ok(Self::Disk {
            stored: Box::new(stored),
            survey: Box::new(survey),
        })
    }

    /// The sketch of the training texts.
    fn sketch(&self) -> Result<TextsSketch> {
        Ok(match self {
            Self::Memory { train, .. } => TextsSketch::of(train),
            Self::Disk { survey, .. } => serde_json::from_slice(&survey.sketch)?,
        })
    }

    /// The configuration with the rate of its encoder and the offset that these splits are for, where it leaves them open.
    fn settled(&self, config: &RunConfig) -> Result<RunConfig> {
        let config = with_rate(config)?;
        match self {
            Self::Memory { train, valid } => offset::settled(&config, &train[..], &valid[..]),
            Self::Disk { stored, .. } => offset::settled(&config, &stored.train, &stored.valid),
        }
    }

    /// The ratings of train and valid.
    fn ratings(&self) -> [Ratings; 2] {
        match self {
            Self::Memory { train, valid } => [train, valid].map(|split| Ratings::of(split)),
            Self::Disk { survey, .. } => survey.told.ratings().clone(),
        }
    }

    fn train(
        self,
        planned: Planned<'_>,
        device: &Device,
        mut session: Session,
        at_end: &AtEnd,
    ) -> Result<TrainingReport> {
        let config = planned.config;
        let (splits, plan) = self.planned(planned, &mut session)?;
        Ok(match splits {
            Ready::Memory { train, valid } => {
                let valid: Rc<[Example]> = valid.into();
                session.on_bundle = at_end.of_run(config, &plan, &valid, device)?;
                gradus::train::train(&plan, &train, &valid, device, session)?
            }
            Ready::Disk(stored) => {
                let Stored { train, valid, .. } = &*stored;
                let again = Rc::new(valid.clone());
                session.on_bundle = at_end.of_run(config, &plan, &again, device)?;
                train_stored(&plan, train, valid, stored.cache(), device, session)?
            }
        })
    }

    /// What [`train`](Self::train) would be.
    fn rehearse(
        self,
        planned: Planned<'_>,
        device: &Device,
        mut session: Session,
    ) -> Result<Rehearsal> {
        let (splits, plan) = self.planned(planned, &mut session)?;
        Ok(match splits {
            Ready::Memory { train, valid } => rehearse(&plan, &train, &valid, device, session)?,
            Ready::Disk(stored) => {
                let Stored { train, valid, .. } = &*stored;
                rehearse_stored(&plan, train, valid, stored.cache(), device, session)?
            }
        })
    }

    /// The plan of the run; the session shows it before the first step.
    fn planned(self, planned: Planned<'_>, session: &mut Session) -> Result<(Ready, TrainingPlan)> {
        let Planned {
            config,
            settings,
            output,
            overwrite,
        } = planned;
        let shown = |told: Told| match config.from {
            Some(_) => told.shown_of_continued(),
            None => told.shown(),
        };
        match self {
            Self::Memory { train, valid } => {
                session.on_preview =
                    Some(shown(Told::of(&train, &valid, &config.text.aspects, &[])));
                let plan = training_plan(config, settings, output, overwrite, &train)?;
                Ok((Ready::Memory { train, valid }, plan))
            }
            Self::Disk { stored, survey } => {
                let Survey {
                    told,
                    baselines,
                    sketch,
                    ..
                } = *survey;
                session.on_preview = Some(shown(told));
                let plan = plan_with(
                    config,
                    settings,
                    output,
                    overwrite,
                    || Ok(baselines),
                    || Ok(sketch),
                )?;
                Ok((Ready::Disk(stored), plan))
            }
        }
    }
}

/// The configuration with the learning rate of its encoder, where it has none, so that a run that is resumed or repeated
/// with it has the same. Says the rate if anything learns at it.
fn with_rate(config: &RunConfig) -> Result<RunConfig> {
    let mut config = config.clone();
    if config.training.learning_rate.is_none() {
        let rate = encoder_source(&config)?.0.learning_rate()?;
        if config.training.freeze != Freeze::Encoder {
            show::status(&format!(
                "learning rate: {rate:e}, the default for this encoder"
            ));
        }
        config.training.learning_rate = Some(rate);
    }
    Ok(config)
}

/// The observer that shows the run.
#[cfg(feature = "dashboard")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it can fail")]
fn observer(dashboard: bool, stop: &StopHandle) -> Result<Box<dyn TrainObserver>> {
    Ok(if dashboard {
        Box::new(gradus::train::Dashboard::new(stop.clone()))
    } else {
        Box::new(TrainProgress::new())
    })
}

/// The observer that shows the run.
#[cfg(not(feature = "dashboard"))]
fn observer(dashboard: bool, _stop: &StopHandle) -> Result<Box<dyn TrainObserver>> {
    if dashboard {
        return Err(Usage::new("--dashboard: this build has no dashboard")
            .with_hint("build with the feature: cargo install --path . --features dashboard")
            .into());
    }
    Ok(Box::new(TrainProgress::new()))
}

/// The checkpoints of the run, and whether to resume.
fn checkpoints(
    args: &TrainArgs,
    config: &RunConfig,
    resumed: Option<PathBuf>,
    output: &Path,
) -> Result<Checkpoints> {
    let begin = match (&resumed, args.run.overwrite) {
        (Some(_), _) => Begin::Resume,
        (None, true) => Begin::Over,
        (None, false) => Begin::New,
    };
    let place = resumed.or_else(|| config.checkpoints.clone());
    Ok(Checkpoints {
        directory: match place {
            Some(place) => place,
            None => default_checkpoints(output)?,
        },
        begin,
        files: vec![(CONFIG.into(), config.to_toml()?.into_bytes())],
    })
}

/// The plan for `config`, with the additional files of the bundle.
pub(crate) fn training_plan(
    config: &RunConfig,
    settings: CheckedSettings,
    output: &Path,
    overwrite: bool,
    train: &[Example],
) -> Result<TrainingPlan> {
    let of_responses = config.training.response_loss.is_some();
    let baselines = || fitted_baselines(&config.text.aspects, of_responses, train);
    let sketch = || Ok(serde_json::to_vec(&TextsSketch::of(train))?);
    plan_with(config, settings, output, overwrite, baselines, sketch)
}

/// The same with baselines and the sketch of the training texts, which are asked for when the settings are checked.
pub(crate) fn plan_with(
    config: &RunConfig,
    settings: CheckedSettings,
    output: &Path,
    overwrite: bool,
    baselines: impl FnOnce() -> Result<Baselines>,
    sketch: impl FnOnce() -> Result<Vec<u8>>,
) -> Result<TrainingPlan> {
    let (encoder, origin) = encoder_source(config)?;
    let (aggregation, trained) = (config.aggregation(), config.trained_aggregation());
    if let Some(trained) = trained.filter(|trained| *trained != aggregation) {
        show::status(&format!(
            "response scores will be the {aggregation} of their segments; the response loss trains the {trained}"
        ));
    }
    let (mut baselines, mut sketch) = (baselines()?, sketch()?);
    if let Some(from) = &config.from {
        baselines = continuing::baselines(from, baselines)?;
        sketch = continuing::sketch(from, &sketch)?;
    }
    let plan = TrainingPlan {
        encoder,
        origin,
        text: config.text.clone(),
        model: settings.model,
        training: settings.training,
        aggregation: config.aggregation(),
        output: output.to_path_buf(),
        overwrite,
        extra_files: vec![
            (CONFIG.into(), config.to_toml()?.into_bytes()),
            (BASELINES.into(), serde_json::to_vec(&baselines)?),
            (TEXTS.into(), sketch),
        ],
    };
    if let EncoderSource::Pretrained(directory) = &plan.encoder {
        show::model_notes(&PretrainedEncoder::open(directory)?);
        for note in tokenizer_notes(directory, plan.text.max_length)? {
            show::status(&format!("note: {note}"));
        }
    }
    if let Some(template) = plan.chat_template()? {
        show::chat_template(&template);
    }
    Ok(plan)
}

/// Where the encoder comes from, and where that was downloaded from.
fn encoder_source(config: &RunConfig) -> Result<(EncoderSource, Option<EncoderOrigin>)> {
    if let Some(from) = &config.from {
        let origin = Bundle::info(from)?.manifest.encoder;
        return Ok((EncoderSource::Bundle(from.clone()), origin));
    }
    Ok(match (&config.encoder, &config.scratch) {
        (Some(name), None) => {
            let Located { directory, origin } = locate(name)?;
            refuse_bundle(&directory)?;
            (EncoderSource::Pretrained(directory), origin)
        }
        (None, Some(scratch)) => (EncoderSource::Scratch(scratch.clone()), None),
        (Some(_), Some(_)) => {
            return Err(
                Usage::new("found both an encoder and a [scratch] table, expected one").into(),
            );
        }
        (None, None) => {
            return Err(Usage::new("no encoder, expected one to start from")
                .with_hint("name a Hugging Face directory with --encoder, or give a [scratch] table in --config")
                .into());
        }
    })
}

/// Refuses a bundle as encoder.
fn refuse_bundle(directory: &Path) -> Result<()> {
    if !directory.join("manifest.json").exists() {
        return Ok(());
    }
    let message = format!(
        "--encoder {}: found a bundle, expected an encoder in Hugging Face layout",
        directory.display()
    );
    Err(Usage::new(message)
        .with_hint(
            "--from BUNDLE trains the bundle further; --init-head BUNDLE starts from its head alone",
        )
        .into())
}

/// The trivial baselines of the trained aspects, for later evaluations of the bundle.
pub(crate) fn fitted_baselines(
    wanted: &[String],
    of_responses: bool,
    train: &[Example],
) -> Result<Baselines> {
    let of_responses = train.iter().filter(|_| of_responses);
    let segments = train.iter().flat_map(|example| &example.segments);
    let ratings = segments.map(|segment| &segment.ratings);
    let ratings = ratings.chain(of_responses.map(|example| &example.ratings));
    let rated: BTreeSet<&str> = ratings
        .flat_map(BTreeMap::keys)
        .map(String::as_str)
        .collect();
    let learned = rated
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.iter().any(|w| w == name));
    Ok(Baselines::fit(learned, train)?.with_places_of_text(train)?)
}

/// The configuration from the file or the run to resume, overridden by flags.
fn effective_config(args: &TrainArgs, resumed: Option<&Path>) -> Result<RunConfig> {
    let mut config = match resumed {
        Some(directory) => resumed_config(directory, args.run.config.as_deref())?,
        None => match continuing::source(args)? {
            Some(from) => continuing::base_config(&from, args)?,
            None => base_config(&args.run)?,
        },
    };
    set_some(&mut config.old_test, args.old_test.as_ref());
    let chosen = config.training.offset.clone();
    set_run(&mut config, &args.run);
    if resumed.is_some() && config.training.offset == OffsetOption::Auto {
        config.training.offset = chosen;
    }
    let training = &mut config.training;
    set(&mut training.epochs, args.epochs.as_ref());
    set(&mut training.batch_size, args.batch_size.as_ref());
    if args.batch_size.is_some() {
        training.batch_tokens = None;
    }
    set_some(
        &mut training.micro_batch_size,
        args.micro_batch_size.as_ref(),
    );
    set(
        &mut training.checkpoint_every,
        args.checkpoint_every.as_ref(),
    );
    set_some(&mut training.learning_rate, args.learning_rate.as_ref());
    set(
        &mut training.head_learning_rate,
        args.head_learning_rate.as_ref(),
    );
    set(&mut training.seed, args.seed.as_ref());
    set(&mut training.precision, args.precision.as_ref());
    set(&mut training.loss, args.loss.as_ref());
    set(&mut training.freeze, args.freeze.as_ref());
    set(&mut training.freeze_epochs, args.freeze_epochs.as_ref());
    set(&mut training.layer_decay, args.layer_decay.as_ref());
    set(&mut config.text.scale, args.scale.as_ref());
    set(&mut config.model.head, args.head.as_ref());
    set_some(&mut config.model.lora, args.lora.as_ref());
    set_some(&mut config.model.init_head, args.init_head.as_ref());
    set_some(&mut config.aggregation, args.aggregation.as_ref());
    set(&mut config.stack, args.stack.as_ref());
    set_some(&mut config.checkpoints, args.checkpoints.as_ref());
    Ok(config)
}

/// The configuration that was saved with the run. If a file is given too, it replaces everything except the output;
/// settings that differ from the checkpoint are refused later.
fn resumed_config(directory: &Path, given: Option<&Path>) -> Result<RunConfig> {
    let saved = checkpoint_file(directory, CONFIG)?;
    for damage in &saved.damaged {
        show::status(&format!("skipped a damaged checkpoint: {damage}"));
    }
    let name = directory.join(CONFIG).display().to_string();
    let text = String::from_utf8(saved.content).map_err(|error| TrainError::Checkpoint {
        path: directory.into(),
        reason: format!("{CONFIG}: {error}"),
    })?;
    let mut saved = RunConfig::parse(&text, &name)?;
    // A run writes what it chose. One that wrote nothing was of a version that chose nothing.
    if saved.training.offset == OffsetOption::Auto {
        saved.training.offset = OffsetOption::None;
    }
    let Some(path) = given else {
        return Ok(saved);
    };
    let mut given = RunConfig::load(path)?;
    if given.training.offset == OffsetOption::Auto {
        given.training.offset = saved.training.offset;
    }
    let rate = &mut given.training.learning_rate;
    *rate = rate.or(saved.training.learning_rate);
    // A split and its digest come from one file.
    let of_split = |given: (&Option<PathBuf>, &Option<String>), saved| match given {
        (Some(path), digest) => (Some(path.clone()), digest.clone()),
        (None, _) => saved,
    };
    let saved_train = (saved.train, saved.train_sha256);
    let saved_valid = (saved.valid, saved.valid_sha256);
    let (train, train_sha256) = of_split((&given.train, &given.train_sha256), saved_train);
    let (valid, valid_sha256) = of_split((&given.valid, &given.valid_sha256), saved_valid);
    Ok(RunConfig {
        train,
        valid,
        train_sha256,
        valid_sha256,
        output: saved.output,
        ..given
    })
}
