//! Builds the objective from the settings and aspects.

use std::collections::BTreeMap;

use gradus_data::AspectSpec;

use super::TrainConfig;
use crate::objective::{Objective, ResponseTerm};
use crate::{Result, TrainError};

impl Objective {
    /// The objective that `config` describes, for these aspects.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a weight of an aspect that is not trained.
    pub fn new(config: &TrainConfig, aspects: &[AspectSpec]) -> Result<Self> {
        Ok(Self {
            loss: config.loss.clone(),
            aspect_weights: aspect_weights(&config.aspect_weights, aspects)?,
            ranking: config.ranking,
            response: config.response_loss.map(|response| ResponseTerm {
                weight: response.weight,
                aggregation: response.aggregation,
                scales: aspects.iter().map(|aspect| aspect.scale).collect(),
            }),
            r_drop: config.r_drop,
            terms: Vec::new(),
        })
    }
}

/// Weights in the order of the aspects. Default: 1.
fn aspect_weights(weights: &BTreeMap<String, f64>, aspects: &[AspectSpec]) -> Result<Vec<f64>> {
    let known = |name: &String| aspects.iter().any(|aspect| aspect.name == *name);
    if let Some(stranger) = weights.keys().find(|name| !known(name)) {
        return Err(TrainError::Setting {
            name: "aspect_weights",
            found: format!("`{stranger}`"),
            expected: "names of trained aspects",
        });
    }
    if weights.is_empty() {
        return Ok(Vec::new());
    }
    let weight = |aspect: &AspectSpec| weights.get(&aspect.name).copied().unwrap_or(1.0);
    Ok(aspects.iter().map(weight).collect())
}
