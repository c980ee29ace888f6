//! The regression layer: one score per segment and aspect.

use std::path::Path;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use crate::encoder::linear;
use crate::error::Result;
use crate::weights::{KeyTable, Naming, load_module, read_header};

/// Standard deviation of a fresh head's weights.
const INITIALIZER_RANGE: f64 = 0.02;

/// A linear layer from a segment's pooled state to its scores.
#[derive(Module, Debug)]
pub struct Head {
    output: Linear,
}

impl Head {
    const KEYS: KeyTable = KeyTable {
        prefix: "",
        modules: &[("", "output")],
        left: &[],
    };

    /// A head with weights from `N(0, 0.02²)` and a zero bias.
    pub fn new(d_model: usize, num_aspects: usize, device: &Device) -> Self {
        Self {
            output: linear(d_model, num_aspects, INITIALIZER_RANGE, device),
        }
    }

    /// # Shapes
    /// - `pooled`: `[batch_size, num_segments, d_model]`
    /// - returns: `[batch_size, num_segments, num_aspects]`
    pub fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
        self.output.forward(pooled)
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

    /// Replaces the weights by those of a safetensors file with the tensors `weight`,
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
