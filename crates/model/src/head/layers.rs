//! The heads of this crate: one linear layer, or two with an activation between them.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};

use super::ScoreHead;
use crate::encoder::{Activation, linear};
use crate::row_wise::{layer, narrow_layer};

/// Standard deviation of a new head's weights.
const INITIALIZER_RANGE: f64 = 0.02;

/// The layers from a segment's pooled state to its scores.
#[derive(Module, Debug)]
pub(super) struct Layers {
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

impl Layers {
    /// Layers with weights from `N(0, 0.02²)` and zero biases: a linear one, behind a hidden one of a
    /// width, a dropout probability and an activation if there is one.
    pub(super) fn new(
        hidden: Option<(usize, f64, Activation)>,
        d_model: usize,
        num_aspects: usize,
        device: &Device,
    ) -> Self {
        let layer = |from, to| linear(from, to, INITIALIZER_RANGE, device);
        match hidden {
            None => Self {
                hidden: None,
                output: layer(d_model, num_aspects),
            },
            Some((d_hidden, dropout, activation)) => Self {
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
    pub(super) fn is_linear(&self) -> bool {
        self.hidden.is_none()
    }

    /// A head with these layers, without dropout.
    pub(super) fn from_layers(
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
    pub(super) fn from_weights(weight: TensorData, bias: TensorData, device: &Device) -> Self {
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
    pub(super) fn linear(&self) -> (Tensor<2>, Tensor<1>) {
        let weight = self.output.weight.val();
        let [_, num_aspects] = weight.dims();
        let bias = match &self.output.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([num_aspects], &weight.device()),
        };
        (weight, bias)
    }
}

impl ScoreHead for Layers {
    fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
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

    fn with_bias(mut self, bias: &[f32]) -> Self {
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
}
