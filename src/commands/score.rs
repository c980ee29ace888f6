//! `gradus score`

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::data::{AtomicFile, BatchSize, Example, ExampleReader, TruncationCounts};
use gradus::device;
use gradus::eval::{PreparedExamples, Scorer, SegmentScore};
use serde_json::{Map, Value};

use crate::cli::ScoreArgs;
use crate::failure::Usage;
use crate::scores::checked_stride;
use crate::{progress, show};

/// Examples that are scored together: enough to fill batches of like length.
const CHUNK: usize = 512;

pub(crate) fn run(args: &ScoreArgs) -> Result<()> {
    if args.batch_tokens == 0 {
        return Err(Usage::new("--batch-tokens: found 0, expected at least 1").into());
    }
    let device = device::select(args.device.device.as_deref())?;
    let mut scorer =
        Scorer::load(&args.bundle, &device)?.with_batch_size(BatchSize::Tokens(args.batch_tokens));
    if let Some(text) = &args.aggregation {
        scorer = scorer.with_aggregation(text.parse()?);
    }
    if args.raw {
        scorer = scorer.raw();
    }
    if let Some(stride) = args.stride {
        scorer = scorer.with_stride(checked_stride(stride)?);
    }
    let reader = ExampleReader::open(&args.input)?;
    let counts = match &args.output {
        Some(path) => {
            let mut file = AtomicFile::create(path)?;
            let counts = score_all(&scorer, reader, &mut file)
                .with_context(|| format!("{}: scoring into it failed", path.display()))?;
            file.commit()?;
            counts
        }
        None => score_all(
            &scorer,
            reader,
            &mut io::BufWriter::new(io::stdout().lock()),
        )?,
    };
    counts.show(&args.input);
    Ok(())
}

/// What happened to the records of a file.
#[derive(Default)]
struct Counts {
    responses: usize,
    scored: usize,
    unscored: usize,
    truncation: TruncationCounts,
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
        if self.truncation.any() {
            show::status(&self.truncation.to_string());
        }
    }
}

fn score_all(scorer: &Scorer, reader: ExampleReader, out: &mut impl Write) -> Result<Counts> {
    let bar = progress::counter("responses");
    let mut counts = Counts::default();
    for chunk in scorer.prefetch(reader, CHUNK)? {
        score_chunk(scorer, &chunk?, out, &mut counts)?;
        bar.set_position(counts.responses as u64);
    }
    out.flush()?;
    bar.finish_and_clear();
    Ok(counts)
}

fn score_chunk(
    scorer: &Scorer,
    chunk: &PreparedExamples,
    out: &mut impl Write,
    counts: &mut Counts,
) -> Result<()> {
    let scores = scorer.score_prepared(chunk);
    counts.truncation += chunk.counts;
    for (example, scores) in chunk.examples.iter().zip(&scores) {
        serde_json::to_writer(&mut *out, &scored_record(scorer, example, scores))?;
        out.write_all(b"\n")?;
        counts.responses += 1;
        let scored = scores
            .iter()
            .filter(|score| score.scores().is_some())
            .count();
        counts.scored += scored;
        counts.unscored += scores.len() - scored;
    }
    Ok(())
}

/// The record with a score in every segment and one for the response.
fn scored_record(scorer: &Scorer, example: &Example, scores: &[SegmentScore]) -> Value {
    let aspects: Vec<&str> = scorer.aspects().collect();
    let mut record = example.to_json();
    if let Some(segments) = record.get_mut("segments").and_then(Value::as_array_mut) {
        for (segment, score) in segments
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .zip(scores)
        {
            let values = score
                .scores()
                .map(|values| values.iter().copied().map(Some).collect());
            segment.insert(
                "score".into(),
                values.map_or(Value::Null, |v| by_aspect(&aspects, v)),
            );
            match score {
                SegmentScore::Scored(_) => {}
                SegmentScore::Truncated => {
                    segment.insert("unscored".into(), "truncated".into());
                }
                SegmentScore::NoTokens => {
                    segment.insert("unscored".into(), "no_tokens".into());
                }
            }
        }
    }
    let response: Vec<Option<f64>> = (0..aspects.len())
        .map(|aspect| {
            let of_aspect: Vec<f64> = scores
                .iter()
                .filter_map(SegmentScore::scores)
                .map(|values| values[aspect])
                .collect();
            scorer.aggregation().aggregate(&of_aspect)
        })
        .collect();
    if let Some(record) = record.as_object_mut() {
        record.insert("score".into(), by_aspect(&aspects, response));
    }
    record
}

/// A bare number for one aspect, a map for several; `null` for a number that does not exist.
fn by_aspect(aspects: &[&str], values: Vec<Option<f64>>) -> Value {
    if let [value] = values[..] {
        return value.into();
    }
    let map: Map<String, Value> = aspects
        .iter()
        .zip(values)
        .map(|(&name, value)| (name.to_string(), value.into()))
        .collect();
    map.into()
}
