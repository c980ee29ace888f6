//! The fingerprint of a run: its settings by name, and digests of its data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gradus_data::{Examples, TokenizedExample, TokenizedSegment};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Result;
use crate::json::to_value;

/// Settings and digests by name, such as `training.learning_rate`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Fingerprint(BTreeMap<String, Value>);

/// A setting that differs from the checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) key: String,
    pub(crate) found: String,
    pub(crate) expected: String,
}

impl Fingerprint {
    /// Adds a value; tables become one entry per key, named `name.key`.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        self.insert(name, to_value(value));
        self
    }

    /// Removes settings that do not affect the result.
    #[must_use]
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    /// Adds a setting that is not recorded, and so has its default.
    #[must_use]
    pub(crate) fn with_default(mut self, name: &str, default: &str) -> Self {
        let entry = self.0.entry(name.to_owned());
        entry.or_insert_with(|| default.into());
        self
    }

    fn insert(&mut self, name: &str, value: Value) {
        match value {
            Value::Object(table) => {
                for (key, value) in table {
                    self.insert(&format!("{name}.{key}"), value);
                }
            }
            value => {
                self.0.insert(name.to_owned(), value);
            }
        }
    }

    /// The first setting, in alphabetical order, that differs from `started`.
    pub(crate) fn difference(&self, started: &Self) -> Option<Difference> {
        let mut keys: Vec<&String> = self.0.keys().chain(started.0.keys()).collect();
        keys.sort();
        let show = |value: Option<&Value>| value.map_or_else(|| "unset".into(), Value::to_string);
        let key = keys
            .into_iter()
            .find(|key| self.0.get(*key) != started.0.get(*key))?;
        Some(Difference {
            key: key.clone(),
            found: show(self.0.get(key)),
            expected: show(started.0.get(key)),
        })
    }
}

/// Digest of tokenized examples: their ids and everything on which a loss can depend.
pub(crate) fn digest_examples(examples: &Examples) -> Result<String> {
    let mut hasher = Sha256::new();
    for example in examples.iter() {
        let example = example?;
        // Destructured, so that a new field cannot be forgotten here.
        let TokenizedExample {
            id,
            token_ids,
            type_ids,
            segments,
            response_targets,
            // Adds nothing to ids and spans.
            response: _,
            dropped: _,
            dropped_tokens: _,
            is_window: _,
            without_tokens: _,
        } = &*example;
        number(&mut hasher, id.len());
        hasher.update(id);
        number(&mut hasher, token_ids.len());
        for id in token_ids.iter().chain(type_ids) {
            hasher.update(id.to_le_bytes());
        }
        number(&mut hasher, segments.len());
        for segment in segments {
            add_segment(&mut hasher, segment);
        }
        targets_of(&mut hasher, response_targets);
    }
    Ok(format!("{} examples, {}", examples.len(), in_words(hasher)))
}

/// Digest of a file's content.
pub(crate) fn digest_bytes(bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    in_words(hasher)
}

fn in_words(hasher: Sha256) -> String {
    let mut text = "SHA-256 ".to_owned();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn add_segment(hasher: &mut Sha256, segment: &TokenizedSegment) {
    let TokenizedSegment {
        index: _,
        tokens,
        cut: _,
        targets,
        weight,
        offsets,
    } = segment;
    number(hasher, tokens.start);
    number(hasher, tokens.end);
    hasher.update(weight.to_le_bytes());
    targets_of(hasher, targets);
    // Nothing is added without offsets, so that the digest of a run without them stays what it was.
    for offset in offsets {
        hasher.update(offset.to_le_bytes());
    }
}

fn targets_of(hasher: &mut Sha256, targets: &[Option<f32>]) {
    number(hasher, targets.len());
    for target in targets {
        hasher.update([u8::from(target.is_some())]);
        hasher.update(target.unwrap_or_default().to_le_bytes());
    }
}

fn number(hasher: &mut Sha256, value: usize) {
    hasher.update((value as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TrainConfig;
    use gradus_data::{DroppedTokens, TokenSpan};

    #[test]
    fn the_setting_that_differs_is_named_with_both_values() {
        let of = |config: &TrainConfig| Fingerprint::default().with("training", config);
        let started = of(&TrainConfig::default());
        assert_eq!(started.difference(&started), None);
        let changed = of(&TrainConfig {
            epochs: 9,
            ..TrainConfig::default()
        });
        let expected = Difference {
            key: "training.epochs".into(),
            found: "9".into(),
            expected: "3".into(),
        };
        assert_eq!(changed.difference(&started), Some(expected));
        let new = of(&TrainConfig {
            ema_decay: Some(0.5),
            ..TrainConfig::default()
        });
        assert_eq!(new.difference(&started).unwrap().expected, "unset");
        let [f32, bf16] = [None, Some("bf16")].map(|precision| {
            let recorded = precision.map(|precision| [("precision", precision)]);
            let recorded = recorded.map(BTreeMap::from).unwrap_or_default();
            let recorded = Fingerprint::default().with("training", &recorded);
            recorded.with_default("training.precision", "f32")
        });
        let expected = Difference {
            key: "training.precision".into(),
            found: "\"f32\"".into(),
            expected: "\"bf16\"".into(),
        };
        assert_eq!(f32.difference(&bf16), Some(expected));
        let free = ["training.ema_decay"];
        assert_eq!(new.without(&free).difference(&started), None);
    }

    #[test]
    fn a_digest_sees_every_target_token_and_id() {
        let example = |id: &str, token: u32, target: Option<f32>| TokenizedExample {
            id: id.into(),
            token_ids: vec![1, token],
            type_ids: vec![0, 1],
            response: TokenSpan { start: 1, end: 2 },
            segments: vec![TokenizedSegment {
                index: 0,
                tokens: TokenSpan { start: 1, end: 2 },
                cut: false,
                targets: vec![target],
                weight: 1.0,
                offsets: vec![],
            }],
            response_targets: vec![],
            dropped: vec![],
            dropped_tokens: DroppedTokens::default(),
            is_window: false,
            without_tokens: vec![],
        };
        let digest = |example| digest_examples(&vec![example].into()).unwrap();
        let base = digest(example("a", 2, Some(0.5)));
        assert_eq!(base, digest(example("a", 2, Some(0.5))));
        for other in [
            example("b", 2, Some(0.5)),
            example("a", 3, Some(0.5)),
            example("a", 2, Some(0.25)),
            example("a", 2, None),
        ] {
            assert_ne!(base, digest(other));
        }
        let mut moved = example("a", 2, Some(0.5));
        moved.segments[0].offsets = vec![0.25];
        assert_ne!(base, digest(moved));
        // Unrated is not rated with 0.
        assert_ne!(
            digest(example("a", 2, None)),
            digest(example("a", 2, Some(0.0)))
        );
    }
}
