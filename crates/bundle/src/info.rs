//! What a bundle is, without its weights in memory.

use std::path::Path;

use gradus_files::{MOST_BYTES, read_regular};
use gradus_model::{ModelError, Result, RewardModelConfig};

use crate::{
    Bundle, CONFIG, MANIFEST, Manifest, Offset, Part, RECALIBRATION, TOKENIZER, WEIGHTS,
    check_parts, load_manifest, offset, read_json, settled,
};

/// A bundle without its weights.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BundleInfo {
    /// Text settings, aspects, aggregation, and how the model was trained.
    pub manifest: Manifest,
    /// The configuration of the model.
    pub config: RewardModelConfig,
    /// `tokenizer.json`, byte for byte.
    pub tokenizer: Vec<u8>,
    /// Size and digest of `model.safetensors`.
    pub weights: Part,
    /// Whether it has a recalibration.
    pub is_recalibrated: bool,
    /// What is added to the scores of the model, if it was trained beside something.
    pub offset: Option<Offset>,
}

impl Bundle {
    /// Reads a bundle without loading its weights. The digests of all parts are checked.
    ///
    /// # Errors
    /// If a part is missing, is not the file saved with this bundle, or cannot be read, or if the bundle has another
    /// format.
    pub fn info(directory: &Path) -> Result<BundleInfo> {
        Self::recover(directory)?;
        settled(directory, || {
            let stored = load_manifest(directory)?;
            check_parts(directory, &stored.parts)?;
            let config: RewardModelConfig = read_json(&directory.join(CONFIG))?;
            stored.check_repeated(directory, &config)?;
            let weights = stored.parts.get(WEIGHTS).cloned();
            Ok(BundleInfo {
                config,
                tokenizer: read_regular(&directory.join(TOKENIZER), MOST_BYTES)?,
                weights: weights.ok_or_else(|| ModelError::MissingPart {
                    path: directory.join(MANIFEST),
                    part: WEIGHTS.to_owned(),
                })?,
                offset: offset::read(directory, &stored)?,
                is_recalibrated: stored.parts.contains_key(RECALIBRATION),
                manifest: stored.manifest,
            })
        })
    }
}
