//! Parts of splits: records drawn once for all runs, a smaller part within a larger one.

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::RunConfig;
use gradus::data::ExampleWriter;
use gradus_experiment::{DataOptions, part_path};
use gradus_files::create_directories;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::records;

/// A configuration whose splits are those to read, and the test split.
pub(super) struct Drawn {
    pub(super) config: RunConfig,
    pub(super) test: Option<PathBuf>,
}

/// Draws the parts of the splits that a run reads, unless they are there.
pub(super) fn draw(directory: &Path, config: &RunConfig, data: &DataOptions) -> Result<Drawn> {
    let mut config = config.clone();
    if let Some(columns) = &config.columns {
        records::set_columns(columns.clone());
    }
    let part = |split: &mut Option<PathBuf>, records: Option<usize>| -> Result<()> {
        if let (Some(path), Some(records)) = (split.as_ref(), records) {
            *split = Some(part(directory, path, records, data)?);
        }
        Ok(())
    };
    let mut test = data.test.clone();
    part(&mut config.train, data.train_records)?;
    part(&mut config.valid, data.valid_records)?;
    part(&mut test, data.test_records)?;
    Ok(Drawn { config, test })
}

fn part(directory: &Path, split: &Path, count: usize, data: &DataOptions) -> Result<PathBuf> {
    let path = part_path(directory, split, count, data);
    if path.exists() {
        return Ok(path);
    }
    let examples = records::read(split)?;
    let mut order: Vec<usize> = (0..examples.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(data.draw));
    order.truncate(count);
    order.sort_unstable();
    if let Some(parent) = path.parent() {
        create_directories(parent)?;
    }
    let mut writer = ExampleWriter::create(&path)?;
    for index in order {
        writer.write(&examples[index])?;
    }
    writer.commit()?;
    Ok(path)
}
