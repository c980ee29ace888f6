//! The figures without a part of the input, and with that of another record.

use std::path::Path;

use anyhow::Result;
use gradus::data::Example;
use gradus::eval::ablation::{AblatedFigures, Ablation, Part, ablated};
use gradus::eval::bootstrap::{Bootstrap, Interval};
use gradus::eval::{Aspect, Evaluation, Metric, MetricValues, ScoredResponse};

use crate::failure::Usage;
use crate::scores::{Choices, Scores};
use crate::show;

/// What an ablation needs of the evaluation.
pub(super) struct Run<'a> {
    pub(super) bundle: Option<&'a Path>,
    pub(super) examples: &'a [Example],
    pub(super) choices: &'a Choices<'a>,
    pub(super) bootstrap: &'a Bootstrap,
}

impl Run<'_> {
    /// Adds the ablation of a part to every aspect that segments are rated on.
    pub(super) fn add(
        &self,
        part: Part,
        scores: &Scores,
        aspects: &[Aspect],
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let Some(bundle) = self.bundle else {
            return Err(Usage::new("--ablate: found a score file, expected a bundle").into());
        };
        if part == Part::Context && scores.reads_context == Some(false) {
            return Err(Usage::new(format!(
                "--ablate context: {} does not read contexts, so there is nothing to take away",
                bundle.display()
            ))
            .with_hint("`gradus train --use-context` trains a model that reads them")
            .into());
        }
        let Some(records) = ablated(self.examples, part, self.bootstrap.seed) else {
            return Err(Usage::new(format!(
                "--ablate {part}: found fewer than two different {part}s in {} records, expected some to exchange",
                self.examples.len()
            ))
            .into());
        };
        let variants = [&records.without[..], &records.swapped[..]];
        let changed = Scores::of_variants(bundle, &variants, self.choices)?;
        let as_it_is: Vec<ScoredResponse> = records
            .places
            .iter()
            .map(|&place| scores.responses[place].clone())
            .collect();
        for (index, aspect) in aspects.iter().enumerate() {
            let found = Ablation::compute(
                part,
                &as_it_is,
                [&changed[0], &changed[1]],
                (index, &aspect.name),
                aspect.midpoint,
                self.bootstrap,
            );
            if found.segments > 0 {
                evaluation.aspects[index].ablations.push(found);
            } else {
                show::status(&format!(
                    "{}: no segment of a record with a {part} is both rated and scored",
                    aspect.name
                ));
            }
        }
        Ok(())
    }
}

/// An ablation as a table.
pub(super) struct AblationTable {
    pub(super) title: String,
    pub(super) heading: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) reading: String,
}

pub(super) fn table(found: &Ablation) -> AblationTable {
    let part = found.part;
    let mut header = vec!["input".to_owned()];
    header.extend(Ablation::METRICS.map(|metric| metric.figure_name().to_owned()));
    header.push("mean score".into());
    let mut rows = vec![row("as it is".into(), &found.as_it_is)];
    for (name, figures) in [
        (format!("without {part}"), &found.without),
        (format!("{part} of another record"), &found.swapped),
    ] {
        rows.push(row(name, &figures.values));
        rows.extend(differences(figures));
    }
    AblationTable {
        title: format!(
            "ablation of the {part}: {} segments in {} responses",
            found.segments, found.responses
        ),
        heading: format!("Ablation of the {part}"),
        header,
        rows,
        reading: reading(found),
    }
}

fn row(name: String, values: &MetricValues) -> Vec<String> {
    let figure = |metric: Metric| Some(metric.figure(values.get(metric)?));
    let mut row = vec![name];
    row.extend(Ablation::METRICS.map(|metric| show::number(figure(metric))));
    row.push(show::number(values.prediction_mean));
    row
}

/// The ends of the intervals of the differences; nothing without intervals.
fn differences(figures: &AblatedFigures) -> Vec<Vec<String>> {
    let ends = |interval: Option<&Interval>, metric: Option<Metric>| {
        interval.map(|interval| {
            let ends = [interval.low, interval.high];
            let [a, b] = ends.map(|end| metric.map_or(end, |metric| metric.figure(end)));
            [a.min(b), a.max(b)]
        })
    };
    let mut columns: Vec<Option<[f64; 2]>> = Ablation::METRICS
        .iter()
        .map(|metric| ends(figures.differences.get(metric), Some(*metric)))
        .collect();
    columns.push(ends(figures.score_difference.as_ref(), None));
    if columns.iter().all(Option::is_none) {
        return Vec::new();
    }
    let row = |name: &str, end: usize| {
        let cells = columns
            .iter()
            .map(|ends| signed(ends.map(|ends| ends[end])));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    vec![row("  difference from", 0), row("  to", 1)]
}

fn signed(value: Option<f64>) -> String {
    match value {
        Some(value) if value > 0.0 => format!("+{}", show::number(Some(value))),
        value => show::number(value),
    }
}

/// What the table says, in a sentence.
fn reading(found: &Ablation) -> String {
    let part = found.part;
    let metric = if found.as_it_is.get(Metric::AUROC).is_some() {
        Metric::AUROC
    } else {
        Metric::PEARSON
    };
    let value = |values: &MetricValues| show::share(values.get(metric));
    let change = |figures: &AblatedFigures| show::share(figures.mean_change);
    format!(
        "{} {} with the {part}, {} without, {} with that of another record: what is left is read from the rest of the \
         input. A score moves by {} without it, and by {} with another one.",
        metric.label(),
        value(&found.as_it_is),
        value(&found.without.values),
        value(&found.swapped.values),
        change(&found.without),
        change(&found.swapped),
    )
}
