//! Hidden states of a tiny BERT against transformers.

use burn::tensor::{Device, Tensor};
use gradus_model::{Encoder, load_encoder};
use serde::Deserialize;

use crate::support::{Row, assert_close, batch, golden, read_golden};

#[derive(Deserialize)]
struct Reference {
    rows: Vec<ReferenceRow>,
}

#[derive(Deserialize)]
struct ReferenceRow {
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
    fn row(&self) -> Row {
        let spans = vec![[0, 1]];
        Row {
            token_ids: self.input_ids.clone(),
            type_ids: self.type_ids.clone(),
            spans,
        }
    }

    fn check(&self, hidden: Tensor<2>) {
        let [num_tokens, _] = hidden.dims();
        assert_eq!(num_tokens, self.input_ids.len());
        let first: Vec<f32> = hidden
            .clone()
            .narrow(1, 0, 4)
            .into_data()
            .try_into_vec()
            .unwrap();
        assert_close(&first, self.hidden_first4.as_flattened(), 1e-4);
        let mean: Vec<f32> = hidden
            .clone()
            .mean_dim(0)
            .into_data()
            .try_into_vec()
            .unwrap();
        assert_close(&mean, &self.hidden_mean, 1e-4);
        assert_close(
            &[hidden.square().sum().sqrt().into_scalar()],
            &[self.hidden_norm],
            1e-4,
        );
    }
}

fn hidden(encoder: &Encoder, rows: &[Row], extra: usize) -> Vec<Tensor<2>> {
    let input = batch(rows, extra, &Device::flex());
    let hidden = encoder.forward(input.token_ids, input.type_ids, input.mask_pad);
    let states = hidden.iter_dim(0).zip(rows);
    states
        .map(|(states, row)| states.squeeze_dim(0).narrow(0, 0, row.token_ids.len()))
        .collect()
}

fn reference() -> Vec<ReferenceRow> {
    read_golden::<Reference>("tiny-bert/reference.json").rows
}

#[test]
fn hidden_states_are_those_of_transformers() {
    let (_, encoder, _) = load_encoder(&golden("tiny-bert"), &Device::flex()).unwrap();
    for reference in reference() {
        reference.check(hidden(&encoder, &[reference.row()], 0).remove(0));
    }
}

#[test]
fn hidden_states_in_a_padded_batch_are_those_of_transformers() {
    let (_, encoder, _) = load_encoder(&golden("tiny-bert"), &Device::flex()).unwrap();
    let references = reference();
    let rows: Vec<Row> = references.iter().map(ReferenceRow::row).collect();
    for (states, reference) in hidden(&encoder, &rows, 9).into_iter().zip(references) {
        reference.check(states);
    }
}

#[test]
fn training_without_dropout_computes_the_same_states() {
    let device = Device::flex().autodiff();
    let pretrained = gradus_model::PretrainedEncoder::open(&golden("tiny-bert")).unwrap();
    let (encoder, _) = pretrained.with_dropout(0.0, 0.0).load(&device).unwrap();
    for reference in reference() {
        let input = batch(&[reference.row()], 3, &device);
        let states = encoder.forward(input.token_ids, input.type_ids, input.mask_pad);
        let num_tokens = reference.input_ids.len();
        reference.check(states.squeeze_dim::<2>(0).narrow(0, 0, num_tokens));
    }
}

#[test]
fn every_tensor_of_the_file_is_accounted_for() {
    let (_, _, report) = load_encoder(&golden("tiny-bert"), &Device::flex()).unwrap();
    assert_eq!(report.used.len(), 5 + 3 * 16);
    let left: Vec<_> = report.left.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(left, ["pooler.dense.bias", "pooler.dense.weight"]);
    assert!(report.cast.is_empty());
}
