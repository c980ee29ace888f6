//! What `train --dry-run` prints and writes: the plan of a run, with its expected time and memory.

use anyhow::Result;
use gradus::StackOption;
use gradus::data::AtomicFile;
use gradus::eval::report::drawing::{Document, Section, Table, ToneSentence};
use gradus::train::{Rehearsal, TrainConfig};
use serde::Serialize;
use serde_json::{Map, Value};

use super::plan::{ASPECTS, Ratings, SPLITS, aspects};
use super::settings::Paths;
use crate::cli::{PageArgs, TrainArgs};
use crate::{output, show};

/// A run that was not done.
#[derive(Serialize)]
pub(crate) struct Rehearsed {
    #[serde(flatten)]
    pub(crate) rehearsal: Rehearsal,
    /// The ratings of train and valid.
    pub(crate) ratings: [Ratings; 2],
    /// The settings of the training.
    pub(crate) settings: Map<String, Value>,
}

/// Settings that are not written where they have their default, and that default.
const UNWRITTEN: [(&str, &str); 1] = [("precision", "f32")];

/// All settings of the training, those at their default too, and what its end does with the scores.
pub(crate) fn settings(training: &TrainConfig, stack: StackOption) -> Result<Map<String, Value>> {
    let mut settings = match serde_json::to_value(training)? {
        Value::Object(settings) => settings,
        other => anyhow::bail!("the settings of a training are no table: {other}"),
    };
    for (name, default) in UNWRITTEN {
        settings.entry(name).or_insert_with(|| default.into());
    }
    settings.insert("stack".into(), serde_json::to_value(stack)?);
    Ok(settings)
}

/// Opens the page of `--html`.
pub(crate) fn page(args: &TrainArgs, paths: &Paths<'_>) -> Result<Option<AtomicFile>> {
    let page = PageArgs {
        html: args.html.clone(),
        overwrite: args.run.overwrite,
    };
    output::page(&page, &[paths.train, paths.valid])
}

/// Prints the plan, and writes its page.
pub(crate) fn show(found: &Rehearsed, args: &TrainArgs, page: Option<AtomicFile>) -> Result<()> {
    let written = match (&page, &args.html) {
        (Some(_), Some(path)) => format!("only {} was written", path.display()),
        _ => "nothing written".to_owned(),
    };
    if let Some(page) = page {
        output::write_page(page, &document(found).html())?;
    }
    if args.json {
        return show::json(found);
    }
    if args.markdown {
        show::line("# Training plan\n")?;
        show::line(&format!("{}.", found.steps()))?;
        for table in found.tables() {
            let header: Vec<&str> = table.header.iter().map(String::as_str).collect();
            let rows = show::markdown_table(&header, table.rows);
            show::line(&format!("\n## {}\n\n{rows}", table.caption))?;
        }
    } else {
        show::line(&found.steps())?;
    }
    show::status(&format!("nothing was trained, and {written}: --dry-run"));
    Ok(())
}

fn document(found: &Rehearsed) -> Document {
    Document {
        kicker: "Gradus training plan",
        title: found.rehearsal.aspects.join(", "),
        facts: vec![
            ("Steps", found.rehearsal.steps.to_string()),
            ("Epochs", found.rehearsal.epochs.to_string()),
            ("Expected time", show::duration(found.rehearsal.seconds)),
            ("Expected memory", show::binary(found.rehearsal.memory)),
            ("Parameters", found.rehearsal.num_parameters.to_string()),
        ],
        sections: vec![Section {
            name: "Plan".into(),
            sentences: vec![ToneSentence {
                good: None,
                text: format!("{}.", found.steps()),
            }],
            tables: found.tables().into(),
            notes: vec![
                "ratings that are not used lie behind what the model reads of a text, or belong to a segment that is cut. \
                 contexts: records with one, whether it is read or not."
                    .into(),
            ],
            ..Section::default()
        }],
    }
}

impl Rehearsed {
    fn steps(&self) -> String {
        let Rehearsal {
            steps,
            epochs,
            seconds,
            measured_steps,
            memory,
            num_parameters,
            ..
        } = &self.rehearsal;
        format!(
            "{steps} steps in {epochs} epochs, about {} (from {measured_steps} steps); about {} of memory, without the \
             examples; {num_parameters} parameters",
            show::duration(*seconds),
            show::binary(*memory),
        )
    }

    fn tables(&self) -> [Table; 3] {
        let header = [
            "split", "examples", "left out", "ratings", "not used", "tokens", "contexts",
        ];
        let counts = &self.rehearsal.counts;
        let rows = SPLITS.iter().zip([&counts.train, &counts.valid]);
        let rows = rows.map(|(split, counts)| {
            let unused = counts.ratings.saturating_sub(counts.rated);
            let numbers = [
                counts.examples,
                counts.examples_without_rating,
                counts.ratings,
                unused,
                counts.tokens,
                counts.context.with_context,
            ];
            let cells = numbers.iter().map(ToString::to_string);
            std::iter::once((*split).to_owned()).chain(cells).collect()
        });
        let learned = self.rehearsal.aspects.iter().map(String::as_str);
        [
            Table::new("Splits", &header, rows),
            Table::new("Ratings", &ASPECTS, aspects(learned, &self.ratings)),
            Table::new(
                "Settings",
                &["setting", "value"],
                self.settings.iter().map(setting),
            ),
        ]
    }
}

fn setting((name, value): (&String, &Value)) -> Vec<String> {
    let value = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    vec![name.clone(), value]
}
