//! The bundles by name, and their replacement while requests are answered.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::http::StatusCode;
use burn::tensor::Device;
use gradus_bundle::digest_file;
use gradus_data::BatchSize;
use gradus_eval::{EvalError, OffsetUse, Precision, Scorer};

use crate::event::Observer;
use crate::refusal::Refusal;
use crate::{BundleSource, Event, Result, ServeError};

/// A bundle in memory. A request keeps the one that it began with.
pub(crate) struct Model {
    /// What requests call it.
    pub(crate) name: String,
    /// SHA-256 of its manifest, which has those of its parts.
    pub(crate) digest: String,
    pub(crate) scorer: Scorer,
    /// Its parts that are not used, as they were fitted to scores with the offset.
    not_used: Vec<&'static str>,
}

/// All bundles of a server.
pub(crate) struct Models {
    slots: Vec<Slot>,
    device: Device,
    precision: Option<Precision>,
    offset: Option<OffsetUse>,
    max_batch_tokens: usize,
    observer: Observer,
}

/// The place of a bundle.
struct Slot {
    source: BundleSource,
    current: RwLock<Option<Arc<Model>>>,
    /// Held while it is loaded, so that two are never loaded at once.
    loading: Mutex<()>,
}

/// What became of a bundle that was to be loaded again.
pub(crate) struct Reloaded {
    pub(crate) name: String,
    pub(crate) outcome: Result<Arc<Model>>,
}

impl Models {
    /// Places for bundles, none of them loaded yet.
    pub(crate) fn new(
        sources: &[BundleSource],
        (device, precision, offset): (Device, Option<Precision>, Option<OffsetUse>),
        max_batch_tokens: usize,
        observer: Observer,
    ) -> Result<Self> {
        for (place, source) in sources.iter().enumerate() {
            if sources[..place]
                .iter()
                .any(|other| other.name == source.name)
            {
                return Err(ServeError::RepeatedName {
                    name: source.name.clone(),
                });
            }
        }
        let slot = |source: &BundleSource| Slot {
            source: source.clone(),
            current: RwLock::new(None),
            loading: Mutex::new(()),
        };
        Ok(Self {
            slots: sources.iter().map(slot).collect(),
            device,
            precision,
            offset,
            max_batch_tokens,
            observer,
        })
    }

    /// Loads every bundle, in their order.
    pub(crate) fn load_all(&self) -> Result<()> {
        self.slots
            .iter()
            .try_for_each(|slot| self.load(slot).map(drop))
    }

    /// Loads one bundle, or all, again. Requests go on with the old one until the new one is whole; a
    /// bundle that cannot be loaded leaves the old one in its place.
    pub(crate) fn reload(&self, name: Option<&str>) -> Result<Vec<Reloaded>, Refusal> {
        if let Some(name) = name {
            self.slot(name)?;
        }
        let wanted = |slot: &&Slot| name.is_none_or(|name| slot.source.name == name);
        let reload = |slot: &Slot| {
            let outcome = self.load(slot);
            if let Err(error) = &outcome {
                (self.observer)(Event::ReloadFailed {
                    model: slot.source.name.clone(),
                    message: error.to_string(),
                });
            }
            Reloaded {
                name: slot.source.name.clone(),
                outcome,
            }
        };
        Ok(self.slots.iter().filter(wanted).map(reload).collect())
    }

    /// The bundle that a request asks for; the first where it names none.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<Arc<Model>, Refusal> {
        let slot = match name {
            Some(name) => self.slot(name)?,
            None => &self.slots[0],
        };
        slot.current().ok_or_else(Refusal::loading)
    }

    /// Whether a bundle has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.slots.iter().any(|slot| slot.source.name == name)
    }

    /// All bundles that are loaded, in their order.
    pub(crate) fn loaded(&self) -> Vec<Arc<Model>> {
        self.slots.iter().filter_map(Slot::current).collect()
    }

    fn slot(&self, name: &str) -> Result<&Slot, Refusal> {
        let slot = self.slots.iter().find(|slot| slot.source.name == name);
        slot.ok_or_else(|| {
            let names: Vec<&str> = self
                .slots
                .iter()
                .map(|slot| slot.source.name.as_str())
                .collect();
            let expected = format!("one of {}", names.join(", "));
            Refusal::field("model", format!("{name:?}"), expected)
                .with_status(StatusCode::NOT_FOUND)
        })
    }

    fn load(&self, slot: &Slot) -> Result<Arc<Model>> {
        let _alone = slot.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let model = Arc::new(self.read(&slot.source)?);
        *slot.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&model));
        (self.observer)(Event::Loaded {
            model: model.name.clone(),
            digest: model.digest.clone(),
            precision: model.scorer.precision(),
            offset: model.scorer.offset_use(),
            not_used: model.not_used.clone(),
            withheld: withheld(&model.scorer),
        });
        Ok(model)
    }

    /// Reads a bundle. Where another took its place in the meantime, that one is read.
    fn read(&self, source: &BundleSource) -> Result<Model> {
        let wrong = |cause: EvalError| ServeError::Bundle {
            name: source.name.clone(),
            cause: Box::new(cause),
        };
        let manifest = source.path.join("manifest.json");
        let digest = || digest_file(&manifest).map(|part| part.sha256).ok();
        loop {
            let before = digest();
            let mut scorer = Scorer::load(&source.path, &self.device).map_err(wrong)?;
            let mut not_used = Vec::new();
            if let Some(choice) = self.offset {
                if scorer.offset().is_none() && choice == OffsetUse::Keep {
                    return Err(ServeError::NoOffset {
                        name: source.name.clone(),
                        choice,
                    });
                }
                if choice == OffsetUse::Drop {
                    not_used = fitted(&scorer);
                }
                scorer = scorer.with_offset(choice);
            }
            if let Some(precision) = self.precision {
                scorer = scorer.with_precision(precision);
            }
            if let Some(digest) = digest()
                && Some(&digest) == before.as_ref()
            {
                return Ok(Model {
                    name: source.name.clone(),
                    digest,
                    scorer: scorer.with_batch_size(BatchSize::Tokens(self.max_batch_tokens)),
                    not_used,
                });
            }
        }
    }
}

/// The parts of a bundle that were fitted to its scores.
fn fitted(scorer: &Scorer) -> Vec<&'static str> {
    let parts = [
        ("recalibration", scorer.recalibrations().is_some()),
        ("thresholds", !scorer.manifest().thresholds.is_empty()),
    ];
    let there = parts.into_iter().filter(|part| part.1);
    there.map(|part| part.0).collect()
}

/// Why prediction intervals are not given, by aspect.
fn withheld(scorer: &Scorer) -> Vec<String> {
    let choices = scorer.scoring_choices();
    let intervals = scorer.manifest().prediction_intervals.iter();
    let why = intervals.filter_map(|(aspect, interval)| {
        Some(format!("{aspect}: {}", interval.withheld(&choices)?))
    });
    why.collect()
}

impl Slot {
    fn current(&self) -> Option<Arc<Model>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
impl Model {
    /// A small model of its own random weights that knows the words `one`, `two` and `three`.
    pub(crate) fn for_tests() -> Self {
        Self::of_text_for_tests("one two three . ?")
    }

    /// The same with the words `w0`, `w1` and so on.
    pub(crate) fn with_words_for_tests(count: usize) -> Self {
        let words: Vec<String> = (0..count).map(|number| format!("w{number}")).collect();
        Self::of_text_for_tests(&(words.join(" ") + " . ?"))
    }

    fn of_text_for_tests(text: &str) -> Self {
        use gradus_bundle::{Bundle, Manifest};
        use gradus_data::{AspectSpec, TextConfig, word_level_tokenizer};
        use gradus_eval::Aggregation;
        use gradus_model::encoder::BertConfig;
        use gradus_model::{EncoderConfig, Pooling, RewardModelConfig};

        let device = Device::flex();
        // More than the special tokens and the words.
        let vocabulary = text.split_whitespace().count() + 10;
        let encoder = EncoderConfig::Bert(BertConfig::new(vocabulary, 16, 1, 2));
        let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
        let text_config = TextConfig {
            max_length: 32,
            aspects: vec![AspectSpec::identity("rating")],
            ..TextConfig::default()
        };
        let bundle = Bundle {
            manifest: Manifest::new(text_config, Aggregation::Mean),
            model: config.init(&device),
            config,
            tokenizer: word_level_tokenizer([text]).unwrap(),
            recalibration: None,
            offset: None,
        };
        Self {
            name: "m".into(),
            digest: String::new(),
            scorer: Scorer::new(bundle, &device).unwrap(),
            not_used: Vec::new(),
        }
    }
}
