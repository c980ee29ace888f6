//! Where the tokens of a batch lie while the layers work on them.

use burn::tensor::{Bool, Int, Tensor};

use super::composed;
use super::fused;

/// How the tokens of a batch lie in the tensors between the layers, and which token sees which.
/// Made once for a batch and shared by its layers.
///
/// Where the fused operations run, only real tokens are computed: the rows of a batch lie one
/// behind the other without padding, `[1, num_tokens, d_model]`. Elsewhere they stay as they came,
/// `[batch_size, seq_length, d_model]`.
#[derive(Debug, Clone)]
pub struct TokenLayout(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Padded(AttentionMask),
    Packed(fused::Packing),
}

/// Which keys a query sees.
#[derive(Debug, Clone)]
pub struct AttentionMask(pub(super) Mask);

#[derive(Debug, Clone)]
pub(super) enum Mask {
    /// What the composition adds to its scores.
    Bias(Box<Tensor<4>>),
    /// Which queries and keys belong together.
    Rows(fused::Rows),
}

impl TokenLayout {
    /// Of the last layer's states those in `read` are wanted: first token and one past the last;
    /// all where there is none.
    ///
    /// # Shapes
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding
    /// - `read`: `[batch_size, num_spans, 2]`
    pub fn new(mask_pad: Tensor<2, Bool>, read: Option<Tensor<3, Int>>) -> Self {
        Self(if fused::runs_on(&mask_pad.device()) {
            Kind::Packed(fused::Packing::new(mask_pad, read))
        } else {
            let bias = composed::padding_bias(mask_pad);
            Kind::Padded(AttentionMask(Mask::Bias(Box::new(bias))))
        })
    }

    /// From the order of the batch to that of the layers.
    ///
    /// # Shapes
    /// - `states`: `[batch_size, seq_length, d_model]`
    pub fn pack(&self, states: Tensor<3>) -> Tensor<3> {
        match &self.0 {
            Kind::Padded(_) => states,
            Kind::Packed(packing) => packing.pack(states),
        }
    }

    /// Those of the states between the layers that are wanted from the last one.
    pub fn wanted(&self, states: Tensor<3>) -> Tensor<3> {
        match &self.0 {
            Kind::Padded(_) => states,
            Kind::Packed(packing) => packing.wanted(states),
        }
    }

    /// From the wanted states to the order of the batch; zeros, or what has no meaning, at padding and
    /// where a state was not wanted.
    ///
    /// # Shapes
    /// - returns: `[batch_size, seq_length, d_model]`
    pub fn unpack(&self, wanted: Tensor<3>) -> Tensor<3> {
        match &self.0 {
            Kind::Padded(_) => wanted,
            Kind::Packed(packing) => packing.unpack(wanted),
        }
    }

    /// All tokens of a row see each other.
    pub fn mask(&self) -> AttentionMask {
        match &self.0 {
            Kind::Padded(mask) => mask.clone(),
            Kind::Packed(packing) => AttentionMask(Mask::Rows(packing.rows())),
        }
    }

    /// The [wanted](Self::wanted) tokens see all of their row.
    pub fn wanted_mask(&self) -> AttentionMask {
        match &self.0 {
            Kind::Padded(mask) => mask.clone(),
            Kind::Packed(packing) => AttentionMask(Mask::Rows(packing.wanted_rows())),
        }
    }
}
