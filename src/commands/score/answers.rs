//! Scoring record by record, for a program that waits for each answer.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Result;
use gradus::data::{ExampleReader, write_json_line};
use gradus::eval::Scorer;

use super::chunks::{Chunk, chunks};
use super::{Counts, is_closed, score_record};
use crate::cli::ScoreArgs;
use crate::failure::Usage;
use crate::progress::Reading;

/// Writes one line to standard output for each record, before the next is read: its scores, or why it has none.
pub(super) fn run(
    args: &ScoreArgs,
    input: &Path,
    reader: ExampleReader,
    scorer: &Scorer,
) -> Result<()> {
    let mut counts = Counts::default();
    let refused = match answer_all(args, input, reader, scorer, &mut counts) {
        // The reader of the scores has closed the pipe.
        Err(error) if is_closed(&error) => return Ok(()),
        refused => refused?,
    };
    let records = counts.responses + refused;
    counts.tell(input, scorer);
    if refused == 0 {
        return Ok(());
    }
    Err(Usage::new(format!(
        "{}: found {refused} of {records} records that cannot be scored, expected none",
        input.display()
    ))
    .with_hint("the line written for each of them has its `number` and `error`, and no `score`")
    .into())
}

/// The number of records that cannot be scored.
fn answer_all(
    args: &ScoreArgs,
    input: &Path,
    reader: ExampleReader,
    scorer: &Scorer,
    counts: &mut Counts,
) -> Result<usize> {
    let strict = args.strict.then_some(input);
    let mut reading = Reading::new("responses", reader.progress());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut refused = 0;
    for chunk in chunks(scorer.preparer().clone(), reader, input.to_owned(), 1) {
        let Chunk {
            examples,
            prepared,
            refused: found,
        } = chunk?;
        let scores = scorer.score_prepared(&prepared)?;
        for scored in examples.iter().zip(&scores) {
            let record = score_record(args, scorer, scored, strict, counts)?;
            write_json_line(&mut out, &record)?;
        }
        for found in &found {
            write_json_line(&mut out, &serde_json::to_value(found)?)?;
        }
        out.flush()?;
        refused += found.len();
        reading.add(examples.len());
    }
    Ok(refused)
}
