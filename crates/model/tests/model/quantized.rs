//! Weights in bytes: the same scores as products in `int8`, and the same file again.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use gradus_model::{
    EmbeddingFormat, ModelError, Pooling, Precision, PretrainedEncoder, RewardModel,
    RewardModelConfig,
};
use safetensors::tensor::Dtype;

use crate::support::{
    Row, Stored, golden, random_model, random_numbers, read_tensors, rows, scores, write_tensors,
};

const FORMATS: [EmbeddingFormat; 3] = [
    EmbeddingFormat::Int8,
    EmbeddingFormat::F16,
    EmbeddingFormat::F32,
];

fn quantized(
    config: &RewardModelConfig,
    model: &RewardModel,
    format: EmbeddingFormat,
) -> RewardModel {
    let path = Path::new("model.safetensors");
    let bytes = model.to_quantized_safetensors(path, format).unwrap();
    let again = config
        .load_in_memory(path, bytes.clone().into(), &Device::flex())
        .unwrap();
    assert_eq!(
        again.to_quantized_safetensors(path, format).unwrap(),
        bytes,
        "the same file again"
    );
    again
}

fn in_bytes(model: RewardModel) -> RewardModel {
    model.with_precision(Precision::Int8, &Device::flex())
}

#[test]
fn layers_in_bytes_score_as_products_in_int8_in_every_family() {
    let families = [
        "bert",
        "roberta",
        "xlm-roberta",
        "modernbert",
        "deberta-v2",
        "deberta-v2-convolution",
        "llama",
        "qwen2",
        "qwen3",
    ];
    for family in families {
        let device = Device::flex();
        let pretrained = PretrainedEncoder::open(&golden(&format!("tiny-{family}"))).unwrap();
        let config = RewardModelConfig::new(pretrained.config().clone(), Pooling::Mean, 1);
        let encoder = pretrained.load(&device).unwrap().0;
        let model = {
            let _generator = random_numbers();
            device.seed(3);
            config.init_with(encoder, &device)
        };
        let rows: Vec<Row> = rows()
            .into_iter()
            .map(|row| Row {
                token_ids: row.token_ids.iter().map(|id| 5 + id % 20).collect(),
                ..row
            })
            .collect();
        let exact = scores(&model, &rows, 0);
        let rounded = quantized(&config, &model, EmbeddingFormat::F32);
        let expected = scores(&in_bytes(model.clone()), &rows, 0);
        assert_ne!(exact, expected, "{family}");
        assert_eq!(scores(&in_bytes(rounded), &rows, 0), expected, "{family}");
    }
}

#[test]
fn embeddings_in_fewer_bits_move_scores_a_little_and_not_by_their_batch() {
    let (config, model) = random_model(2, Pooling::Mean);
    let exact = scores(&model, &rows(), 0).concat();
    let far = |found: &[Vec<f32>]| {
        let found = found.concat();
        let differences = found.iter().zip(&exact).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max)
    };
    for format in FORMATS {
        let found = in_bytes(quantized(&config, &model, format));
        let together = scores(&found, &rows(), 0);
        assert!(far(&together) > 0.0 && far(&together) < 0.1, "{format}");
        let apart: Vec<Vec<f32>> = rows()
            .iter()
            .flat_map(|row| scores(&found, std::slice::from_ref(row), 4))
            .collect();
        assert_eq!(apart, together, "{format}");
    }
    // Without layers in bytes, only the embeddings are left.
    let rounded = quantized(&config, &model, EmbeddingFormat::F16);
    let embeddings = scores(&rounded, &rows(), 0);
    assert!(far(&embeddings) > 0.0, "computed in 32 bits");
}

/// A quantized model in a file, and its tensors.
fn stored(format: EmbeddingFormat) -> (RewardModelConfig, BTreeMap<String, Stored>) {
    let (config, model) = random_model(2, Pooling::Mean);
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model.safetensors");
    model.save_quantized(&path, format).unwrap();
    (config, read_tensors(&path))
}

#[test]
fn layers_and_embeddings_of_the_encoder_are_in_bytes_and_the_rest_is_not() {
    let word = "encoder.embeddings.word.weight";
    for (format, expected) in FORMATS.into_iter().zip([Dtype::I8, Dtype::F16, Dtype::F32]) {
        let (_, tensors) = stored(format);
        assert_eq!(tensors[word].dtype, expected);
        let layer = "encoder.layers.1.feed_forward.inner.weight";
        assert_eq!(tensors[layer].dtype, Dtype::I8);
        assert_eq!(tensors[layer].shape, [16, 64]);
        assert_eq!(tensors[&format!("{layer}.column_steps")].shape, [64]);
        let steps = tensors.get(&format!("{word}.row_steps"));
        let steps = steps.map(|steps| steps.shape.clone());
        assert_eq!(steps, (expected == Dtype::I8).then(|| vec![60]));
        for name in [
            "encoder.layers.1.feed_forward.inner.bias",
            "encoder.embeddings.norm.gamma",
            "head.output.weight",
        ] {
            assert_eq!(tensors[name].dtype, Dtype::F32, "{name}");
        }
    }
}

#[test]
fn bytes_without_their_steps_and_steps_without_their_bytes_are_named() {
    type Change = fn(&mut BTreeMap<String, Stored>, &str);
    let layer = "encoder.layers.0.attention.query.weight";
    let steps = format!("{layer}.column_steps");
    let changes: [(Change, &[&str]); 4] = [
        (|tensors, steps| drop(tensors.remove(steps)), &["I8"]),
        (
            |tensors, steps| {
                tensors.insert(steps.to_owned(), Stored::zeros(&[15]));
            },
            &["I8", ".column_steps"],
        ),
        (
            |tensors, steps| {
                let layer = steps.trim_end_matches(".column_steps").to_owned();
                tensors.insert(layer, Stored::zeros(&[16, 16]));
            },
            &[".column_steps"],
        ),
        (
            |tensors, steps| {
                let bytes = f32::INFINITY.to_le_bytes();
                let steps = tensors.get_mut(steps).unwrap();
                steps.bytes[..4].copy_from_slice(&bytes);
            },
            &["query.weight"],
        ),
    ];
    for (change, parts) in changes {
        let (config, mut tensors) = stored(EmbeddingFormat::Int8);
        change(&mut tensors, &steps);
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("model.safetensors");
        write_tensors(&path, &tensors);
        let error = config.load(&path, &Device::flex()).unwrap_err();
        assert!(
            matches!(
                error,
                ModelError::Weights { .. } | ModelError::NotFiniteWeights { .. }
            ),
            "{error}"
        );
        let message = error.to_string();
        for part in parts.iter().chain(&["query"]) {
            assert!(message.contains(part), "{message}");
        }
    }
}
