//! Feed-forward blocks, applied to each token separately.

use burn::nn::Linear;
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::flex;
use crate::{Activation, AddNorm, linear};

/// Feed-forward block of a post-norm layer: `norm(x + dropout(outer(activation(inner(x)))))`.
///
/// # Shapes
/// - `x` and the result: `[.., .., d_model]`
pub fn feed_forward_norm(
    [inner, outer]: [&Linear; 2],
    activation: Activation,
    norm: AddNorm<'_>,
    x: Tensor<3>,
) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(out) = flex::feed_forward_norm([inner, outer], activation, norm, &x) {
        return out;
    }
    let hidden = activation.forward(linear(inner, x.clone()));
    norm.forward(linear(outer, hidden), x)
}
