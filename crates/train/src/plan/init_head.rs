//! Initializes the head from another bundle.

use burn::tensor::Device;
use gradus_bundle::Bundle;
use gradus_data::TextConfig;
use gradus_model::{Pooling, RewardModel, RewardModelConfig};

use super::TrainingPlan;
use crate::json::to_value;
use crate::{Result, TrainError};

/// Replaces the head of `model` by that of the bundle that `plan` names, if any.
///
/// # Errors
/// [`TrainError::Model`] if the bundle cannot be read, [`TrainError::Setting`] if the input or output of its head
/// differs from this model's.
pub(super) fn init_head(
    model: RewardModel,
    config: &RewardModelConfig,
    text: &TextConfig,
    plan: &TrainingPlan,
    device: &Device,
) -> Result<RewardModel> {
    let Some(path) = &plan.model.init_head else {
        return Ok(model);
    };
    let bundle = Bundle::load(path, device)?;
    let refuse = |what: &str, found: String, expected: String| {
        Err(TrainError::Setting {
            name: "init_head",
            found: format!("{}: {what} {found} instead of {expected}", path.display()),
            expected: "a bundle whose head fits this run",
        })
    };
    let other = &bundle.config;
    let (found, expected) = (other.encoder.d_model(), config.encoder.d_model());
    if found != expected {
        return refuse("width", found.to_string(), expected.to_string());
    }
    // Attention pooling is initialized to the mean. Other queries start at random, and would not be those of the bundle.
    let starts_alike = (other.pooling == config.pooling
        && config.pooling != Pooling::MultiAttention)
        || (&other.pooling, &config.pooling) == (&Pooling::Mean, &Pooling::Attention);
    if !starts_alike {
        let (found, expected) = (other.pooling.to_string(), config.pooling.to_string());
        if found == expected {
            return refuse("queries of its own for", found, "a pooling without".into());
        }
        return refuse("pooling", found, expected);
    }
    // A new mix of layers reads their mean, which is none that a head was trained on.
    if other.scalar_mix || config.scalar_mix {
        let (found, expected) = (other.scalar_mix, config.scalar_mix);
        return refuse("scalar_mix", found.to_string(), expected.to_string());
    }
    if other.head != config.head {
        return refuse("head", other.head.to_string(), config.head.to_string());
    }
    if other.output != config.output {
        let (found, expected) = (other.output, config.output);
        return refuse("output", format!("{found:?}"), format!("{expected:?}"));
    }
    let (found, expected) = (&bundle.manifest.text.aspects, &text.aspects);
    if found != expected {
        let [found, expected] = [found, expected].map(|aspects| to_value(aspects).to_string());
        return refuse("aspects and scales", found, expected);
    }
    Ok(model.with_head(bundle.model.head().clone()))
}
