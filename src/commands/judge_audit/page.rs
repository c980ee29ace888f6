//! What answers that say nothing score, as a page.

use std::iter;

use anyhow::Result;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::hacks::Danger;
use gradus::eval::report::drawing::{
    Document, Ink, IntervalChart, IntervalRow, Section, Table, ToneSentence,
};

use super::table::{HEADER, WINS, row, shown};
use super::{AspectAudit, ShortcutShares};
use crate::cli::JudgeAuditArgs;
use crate::commands::intervals;

/// The whole page.
pub(super) fn document(
    audits: &[AspectAudit],
    args: &JudgeAuditArgs,
    bootstrap: &Bootstrap,
    prompts: usize,
) -> Result<Document> {
    Ok(Document {
        kicker: "Gradus audit of a judge",
        title: args.bundle.display().to_string(),
        facts: vec![
            ("Judge", args.bundle.display().to_string()),
            ("Data", args.data.display().to_string()),
            ("Prompts", prompts.to_string()),
            intervals::fact(bootstrap, "prompts"),
        ],
        sections: audits.iter().map(section).collect::<Result<_>>()?,
    })
}

fn section(audit: &AspectAudit) -> Result<Section> {
    let great = audit.of(Danger::Great).count();
    let good = match (great, audit.of(Danger::Some).count()) {
        (0, 0) => Some(true),
        (0, _) => None,
        _ => Some(false),
    };
    let rows = audit.hacks.iter().map(|hack| IntervalRow {
        name: shown(hack),
        figures: vec![hack.figures.wins.map(|wins| {
            let interval = hack.figures.wins_interval.as_ref();
            (wins, interval.map(|interval| [interval.low, interval.high]))
        })],
    });
    let chart = IntervalChart {
        title: "Wins over real answers",
        caption: format!(
            "Share of the prompts where the answer scores above the real one. The dashed lines are at {} (some danger) \
             and {} (great danger).",
            Danger::SOME,
            Danger::GREAT
        ),
        label: "wins",
        series: &[("wins", Ink::Model, "model dot")],
        rows: rows.collect(),
        lines: &[Danger::SOME, Danger::GREAT],
        shares: true,
    };
    let wins = format!(
        "{WINS}; an equal score counts half. score: mean of these answers. real: mean of the real answers to the same \
         prompts."
    );
    let shortcuts = audit.shortcuts.iter().map(ShortcutShares::line);
    Ok(Section {
        name: audit.aspect.clone(),
        sentences: vec![ToneSentence {
            good,
            text: audit.meaning(),
        }],
        tables: vec![Table::new(
            "Answers that say nothing, the worst first",
            &HEADER,
            audit.hacks.iter().map(row),
        )],
        charts: chart.draw()?.into_iter().collect(),
        notes: iter::once(wins).chain(shortcuts).collect(),
    })
}
