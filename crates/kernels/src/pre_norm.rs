//! Blocks of pre-norm layers: `x + dropout(block(norm(x)))`.

use burn::nn::{LayerNorm, Linear, RmsNorm};
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::flex;
#[cfg(feature = "flex")]
use crate::layout::Mask;
use crate::{
    Angles, Attend, AttentionMask, GateActivation, Projections, Side, TokenLayout, dropout,
    layer_norm, linear, rms_norm,
};

/// The norm of a [`PreNorm`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum BlockNorm<'a> {
    /// Layer norm, with its ε.
    Layer(&'a LayerNorm, f64),
    /// RMS norm.
    Rms(&'a RmsNorm),
}

impl BlockNorm<'_> {
    fn forward(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Layer(norm, epsilon) => layer_norm(norm, epsilon, x),
            Self::Rms(norm) => rms_norm(norm, x),
        }
    }
}

/// Norm before a block, and dropout and residual sum after it. Xiong et al. (2020),
/// <https://arxiv.org/abs/2002.04745>.
#[derive(Debug, Clone, Copy)]
pub struct PreNorm<'a> {
    /// The norm; `None` if the input of the block is normalized already.
    pub norm: Option<BlockNorm<'a>>,
    /// Dropout on the output of the block, in `[0, 1)`; applied on an autodiff device only.
    pub dropout: f64,
}

/// A gated feed-forward block, `outer(activation(gate(x)) · factor(x))`. Shazeer (2020),
/// <https://arxiv.org/abs/2002.05202>.
#[derive(Debug, Clone, Copy)]
pub struct GatedFeedForward<'a> {
    /// `d_model → d_inner`, before the activation.
    pub gate: &'a Linear,
    /// `d_model → d_inner`.
    pub factor: &'a Linear,
    /// `d_inner → d_model`.
    pub outer: &'a Linear,
    /// Activation of the gate.
    pub activation: GateActivation,
}

/// Self-attention with rotary positions.
#[derive(Debug, Clone, Copy)]
pub struct RotaryAttention<'a> {
    /// The linear layers.
    pub projections: Projections<'a>,
    /// Norms of every query head and of every key head, before the rotation.
    pub head_norms: Option<[&'a RmsNorm; 2]>,
    /// Heads and dropout.
    pub attend: Attend,
    /// Rotary angles of the positions.
    pub angles: &'a Angles,
}

impl PreNorm<'_> {
    /// `x + dropout(block(norm(x)))`.
    ///
    /// # Shapes
    /// - `x` and the result: `[.., .., d_model]`
    ///
    /// # Panics
    /// If the sizes of the layers do not agree.
    pub fn feed_forward(self, block: GatedFeedForward<'_>, x: Tensor<3>) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Some(out) = flex::gated(block, self, &x) {
            return out;
        }
        let normed = self.normed(x.clone());
        let gates = linear(block.gate, normed.clone());
        let hidden = block.activation.forward(gates) * linear(block.factor, normed);
        x + dropout(self.dropout, linear(block.outer, hidden))
    }

    /// `x + dropout(block(norm(x)))`, of all tokens or, in the `last` layer, of those
    /// [wanted](TokenLayout::wanted).
    ///
    /// # Shapes
    /// - `x`: `[.., .., d_model]`, in the layout of `mask`, that of all tokens
    /// - returns: the same, or the wanted tokens
    ///
    /// # Panics
    /// If the mask is of some tokens only, or heads are not twice as wide as there are angles.
    pub fn attend(
        self,
        block: RotaryAttention<'_>,
        x: Tensor<3>,
        mask: &AttentionMask,
        last: Option<&TokenLayout>,
    ) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let (Mask::Rows(rows), None) = (&mask.0, last)
            && let Some(out) = flex::rotary_attention(block, self, &x, rows)
        {
            return out;
        }
        let normed = self.normed(x.clone());
        let (queries, x, mask) = match last {
            Some(layout) => (
                layout.wanted(normed.clone()),
                layout.wanted(x),
                layout.wanted_mask(mask),
            ),
            None => (normed.clone(), x, mask.clone()),
        };
        x + dropout(self.dropout, block.forward(queries, normed, &mask))
    }

    fn normed(self, x: Tensor<3>) -> Tensor<3> {
        match self.norm {
            Some(norm) => norm.forward(x),
            None => x,
        }
    }
}

impl RotaryAttention<'_> {
    /// Attention from the tokens `queries` to the tokens `hidden`; `queries` are all or some of
    /// `hidden`.
    fn forward(self, queries: Tensor<3>, hidden: Tensor<3>, mask: &AttentionMask) -> Tensor<3> {
        let Attend {
            num_heads,
            num_key_value_heads,
            ..
        } = self.attend;
        let query = linear(self.projections.query, queries);
        let key = linear(self.projections.key, hidden.clone());
        let value = linear(self.projections.value, hidden);
        let [query_norm, key_norm] = self.head_norms.map_or([None; 2], |norms| norms.map(Some));
        let query = of_heads(query_norm, query, num_heads);
        let key = of_heads(key_norm, key, num_key_value_heads);
        let query = self.angles.turn(query, num_heads, mask, Side::Query);
        let key = self.angles.turn(key, num_key_value_heads, mask, Side::Key);
        let context = self.attend.forward(query, key, value, mask);
        linear(self.projections.output, context)
    }
}

/// Normalizes every head separately.
fn of_heads(norm: Option<&RmsNorm>, states: Tensor<3>, num_heads: usize) -> Tensor<3> {
    let Some(norm) = norm else {
        return states;
    };
    let [batch_size, tokens, width] = states.dims();
    let heads = states.reshape([batch_size, tokens * num_heads, width / num_heads]);
    rms_norm(norm, heads).reshape([batch_size, tokens, width])
}
