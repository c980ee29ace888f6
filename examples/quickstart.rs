//! The complete workflow in one program: generate data, train, evaluate, score.
//!
//! `cargo run --release --example quickstart`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use gradus::data::{GeneratorConfig, SplitFractions, generate, split_by_prompt};
use gradus::eval::{Aspect, Baselines, Evaluation, Metric, Scorer, scored_responses};
use gradus::train::{
    EncoderSource, ScratchOptions, Session, TrainConfig, TrainingPlan, train as train_bundle,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = gradus::device::select(None)?;

    // Prompts with rated responses; the splits share no prompt.
    let examples = generate(&GeneratorConfig {
        examples: 400,
        ..GeneratorConfig::default()
    })?;
    let prompts: Vec<&str> = examples
        .iter()
        .map(|example| example.prompt.as_str())
        .collect();
    let split = split_by_prompt(&prompts, SplitFractions::default(), 0)?;
    let part =
        |indices: &[usize]| -> Vec<_> { indices.iter().map(|&i| examples[i].clone()).collect() };
    let (train, valid, test) = (part(&split.train), part(&split.valid), part(&split.test));

    // A small model from scratch. One epoch for demonstration; `gradus quickstart` trains it fully.
    let directory = std::env::temp_dir().join("gradus-example-quickstart");
    let training = TrainConfig {
        epochs: 1,
        learning_rate: Some(1e-3),
        ..TrainConfig::default()
    }
    .check()?;
    let encoder = EncoderSource::Scratch(ScratchOptions::default());
    let mut plan = TrainingPlan::new(encoder, training, &directory);
    (plan.text.max_length, plan.overwrite) = (128, true);
    train_bundle(&plan, &train, &valid, &device, Session::default())?;

    // Scoring needs only the bundle.
    let scorer = Scorer::load(&directory, &device)?;
    let (scored, _) = scored_responses(&scorer, &test)?;
    let aspects: Vec<Aspect> = scorer.aspects().map(Aspect::named).collect();
    let baselines = Baselines::fit(scorer.aspects(), &train)?.scores(&test);
    let evaluation = Evaluation::compute(&scored, &aspects, scorer.aggregation(), &baselines)?;
    for aspect in &evaluation.aspects {
        println!(
            "{}: MSE {:?}",
            aspect.aspect,
            aspect.segment.values.get(Metric::MSE)
        );
    }
    Ok(())
}
