//! The page of an evaluation.

use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::data::{AtomicFile, Example};
use gradus::eval::Evaluation;
use gradus::eval::report::{History, ReportInput, html};

use crate::failure::Usage;
use crate::output;
use crate::scores::{ScoreInput, Scores};

/// File of a bundle with the log of its training run.
const HISTORY: &str = "history.json";

/// Writes the page of an evaluation atomically.
pub(super) fn write(
    file: AtomicFile,
    max_responses: usize,
    source: &ScoreInput,
    (evaluation, scores): (&Evaluation, &Scores),
    examples: &[Example],
) -> Result<()> {
    let history = source.bundle().map(history).transpose()?.flatten();
    let page = html(&ReportInput {
        evaluation,
        scored: &scores.responses,
        examples,
        history: history.as_ref(),
        max_responses,
    })?;
    output::write_page(file, &page)
}

/// The log of the run that trained a bundle; `None` if the bundle has none.
fn history(bundle: &Path) -> Result<Option<History>> {
    let path = bundle.join(HISTORY);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = gradus_files::read_regular(&path, gradus_files::MOST_BYTES)?;
    let history = serde_json::from_slice(&bytes).with_context(|| {
        Usage::new(format!("{}: not the log of a training run", path.display()))
            .with_hint("remove the file to leave the training curves out")
    })?;
    Ok(Some(history))
}
