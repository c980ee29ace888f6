//! The whole command line with an encoder of your own: convolutions over bytes.
//!
//! `cargo run --release --example own_encoder -- train --config run.toml`, where `run.toml` says
//! `scratch = { tokens = "bytes", encoder = { kind = "byte-convolution" } }`.

use std::process::ExitCode;

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Embedding, EmbeddingConfig, PaddingConfig1d};
use burn::tensor::{Bool, Device, Int, Tensor, activation::gelu};
use gradus::model::{EncoderInput, NamedEncoder, TokenEncoder};

#[derive(Module, Debug)]
struct ByteConvolution {
    embeddings: Embedding,
    layers: Vec<Conv1d>,
}

impl TokenEncoder for ByteConvolution {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        _read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        // Padding is zero, as beyond the end: so no state depends on how much of it there is.
        let is_text = mask_pad.bool_not().float().unsqueeze_dim::<3>(1);
        let mut states = self.embeddings.forward(token_ids).swap_dims(1, 2);
        for layer in &self.layers {
            states = states.clone() + gelu(layer.forward(states * is_text.clone()));
        }
        states.swap_dims(1, 2)
    }
}

impl NamedEncoder for ByteConvolution {
    type Settings = ();
    const KIND: &'static str = "byte-convolution";
    const ABOUT: &'static str = "Convolutions over five bytes";

    fn d_model((): &()) -> usize {
        32
    }

    fn init((): &(), input: &EncoderInput, device: &Device) -> Self {
        let layer = Conv1dConfig::new(32, 32, 5).with_padding(PaddingConfig1d::Same);
        Self {
            embeddings: EmbeddingConfig::new(input.vocab_size, 32).init(device),
            layers: (0..2).map(|_| layer.init(device)).collect(),
        }
    }
}

fn main() -> ExitCode {
    gradus::cli::main_with(gradus::Registry::new().with_encoder::<ByteConvolution>())
}
