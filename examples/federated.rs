//! Two parts of the data that never meet: each trains a copy of the model, and their weights are averaged.
//!
//! `cargo run --release --example federated`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use gradus::data::{GeneratorConfig, generate, word_level_tokenizer};
use gradus::model::encoder::BertConfig;
use gradus::model::{EncoderConfig, Pooling, RewardModelConfig};
use gradus::train::{TextOptions, TrainConfig, Training, prepare};

/// Weights of a model in its own order.
#[derive(Default)]
struct Weights(Vec<TensorData>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data());
    }
}

/// Averages weights with those of another model.
struct Average(std::vec::IntoIter<TensorData>);

impl ModuleMapper for Average {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let other = self.0.next().expect("as many weights");
        param.map(|own| (Tensor::from_data(other, &own.device()) + own) / 2.0)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = gradus::device::select(None)?;
    let examples = generate(&GeneratorConfig::default())?;
    let texts = examples.iter().flat_map(|e| [&*e.prompt, &*e.response]);
    let (tokenizer, text) = (word_level_tokenizer(texts)?, TextOptions::default());
    let mut config = TrainConfig::default();
    (config.epochs, config.learning_rate) = (1, Some(3e-3));
    let (rest, valid) = examples.split_at(900);
    let (first, second) = rest.split_at(450);
    let read = |part| prepare(&tokenizer, None, &text, &config, part, valid);
    let (first, second) = (read(first)?, read(second)?);

    device.seed(0);
    let bert = BertConfig::new(first.tokenizer.vocab_size(), 32, 2, 2);
    let encoder = EncoderConfig::Bert(bert);
    let mut model = RewardModelConfig::new(encoder, Pooling::Mean, 1).init(&device);
    let (parts, config) = ([first.into(), second.into()], config.check()?);
    for round in 1..=4 {
        let train = |part| Training::new(model.clone(), part, &config, &device).fit();
        let (ours, theirs) = (train(&parts[0])?, train(&parts[1])?);
        println!("round {round}: {:.4}", ours.history.epochs[0].train_loss);
        let mut weights = Weights::default();
        theirs.model.visit(&mut weights);
        model = ours.model.map(&mut Average(weights.0.into_iter()));
    }
    Ok(())
}
