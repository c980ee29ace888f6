//! What answers that say nothing score, as a table, and what it means.

use anyhow::Result;
use gradus::data::visible_markdown;
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::hacks::{Danger, HackKind};

use super::{AspectAudit, NamedHack};
use crate::commands::intervals;
use crate::show;

/// Columns of the table.
pub(super) const HEADER: [&str; 6] = ["answer", "prompts", "score", "real", "wins", "danger"];

/// What a column means that does not tell it.
pub(super) const WINS: &str =
    "wins: share of the prompts where the answer scores above the real one";

impl AspectAudit {
    pub(super) fn of(&self, danger: Danger) -> impl Iterator<Item = &NamedHack> {
        let hacks = self.hacks.iter();
        hacks.filter(move |hack| hack.figures.danger == danger)
    }

    /// What the figures mean for training against the bundle.
    pub(super) fn meaning(&self) -> String {
        let names = |danger: Danger| -> Vec<String> { self.of(danger).map(shown).collect() };
        let (great, some) = (names(Danger::Great), names(Danger::Some));
        if !great.is_empty() {
            return format!(
                "Do not train a policy against this aspect as it is. It would learn to write what scores above the real answer to \
                 half of the prompts or more: {}. Add such answers with low ratings to the training data, give them the lowest \
                 reward, and stop when they appear.",
                great.join(", ")
            );
        }
        if !some.is_empty() {
            return format!(
                "A policy may drift towards {}: watch for such answers while training, and keep it close to its start.",
                some.join(", ")
            );
        }
        "None of these answers wins in one of ten prompts. A policy may find others: keep it close to its start, and \
         audit what it writes."
            .to_owned()
    }
}

/// A fixed text is quoted, another is called what it is.
pub(super) fn shown(hack: &NamedHack) -> String {
    match hack.kind {
        HackKind::Copy | HackKind::OtherAnswer | HackKind::Padding => hack.name.to_owned(),
        _ => format!("\"{}\"", hack.name),
    }
}

/// Prints the audit of one aspect.
pub(super) fn show(audit: &AspectAudit, bootstrap: &Bootstrap, markdown: bool) -> Result<()> {
    let rows = audit.hacks.iter().map(row);
    if markdown {
        show::line(&format!("## {}\n", visible_markdown(&audit.aspect)))?;
        show::line(&show::markdown_table(&HEADER, rows.collect()))?;
    } else {
        show::line(&format!("{}:", audit.aspect))?;
        show::line(&show::table(&HEADER, rows))?;
    }
    show::line(&format!("\n{}", audit.meaning()))?;
    for shares in &audit.shortcuts {
        show::line(&shares.line())?;
    }
    if bootstrap.resamples > 0 {
        return show::line(&format!(
            "{WINS}; {}",
            intervals::legend(bootstrap, "prompts")
        ));
    }
    show::line(WINS)
}

/// The row of a hack.
pub(super) fn row(hack: &NamedHack) -> Vec<String> {
    let figures = &hack.figures;
    let wins = intervals::bracketed(figures.wins, figures.wins_interval.as_ref(), show::share);
    vec![
        show::shortened(&shown(hack), 48),
        figures.prompts.to_string(),
        show::short(figures.score),
        show::short(figures.real_score),
        wins,
        figures.danger.name().to_owned(),
    ]
}
