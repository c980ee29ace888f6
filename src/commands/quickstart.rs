//! `gradus quickstart`

use std::rc::Rc;

use anyhow::Result;
use gradus::bundle::BundlePlace;
use gradus::data::{Example, GeneratorConfig, GroupKey, SplitFractions, generate, split_by};
use gradus::eval::{Aspect, Baselines, Scorer};
use gradus::train::Session;
use gradus::{RunConfig, device};

use crate::cli::QuickstartArgs;
use crate::commands::eval::{evaluate, show_brief};
use crate::commands::offset;
use crate::commands::plan;
use crate::commands::stack_at_end::{AtEnd, tell_of_stacking};
use crate::commands::train::training_plan;
use crate::output;
use crate::progress::TrainProgress;
use crate::scores::Scores;
use crate::show;

/// Configuration of quickstart: a small encoder from scratch.
const CONFIG: &str = include_str!("../../configs/quickstart.toml");
const EXAMPLES: usize = 17_000;
const FRACTIONS: SplitFractions = SplitFractions {
    train: 0.85,
    valid: 0.05,
    test: 0.1,
};

pub(crate) fn run(args: &QuickstartArgs) -> Result<()> {
    output::check_directory(&args.output)?;
    let mut config = RunConfig::parse(CONFIG, "configs/quickstart.toml")?;
    config.training.seed = args.seed;
    config.device.clone_from(&args.device.device);
    let device = device::select(config.device.as_deref())?;
    // Checks the output before the work starts; training reserves it again.
    drop(BundlePlace::take(&args.output, args.overwrite)?);

    let examples = generate(&GeneratorConfig {
        examples: EXAMPLES,
        seed: args.seed,
        ..GeneratorConfig::default()
    })?;
    let split = split_by(&examples, &[GroupKey::Prompt], FRACTIONS, args.seed)?;
    let part = |indices: &[usize]| -> Vec<Example> {
        indices
            .iter()
            .map(|&index| examples[index].clone())
            .collect()
    };
    let (train, valid, test) = (part(&split.train), part(&split.valid), part(&split.test));
    show::status(&format!(
        "generated {} examples for training, {} for validation, {} for testing, without shared prompts",
        train.len(),
        valid.len(),
        test.len(),
    ));

    let mut session = Session {
        on_preview: Some(plan::shown_generated(&train, &valid, &config.text.aspects)),
        ..Session::watched_by(TrainProgress::new())
    };
    let config = offset::settled(&config, &train[..], &valid[..])?;
    let settings = config.check()?;
    let plan = training_plan(&config, settings, &args.output, args.overwrite, &train)?;
    let (at_end, valid): (_, Rc<[Example]>) = (AtEnd::default(), valid.into());
    session.on_bundle = at_end.of_run(&config, &plan, &valid, &device)?;
    let report = gradus::train::train(&plan, &train, &valid, &device, session)?;
    show::training(&report);
    tell_of_stacking(&at_end.found());

    let scorer = Scorer::load(&args.output, &device)?;
    let baselines = Baselines::fit(scorer.aspects(), &train)?;
    let aspects: Vec<Aspect> = scorer.aspects().map(Aspect::named).collect();
    let scores = Scores::score(&scorer, &args.output, &test, None)?;
    let evaluation = evaluate(&scores, &aspects, &test, &baselines)?;
    if args.json {
        show::json(&evaluation)?;
    } else {
        show_brief(&evaluation)?;
        show_response(&scorer, &test)?;
    }
    show::status(&format!("\nbundle saved: {}", args.output.display()));
    Ok(())
}

/// Prints the test response with the widest range of ratings, its segments colored by score.
fn show_response(scorer: &Scorer, examples: &[Example]) -> Result<()> {
    let spread = |example: &&Example| {
        let ratings = || {
            example
                .segments
                .iter()
                .flat_map(|segment| segment.ratings.values().copied())
        };
        let (low, high) = (
            ratings().fold(f64::MAX, f64::min),
            ratings().fold(f64::MIN, f64::max),
        );
        high - low
    };
    let Some(example) = examples
        .iter()
        .max_by(|a, b| spread(a).total_cmp(&spread(b)))
    else {
        return Ok(());
    };
    let scores = scorer.score(std::slice::from_ref(example))?;
    show::line(&format!("\nA held-out prompt:\n  {}", example.prompt))?;
    show::line("Its response, segment by segment:\n  score  rating")?;
    for (k, (segment, score)) in example.segments.iter().zip(&scores[0].segments).enumerate() {
        let score = score.scores().and_then(|scores| scores.first().copied());
        let rating = segment.ratings.values().next().copied();
        let style = score.map_or_else(anstyle::Style::new, show::score_style);
        let numbers = format!("  {:>5}  {:>6}  ", show::short(score), show::short(rating));
        show::styled_line(&numbers, style, example.segment_text(k).trim())?;
    }
    Ok(())
}
