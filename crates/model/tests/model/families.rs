//! Hidden states of tiny encoders of every family against transformers.

use burn::tensor::{Device, Tensor};
use gradus_model::{Encoder, EncoderConfig, PretrainedEncoder, load_encoder};
use serde::Deserialize;

use crate::support::{Row, assert_close, batch, golden, read_golden, read_tensors};

#[derive(Deserialize)]
struct Reference {
    rows: Vec<ReferenceRow>,
}

#[derive(Deserialize)]
pub(crate) struct ReferenceRow {
    input_ids: Vec<i32>,
    type_ids: Vec<i32>,
    /// First four features of every token.
    hidden_first4: Vec<[f32; 4]>,
    /// Mean over the tokens.
    hidden_mean: Vec<f32>,
    /// Frobenius norm.
    hidden_norm: f32,
}

impl ReferenceRow {
    pub(crate) fn row(&self) -> Row {
        let spans = vec![[0, 1]];
        Row {
            token_ids: self.input_ids.clone(),
            type_ids: self.type_ids.clone(),
            spans,
        }
    }

    pub(crate) fn check(&self, hidden: Tensor<2>) {
        let [num_tokens, _] = hidden.dims();
        assert_eq!(num_tokens, self.input_ids.len());
        let first = values(hidden.clone().narrow(1, 0, 4));
        assert_close(&first, self.hidden_first4.as_flattened(), 1e-4);
        let mean = values(hidden.clone().mean_dim(0));
        assert_close(&mean, &self.hidden_mean, 1e-4);
        assert_close(
            &[hidden.square().sum().sqrt().into_scalar()],
            &[self.hidden_norm],
            1e-4,
        );
    }
}

pub(crate) fn values(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

pub(crate) fn hidden(
    encoder: &Encoder,
    rows: &[Row],
    extra: usize,
    device: &Device,
) -> Vec<Tensor<2>> {
    let input = batch(rows, extra, device);
    let hidden = encoder.forward(input.token_ids, input.type_ids, input.mask_pad);
    let states = hidden.iter_dim(0).zip(rows);
    states
        .map(|(states, row)| states.squeeze_dim(0).narrow(0, 0, row.token_ids.len()))
        .collect()
}

fn reference(family: &str) -> Vec<ReferenceRow> {
    read_golden::<Reference>(&format!("tiny-{family}/reference.json")).rows
}

fn encoder(family: &str) -> Encoder {
    let directory = golden(&format!("tiny-{family}"));
    load_encoder(&directory, &Device::flex()).unwrap().1
}

#[test]
fn hidden_states_are_those_of_transformers() {
    for family in EncoderConfig::MODEL_TYPES {
        println!("{family}");
        let encoder = encoder(family);
        for reference in reference(family) {
            reference.check(hidden(&encoder, &[reference.row()], 0, &Device::flex()).remove(0));
        }
    }
}

#[test]
fn the_convolution_of_the_large_deberta_is_that_of_transformers() {
    let encoder = encoder("deberta-v2-convolution");
    let references = reference("deberta-v2-convolution");
    let rows: Vec<Row> = references.iter().map(ReferenceRow::row).collect();
    let device = Device::flex();
    let padded = hidden(&encoder, &rows, 9, &device);
    for ((padded, reference), row) in padded.into_iter().zip(references).zip(&rows) {
        reference.check(padded);
        reference.check(hidden(&encoder, std::slice::from_ref(row), 0, &device).remove(0));
    }
}

#[test]
fn hidden_states_in_a_padded_batch_are_those_alone() {
    for family in EncoderConfig::MODEL_TYPES {
        println!("{family}");
        let encoder = encoder(family);
        let references = reference(family);
        let rows: Vec<Row> = references.iter().map(ReferenceRow::row).collect();
        let padded = hidden(&encoder, &rows, 9, &Device::flex());
        for ((padded, reference), row) in padded.into_iter().zip(references).zip(&rows) {
            let row = std::slice::from_ref(row);
            let alone = hidden(&encoder, row, 0, &Device::flex()).remove(0);
            reference.check(padded.clone());
            assert_close(&values(padded), &values(alone), 1e-5);
        }
    }
}

#[test]
fn training_without_dropout_computes_the_same_states() {
    let device = Device::flex().autodiff();
    for family in EncoderConfig::MODEL_TYPES {
        println!("{family}");
        let pretrained = PretrainedEncoder::open(&golden(&format!("tiny-{family}"))).unwrap();
        let (encoder, _) = pretrained.with_dropout(0.0, 0.0).load(&device).unwrap();
        for reference in reference(family) {
            reference.check(hidden(&encoder, &[reference.row()], 3, &device).remove(0));
        }
    }
}

#[test]
fn every_tensor_of_the_file_is_accounted_for() {
    for family in EncoderConfig::MODEL_TYPES {
        let directory = golden(&format!("tiny-{family}"));
        let (_, _, report) = load_encoder(&directory, &Device::flex()).unwrap();
        let found = read_tensors(&directory.join("model.safetensors")).len();
        assert_eq!(report.used.len() + report.left.len(), found, "{family}");
        for left in report.left {
            assert!(left.name.starts_with("pooler.dense."), "{family}: {left:?}");
        }
        assert!(report.cast.is_empty());
    }
}

#[test]
fn what_a_causal_encoder_says_of_a_token_does_not_depend_on_later_ones() {
    for family in EncoderConfig::MODEL_TYPES {
        let directory = golden(&format!("tiny-{family}"));
        let (config, encoder, _) = load_encoder(&directory, &Device::flex()).unwrap();
        let whole = reference(family).remove(0).row();
        let mut cut = whole.clone();
        cut.token_ids.truncate(20);
        cut.type_ids.truncate(20);
        let states = |row: Row| hidden(&encoder, &[row], 0, &Device::flex()).remove(0);
        let whole = values(states(whole).narrow(0, 0, 20));
        let cut = values(states(cut));
        if config.is_causal() {
            assert_close(&whole, &cut, 1e-5);
        } else {
            let differ = whole.iter().zip(&cut).any(|(a, b)| (a - b).abs() > 1e-2);
            assert!(differ, "{family} looks at both sides");
        }
    }
}
