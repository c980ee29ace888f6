//! Bundles in memory: the files of the directory by their names, without a file system.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, read_sync};
use gradus_data::SegmentTokenizer;
use gradus_model::{ModelError, Result, RewardModelConfig};

use crate::digest::digest_bytes;
use crate::manifest::{Part, StoredManifest};
use crate::{
    Bundle, CARD, CONFIG, ExtraFile, MANIFEST, OFFSET, PARTS, RECALIBRATION, Recalibrations,
    TOKENIZER, WEIGHTS, blake3_of, card, check_digest, check_extra, check_size, fit, foreign,
    offset, parse_json, parse_manifest, to_json,
};

/// The files of a bundle by their names.
pub type BundleFiles = BTreeMap<String, Vec<u8>>;

impl Bundle {
    /// The bundle of these files, checked as [`load`](Self::load) checks those of a directory, with its tokenizer.
    /// Errors call the bundle `name`. Files that the manifest does not list are not read.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_files(
        name: &Path,
        mut files: BundleFiles,
        device: &Device,
    ) -> Result<(Self, SegmentTokenizer)> {
        let manifest = files.get(MANIFEST).ok_or_else(|| ModelError::NotABundle {
            path: name.into(),
            reason: "it has no manifest.json",
        })?;
        let stored = parse_manifest(name, manifest)?;
        check_files(name, &files, &stored.parts)?;
        let config_file = name.join(CONFIG);
        let config: RewardModelConfig = parse_json(&config_file, &files[CONFIG])?;
        let weights: Arc<[u8]> = files.remove(WEIGHTS).unwrap_or_default().into();
        let model = config
            .check()
            .and_then(|()| config.load_in_memory(&name.join(WEIGHTS), weights, device))
            .map_err(|error| error.in_file(&config_file))?;
        stored.check_repeated(name, &config)?;
        let recalibration = match files.get(RECALIBRATION) {
            Some(bytes) if stored.parts.contains_key(RECALIBRATION) => {
                let aspects = stored.manifest.aspects();
                let maps = Recalibrations::read(bytes, &aspects, &name.join(RECALIBRATION))?;
                Some(maps)
            }
            _ => None,
        };
        let offset = match files.get(OFFSET) {
            Some(bytes) if stored.parts.contains_key(OFFSET) => {
                Some(offset::parse(&name.join(OFFSET), bytes)?)
            }
            _ => None,
        };
        let bundle = Self {
            config,
            model,
            tokenizer: files.remove(TOKENIZER).unwrap_or_default(),
            recalibration,
            offset,
            manifest: stored.manifest,
        };
        bundle.check(name)?;
        let tokenizer = fit::tokenizer(&bundle, name)?;
        Ok((bundle, tokenizer))
    }

    /// The files that [`save`](Self::save) writes, byte for byte.
    ///
    /// # Errors
    /// If an extra file has an invalid name, or if the bundle contradicts itself.
    pub fn to_files(&self, extra: &[ExtraFile<'_>]) -> Result<BundleFiles> {
        read_sync(self.to_files_async(extra))
    }

    /// [`to_files`](Self::to_files) where nothing may wait for a device, as in a browser.
    ///
    /// # Errors
    /// Those of [`to_files`](Self::to_files).
    pub async fn to_files_async(&self, extra: &[ExtraFile<'_>]) -> Result<BundleFiles> {
        extra.iter().try_for_each(check_extra)?;
        self.check(Path::new(""))?;
        let mut parts = BundleFiles::from([
            (CONFIG.into(), to_json(Path::new(CONFIG), &self.config)?),
            (TOKENIZER.into(), self.tokenizer.clone()),
            (WEIGHTS.into(), self.weight_bytes(Path::new(WEIGHTS)).await?),
        ]);
        if let Some(recalibration) = &self.recalibration {
            parts.insert(RECALIBRATION.into(), recalibration.to_json()?);
        }
        if let Some(offset) = &self.offset {
            parts.insert(OFFSET.into(), offset::to_json(offset)?);
        }
        let mut files = BundleFiles::from([(CARD.into(), card::of(self).into_bytes())]);
        // A card that the caller gives takes the place of that of this program.
        files.extend(
            extra
                .iter()
                .map(|file| (file.name.into(), file.bytes.into())),
        );
        let blake3 = blake3_of(&mut &*parts[WEIGHTS])?;
        let (of_parts, of_files) = (digests(&parts), digests(&files));
        let stored = StoredManifest::new(self.manifest.clone(), of_parts, blake3, of_files);
        files.append(&mut parts);
        files.insert(MANIFEST.into(), to_json(Path::new(MANIFEST), &stored)?);
        Ok(files)
    }
}

fn digests(files: &BundleFiles) -> BTreeMap<String, Part> {
    files
        .iter()
        .map(|(name, bytes)| (name.clone(), digest_bytes(bytes)))
        .collect()
}

/// Checks that every part is there with the size and digest in the manifest.
fn check_files(name: &Path, files: &BundleFiles, parts: &BTreeMap<String, Part>) -> Result<()> {
    for part in PARTS {
        check_file(name, part, files, parts.get(part))?;
    }
    if parts.contains_key(OFFSET) {
        check_file(name, OFFSET, files, parts.get(OFFSET))?;
    }
    match parts.get(RECALIBRATION) {
        Some(expected) => check_file(name, RECALIBRATION, files, Some(expected)),
        None if files.contains_key(RECALIBRATION) => {
            Err(foreign(name, RECALIBRATION, "a file".into(), "none".into()))
        }
        None => Ok(()),
    }
}

fn check_file(name: &Path, part: &str, files: &BundleFiles, expected: Option<&Part>) -> Result<()> {
    let (Some(bytes), Some(expected)) = (files.get(part), expected) else {
        return Err(ModelError::MissingPart {
            path: name.into(),
            part: part.to_owned(),
        });
    };
    check_size(name, part, bytes.len() as u64, expected)?;
    check_digest(name, part, &digest_bytes(bytes), expected)
}
