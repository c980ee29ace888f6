//! Scoring many files into a directory: one output for each, whole or absent.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use gradus::bundle::digest_file;
use gradus::data::{AtomicFile, DataError, RecordWriter, write_json_line};
use gradus::eval::Scorer;

use super::chunks::chunks;
use super::ledger::{Done, Ledger, Next, Origin, Refused};
use super::pace::Pace;
use super::pieces::{Input, Piece, pieces};
use super::{CHUNK, Counts, score_record};
use crate::cli::{Offsets, ScoreArgs};
use crate::failure::Usage;
use crate::scores::tell_of_context;
use crate::{output, records, show};

/// Records that may be refused before a run ends, unless told otherwise.
const MAX_ERRORS: usize = 100;

/// Scores every input into a file of its name in the directory `output`.
pub(super) fn run(args: &ScoreArgs, output: &Path, scorer: &Scorer) -> Result<()> {
    let copies = Ledger::directory(output);
    let pieces = pieces(&args.inputs, args.shard, &copies)?;
    refuse_existing(args, output, &pieces)?;
    let ledger = Ledger::open(output)?;
    let mut job = Job {
        args,
        output,
        scorer,
        ledger,
        bundle: bundle_digest(&args.bundle)?,
        settings: settings(args, scorer),
        counts: Counts::default(),
        refused: Vec::new(),
        pace: Pace::new(&pieces),
    };
    let scored = job.score_all(&pieces);
    // What was refused is told even where it was too much.
    job.pace.end();
    let errors = job.write_errors()?;
    let skipped = scored?;
    job.counts.show(output);
    if skipped > 0 {
        show::status(&format!(
            "{skipped} of {} files were done before",
            pieces.len()
        ));
    }
    if let Some(errors) = errors {
        let count = job.refused.len();
        show::status(&format!("{count} records not scored: {}", errors.display()));
    }
    tell_of_context(scorer, job.counts.context);
    let unread = std::mem::take(&mut job.counts.unread);
    super::tell_unread(output, unread);
    Ok(())
}

/// Says that outputs exist, or are inputs, before anything is scored or written.
fn refuse_existing(args: &ScoreArgs, directory: &Path, pieces: &[Piece]) -> Result<()> {
    for piece in pieces {
        let path = directory.join(&piece.name);
        if path.exists() {
            output::refuse_input(&path, &piece.input)?;
        }
        if path.exists() && !args.resume && !args.overwrite {
            let hint = "--resume goes on with what is not done, --overwrite scores all of it again";
            return Err(Usage::new(format!("{}: already exists", path.display()))
                .with_hint(hint)
                .into());
        }
    }
    Ok(())
}

struct Job<'a> {
    args: &'a ScoreArgs,
    output: &'a Path,
    scorer: &'a Scorer,
    ledger: Ledger,
    bundle: String,
    settings: String,
    counts: Counts,
    /// Of the outputs of this run and of those it found done.
    refused: Vec<Refused>,
    pace: Pace,
}

impl Job<'_> {
    /// Scores what is not done; the number of pieces that were.
    fn score_all(&mut self, pieces: &[Piece]) -> Result<usize> {
        let mut skipped = 0;
        for piece in pieces {
            let origin = Origin::of(piece, &self.bundle, &self.settings)?;
            let next = if self.args.resume {
                self.ledger.next(piece, &origin)?
            } else {
                Next::Score { replace: false }
            };
            match next {
                Next::Skip(done) => {
                    skipped += 1;
                    self.pace.skip(piece);
                    self.refuse(done.refused)?;
                }
                Next::Score { replace } => self.score_piece(piece, &origin, replace)?,
            }
        }
        Ok(skipped)
    }

    fn score_piece(&mut self, piece: &Piece, origin: &Origin, replace: bool) -> Result<()> {
        let path = self.output.join(&piece.name);
        let inputs: Vec<&Path> = [&self.args.bundle, &piece.input]
            .into_iter()
            .map(PathBuf::as_path)
            .collect();
        let file = output::create_named(&path, replace || self.args.overwrite, &inputs)?;
        self.ledger.begin(piece, origin)?;
        let mut writer = RecordWriter::to_file(file)?;
        let refused = self
            .score_rows(piece, &mut writer)
            .with_context(|| format!("{}: scoring into it failed", path.display()))?;
        let responses = writer.written();
        writer.commit()?;
        let done = Done {
            bytes: fs_err::metadata(&path)?.len(),
            responses,
            refused,
        };
        self.ledger.finish(piece, origin, done)?;
        self.pace.finish(piece);
        Ok(())
    }

    fn score_rows(&mut self, piece: &Piece, writer: &mut RecordWriter) -> Result<Vec<Refused>> {
        let Input {
            reader,
            copy: _copy,
        } = piece.open(&Ledger::directory(self.output))?;
        let preparer = self.scorer.preparer().clone();
        let strict = self.args.strict.then_some(piece.input.as_path());
        let mut all_refused = Vec::new();
        for chunk in chunks(preparer, reader, piece.input.clone(), CHUNK) {
            let chunk = chunk?;
            let scores = self.scorer.score_prepared(&chunk.prepared)?;
            for (example, scores) in chunk.examples.iter().zip(&scores) {
                let scored = (example, scores);
                let counts = &mut self.counts;
                let record = score_record(self.args, self.scorer, scored, strict, counts)?;
                writer.write(&record)?;
            }
            all_refused.extend(chunk.refused.iter().cloned());
            self.refuse(chunk.refused)?;
            self.pace.tick(piece, writer.written());
        }
        Ok(all_refused)
    }

    /// Notes records that cannot be scored, up to the number that is allowed.
    fn refuse(&mut self, refused: Vec<Refused>) -> Result<()> {
        self.refused.extend(refused);
        let allowed = self.args.max_errors.unwrap_or(MAX_ERRORS);
        if self.refused.len() <= allowed {
            return Ok(());
        }
        let first = &self.refused[0];
        Err(Usage::new(format!(
            "{}: found {} records that cannot be scored, expected at most {allowed}; the first: {}",
            self.output.display(),
            self.refused.len(),
            first.error
        ))
        .with_hint("raise the number with --max-errors, and go on with --resume")
        .into())
    }

    /// Writes the records that were refused; the file, if there are any.
    fn write_errors(&self) -> Result<Option<PathBuf>> {
        let name = match self.args.shard {
            Some(shard) => format!("_errors.{}.jsonl", shard.label()),
            None => "_errors.jsonl".to_owned(),
        };
        let path = self.output.join(name);
        if self.refused.is_empty() {
            // That of an earlier run tells of records that are scored by now.
            return match fs_err::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(None),
            };
        }
        let mut file = AtomicFile::create(&path)?;
        let write_error = |cause| DataError::Write {
            path: path.clone(),
            cause,
        };
        for refused in &self.refused {
            write_json_line(&mut file, &serde_json::to_value(refused)?).map_err(write_error)?;
        }
        file.commit()?;
        Ok(Some(path))
    }
}

/// The manifest has the digests of all parts; a recalibration may be newer.
fn bundle_digest(bundle: &Path) -> Result<String> {
    let mut digest = digest_file(&bundle.join("manifest.json"))?.sha256;
    let recalibration = bundle.join(gradus::bundle::RECALIBRATION);
    if recalibration.exists() {
        digest.push('+');
        digest.push_str(&digest_file(&recalibration)?.sha256);
    }
    Ok(digest)
}

/// The settings that change what is written, as they are shown where they differ.
fn settings(args: &ScoreArgs, scorer: &Scorer) -> String {
    let mut settings = Vec::new();
    if let Some(aggregation) = &args.aggregation {
        settings.push(format!("--aggregation {aggregation}"));
    }
    if !args.stride.stride.is_auto() {
        settings.push(format!("--stride {}", args.stride.stride));
    }
    if let Some(choice) = args.offset.offset {
        settings.push(format!("--offset {choice}"));
    }
    if let Some(policy) = args.cut_segments {
        settings.push(format!("--cut-segments {policy}"));
    }
    // That of the machine: without bf16, a run goes on elsewhere as it began.
    let own = scorer.manifest().precision();
    if let Some(precision) = args.precision.precision.filter(|found| *found != own) {
        settings.push(format!("--precision {precision}"));
    }
    match args.offsets {
        Offsets::Chars => {}
        Offsets::Utf16 => settings.push("--offsets utf16".to_owned()),
        Offsets::Bytes => settings.push("--offsets bytes".to_owned()),
    }
    for (is_set, name) in [
        (args.raw, "--raw"),
        (args.strict, "--strict"),
        (args.text, "--text"),
    ] {
        if is_set {
            settings.push(name.to_owned());
        }
    }
    if let Some(columns) = records::columns() {
        settings.push(format!("--columns {columns}"));
    }
    if settings.is_empty() {
        "no options".to_owned()
    } else {
        settings.join(" ")
    }
}
