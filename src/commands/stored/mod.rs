//! Splits of a training run that stay in their files, because they are larger than memory.

mod overview;
mod place;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use gradus::data::{Example, StoredRecords};
use gradus::eval::Baselines;
use gradus::train::{CacheEvent, StopHandle, TokenCache, stamp, unstamp};
use gradus::{DataIn, RunConfig};
use gradus_files::{MOST_BYTES, read_bounded};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use self::overview::{Overview, Wanted};
use self::place::cache_directory;
use super::plan::Told;
use super::settings::Paths;
use crate::failure::Usage;
use crate::{progress, records, show};

/// The version of what a survey holds.
const SURVEY: u32 = 2;

/// Splits that stay in their files.
pub(crate) struct Stored {
    pub(crate) train: StoredRecords,
    pub(crate) valid: StoredRecords,
    directory: std::path::PathBuf,
}

impl Stored {
    /// The splits, if the setting and their size say that they stay in their files.
    pub(crate) fn find(config: &RunConfig, paths: &Paths<'_>) -> Result<Option<Self>> {
        if config.data_in == DataIn::Memory {
            return Ok(None);
        }
        let columns = records::columns().cloned().unwrap_or_default();
        let find = |path| StoredRecords::find(path, records::limits(), columns.clone());
        let [train, valid] = [paths.train, paths.valid].map(find);
        let (train, valid) = match (config.data_in, train?, valid?) {
            (_, Some(train), Some(valid)) => (train, valid),
            (DataIn::Disk, train, _) => {
                let path = if train.is_none() {
                    paths.train
                } else {
                    paths.valid
                };
                return Err(Usage::new(format!(
                    "{}: found a stream, which can be read once, expected a file for `--data-in disk`",
                    path.display()
                ))
                .with_hint("write it to a file first, or keep the examples in memory: --data-in memory")
                .into());
            }
            _ => return Ok(None),
        };
        if config.data_in == DataIn::Auto && !is_large(&train, &valid) {
            return Ok(None);
        }
        let directory = cache_directory(config.token_cache.as_deref(), paths.train, paths.output)?;
        Ok(Some(Self {
            train,
            valid,
            directory,
        }))
    }

    /// Goes over both splits once, or reads what an earlier run wrote of them. `learned` are the aspects to learn;
    /// empty: all.
    pub(crate) fn survey(
        &self,
        learned: &[String],
        of_responses: bool,
        stop: &StopHandle,
    ) -> Result<Survey> {
        let key = self.key(learned, of_responses)?;
        let path = self.directory.join(format!("{}.survey.json", &key[..16]));
        if let Some(survey) = read_survey(&path, &key) {
            survey.tell(self);
            return Ok(survey);
        }
        let valid = Overview::of(&self.valid, None, stop)?;
        let wanted = Wanted::of(&valid.sample);
        let mut train = Overview::of(&self.train, Some(wanted), stop)?;
        let same = train.texts.same_texts(&valid.texts);
        let sketch = std::mem::take(&mut train.texts).finish();
        let survey = Survey {
            key,
            unread: [&train, &valid].map(|split| split.unread.clone()),
            records: [train.records, valid.records],
            sampled: [train.sample.len(), valid.sample.len()],
            baselines: fit_baselines(learned, &train.sample, of_responses)?,
            sketch: serde_json::to_vec(&sketch)?,
            told: overview::told(train, valid, learned, same),
        };
        survey.write(&path)?;
        survey.tell(self);
        Ok(survey)
    }

    /// Digest of the data and of what else a survey depends on.
    fn key(&self, learned: &[String], of_responses: bool) -> Result<String> {
        let bar = progress::bar(0, "bytes");
        bar.set_length(self.train.bytes() + self.valid.bytes());
        let mut hasher = Sha256::new();
        for split in [&self.train, &self.valid] {
            hasher.update(split.digest(|bytes| bar.inc(bytes))?);
        }
        bar.finish_and_clear();
        let settings = (env!("CARGO_PKG_VERSION"), SURVEY, learned, of_responses);
        hasher.update(serde_json::to_vec(&settings)?);
        // The first half is plenty to tell surveys apart.
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize()[..16]);
        Ok(format!("{:032x}", u128::from_be_bytes(half)))
    }

    /// The cache of tokens, which tells what it does.
    pub(crate) fn cache(&self) -> TokenCache<'static> {
        let mut bar: Option<(&'static str, ProgressBar)> = None;
        TokenCache {
            directory: self.directory.clone(),
            on_event: Box::new(move |event| match event {
                CacheEvent::Tokenized { split, examples } => {
                    if bar.as_ref().is_none_or(|(of, _)| *of != split) {
                        if let Some((_, bar)) = bar.take() {
                            bar.finish_and_clear();
                        }
                        show::status(&format!("tokenizing {split}"));
                    }
                    let (_, bar) = bar.get_or_insert_with(|| (split, progress::counter("records")));
                    bar.set_position(examples as u64);
                }
                CacheEvent::Found { path } => {
                    show::status(&format!("tokens read from {}", path.display()));
                }
                CacheEvent::Written { path } => {
                    if let Some((_, bar)) = bar.take() {
                        bar.finish_and_clear();
                    }
                    show::status(&format!(
                        "tokens written to {}; later runs read them there",
                        path.display()
                    ));
                }
                CacheEvent::Refused { path, reason } => show::status(&format!(
                    "{}: {reason}; the tokens are made anew",
                    path.display()
                )),
                _ => {}
            }),
        }
    }
}

/// Whether the files of both splits are too large for memory.
fn is_large(train: &StoredRecords, valid: &StoredRecords) -> bool {
    let unpacked = |records: &StoredRecords| {
        let packed = |path: &Path| {
            let ending = path.extension().map(OsStr::to_ascii_lowercase);
            ending.is_some_and(|ending| {
                ["gz", "zst", "parquet"]
                    .iter()
                    .any(|known| ending == *known)
            })
        };
        let factor = if records.files().any(packed) { 4 } else { 1 };
        records.bytes().saturating_mul(factor)
    };
    unpacked(train).saturating_add(unpacked(valid)) > DataIn::MOST_IN_MEMORY
}

/// What a pass over both splits tells.
#[derive(Serialize, Deserialize)]
pub(crate) struct Survey {
    key: String,
    unread: [Vec<String>; 2],
    records: [usize; 2],
    /// Records of each split that baselines and warnings come from.
    sampled: [usize; 2],
    pub(crate) told: Told,
    pub(crate) baselines: Baselines,
    /// The sketch of the training texts, as its file.
    pub(crate) sketch: Vec<u8>,
}

impl Survey {
    fn write(&self, path: &Path) -> Result<()> {
        let mut file = gradus::data::AtomicFile::create(path)?;
        file.write_all(stamp(serde_json::to_string(self)?).as_bytes())?;
        file.commit()?;
        Ok(())
    }

    fn tell(&self, stored: &Stored) {
        for (unread, split) in self.unread.iter().zip([&stored.train, &stored.valid]) {
            for key in unread {
                show::status(&format!("warning: {}: {key}", split.path().display()));
            }
        }
        let [[records, _], [sampled, of_valid]] = [self.records, self.sampled];
        show::status(&format!(
            "examples stay on disk: {records} of train, {} of valid",
            self.records[1]
        ));
        if sampled < records || of_valid < self.records[1] {
            show::status(&format!(
                "baselines and warnings come from a sample: {sampled} records of train, {of_valid} of valid"
            ));
        }
    }
}

/// The survey of an earlier run; none if there is none that fits.
fn read_survey(path: &Path, key: &str) -> Option<Survey> {
    if !path.exists() {
        return None;
    }
    let bytes = read_bounded(path, MOST_BYTES).map_err(|error| error.to_string());
    let reason = match bytes.and_then(|bytes| parse_survey(&bytes)) {
        Ok(survey) if survey.key == key => return Some(survey),
        Ok(_) => "found a survey of other data".to_owned(),
        Err(reason) => reason,
    };
    show::status(&format!("{}: {reason}; it is made anew", path.display()));
    None
}

fn parse_survey(file: &[u8]) -> std::result::Result<Survey, String> {
    serde_json::from_str(&unstamp(file)?).map_err(|error| error.to_string())
}

/// The baselines of the aspects that are rated in the sample.
fn fit_baselines(learned: &[String], sample: &[Example], of_responses: bool) -> Result<Baselines> {
    super::train::fitted_baselines(learned, of_responses, sample)
}
