//! `gradus ensemble`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use gradus::data::{DataError, JsonLines, RecordWriter};
use gradus::eval::ensemble::{ScoredRecord, merged, with_scores_as_ratings};
use gradus_files::is_same_file;
use serde_json::Value;

use crate::cli::EnsembleArgs;
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::{records, show};

const HINT: &str =
    "score the same records with every bundle: gradus score BUNDLE RECORDS -o SCORED";

pub(crate) fn run(args: &EnsembleArgs) -> Result<()> {
    for (index, input) in args.inputs.iter().enumerate() {
        if args.inputs[..index]
            .iter()
            .any(|before| is_same_file(before, input))
        {
            let message = format!("{}: found the same file twice", input.display());
            return Err(Usage::new(message).with_hint(HINT).into());
        }
    }
    let inputs: Vec<&Path> = args.inputs.iter().map(AsRef::as_ref).collect();
    let output = output::create(&args.output, Content::Records, args.overwrite, &inputs)?;
    let open = |path: &&Path| JsonLines::open(path, records::limits());
    let mut files: Vec<JsonLines> = inputs.iter().map(open).collect::<Result<_, _>>()?;
    let mut writer = RecordWriter::to_file(output)?;
    let mut counts = Counts::default();
    while let Some(scored) = next_of_all(&mut files)? {
        let merged = merged(scored).map_err(|problem| {
            let place = files[problem.record()].location();
            Usage::new(format!("{place}: {problem}")).with_hint(HINT)
        })?;
        counts.add(&merged);
        let record = if args.as_ratings {
            with_scores_as_ratings(merged)
        } else {
            merged
        };
        writer.write(&record.into())?;
    }
    writer.commit()?;
    counts.tell(files.len());
    Ok(())
}

/// The next record of every file; nothing at their common end.
fn next_of_all(files: &mut [JsonLines]) -> Result<Option<Vec<ScoredRecord>>> {
    let next: Result<Vec<Option<ScoredRecord>>, DataError> = files
        .iter_mut()
        .map(|file| file.next().transpose())
        .collect();
    let next = next?;
    let ended = next.iter().position(Option::is_none);
    let Some(ended) = ended else {
        return Ok(Some(next.into_iter().flatten().collect()));
    };
    match next.iter().position(Option::is_some) {
        None => Ok(None),
        Some(longer) => Err(Usage::new(format!(
            "{}: ends where {} has another record, expected the same records in every file",
            files[ended].location(),
            files[longer].location()
        ))
        .with_hint(HINT)
        .into()),
    }
}

/// What was merged.
#[derive(Default)]
struct Counts {
    responses: usize,
    segments: usize,
    unscored: usize,
    /// By aspect, the number of spreads and their sum. A score without aspects has an empty name.
    spreads: BTreeMap<String, (usize, f64)>,
}

impl Counts {
    fn add(&mut self, record: &ScoredRecord) {
        self.responses += 1;
        let segments = record.get("segments").and_then(Value::as_array);
        for segment in segments.into_iter().flatten() {
            self.segments += 1;
            match &segment["spread"] {
                Value::Null => self.unscored += 1,
                Value::Object(aspects) => {
                    for (aspect, spread) in aspects {
                        self.add_spread(aspect, spread);
                    }
                }
                spread => self.add_spread("", spread),
            }
        }
    }

    fn add_spread(&mut self, aspect: &str, spread: &Value) {
        let (count, sum) = self.spreads.entry(aspect.to_owned()).or_default();
        *count += 1;
        *sum += spread.as_f64().unwrap_or_default();
    }

    fn tell(&self, models: usize) {
        show::status(&format!(
            "{} responses, {} segments with the mean of {models} scores, {} without a score",
            self.responses,
            self.segments - self.unscored,
            self.unscored
        ));
        for (aspect, (count, sum)) in &self.spreads {
            let of = if aspect.is_empty() {
                String::new()
            } else {
                format!(" of {aspect}")
            };
            let mean = sum / *count as f64;
            show::status(&format!("mean spread{of}: {mean:.4}"));
        }
    }
}
