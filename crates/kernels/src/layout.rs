//! Memory layout of a batch's tokens between the layers.

use burn::tensor::{Bool, Int, Tensor};

#[cfg(feature = "flex")]
use crate::flex;
use crate::sight::{Reach, Sight};

/// Layout of a batch's token states between the layers. Built once per batch and shared by its
/// layers.
///
/// With fused blocks, the rows of a batch are packed without padding, `[1, num_tokens, d_model]`,
/// so only real tokens are computed. Otherwise states keep their shape
/// `[batch_size, seq_length, d_model]`.
#[derive(Debug, Clone)]
pub struct TokenLayout {
    mask_pad: Tensor<2, Bool>,
    #[cfg(feature = "flex")]
    packing: Option<flex::Packing>,
}

/// Which keys each query attends to. Built once and shared by all layers with the same [`Reach`].
#[derive(Debug, Clone)]
pub struct AttentionMask(pub(crate) Mask);

#[derive(Debug, Clone)]
pub(crate) enum Mask {
    /// For the compositions.
    Sight(Box<Sight>),
    /// For the fused blocks: the queries and keys of each row.
    #[cfg(feature = "flex")]
    Rows(flex::Rows),
}

impl TokenLayout {
    /// The layout of a batch. `read` has the token spans whose states are wanted from the last
    /// layer, as first token and one past the last; without spans, all states are wanted.
    ///
    /// # Shapes
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding
    /// - `read`: `[batch_size, num_spans, 2]`
    #[cfg_attr(
        not(feature = "flex"),
        expect(unused_variables, reason = "a composition computes all states")
    )]
    pub fn new(mask_pad: Tensor<2, Bool>, read: Option<Tensor<3, Int>>) -> Self {
        Self {
            #[cfg(feature = "flex")]
            packing: flex::runs_on(&mask_pad.device())
                .then(|| flex::Packing::new(mask_pad.clone(), read)),
            mask_pad,
        }
    }

    /// Converts states from the shape of the batch to this layout.
    ///
    /// # Shapes
    /// - `states`: `[batch_size, seq_length, d_model]`
    pub fn pack(&self, states: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(packing) = &self.packing {
            return packing.pack(states);
        }
        states
    }

    /// Selects the states that are wanted from the last layer.
    pub fn wanted(&self, states: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(packing) = &self.packing {
            return packing.wanted(states);
        }
        states
    }

    /// Converts the wanted states to the shape of the batch. Values at padding and at unwanted
    /// states are zero or meaningless.
    ///
    /// # Shapes
    /// - returns: `[batch_size, seq_length, d_model]`
    pub fn unpack(&self, wanted: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(packing) = &self.packing {
            return packing.unpack(wanted);
        }
        wanted
    }

    /// The mask by which tokens attend to tokens of their row within `reach`.
    pub fn mask(&self, reach: Reach) -> AttentionMask {
        #[cfg(feature = "flex")]
        if let Some(packing) = &self.packing {
            return AttentionMask(Mask::Rows(packing.rows(reach)));
        }
        AttentionMask(Mask::Sight(Box::new(Sight::new(
            self.mask_pad.clone(),
            reach,
        ))))
    }

    /// Restricts the queries of a [`mask`](Self::mask) to the [wanted](Self::wanted) tokens; their
    /// keys stay the same.
    pub fn wanted_mask(&self, mask: &AttentionMask) -> AttentionMask {
        #[cfg(feature = "flex")]
        if let (Mask::Rows(rows), Some(packing)) = (&mask.0, &self.packing) {
            return AttentionMask(Mask::Rows(packing.wanted_rows(rows)));
        }
        mask.clone()
    }
}
