//! A trivial baseline beside a model that was trained without it.

use std::path::Path;

use gradus_baselines::{AspectOffset, Offset};
use gradus_model::{ConfigProblem, ModelError, Result};

use crate::{Bundle, CONFIG, MANIFEST};

/// What the score of an aspect is made of, in rating units:
/// `mean + model (score - mean) + weight (baseline - mean)`.
#[derive(Debug, Clone)]
pub struct StackedAspect {
    /// The weight of the model, 0 or more.
    pub model: f64,
    /// The mean training rating.
    pub mean: f64,
    /// The baseline with its weight; [`AspectOffset::none`] where nothing is added.
    pub offset: AspectOffset,
}

impl Bundle {
    /// This bundle with scores that are weighted sums of the model's and of a trivial baseline, one entry per aspect in
    /// the order of the model's scores (stacked regressions, Breiman 1996, <https://doi.org/10.1007/BF00117832>). The
    /// head is multiplied by the weight of the model, and the baseline becomes the offset.
    ///
    /// Recalibration, thresholds, prediction intervals and figures of validation are those of other scores, and are left
    /// out. `path` is that of this bundle, for errors.
    ///
    /// # Errors
    /// - [`ModelError::Quantized`]: its weights are in bytes
    /// - [`ModelError::ConfigFile`]: it has an offset, a head of another program, or an output function
    ///
    /// # Panics
    /// If the number of entries is not the number of aspects.
    pub fn stacked(mut self, path: &Path, aspects: Vec<StackedAspect>) -> Result<Self> {
        let refused =
            |file: &str, key: &str, found: String, expected: &str| ModelError::ConfigFile {
                path: path.join(file),
                problem: ConfigProblem::new(key, found, expected),
            };
        if self.manifest.quantization.is_some() {
            return Err(ModelError::Quantized {
                path: path.join(MANIFEST),
                wanted: "to weigh its scores",
            });
        }
        if let Some(kinds) = &self.manifest.offset {
            return Err(refused(
                MANIFEST,
                "offset",
                kinds.to_string(),
                "none: a baseline is added once",
            ));
        }
        let scales = self.manifest.text.aspects.iter().map(|aspect| aspect.scale);
        #[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
        let (factors, shifts): (Vec<f32>, Vec<f32>) = scales
            .zip(&aspects)
            .map(|(scale, of)| {
                let shift = (1.0 - of.model) * scale.to_target(of.mean);
                (of.model as f32, shift as f32)
            })
            .unzip();
        let model = self.model.with_scaled_scores(&factors, &shifts);
        self.model = model.ok_or_else(|| {
            let found = format!("{}, output {:?}", self.config.head, self.model.output());
            refused(
                CONFIG,
                "head",
                found,
                "a linear head or an MLP whose values are the scores",
            )
        })?;
        let offsets: Vec<AspectOffset> = aspects.into_iter().map(|of| of.offset).collect();
        let any = offsets.iter().any(|offset| offset.baseline.is_some());
        self = self.with_offset(any.then(|| Offset::stacked(offsets)));
        self.recalibration = None;
        self.manifest.thresholds.clear();
        self.manifest.prediction_intervals.clear();
        self.manifest.validation = None;
        Ok(self)
    }
}
