//! `gradus data …`

mod import;
mod split;
mod validate;

use std::iter;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::import::{Format, ImportOptions};
use gradus::data::{
    AtomicFile, Example, ExampleWriter, GeneratorConfig, ParquetCodec, ReadProgress, Segmenter,
    SplitFractions, UnreadKeys, generate, is_parquet_name,
};

use crate::cli::{DataCommand, MarkCut};
use crate::failure::Usage;
use crate::output::{self, Content};
use crate::progress::Reading;
use crate::{records, show};

pub(crate) fn run(command: DataCommand) -> Result<()> {
    match command {
        DataCommand::Validate { files, json } => validate::run(&files, json),
        DataCommand::Stats { file, format } => crate::commands::stats::run(&file, &format),
        DataCommand::Audit(args) => crate::commands::audit::run(&args),
        DataCommand::Split {
            file,
            output,
            overwrite,
            group,
            valid,
            test,
            seed,
        } => split::run(
            &file,
            (&output, overwrite),
            &split::group_keys(&group)?,
            SplitFractions {
                train: 1.0 - valid - test,
                valid,
                test,
            },
            seed,
        ),
        DataCommand::Segment(args) => crate::commands::segment::run(&args),
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
            import::refuse_unread(
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
            import::run(&file, format, &options, output, skip_wrong)
        }
        DataCommand::Convert {
            input,
            output,
            compression,
            overwrite,
        } => {
            if compression.is_some() && !is_parquet_name(&output) {
                let problem = format!(
                    "--compression is for Parquet, but the output is {}, expected a name that ends in .parquet",
                    output.display()
                );
                return Err(Usage::new(problem)
                    .with_hint("JSONL is compressed if its name ends in .gz")
                    .into());
            }
            let codec = compression.map_or_else(ParquetCodec::default, ParquetCodec::from);
            let output = output::create(&output, Content::Records, overwrite, &[&input])?;
            convert(&input, output, codec)
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

fn convert(input: &Path, output: AtomicFile, codec: ParquetCodec) -> Result<()> {
    let reader = records::open(input)?.in_parallel(|example| example);
    let mut writer = ExampleWriter::to_compressed(output, codec)?;
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
