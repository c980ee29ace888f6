//! Rotary positions: queries and keys are turned by angles that grow with their position.

use std::f64::consts::TAU;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks;
use super::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;
use crate::ops::Angles;

/// Rotary positions. Su et al. (2021), <https://arxiv.org/abs/2104.09864>.
///
/// Feature `i` of the first half of a head and feature `i` of the second form a pair, turned by
/// `position · theta^(-2i / d_head)`, as transformers does it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotary {
    /// The base of the frequencies, above 0.
    pub theta: f64,
    /// How the frequencies are stretched to longer sequences. Default: not at all.
    #[serde(default, skip_serializing_if = "RotaryScaling::is_none")]
    pub scaling: RotaryScaling,
}

/// How the frequencies of [`Rotary`] are stretched to sequences longer than those of pre-training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RotaryScaling {
    /// Not at all.
    #[default]
    None,
    /// All are divided by a factor. Chen et al. (2023), <https://arxiv.org/abs/2306.15595>.
    Linear {
        /// At least 1.
        factor: f64,
    },
    /// Low frequencies are divided by a factor, high ones are not, those between in part: Llama 3.1.
    Llama3 {
        /// At least 1.
        factor: f64,
        /// Wave lengths above `original_positions / low_frequency_factor` are divided.
        low_frequency_factor: f64,
        /// Wave lengths below `original_positions / high_frequency_factor` are not.
        high_frequency_factor: f64,
        /// Longest sequence of pre-training, in tokens.
        original_positions: usize,
    },
    /// The same by a ramp over the features, with sharper attention. Peng et al. (2023),
    /// <https://arxiv.org/abs/2309.00071>.
    Yarn {
        /// At least 1.
        factor: f64,
        /// Features that turn more often over `original_positions` keep their frequency.
        beta_fast: f64,
        /// Features that turn less often are divided.
        beta_slow: f64,
        /// Multiplies sines and cosines.
        attention_factor: f64,
        /// Longest sequence of pre-training, in tokens.
        original_positions: usize,
    },
}

const SCALINGS: &str = "\"default\", \"linear\", \"llama3\" or \"yarn\"";
const FACTOR: &str = "a number of at least 1";

impl Rotary {
    /// Reads what a published configuration says: `rope_parameters`, or `rope_theta` and
    /// `rope_scaling` in older ones.
    ///
    /// # Errors
    /// A value out of range, or a scaling that is not supported.
    pub fn from_published(config: &PublishedConfig, theta: f64) -> Result<Self, ConfigProblem> {
        config.only("partial_rotary_factor", 1.0)?;
        let positions = config.optional("max_position_embeddings", 2048, checks::SIZE)?;
        let theta = config.optional("rope_theta", theta, checks::POSITIVE)?;
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
    pub(super) fn from_object(
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
        let number = |key: &str| inner.required::<f64>(key, checks::POSITIVE);
        let optional = |key: &str, default| inner.optional(key, default, checks::POSITIVE);
        let original =
            inner.optional("original_max_position_embeddings", positions, checks::SIZE)?;
        let scaling = match name.as_str() {
            "default" => RotaryScaling::None,
            "linear" => RotaryScaling::Linear {
                factor: number("factor")?,
            },
            "llama3" => RotaryScaling::Llama3 {
                factor: number("factor")?,
                low_frequency_factor: number("low_freq_factor")?,
                high_frequency_factor: number("high_freq_factor")?,
                original_positions: inner
                    .required("original_max_position_embeddings", checks::SIZE)?,
            },
            "yarn" => {
                inner.only("mscale", Value::Null)?;
                inner.only("mscale_all_dim", Value::Null)?;
                inner.only("truncate", true)?;
                let factor = number("factor")?;
                RotaryScaling::Yarn {
                    factor,
                    beta_fast: optional("beta_fast", 32.0)?,
                    beta_slow: optional("beta_slow", 1.0)?,
                    attention_factor: optional("attention_factor", 0.1 * factor.ln() + 1.0)?,
                    original_positions: original,
                }
            }
            _ => return Err(ConfigProblem::new(key, format!("{name:?}"), SCALINGS)),
        };
        let rotary = Self {
            theta: optional("rope_theta", theta)?,
            scaling,
        };
        rotary.check()?;
        Ok(rotary)
    }

    /// The `rope_parameters` of a published configuration.
    pub(super) fn to_published(self) -> Value {
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

    /// Tells whether angles can be computed.
    ///
    /// # Errors
    /// The first value that makes it impossible.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        checks::positive(&[("theta", self.theta)])?;
        let factor = |factor: f64| {
            let fine = factor.is_finite() && factor >= 1.0;
            ConfigProblem::unless(fine, "factor", factor, FACTOR)
        };
        match self.scaling {
            RotaryScaling::None => Ok(()),
            RotaryScaling::Linear { factor: by } => factor(by),
            RotaryScaling::Llama3 {
                factor: by,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_positions,
            } => {
                factor(by)?;
                checks::positive(&[("low_freq_factor", low)])?;
                checks::sizes(&[("original_max_position_embeddings", original_positions)])?;
                let expected = format!("a number above `low_freq_factor` ({low})");
                let fine = high.is_finite() && high > low;
                ConfigProblem::unless(fine, "high_freq_factor", high, expected)
            }
            RotaryScaling::Yarn {
                factor: by,
                beta_fast,
                beta_slow,
                attention_factor,
                original_positions,
            } => {
                factor(by)?;
                checks::sizes(&[("original_max_position_embeddings", original_positions)])?;
                checks::positive(&[
                    ("beta_fast", beta_fast),
                    ("beta_slow", beta_slow),
                    ("attention_factor", attention_factor),
                ])
            }
        }
    }

    /// Sines and cosines of every angle of a sequence.
    pub(super) fn angles(&self, d_head: usize, seq_length: usize, device: &Device) -> Angles {
        let frequencies = self.frequencies(d_head);
        let strength = match self.scaling {
            RotaryScaling::Yarn {
                attention_factor, ..
            } => attention_factor,
            _ => 1.0,
        };
        // Angles are rounded to f32 as those the published models were trained with.
        #[expect(clippy::cast_possible_truncation)]
        let angles = (0..seq_length).flat_map(|position| {
            frequencies
                .iter()
                .map(move |frequency| f64::from(position as f32 * *frequency as f32))
        });
        let angles: Vec<f64> = angles.collect();
        #[expect(clippy::cast_possible_truncation)]
        let table = |function: fn(f64) -> f64| -> Vec<f32> {
            let values = angles.iter().map(|angle| function(*angle) * strength);
            values.map(|value| value as f32).collect()
        };
        Angles::new(table(f64::cos), table(f64::sin), d_head / 2, device)
    }

    /// The angle from one position to the next, for each pair of features.
    fn frequencies(&self, d_head: usize) -> Vec<f64> {
        let plain = (0..d_head / 2).map(|pair| self.theta.powf(-2.0 * pair as f64 / d_head as f64));
        match self.scaling {
            RotaryScaling::None => plain.collect(),
            RotaryScaling::Linear { factor } => plain.map(|frequency| frequency / factor).collect(),
            RotaryScaling::Llama3 {
                factor,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_positions,
            } => {
                let share = |frequency: f64| {
                    let turns = original_positions as f64 * frequency / TAU;
                    ((turns - low) / (high - low)).clamp(0.0, 1.0)
                };
                plain
                    .map(|frequency| mix(frequency, factor, share(frequency)))
                    .collect()
            }
            RotaryScaling::Yarn {
                factor,
                beta_fast,
                beta_slow,
                original_positions,
                ..
            } => {
                let pair_that_turns = |turns: f64| {
                    let length = original_positions as f64 / (turns * TAU);
                    d_head as f64 * length.ln() / (2.0 * self.theta.ln())
                };
                let low = pair_that_turns(beta_fast).floor().max(0.0);
                let high = pair_that_turns(beta_slow).ceil().min(d_head as f64 - 1.0);
                let width = if high > low { high - low } else { 0.001 };
                let share = |pair: usize| 1.0 - ((pair as f64 - low) / width).clamp(0.0, 1.0);
                plain
                    .enumerate()
                    .map(|(pair, frequency)| mix(frequency, factor, share(pair)))
                    .collect()
            }
        }
    }
}

/// A frequency of which `share` stays and the rest is divided.
fn mix(frequency: f64, factor: f64, share: f64) -> f64 {
    frequency * share + frequency / factor * (1.0 - share)
}

impl RotaryScaling {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(keys: Value) -> Result<Rotary, ConfigProblem> {
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        Rotary::from_published(&PublishedConfig::new(keys), 10_000.0)
    }

    #[test]
    fn frequencies_are_those_of_transformers() {
        for (parameters, expected) in [
            (
                json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
                    "rope_theta": 500_000.0}),
                [
                    1.0,
                    0.079_403_01,
                    0.004_700_754,
                    0.000_911_583_1,
                    0.000_176_776_7,
                    3.428_102e-5,
                    6.647_87e-6,
                    1.289_173e-6,
                ],
            ),
            (
                json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 48}),
                [
                    1.0,
                    0.197_642_4,
                    0.025,
                    0.007_905_695,
                    0.0025,
                    0.000_790_569_5,
                    0.000_25,
                    7.905_695e-5,
                ],
            ),
            (
                json!({"type": "linear", "factor": 2.0}),
                [
                    0.5,
                    0.158_113_9,
                    0.05,
                    0.015_811_39,
                    0.005,
                    0.001_581_139,
                    0.0005,
                    0.000_158_113_9,
                ],
            ),
        ] {
            let rotary = published(json!({"rope_scaling": parameters})).unwrap();
            for (found, expected) in rotary.frequencies(16).iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-6, "{rotary:?}: {found}");
            }
        }
    }

    #[test]
    fn yarn_sharpens_attention() {
        let parameters = json!({"rope_type": "yarn", "factor": 4.0});
        let rotary = published(json!({"rope_parameters": parameters})).unwrap();
        let RotaryScaling::Yarn {
            attention_factor, ..
        } = rotary.scaling
        else {
            panic!("{rotary:?}")
        };
        assert!((attention_factor - 1.138_629_436_111_989).abs() < 1e-12);
        let first = rotary.angles(8, 1, &Device::flex()).turns.cos[0];
        assert!((first - 1.138_629_4).abs() < 1e-6);
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
