//! `gradus data …`

mod convert;
mod import;
mod split;
mod validate;
mod weigh;

use std::iter;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::import::{Format, ImportOptions};
use gradus::data::{
    ExampleWriter, GeneratorConfig, ReadProgress, Segmenter, SplitFractions, generate,
};

use crate::cli::{DataCommand, MarkCut};
use crate::output::{self, Content};
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
        } => convert::run(&input, &output, compression, overwrite),
        DataCommand::Weigh {
            input,
            output,
            overwrite,
        } => weigh::run(&input, &output, overwrite),
        DataCommand::Generate {
            output,
            overwrite,
            examples,
            seed,
        } => write_generated(&output, overwrite, examples, seed),
    }
}

fn write_generated(output: &Path, overwrite: bool, examples: usize, seed: u64) -> Result<()> {
    let output = output::create(output, Content::Records, overwrite, &[])?;
    let config = GeneratorConfig {
        examples,
        seed,
        ..GeneratorConfig::default()
    };
    let mut writer = ExampleWriter::to_file(output)?;
    for example in generate(&config)? {
        writer.write(&example)?;
    }
    commit(writer)
}

fn commit(writer: ExampleWriter) -> Result<()> {
    let status = format!("{}: {} examples", writer.path().display(), writer.written());
    writer.commit()?;
    show::status(&status);
    Ok(())
}
