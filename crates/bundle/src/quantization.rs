//! A bundle in bytes, and how much that moved its scores.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use gradus_data::TextsDigest;
use gradus_model::{EmbeddingFormat, ModelError, Result};
use serde::{Deserialize, Serialize};

use crate::{Bundle, WEIGHTS};

/// How the weights of a quantized bundle are stored, and how much that moved its scores.
///
/// Linear layers of the encoder are in bytes. They become products in
/// [`Precision::Int8`](gradus_model::Precision::Int8) without another rounding, and 32-bit floats on a device that has
/// no such products.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quantization {
    /// How its embeddings are stored.
    pub embeddings: EmbeddingFormat,
    /// SHA-256 of the weights of the bundle it was made of, in hexadecimal.
    pub of_weights: String,
    /// What its scores were compared on; `None` before they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<MeasuredQuantization>,
}

/// The scores of a quantized bundle beside those of the bundle it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredQuantization {
    /// The data, as it was named.
    pub data: String,
    /// Digest of its texts.
    pub texts: TextsDigest,
    /// The limit that held: of the mean difference, in standard deviations of the scores. That of the largest is ten
    /// times it.
    pub limit: f64,
    /// By aspect.
    pub aspects: BTreeMap<String, QuantizationChange>,
}

/// How much the scores of segments on one aspect moved, in rating units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantizationChange {
    /// Number of segments with both scores.
    pub segments: usize,
    /// Standard deviation of the scores of before.
    pub sd: f64,
    /// Mean of the magnitudes of the differences.
    pub mean: f64,
    /// The largest of them.
    pub max: f64,
    /// Spearman's correlation of both scores; `None` if one of them is constant.
    pub spearman: Option<f64>,
    /// Mean squared error before and after, by the ratings; `None` without rated segments.
    pub mse: Option<[f64; 2]>,
    /// Mean squared error of after minus that of before, by the ratings: the ends of its interval.
    pub mse_interval: Option<[f64; 2]>,
    /// Confidence level of the interval.
    pub confidence: f64,
    /// Number of segments that are on another side of the threshold of doubtful segments; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags_changed: Option<usize>,
}

impl QuantizationChange {
    /// The greatest limit that the change is beyond: its mean, or a tenth of its largest difference, in standard
    /// deviations of the scores. 0 if no score moved; infinite if constant scores did.
    pub fn size(&self) -> f64 {
        let greatest = self.mean.max(self.max / LARGEST);
        if greatest == 0.0 {
            return 0.0;
        }
        greatest / self.sd
    }
}

impl Quantization {
    /// What it is and how much it moved the scores, in sentences.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "layers in int8, embeddings in {}, of the weights with SHA-256 {:.12}..",
            self.embeddings, self.of_weights
        )];
        let Some(measured) = &self.measured else {
            return lines;
        };
        for (aspect, change) in &measured.aspects {
            lines.push(format!("{aspect}: {}", change.sentence()));
        }
        lines.push(format!(
            "measured on {} ({} records, SHA-256 of their texts {:.12}..); limit {} SD",
            measured.data, measured.texts.records, measured.texts.sha256, measured.limit
        ));
        lines.push(
            "a threshold or recalibration that it took over was fitted to the scores before"
                .to_owned(),
        );
        lines
    }
}

impl QuantizationChange {
    fn sentence(&self) -> String {
        let Self {
            segments,
            sd,
            mean,
            max,
            ..
        } = self;
        let mut parts = vec![format!(
            "scores of {segments} segments (SD {sd:.4}) moved by {mean:.5} in the mean, {max:.5} at most"
        )];
        parts.extend(self.spearman.map(|value| format!("Spearman {value:.5}")));
        if let Some([before, after]) = self.mse {
            let interval = self.mse_interval.map_or_else(String::new, |[low, high]| {
                let confidence = (self.confidence * 1e6).round() / 1e4;
                format!(" ({confidence} %: {low:+.6} to {high:+.6})")
            });
            parts.push(format!(
                "MSE {before:.5} became {after:.5}, {:+.6}{interval}",
                after - before
            ));
        }
        let changed = self.flags_changed;
        parts.extend(changed.map(|count| format!("{count} changed sides of the threshold")));
        parts.join("; ")
    }
}

/// How many times the limit of the mean difference the largest may be.
const LARGEST: f64 = 10.0;

impl Bundle {
    /// The bundle as it is after it was saved in bytes and loaded again: with adapters merged, and every weight of the
    /// encoder's linear layers and embeddings rounded. [`save`](Self::save) stores it in bytes. `of_weights` is the
    /// SHA-256 of the weights of this bundle.
    ///
    /// Thresholds and recalibration stay: they were fitted to the scores of before. Prediction intervals do not: what they
    /// promise would no longer hold.
    ///
    /// # Errors
    /// If this bundle is quantized, or if a weight cannot be read back from its device or is too large for its format.
    pub fn quantized(
        self,
        embeddings: EmbeddingFormat,
        of_weights: impl Into<String>,
        device: &Device,
    ) -> Result<Self> {
        let path = Path::new(WEIGHTS);
        if self.manifest.quantization.is_some() {
            return Err(ModelError::Quantized {
                path: path.into(),
                wanted: "to quantize it",
            });
        }
        let mut bundle = self.merged();
        let bytes = bundle.model.to_quantized_safetensors(path, embeddings)?;
        bundle.model = bundle.config.load_in_memory(path, bytes.into(), device)?;
        bundle.manifest.prediction_intervals.clear();
        bundle.manifest.quantization = Some(Quantization {
            embeddings,
            of_weights: of_weights.into(),
            measured: None,
        });
        Ok(bundle)
    }

    pub(crate) fn save_weights(&self, path: &Path) -> Result<()> {
        match &self.manifest.quantization {
            None => self.model.save(path),
            Some(found) => self.model.save_quantized(path, found.embeddings),
        }
    }

    /// The bytes of the weights, without waiting for the device.
    pub(crate) async fn weight_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let model = &self.model;
        match &self.manifest.quantization {
            None => model.to_safetensors_async(path).await,
            Some(found) => {
                model
                    .to_quantized_safetensors_async(path, found.embeddings)
                    .await
            }
        }
    }
}
