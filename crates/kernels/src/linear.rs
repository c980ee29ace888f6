//! Linear layers.

use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::casts;
#[cfg(feature = "flex")]
use crate::flex;

/// `x W + b`, or `x W` without a bias.
///
/// # Shapes
/// - `x`: `[.., d_input]`
/// - returns: `[.., d_output]`
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    if let Some(out) = flex::linear(layer, &x) {
        return out;
    }
    casts::linear(layer, x)
}
