//! Rotary positions in the words of a published configuration.

use serde_json::{Value, json};

use super::{Rotary, RotaryScaling};
use crate::encoder::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

const SCALINGS: &str = "\"default\", \"linear\", \"llama3\" or \"yarn\"";

impl Rotary {
    /// Reads what a published configuration says: `rope_parameters`, or `rope_theta` and
    /// `rope_scaling` in older ones.
    ///
    /// # Errors
    /// A value out of range, or a scaling that is not supported.
    pub fn from_published(config: &PublishedConfig, theta: f64) -> Result<Self, ConfigProblem> {
        config.only("partial_rotary_factor", 1.0)?;
        let positions = config.size_or("max_position_embeddings", 2048)?;
        let theta = config.positive_or("rope_theta", theta)?;
        for key in ["rope_parameters", "rope_scaling"] {
            if let Some(inner) = config.object(key)? {
                let rotary = Self::from_object(&inner, theta, positions);
                return rotary.map_err(|problem| problem.inside(key));
            }
        }
        Ok(Self {
            theta,
            scaling: RotaryScaling::None,
        })
    }

    /// Reads the object that names the type; `theta` and `positions` are what stands outside.
    pub(in crate::encoder) fn from_object(
        inner: &PublishedConfig,
        theta: f64,
        positions: usize,
    ) -> Result<Self, ConfigProblem> {
        inner.only("partial_rotary_factor", 1.0)?;
        let key = match inner.value("rope_type") {
            None if inner.value("type").is_some() => "type",
            _ => "rope_type",
        };
        let name: String = inner.optional(key, "default".to_owned(), SCALINGS)?;
        let original = inner.size_or("original_max_position_embeddings", positions)?;
        let scaling = match name.as_str() {
            "default" => RotaryScaling::None,
            "linear" => RotaryScaling::Linear {
                factor: inner.positive("factor")?,
            },
            "llama3" => RotaryScaling::Llama3 {
                factor: inner.positive("factor")?,
                low_frequency_factor: inner.positive("low_freq_factor")?,
                high_frequency_factor: inner.positive("high_freq_factor")?,
                original_positions: inner.size("original_max_position_embeddings")?,
            },
            "yarn" => {
                inner.only("mscale", Value::Null)?;
                inner.only("mscale_all_dim", Value::Null)?;
                inner.only("truncate", true)?;
                let factor = inner.positive("factor")?;
                RotaryScaling::Yarn {
                    factor,
                    beta_fast: inner.positive_or("beta_fast", 32.0)?,
                    beta_slow: inner.positive_or("beta_slow", 1.0)?,
                    attention_factor: inner
                        .positive_or("attention_factor", 0.1 * factor.ln() + 1.0)?,
                    original_positions: original,
                }
            }
            _ => return Err(ConfigProblem::new(key, format!("{name:?}"), SCALINGS)),
        };
        let rotary = Self {
            theta: inner.positive_or("rope_theta", theta)?,
            scaling,
        };
        rotary.check()?;
        Ok(rotary)
    }

    /// The `rope_parameters` of a published configuration.
    pub(in crate::encoder) fn to_published(self) -> Value {
        let mut keys = match self.scaling {
            RotaryScaling::None => json!({"rope_type": "default"}),
            RotaryScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
            RotaryScaling::Llama3 {
                factor,
                low_frequency_factor,
                high_frequency_factor,
                original_positions,
            } => json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_frequency_factor,
                "high_freq_factor": high_frequency_factor,
                "original_max_position_embeddings": original_positions,
            }),
            RotaryScaling::Yarn {
                factor,
                beta_fast,
                beta_slow,
                attention_factor,
                original_positions,
            } => json!({
                "rope_type": "yarn",
                "factor": factor,
                "beta_fast": beta_fast,
                "beta_slow": beta_slow,
                "attention_factor": attention_factor,
                "original_max_position_embeddings": original_positions,
            }),
        };
        keys["rope_theta"] = self.theta.into();
        keys
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::encoder::rotary) fn published(keys: Value) -> Result<Rotary, ConfigProblem> {
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        Rotary::from_published(&PublishedConfig::new(keys), 10_000.0)
    }

    #[test]
    fn older_files_name_theta_outside() {
        let expected = Rotary {
            theta: 1e6,
            scaling: RotaryScaling::None,
        };
        for keys in [
            json!({"rope_theta": 1e6}),
            json!({"rope_theta": 1e6, "rope_scaling": null}),
            json!({"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}),
        ] {
            assert_eq!(published(keys).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (keys, message) in [
            (
                json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
                "`rope_scaling.type` is \"dynamic\", expected \"default\", \"linear\", \"llama3\" or \"yarn\"",
            ),
            (
                json!({"rope_parameters": {"rope_type": "longrope"}}),
                "`rope_parameters.rope_type` is \"longrope\", expected \"default\", \"linear\", \"llama3\" or \"yarn\"",
            ),
            (
                json!({"rope_scaling": {"type": "linear"}}),
                "`rope_scaling.factor` is missing, expected a number above 0",
            ),
            (
                json!({"rope_scaling": {"type": "linear", "factor": 0.5}}),
                "`rope_scaling.factor` is 0.5, expected a number of at least 1",
            ),
            (
                json!({"rope_scaling": {"type": "yarn", "factor": 2.0, "mscale": 1.0}}),
                "`rope_scaling.mscale` is 1.0, expected null",
            ),
            (
                json!({"partial_rotary_factor": 0.5}),
                "`partial_rotary_factor` is 0.5, expected 1.0",
            ),
        ] {
            assert_eq!(published(keys).unwrap_err().to_string(), message);
        }
    }
}
