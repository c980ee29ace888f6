//! Where the tokens of a batch lie while the layers work on them.

use burn::tensor::{Bool, Int, Tensor};

#[cfg(feature = "flex")]
use crate::flex;
use crate::sight::{Reach, Sight};

/// How the tokens of a batch lie in the tensors between the layers. Made once for a batch and shared by
/// its layers.
///
/// Where the fused operations run, only real tokens are computed: the rows of a batch lie one
/// behind the other without padding, `[1, num_tokens, d_model]`. Elsewhere they stay as they came,
/// `[batch_size, seq_length, d_model]`.
#[derive(Debug, Clone)]
pub struct TokenLayout {
    mask_pad: Tensor<2, Bool>,
    #[cfg(feature = "flex")]
    packing: Option<flex::Packing>,
}

/// Which keys a query sees: made once for all layers of one reach.
#[derive(Debug, Clone)]
pub struct AttentionMask(pub(crate) Mask);

#[derive(Debug, Clone)]
pub(crate) enum Mask {
    /// For the composition.
    Sight(Box<Sight>),
    /// For the fused blocks: which queries and keys belong together.
    #[cfg(feature = "flex")]
    Rows(flex::Rows),
}

impl TokenLayout {
    /// Of the last layer's states those in `read` are wanted: first token and one past the last;
    /// all where there is none.
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

    /// From the order of the batch to that of the layers.
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

    /// Those of the states between the layers that are wanted from the last one.
    pub fn wanted(&self, states: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(packing) = &self.packing {
            return packing.wanted(states);
        }
        states
    }

    /// From the wanted states to the order of the batch; zeros, or what has no meaning, at padding and
    /// where a state was not wanted.
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

    /// The tokens of a row see each other as far as `reach` goes.
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

    /// Made of the [`mask`](Self::mask) of a reach: only the [wanted](Self::wanted) tokens see, all that
    /// they saw.
    pub fn wanted_mask(&self, mask: &AttentionMask) -> AttentionMask {
        #[cfg(feature = "flex")]
        if let (Mask::Rows(rows), Some(packing)) = (&mask.0, &self.packing) {
            return AttentionMask(Mask::Rows(packing.wanted_rows(rows)));
        }
        mask.clone()
    }

    /// What a layer that norms first reads: queries, the states they are added to, and what they see.
    /// Where it is the `last` layer of its layout, only what is wanted of it.
    pub fn queries(
        last: Option<&Self>,
        normed: &Tensor<3>,
        hidden: Tensor<3>,
        mask: &AttentionMask,
    ) -> (Tensor<3>, Tensor<3>, AttentionMask) {
        match last {
            Some(layout) => (
                layout.wanted(normed.clone()),
                layout.wanted(hidden),
                layout.wanted_mask(mask),
            ),
            None => (normed.clone(), hidden, mask.clone()),
        }
    }
}
