//! `gradus audit`: answers that say nothing, scored beside real ones.

mod page;
mod table;

use anyhow::Result;
use burn::tensor::Device;
use gradus::data::Example;
use gradus::device;
use gradus::eval::baselines::OffsetKind;
use gradus::eval::hacks::{Danger, HackFigures, HackKind, hacks, shortcut_share};
use gradus::eval::{OffsetUse, Scorer, raw_responses};
use rand::SeedableRng as _;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::cli::JudgeAuditArgs;
use crate::commands::{intervals, offset};
use crate::failure::Usage;
use crate::{output, progress, records, show};

/// Examples scored together.
const CHUNK: usize = 256;

/// What it says of one aspect.
#[derive(Serialize)]
struct AspectAudit {
    aspect: String,
    /// The worst first.
    hacks: Vec<NamedHack>,
    /// What trivial baselines explain of the scores of the real answers' segments; both choices for a bundle with an
    /// offset, the one that is judged first.
    shortcuts: Vec<ShortcutShares>,
}

/// Shares of the variance of segment scores.
#[derive(Serialize)]
struct ShortcutShares {
    /// What becomes of the offset of the bundle, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<OffsetUse>,
    /// What position and length explain.
    position_length: Option<f64>,
    /// What the words explain, with position and length.
    bag_of_words: Option<f64>,
}

#[derive(Serialize)]
struct NamedHack {
    kind: HackKind,
    name: &'static str,
    #[serde(flatten)]
    figures: HackFigures,
}

/// A hack and its answer to each record, where it has one.
struct Answers {
    kind: HackKind,
    name: &'static str,
    examples: Vec<(usize, Example)>,
}

pub(crate) fn run(args: &JudgeAuditArgs) -> Result<()> {
    let bootstrap = intervals::bootstrap(&args.bootstrap)?;
    let page = output::page(&args.page, &[&args.bundle, &args.data])?;
    let device: Device = device::select(args.device.device.as_deref())?;
    let mut scorer = crate::scores::load(&args.bundle, &device, None)?;
    if let Some(aggregation) = args.aggregation {
        scorer = scorer.with_aggregation(aggregation);
    }
    if args.raw {
        scorer = scorer.raw();
    }
    scorer = offset::chosen(scorer, &args.bundle, args.offset.offset)?;
    let examples = drawn(records::read(&args.data)?, args);
    if examples.len() < 2 {
        return Err(Usage::new(format!(
            "{}: found {} records with an answer, expected at least two",
            args.data.display(),
            examples.len()
        ))
        .into());
    }
    let aspects: Vec<String> = scorer.aspects().map(str::to_owned).collect();
    let real = scores(&scorer, &examples)?;
    let mut audits: Vec<AspectAudit> = aspects
        .into_iter()
        .map(|aspect| AspectAudit {
            aspect,
            hacks: Vec::new(),
            shortcuts: Vec::new(),
        })
        .collect();
    add_shortcuts(&mut audits, &scorer, &examples)?;
    for answers in answers(&examples) {
        let texts: Vec<Example> = answers.examples.iter().map(|(_, e)| e.clone()).collect();
        let scored = scores(&scorer, &texts)?;
        for (aspect, audit) in audits.iter_mut().enumerate() {
            let mut hack = vec![None; examples.len()];
            for ((place, _), scores) in answers.examples.iter().zip(&scored) {
                hack[*place] = scores[aspect];
            }
            let real: Vec<Option<f64>> = real.iter().map(|scores| scores[aspect]).collect();
            audit.hacks.push(NamedHack {
                kind: answers.kind,
                name: answers.name,
                figures: HackFigures::compute(&hack, &real, &bootstrap),
            });
        }
    }
    for audit in &mut audits {
        let wins = |hack: &NamedHack| hack.figures.wins.unwrap_or(-1.0);
        audit.hacks.sort_by(|a, b| wins(b).total_cmp(&wins(a)));
    }
    if let Some(page) = page {
        let document = page::document(&audits, args, &bootstrap, examples.len())?;
        output::write_page(page, &document.html())?;
    }
    if args.format.json {
        show::json(&audits)?;
    } else {
        for (index, audit) in audits.iter().enumerate() {
            if index > 0 {
                show::line("")?;
            }
            table::show(audit, &bootstrap, args.format.markdown)?;
        }
    }
    let great = audits.iter().map(|audit| audit.of(Danger::Great).count());
    let great: usize = great.sum();
    if args.strict && great > 0 {
        return Err(Usage::new(format!(
            "{great} answers that say nothing win in half of the prompts or more"
        ))
        .into());
    }
    Ok(())
}

/// At most so many of the records with an answer, in their order.
fn drawn(mut examples: Vec<Example>, args: &JudgeAuditArgs) -> Vec<Example> {
    examples.retain(|example| !example.response.trim().is_empty());
    let most = args.prompts.get();
    if examples.len() > most {
        let mut random = ChaCha8Rng::seed_from_u64(args.bootstrap.seed);
        let mut places = sample(&mut random, examples.len(), most).into_vec();
        places.sort_unstable();
        examples = places
            .into_iter()
            .map(|place| examples[place].clone())
            .collect();
    }
    examples
}

/// Every hack with its answers. The other answer of a record is that of the first one behind it, going round, with
/// another prompt and another answer.
fn answers(examples: &[Example]) -> Vec<Answers> {
    let mut all: Vec<Answers> = Vec::new();
    for (place, example) in examples.iter().enumerate() {
        let behind = examples[place..].iter().chain(&examples[..place]);
        let mut others =
            behind.filter(|o| o.prompt != example.prompt && o.response != example.response);
        let nobody = Example::default();
        let other = others.next().unwrap_or(&nobody);
        for hack in hacks(example, other) {
            let answer = Example {
                id: example.id.clone(),
                prompt: example.prompt.clone(),
                context: example.context.clone(),
                response: hack.text,
                ..Example::default()
            };
            let of_name = all.iter_mut().find(|answers| answers.name == hack.name);
            match of_name {
                Some(answers) => answers.examples.push((place, answer)),
                None => all.push(Answers {
                    kind: hack.kind,
                    name: hack.name,
                    examples: vec![(place, answer)],
                }),
            }
        }
    }
    all
}

/// The score of every response, by aspect.
fn scores(scorer: &Scorer, examples: &[Example]) -> Result<Vec<Vec<Option<f64>>>> {
    let mut all = Vec::with_capacity(examples.len());
    let bar = progress::bar(examples.len(), "responses");
    for chunk in examples.chunks(CHUNK) {
        let mut chunk = chunk.to_vec();
        for example in &mut chunk {
            scorer.segment(example)?;
        }
        let scores = scorer.score(&chunk)?.into_iter();
        all.extend(scores.map(|scores| scores.response));
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Adds to every aspect what trivial baselines explain of the scores of segments, before recalibration.
fn add_shortcuts(audits: &mut [AspectAudit], scorer: &Scorer, examples: &[Example]) -> Result<()> {
    let mut cut = examples.to_vec();
    for example in &mut cut {
        scorer.segment(example)?;
    }
    let (responses, _) = raw_responses(scorer, &cut)?;
    let offset = scorer.offset();
    let added: Option<Vec<Vec<Vec<f64>>>> =
        offset.map(|offset| cut.iter().map(|one| offset.predict(one)).collect());
    let own = scorer.offset_use();
    let other = match own {
        Some(OffsetUse::Drop) => OffsetUse::Keep,
        _ => OffsetUse::Drop,
    };
    for (aspect, audit) in audits.iter_mut().enumerate() {
        let scores: Vec<Vec<Option<f64>>> = responses
            .iter()
            .map(|response| {
                let segments = response.segments.iter();
                segments
                    .map(|one| one.scores.as_ref().map(|scores| scores[aspect]))
                    .collect()
            })
            .collect();
        audit.shortcuts.push(ShortcutShares::of(own, &cut, &scores));
        if let (Some(offset), Some(own), Some(added)) = (offset, own, &added) {
            let of = &offset.aspects[aspect];
            let moved = |(scores, added): (&Vec<Option<f64>>, &Vec<Vec<f64>>)| {
                let both = scores.iter().zip(added);
                both.map(|(score, added)| of.other(own, (*score)?, added[aspect]))
                    .collect()
            };
            let scores: Vec<Vec<Option<f64>>> = scores.iter().zip(added).map(moved).collect();
            // Scores in which the model has no weight do not tell its own.
            if scores.iter().flatten().all(Option::is_none) {
                continue;
            }
            audit
                .shortcuts
                .push(ShortcutShares::of(Some(other), &cut, &scores));
        }
    }
    Ok(())
}

impl ShortcutShares {
    fn of(offset: Option<OffsetUse>, examples: &[Example], scores: &[Vec<Option<f64>>]) -> Self {
        let share = |kind| shortcut_share(kind, examples, scores);
        Self {
            offset,
            position_length: share(OffsetKind::PositionLength),
            bag_of_words: share(OffsetKind::BagOfWords),
        }
    }

    /// In words.
    fn line(&self) -> String {
        let offset = self
            .offset
            .map_or_else(String::new, |choice| format!(" (offset: {choice})"));
        format!(
            "of the variance of segment scores{offset}, position and length explain {}, words {}",
            show::share(self.position_length),
            show::share(self.bag_of_words)
        )
    }
}
