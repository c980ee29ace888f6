//! Export of a bundle to a directory that Python's transformers loads.

use std::path::Path;

use gradus_data::TextConfig;
use gradus_files::NewDirectory;
use gradus_model::{ExportOptions, ModelError, Result, check_exportable, export_hugging_face};
use serde_json::{Map, json};

use crate::{Bundle, BundlePlace, ExtraFile};

/// Settings of an export.
#[derive(Debug, Clone, Copy)]
pub struct BundleExport<'a> {
    /// Id of the padding token.
    pub pad_token_id: u32,
    /// Linear map `score · scale + shift` for each aspect, from the training scale to rating units.
    /// It is folded into the head if the head's values are the scores.
    pub units: &'a [(f64, f64)],
    /// Text settings for a later import, stored in the configuration as `gradus.text`.
    pub text: &'a TextConfig,
    /// Additional files.
    pub extra: &'a [ExtraFile<'a>],
}

impl Bundle {
    /// Writes `config.json`, `model.safetensors` and `tokenizer.json` in Hugging Face layout; see
    /// [`export_hugging_face`]. Adapters are merged. A recalibration is not exported.
    ///
    /// # Errors
    /// [`ModelError::NotExportable`] for a pooling or head that token values cannot express,
    /// [`ModelError::AlreadyExists`], or if writing fails; then nothing is left behind.
    pub fn export_hugging_face(&self, directory: &Path, export: BundleExport<'_>) -> Result<()> {
        check_exportable(&self.config, &self.model)?;
        let _place = BundlePlace::take(directory, false)?;
        let bundle = match self.config.lora {
            Some(_) => &self.clone().merged(),
            None => self,
        };
        let json = |source| ModelError::Json {
            path: directory.join("config.json"),
            source,
        };
        let told = Map::from_iter([
            ("version".into(), json!(self.manifest.gradus_version)),
            ("aggregation".into(), json!(self.manifest.aggregation)),
            (
                "text".into(),
                serde_json::to_value(export.text).map_err(json)?,
            ),
        ]);
        let options = ExportOptions {
            pad_token_id: export.pad_token_id,
            units: export.units,
            aspects: &self.manifest.aspects(),
            told: &told,
        };
        let new = NewDirectory::create(directory)?;
        export_hugging_face(&new, &bundle.config, &bundle.model, options)?;
        new.write("tokenizer.json", &bundle.tokenizer)?;
        for file in export.extra {
            new.write(file.name, file.bytes)?;
        }
        new.publish()?;
        Ok(())
    }
}
