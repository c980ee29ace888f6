//! One pass over a split: its ratings, its unread keys, and a sample of its records.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::Result;
use gradus::data::{
    Example, IdHashes, Sample, SketchCollector, StoredRecords, UnreadKeys, fold_text,
};
use gradus::eval::audit::FindingKind;
use gradus::train::{StopHandle, TrainError};

use crate::commands::plan::{Ratings, Told, warnings};
use crate::progress::Reading;

/// What a pass over a split tells.
pub(super) struct Overview {
    pub(super) records: usize,
    pub(super) ratings: Ratings,
    pub(super) texts: SketchCollector,
    pub(super) unread: Vec<String>,
    pub(super) sample: Vec<Example>,
    /// Records with a text that the other split's sample has too: one for each such text.
    sharing: Vec<Example>,
}

impl Overview {
    pub(super) fn of(
        split: &StoredRecords,
        mut wanted: Option<Wanted>,
        stop: &StopHandle,
    ) -> Result<Self> {
        let reader = split.reader()?;
        let mut reading = Reading::new("records", reader.progress());
        let (mut sample, mut unread, mut ids) = (
            Sample::of_training(),
            UnreadKeys::new(),
            IdHashes::default(),
        );
        let mut overview = Self {
            records: 0,
            ratings: Ratings::default(),
            texts: SketchCollector::new(),
            unread: Vec::new(),
            sample: Vec::new(),
            sharing: Vec::new(),
        };
        for example in reader {
            let example = example?;
            if stop.is_stopped() {
                return Err(TrainError::Stopped {
                    step: 0,
                    checkpoint: None,
                }
                .into());
            }
            overview.records += 1;
            overview.ratings.add(&example);
            overview.texts.add(&example);
            ids.add(&example.id);
            unread.add(&example);
            if wanted.as_mut().is_some_and(|wanted| wanted.take(&example)) {
                overview.sharing.push(example.clone());
            }
            sample.add(example);
            reading.add(1);
        }
        drop(reading);
        split.refuse_repeated(ids)?;
        overview.unread = unread.finish().iter().map(ToString::to_string).collect();
        overview.sample = sample.finish();
        Ok(overview)
    }
}

/// Texts of a split that are looked for in another.
pub(super) struct Wanted(HashSet<u64>);

impl Wanted {
    pub(super) fn of(examples: &[Example]) -> Self {
        Self(examples.iter().flat_map(texts).collect())
    }

    /// Whether a record has one of the texts, which are then looked for no more.
    fn take(&mut self, example: &Example) -> bool {
        let found = texts(example).map(|text| self.0.remove(&text));
        found.contains(&true)
    }
}

/// Hashes of prompt, context, response, and of the last two together.
fn texts(example: &Example) -> [u64; 4] {
    let hash = |kind: u8, texts: [&str; 2]| {
        let mut hasher = DefaultHasher::new();
        (kind, texts).hash(&mut hasher);
        hasher.finish()
    };
    let [prompt, context, response] = [
        Some(&example.prompt),
        example.context.as_ref(),
        Some(&example.response),
    ]
    .map(|text| text.map(|text| fold_text(text)).unwrap_or_default());
    [
        hash(0, [&prompt, ""]),
        // No context is no text that two splits share.
        hash(1, [&context, if context.is_empty() { &prompt } else { "" }]),
        hash(2, [&response, ""]),
        hash(3, [&context, &response]),
    ]
}

/// What is to be told of two splits: ratings of all records, and warnings about the samples. `same`: whether both have
/// the same texts.
pub(super) fn told(mut train: Overview, valid: Overview, learned: &[String], same: bool) -> Told {
    let is_all = train.sample.len() == train.records;
    let mut of_train = train.sample;
    if !is_all {
        of_train.append(&mut train.sharing);
    }
    let varies = |aspect: &str| train.ratings.varies(aspect);
    let warnings = warnings(&of_train, &valid.sample, learned, same, &|finding| {
        // A sample of ratings that are not all equal may be.
        let aspect = finding.aspect.as_deref();
        finding.kind == FindingKind::Constant && aspect.is_some_and(varies)
    });
    Told::new([train.ratings, valid.ratings], warnings)
}
