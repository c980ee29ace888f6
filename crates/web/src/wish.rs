//! What a page asks for beside records.

use gradus_data::{Segmenter, Stride};
use gradus_eval::Aggregation;
use serde::Deserialize;
use wasm_bindgen::JsError;

/// How a record is scored. Empty texts and absent keys stand for what the bundle says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ScoreWish {
    pub(crate) segmenter: Option<String>,
    pub(crate) aggregation: Option<String>,
    pub(crate) raw: bool,
    pub(crate) stride: Stride,
}

impl ScoreWish {
    pub(crate) fn segmenter(&self) -> Result<Option<Segmenter>, JsError> {
        let name = self.segmenter.as_deref().filter(|name| !name.is_empty());
        name.map(str::parse)
            .transpose()
            .map_err(|error: gradus_data::DataError| JsError::new(&error.to_string()))
    }

    pub(crate) fn aggregation(&self) -> Result<Option<Aggregation>, JsError> {
        let name = self.aggregation.as_deref().filter(|name| !name.is_empty());
        let read = name.map(str::parse).transpose();
        read.map_err(|error: gradus_bundle::UnknownAggregation| JsError::new(&error.to_string()))
    }
}

/// What of a model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// A new small encoder and its head.
    Scratch,
    /// The head alone, in closed form, on features that are computed once.
    Head,
    /// Low-rank adapters and the head.
    Adapters,
    /// All weights of the bundle.
    All,
}

/// How a run trains.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TrainWish {
    pub(crate) part: Part,
    pub(crate) epochs: usize,
    pub(crate) learning_rate: f64,
    pub(crate) batch_size: usize,
    pub(crate) seed: u64,
}
