//! Rotary positions: queries and keys are turned by angles that grow with their position.

mod angles;
mod published;

use serde::{Deserialize, Serialize};

use super::checks;
use crate::error::ConfigProblem;

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

const FACTOR: &str = "a number of at least 1";

impl Rotary {
    /// Validates the configuration.
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
}

impl RotaryScaling {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}
