//! A custom loss in a custom training loop, with the library's model and batches.
//!
//! `cargo run --release --example custom_loss`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::module::Module as _;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, activation::softplus};
use gradus::data::{
    AspectSpec, CharSpan, Example, Segment, SegmentTokenizer, TextConfig, TruncationCounts,
};
use gradus::data::{DEFAULT_ASPECT, word_level_tokenizer};
use gradus::model::encoder::BertConfig;
use gradus::model::{EncoderConfig, Pooling, RewardModelConfig, SegmentInput};
use gradus::train::adamw;

/// Quantile ("pinball") loss over the rated segments: learns a cautious score, below which only the
/// fraction `quantile` of the ratings lies. Smoothed, so that it has a gradient everywhere.
fn pinball(scores: Tensor<3>, targets: Tensor<3>, weights: Tensor<3>, quantile: f64) -> Tensor<1> {
    let error = targets - scores;
    let loss = error.clone() * quantile + softplus(-error, 20.0);
    (loss * weights.clone()).sum() / weights.sum()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = gradus::device::select(None)?.autodiff();
    let examples: Vec<Example> = (0..8)
        .map(|k| {
            let (response, level) = [("it is good", 0.9), ("it is bad", 0.2)][k % 2];
            let span = CharSpan::new(0, response.len());
            let segments = vec![Segment::rated(span, level + 0.02 * k as f64)];
            Example {
                id: k.to_string(),
                prompt: "how is it ?".into(),
                response: response.into(),
                segments,
                ..Example::default()
            }
        })
        .collect();

    let texts = examples
        .iter()
        .flat_map(|example| [example.prompt.as_str(), &example.response]);
    let config = TextConfig {
        aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
        ..TextConfig::default()
    };
    let text = SegmentTokenizer::new(&word_level_tokenizer(texts)?, config)?;
    let tokenized = text.tokenize_all(&examples, &mut TruncationCounts::default())?;
    let rows: Vec<_> = tokenized.iter().collect();
    let batch = text.batcher().batch(&rows, &device);

    device.seed(0);
    let encoder =
        EncoderConfig::Bert(BertConfig::new(text.vocab_size(), 32, 1, 2)).with_dropout(0.0, 0.0);
    let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
    let mut model = config.init(&device).train();
    let mut optimizer = adamw(&model, 0.0);
    for step in 0..60 {
        let scores = model.forward(SegmentInput {
            token_ids: batch.token_ids.clone(),
            type_ids: batch.type_ids.clone(),
            mask_pad: batch.mask_pad.clone(),
            response_spans: Some(batch.response_spans.clone()),
            segment_spans: batch.segment_spans.clone(),
        });
        let loss = pinball(scores, batch.targets.clone(), batch.weights.clone(), 0.1);
        if step % 20 == 0 {
            println!("step {step}: loss {:.4}", loss.clone().into_scalar::<f32>());
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(3e-3, model, gradients);
    }
    Ok(())
}
