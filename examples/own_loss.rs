//! A loss of your own: bundles that learn the lower and upper tenth of ratings instead of their mean.
//!
//! `cargo run --release --example own_loss`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::tensor::{Tensor, activation::relu};
use gradus::data::{GeneratorConfig, generate};
use gradus::eval::{Scorer, SegmentScore};
use gradus::train::{
    EncoderSource, PointwiseLoss, ScratchOptions, Session, TrainConfig, TrainingPlan, train,
};

/// Quantile ("pinball") loss: the score that a share `quantile` of the ratings lies below.
#[derive(Debug)]
struct Pinball {
    quantile: f64,
}

impl PointwiseLoss for Pinball {
    fn id(&self) -> String {
        format!("pinball:{}", self.quantile)
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        let error = targets - scores;
        relu(error.clone()) * self.quantile + relu(-error) * (1.0 - self.quantile)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = gradus::device::select(None)?;
    let examples = generate(&GeneratorConfig {
        examples: 240,
        ..GeneratorConfig::default()
    })?;
    let (train_split, valid_split) = examples.split_at(200);
    for quantile in [0.1, 0.9] {
        let training = TrainConfig {
            loss: Pinball { quantile }.into(),
            epochs: 2,
            learning_rate: 1e-3,
            ..TrainConfig::default()
        };
        let directory = std::env::temp_dir().join(format!("gradus-example-quantile-{quantile}"));
        let encoder = EncoderSource::Scratch(ScratchOptions::default());
        let mut plan = TrainingPlan::new(encoder, training.check()?, &directory);
        plan.overwrite = true;
        train(&plan, train_split, valid_split, &device, Session::default())?;

        let scorer = Scorer::load(&directory, &device)?;
        let scores = scorer.score(valid_split)?;
        let segments = scores.iter().flat_map(|example| &example.segments);
        let scores = segments.filter_map(SegmentScore::scores);
        let scores: Vec<f64> = scores.map(|by_aspect| by_aspect[0]).collect();
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        println!("quantile {quantile}: mean score {mean:.3}");
    }
    Ok(())
}
