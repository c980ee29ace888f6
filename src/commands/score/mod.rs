//! `gradus score`

mod answers;
mod bulk;
mod chunks;
mod ledger;
pub(super) mod locate;
mod pace;
mod pieces;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::data::{
    BatchSize, ContextCounts, Example, ExampleReader, RecordWriter, TruncationCounts, UnreadKeys,
    write_json_line,
};
use gradus::device;
use gradus::eval::{ExampleScores, PreparedChunk, Scorer, UnscoredReason};
use gradus_files::is_standard_output;
use serde_json::Value;

use super::offset;
use crate::cli::ScoreArgs;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::progress::Reading;
use crate::scores::{self, tell_of_context, tell_of_withheld, with_stride};
use crate::{records, show};

/// Examples scored together: enough for full batches of similar length.
const CHUNK: usize = 512;

pub(crate) fn run(args: &ScoreArgs) -> Result<()> {
    if args.batch_tokens == 0 {
        return Err(Usage::new("--batch-tokens: found 0, expected at least 1").into());
    }
    match &args.output {
        Some(output) if is_bulk(args, output) => output::check_directory(output)?,
        Some(output) => output::check_file(output, Content::Records)?,
        None => {}
    }
    let device = device::select(args.device.device.as_deref())?;
    let mut scorer = scores::load(&args.bundle, &device, args.precision.precision)?
        .with_batch_size(BatchSize::Tokens(args.batch_tokens));
    if let Some(aggregation) = args.aggregation {
        scorer = scorer.with_aggregation(aggregation);
    }
    if args.raw {
        scorer = scorer.raw();
    }
    scorer = with_stride(scorer, args.stride.stride);
    if let Some(policy) = args.cut_segments {
        scorer = scorer.with_cut_segments(policy);
    }
    scorer = offset::chosen(scorer, &args.bundle, args.offset.offset)?;
    tell_of_withheld(
        &scorer.manifest().prediction_intervals,
        &scorer.scoring_choices(),
    );
    match &args.output {
        Some(output) if is_bulk(args, output) => bulk::run(args, output, &scorer),
        _ => score_one(args, &scorer),
    }
}

/// Whether the outputs are files in a directory.
fn is_bulk(args: &ScoreArgs, output: &Path) -> bool {
    let names_directory = output.to_string_lossy().ends_with(std::path::is_separator);
    args.inputs.len() > 1
        || args.shard.is_some()
        || args.resume
        || args.max_errors.is_some()
        || names_directory
        || output.is_dir()
}

/// Scores one input to one output.
fn score_one(args: &ScoreArgs, scorer: &Scorer) -> Result<()> {
    let [input] = &args.inputs[..] else {
        return Err(Usage::new(format!(
            "found {} inputs and no output, expected a directory for theirs",
            args.inputs.len()
        ))
        .with_hint("add --output DIR/")
        .into());
    };
    if args.output.is_none() && is_standard_output(input)? {
        let input = input.display();
        return Err(
            Usage::new(format!("{input}: is read and, as standard output, written"))
                .with_hint("write to another file")
                .into(),
        );
    }
    let reader = records::open(input)?;
    if args.unbuffered {
        return answers::run(args, input, reader, scorer);
    }
    let counts = if let Some(path) = &args.output {
        let file = output::create(
            path,
            Content::Records,
            args.overwrite,
            &[&args.bundle, input],
        )?;
        let mut writer = RecordWriter::to_file(file)?;
        let mut write = |record: &Value| Ok(writer.write(record)?);
        let counts = score_all(args, scorer, reader, &mut write)
            .with_context(|| format!("{}: scoring into it failed", path.display()))?;
        writer.commit()?;
        counts
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut write = |record: &Value| Ok(write_json_line(&mut out, record)?);
        let scored = score_all(args, scorer, reader, &mut write);
        let flushed = scored.and_then(|counts| {
            out.flush()?;
            Ok(counts)
        });
        match flushed {
            // The reader of the scores has closed the pipe.
            Err(error) if is_closed(&error) => return Ok(()),
            counts => counts?,
        }
    };
    counts.tell(input, scorer);
    Ok(())
}

/// Whether the reader of standard output has closed it.
fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause.downcast_ref::<serde_json::Error>();
        io.or_else(|| json?.io_error_kind()) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Counts of the records of a file.
#[derive(Default)]
struct Counts {
    responses: usize,
    scored: usize,
    unscored: usize,
    /// Responses without any score, by reason.
    unscored_responses: BTreeMap<&'static str, usize>,
    context: ContextCounts,
    truncation: TruncationCounts,
    unread: UnreadKeys,
}

impl Counts {
    /// Says what became of the records of a file.
    fn tell(self, input: &Path, scorer: &Scorer) {
        self.show(input);
        tell_of_context(scorer, self.context);
        tell_unread(input, self.unread);
    }

    fn show(&self, input: &Path) {
        show::status(&format!(
            "{}: {} responses, {} segments scored, {} segments without a score",
            input.display(),
            self.responses,
            self.scored,
            self.unscored,
        ));
        if !self.unscored_responses.is_empty() {
            let total: usize = self.unscored_responses.values().sum();
            let reasons = self.unscored_responses.iter();
            let reasons: Vec<String> = reasons.map(|(why, n)| format!("{n} {why}")).collect();
            show::status(&format!(
                "{total} of {} responses have no score: {}; --strict refuses them",
                self.responses,
                reasons.join(", ")
            ));
        }
        if self.truncation.any() {
            show::status(&self.truncation.to_string());
        }
    }
}

/// Reports keys that look like a known one, except ratings, which scoring does not read.
fn tell_unread(input: &Path, unread: UnreadKeys) {
    let mut unread = unread.finish();
    unread
        .retain(|key| !key.looks_like.starts_with("rating") && !key.looks_like.ends_with("weight"));
    records::tell(input, &unread);
}

fn score_all(
    args: &ScoreArgs,
    scorer: &Scorer,
    reader: ExampleReader,
    write: &mut impl FnMut(&Value) -> Result<()>,
) -> Result<Counts> {
    let strict = args.strict.then_some(args.inputs[0].as_path());
    let mut reading = Reading::new("responses", reader.progress());
    let mut counts = Counts::default();
    for chunk in scorer.prefetch(reader, CHUNK) {
        let PreparedChunk {
            examples, prepared, ..
        } = &chunk?;
        let scores = scorer.score_prepared(prepared)?;
        for (example, scores) in examples.iter().zip(&scores) {
            write(&score_record(
                args,
                scorer,
                (example, scores),
                strict,
                &mut counts,
            )?)?;
        }
        reading.add(examples.len());
    }
    Ok(counts)
}

/// The record of an example with its scores; counts what became of it. `strict` is the input if a response without a
/// score is an error.
fn score_record(
    args: &ScoreArgs,
    scorer: &Scorer,
    (example, scores): (&Example, &ExampleScores),
    strict: Option<&Path>,
    counts: &mut Counts,
) -> Result<Value> {
    if let Some(reason) = scores.unscored(&example.response) {
        if let Some(input) = strict {
            return Err(refused(input, &example.id, reason).into());
        }
        *counts.unscored_responses.entry(reason.name()).or_default() += 1;
    }
    counts.context += ContextCounts::of(std::slice::from_ref(example));
    counts.responses += 1;
    counts.unread.add(example);
    counts.truncation += scores.truncation;
    let segments = scores.segments.iter();
    let scored = segments.filter(|score| score.scores().is_some()).count();
    counts.scored += scored;
    counts.unscored += scores.segments.len() - scored;
    let mut record = scorer.scored_record(example, scores);
    locate::locate(&mut record, example, args.text, args.offsets);
    Ok(record)
}

/// The error for a response without a score.
fn refused(input: &Path, id: &str, reason: UnscoredReason) -> Usage {
    let found = match reason {
        UnscoredReason::Empty => "an empty response",
        UnscoredReason::NoSegments => "a response without segments",
        UnscoredReason::Truncated => "a response truncated before its first segment ends",
        _ => "a response of which the tokenizer leaves no token",
    };
    Usage::new(format!(
        "{}: record `{id}`: found {found}, expected one that can be scored",
        input.display()
    ))
    .with_hint(
        "without --strict such a record is written with `score` null and the reason in `unscored`",
    )
}
