//! Low-rank adapters of the encoder's matrices.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use burn::module::{LoraAdapter, Param, Reparameterizer};
use burn::nn::Initializer;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::encoder::checks;
use crate::error::ConfigProblem;

/// Low-rank adaptation: replaces a frozen matrix `W` by `W + alpha/rank · A B`, where only `A`
/// (`rank` columns) and `B` (`rank` rows) are trained. `B` is initially zero, so the model is
/// initially unchanged. Hu et al. (2021), <https://arxiv.org/abs/2106.09685>.
///
/// Burn's adapter computes it. Burn's `Lora` does not attach it, because that freezes all
/// parameters of the module, including the head (`burn-core`, `module/lora.rs`), and initializes
/// every weight it visits, which loading a bundle must not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank: columns of `A` and rows of `B`. At least 1, default 8.
    pub rank: usize,
    /// Scale: the product is multiplied by `alpha / rank`. Above 0, default 16.
    pub alpha: f64,
    /// Matrices with an adapter. Default: query and value of every attention block.
    pub targets: Vec<LoraTarget>,
}

/// A matrix in every layer of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LoraTarget {
    /// Query projection.
    Query,
    /// Key projection.
    Key,
    /// Value projection.
    Value,
    /// Output projection of the attention block.
    Output,
    /// First matrix of the feed-forward block; the first two of a gated one.
    Inner,
    /// Last matrix of the feed-forward block.
    Outer,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 16.0,
            targets: vec![LoraTarget::Query, LoraTarget::Value],
        }
    }
}

impl LoraConfig {
    /// Validates the configuration.
    ///
    /// # Errors
    /// The first invalid value.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        checks::sizes(&[("lora.rank", self.rank)])?;
        let positive = self.alpha > 0.0 && self.alpha.is_finite();
        ConfigProblem::unless(positive, "lora.alpha", self.alpha, "a number above 0")?;
        let distinct: BTreeSet<_> = self.targets.iter().collect();
        let fine = !distinct.is_empty() && distinct.len() == self.targets.len();
        let found = format!("{:?}", self.targets).to_lowercase();
        let expected = "at least one of query, key, value, output, inner, outer, each once";
        ConfigProblem::unless(fine, "lora.targets", found, expected)
    }
}

impl LoraTarget {
    /// Endings of the paths of its weights.
    fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Query => &[".attention.query.weight"],
            Self::Key => &[".attention.key.weight"],
            Self::Value => &[".attention.value.weight"],
            Self::Output => &[".attention.output.weight"],
            Self::Inner => &[".feed_forward.inner.weight", ".feed_forward.factor.weight"],
            Self::Outer => &[".feed_forward.outer.weight"],
        }
    }
}

impl FromStr for LoraConfig {
    type Err = ConfigProblem;

    /// Reads `RANK` or `RANK:ALPHA`; the default alpha is twice the rank.
    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let (rank, alpha) = text.split_once(':').unwrap_or((text, ""));
        let rank: Option<usize> = rank.parse().ok();
        let alpha = match (alpha, rank) {
            ("", Some(rank)) => Some(2.0 * rank as f64),
            (alpha, _) => alpha.parse().ok(),
        };
        let (Some(rank), Some(alpha)) = (rank, alpha) else {
            let expected = "`RANK` or `RANK:ALPHA`";
            return Err(ConfigProblem::new("lora", format!("`{text}`"), expected));
        };
        let config = Self {
            rank,
            alpha,
            ..Self::default()
        };
        config.check()?;
        Ok(config)
    }
}

impl fmt::Display for LoraConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.rank, self.alpha)
    }
}

/// Attaches adapters to the targets.
pub(crate) struct Attach<'a>(pub(crate) &'a LoraConfig);

impl Reparameterizer for Attach<'_> {
    type Reparam = LoraAdapter;

    fn reparameterize<const D: usize>(
        &mut self,
        path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LoraAdapter>) {
        let config = self.0;
        let target = |target: &LoraTarget| target.paths().iter().any(|end| path.ends_with(end));
        if D != 2 || !config.targets.iter().any(target) {
            return (param, None);
        }
        let (shape, device) = (param.lazy_shape().to_vec(), param.lazy_device());
        let (d_input, d_output) = (shape[0], shape[1]);
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 1.0 / config.rank as f64,
        };
        let adapter = LoraAdapter {
            a: normal.init([d_input, config.rank], &device),
            b: Initializer::Zeros.init([config.rank, d_output], &device),
            scale: config.alpha / config.rank as f64,
        };
        (param, Some(adapter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_read_with_and_without_alpha() {
        let config: LoraConfig = "4".parse().unwrap();
        assert_eq!((config.rank, config.alpha.to_string()), (4, "8".to_owned()));
        let config: LoraConfig = "4:3.5".parse().unwrap();
        assert_eq!(config.to_string(), "4:3.5");
        for text in ["", "0", "4:0", "4:x", "a", "4:inf"] {
            assert!(text.parse::<LoraConfig>().is_err(), "{text}");
        }
    }

    #[test]
    fn targets_are_named_once_each() {
        let twice = r#"{"targets":["query","query"]}"#;
        for text in [r#"{"targets":[]}"#, twice] {
            let config: LoraConfig = serde_json::from_str(text).unwrap();
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains("lora.targets"), "{message}");
        }
        assert!(serde_json::from_str::<LoraConfig>(r#"{"targets":["pooler"]}"#).is_err());
    }
}
