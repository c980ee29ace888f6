//! Multi-head attention, with and without its linear layers.

use burn::nn::Linear;
use burn::tensor::Tensor;

#[cfg(feature = "flex")]
use crate::flex;
use crate::layout::Mask;
use crate::{AddNorm, AttentionMask, composed, linear};

/// Multi-head attention without projections.
#[derive(Debug, Clone, Copy)]
pub struct Attend {
    /// Number of query heads.
    pub num_heads: usize,
    /// Number of key and value heads; divides `num_heads`. Consecutive query heads share one.
    /// Ainslie et al. (2023), <https://arxiv.org/abs/2305.13245>.
    pub num_key_value_heads: usize,
    /// Dropout on the attention probabilities, in `[0, 1)`; applied on an autodiff device only.
    pub dropout: f64,
}

impl Attend {
    /// # Shapes
    /// - `query` and the result: `[.., .., num_heads · d_head]`, in the layout of `mask`
    /// - `key`, `value`: `[.., .., num_key_value_heads · d_head]`, for all tokens of the layout
    pub fn forward(
        self,
        query: Tensor<3>,
        key: Tensor<3>,
        value: Tensor<3>,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        match &mask.0 {
            #[cfg(feature = "flex")]
            Mask::Rows(rows) => flex::attention(self, query, key, value, rows.clone()),
            Mask::Sight(sight) => composed::attention(self, query, key, value, sight),
        }
    }
}

/// The linear layers of an attention block.
#[derive(Debug, Clone, Copy)]
pub struct Projections<'a> {
    /// Query projection.
    pub query: &'a Linear,
    /// Key projection.
    pub key: &'a Linear,
    /// Value projection.
    pub value: &'a Linear,
    /// Output projection.
    pub output: &'a Linear,
}

impl Projections<'_> {
    /// Attention with projections, from the tokens `queries` to the tokens `hidden`; `queries` are
    /// all or some tokens of `hidden`.
    ///
    /// # Shapes
    /// - `queries`, `hidden` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub fn attend(
        self,
        attend: Attend,
        queries: Tensor<3>,
        hidden: Tensor<3>,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        let query = linear(self.query, queries);
        let key = linear(self.key, hidden.clone());
        let value = linear(self.value, hidden);
        linear(self.output, attend.forward(query, key, value, mask))
    }

    /// Self-attention block of a post-norm layer: `norm(x + dropout(attention(x)))`.
    ///
    /// # Shapes
    /// - `x` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub fn attend_and_norm(
        self,
        attend: Attend,
        norm: AddNorm<'_>,
        x: Tensor<3>,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Mask::Rows(rows) = &mask.0
            && let Some(out) = flex::attention_norm(self, attend, norm, &x, rows)
        {
            return out;
        }
        norm.forward(self.attend(attend, x.clone(), x.clone(), mask), x)
    }
}
