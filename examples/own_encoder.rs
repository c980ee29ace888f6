//! An encoder of your own: convolutions over bytes.
//!
//! `cargo run --release --example own_encoder`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Embedding, EmbeddingConfig, PaddingConfig1d};
use burn::tensor::{Bool, Int, Tensor, activation::gelu};
use gradus::data::{GeneratorConfig, byte_level_tokenizer, generate};
use gradus::model::{Head, HeadConfig, MeanPooling, Output, RewardModel, TokenEncoder};
use gradus::train::{FitData, TextOptions, TrainConfig, Training, prepare};

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = gradus::device::select(None)?;
    let config = TrainConfig {
        epochs: 6,
        learning_rate: 3e-3,
        ..TrainConfig::default()
    };
    let options = TextOptions::default();
    let examples = generate(&GeneratorConfig::default())?;
    let (train, valid) = examples.split_at(900);
    let prepared = prepare(
        &byte_level_tokenizer(),
        None,
        &options,
        &config,
        train,
        valid,
    )?;

    device.seed(0);
    let layer = Conv1dConfig::new(32, 32, 5).with_padding(PaddingConfig1d::Same);
    let encoder = ByteConvolution {
        embeddings: EmbeddingConfig::new(prepared.tokenizer.vocab_size(), 32).init(&device),
        layers: (0..2).map(|_| layer.init(&device)).collect(),
    };
    let head = Head::new(HeadConfig::Linear, 32, 1, &device).with_bias(&prepared.mean_targets);
    let model = RewardModel::from_parts(encoder, MeanPooling::default(), head, Output::Identity);
    let data = FitData::from(prepared);
    let fitted = Training::new(model, &data, &config.check()?, &device).fit()?;
    for epoch in fitted.history.epochs {
        println!("epoch {}: loss {:.4}", epoch.epoch, epoch.train_loss);
    }
    Ok(())
}
