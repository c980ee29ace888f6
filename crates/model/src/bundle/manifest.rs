//! What a bundle says about itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};

use serde::de::{Deserializer, Error as _, Unexpected};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pooling::Pooling;

/// The format this version writes and reads.
///
/// It grows when a reader of the old format would misread the new one. Keys that only add
/// something do not change it: readers pass over keys they do not know.
pub const FORMAT_VERSION: u32 = 1;

/// A model of the Hugging Face Hub at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderOrigin {
    /// `org/name`.
    pub id: String,
    /// The commit, in hexadecimal.
    pub commit: String,
}

impl fmt::Display for EncoderOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.id, self.commit)
    }
}

/// What a model is for and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The version of gradus that wrote the bundle.
    pub gradus_version: String,
    /// Names of the scores, in the order of the head's outputs.
    pub aspects: Vec<String>,
    /// How token states become a segment's vector.
    pub pooling: Pooling,
    /// How segment scores become a response score, by name.
    pub aggregation: String,
    /// Where the pretrained encoder was fetched from, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoder: Option<EncoderOrigin>,
    /// How text becomes tensors; belongs to gradus-data and is not looked at here.
    #[serde(default)]
    pub text: Value,
    /// How the model was trained.
    #[serde(default)]
    pub training: Value,
    /// What it reached on the validation split.
    #[serde(default)]
    pub validation: Value,
}

impl Manifest {
    /// A manifest of this version, without a word on text, training and validation.
    pub fn new(aspects: Vec<String>, pooling: Pooling, aggregation: impl Into<String>) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            gradus_version: env!("CARGO_PKG_VERSION").to_owned(),
            aspects,
            pooling,
            aggregation: aggregation.into(),
            encoder: None,
            text: Value::Null,
            training: Value::Null,
            validation: Value::Null,
        }
    }
}

/// The manifest as it lies on disk: with the digests that tell a foreign part.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredManifest {
    #[serde(flatten)]
    pub(super) manifest: Manifest,
    #[serde(deserialize_with = "by_file_name")]
    pub(super) parts: BTreeMap<String, Part>,
    /// What was saved beside the parts; `None` where the version that wrote it did not say.
    #[serde(
        default,
        deserialize_with = "by_file_name_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) files: Option<BTreeMap<String, Part>>,
}

/// Whether a name is that of an entry of the bundle's directory. What a manifest lists is removed with the
/// bundle, so a path in it would reach files outside.
pub(super) fn is_file_name(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(components.next(), Some(Component::Normal(first)) if first == name)
        && components.next().is_none()
}

fn by_file_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Part>, D::Error> {
    let parts = BTreeMap::<String, Part>::deserialize(deserializer)?;
    match parts.keys().find(|name| !is_file_name(name)) {
        None => Ok(parts),
        Some(name) => Err(D::Error::invalid_value(
            Unexpected::Str(name),
            &"the name of a file in the bundle's directory",
        )),
    }
}

fn by_file_name_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, Part>>, D::Error> {
    #[derive(Deserialize)]
    struct Files(#[serde(deserialize_with = "by_file_name")] BTreeMap<String, Part>);
    let files = Option::<Files>::deserialize(deserializer)?;
    Ok(files.map(|Files(files)| files))
}

/// Size and digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
}

/// The one key that is read before anything else of a manifest.
#[derive(Debug, Deserialize)]
pub(super) struct FormatVersion {
    pub(super) format_version: u64,
}
