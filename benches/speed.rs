//! Times the parts on a small model: two layers of width 128, 16 rows of 128 tokens, no padding.
//!
//! `cargo bench` runs all in half a minute; `cargo bench -- train` runs benchmarks with `train` in
//! their name. `RAYON_NUM_THREADS=1` uses one core. For models of real size use `gradus bench`.

#[path = "../src/allocator.rs"]
mod allocator;

use std::time::Duration;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use divan::{Bencher, black_box, counter::ItemsCount};
use gradus::bench::full_rows;
use gradus::bundle::{Aggregation, Bundle, Manifest};
use gradus::data::{
    BatchSize, Example, GeneratorConfig, SegmentBatch, SegmentBatcher, SegmentTokenizer,
    TextConfig, TokenizedExample, TruncationCounts, generate, plan_batches, word_level_tokenizer,
};
use gradus::eval::Scorer;
use gradus::model::encoder::BertConfig;
use gradus::model::{EncoderConfig, Pooling, RewardModel, RewardModelConfig, SegmentInput};
use gradus::train::{
    FitData, RegressionLearner, Session, SquaredError, StepScope, TrainConfig, adamw,
    clip_global_norm, fit, global_norm,
};

const ROWS: usize = 16;
const LENGTH: usize = 128;

/// Default duration of each benchmark; `--max-time` on the command line overrides it.
const SECONDS: u64 = 3;

fn main() {
    // As the program does.
    allocator::keep_memory();
    divan::Divan::default()
        .max_time(Duration::from_secs(SECONDS))
        .config_with_args()
        .main();
}

fn tokens() -> ItemsCount {
    ItemsCount::new(ROWS * LENGTH)
}

fn config() -> RewardModelConfig {
    let encoder = EncoderConfig::Bert(BertConfig::small(5_000)).with_dropout(0.1, 0.0);
    RewardModelConfig::new(encoder, Pooling::Mean, 1)
}

fn model(device: &Device) -> RewardModel {
    device.seed(0);
    config().init(device)
}

fn rows(count: usize) -> Vec<TokenizedExample> {
    full_rows(&config().encoder, 1, count, LENGTH, 0).expect("the rows fit the encoder")
}

fn batch(device: &Device) -> SegmentBatch {
    let rows = rows(ROWS);
    SegmentBatcher::new(0, 1).batch(&rows.iter().collect::<Vec<_>>(), device)
}

fn input(batch: &SegmentBatch) -> SegmentInput {
    batch.input_tensors().into()
}

/// Generated records, and a tokenizer for their words.
fn texts(count: usize) -> (Vec<u8>, Vec<Example>) {
    let examples = generate(&GeneratorConfig {
        examples: count,
        seed: 0,
        ..GeneratorConfig::default()
    })
    .expect("records can be made");
    let words = examples
        .iter()
        .flat_map(|example| [example.prompt.as_str(), example.response.as_str()]);
    let tokenizer = word_level_tokenizer(words).expect("the words make a vocabulary");
    (tokenizer, examples)
}

fn segment_tokenizer(tokenizer: &[u8]) -> SegmentTokenizer {
    SegmentTokenizer::new(tokenizer, TextConfig::default()).expect("the tokenizer can be read")
}

fn tokenized(text: &SegmentTokenizer, examples: &[Example]) -> Vec<TokenizedExample> {
    let mut counts = TruncationCounts::default();
    let tokenized = examples
        .iter()
        .map(|example| text.tokenize(example, &mut counts));
    tokenized
        .collect::<gradus::data::Result<_>>()
        .expect("records can be tokenized")
}

fn count_tokens(rows: &[TokenizedExample]) -> ItemsCount {
    ItemsCount::new(rows.iter().map(TokenizedExample::num_tokens).sum::<usize>())
}

/// A learner on a training device, its batch, and the denominators of one step.
struct Step {
    device: Device,
    learner: RegressionLearner,
    scope: StepScope,
}

impl Step {
    fn new() -> Self {
        let device = Device::flex().autodiff();
        let learner = RegressionLearner::new(model(&device), SquaredError);
        let scope = StepScope {
            number: 1,
            denominators: learner.denominators(&batch(&device)),
        };
        Self {
            device,
            learner,
            scope,
        }
    }

    fn gradients(&self, batch: SegmentBatch) -> GradientsParams {
        self.learner.step(batch, &self.scope).gradients
    }

    fn update(
        &self,
        optimizer: &mut ModuleOptimizer,
        gradients: GradientsParams,
    ) -> RegressionLearner {
        let norm = global_norm(&self.learner, &gradients).expect("a norm");
        let gradients = clip_global_norm(&self.learner, gradients, norm, 1.0);
        optimizer.step(1e-5, self.learner.clone(), gradients)
    }
}

/// Planning and padding of 4,096 rows.
#[divan::bench]
fn batching(bencher: Bencher) {
    let rows = rows(4096);
    let lengths: Vec<usize> = rows.iter().map(TokenizedExample::num_tokens).collect();
    let batcher = SegmentBatcher::new(0, 1);
    let device = Device::flex();
    let count = ItemsCount::new(rows.len() * LENGTH);
    bencher.counter(count).bench_local(|| {
        for batch in plan_batches(&lengths, BatchSize::Examples(ROWS), true, Some(0), 0) {
            let rows: Vec<&TokenizedExample> = batch.iter().map(|&row| &rows[row]).collect();
            black_box(batcher.batch(&rows, &device));
        }
    });
}

/// Text to tokens.
#[divan::bench]
fn tokenize(bencher: Bencher) {
    let (tokenizer, examples) = texts(512);
    let text = segment_tokenizer(&tokenizer);
    bencher
        .counter(count_tokens(&tokenized(&text, &examples)))
        .bench_local(|| tokenized(&text, &examples));
}

/// Forward pass for scoring.
#[divan::bench]
fn forward(bencher: Bencher) {
    let device = Device::flex();
    let model = model(&device);
    let batch = batch(&device);
    let score = || model.forward(input(&batch)).into_data();
    bencher.counter(tokens()).bench_local(score);
}

/// Forward pass in training, with dropout and autodiff, up to the loss.
#[divan::bench]
fn forward_in_training(bencher: Bencher) {
    let step = Step::new();
    let batch = batch(&step.device);
    let forward = || {
        let raw = step.learner.model.raw(input(&batch));
        (raw - batch.targets.clone()).square().mean().into_data()
    };
    bencher.counter(tokens()).bench_local(forward);
}

/// Backward pass of a computed loss.
#[divan::bench]
fn backward(bencher: Bencher) {
    let step = Step::new();
    let batch = batch(&step.device);
    bencher
        .counter(tokens())
        .with_inputs(|| {
            let raw = step.learner.model.raw(input(&batch));
            (raw - batch.targets.clone()).square().mean()
        })
        .bench_local_values(|loss| GradientsParams::from_grads(loss.backward(), &step.learner));
}

/// Norm, clipping and AdamW.
#[divan::bench]
fn optimizer_step(bencher: Bencher) {
    let step = Step::new();
    let batch = batch(&step.device);
    let mut optimizer = adamw(&step.learner, 0.01);
    bencher
        .with_inputs(|| step.gradients(batch.clone()))
        .bench_local_values(|gradients| step.update(&mut optimizer, gradients));
}

/// A complete training step.
#[divan::bench]
fn train_step(bencher: Bencher) {
    let step = Step::new();
    let batch = batch(&step.device);
    let mut optimizer = adamw(&step.learner, 0.01);
    bencher
        .counter(tokens())
        .bench_local(|| step.update(&mut optimizer, step.gradients(batch.clone())));
}

/// Records to scores: tokenizing, batching, model.
#[divan::bench]
fn score_end_to_end(bencher: Bencher) {
    let device = Device::flex();
    let (tokenizer, examples) = texts(64);
    let text = segment_tokenizer(&tokenizer);
    let config = config();
    let bundle = Bundle {
        manifest: Manifest::new(text.config().clone(), Aggregation::Mean),
        model: model(&device),
        config,
        tokenizer,
        recalibration: None,
        offset: None,
    };
    let scorer = Scorer::new(bundle, &device).expect("the parts belong together");
    bencher
        .counter(count_tokens(&tokenized(&text, &examples)))
        .bench_local(|| scorer.score(&examples));
}

/// A run of one epoch over four batches, with loader, loop and validation.
#[divan::bench]
fn train_end_to_end(bencher: Bencher) {
    let device = Device::flex();
    let model = model(&device);
    let data = FitData {
        train: rows(4 * ROWS).into(),
        valid: rows(1).into(),
        batcher: SegmentBatcher::new(0, 1),
        aspects: TextConfig::default().aspects,
    };
    let config = TrainConfig {
        epochs: 1,
        batch_size: ROWS,
        ..TrainConfig::default()
    };
    let config = config.check().expect("settings in range");
    let run = || {
        fit(
            model.clone(),
            &data,
            &config,
            &device,
            Session::default(),
            |_, _| Ok(()),
        )
        .expect("the run comes to its end")
    };
    bencher
        .counter(ItemsCount::new(4 * ROWS * LENGTH))
        .bench_local(run);
}
