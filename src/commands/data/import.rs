//! `gradus data import`

use std::path::Path;

use anyhow::Result;
use gradus::data::import::{Format, ImportCounts, ImportOptions, RaterMerge, Unannotated, import};
use gradus::data::{
    AgreementCounts, AtomicFile, DataError, ExampleWriter, RecordProblem, SpanFit, UnreadKeys,
};

use crate::commands::stats::{kappa_in_words, range};
use crate::failure::Usage;
use crate::progress::Reading;
use crate::{records, show};

/// Writes the records of a published format.
pub(super) fn run(
    file: &Path,
    format: Format,
    options: &ImportOptions,
    output: AtomicFile,
    skip_wrong: bool,
) -> Result<()> {
    let mut writer = ExampleWriter::to_file(output)?;
    let mut left_out = 0_usize;
    let mut reading = Reading::new("records", options.progress.clone());
    let mut unread = UnreadKeys::new();
    let mut importer = import(file, format, options)?;
    for note in importer.notes() {
        show::status(&format!("{}: {note}", file.display()));
    }
    let mut agreement: [AgreementCounts; 2] = Default::default();
    for record in importer.by_ref() {
        reading.add(1);
        match record {
            Ok(example) => {
                unread.add(&example);
                agreement[0].add_segments(&example);
                agreement[1].add_response(&example);
                writer.write(&example)?;
            }
            Err(error @ (DataError::Record { .. } | DataError::DuplicateId { .. }))
                if skip_wrong =>
            {
                reading.line(&format!("skipped: {error}"));
                left_out += 1;
            }
            Err(error) => {
                if let Some(unit) = other_unit(&error) {
                    reading.line(&format!(
                        "--offsets {unit} would cover the text of this span"
                    ));
                }
                return Err(error.into());
            }
        }
    }
    drop(reading);
    records::tell(file, &unread.finish());
    let counts = importer.counts();
    if writer.written() == 0 {
        return Err(nothing_came(file, format, counts, left_out).into());
    }
    let status = format!(
        "{}: {} examples, {left_out} invalid records skipped",
        writer.path().display(),
        writer.written(),
    );
    writer.commit()?;
    show::status(&status);
    tell_counts(counts, options);
    tell_agreement(&agreement);
    let is_single = agreement.iter().all(AgreementCounts::is_empty);
    if is_single && (format.has_raters() || options.rater_merge != RaterMerge::Mean) {
        show::status(&format!(
            "--raters {}: no text has ratings of several raters, so that their agreement cannot be computed",
            options.rater_merge
        ));
    }
    Ok(())
}

/// Why no example came of a file.
fn nothing_came(file: &Path, format: Format, counts: ImportCounts, left_out: usize) -> Usage {
    let ImportCounts {
        empty, unannotated, ..
    } = counts;
    let why = [
        (left_out, "records invalid and skipped"),
        (empty, "records without an answer"),
        (unannotated, "answers annotated by nobody and left out"),
    ];
    let why = why.iter().filter(|(count, _)| *count > 0);
    let why: Vec<String> = why.map(|(count, why)| format!("{count} {why}")).collect();
    let hint = if left_out > 0 {
        "look at the messages above; without --skip-wrong the first of them is an error"
    } else if unannotated > 0 {
        "without --unannotated skip, answers that nobody has annotated are kept without ratings"
    } else {
        "look at the records: docs/importing.md has one of each format"
    };
    Usage::new(format!(
        "{}: found no answer to make an example of ({}), expected at least one in the form {format}",
        file.display(),
        why.join(", "),
    ))
    .with_hint(hint)
}

/// Says what did not become an example, or a rating.
fn tell_counts(counts: ImportCounts, options: &ImportOptions) {
    let ImportCounts {
        records,
        empty,
        answers,
        unannotated,
        replaced,
        ..
    } = counts;
    if empty > 0 {
        show::status(&format!(
            "{empty} of {records} records have no answer, and gave no example"
        ));
    }
    if replaced > 0 {
        show::status(&format!(
            "{replaced} annotations were replaced by a later one of the same rater (`meta.replaced_annotations`)"
        ));
    }
    if unannotated > 0 {
        let done = match options.unannotated {
            Unannotated::Skip => "left out",
            _ => "kept without ratings; --unannotated skip leaves them out",
        };
        // No rating is not a good one.
        show::status(&format!(
            "{unannotated} of {answers} answers were annotated by nobody, which does not make them right: {done}"
        ));
    }
}

/// The unit of offsets with which a span would cover the text that its record repeats.
fn other_unit(error: &DataError) -> Option<&'static str> {
    let DataError::Record { error, .. } = error else {
        return None;
    };
    let RecordProblem::MarkedText { fit, .. } = &error.problem else {
        return None;
    };
    match fit.as_deref()? {
        SpanFit::Utf16(_) => Some("utf16"),
        SpanFit::Bytes(_) => Some("bytes"),
        _ => None,
    }
}

/// Says how far the raters of segments and of responses agree, where texts have several.
fn tell_agreement(agreement: &[AgreementCounts; 2]) {
    for (counts, what) in agreement.iter().zip(["segments", "responses"]) {
        for aspect in counts.aspects() {
            let Some((found, kappa)) = counts.of(aspect) else {
                continue;
            };
            show::status(&format!(
                "{aspect}: {} {what} with {} raters, standard deviation {}, Krippendorff's alpha {}{}",
                found.texts,
                range(found.fewest, found.most),
                show::number(Some(found.sd)),
                show::number(found.alpha),
                kappa_in_words(kappa.as_ref())
            ));
        }
    }
}

/// Refuses the options that were given although the format has no use for them.
pub(super) fn refuse_unread(format: Format, unread: &[(&str, bool)]) -> Result<()> {
    match unread.iter().find(|(_, refused)| *refused) {
        None => Ok(()),
        Some((option, _)) => Err(Usage::new(format!("{option}: {format} does not read it"))
            .with_hint("leave the option out; docs/importing.md says what each format reads")
            .into()),
    }
}
