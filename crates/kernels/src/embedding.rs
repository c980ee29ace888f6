//! Embeddings.

use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

#[cfg(feature = "flex")]
use crate::flex;

/// Looks up rows of an embedding table.
///
/// # Shapes
/// - `ids`: `[batch_size, seq_length]`, row indices
/// - returns: `[batch_size, seq_length, d_model]`
pub fn embedding(table: &Embedding, ids: Tensor<2, Int>) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if let Some(found) = flex::embedding(table, &ids) {
        return found;
    }
    table.forward(ids)
}
