//! The transformer layer of BERT and its relatives: each block is added, then normalised.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::{Device, Tensor};

use super::attention::Attention;
use super::feed_forward::{Activation, FeedForward};
use super::parts::layer_norm;
use crate::ops::{AttentionMask, TokenLayout, add_norm};

/// Sizes and probabilities of a [`PostNormLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct PostNormConfig {
    /// Width of a token's state; a multiple of `num_heads`.
    pub d_model: usize,
    /// Number of attention heads.
    pub num_heads: usize,
    /// Width inside of the feed-forward block.
    pub d_feed_forward: usize,
    /// Non-linearity of the feed-forward block.
    pub activation: Activation,
    /// Added to the variance in the layer norms.
    pub layer_norm_epsilon: f64,
    /// Dropout on the output of both blocks, in `[0, 1)`.
    pub hidden_dropout: f64,
    /// Dropout on attention probabilities, in `[0, 1)`.
    pub attention_dropout: f64,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
    /// Whether random key weights start as a copy of the query weights.
    pub keys_start_as_queries: bool,
}

impl PostNormConfig {
    /// A layer with random weights.
    ///
    /// # Panics
    /// If `num_heads` does not divide `d_model`, or a probability is outside of `[0, 1)`.
    pub fn init(&self, device: &Device) -> PostNormLayer {
        let attention = Attention::new(
            self.d_model,
            self.num_heads,
            self.attention_dropout,
            self.initializer_range,
            device,
        );
        let norm = || layer_norm(self.d_model, self.layer_norm_epsilon, device);
        PostNormLayer {
            attention: if self.keys_start_as_queries {
                attention.with_keys_as_queries()
            } else {
                attention
            },
            attention_norm: norm(),
            feed_forward: FeedForward::new(
                self.d_model,
                self.d_feed_forward,
                self.activation,
                self.initializer_range,
                device,
            ),
            feed_forward_norm: norm(),
            dropout: self.hidden_dropout,
            epsilon: self.layer_norm_epsilon,
        }
    }
}

/// Attention and feed-forward block, each followed by dropout, residual sum and layer norm.
#[derive(Module, Debug)]
pub struct PostNormLayer {
    attention: Attention,
    attention_norm: LayerNorm,
    feed_forward: FeedForward,
    feed_forward_norm: LayerNorm,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    epsilon: f64,
}

impl PostNormLayer {
    /// States of all tokens.
    ///
    /// # Shapes
    /// - `hidden` and the result: as `layout` has them
    pub fn forward(&self, hidden: Tensor<3>, layout: &TokenLayout) -> Tensor<3> {
        self.states(hidden.clone(), hidden, &layout.mask())
    }

    /// States of the tokens that are [wanted](TokenLayout::wanted) from the last layer.
    ///
    /// # Shapes
    /// - `hidden`, and the result for the wanted ones: as `layout` has them
    pub fn forward_wanted(&self, hidden: Tensor<3>, layout: &TokenLayout) -> Tensor<3> {
        let queries = layout.wanted(hidden.clone());
        self.states(queries, hidden, &layout.wanted_mask())
    }

    fn states(&self, queries: Tensor<3>, hidden: Tensor<3>, mask: &AttentionMask) -> Tensor<3> {
        let attended = self.attention.forward(queries.clone(), hidden, mask);
        let norm = &self.attention_norm;
        let hidden = add_norm(norm, self.epsilon, self.dropout, attended, queries);
        let transformed = self.feed_forward.forward(hidden.clone());
        let norm = &self.feed_forward_norm;
        add_norm(norm, self.epsilon, self.dropout, transformed, hidden)
    }

    /// All layers of an encoder, from embeddings to states.
    ///
    /// # Shapes
    /// - `embedded` and the result: `[batch_size, seq_length, d_model]`
    pub(super) fn stack(layers: &[Self], embedded: Tensor<3>, layout: &TokenLayout) -> Tensor<3> {
        let mut hidden = layout.pack(embedded);
        if let Some((last, before)) = layers.split_last() {
            for layer in before {
                hidden = layer.forward(hidden, layout);
            }
            hidden = last.forward_wanted(hidden, layout);
        }
        layout.unpack(hidden)
    }
}
