//! A whole model of your own, a value for each word: trained, saved, loaded, evaluated, compared.
//!
//! `cargo run --release --example own_model -- DIRECTORY`; the same again resumes a killed run.

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig};
use burn::tensor::Tensor;
use gradus::data::{GeneratorConfig, generate, word_level_tokenizer};
use gradus::eval::compare::{CompareOptions, System, compare};
use gradus::eval::{Aggregation, Aspect, Evaluation, JudgedAspect, Metric, Scorer};
use gradus::model::{SegmentInput, SegmentModel, TokenStates};
use gradus::train::{Session, TextOptions, TrainConfig, Training, prepare};

#[derive(Module, Debug)]
struct WordValues {
    values: Embedding,
}

impl SegmentModel for WordValues {
    fn raw(&self, input: SegmentInput) -> Tensor<3> {
        let values = self.values.forward(input.token_ids);
        let states = TokenStates::of_responses(values, input.segment_spans);
        states.mean_of(states.in_segments())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args().nth(1).ok_or("which directory?")?;
    let device = gradus::device::select(None)?;
    let examples = generate(&GeneratorConfig::default())?;
    let texts = examples.iter().flat_map(|e| [&*e.prompt, &*e.response]);
    let (text, mut config) = (word_level_tokenizer(texts)?, TrainConfig::default());
    (config.learning_rate, config.checkpoint_every) = (Some(1e-2), 10);
    let (train, valid) = examples.split_at(900);
    let data = prepare(&text, None, &TextOptions::default(), &config, train, valid)?;
    let tokenizer = data.tokenizer.clone();
    device.seed(0);
    let values = EmbeddingConfig::new(tokenizer.vocab_size(), 1).init(&device);
    let (new, data, config) = (WordValues { values }, data.into(), config.check()?);
    let session = Session::resuming(format!("{place}/checkpoints"))?;
    let training = Training::new(new.clone(), &data, &config, &device).with_session(session);
    training.fit()?.model.save_file(format!("{place}/model"))?;

    let (mut systems, of) = (Vec::new(), [Aspect::named("rating")]);
    let loaded = new.clone().try_load_file(format!("{place}/model"))?;
    for (name, model) in [("trained", loaded), ("untrained", new)] {
        let scorer = Scorer::of_model(model, tokenizer.clone(), Aggregation::Mean, &device);
        let (scored, _) = gradus::eval::scored_responses(&scorer, valid)?;
        let evaluation = Evaluation::compute(&scored, &of, scorer.aggregation(), &[])?;
        let mse = evaluation.aspects[0].segment.values.get(Metric::MSE);
        println!("{name}: MSE {mse:?}");
        let (name, judged) = (name.into(), JudgedAspect::collect(&scored, 0, "rating"));
        systems.push(System { name, judged });
    }
    let report = compare(&systems, &CompareOptions::default())?;
    println!("{}", report.comparisons[0].sentence);
    Ok(())
}
