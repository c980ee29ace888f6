//! Sliding-window layers.

use serde::{Deserialize, Serialize};

use super::checks;
use super::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

/// Which layers have a sliding window, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlidingLayers {
    /// Maximum distance between a token and one it attends to, in tokens.
    pub distance: usize,
    /// Indices of the layers, from 0.
    pub layers: Vec<usize>,
}

const LAYER_TYPES: &str = "`full_attention` or `sliding_attention` for each layer";

impl SlidingLayers {
    /// Reads `layer_types`; if it is missing, `default` says for each layer whether it has a
    /// window.
    ///
    /// # Errors
    /// If there are other types, or not one per layer.
    pub(super) fn published_layers(
        config: &PublishedConfig,
        num_layers: usize,
        default: impl Fn(usize) -> bool,
    ) -> Result<Vec<usize>, ConfigProblem> {
        let Some(types) = config.value("layer_types") else {
            return Ok((0..num_layers).filter(|&layer| default(layer)).collect());
        };
        let names: Vec<String> = config.required("layer_types", LAYER_TYPES)?;
        let known = |name: &String| {
            // `attention` is an old name for full attention.
            ["full_attention", "sliding_attention", "attention"].contains(&&**name)
        };
        let fine = names.len() == num_layers && names.iter().all(known);
        ConfigProblem::unless(fine, "layer_types", types, LAYER_TYPES)?;
        let sliding = names.iter().enumerate();
        Ok(sliding
            .filter(|(_, name)| *name == "sliding_attention")
            .map(|(layer, _)| layer)
            .collect())
    }

    /// Checks `layer_types` in a family that has only full attention.
    ///
    /// # Errors
    /// If a layer has another type.
    pub(super) fn refuse(config: &PublishedConfig) -> Result<(), ConfigProblem> {
        let num_layers = config.layers()?;
        let layers = Self::published_layers(config, num_layers, |_| false)?;
        let found = format!("`sliding_attention` in {} layers", layers.len());
        let expected = "only `full_attention` in this family";
        ConfigProblem::unless(layers.is_empty(), "layer_types", found, expected)
    }

    /// The `layer_types` of a published configuration.
    pub(super) fn to_published(sliding: Option<&Self>, num_layers: usize) -> Vec<&'static str> {
        let slides = |layer| sliding.is_some_and(|sliding| sliding.layers.contains(&layer));
        (0..num_layers)
            .map(|layer| {
                if slides(layer) {
                    "sliding_attention"
                } else {
                    "full_attention"
                }
            })
            .collect()
    }

    pub(super) fn check(&self, num_layers: usize) -> Result<(), ConfigProblem> {
        checks::sizes(&[("sliding.distance", self.distance)])?;
        let fine = self.layers.iter().all(|&layer| layer < num_layers);
        let found = format!("{:?}", self.layers);
        let expected = format!("layers below `num_layers` ({num_layers})");
        ConfigProblem::unless(fine, "sliding.layers", found, expected)
    }
}
