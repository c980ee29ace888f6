//! Golden files, batches and damaged files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, Int, Tensor, TensorData};
use gradus_model::SegmentInput;
use gradus_model::encoder::BertConfig;
use gradus_model::{EncoderConfig, Pooling, RewardModel, RewardModelConfig};
use safetensors::tensor::{Dtype, TensorView};
use serde::de::DeserializeOwned;

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

pub(crate) fn read_golden<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&fs_err::read(golden(name)).unwrap()).unwrap()
}

/// One response: ids, types and segment spans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) token_ids: Vec<i32>,
    pub(crate) type_ids: Vec<i32>,
    pub(crate) spans: Vec<[i32; 2]>,
}

impl Row {
    /// The tokens of the response: those of another type than the first, or else all.
    fn response(&self) -> [i32; 2] {
        let types = &self.type_ids;
        let start = types.iter().position(|id| *id != types[0]).unwrap_or(0);
        [start, types.len()].map(|token| i32::try_from(token).unwrap())
    }
}

/// Pads rows to a common length and number of segments, plus `extra` tokens of padding.
pub(crate) fn batch(rows: &[Row], extra: usize, device: &Device) -> SegmentInput {
    let seq_length = rows.iter().map(|row| row.token_ids.len()).max().unwrap() + extra;
    let num_segments = rows.iter().map(|row| row.spans.len()).max().unwrap();
    let padded = |row: &[i32], fill| {
        let mut row = row.to_vec();
        row.resize(seq_length, fill);
        row
    };
    // Token 7 as padding: what stands there must not matter.
    let token_ids = rows
        .iter()
        .flat_map(|row| padded(&row.token_ids, 7))
        .collect();
    let type_ids = rows
        .iter()
        .flat_map(|row| padded(&row.type_ids, 0))
        .collect();
    let mask_pad = rows
        .iter()
        .flat_map(|row| padded(&vec![0; row.token_ids.len()], 1))
        .collect();
    let spans = rows.iter().flat_map(|row| {
        let mut spans = row.spans.clone();
        spans.resize(num_segments, [0, 0]);
        spans.into_iter().flatten()
    });
    let spans = spans.collect();
    let responses: Vec<i32> = rows.iter().flat_map(Row::response).collect();
    let ints = |values: Vec<i32>| {
        let data = TensorData::new(values, [rows.len(), seq_length]);
        Tensor::<2, Int>::from_data(data, device)
    };
    SegmentInput {
        token_ids: ints(token_ids),
        type_ids: ints(type_ids),
        mask_pad: ints(mask_pad).bool(),
        response_spans: Some(Tensor::from_data(
            TensorData::new(responses, [rows.len(), 1, 2]),
            device,
        )),
        segment_spans: Tensor::from_data(
            TensorData::new::<i32, _>(spans, [rows.len(), num_segments, 2]),
            device,
        ),
    }
}

/// The scores of every row's own segments.
pub(crate) fn scores(model: &RewardModel, rows: &[Row], extra: usize) -> Vec<Vec<f32>> {
    let device = Device::flex();
    let scores = model.forward(batch(rows, extra, &device));
    let [_, num_segments, num_aspects] = scores.dims();
    let scores: Vec<f32> = scores.into_data().try_into_vec().unwrap();
    let rows = rows.iter().zip(scores.chunks(num_segments * num_aspects));
    rows.map(|(row, scores)| scores[..row.spans.len() * num_aspects].to_vec())
        .collect()
}

pub(crate) fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (found - expected).abs();
        assert!(
            difference <= tolerance,
            "value {index}: found {found}, expected {expected}"
        );
    }
}

/// Held by whoever draws random numbers: all tests of a process share one generator.
pub(crate) fn random_numbers() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reward model of random weights that are large enough to tell mistakes; always the same.
pub(crate) fn random_model(
    num_aspects: usize,
    pooling: Pooling,
) -> (RewardModelConfig, RewardModel) {
    random_model_with(num_aspects, pooling, |_| ())
}

/// The same with a changed configuration.
pub(crate) fn random_model_with(
    num_aspects: usize,
    pooling: Pooling,
    change: impl FnOnce(&mut RewardModelConfig),
) -> (RewardModelConfig, RewardModel) {
    let _generator = random_numbers();
    let device = Device::flex();
    device.seed(11);
    let encoder = BertConfig {
        initializer_range: 0.3,
        keys_start_as_queries: false,
        ..BertConfig::new(60, 16, 2, 4)
    };
    let encoder = BertConfig {
        max_positions: 32,
        ..encoder
    };
    let encoder = EncoderConfig::Bert(encoder).with_dropout(0.0, 0.0);
    let mut config = RewardModelConfig::new(encoder, pooling, num_aspects);
    change(&mut config);
    let model = config.init(&device);
    (config, model)
}

/// Three responses of different lengths.
pub(crate) fn rows() -> Vec<Row> {
    let row = |length: i32, spans: &[[i32; 2]]| Row {
        token_ids: (0..length)
            .map(|position| (position * 7 + length) % 60)
            .collect(),
        type_ids: (0..length)
            .map(|position| i32::from(position >= 3))
            .collect(),
        spans: spans.to_vec(),
    };
    vec![
        row(12, &[[3, 6], [6, 11]]),
        row(5, &[[3, 4]]),
        row(17, &[[3, 4], [4, 10], [12, 16]]),
    ]
}

/// A tensor of a safetensors file, to be changed and written again.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Stored {
    pub(crate) fn zeros(shape: &[usize]) -> Self {
        let bytes = vec![0; shape.iter().product::<usize>() * 4];
        Self {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes,
        }
    }
}

pub(crate) fn read_tensors(path: &Path) -> BTreeMap<String, Stored> {
    let bytes = fs_err::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let stored = |view: TensorView<'_>| Stored {
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    };
    file.tensors()
        .into_iter()
        .map(|(name, view)| (name, stored(view)))
        .collect()
}

pub(crate) fn write_tensors(path: &Path, tensors: &BTreeMap<String, Stored>) {
    let views = tensors.iter().map(|(name, stored)| {
        (
            name,
            TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes).unwrap(),
        )
    });
    fs_err::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
