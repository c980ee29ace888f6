//! The module of all decoders: pre-norm layers of rotary attention and gated feed-forward blocks.

use burn::module::Module;
use burn::nn::{Embedding, RmsNorm};
use burn::tensor::{Bool, Device, Int, Tensor};

use super::DecoderConfig;
use crate::encoder::TokenEncoder;
use crate::encoder::checks::assert_length;
use crate::encoder::gated_feed_forward::GatedFeedForward;
use crate::encoder::parts::{embedding, rms_norm};
use crate::encoder::rotary::Rotary;
use crate::encoder::rotary_attention::{RotaryAttention, RotaryAttentionConfig};
use crate::encoder::sliding::SlidingLayers;
use gradus_kernels::{
    self as kernels, Angles, AttentionMask, BlockNorm, PreNorm, Reach, TokenLayout,
};

/// A decoder without its language model head. Attention is causal, or bidirectional if configured.
#[derive(Module, Debug)]
pub struct Decoder {
    embeddings: TokenEmbeddings,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    rotary: Rotary,
    d_head: usize,
    max_positions: usize,
    causal: bool,
    #[module(skip)]
    sliding: Option<SlidingLayers>,
}

#[derive(Module, Debug)]
struct TokenEmbeddings {
    word: Embedding,
}

impl Decoder {
    /// Builds the module with random weights.
    pub(super) fn new(config: &DecoderConfig, device: &Device) -> Self {
        let table = embedding(
            config.vocab_size,
            config.d_model,
            config.initializer_range,
            device,
        );
        Self {
            embeddings: TokenEmbeddings { word: table },
            layers: (0..config.num_layers)
                .map(|_| DecoderLayer::new(config, device))
                .collect(),
            norm: rms_norm(config.d_model, config.norm_epsilon, device),
            dropout: config.hidden_dropout,
            rotary: config.rotary,
            d_head: config.d_head,
            max_positions: config.max_positions,
            causal: config.causal,
            sliding: config.sliding.clone(),
        }
    }
}

impl TokenEncoder for Decoder {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        let [_, seq_length] = token_ids.dims();
        assert_length(seq_length, self.max_positions);
        let angles = self
            .rotary
            .angles(self.d_head, seq_length, &token_ids.device());
        let layout = TokenLayout::new(mask_pad, read);
        let mask = |window| {
            layout.mask(Reach {
                causal: self.causal,
                window,
            })
        };
        let all = mask(None);
        let sliding = self.sliding.as_ref();
        let near = sliding.map(|sliding| mask(Some(sliding.distance)));
        let near = near.as_ref().unwrap_or(&all);
        let slides = |layer| sliding.is_some_and(|sliding| sliding.layers.contains(&layer));
        let embedded = kernels::embedding(&self.embeddings.word, token_ids);
        let mut hidden = layout.pack(kernels::dropout(self.dropout, embedded));
        for (number, layer) in self.layers.iter().enumerate() {
            let mask = if slides(number) { near } else { &all };
            let last = (number + 1 == self.layers.len()).then_some(&layout);
            hidden = layer.forward(hidden, &angles, mask, last);
        }
        layout.unpack(kernels::rms_norm(&self.norm, hidden))
    }
}

/// Norm, then attention or feed-forward block, then the residual sum.
#[derive(Module, Debug)]
struct DecoderLayer {
    attention_norm: RmsNorm,
    attention: RotaryAttention,
    feed_forward_norm: RmsNorm,
    feed_forward: GatedFeedForward,
    #[module(skip)]
    dropout: f64,
}

impl DecoderLayer {
    fn new(config: &DecoderConfig, device: &Device) -> Self {
        let norm = || rms_norm(config.d_model, config.norm_epsilon, device);
        let attention = RotaryAttentionConfig {
            d_model: config.d_model,
            num_heads: config.num_heads,
            num_key_value_heads: config.num_key_value_heads,
            d_head: config.d_head,
            input_bias: config.input_bias,
            output_bias: config.output_bias,
            head_norm_epsilon: config.head_norms.then_some(config.norm_epsilon),
            dropout: config.attention_dropout,
            initializer_range: config.initializer_range,
        };
        Self {
            attention_norm: norm(),
            attention: attention.init(device),
            feed_forward_norm: norm(),
            feed_forward: GatedFeedForward::new(
                config.d_model,
                config.d_feed_forward,
                config.activation,
                config.feed_forward_bias,
                config.initializer_range,
                device,
            ),
            dropout: config.hidden_dropout,
        }
    }

    /// States of all tokens, or in the `last` layer, of the wanted ones.
    fn forward(
        &self,
        hidden: Tensor<3>,
        angles: &Angles,
        mask: &AttentionMask,
        last: Option<&TokenLayout>,
    ) -> Tensor<3> {
        let before = |norm| PreNorm {
            norm: Some(BlockNorm::Rms(norm)),
            dropout: self.dropout,
        };
        let norm = before(&self.attention_norm);
        let hidden = self.attention.forward(norm, hidden, angles, mask, last);
        self.feed_forward
            .forward(before(&self.feed_forward_norm), hidden)
    }
}
