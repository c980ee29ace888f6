//! Models, losses and terms of other programs.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gradus_data::{BatchWeights, SegmentBatch};
use gradus_model::encoder::BertConfig;
use gradus_model::{
    Encoder, EncoderConfig, Head, HeadConfig, Output, Pooler, Pooling, SegmentInput, SegmentModel,
    TokenStates,
};
use gradus_train::{
    Begin, Checkpoints, CrossEntropy, FitData, Fitted, Freeze, LossTerm, PointwiseLoss, Result,
    Session, StepLog, StopHandle, TrainConfig, TrainError, TrainObserver, Training, fit,
};

use crate::support::{alone, data, losses, model, place, settings, weights, whole};

/// The built-in parts, put together by hand.
#[derive(Module, Debug)]
struct ByHand {
    encoder: Encoder,
    head: Head,
    pooling: Pooler,
}

impl SegmentModel for ByHand {
    fn raw(&self, input: SegmentInput) -> Tensor<3> {
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            response_spans,
            segment_spans,
        } = input;
        let read = response_spans.expect("batches say where responses lie");
        let hidden = self
            .encoder
            .forward_within(token_ids, type_ids, mask_pad, read);
        self.head.forward(
            self.pooling
                .forward(TokenStates::of_responses(hidden, segment_spans)),
        )
    }

    fn raw_on_frozen_encoder(&self, input: SegmentInput) -> Tensor<3> {
        let hidden = self.encoder.states_in_inference(
            input.token_ids,
            input.type_ids,
            input.mask_pad,
            input.response_spans,
        );
        self.head.forward(
            self.pooling
                .forward(TokenStates::of_responses(hidden, input.segment_spans)),
        )
    }
}

/// The model of [`model`], put together by hand.
fn by_hand(dropout: f64) -> ByHand {
    let device = Device::flex();
    device.seed(1);
    let mut bert = BertConfig::new(50, 8, 1, 2);
    bert.d_feed_forward = 16;
    bert.max_positions = 32;
    bert.initializer_range = 0.2;
    let encoder = EncoderConfig::Bert(bert).with_dropout(dropout, dropout);
    let model = ByHand {
        encoder: encoder.init(&device),
        head: Head::new(HeadConfig::Linear, 8, 1, &device),
        pooling: Pooler::new(&Pooling::Mean, 8, &device),
    };
    // Parameters are drawn when they are first read.
    draw(&model);
    model
}

fn draw(module: &impl Module) {
    struct Draw;
    impl burn::module::ModuleVisitor for Draw {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            param.val();
        }
    }
    module.visit(&mut Draw);
}

/// Squared errors, said anew.
#[derive(Debug)]
struct Squares;

impl PointwiseLoss for Squares {
    fn id(&self) -> String {
        "squares".into()
    }
    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        (scores - targets).square()
    }
}

/// Keeps scores small.
#[derive(Debug)]
struct Shrink(f64);

impl LossTerm for Shrink {
    fn id(&self) -> String {
        "shrink".into()
    }
    fn weight(&self) -> f64 {
        self.0
    }
    fn sum(&self, scores: Tensor<3>, batch: &SegmentBatch) -> Tensor<1> {
        (scores.square() * batch.weights.clone()).sum()
    }
    fn denominator(&self, sums: &BatchWeights) -> f64 {
        sums.segments.iter().sum()
    }
}

/// Stops a run after a step.
struct StopAt(usize, StopHandle);

impl TrainObserver for StopAt {
    fn on_step(&mut self, step: &StepLog) {
        if step.step == self.0 {
            self.1.stop();
        }
    }
}

/// A run of the model by hand with a term of its own and checkpoints in `directory`.
fn attempt(
    data: &FitData,
    config: &TrainConfig,
    directory: &Path,
    begin: Begin,
    stop_at: usize,
    weight: f64,
) -> Result<Fitted<ByHand>> {
    let stop = StopHandle::new();
    let session = Session {
        stop: stop.clone(),
        checkpoints: Some(Checkpoints {
            directory: directory.to_owned(),
            begin,
            files: vec![],
        }),
        ..Session::watched_by(StopAt(stop_at, stop))
    };
    let checked = config.clone().check()?;
    Training::new(by_hand(config.dropout), data, &checked, &Device::flex())
        .with_term(Shrink(weight))
        .with_session(session)
        .fit()
}

fn history_of<M>(fitted: &Fitted<M>) -> Vec<f64> {
    let steps = fitted.history.steps.iter();
    let valid = fitted.history.validations.iter().map(|log| log.valid_loss);
    steps.map(|log| log.loss).chain(valid).collect()
}

#[test]
fn built_in_parts_plugged_in_by_hand_train_to_the_same_bits() {
    let _alone = alone();
    let settings = TrainConfig {
        dropout: 0.1,
        ema_decay: Some(0.9),
        micro_batch_size: Some(2),
        freeze_epochs: 0.5,
        layer_decay: 0.7,
        ..settings()
    };
    let data = data();
    let expected = whole(&data, &settings);
    let own = TrainConfig {
        loss: Squares.into(),
        ..settings
    };
    let checked = own.check().unwrap();
    let found = Training::new(by_hand(0.1), &data, &checked, &Device::flex())
        .fit()
        .unwrap();
    assert_eq!(found.history.steps.len(), expected.history.steps.len());
    assert_eq!(history_of(&found), history_of(&expected));
    assert!(
        weights(&found.model) == weights(&expected.model),
        "other weights"
    );
    assert!(losses(&expected).len() > history_of(&found).len());
}

#[test]
fn an_own_model_with_an_own_term_resumes_to_the_same_bits() {
    let _alone = alone();
    let (data, settings) = (
        data(),
        TrainConfig {
            dropout: 0.1,
            checkpoint_every: 1,
            ..settings()
        },
    );
    let (_keep, place) = place();
    let expected = attempt(&data, &settings, &place, Begin::New, 0, 0.5).unwrap();
    let stopped = attempt(&data, &settings, &place, Begin::New, 3, 0.5);
    assert!(matches!(stopped, Err(TrainError::Stopped { step: 3, .. })));
    let other = attempt(&data, &settings, &place, Begin::Resume, 0, 0.25).unwrap_err();
    assert!(
        matches!(&other, TrainError::OtherRun { key, .. } if key == "terms"),
        "{other}"
    );
    let resumed = attempt(&data, &settings, &place, Begin::Resume, 0, 0.5).unwrap();
    assert_eq!(history_of(&resumed), history_of(&expected));
    assert!(
        weights(&resumed.model) == weights(&expected.model),
        "other weights"
    );
}

#[test]
fn a_term_counts_the_same_in_micro_batches() {
    let _alone = alone();
    let data = data();
    let run = |micro_batch_size, weight| {
        let config = TrainConfig {
            micro_batch_size,
            epochs: 1,
            ..settings()
        };
        let config = config.check().unwrap();
        let run = Training::new(model(0.0), &data, &config, &Device::flex());
        history_of(&run.with_term(Shrink(weight)).fit().unwrap())
    };
    let (large, small, none) = (run(None, 0.5), run(Some(2), 0.5), run(None, 0.0));
    assert!(large[0] > none[0] + 1e-4, "{} {}", large[0], none[0]);
    for (large, small) in large.iter().zip(&small) {
        assert!((large - small).abs() < 1e-5, "{large} {small}");
    }
}

/// Scores from embeddings alone.
#[derive(Module, Debug)]
struct Plain {
    table: burn::nn::Embedding,
    head: burn::nn::Linear,
}

impl SegmentModel for Plain {
    fn raw(&self, input: SegmentInput) -> Tensor<3> {
        let [batch_size, num_segments, _] = input.segment_spans.dims();
        let states = self.table.forward(input.token_ids);
        let [_, _, d_model] = states.dims();
        let first = input.segment_spans.narrow(2, 0, 1);
        self.head
            .forward(states.gather(1, first.expand([batch_size, num_segments, d_model])))
    }
}

#[test]
fn what_a_model_does_not_have_cannot_be_frozen() {
    let _alone = alone();
    let device = Device::flex();
    let plain = Plain {
        table: burn::nn::EmbeddingConfig::new(50, 4).init(&device),
        head: burn::nn::LinearConfig::new(4, 1).init(&device),
    };
    let data = data();
    let run = |config: TrainConfig| {
        let config = config.check().unwrap();
        fit(
            plain.clone(),
            &data,
            &config,
            &device,
            Session::default(),
            |_, _| Ok(()),
        )
    };
    for (name, config) in [
        (
            "freeze",
            TrainConfig {
                freeze: Freeze::Encoder,
                ..settings()
            },
        ),
        (
            "freeze_epochs",
            TrainConfig {
                freeze_epochs: 1.0,
                ..settings()
            },
        ),
    ] {
        let error = run(config).unwrap_err();
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    let fitted = run(TrainConfig {
        epochs: 10,
        ..settings()
    })
    .unwrap();
    let log = &fitted.history.epochs;
    assert!(log[9].train_loss < 0.9 * log[0].train_loss);
}

#[test]
fn a_loss_of_logits_needs_a_model_that_says_them() {
    let _alone = alone();
    let config = TrainConfig {
        loss: CrossEntropy.into(),
        ..settings()
    };
    let error = {
        let config = config.check().unwrap();
        Training::new(model(0.0), &data(), &config, &Device::flex())
            .fit()
            .unwrap_err()
    };
    assert!(error.to_string().contains("`bce`"), "{error}");
    assert_eq!(CrossEntropy.id(), "bce");
    assert_eq!(model(0.0).output(), Output::Identity);
}
