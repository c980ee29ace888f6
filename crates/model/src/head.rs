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

/// Standard deviation of a new head's weights.
const INITIALIZER_RANGE: f64 = 0.02;

/// The layers between a segment's pooled state and its scores.
///
/// As text: `linear`, `mlp:D_HIDDEN` or `mlp:D_HIDDEN:DROPOUT`; models that are imported may also have
/// `mlp:D_HIDDEN:DROPOUT:relu`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum HeadConfig {
    /// `W h + b`.
    #[default]
    Linear,
    /// `W dropout(f(V h + c)) + b`.
    Mlp {
        /// Width of the hidden layer. At least 1.
        d_hidden: usize,
        /// Dropout on the hidden layer, in `[0, 1)`. Default 0.
        #[serde(default)]
        dropout: f64,
        /// `f`. Default: GELU.
        #[serde(default = "gelu", skip_serializing_if = "is_gelu")]
        activation: Activation,
    },
}

fn gelu() -> Activation {
    Activation::Gelu
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_gelu(activation: &Activation) -> bool {
    *activation == Activation::Gelu
}

impl HeadConfig {
    /// Validates the configuration.
    ///
    /// # Errors
    /// The value that makes it impossible.
    pub fn check(self) -> Result<(), ConfigProblem> {
        let Self::Mlp {
            d_hidden, dropout, ..
        } = self
        else {
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
            Self::Mlp {
                d_hidden,
                dropout,
                activation,
            } => {
                write!(formatter, "mlp:{d_hidden}:{dropout}")?;
                match activation {
                    Activation::Gelu => Ok(()),
                    Activation::GeluTanh => formatter.write_str(":gelu_tanh"),
                    Activation::Relu => formatter.write_str(":relu"),
                }
            }
        }
    }
}

impl FromStr for HeadConfig {
    type Err = ConfigProblem;

    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let parts: Vec<&str> = text.split(':').collect();
        let mlp = |width: &str, dropout: &str, activation| {
            Some(Self::Mlp {
                d_hidden: width.parse().ok()?,
                dropout: dropout.parse().ok()?,
                activation,
            })
        };
        let head = match parts.as_slice() {
            ["linear"] => Some(Self::Linear),
            ["mlp", width] => mlp(width, "0", Activation::Gelu),
            ["mlp", width, dropout] => mlp(width, dropout, Activation::Gelu),
            ["mlp", width, dropout, "relu"] => mlp(width, dropout, Activation::Relu),
            ["mlp", width, dropout, "gelu_tanh"] => mlp(width, dropout, Activation::GeluTanh),
            _ => None,
        };
        let expected =
            "`linear`, `mlp:D_HIDDEN`, `mlp:D_HIDDEN:DROPOUT` or `mlp:D_HIDDEN:DROPOUT:relu`";
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
    #[module(skip)]
    activation: Activation,
}

/// Weight and bias of a layer, as a file has them.
///
/// # Shapes
/// - `weight`: `[d_output, d_input]`, row by row
/// - `bias`: `[d_output]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerWeights {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl LayerWeights {
    fn into_linear(self, device: &Device) -> Linear {
        let d_output = self.bias.len();
        let d_input = self.weight.len() / d_output;
        let columns = (0..d_input).flat_map(|feature| {
            let feature = self.weight.iter().skip(feature);
            feature.step_by(d_input).copied()
        });
        let columns: Vec<f32> = columns.collect();
        Linear {
            weight: Param::from_data(TensorData::new(columns, [d_input, d_output]), device),
            bias: Some(Param::from_data(
                TensorData::new(self.bias, [d_output]),
                device,
            )),
        }
    }
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
            HeadConfig::Mlp {
                d_hidden,
                dropout,
                activation,
            } => Self {
                hidden: Some(Hidden {
                    layer: layer(d_model, d_hidden),
                    dropout: DropoutConfig::new(dropout).init(),
                    activation,
                }),
                output: layer(d_hidden, num_aspects),
            },
        }
    }

    /// Whether the head is a single linear layer.
    pub fn is_linear(&self) -> bool {
        self.hidden.is_none()
    }

    /// A head with these layers, without dropout.
    pub(crate) fn from_layers(
        hidden: Option<(LayerWeights, Activation)>,
        output: LayerWeights,
        device: &Device,
    ) -> Self {
        Self {
            hidden: hidden.map(|(layer, activation)| Hidden {
                layer: layer.into_linear(device),
                dropout: DropoutConfig::new(0.0).init(),
                activation,
            }),
            output: output.into_linear(device),
        }
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
                let inner = hidden.activation.forward(inner);
                hidden.dropout.forward(inner)
            }
            None => pooled,
        };
        let bias = self.output.bias.as_ref().map(Param::val);
        narrow_layer(hidden, self.output.weight.val(), bias)
    }

    /// Sets the initial score of an average segment, one per aspect: with the mean target as bias,
    /// training does not have to learn the mean first.
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
    /// If the file is missing or damaged, or has other tensors.
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
            activation: Activation::Gelu,
        };
        let relu = HeadConfig::Mlp {
            d_hidden: 8,
            dropout: 0.0,
            activation: Activation::Relu,
        };
        for (head, json) in [
            (HeadConfig::Linear, r#""linear""#),
            (mlp, r#"{"mlp":{"d_hidden":32,"dropout":0.25}}"#),
            (
                relu,
                r#"{"mlp":{"d_hidden":8,"dropout":0.0,"activation":"relu"}}"#,
            ),
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
