//! A comparison of generators as tables and sentences.

use anyhow::Result;
use gradus::data::{visible_code, visible_markdown};
use gradus::eval::generators::{CorrectedMean, Gap, GeneratorMeans, MeanInterval};

use super::AspectComparison;
use crate::commands::intervals;
use crate::show;

/// Columns of the table of generators.
pub(super) const GENERATORS: [&str; 6] = [
    "generator",
    "prompts",
    "score",
    "rated",
    "judge's bias",
    "corrected",
];

/// Columns of the table of gaps.
pub(super) const GAPS: [&str; 6] = [
    "gap",
    "prompts",
    "of the scores",
    "rated",
    "judge's bias",
    "corrected",
];

/// Prints the comparison in one aspect.
pub(super) fn show(comparison: &AspectComparison, markdown: bool) -> Result<()> {
    let AspectComparison {
        aspect,
        aggregation,
        report,
        ..
    } = comparison;
    let table = |header: &[&str], rows: Vec<Vec<String>>| {
        show::line(&if markdown {
            show::markdown_table(header, rows)
        } else {
            show::table(header, rows.into_iter())
        })
    };
    if markdown {
        show::line(&format!("## {}\n", visible_markdown(aspect)))?;
    } else {
        show::line(&format!("{aspect}: score of a response ({aggregation})\n"))?;
    }
    table(
        &GENERATORS,
        report.generators.iter().map(generator).collect(),
    )?;
    show::line("")?;
    table(&GAPS, report.gaps.iter().map(gap).collect())?;
    show::line("")?;
    for gap in &report.gaps {
        let mark = if markdown { "- " } else { "" };
        let sentence = if markdown {
            gap.sentence
                .replace(&format!("`{}`", gap.a), &visible_code(&gap.a))
        } else {
            gap.sentence.clone()
        };
        show::line(&format!("{mark}{sentence}"))?;
    }
    show::line(&format!("\n{}", brackets(comparison)))
}

/// What the brackets behind figures are.
pub(super) fn brackets(comparison: &AspectComparison) -> String {
    let AspectComparison {
        bootstrap, report, ..
    } = comparison;
    let several = if report.gaps.len() > 1 {
        "; those of gaps hold together"
    } else {
        ""
    };
    format!(
        "{} intervals in brackets{several}; scores of gaps: from {} resamples of prompts (seed {})",
        intervals::confidence(bootstrap),
        bootstrap.resamples,
        bootstrap.seed
    )
}

/// The row of a generator.
pub(super) fn generator(found: &GeneratorMeans) -> Vec<String> {
    vec![
        found.name.clone(),
        found.prompts.to_string(),
        mean(found.score.as_ref()),
        found.rated.to_string(),
        mean(found.bias.as_ref()),
        corrected(found.corrected.as_ref()),
    ]
}

/// The row of a gap.
pub(super) fn gap(gap: &Gap) -> Vec<String> {
    let judged = gap.judged.as_ref();
    vec![
        pair(gap),
        gap.prompts.to_string(),
        intervals::bracketed(judged.map(|j| j.estimate), judged, show::share),
        gap.rated.to_string(),
        mean(gap.bias.as_ref()),
        corrected(gap.corrected.as_ref()),
    ]
}

/// The two generators of a gap.
pub(super) fn pair(gap: &Gap) -> String {
    format!("{} - {}", gap.a, gap.b)
}

fn mean(found: Option<&MeanInterval>) -> String {
    found.map_or_else(
        || "-".into(),
        |MeanInterval {
             estimate,
             low,
             high,
             ..
         }| {
            let [estimate, low, high] = [estimate, low, high].map(|v| show::share(Some(*v)));
            format!("{estimate} [{low}, {high}]")
        },
    )
}

fn corrected(found: Option<&CorrectedMean>) -> String {
    mean(found.map(|found| &found.mean))
}
