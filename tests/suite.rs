//! What has to hold on every backend. `GRADUS_TEST_DEVICE` names the device; default: the CPU.
//!
//! ```text
//! cargo test --release --test suite
//! GRADUS_TEST_DEVICE=ndarray cargo test --release --features ndarray --test suite
//! GRADUS_TEST_DEVICE=wgpu    cargo test --release --features wgpu    --test suite
//! ```

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Int, Tensor, TensorData};
use gradus::EvalMetrics;
use gradus::bundle::Bundle;
use gradus::data::{BatchSize, Example, GeneratorConfig, generate};
use gradus::eval::metrics::{SegmentMetric, WeightedPairs};
use gradus::eval::{Aggregation, Metric, Scorer, SegmentScore};
use gradus::model::{Precision, TrainingPrecision, load_encoder};
use gradus::train::{
    EarlyStopping, EncoderSource, ModelOptions, PointwiseLoss as _, ScratchOptions, Session,
    SquaredError, TextOptions, TrainConfig, TrainingPlan, TrainingReport,
};
use serde::Deserialize;

fn device() -> Device {
    let name = std::env::var("GRADUS_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    gradus::device::select(Some(&name))
        .unwrap_or_else(|error| panic!("{error} ({})", error.hint().unwrap_or_default()))
}

#[derive(Deserialize)]
struct Reference {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    input_ids: Vec<i64>,
    type_ids: Vec<i64>,
    hidden_first4: Vec<[f32; 4]>,
}

#[test]
fn hidden_states_are_those_of_the_reference() {
    let device = device();
    let directory =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/model/tests/golden/tiny-bert");
    let reference = fs_err::read(directory.join("reference.json")).unwrap();
    let reference: Reference = serde_json::from_slice(&reference).unwrap();
    let (_, encoder, _) = load_encoder(&directory, &device).unwrap();
    for row in &reference.rows {
        let length = row.input_ids.len();
        let ints = |values: &[i64]| {
            Tensor::<2, Int>::from_data(TensorData::new(values.to_vec(), [1, length]), &device)
        };
        let mask_pad = Tensor::<2, Int>::zeros([1, length], &device).bool();
        let hidden = encoder.forward(ints(&row.input_ids), ints(&row.type_ids), mask_pad);
        let found: Vec<f32> = hidden.narrow(2, 0, 4).into_data().iter::<f32>().collect();
        for (found, expected) in found.iter().zip(row.hidden_first4.iter().flatten()) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{found}, expected {expected}"
            );
        }
    }
}

#[test]
fn the_loss_and_gradient_of_the_worked_example() {
    let device = device().autodiff();
    let tensor = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1]);
    let scores = tensor([0.8, 0.5, -0.7]).require_grad();
    let targets = tensor([0.9, 0.1, -0.6]);
    let loss = SquaredError.elementwise(scores.clone(), targets).mean();
    assert!((loss.clone().into_scalar::<f32>() - 0.06).abs() < 1e-6);
    let gradient = scores.grad(&loss.backward()).unwrap().into_data();
    for (found, expected) in gradient
        .iter::<f32>()
        .zip([-0.2 / 3.0, 0.8 / 3.0, -0.2 / 3.0])
    {
        assert!(
            (found - expected).abs() < 1e-6,
            "{found}, expected {expected}"
        );
    }
}

fn examples(count: usize) -> Vec<Example> {
    generate(&GeneratorConfig {
        examples: count,
        ..GeneratorConfig::default()
    })
    .unwrap()
}

fn train(output: PathBuf, device: &Device) -> TrainingReport {
    let training = TrainConfig {
        epochs: 2,
        ..TrainConfig::default()
    };
    train_with(output, device, training, Session::default())
}

fn train_with(
    output: PathBuf,
    device: &Device,
    training: TrainConfig,
    session: Session,
) -> TrainingReport {
    // A backend may have one generator for the whole process: two runs at the same time would draw
    // each other's numbers.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let training = TrainConfig {
        batch_size: 16,
        learning_rate: Some(3e-3),
        dropout: 0.0,
        ..training
    }
    .check()
    .unwrap();
    let model = ModelOptions::default().check(&training).unwrap();
    let plan = TrainingPlan {
        encoder: EncoderSource::Scratch(ScratchOptions {
            d_model: 16,
            num_layers: 1,
            num_heads: 2,
            d_ff: 32,
            ..ScratchOptions::default()
        }),
        origin: None,
        text: TextOptions {
            max_length: 128,
            ..TextOptions::default()
        },
        model,
        training,
        aggregation: Aggregation::Mean,
        output,
        overwrite: false,
        extra_files: Vec::new(),
    };
    let examples = examples(96);
    gradus::train::train(&plan, &examples[..80], &examples[80..], device, session).unwrap()
}

#[test]
fn training_repeats_itself_and_its_bundle_scores_alike_in_any_batch() {
    let device = device();
    let directory = tempfile::tempdir().unwrap();
    let first = train(directory.path().join("a"), &device);
    let second = train(directory.path().join("b"), &device);
    for (a, b) in first.history.steps.iter().zip(&second.history.steps) {
        // Sums in another order may round differently on a GPU; on a CPU nothing may differ.
        let tolerance = if std::env::var("GRADUS_TEST_DEVICE").is_ok() {
            1e-4
        } else {
            0.0
        };
        assert!(
            (a.loss - b.loss).abs() <= tolerance,
            "step {}: {} {}",
            a.step,
            a.loss,
            b.loss
        );
    }

    let test = examples(120);
    let score = |device: &Device, size: BatchSize| {
        let scorer = Scorer::load(&directory.path().join("a"), device)
            .unwrap()
            .with_batch_size(size);
        let scores = scorer.score(&test).unwrap();
        let scores = scores.iter().flat_map(|scores| &scores.segments);
        let scores = scores.filter_map(SegmentScore::scores);
        scores.map(|scores| scores[0]).collect::<Vec<f64>>()
    };
    let close = |a: &[f64], b: &[f64], tolerance: f64| {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < tolerance, "{a} {b}");
        }
    };
    let together = score(&device, BatchSize::Tokens(4096));
    assert!(together.len() > test.len());
    close(&together, &score(&device, BatchSize::Examples(1)), 1e-5);
    // A bundle scores alike on every backend.
    for other in gradus::device::available() {
        let other = gradus::device::select(Some(&other.name)).unwrap();
        close(&together, &score(&other, BatchSize::Tokens(4096)), 1e-4);
    }
}

#[test]
fn scores_with_products_in_16_bits_are_close_to_those_in_f32() {
    let device = device();
    let directory = tempfile::tempdir().unwrap();
    train(directory.path().join("a"), &device);
    let test = examples(120);
    let score = |precision: Precision| {
        let scorer = Scorer::load(&directory.path().join("a"), &device).unwrap();
        let scorer = scorer.with_precision(precision);
        let scores = scorer.score(&test).unwrap();
        let scores = scores.iter().flat_map(|scores| &scores.segments);
        let scores = scores.filter_map(SegmentScore::scores);
        (
            scorer.precision(),
            scores.map(|scores| scores[0]).collect::<Vec<f64>>(),
        )
    };
    let (_, exact) = score(Precision::F32);
    for precision in [Precision::Bf16, Precision::F16] {
        let (used, found) = score(precision);
        let off = exact.iter().zip(&found).map(|(a, b)| (a - b).abs());
        let off = off.fold(0.0, f64::max);
        println!("{precision}: computed in {used}, off by at most {off:.6}");
        assert!(off < 0.05, "{precision}: {off}");
        assert_eq!(off > 0.0, used != Precision::F32, "{precision}: {off}");
    }
}

#[test]
fn training_in_bf16_learns_what_training_in_f32_does_or_is_refused() {
    let device = device();
    let directory = tempfile::tempdir().unwrap();
    if TrainingPrecision::Bf16.on(&device).is_none() {
        println!("the device does not support bfloat16");
        return;
    }
    let losses = [TrainingPrecision::F32, TrainingPrecision::Bf16].map(|precision| {
        let training = TrainConfig {
            epochs: 2,
            precision,
            ..TrainConfig::default()
        };
        let output = directory.path().join(precision.name());
        let report = train_with(output, &device, training, Session::default());
        report.history.steps.last().unwrap().loss
    });
    let off = (losses[0] - losses[1]).abs();
    assert!(off < 0.02, "{losses:?}");
    let is_rounded = TrainingPrecision::Bf16.on(&device) == Some(TrainingPrecision::Bf16);
    assert_eq!(off > 0.0, is_rounded, "{losses:?}");
}

#[test]
fn a_bundle_comes_back_bit_by_bit() {
    let device = device();
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("a"), directory.path().join("b"));
    train(first.clone(), &device);
    Bundle::load(&first, &device)
        .unwrap()
        .save(&second, false, &[])
        .unwrap();
    let weights = |bundle: &Path| fs_err::read(bundle.join("model.safetensors")).unwrap();
    assert!(weights(&first) == weights(&second));
}

/// The mean squared error, as if a larger one were better.
struct Backwards;

impl SegmentMetric for Backwards {
    fn name(&self) -> &'static str {
        "backwards"
    }

    fn compute(&self, pairs: &WeightedPairs) -> Option<f64> {
        let (mut errors, mut weights) = (0.0, 0.0);
        for (score, rating, weight) in pairs.weighted() {
            errors += weight * (score - rating) * (score - rating);
            weights += weight;
        }
        Some(errors / weights)
    }
}

#[test]
fn a_metric_of_ones_own_decides_when_training_stops() {
    let metric = Metric::register(&Backwards).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let training = TrainConfig {
        epochs: 4,
        early_stopping: Some(EarlyStopping {
            metric: metric.name().to_owned(),
            patience: 1,
            ..EarlyStopping::default()
        }),
        ..TrainConfig::default()
    };
    let session = Session {
        metrics: Box::new(EvalMetrics),
        ..Session::default()
    };
    let output = directory.path().join("bundle");
    let history = train_with(output, &device(), training, session).history;
    let found: Vec<f64> = (history.validations.iter())
        .map(|valid| valid.metrics[metric.name()].unwrap())
        .collect();
    // The error falls, which this metric takes for worse.
    assert!(found.len() == 2 && found[0] > found[1], "{found:?}");
    assert!(history.stopped_early);
    let best: Vec<bool> = history.validations.iter().map(|valid| valid.best).collect();
    assert_eq!(best, [true, false]);
}

/// Launches of kernels, which a GPU pays for one by one.
#[cfg(feature = "wgpu")]
mod launches {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use burn::cubecl::logging::{LaunchObservation, LaunchObserver};
    use gradus::train::{StepLog, TrainObserver};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl LaunchObserver for Count {
        fn launched(&self, _kernel: &'static str) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The launches so far whenever a step is logged.
    struct AtSteps(Arc<Count>, Arc<Mutex<Vec<usize>>>);

    impl TrainObserver for AtSteps {
        fn on_step(&mut self, _step: &StepLog) {
            let launches = self.0.0.load(Ordering::Relaxed);
            self.1.lock().unwrap().push(launches);
        }
    }

    #[test]
    fn a_step_takes_few_launches_and_the_next_one_begins_before_it_is_logged() {
        if std::env::var("GRADUS_TEST_DEVICE").as_deref() != Ok("wgpu") {
            return;
        }
        let (count, at) = (Arc::new(Count::default()), Arc::default());
        let _observation = LaunchObservation::new(count.clone());
        let session = Session::default().with_observer(AtSteps(count, Arc::clone(&at)));
        let directory = tempfile::tempdir().unwrap();
        let training = TrainConfig {
            epochs: 2,
            ..TrainConfig::default()
        };
        train_with(directory.path().join("a"), &device(), training, session);
        // The steps of the first epoch also try variants of kernels.
        let at = at.lock().unwrap().split_off(5);
        let between: Vec<usize> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        println!("kernel launches between the logs of steps: {between:?}");
        let (last, others) = between.split_last().unwrap();
        let mean = others.iter().sum::<usize>() / others.len();
        assert!(mean < 400, "{between:?}");
        // When the last but one is logged, the forward and backward passes of the last are launched already: only its
        // update is left.
        assert!(2 * last < mean, "{between:?}");
    }
}
