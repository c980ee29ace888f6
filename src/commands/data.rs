//! `gradus data …`

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::import::{Format, ImportOptions, import};
use gradus::data::{
    DataError, Example, ExampleReader, ExampleWriter, GeneratorConfig, SplitFractions,
    StatsCollector, generate, read_examples, split_by_prompt,
};
use serde::Serialize;

use crate::cli::DataCommand;
use crate::failure::Usage;
use crate::{progress, show};

pub(crate) fn run(command: DataCommand) -> Result<()> {
    match command {
        DataCommand::Validate { files, json } => validate(&files, json),
        DataCommand::Stats { file, json } => super::stats::run(&file, json),
        DataCommand::Audit(args) => super::audit::run(&args),
        DataCommand::Split {
            file,
            output,
            valid,
            test,
            seed,
        } => split(
            &file,
            &output,
            SplitFractions {
                train: 1.0 - valid - test,
                valid,
                test,
            },
            seed,
        ),
        DataCommand::Import {
            format,
            file,
            output,
            rating_map,
            segmenter,
            sources,
            skip_wrong,
        } => {
            let options = ImportOptions {
                rating_map: rating_map.map(|text| text.parse()).transpose()?,
                segmenter: segmenter.parse()?,
                sources,
            };
            import_file(&file, format.parse()?, &options, &output, skip_wrong)
        }
        DataCommand::Generate {
            output,
            examples,
            seed,
        } => {
            let config = GeneratorConfig {
                examples,
                seed,
                ..GeneratorConfig::default()
            };
            let examples = generate(&config)?;
            write(&output, examples.iter())
        }
    }
}

/// What `validate` found in one file.
#[derive(Serialize)]
struct Validation {
    file: PathBuf,
    examples: usize,
    problems: Vec<String>,
}

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
            problems,
        } in &validations
        {
            for problem in problems {
                show::line(problem)?;
            }
            let verdict = format!("{} good, {} wrong", examples, problems.len());
            show::line(&format!("{}: {verdict}", file.display()))?;
        }
    }
    let wrong: usize = validations
        .iter()
        .map(|validation| validation.problems.len())
        .sum();
    if wrong == 0 {
        return Ok(());
    }
    Err(Usage::new(format!("{wrong} problem(s) found")).into())
}

fn validate_file(file: &Path) -> Result<Validation> {
    let mut reader = ExampleReader::open(file)?;
    let mut stats = StatsCollector::new();
    let mut problems = Vec::new();
    let bar = progress::counter("records");
    while let Some(record) = reader.next() {
        bar.inc(1);
        match record {
            Ok(example) => stats.add(&example, reader.location().line),
            Err(error @ DataError::Record { .. }) => problems.push(error.to_string()),
            // A file that cannot be read on has no further records to check.
            Err(error) => return Err(error.into()),
        }
    }
    bar.finish_and_clear();
    let stats = stats.finish();
    problems.extend(stats.repeated_id_list.iter().map(|repeated| {
        let (line, first) = (repeated.line, repeated.first_line);
        format!(
            "{}:{line}: id `{}` is that of line {first} too",
            file.display(),
            repeated.id
        )
    }));
    Ok(Validation {
        file: file.to_path_buf(),
        examples: stats.examples,
        problems,
    })
}

fn split(file: &Path, output: &Path, fractions: SplitFractions, seed: u64) -> Result<()> {
    let examples = read_examples(file)?;
    let prompts: Vec<&str> = examples
        .iter()
        .map(|example| example.prompt.as_str())
        .collect();
    let split = split_by_prompt(&prompts, fractions, seed)?;
    let parts = [
        ("train", &split.train),
        ("valid", &split.valid),
        ("test", &split.test),
    ];
    let path = |name: &str| output.join(format!("{name}.jsonl"));
    for (name, _) in parts {
        if path(name).exists() {
            return Err(
                Usage::new(format!("{}: already exists", path(name).display()))
                    .with_hint("choose another directory with --output")
                    .into(),
            );
        }
    }
    fs_err::create_dir_all(output)?;
    for (name, indices) in parts {
        write(&path(name), indices.iter().map(|&index| &examples[index]))?;
    }
    Ok(())
}

fn import_file(
    file: &Path,
    format: Format,
    options: &ImportOptions,
    output: &Path,
    skip_wrong: bool,
) -> Result<()> {
    let mut writer = ExampleWriter::create(output)?;
    let mut left_out = 0_usize;
    let bar = progress::counter("records");
    for record in import(file, format, options)? {
        bar.inc(1);
        match record {
            Ok(example) => writer.write(&example)?,
            Err(error @ (DataError::Record { .. } | DataError::DuplicateId { .. }))
                if skip_wrong =>
            {
                bar.suspend(|| show::status(&format!("left out: {error}")));
                left_out += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    bar.finish_and_clear();
    let written = writer.written();
    writer.commit()?;
    show::status(&format!(
        "{}: {written} examples, {left_out} wrong records left out",
        output.display()
    ));
    Ok(())
}

fn write<'a>(path: &Path, examples: impl Iterator<Item = &'a Example>) -> Result<()> {
    let mut writer = ExampleWriter::create(path)?;
    for example in examples {
        writer.write(example)?;
    }
    let written = writer.written();
    writer.commit()?;
    show::status(&format!("{}: {written} examples", path.display()));
    Ok(())
}
