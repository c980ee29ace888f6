//! What a page says about a bundle, as `GET /info` of the server has it.

use burn::module::Module as _;
use gradus_bundle::Bundle;
use gradus_data::RatingScale;
use gradus_eval::Scorer;
use serde_json::{Map, Value, json};

/// Aspects, scales and settings of a bundle.
pub(crate) fn info(name: &str, bundle: &Bundle, scorer: &Scorer) -> Value {
    let text = scorer.text_config();
    let aspects: Vec<&str> = scorer.aspects().collect();
    let scales: Map<String, Value> = text
        .aspects
        .iter()
        .filter_map(|aspect| match aspect.scale {
            RatingScale::MinMax { min, max } => {
                Some((aspect.name.clone(), json!({"low": min, "high": max})))
            }
            RatingScale::Identity | RatingScale::Standardized { .. } => None,
        })
        .collect();
    json!({
        "name": name,
        "aspects": aspects,
        "scales": scales,
        "segmenter": text.segmenter.to_string(),
        "max_length": text.max_length,
        "aggregation": scorer.aggregation().to_string(),
        "recalibrated": scorer.recalibrations().is_some(),
        "causal": scorer.is_causal(),
        "parameters": bundle.model.num_params(),
        "adapters": bundle.config.lora.is_some(),
        "validation": bundle.manifest.validation,
    })
}
