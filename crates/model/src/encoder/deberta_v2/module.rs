//! The DeBERTa module.

use std::ops::Range;
use std::slice;

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::tensor::{Bool, Device, Int, Tensor};

use super::DebertaV2Config;
use crate::encoder::TokenEncoder;
use crate::encoder::checks::assert_length;
use crate::encoder::convolution::ConvolutionLayer;
use crate::encoder::disentangled::{DisentangledAttention, DisentangledConfig, Positions};
use crate::encoder::feed_forward::FeedForward;
use crate::encoder::parts::{embedding, layer_norm};
use crate::encoder::relative::RelativeBuckets;
use gradus_kernels::{self as kernels, AddNorm, AttentionMask, Reach, TokenLayout};

/// A DeBERTa encoder: post-norm layers of disentangled attention.
#[derive(Module, Debug)]
pub struct DebertaV2 {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    convolution: Option<ConvolutionLayer>,
    #[module(skip)]
    relative: RelativeBuckets,
    max_positions: usize,
}

impl DebertaV2 {
    /// Builds the module with random weights.
    pub(super) fn new(config: &DebertaV2Config, device: &Device) -> Self {
        Self {
            embeddings: Embeddings::new(config, device),
            layers: (0..config.num_layers)
                .map(|_| Layer::new(config, device))
                .collect(),
            convolution: config.convolution.map(|convolution| {
                ConvolutionLayer::new(
                    convolution,
                    config.d_model,
                    config.layer_norm_epsilon,
                    config.hidden_dropout,
                    config.initializer_range,
                    device,
                )
            }),
            relative: config.relative,
            max_positions: config.max_positions,
        }
    }
}

impl TokenEncoder for DebertaV2 {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        assert_length(seq_length, self.max_positions);
        let relative = self.relative.of_sequence(seq_length, &token_ids.device());
        let positions = Positions {
            table: self.embeddings.relative(relative.rows),
            distances: relative.distances,
        };
        let embedded = self.embeddings.forward(token_ids, type_ids);
        let layout = TokenLayout::new(mask_pad.clone(), read);
        let (Some(convolution), [first, rest @ ..]) = (&self.convolution, &*self.layers) else {
            return Layer::stack(&self.layers, embedded, &positions, &layout);
        };
        // The convolution needs all states, in the shape of the batch.
        let all = TokenLayout::new(mask_pad.clone(), None);
        let attended = Layer::stack(slice::from_ref(first), embedded.clone(), &positions, &all);
        let hidden = convolution.forward(embedded, attended, mask_pad);
        Layer::stack(rest, hidden, &positions, &layout)
    }
}

#[derive(Module, Debug)]
struct Embeddings {
    word: Embedding,
    position: Option<Embedding>,
    token_type: Option<Embedding>,
    norm: LayerNorm,
    /// Relative positions, `2 · span` rows, shared by all layers.
    relative: Embedding,
    relative_norm: Option<LayerNorm>,
    #[module(skip)]
    dropout: f64,
}

impl Embeddings {
    fn new(config: &DebertaV2Config, device: &Device) -> Self {
        let table = |rows| embedding(rows, config.d_model, config.initializer_range, device);
        let norm = || layer_norm(config.d_model, config.layer_norm_epsilon, device);
        let types = config.num_token_types;
        Self {
            word: table(config.vocab_size),
            position: config
                .absolute_positions
                .then(|| table(config.max_positions)),
            token_type: (types > 0).then(|| table(types)),
            norm: norm(),
            relative: table(2 * config.relative.span()),
            relative_norm: config.norm_positions.then(norm),
            dropout: config.hidden_dropout,
        }
    }

    fn forward(&self, token_ids: Tensor<2, Int>, type_ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        let mut embedded = kernels::embedding(&self.word, token_ids);
        if let Some(position) = &self.position {
            let positions = position.weight.val().slice(0..seq_length);
            embedded = embedded + positions.unsqueeze::<3>();
        }
        if let Some(token_type) = &self.token_type {
            embedded = embedded + kernels::embedding(token_type, type_ids);
        }
        kernels::dropout(self.dropout, self.norm.forward(embedded))
    }

    /// Embeddings of some relative positions, `[1, num_rows, d_model]`.
    fn relative(&self, rows: Range<usize>) -> Tensor<3> {
        let rows = self.relative.weight.val().slice(rows).unsqueeze::<3>();
        match &self.relative_norm {
            Some(norm) => norm.forward(rows),
            None => rows,
        }
    }
}

/// Attention and feed-forward block, each followed by dropout, residual sum and layer norm.
#[derive(Module, Debug)]
struct Layer {
    attention: DisentangledAttention,
    attention_norm: LayerNorm,
    feed_forward: FeedForward,
    feed_forward_norm: LayerNorm,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    epsilon: f64,
}

impl Layer {
    fn new(config: &DebertaV2Config, device: &Device) -> Self {
        let attention = DisentangledConfig {
            d_model: config.d_model,
            num_heads: config.num_heads,
            content_to_position: config.content_to_position,
            position_to_content: config.position_to_content,
            shared_projections: config.shared_projections,
            hidden_dropout: config.hidden_dropout,
            attention_dropout: config.attention_dropout,
            initializer_range: config.initializer_range,
        };
        let norm = || layer_norm(config.d_model, config.layer_norm_epsilon, device);
        Self {
            attention: attention.init(device),
            attention_norm: norm(),
            feed_forward: FeedForward::new(
                config.d_model,
                config.d_feed_forward,
                config.activation,
                config.initializer_range,
                device,
            ),
            feed_forward_norm: norm(),
            dropout: config.hidden_dropout,
            epsilon: config.layer_norm_epsilon,
        }
    }

    /// States of the tokens `queries`, which attend to the tokens `hidden`; `queries` are all or
    /// some of `hidden`.
    ///
    /// # Shapes
    /// - `queries`, `hidden` and the result: `[.., .., d_model]`, in the layout of `mask`
    fn forward(
        &self,
        queries: Tensor<3>,
        hidden: Tensor<3>,
        positions: &Positions,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        let attention = &self.attention;
        let attended = attention.forward(queries.clone(), hidden, positions, mask);
        let norm = |norm| AddNorm {
            norm,
            epsilon: self.epsilon,
            dropout: self.dropout,
        };
        let hidden = norm(&self.attention_norm).forward(attended, queries);
        let feed_forward_norm = norm(&self.feed_forward_norm);
        self.feed_forward.forward(hidden, feed_forward_norm)
    }

    /// Applies the layers in order; the last one computes only the [wanted](TokenLayout::wanted)
    /// states. Without layers, returns `hidden`.
    ///
    /// # Shapes
    /// - `hidden` and the result: `[batch_size, seq_length, d_model]`
    fn stack(
        layers: &[Self],
        hidden: Tensor<3>,
        positions: &Positions,
        layout: &TokenLayout,
    ) -> Tensor<3> {
        let Some((last, before)) = layers.split_last() else {
            return hidden;
        };
        let mask = layout.mask(Reach::default());
        let hidden = before.iter().fold(layout.pack(hidden), |hidden, layer| {
            layer.forward(hidden.clone(), hidden, positions, &mask)
        });
        let (queries, seen) = (layout.wanted(hidden.clone()), layout.wanted_mask(&mask));
        layout.unpack(last.forward(queries, hidden, positions, &seen))
    }
}
