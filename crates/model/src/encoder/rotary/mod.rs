//! Rotary position embeddings: queries and keys are rotated by angles proportional to their
//! position.

mod angles;
mod published;

use serde::{Deserialize, Serialize};

use super::checks;
use crate::error::ConfigProblem;

/// Rotary positions. Su et al. (2021), <https://arxiv.org/abs/2104.09864>.
///
/// Feature `i` of the first half of a head and feature `i` of the second form a pair, rotated by
/// `position · theta^(-2i / d_head)`, as in transformers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotary {
    /// Base of the frequencies, above 0.
    pub theta: f64,
    /// Scaling of the frequencies for longer sequences. Default: none.
    #[serde(default, skip_serializing_if = "RotaryScaling::is_none")]
    pub scaling: RotaryScaling,
}

/// Scaling of the frequencies of [`Rotary`] for sequences longer than those of pre-training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RotaryScaling {
    /// No scaling.
    #[default]
    None,
    /// Divides all frequencies by a factor. Chen et al. (2023), <https://arxiv.org/abs/2306.15595>.
    Linear {
        /// At least 1.
        factor: f64,
    },
    /// Llama 3.1: divides low frequencies by a factor, keeps high ones, and interpolates between.
    Llama3 {
        /// At least 1.
        factor: f64,
        /// Frequencies with wavelengths above `original_positions / low_frequency_factor` are
        /// divided.
        low_frequency_factor: f64,
        /// Frequencies with wavelengths below `original_positions / high_frequency_factor` are
        /// kept.
        high_frequency_factor: f64,
        /// Longest sequence of pre-training, in tokens.
        original_positions: usize,
    },
    /// `YaRN`: interpolates by a ramp over the features, with sharper attention. Peng et al. (2023),
    /// <https://arxiv.org/abs/2309.00071>.
    Yarn {
        /// At least 1.
        factor: f64,
        /// Features with more rotations over `original_positions` keep their frequency.
        beta_fast: f64,
        /// Features with fewer rotations are divided.
        beta_slow: f64,
        /// Factor of sines and cosines.
        attention_factor: f64,
        /// Longest sequence of pre-training, in tokens.
        original_positions: usize,
    },
}

const FACTOR: &str = "a number of at least 1";

impl Rotary {
    /// Validates the configuration.
    ///
    /// # Errors
    /// The first invalid value.
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
}

impl RotaryScaling {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}
