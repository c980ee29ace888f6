//! Encoders: token ids in, one state per token out.
//!
//! A family of encoders is one file or folder with a configuration (`FamilyConfig`), a module
//! ([`TokenEncoder`]), a `KeyTable` and the treatment of its `config.json` keys, and one
//! line in the list below.

/// Calls the macro `$define` with the families: `model_type`, name, configuration and module.
macro_rules! families {
    ($define:ident) => {
        $define! {
            "bert" => Bert(BertConfig, Bert);
            "roberta" => Roberta(RobertaConfig, Roberta);
            "xlm-roberta" => XlmRoberta(RobertaConfig, Roberta);
            "deberta-v2" => DebertaV2(DebertaV2Config, DebertaV2);
            "modernbert" => ModernBert(ModernBertConfig, ModernBert);
            "qwen2" => Qwen2(Qwen2Config, Decoder);
            "qwen3" => Qwen3(Qwen3Config, Decoder);
            "llama" => Llama(LlamaConfig, Decoder);
        }
    };
}

mod activation;
mod attention;
mod bert;
pub(crate) mod checks;
mod config;
mod config_keys;
mod convolution;
mod deberta_v2;
mod decoder;
mod disentangled;
mod family;
mod feed_forward;
mod gated_feed_forward;
mod hugging_face;
mod llama;
mod modernbert;
mod named;
mod parts;
mod post_norm;
mod qwen2;
mod qwen3;
mod registry;
mod relative;
mod roberta;
mod rotary;
mod rotary_attention;
mod sizes;
mod sliding;
mod token_encoder;

pub(crate) use activation::PublishedActivation;
pub use attention::Attention;
pub use bert::{Bert, BertConfig};
pub use config_keys::ConfigNote;
pub(crate) use config_keys::KnownKeys;
#[cfg(test)]
pub(crate) use config_keys::Treatment;
pub use convolution::{Convolution, ConvolutionActivation};
pub use deberta_v2::{DebertaV2, DebertaV2Config};
pub use decoder::{Decoder, DecoderConfig};
pub use family::PythonClass;
pub(crate) use family::{FamilyConfig, LayerBlocks};
pub use feed_forward::FeedForward;
pub use gradus_kernels::{Activation, AttentionMask, GateActivation, TokenLayout};
pub(crate) use hugging_face::PublishedConfig;
pub use llama::LlamaConfig;
pub use modernbert::{ModernBert, ModernBertConfig};
pub use named::{
    EncoderInput, NamedEncoder, OwnEncoderConfig, register_encoder, registered_encoders,
};
pub(crate) use parts::{DrawParameters, linear};
pub use post_norm::{PostNormConfig, PostNormLayer};
pub use qwen2::Qwen2Config;
pub use qwen3::Qwen3Config;
pub use registry::{Encoder, EncoderConfig};
pub use relative::RelativeBuckets;
pub use roberta::{Roberta, RobertaConfig};
pub use rotary::{Rotary, RotaryScaling};
pub use sizes::EncoderSizes;
pub use sliding::SlidingLayers;
pub use token_encoder::{OwnEncoder, TokenEncoder};
