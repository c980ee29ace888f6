//! Which segments are listed reaches the loss and nothing else.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use gradus_data::{
    Example, GeneratorConfig, Segment, SegmentBatcher, SegmentTokenizer, TextConfig,
    TokenizedExample, TruncationCounts, generate, word_level_tokenizer,
};
use gradus_model::encoder::BertConfig;
use gradus_model::{EncoderConfig, Pooling, RewardModel, RewardModelConfig};
use gradus_train::{
    FitData, RegressionLearner, Session, SquaredError, StepScope, TrainConfig, fit,
};

/// What becomes of the segments that are not to be learned: every other one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rest {
    Left,
    Unrated,
    /// Unrated and cut in two.
    Split,
    Rated,
    /// Rated, and the others not.
    RatedAlone,
}

fn relisted(example: &Example, rest: Rest) -> Example {
    let mut relisted = example.clone();
    relisted.segments.clear();
    for (k, segment) in example.segments.iter().enumerate() {
        let unrated = Segment::unrated(segment.span);
        let middle = segment.span.start.midpoint(segment.span.end);
        match rest {
            Rest::RatedAlone if k % 2 == 0 => relisted.segments.push(unrated),
            _ if k % 2 == 0 => relisted.segments.push(segment.clone()),
            Rest::Left => {}
            Rest::Unrated => relisted.segments.push(unrated),
            Rest::Split => {
                let (mut first, mut second) = (unrated.clone(), unrated);
                (first.span.end, second.span.start) = (middle, middle);
                relisted.segments.extend([first, second]);
            }
            Rest::Rated | Rest::RatedAlone => relisted.segments.push(segment.clone()),
        }
    }
    relisted
}

/// Examples of which many are longer than the model reads, and the encoder for them.
fn tokenized(rest: Rest) -> (SegmentTokenizer, Vec<TokenizedExample>) {
    let config = GeneratorConfig {
        examples: 24,
        ..GeneratorConfig::default()
    };
    let examples = generate(&config).unwrap();
    let texts = examples
        .iter()
        .flat_map(|example| [example.prompt.as_str(), &example.response]);
    let config = TextConfig {
        max_length: 28,
        ..TextConfig::default()
    };
    let text = SegmentTokenizer::new(&word_level_tokenizer(texts).unwrap(), config).unwrap();
    let examples: Vec<Example> = examples.iter().map(|e| relisted(e, rest)).collect();
    let mut counts = TruncationCounts::default();
    let tokenized = text.tokenize_all(&examples, &mut counts).unwrap();
    assert!(counts.response_shortened > 4, "{counts}");
    (text, tokenized)
}

fn model(text: &SegmentTokenizer, pooling: Pooling, dropout: f64, device: &Device) -> RewardModel {
    let bert = BertConfig {
        max_positions: 28,
        ..BertConfig::new(text.vocab_size(), 16, 2, 2)
    };
    let encoder = EncoderConfig::Bert(bert).with_dropout(dropout, dropout);
    device.seed(3);
    RewardModelConfig::new(encoder, pooling, 1).init(device)
}

fn weights(model: &RewardModel) -> Vec<Vec<u32>> {
    struct Bits(Vec<Vec<u32>>);
    impl ModuleVisitor for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values = param.val().into_data();
            self.0
                .push(values.iter::<f32>().map(f32::to_bits).collect());
        }
    }
    let mut bits = Bits(Vec::new());
    model.visit(&mut bits);
    bits.0
}

/// Held by whoever draws random numbers: all tests of a process share one generator.
fn random_numbers() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bits of all weights after two epochs with dropout.
fn trained(rest: Rest, pooling: Pooling) -> Vec<Vec<u32>> {
    let _generator = random_numbers();
    let (text, tokenized) = tokenized(rest);
    let device = Device::flex();
    let model = model(&text, pooling, 0.1, &device);
    let data = FitData {
        train: tokenized[..16].to_vec().into(),
        valid: tokenized[16..].to_vec().into(),
        batcher: SegmentBatcher::of(&text),
        aspects: text.config().aspects.clone(),
    };
    let training = TrainConfig {
        epochs: 2,
        batch_size: 5,
        micro_batch_size: Some(3),
        learning_rate: Some(1e-2),
        ..TrainConfig::default()
    };
    let fitted = fit(
        model,
        &data,
        &training.check().unwrap(),
        &device,
        Session::default(),
        |_, _| Ok(()),
    )
    .unwrap();
    weights(&fitted.model)
}

#[test]
fn a_run_ends_with_the_same_weights_whether_the_unrated_rest_is_listed_cut_or_left_out() {
    for pooling in [Pooling::Mean, Pooling::Last, Pooling::Attention] {
        let expected = trained(Rest::Left, pooling.clone());
        assert!(
            expected == trained(Rest::Unrated, pooling.clone()),
            "{pooling}, unrated"
        );
        assert!(
            expected == trained(Rest::Split, pooling.clone()),
            "{pooling}, split"
        );
        assert!(
            expected != trained(Rest::Rated, pooling.clone()),
            "{pooling}, rated"
        );
    }
}

/// The gradients of all examples in one step, with the denominators of a step in which all are rated.
fn gradients(rest: Rest) -> Vec<f32> {
    struct Collect<'a>(&'a GradientsParams, Vec<f32>);
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1.extend(gradient.into_data().iter::<f32>());
            }
        }
    }
    let _generator = random_numbers();
    let device = Device::flex().autodiff();
    let (text, all) = tokenized(Rest::Rated);
    let learner = RegressionLearner::new(model(&text, Pooling::Mean, 0.0, &device), SquaredError);
    let batch = |examples: &[TokenizedExample]| {
        let examples: Vec<&TokenizedExample> = examples.iter().collect();
        SegmentBatcher::of(&text).batch(&examples, &device)
    };
    let scope = StepScope {
        number: 1,
        denominators: learner.denominators(&batch(&all)),
    };
    let (_, listed) = tokenized(rest);
    let output = learner.step(batch(&listed), &scope);
    let mut collect = Collect(&output.gradients, Vec::new());
    learner.model.visit(&mut collect);
    collect.1
}

#[test]
fn taking_ratings_away_takes_their_part_of_the_gradient_and_no_other() {
    let all = gradients(Rest::Rated);
    let stay = gradients(Rest::Unrated);
    let gone = gradients(Rest::RatedAlone);
    assert!(stay == gradients(Rest::Left), "to the bit");
    let size = all.iter().fold(0_f32, |size, value| size.max(value.abs()));
    assert!(size > 1e-3);
    for ((all, stay), gone) in all.iter().zip(&stay).zip(&gone) {
        assert!(
            (all - (stay + gone)).abs() < 1e-5 * size,
            "{all}, {stay}, {gone}"
        );
    }
}
