//! The regression layer: one score per segment and aspect.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::encoder::{Activation, checks, linear};
use crate::error::{ConfigProblem, Result};
use crate::row_wise::{layer, narrow_layer};
use crate::weights::{KeyTable, Naming, load_module, read_header};

/// Standard deviation of a fresh head's weights.
const INITIALIZER_RANGE: f64 = 0.02;

/// The layers between a segment's pooled state and its scores.
///
/// As text: `linear`, `mlp:D_HIDDEN` or `mlp:D_HIDDEN:DROPOUT`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum HeadConfig {
    /// `W h + b`.
    #[default]
    Linear,
    /// `W dropout(gelu(V h + c)) + b`.
    Mlp {
        /// Width of the hidden layer. At least 1.
        d_hidden: usize,
        /// Dropout on the hidden layer, in `[0, 1)`. Default 0.
        #[serde(default)]
        dropout: f64,
    },
}

impl HeadConfig {
    /// Tells whether a head can be built.
    ///
    /// # Errors
    /// The value that makes it impossible.
    pub fn check(self) -> Result<(), ConfigProblem> {
        let Self::Mlp { d_hidden, dropout } = self else {
            return Ok(());
        };
        checks::sizes(&[("head.mlp.d_hidden", d_hidden)])?;
        let share = (0.0..1.0).contains(&dropout);
        ConfigProblem::unless(
            share,
            "head.mlp.dropout",
            dropout,
            "a probability in [0, 1)",
        )
    }

    pub(crate) fn is_linear(&self) -> bool {
        matches!(self, Self::Linear)
    }
}

impl fmt::Display for HeadConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear => formatter.write_str("linear"),
            Self::Mlp { d_hidden, dropout } => write!(formatter, "mlp:{d_hidden}:{dropout}"),
        }
    }
}

impl FromStr for HeadConfig {
    type Err = ConfigProblem;

    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let parts: Vec<&str> = text.split(':').collect();
        let head = match parts.as_slice() {
            ["linear"] => Some(Self::Linear),
            ["mlp", width] => width.parse().ok().map(|d_hidden| Self::Mlp {
                d_hidden,
                dropout: 0.0,
            }),
            ["mlp", width, dropout] => match (width.parse(), dropout.parse()) {
                (Ok(d_hidden), Ok(dropout)) => Some(Self::Mlp { d_hidden, dropout }),
                _ => None,
            },
            _ => None,
        };
        let expected = "`linear`, `mlp:D_HIDDEN` or `mlp:D_HIDDEN:DROPOUT`";
        let head = head.ok_or_else(|| ConfigProblem::new("head", format!("`{text}`"), expected))?;
        head.check()?;
        Ok(head)
    }
}

/// The layers from a segment's pooled state to its scores.
#[derive(Module, Debug)]
pub struct Head {
    hidden: Option<Hidden>,
    output: Linear,
}

/// The hidden layer of an MLP.
#[derive(Module, Debug)]
struct Hidden {
    layer: Linear,
    dropout: Dropout,
}

impl Head {
    const KEYS: KeyTable = KeyTable {
        prefix: "",
        modules: &[("", "output")],
        split: &[],
        left: &[],
    };

    /// A head with weights from `N(0, 0.02²)` and a zero bias.
    ///
    /// # Panics
    /// If [`HeadConfig::check`] fails.
    pub fn new(config: HeadConfig, d_model: usize, num_aspects: usize, device: &Device) -> Self {
        let layer = |from, to| linear(from, to, INITIALIZER_RANGE, device);
        match config {
            HeadConfig::Linear => Self {
                hidden: None,
                output: layer(d_model, num_aspects),
            },
            HeadConfig::Mlp { d_hidden, dropout } => Self {
                hidden: Some(Hidden {
                    layer: layer(d_model, d_hidden),
                    dropout: DropoutConfig::new(dropout).init(),
                }),
                output: layer(d_hidden, num_aspects),
            },
        }
    }

    /// Whether the head is a single linear layer.
    pub fn is_linear(&self) -> bool {
        self.hidden.is_none()
    }

    /// A linear head with these weights.
    ///
    /// # Shapes
    /// - `weight`: `[d_model, num_aspects]`
    /// - `bias`: `[num_aspects]`
    pub fn from_weights(weight: TensorData, bias: TensorData, device: &Device) -> Self {
        Self {
            hidden: None,
            output: Linear {
                weight: Param::from_data(weight, device),
                bias: Some(Param::from_data(bias, device)),
            },
        }
    }

    /// Weight and bias of the last layer, which is the whole head where it is linear.
    ///
    /// # Shapes
    /// - returns: `[d_input, num_aspects]` and `[num_aspects]`
    pub(crate) fn linear(&self) -> (Tensor<2>, Tensor<1>) {
        let weight = self.output.weight.val();
        let [_, num_aspects] = weight.dims();
        let bias = match &self.output.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([num_aspects], &weight.device()),
        };
        (weight, bias)
    }

    /// # Shapes
    /// - `pooled`: `[batch_size, num_segments, d_model]`
    /// - returns: `[batch_size, num_segments, num_aspects]`
    pub fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
        let hidden = match &self.hidden {
            Some(hidden) => {
                let bias = hidden.layer.bias.as_ref().map(Param::val);
                let inner = layer(pooled, hidden.layer.weight.val(), bias);
                hidden.dropout.forward(Activation::Gelu.forward(inner))
            }
            None => pooled,
        };
        let bias = self.output.bias.as_ref().map(Param::val);
        narrow_layer(hidden, self.output.weight.val(), bias)
    }

    /// Sets the score an average segment starts from, one per aspect: with the mean target as
    /// bias, training does not have to find the level first.
    ///
    /// # Panics
    /// If there are more or fewer values than aspects.
    #[must_use]
    pub fn with_bias(mut self, bias: &[f32]) -> Self {
        let [_, num_aspects] = self.output.weight.lazy_shape().dims();
        assert_eq!(bias.len(), num_aspects, "one bias per aspect");
        self.output.bias = self.output.bias.map(|param| {
            param.map(|old| {
                let new = Tensor::from_floats(bias, &old.device());
                if old.is_require_grad() {
                    new.require_grad()
                } else {
                    new
                }
            })
        });
        self
    }

    /// Replaces the weights of a linear head by those of a safetensors file with the tensors `weight`,
    /// `[num_aspects, d_model]`, and `bias`, `[num_aspects]`.
    ///
    /// # Errors
    /// If the file is missing or damaged, or its tensors are others.
    pub fn load(mut self, path: &Path) -> Result<Self> {
        load_module(
            &mut self,
            path,
            read_header(path)?,
            Naming::Published(&Self::KEYS),
        )?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_written_and_read_as_text_and_as_settings() {
        let mlp = HeadConfig::Mlp {
            d_hidden: 32,
            dropout: 0.25,
        };
        for (head, json) in [
            (HeadConfig::Linear, r#""linear""#),
            (mlp, r#"{"mlp":{"d_hidden":32,"dropout":0.25}}"#),
        ] {
            assert_eq!(head.to_string().parse::<HeadConfig>().unwrap(), head);
            assert_eq!(serde_json::to_string(&head).unwrap(), json);
            assert_eq!(serde_json::from_str::<HeadConfig>(json).unwrap(), head);
        }
        for text in ["mlp", "mlp:0", "mlp:8:1", "mlp:8:x", "deep", ""] {
            assert!(text.parse::<HeadConfig>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_mlp_is_no_linear_function() {
        let device = Device::flex();
        device.seed(1);
        let config = "mlp:8".parse().unwrap();
        let head = Head::new(config, 4, 1, &device);
        let at = |value: f32| {
            let pooled = Tensor::<3>::full([1, 1, 4], value, &device);
            head.forward(pooled).into_scalar::<f32>()
        };
        assert!((at(50.0) + at(-50.0) - 2.0 * at(0.0)).abs() > 1e-6);
    }
}
