//! `gradus score`

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::data::{
    BatchSize, ContextCounts, ExampleReader, TruncationCounts, UnreadKeys, write_json_line,
};
use gradus::device;
use gradus::eval::{PreparedChunk, Scorer, UnscoredReason};
use gradus_files::is_standard_output;

use crate::cli::ScoreArgs;
use crate::failure::Usage;
use crate::scores::{checked_stride, tell_of_context};
use crate::{output, progress, records, show};

/// Examples scored together: enough for full batches of similar length.
const CHUNK: usize = 512;

pub(crate) fn run(args: &ScoreArgs) -> Result<()> {
    if args.batch_tokens == 0 {
        return Err(Usage::new("--batch-tokens: found 0, expected at least 1").into());
    }
    let device = device::select(args.device.device.as_deref())?;
    let mut scorer =
        Scorer::load(&args.bundle, &device)?.with_batch_size(BatchSize::Tokens(args.batch_tokens));
    if let Some(aggregation) = args.aggregation {
        scorer = scorer.with_aggregation(aggregation);
    }
    if args.raw {
        scorer = scorer.raw();
    }
    if let Some(stride) = args.stride {
        scorer = scorer.with_stride(checked_stride(stride)?);
    }
    if let Some(policy) = args.cut_segments {
        scorer = scorer.with_cut_segments(policy);
    }
    if args.output.is_none() && is_standard_output(&args.input)? {
        let input = args.input.display();
        return Err(
            Usage::new(format!("{input}: is read and, as standard output, written"))
                .with_hint("write to another file")
                .into(),
        );
    }
    let reader = records::open(&args.input)?;
    let strict = args.strict.then_some(args.input.as_path());
    let counts = if let Some(path) = &args.output {
        let mut file = output::create(path, args.overwrite, &[&args.bundle, &args.input])?;
        let counts = score_all(&scorer, reader, strict, &mut file)
            .with_context(|| format!("{}: scoring into it failed", path.display()))?;
        file.commit()?;
        counts
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        match score_all(&scorer, reader, strict, &mut out) {
            // The reader of the scores has closed the pipe.
            Err(error) if is_closed(&error) => return Ok(()),
            counts => counts?,
        }
    };
    counts.show(&args.input);
    tell_of_context(&scorer, counts.context);
    tell_unread(&args.input, counts.unread);
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

/// `strict` is the input if a response without a score is an error.
fn score_all(
    scorer: &Scorer,
    reader: ExampleReader,
    strict: Option<&Path>,
    out: &mut impl Write,
) -> Result<Counts> {
    let bar = progress::counter("responses");
    let mut counts = Counts::default();
    for chunk in scorer.prefetch(reader, CHUNK) {
        score_chunk(scorer, &chunk?, strict, out, &mut counts)?;
        bar.set_position(counts.responses as u64);
    }
    out.flush()?;
    bar.finish_and_clear();
    Ok(counts)
}

fn score_chunk(
    scorer: &Scorer,
    chunk: &PreparedChunk,
    strict: Option<&Path>,
    out: &mut impl Write,
    counts: &mut Counts,
) -> Result<()> {
    counts.context += ContextCounts::of(&chunk.examples);
    let scores = scorer.score_prepared(&chunk.prepared)?;
    for (example, scores) in chunk.examples.iter().zip(&scores) {
        if let Some(reason) = scores.unscored(&example.response) {
            if let Some(input) = strict {
                return Err(refused(input, &example.id, reason).into());
            }
            *counts.unscored_responses.entry(reason.name()).or_default() += 1;
        }
        let record = scorer.scored_record(example, scores);
        write_json_line(&mut *out, &record)?;
        counts.responses += 1;
        counts.unread.add(example);
        counts.truncation += scores.truncation;
        let segments = scores.segments.iter();
        let scored = segments.filter(|score| score.scores().is_some()).count();
        counts.scored += scored;
        counts.unscored += scores.segments.len() - scored;
    }
    Ok(())
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
