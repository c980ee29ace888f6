//! A pooling of your own: the mean of a segment, gated by the prompt.
//!
//! `cargo run --release --example own_pooling`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Tensor, activation::sigmoid};
use gradus::data::{GeneratorConfig, generate, word_level_tokenizer};
use gradus::model::encoder::BertConfig;
use gradus::model::{
    EncoderConfig, Head, HeadConfig, Output, RewardModel, SegmentPooling, TokenStates,
};
use gradus::train::{FitData, TextOptions, TrainConfig, Training, prepare};

/// What the prompt says decides which features of a segment count.
#[derive(Module, Debug)]
struct PromptGate {
    gate: Linear,
}

impl SegmentPooling for PromptGate {
    fn reads_prompt(&self) -> bool {
        true
    }

    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let prompt = states.mean_of(states.in_prompt());
        states.mean_of(states.in_segments()) * sigmoid(self.gate.forward(prompt))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = gradus::device::select(None)?;
    let examples = generate(&GeneratorConfig::default())?;
    let texts = examples
        .iter()
        .flat_map(|example| [example.prompt.as_str(), &example.response]);
    let tokenizer = word_level_tokenizer(texts)?;
    let config = TrainConfig {
        epochs: 6,
        learning_rate: 3e-3,
        ..TrainConfig::default()
    };
    let (train, valid) = examples.split_at(900);
    let options = TextOptions::default();
    let prepared = prepare(&tokenizer, None, &options, &config, train, valid)?;

    device.seed(0);
    let encoder = EncoderConfig::Bert(BertConfig::new(prepared.tokenizer.vocab_size(), 32, 2, 2));
    let gate = LinearConfig::new(32, 32).init(&device);
    let head = Head::new(HeadConfig::Linear, 32, 1, &device).with_bias(&prepared.mean_targets);
    let model = RewardModel::from_parts(
        encoder.init(&device),
        PromptGate { gate },
        head,
        Output::Identity,
    );
    let data = FitData::from(prepared);
    let fitted = Training::new(model, &data, &config.check()?, &device).fit()?;
    for epoch in fitted.history.epochs {
        println!("epoch {}: loss {:.4}", epoch.epoch, epoch.train_loss);
    }
    Ok(())
}
