//! Checks that the parts of a bundle fit together.

use std::path::Path;

use gradus_data::{DataError, SegmentTokenizer};
use gradus_model::{ConfigProblem, EncoderConfig, ModelError, Result};

use crate::{Bundle, MANIFEST, RECALIBRATION, TOKENIZER, offset, prediction_intervals, thresholds};

impl Bundle {
    /// Checks that the text settings are possible, and that manifest, recalibration and configuration
    /// describe the same model.
    pub(crate) fn check(&self, directory: &Path) -> Result<()> {
        let Self {
            manifest, config, ..
        } = self;
        let text = &manifest.text;
        let problem = |file: &str, problem: ConfigProblem| ModelError::ConfigFile {
            path: directory.join(file),
            problem,
        };
        text.check().map_err(|error| {
            let found = format!("wrong: {error}");
            problem(
                MANIFEST,
                ConfigProblem::new("text", found, "settings that can be used"),
            )
        })?;
        let (found, expected) = (text.aspects.len(), config.num_aspects);
        if found != expected {
            return Err(ModelError::Contradiction {
                path: directory.into(),
                key: "number of aspects",
                found: found.to_string(),
                expected: expected.to_string(),
            });
        }
        let positions = config.encoder.max_positions();
        if text.max_length > positions {
            let expected =
                format!("at most {positions}, the positions of the encoder in config.json");
            return Err(problem(
                MANIFEST,
                ConfigProblem::new("text.max_length", text.max_length, expected),
            ));
        }
        thresholds::check(&manifest.thresholds, &manifest.aspects())
            .map_err(|wrong| problem(MANIFEST, wrong))?;
        prediction_intervals::check(&manifest.prediction_intervals, &manifest.aspects())
            .map_err(|wrong| problem(MANIFEST, wrong))?;
        offset::check(manifest, self.offset.as_ref(), directory)?;
        if let Some(maps) = &self.recalibration {
            maps.check(&manifest.aspects())
                .map_err(|wrong| problem(RECALIBRATION, wrong))?;
        }
        Ok(())
    }
}

/// Reads the tokenizer of a bundle, and checks that it fits the text settings and the model.
pub(crate) fn tokenizer(bundle: &Bundle, directory: &Path) -> Result<SegmentTokenizer> {
    let file = directory.join(TOKENIZER);
    let text = bundle.manifest.text.clone();
    let tokenizer = SegmentTokenizer::new(&bundle.tokenizer, text).map_err(|error| {
        let path = match &error {
            DataError::MaxLength { .. } => directory.join(MANIFEST),
            _ => file.clone(),
        };
        let hint = error.hint();
        ModelError::UnusablePart {
            path,
            reason: match error {
                DataError::Tokenizer { cause, .. } => format!("not a tokenizer: {cause}"),
                other => other.to_string(),
            },
            hint,
        }
    })?;
    check_ids(&tokenizer, &bundle.config.encoder).map_err(|problem| ModelError::ConfigFile {
        path: file,
        problem,
    })?;
    Ok(tokenizer)
}

/// Checks that the encoder has an embedding for every id of the tokenizer. Others would panic or read
/// the wrong rows.
fn check_ids(tokenizer: &SegmentTokenizer, encoder: &EncoderConfig) -> Result<(), ConfigProblem> {
    let (found, rows) = (tokenizer.vocab_size(), encoder.vocab_size());
    if found > rows {
        return Err(ConfigProblem::new(
            "number of token ids",
            found,
            format!("at most {rows}, as config.json has that many token embeddings"),
        ));
    }
    let found = tokenizer.max_type_id();
    if let Some(types) = encoder.sizes().num_token_types
        && found as usize >= types
    {
        return Err(ConfigProblem::new(
            "type id of the response",
            found,
            format!(
                "at most {}, as config.json has {types} token types",
                types - 1
            ),
        ));
    }
    Ok(())
}
