//! The regression layer: one score per segment and aspect.

mod layers;
mod named;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use burn::tensor::{Device, Tensor, TensorData};
use gradus_parts::OwnPart;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub(crate) use self::layers::LayerWeights;
use self::layers::Layers;
pub use self::named::{NamedHead, register_head, registered_heads};
use crate::encoder::{Activation, checks};
use crate::erased::{AnyModule, PartModule, module_around};
use crate::error::{ConfigProblem, Result};
use crate::weights::{KeyTable, Naming, load_module, read_header};

/// The layers between a segment's pooled state and its scores.
///
/// As text: `linear`, `mlp:D_HIDDEN` or `mlp:D_HIDDEN:DROPOUT`; models that are imported may also have
/// `mlp:D_HIDDEN:DROPOUT:relu`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
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
    /// A [`NamedHead`] of another program.
    #[serde(skip)]
    Own(OwnPart),
}

impl Serialize for HeadConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(part) => part.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for HeadConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        // Whether a part of another program is known is checked with the rest of the configuration.
        let read = if value.get("kind").is_some() {
            OwnPart::deserialize(value).map(Self::Own)
        } else {
            Self::deserialize(value)
        };
        read.map_err(D::Error::custom)
    }
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
    pub fn check(&self) -> Result<(), ConfigProblem> {
        let (d_hidden, dropout) = match self {
            Self::Linear => return Ok(()),
            Self::Own(part) => return named::resolved(part).map(|_| ()),
            Self::Mlp {
                d_hidden, dropout, ..
            } => (*d_hidden, *dropout),
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

    /// The same with the version and all settings of a head of another program, as bundles have it.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn resolved(self) -> Result<Self, ConfigProblem> {
        match self {
            Self::Own(part) => named::resolved(&part).map(Self::Own),
            known => Ok(known),
        }
    }

    pub(crate) fn is_linear(&self) -> bool {
        matches!(self, Self::Linear)
    }
}

impl fmt::Display for HeadConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear => formatter.write_str("linear"),
            Self::Own(part) => formatter.write_str(&part.kind),
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
        if let Some(part) = named::from_text(text) {
            return part.map(Self::Own);
        }
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

/// A module from a segment's pooled state to its scores.
pub trait ScoreHead: PartModule {
    /// Values before the model's [output](crate::Output) function.
    ///
    /// # Shapes
    /// - `pooled`: `[batch_size, num_segments, d_pooled]`
    /// - returns: `[batch_size, num_segments, num_aspects]`
    fn forward(&self, pooled: Tensor<3>) -> Tensor<3>;

    /// Sets the initial value of an average segment, one per aspect: with the mean target as bias,
    /// training does not have to learn the mean first. Default: changes nothing.
    ///
    /// # Panics
    /// If there are more or fewer values than aspects.
    #[must_use]
    fn with_bias(self, bias: &[f32]) -> Self {
        let _ = bias;
        self
    }
}

/// A [`ScoreHead`] of any type.
#[derive(Clone)]
pub struct Head {
    module: AnyModule,
    calls: Calls,
}

/// The methods of the type in a [`Head`].
#[derive(Clone, Copy)]
struct Calls {
    forward: fn(&AnyModule, Tensor<3>) -> Tensor<3>,
    with_bias: fn(AnyModule, &[f32]) -> AnyModule,
}

module_around!(Head);

const ITS_TYPE: &str = "the type that it was made of";

impl<H: ScoreHead> From<H> for Head {
    fn from(head: H) -> Self {
        Self {
            module: AnyModule::new(head),
            calls: Calls {
                forward: |module, pooled| module.get::<H>().expect(ITS_TYPE).forward(pooled),
                with_bias: |module, bias| {
                    let head = module.take::<H>().expect(ITS_TYPE);
                    AnyModule::new(head.with_bias(bias))
                },
            },
        }
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.module.fmt(formatter)
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
        let hidden = match &config {
            HeadConfig::Own(part) => return named::init(part, d_model, num_aspects, device),
            HeadConfig::Linear => None,
            HeadConfig::Mlp {
                d_hidden,
                dropout,
                activation,
            } => Some((*d_hidden, *dropout, *activation)),
        };
        Layers::new(hidden, d_model, num_aspects, device).into()
    }

    /// A linear head with these weights.
    ///
    /// # Shapes
    /// - `weight`: `[d_model, num_aspects]`
    /// - `bias`: `[num_aspects]`
    pub fn from_weights(weight: TensorData, bias: TensorData, device: &Device) -> Self {
        Layers::from_weights(weight, bias, device).into()
    }

    /// A head with these layers, without dropout.
    pub(crate) fn from_layers(
        hidden: Option<(LayerWeights, Activation)>,
        output: LayerWeights,
        device: &Device,
    ) -> Self {
        Layers::from_layers(hidden, output, device).into()
    }

    /// Whether the head is a single linear layer; one of another program is not known to be.
    pub fn is_linear(&self) -> bool {
        self.linear().is_some()
    }

    /// Weight and bias of a head that is a single linear layer.
    ///
    /// # Shapes
    /// - returns: `[d_input, num_aspects]` and `[num_aspects]`
    pub(crate) fn linear(&self) -> Option<(Tensor<2>, Tensor<1>)> {
        let layers = self.module.get::<Layers>()?;
        layers.is_linear().then(|| layers.linear())
    }

    /// Values before the model's output function; see [`ScoreHead::forward`].
    ///
    /// # Shapes
    /// - `pooled`: `[batch_size, num_segments, d_pooled]`
    /// - returns: `[batch_size, num_segments, num_aspects]`
    pub fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
        (self.calls.forward)(&self.module, pooled)
    }

    /// See [`ScoreHead::with_bias`].
    ///
    /// # Panics
    /// If there are more or fewer values than aspects.
    #[must_use]
    pub fn with_bias(mut self, bias: &[f32]) -> Self {
        self.module = (self.calls.with_bias)(self.module, bias);
        self
    }

    /// The module in it, if it is of this type.
    pub fn get<H: ScoreHead>(&self) -> Option<&H> {
        self.module.get()
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
