//! Which weights a run moves, and which it leaves bit for bit.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use gradus_data::{
    AspectSpec, DEFAULT_ASPECT, Example, GeneratorConfig, SegmentBatcher, SegmentTokenizer,
    TextConfig, TruncationCounts, generate, word_level_tokenizer,
};
use gradus_model::encoder::BertConfig;
use gradus_model::{EncoderConfig, LoraConfig, Pooling, RewardModel, RewardModelConfig};
use gradus_train::{FitData, Freeze, Session, TrainConfig, fit};

/// Held by whoever draws random numbers: all tests of a process share one generator.
fn random_numbers() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values of every parameter by its path.
fn weights(model: &RewardModel) -> BTreeMap<String, Vec<f32>> {
    #[derive(Default)]
    struct Values {
        path: Vec<String>,
        found: BTreeMap<String, Vec<f32>>,
    }
    impl ModuleVisitor for Values {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values = param.val().into_data().iter::<f32>().collect();
            self.found.insert(self.path.join("."), values);
        }
    }
    let mut visitor = Values::default();
    model.visit(&mut visitor);
    visitor.found
}

fn data() -> (FitData, usize) {
    let examples: Vec<Example> = generate(&GeneratorConfig {
        examples: 24,
        ..GeneratorConfig::default()
    })
    .unwrap();
    let texts = examples
        .iter()
        .flat_map(|example| [example.prompt.as_str(), &example.response]);
    let config = TextConfig {
        max_length: 96,
        aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
        ..TextConfig::default()
    };
    let text = SegmentTokenizer::new(&word_level_tokenizer(texts).unwrap(), config).unwrap();
    let tokenized = text
        .tokenize_all(&examples, &mut TruncationCounts::default())
        .unwrap();
    let data = FitData {
        train: tokenized[..16].to_vec().into(),
        valid: tokenized[16..].to_vec().into(),
        batcher: SegmentBatcher::of(&text),
        aspects: text.config().aspects.clone(),
    };
    (data, text.vocab_size())
}

/// Trains two epochs of two steps, and returns the paths that moved and those that did not.
fn moved(
    training: TrainConfig,
    lora: Option<LoraConfig>,
) -> gradus_train::Result<[Vec<String>; 2]> {
    let _generator = random_numbers();
    let (data, vocab_size) = data();
    let device = Device::flex();
    device.seed(3);
    let bert = BertConfig {
        max_positions: 96,
        ..BertConfig::new(vocab_size, 16, 3, 2)
    };
    let encoder = EncoderConfig::Bert(bert).with_dropout(0.1, 0.1);
    let config = RewardModelConfig {
        lora,
        ..RewardModelConfig::new(encoder, Pooling::Attention, 1)
    };
    let model = config.init(&device);
    let before = weights(&model);
    let training = TrainConfig {
        epochs: 2,
        batch_size: 8,
        learning_rate: Some(1e-2),
        warmup: 0.0,
        ..training
    };
    let fitted = fit(
        model,
        &data,
        &training.check()?,
        &device,
        Session::default(),
        |_, _| Ok(()),
    )?;
    let after = weights(&fitted.model);
    assert_eq!(before.len(), after.len());
    let (moved, kept): (Vec<_>, Vec<_>) = before
        .into_iter()
        .partition(|(path, values)| after[path] != *values);
    let names = |entries: Vec<(String, Vec<f32>)>| entries.into_iter().map(|(path, _)| path);
    Ok([names(moved).collect(), names(kept).collect()])
}

fn frozen(freeze: Freeze) -> TrainConfig {
    TrainConfig {
        freeze,
        ..TrainConfig::default()
    }
}

#[track_caller]
fn holds_apart(parts: &[Vec<String>; 2], is_frozen: impl Fn(&str) -> bool) {
    let [moved, kept] = parts;
    for path in moved {
        assert!(!is_frozen(path), "{path} moved");
    }
    for path in kept {
        // Key biases shift all scores of a softmax alike and have no gradient of note; types and
        // positions that do not occur have none.
        assert!(
            is_frozen(path) || path.ends_with("key.bias"),
            "{path} stayed"
        );
    }
}

#[test]
fn without_freezing_everything_moves() {
    holds_apart(&moved(TrainConfig::default(), None).unwrap(), |_| false);
}

#[test]
fn frozen_parts_stay_bit_for_bit() {
    let embeddings = |path: &str| path.contains(".embeddings.");
    let parts = moved(frozen(Freeze::Embeddings), None).unwrap();
    holds_apart(&parts, embeddings);
    let parts = moved(frozen(Freeze::Layers(2)), None).unwrap();
    holds_apart(&parts, |path| {
        embeddings(path) || path.contains(".layers.0.") || path.contains(".layers.1.")
    });
    let parts = moved(frozen(Freeze::Encoder), None).unwrap();
    holds_apart(&parts, |path| path.starts_with("encoder."));
}

/// The loss of the first step of a run with these probabilities of dropout.
fn first_loss(freeze: Freeze, dropout: f64) -> f64 {
    let _generator = random_numbers();
    let (data, vocab_size) = data();
    let device = Device::flex();
    device.seed(3);
    let bert = BertConfig {
        max_positions: 96,
        ..BertConfig::new(vocab_size, 16, 3, 2)
    };
    let encoder = EncoderConfig::Bert(bert).with_dropout(dropout, dropout);
    let model = RewardModelConfig::new(encoder, Pooling::Mean, 1).init(&device);
    let training = TrainConfig {
        epochs: 1,
        ..frozen(freeze)
    };
    let session = Session::default();
    let training = training.check().unwrap();
    let fitted = fit(model, &data, &training, &device, session, |_, _| Ok(())).unwrap();
    fitted.history.steps[0].loss
}

#[test]
fn dropout_is_off_in_a_frozen_encoder_and_on_in_frozen_layers() {
    let both = |freeze| [0.0, 0.4].map(|dropout| first_loss(freeze, dropout));
    let [without, with] = both(Freeze::Encoder);
    assert_eq!(without.to_bits(), with.to_bits());
    for freeze in [Freeze::Embeddings, Freeze::Layers(3)] {
        let [without, with] = both(freeze);
        assert_ne!(without.to_bits(), with.to_bits(), "{freeze}");
    }
}

#[test]
fn more_frozen_layers_than_there_are_is_refused() {
    let message = moved(frozen(Freeze::Layers(4)), None)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("layers:4") && message.contains("3 layers"),
        "{message}"
    );
}

#[test]
fn the_encoder_stands_still_in_the_first_epochs_only() {
    let run = |freeze_epochs| {
        moved(
            TrainConfig {
                freeze_epochs,
                ..TrainConfig::default()
            },
            None,
        )
        .unwrap()
    };
    // Three of four steps, whose last one moves the encoder; and almost all of them.
    holds_apart(&run(1.5), |_| false);
    let almost = TrainConfig {
        epochs: 2,
        freeze_epochs: 2.0,
        ..TrainConfig::default()
    };
    assert!(almost.check().is_err());
}

#[test]
fn adapters_move_and_the_matrices_they_adapt_do_not() {
    let parts = moved(TrainConfig::default(), Some(LoraConfig::default())).unwrap();
    assert!(parts[0].iter().any(|path| path.contains(".lora.")));
    holds_apart(&parts, |path| {
        path.starts_with("encoder.") && !path.contains(".lora.")
    });
}
