//! The manifest: settings of a bundle, how it was trained, and the digests of its files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use gradus_baselines::OffsetKinds;
use gradus_data::{ContextCounts, TextConfig, TextsDigest};
use gradus_files::is_file_name;
use gradus_model::{ConfigProblem, ModelError, Pooling, Precision, RewardModelConfig};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Aggregation, BundleInfo, DoubtThresholds, MANIFEST, PredictionIntervals, Quantization,
};

/// The newest format that this version reads.
///
/// The number increases if readers of the old format would misread the new one, or fail without a reason that helps.
/// An additional key does not change it: readers ignore unknown keys. A bundle is written in the oldest format that has
/// what it needs: 3 with an offset that is not the same for all aspects, 2 with weights in bytes
/// ([`Bundle::quantized`](crate::Bundle::quantized)) or with another offset, without which its scores would be others,
/// else 1.
pub const FORMAT_VERSION: u32 = 3;

/// The format of a bundle with weights in bytes, or with one offset for all aspects.
const EXTENDED_FORMAT_VERSION: u32 = 2;

/// The format of a bundle with weights in 32-bit floats and without an offset.
const PLAIN_FORMAT_VERSION: u32 = 1;

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

/// Settings of a trained model, and how it was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format, at most [`FORMAT_VERSION`]; set when the bundle is written.
    pub format_version: u32,
    /// The version of gradus that wrote the bundle.
    pub gradus_version: String,
    /// How segment scores become a response score.
    #[serde(deserialize_with = "aggregation")]
    pub aggregation: Aggregation,
    /// The Hub model of the pretrained encoder, if it came from the Hub.
    #[serde(
        default,
        deserialize_with = "encoder",
        skip_serializing_if = "Option::is_none"
    )]
    pub encoder: Option<EncoderOrigin>,
    /// How text becomes tokens, and the aspects in the order of the head's outputs, with their scales.
    #[serde(deserialize_with = "text")]
    pub text: TextConfig,
    /// How the model was trained, if that is known.
    #[serde(default, deserialize_with = "training")]
    pub training: Option<Training>,
    /// Figures on the validation split. Information only; nothing reads it.
    #[serde(default, deserialize_with = "validation")]
    pub validation: Option<Map<String, Value>>,
    /// The scores below which segments are doubtful, by aspect; see [`Bundle::change_thresholds`](crate::Bundle::change_thresholds).
    #[serde(
        default,
        deserialize_with = "thresholds",
        skip_serializing_if = "DoubtThresholds::is_empty"
    )]
    pub thresholds: DoubtThresholds,
    /// How far ratings lie from scores, by aspect; see
    /// [`Bundle::change_prediction_intervals`](crate::Bundle::change_prediction_intervals).
    #[serde(
        default,
        deserialize_with = "prediction_intervals",
        skip_serializing_if = "PredictionIntervals::is_empty"
    )]
    pub prediction_intervals: PredictionIntervals,
    /// How the weights are stored, if not as 32-bit floats.
    #[serde(
        default,
        deserialize_with = "quantization",
        skip_serializing_if = "Option::is_none"
    )]
    pub quantization: Option<Quantization>,
    /// Which baselines are added to the model's scores; see [`Bundle::offset`](crate::Bundle::offset).
    #[serde(
        default,
        deserialize_with = "offset",
        skip_serializing_if = "Option::is_none"
    )]
    pub offset: Option<OffsetKinds>,
    /// Whether the offset was added after training; see [`Bundle::stacked`](crate::Bundle::stacked).
    #[serde(
        default,
        deserialize_with = "stacked",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub stacked: bool,
}

impl Manifest {
    /// A manifest of this version, without training and validation.
    pub fn new(text: TextConfig, aggregation: Aggregation) -> Self {
        Self {
            format_version: PLAIN_FORMAT_VERSION,
            gradus_version: env!("CARGO_PKG_VERSION").to_owned(),
            aggregation,
            encoder: None,
            text,
            training: None,
            validation: None,
            thresholds: DoubtThresholds::new(),
            prediction_intervals: PredictionIntervals::new(),
            offset: None,
            stacked: false,
            quantization: None,
        }
    }

    /// The baselines that the model was trained beside; `None` for those that were added after training.
    pub fn trained_offset(&self) -> Option<&OffsetKinds> {
        self.offset.as_ref().filter(|_| !self.stacked)
    }

    /// The precision in which the bundle scores if nothing else is asked for.
    pub fn precision(&self) -> Precision {
        match self.quantization {
            None => Precision::F32,
            Some(_) => Precision::Int8,
        }
    }

    /// Names of the scores, in the order of the head's outputs.
    pub fn aspects(&self) -> Vec<String> {
        let aspects = self.text.aspects.iter();
        aspects.map(|aspect| aspect.name.clone()).collect()
    }
}

/// Defines functions that deserialize the value of a key and put the key in error messages: a flattened
/// struct has no line numbers.
macro_rules! with_key {
    ($($key:ident: $value:ty;)+) => {
        $(fn $key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$value, D::Error> {
            let value = <$value>::deserialize(deserializer);
            value.map_err(|error| {
                D::Error::custom(format_args!("`{}`: {error}", stringify!($key)))
            })
        })+
    };
}

with_key! {
    aggregation: Aggregation;
    encoder: Option<EncoderOrigin>;
    text: TextConfig;
    training: Option<Training>;
    validation: Option<Map<String, Value>>;
    thresholds: DoubtThresholds;
    prediction_intervals: PredictionIntervals;
    quantization: Option<Quantization>;
    offset: Option<OffsetKinds>;
    stacked: bool;
}

/// How a model was trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Digests of the texts it was trained and validated on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<SplitDigests>,
    /// The directory of the model, if it was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<PathBuf>,
    /// The directory of the base model, if an adapter was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_of: Option<PathBuf>,
    /// The bundle that the run continued, if it did not begin with an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ContinuedBundle>,
    /// Further information about the run: `config`, `counts`, `steps` and `skipped_steps`, or `probe`.
    /// `gradus-train` writes it.
    #[serde(flatten)]
    pub run: Map<String, Value>,
}

impl Training {
    /// Whether Gradus trained the model, rather than imported it.
    pub fn was_trained_here(&self) -> bool {
        ["config", "probe"]
            .iter()
            .any(|key| self.run.contains_key(*key))
    }

    /// The name of the loss it was trained with.
    pub fn loss(&self) -> Option<&str> {
        let loss = self.run.get("config")?.get("loss")?;
        loss.as_str().or_else(|| loss.get("kind")?.as_str())
    }

    /// The number of records of the training split with a context.
    pub fn context(&self) -> Option<ContextCounts> {
        let probe = || self.run.get("probe")?.get("counts");
        let counts = self.run.get("counts").or_else(probe)?;
        serde_json::from_value(counts.get("train")?.get("context")?.clone()).ok()
    }
}

/// The bundle that a run continued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContinuedBundle {
    /// Its directory, as it was named.
    pub bundle: PathBuf,
    /// SHA-256 of its `model.safetensors`, in hexadecimal.
    pub weights: String,
    /// What it was trained on, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<SplitDigests>,
    /// What was not taken over because it was fitted to the scores of before: `recalibration`, `thresholds`,
    /// `prediction intervals`, `stacking`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

impl ContinuedBundle {
    /// A bundle that is named `bundle`.
    pub fn new(bundle: impl Into<PathBuf>, info: &BundleInfo) -> Self {
        let Manifest {
            training,
            thresholds,
            prediction_intervals,
            stacked,
            ..
        } = &info.manifest;
        let left_behind = [
            ("recalibration", info.is_recalibrated),
            ("thresholds", !thresholds.is_empty()),
            ("prediction intervals", !prediction_intervals.is_empty()),
            ("stacking", *stacked),
        ];
        let left_behind = left_behind.into_iter().filter(|(_, there)| *there);
        Self {
            bundle: bundle.into(),
            weights: info.weights.sha256.clone(),
            data: training.as_ref().and_then(|training| training.data.clone()),
            left_behind: left_behind.map(|(name, _)| name.to_owned()).collect(),
        }
    }
}

/// Digests of the texts of both splits, to recognize the training data later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitDigests {
    /// The training split.
    pub train: TextsDigest,
    /// The validation split.
    pub valid: TextsDigest,
}

/// The manifest as stored, with the digests of the files.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredManifest {
    #[serde(flatten)]
    pub(super) manifest: Manifest,
    #[serde(deserialize_with = "parts")]
    pub(super) parts: BTreeMap<String, Part>,
    /// The additional files; `None` in manifests of versions that did not list them.
    #[serde(
        default,
        deserialize_with = "files",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) files: Option<BTreeMap<String, Part>>,
    /// BLAKE3 of the weights, which a load compares instead of SHA-256 to take less time. `None` in manifests of older versions and
    /// of browsers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) weights_blake3: Option<String>,
    /// The model card that is being replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previous_card: Option<Part>,
    /// Names of the aspects, which older versions also stored here.
    #[serde(default, skip_serializing)]
    aspects: Option<Vec<String>>,
    /// The pooling, which older versions also stored here.
    #[serde(default, skip_serializing)]
    pooling: Option<Pooling>,
}

impl StoredManifest {
    pub(super) fn new(
        mut manifest: Manifest,
        parts: BTreeMap<String, Part>,
        weights_blake3: Option<String>,
        files: BTreeMap<String, Part>,
    ) -> Self {
        manifest.format_version = match (&manifest.offset, &manifest.quantization) {
            (Some(OffsetKinds::ByAspect(_)), _) => FORMAT_VERSION,
            (None, None) => PLAIN_FORMAT_VERSION,
            _ => EXTENDED_FORMAT_VERSION,
        };
        Self {
            manifest,
            parts,
            files: Some(files),
            weights_blake3,
            previous_card: None,
            aspects: None,
            pooling: None,
        }
    }

    /// Checks values that older versions stored twice.
    pub(super) fn check_repeated(
        &self,
        directory: &Path,
        config: &RewardModelConfig,
    ) -> gradus_model::Result<()> {
        let named = self.manifest.aspects();
        if let Some(aspects) = self.aspects.as_ref().filter(|aspects| **aspects != named) {
            return Err(ModelError::ConfigFile {
                path: directory.join(MANIFEST),
                problem: ConfigProblem {
                    key: "text.aspects".to_owned(),
                    found: format!("{named:?}"),
                    expected: format!("{aspects:?}, the `aspects` beside it"),
                },
            });
        }
        match &self.pooling {
            Some(pooling) if *pooling != config.pooling => Err(ModelError::Contradiction {
                path: directory.into(),
                key: "pooling",
                found: pooling.to_string(),
                expected: config.pooling.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

/// The files that a manifest lists. They are removed with the bundle, so a path could remove files elsewhere.
#[derive(Deserialize)]
#[serde(try_from = "BTreeMap<String, Part>")]
struct Listed(BTreeMap<String, Part>);

impl TryFrom<BTreeMap<String, Part>> for Listed {
    type Error = String;

    fn try_from(parts: BTreeMap<String, Part>) -> Result<Self, String> {
        match parts.keys().find(|name| !is_file_name(name)) {
            None => Ok(Self(parts)),
            Some(name) => Err(format!(
                "found {name:?}, expected the name of a file in the bundle's directory"
            )),
        }
    }
}

fn parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Part>, D::Error> {
    match Listed::deserialize(deserializer) {
        Ok(Listed(parts)) => Ok(parts),
        Err(error) => Err(D::Error::custom(format_args!("`parts`: {error}"))),
    }
}

fn files<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, Part>>, D::Error> {
    match Option::<Listed>::deserialize(deserializer) {
        Ok(listed) => Ok(listed.map(|Listed(files)| files)),
        Err(error) => Err(D::Error::custom(format_args!("`files`: {error}"))),
    }
}

/// Size and digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
}

/// The key that is read before all others.
#[derive(Debug, Deserialize)]
pub(super) struct FormatVersion {
    pub(super) format_version: u64,
}
