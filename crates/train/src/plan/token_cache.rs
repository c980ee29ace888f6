//! Tokenized splits on disk, for data sets that are larger than memory.

use std::path::{Path, PathBuf};

use gradus_baselines::Offset;
use gradus_bundle::SplitDigests;
use gradus_data::{
    DigestCollector, ExampleSource as _, SegmentTokenizer, StoredRecords, TextConfig, TokenFile,
    TokenFileKey, TokenFileWriter,
};
use gradus_files::{MOST_BYTES, create_directories, read_bounded};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::assemble::Splits;
use super::offsets::Offsets;
use super::prepare::{Resolved, SplitsFacts, TextSource, check_both_scales};
use super::survey::Survey;
use super::tokenize::{SplitFacts, SplitTokenizer};
use super::{SplitCounts, TrainingPlan};
use crate::json::to_value;
use crate::stamped::{hex, stamp, unstamp};
use crate::{Result, TrainError};

/// Version of the entries. To be raised when the same data and settings give other tokens.
const FORMAT: u32 = 3;
/// Characters of the key in the names of files.
const NAME: usize = 16;
const SPLITS: [&str; 2] = ["train", "valid"];

/// A directory for tokenized splits, and what to do with news of it.
///
/// An entry is two files of tokens and a description, which is written last. Their names are the first digits of a
/// digest of data, tokenizer and settings, so runs with the same ones share an entry. A file that is damaged, or does
/// not belong to its name, is made anew. Any file may be deleted while no run uses it.
pub struct TokenCache<'a> {
    /// The directory. It is made if it is not there.
    pub directory: PathBuf,
    /// Called while the cache is searched and made.
    pub on_event: Box<dyn FnMut(CacheEvent<'_>) + 'a>,
}

/// News of a [`TokenCache`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum CacheEvent<'a> {
    /// More of the data was read for its digest.
    Digested {
        /// Bytes.
        bytes: u64,
    },
    /// An entry was refused, and is made anew.
    Refused {
        /// The file.
        path: &'a Path,
        /// What was found.
        reason: &'a str,
    },
    /// The tokens are in the cache.
    Found {
        /// The description of the entry.
        path: &'a Path,
    },
    /// Examples were tokenized.
    Tokenized {
        /// `train` or `valid`.
        split: &'static str,
        /// Number of examples of this split that are done.
        examples: usize,
    },
    /// The tokens are written.
    Written {
        /// The description of the entry.
        path: &'a Path,
    },
}

/// The description of an entry.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    config: TextConfig,
    /// The bits of the mean targets.
    mean_targets: Vec<u32>,
    counts: SplitCounts,
    texts: SplitDigests,
    largest_type: u32,
    /// The file of a tokenizer with the words of the training split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokenizer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<Offset>,
}

impl TokenCache<'_> {
    /// The tokenized splits.
    pub(super) fn splits(
        mut self,
        plan: &TrainingPlan,
        source: TextSource<'_>,
        data: [&StoredRecords; 2],
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Splits<TokenFile>> {
        let mut digests = Vec::new();
        for split in data {
            let on_event = &mut self.on_event;
            digests.push(split.digest(|bytes| on_event(CacheEvent::Digested { bytes }))?);
        }
        let place = Place::new(&self.directory, plan, source, &digests);
        match place.open(source.tokenizer) {
            Ok(Some(splits)) => {
                let path = &place.description();
                (self.on_event)(CacheEvent::Found { path });
                return Ok(splits);
            }
            Ok(None) => {}
            Err(Refused { path, reason }) => {
                let (path, reason) = (&path, &reason);
                (self.on_event)(CacheEvent::Refused { path, reason });
            }
        }
        create_directories(&self.directory).map_err(|cause| write_error(&self.directory, cause))?;
        self.make(&place, plan, source, data, is_stopped)?;
        let splits = place.open(source.tokenizer).map_err(TrainError::from)?;
        let path = &place.description();
        (self.on_event)(CacheEvent::Written { path });
        splits.ok_or_else(|| {
            let reason = "found no file of tokens, though it was written".to_owned();
            let path = path.clone();
            Refused { path, reason }.into()
        })
    }

    /// Tokenizes the splits and writes the entry.
    fn make(
        &mut self,
        place: &Place,
        plan: &TrainingPlan,
        source: TextSource<'_>,
        data: [&StoredRecords; 2],
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<()> {
        let tokenizer = source.tokenizer;
        let survey = Survey::of(data[0], &plan.training, tokenizer.is_none())?;
        let resolved = Resolved::from_source(&survey, source, &plan.text, &plan.training)?;
        let Resolved {
            config,
            mean_targets,
        } = resolved;
        let words = tokenizer.is_none().then(|| survey.words.into_tokenizer());
        check_both_scales(&config.aspects, &plan.training, data[0], data[1])?;
        let offset = &plan.training.offset;
        let offsets = Offsets::new(offset, source.offset, &config.aspects, data[0])?;
        let file = tokenizer.or(words.as_deref()).unwrap_or_default();
        let text = SegmentTokenizer::new(file, config.clone())?;
        let mut facts = Vec::new();
        for (split, records) in SPLITS.into_iter().zip(data) {
            let tokenizer = SplitTokenizer {
                split,
                tokenizer: &text,
                training: &plan.training,
                offsets: &offsets,
            };
            facts.push(self.tokenize(place, &tokenizer, records, is_stopped)?);
        }
        let [train, valid]: [SplitFacts; 2] = facts
            .try_into()
            .unwrap_or_else(|_| unreachable!("one for each of two splits"));
        let SplitsFacts {
            counts,
            texts,
            largest_type,
        } = SplitsFacts::of(train, valid);
        let entry = Entry {
            key: place.key.clone(),
            config,
            mean_targets: mean_targets.iter().map(|mean| mean.to_bits()).collect(),
            counts,
            texts,
            largest_type,
            tokenizer: words.map(|words| String::from_utf8_lossy(&words).into_owned()),
            offset: offsets.into_offset(),
        };
        place.describe(&entry)
    }

    fn tokenize(
        &mut self,
        place: &Place,
        tokenizer: &SplitTokenizer<'_>,
        records: &StoredRecords,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<SplitFacts> {
        let split = tokenizer.split;
        let mut file = TokenFileWriter::create(&place.tokens(split), place.file_key(split))?;
        let facts = tokenizer.tokenize(
            records,
            DigestCollector::spilling_to(&self.directory),
            |item| {
                if is_stopped() {
                    return Err(TrainError::Stopped {
                        step: 0,
                        checkpoint: None,
                    });
                }
                Ok(file.write(&item)?)
            },
            |examples| (self.on_event)(CacheEvent::Tokenized { split, examples }),
        )?;
        file.commit()?;
        Ok(facts)
    }
}

/// An entry that cannot be used.
struct Refused {
    path: PathBuf,
    reason: String,
}

impl From<Refused> for TrainError {
    fn from(Refused { path, reason }: Refused) -> Self {
        gradus_data::DataError::TokenFile { path, reason }.into()
    }
}

/// Where an entry is.
struct Place {
    directory: PathBuf,
    /// In hexadecimal.
    key: String,
}

impl Place {
    fn new(directory: &Path, plan: &TrainingPlan, source: TextSource<'_>, data: &[String]) -> Self {
        let tokenizer = source.tokenizer;
        let mut parts = json!({
            "format": FORMAT,
            "version": env!("CARGO_PKG_VERSION"),
            "data": data,
            "text": to_value(&plan.text),
            "chat_template": to_value(&source.chat_template),
            "tokenizer": tokenizer.map_or_else(|| Value::from("words"), |file| hex(&Sha256::digest(file)).into()),
            "response_loss": to_value(&plan.training.response_loss),
            "logits": plan.training.loss.takes_logits(),
            "offset": to_value(&plan.training.offset.kinds()),
        });
        if let Some(config) = source.continued {
            parts["continued"] = to_value(config);
        }
        if let Some(offset) = source.offset {
            parts["offset"] = to_value(offset);
        }
        Self {
            directory: directory.to_owned(),
            key: hex(&Sha256::digest(parts.to_string())),
        }
    }

    fn description(&self) -> PathBuf {
        self.directory.join(format!("{}.json", &self.key[..NAME]))
    }

    fn tokens(&self, split: &str) -> PathBuf {
        let name = format!("{}.{split}.tokens", &self.key[..NAME]);
        self.directory.join(name)
    }

    fn file_key(&self, split: &str) -> TokenFileKey {
        Sha256::digest(format!("{} {split}", self.key)).into()
    }

    /// The splits of the entry; `None` if there is no entry.
    fn open(
        &self,
        tokenizer: Option<&[u8]>,
    ) -> std::result::Result<Option<Splits<TokenFile>>, Refused> {
        let path = self.description();
        if !path.exists() {
            return Ok(None);
        }
        let refused = |reason: String| Refused {
            path: path.clone(),
            reason,
        };
        let bytes = read_bounded(&path, MOST_BYTES).map_err(|error| refused(error.to_string()))?;
        let entry = unstamp(&bytes).map_err(refused)?;
        let entry: Entry =
            serde_json::from_str(&entry).map_err(|error| refused(error.to_string()))?;
        if entry.key != self.key {
            return Err(refused("found tokens of other data or settings".into()));
        }
        let words = entry.tokenizer.map(String::into_bytes);
        let tokenizer = match (tokenizer, words) {
            (Some(file), None) => file.to_owned(),
            (None, Some(words)) => words,
            _ => return Err(refused("found the tokenizer of another encoder".into())),
        };
        let text = SegmentTokenizer::new(&tokenizer, entry.config);
        let text = text.map_err(|error| refused(error.to_string()))?;
        let split = |split| {
            let path = self.tokens(split);
            TokenFile::open(&path, self.file_key(split)).map_err(|error| Refused {
                reason: match error {
                    gradus_data::DataError::TokenFile { reason, .. } => reason,
                    error => error.to_string(),
                },
                path,
            })
        };
        let [train, valid] = SPLITS.map(split);
        let (train, valid) = (train?, valid?);
        if train.is_empty() || valid.is_empty() {
            return Err(refused("found a split without examples".into()));
        }
        Ok(Some(Splits {
            text,
            train,
            valid,
            facts: SplitsFacts {
                counts: entry.counts,
                texts: entry.texts,
                largest_type: entry.largest_type,
            },
            mean_targets: entry.mean_targets.into_iter().map(f32::from_bits).collect(),
            tokenizer,
            offset: entry.offset,
        }))
    }

    fn describe(&self, entry: &Entry) -> Result<()> {
        use std::io::Write as _;

        let path = self.description();
        let write = || {
            let mut file = gradus_files::NewFile::create(&path, gradus_files::Existing::Replace)?;
            file.write_all(stamp(to_value(entry).to_string()).as_bytes())?;
            file.publish()
        };
        write().map_err(|cause| write_error(&path, cause))
    }
}

fn write_error(path: &Path, cause: std::io::Error) -> TrainError {
    gradus_data::DataError::Write {
        path: path.to_owned(),
        cause,
    }
    .into()
}
