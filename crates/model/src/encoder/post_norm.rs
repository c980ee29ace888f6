//! The post-norm transformer layer of BERT and RoBERTa.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::tensor::{Device, Tensor};

use super::Activation;
use super::attention::Attention;
use super::feed_forward::FeedForward;
use super::parts::layer_norm;
use gradus_kernels::{AddNorm, AttentionMask, Reach, TokenLayout};

/// Configuration of a [`PostNormLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct PostNormConfig {
    /// Width of a token's state; a multiple of `num_heads`.
    pub d_model: usize,
    /// Number of attention heads.
    pub num_heads: usize,
    /// Inner width of the feed-forward block.
    pub d_feed_forward: usize,
    /// Activation function of the feed-forward block.
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
    /// If `num_heads` does not divide `d_model`, or a probability is outside `[0, 1)`.
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
    /// States of the tokens `queries`, which attend to the tokens `hidden`; without `queries`, of
    /// all tokens of `hidden`.
    ///
    /// # Shapes
    /// - `queries`, `hidden` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub fn forward(
        &self,
        queries: Option<Tensor<3>>,
        hidden: Tensor<3>,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        let norm = |norm| AddNorm {
            norm,
            epsilon: self.epsilon,
            dropout: self.dropout,
        };
        let attention_norm = norm(&self.attention_norm);
        let hidden = self
            .attention
            .forward(queries, hidden, mask, attention_norm);
        let feed_forward_norm = norm(&self.feed_forward_norm);
        self.feed_forward.forward(hidden, feed_forward_norm)
    }

    /// All layers of an encoder, from embeddings to states; the last one computes only the
    /// [wanted](TokenLayout::wanted) states. `see` is shown the packed states before each layer.
    ///
    /// # Shapes
    /// - `embedded` and the result: `[batch_size, seq_length, d_model]`
    fn stack_seen(
        layers: &[Self],
        embedded: Tensor<3>,
        layout: &TokenLayout,
        mut see: impl FnMut(&Tensor<3>),
    ) -> Tensor<3> {
        let (last, before) = layers.split_last().expect("an encoder has layers");
        let mask = layout.mask(Reach::default());
        let hidden = before.iter().fold(layout.pack(embedded), |hidden, layer| {
            see(&hidden);
            layer.forward(None, hidden, &mask)
        });
        see(&hidden);
        let queries = layout.wanted(hidden.clone());
        let mask = layout.wanted_mask(&mask);
        layout.unpack(last.forward(Some(queries), hidden, &mask))
    }

    /// The states of the last layer.
    ///
    /// # Shapes
    /// - `embedded` and the result: `[batch_size, seq_length, d_model]`
    pub(super) fn stack(layers: &[Self], embedded: Tensor<3>, layout: &TokenLayout) -> Tensor<3> {
        Self::stack_seen(layers, embedded, layout, |_| ())
    }

    /// The embeddings and the states of every layer, from the lowest.
    ///
    /// # Shapes
    /// - `embedded` and each of the result: `[batch_size, seq_length, d_model]`
    pub(super) fn stack_all(
        layers: &[Self],
        embedded: Tensor<3>,
        layout: &TokenLayout,
    ) -> Vec<Tensor<3>> {
        let mut states = Vec::new();
        let last = Self::stack_seen(layers, embedded, layout, |packed| {
            states.push(layout.unpack(layout.wanted(packed.clone())));
        });
        states.push(last);
        states
    }
}
