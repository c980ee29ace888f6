//! Segment scores of MiniLM-L6 against transformers.

use std::path::PathBuf;

use burn::tensor::Device;
use gradus_model::{EncoderConfig, Pooling, RewardModel, RewardModelConfig, load_encoder};
use serde::Deserialize;

use crate::support::{Row, assert_close, golden, read_golden, scores};

#[derive(Deserialize)]
struct Golden {
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    input_ids: Vec<i32>,
    token_type_ids: Vec<i32>,
    segment_spans: Vec<[i32; 2]>,
    scores_alone: Vec<f32>,
    scores_in_padded_batch: Vec<f32>,
}

fn model() -> RewardModel {
    let directory = PathBuf::from(
        std::env::var_os("GRADUS_MINILM").expect("set GRADUS_MINILM to the directory of MiniLM-L6"),
    );
    let device = Device::flex();
    let (encoder, module, report) = load_encoder(&directory, &device).unwrap();
    assert_eq!(report.used.len(), 5 + 6 * 16);
    let EncoderConfig::Bert(_) = &encoder else {
        panic!("not a BERT: {encoder:?}")
    };
    let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
    config
        .init_with(module, &device)
        .load_head(&golden("minilm/head_init.safetensors"))
        .unwrap()
}

#[test]
#[ignore = "needs MiniLM-L6: set GRADUS_MINILM to its directory"]
fn segment_scores_are_those_of_transformers() {
    let model = model();
    let records = read_golden::<Golden>("minilm/scores.json").records;
    let rows: Vec<Row> = records
        .iter()
        .map(|record| Row {
            token_ids: record.input_ids.clone(),
            type_ids: record.token_type_ids.clone(),
            spans: record.segment_spans.clone(),
        })
        .collect();
    let together = scores(&model, &rows, 0);
    for ((row, record), together) in rows.into_iter().zip(records).zip(together) {
        let alone = scores(&model, &[row], 0).remove(0);
        assert_close(&alone, &record.scores_alone, 1e-4);
        assert_close(&together, &record.scores_in_padded_batch, 1e-4);
        assert_close(&alone, &together, 1e-5);
    }
}
