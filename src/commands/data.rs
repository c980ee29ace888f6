//! `gradus data …`

use std::iter;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::import::{Format, ImportCounts, ImportOptions, RaterMerge, Unannotated, import};
use gradus::data::{
    AgreementCounts, AtomicFile, DataError, Example, ExampleWriter, GeneratorConfig,
    GroupCollector, GroupKey, ReadProgress, RecordFacts, RecordProblem, Segmenter, SpanFit, Split,
    SplitFractions, StatsCollector, UnreadKey, UnreadKeys, generate, split_by, split_groups,
};
use gradus_files::create_directories;
use serde::Serialize;

use super::stats::{kappa_in_words, range};
use crate::cli::{DataCommand, MarkCut};
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::progress::Reading;
use crate::{records, show};

pub(crate) fn run(command: DataCommand) -> Result<()> {
    match command {
        DataCommand::Validate { files, json } => validate(&files, json),
        DataCommand::Stats { file, format } => super::stats::run(&file, &format),
        DataCommand::Audit(args) => super::audit::run(&args),
        DataCommand::Split {
            file,
            output,
            overwrite,
            group,
            valid,
            test,
            seed,
        } => split(
            &file,
            (&output, overwrite),
            &group_keys(&group)?,
            SplitFractions {
                train: 1.0 - valid - test,
                valid,
                test,
            },
            seed,
        ),
        DataCommand::Segment(args) => super::segment::run(&args),
        DataCommand::Import {
            format,
            file,
            output,
            overwrite,
            rating_map,
            segmenter,
            mark_rule,
            raters,
            unannotated,
            offsets,
            sources,
            skip_wrong,
        } => {
            let is_own = matches!(format, Format::Own(_));
            let cuts = format.has_marks() || is_own;
            let has_spans = cuts || format == Format::SpanCsv;
            let has_sources = matches!(format, Format::RagTruth | Format::Own(_));
            let is_table = matches!(format, Format::WmtMqm | Format::SpanCsv);
            refuse_unread(
                format,
                &[
                    ("--segmenter", segmenter.is_some() && !cuts),
                    ("--mark-rule", mark_rule.is_some() && !cuts),
                    ("--offsets", offsets.is_some() && !has_spans),
                    ("--sources", sources.is_some() && !has_sources),
                    ("--columns", records::columns().is_some() && is_table),
                ],
            )?;
            let options = ImportOptions {
                rating_map,
                cut_at_marks: matches!(segmenter, Some(MarkCut::AtMarks)),
                segmenter: match segmenter {
                    Some(MarkCut::Segments(segmenter)) => segmenter,
                    Some(MarkCut::AtMarks) | None => Segmenter::default(),
                },
                offsets: offsets.unwrap_or_default(),
                mark_rule: mark_rule.unwrap_or_default(),
                sources,
                columns: records::columns().cloned().unwrap_or_default(),
                limits: records::limits(),
                rater_merge: raters.unwrap_or_default(),
                unannotated: unannotated.unwrap_or_default(),
                progress: ReadProgress::default(),
            };
            let inputs: Vec<&Path> = iter::once(&file)
                .chain(&options.sources)
                .map(PathBuf::as_path)
                .collect();
            let output = output::create(&output, Content::Records, overwrite, &inputs)?;
            import_file(&file, format, &options, output, skip_wrong)
        }
        DataCommand::Convert {
            input,
            output,
            overwrite,
        } => {
            let output = output::create(&output, Content::Records, overwrite, &[&input])?;
            convert(&input, output)
        }
        DataCommand::Generate {
            output,
            overwrite,
            examples,
            seed,
        } => {
            let output = output::create(&output, Content::Records, overwrite, &[])?;
            let config = GeneratorConfig {
                examples,
                seed,
                ..GeneratorConfig::default()
            };
            let examples = generate(&config)?;
            commit(write(output, examples.iter())?)
        }
    }
}

/// Result of validating one file.
#[derive(Serialize)]
struct Validation {
    file: PathBuf,
    examples: usize,
    /// How many problems there are; of repeated ids, only the first are listed.
    invalid: usize,
    problems: Vec<String>,
    /// Unknown keys that resemble known ones.
    unread_keys: Vec<UnreadKey>,
    /// Whether reading stopped early, because the file does not contain records.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    /// Hint of the first problem that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// After this many invalid records without a valid one, the file does not contain records.
const HOPELESS: usize = 20;
/// Hint for such a file.
const IMPORTED: &str = "`gradus data import` converts published formats to records";
/// Maximum number of problems shown per file.
const PROBLEMS_SHOWN: usize = 100;

fn validate(files: &[PathBuf], json: bool) -> Result<()> {
    let validations = files
        .iter()
        .map(|file| validate_file(file))
        .collect::<Result<Vec<_>>>()?;
    if json {
        show::json(&validations)?;
    } else {
        for Validation {
            file,
            examples,
            invalid,
            problems,
            unread_keys,
            stopped,
            hint: _,
        } in &validations
        {
            for problem in problems.iter().take(PROBLEMS_SHOWN) {
                show::line(problem)?;
            }
            let unlisted = invalid - problems.len();
            if problems.len() > PROBLEMS_SHOWN {
                let more = problems.len() - PROBLEMS_SHOWN;
                show::line(&format!("and {more} more (--json lists them)"))?;
            }
            if unlisted > 0 {
                show::line(&format!("and {unlisted} more repeated ids"))?;
            }
            for key in unread_keys {
                show::line(&format!("warning: {}: {key}", file.display()))?;
            }
            if *stopped {
                show::line(&format!(
                    "{}: stopped after {HOPELESS} invalid records and no valid one",
                    file.display()
                ))?;
            }
            let verdict = format!("{examples} valid, {invalid} invalid");
            show::line(&format!("{}: {verdict}", file.display()))?;
        }
    }
    let wrong: usize = validations
        .iter()
        .map(|validation| validation.invalid)
        .sum();
    if wrong == 0 {
        return Ok(());
    }
    let found = Usage::new(format!("{wrong} problem(s) found"));
    let hint = validations.into_iter().find_map(|file| file.hint);
    Err(match hint {
        Some(hint) => found.with_hint(hint),
        None => found,
    }
    .into())
}

fn validate_file(file: &Path) -> Result<Validation> {
    let mut reader = records::open(file)?
        .without_meta()
        .in_parallel(|example| (RecordFacts::of(&example), example));
    let mut stats = StatsCollector::new();
    let mut unread = UnreadKeys::new();
    let mut problems = Vec::new();
    let (mut good, mut stopped, mut hint) = (0_usize, false, None);
    let mut reading = Reading::new("records", reader.progress());
    while let Some(record) = reader.next() {
        reading.add(1);
        match record {
            Ok((facts, example)) => {
                stats.add_with(&example, &facts, reader.number());
                unread.add(&example);
                good += 1;
            }
            Err(error @ DataError::Record { .. }) => {
                problems.push(error.to_string());
                hint = hint.or_else(|| error.hint());
                if good == 0 && problems.len() == HOPELESS {
                    hint = hint.or_else(|| Some(IMPORTED.into()));
                    stopped = true;
                    break;
                }
            }
            // After a read error there are no further records to check.
            Err(error) => return Err(error.into()),
        }
    }
    drop(reading);
    let stats = stats.finish();
    let invalid = problems.len() + stats.repeated_ids;
    problems.extend(stats.repeated_id_list.iter().map(|repeated| {
        let place = reader.location_of(repeated.line);
        let first = reader.location_of(repeated.first_line);
        let first = first.beside(&place);
        format!("{place}: id `{}` is already used in {first}", repeated.id)
    }));
    Ok(Validation {
        file: file.to_path_buf(),
        examples: stats.examples,
        invalid,
        problems,
        unread_keys: unread.finish(),
        stopped,
        hint,
    })
}

/// Refuses the options that were given although the format has no use for them.
fn refuse_unread(format: Format, unread: &[(&str, bool)]) -> Result<()> {
    match unread.iter().find(|(_, refused)| *refused) {
        None => Ok(()),
        Some((option, _)) => Err(Usage::new(format!("{option}: {format} does not read it"))
            .with_hint("leave the option out; docs/importing.md says what each format reads")
            .into()),
    }
}

fn group_keys(texts: &[String]) -> Result<Vec<GroupKey>> {
    let keys = texts.iter().map(|text| text.parse());
    Ok(keys.collect::<Result<_, DataError>>()?)
}

/// The splits in the order in which their files get their names: if that of training exists, so do the others.
const SPLITS: [&str; 3] = ["test", "valid", "train"];

/// Writes the three splits under temporary names first, so that a failure leaves none of them. Reads the records twice,
/// and keeps none: once to find their groups, once to write them.
fn split(
    file: &Path,
    (output, overwrite): (&Path, bool),
    keys: &[GroupKey],
    fractions: SplitFractions,
    seed: u64,
) -> Result<()> {
    output::check_directory(output)?;
    let Some(stored) = records::stored(file)? else {
        // Read only once, so that all records have to be kept.
        let examples = records::read(file)?;
        let split = split_by(&examples, keys, fractions, seed)?;
        let records = examples.into_iter().map(Ok);
        return write_splits(
            file,
            (output, overwrite),
            &split,
            (records, || Ok(())),
            keys,
        );
    };
    let mut groups = GroupCollector::new(keys.to_vec());
    let of_thread = keys.to_vec();
    records::each(
        file,
        move |example| GroupCollector::values_of(&of_thread, example),
        |example, values| {
            groups.add(&example, &values);
            Ok(())
        },
    )?;
    let split = split_groups(&groups.finish()?, fractions, seed)?;
    let reader = stored.reader()?.in_parallel(|example| example);
    let check = || stored.check();
    write_splits(file, (output, overwrite), &split, (reader, check), keys)
}

/// Writes each record to its split, and then checks what they were read from.
fn write_splits(
    file: &Path,
    (output, overwrite): (&Path, bool),
    split: &Split,
    (records, check): (
        impl Iterator<Item = Result<Example, DataError>>,
        impl FnOnce() -> Result<(), DataError>,
    ),
    keys: &[GroupKey],
) -> Result<()> {
    let mut split_of = vec![0_u8; split.train.len() + split.valid.len() + split.test.len()];
    for (number, indices) in (0..).zip([&split.test, &split.valid, &split.train]) {
        for &index in indices {
            split_of[index] = number;
        }
    }
    create_directories(output)?;
    let mut writers = SPLITS
        .iter()
        .map(|name| {
            let path = output.join(format!("{name}.jsonl"));
            let file = output::create(&path, Content::Records, overwrite, &[file])?;
            Ok(ExampleWriter::to_file(file)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut numbers = split_of.into_iter();
    for example in records {
        let example = example?;
        let number = numbers.next().ok_or_else(|| changed(file))?;
        writers[usize::from(number)].write(&example)?;
    }
    if numbers.next().is_some() {
        return Err(changed(file).into());
    }
    check()?;
    writers.into_iter().try_for_each(commit)?;
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    show::status(&format!("the splits share no {}", names.join(", no ")));
    Ok(())
}

fn changed(file: &Path) -> DataError {
    DataError::Changed {
        path: file.to_owned(),
    }
}

fn import_file(
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

fn convert(input: &Path, output: AtomicFile) -> Result<()> {
    let reader = records::open(input)?.in_parallel(|example| example);
    let mut writer = ExampleWriter::to_file(output)?;
    let mut unread = UnreadKeys::new();
    let mut reading = Reading::new("records", reader.progress());
    for example in reader {
        let example = example?;
        writer.write(&example)?;
        unread.add(&example);
        reading.add(1);
    }
    drop(reading);
    records::tell(input, &unread.finish());
    commit(writer)
}

fn write<'a>(
    file: AtomicFile,
    examples: impl Iterator<Item = &'a Example>,
) -> Result<ExampleWriter> {
    let mut writer = ExampleWriter::to_file(file)?;
    for example in examples {
        writer.write(example)?;
    }
    Ok(writer)
}

fn commit(writer: ExampleWriter) -> Result<()> {
    let status = format!("{}: {} examples", writer.path().display(), writer.written());
    writer.commit()?;
    show::status(&status);
    Ok(())
}
