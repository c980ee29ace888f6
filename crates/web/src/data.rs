//! Rated records.

use std::io::Cursor;

use gradus_data::{
    Example, ExampleReader, GeneratorConfig, GroupKey, SplitFractions, generate, split_by,
};
use serde_json::json;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Explain as _;

/// The shares of the records that are trained on, choose the best weights, and judge the result.
pub(crate) const FRACTIONS: SplitFractions = SplitFractions {
    train: 0.7,
    valid: 0.15,
    test: 0.15,
};

/// Records with their ratings.
#[wasm_bindgen]
pub struct Records(pub(crate) Vec<Example>);

/// The records of a run.
pub(crate) struct Splits {
    pub(crate) train: Vec<Example>,
    pub(crate) valid: Vec<Example>,
    pub(crate) test: Vec<Example>,
}

#[wasm_bindgen]
impl Records {
    /// Reads JSON Lines, which errors call `name`.
    ///
    /// # Errors
    /// The first record that cannot be read, with its line.
    pub fn read(lines: Vec<u8>, name: &str) -> Result<Records, JsError> {
        let reader = ExampleReader::new(Cursor::new(lines), name);
        let records = reader.and_then(|reader| reader.collect::<gradus_data::Result<_>>());
        records.map(Self).map_err(|error| error.explain())
    }

    /// Generated records, rated by a rule, as `gradus quickstart` has them.
    ///
    /// # Errors
    /// If the number is 0 or too large.
    pub fn generated(examples: u32, seed: u32) -> Result<Records, JsError> {
        let config = GeneratorConfig {
            examples: examples as usize,
            seed: seed.into(),
            ..GeneratorConfig::default()
        };
        generate(&config).map(Self).map_err(|error| error.explain())
    }

    /// The records as JSON Lines.
    pub fn lines(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|example| format!("{}\n", example.to_json()));
        lines.collect()
    }

    /// `{ records, rated, segments }`: records, those with a rated segment, rated segments.
    pub fn counts(&self) -> String {
        let rated = |example: &Example| {
            let segments = example.segments.iter();
            segments
                .filter(|segment| !segment.ratings.is_empty())
                .count()
        };
        let segments: Vec<usize> = self.0.iter().map(rated).collect();
        json!({
            "records": segments.len(),
            "rated": segments.iter().filter(|&&rated| rated > 0).count(),
            "segments": segments.iter().sum::<usize>(),
        })
        .to_string()
    }
}

impl Records {
    /// Divides the records with a rated segment so that no prompt is in two splits.
    pub(crate) fn split(&self, seed: u64) -> gradus_data::Result<Splits> {
        let is_rated = |example: &&Example| {
            let mut segments = example.segments.iter();
            segments.any(|segment| !segment.ratings.is_empty())
        };
        let rated: Vec<Example> = self.0.iter().filter(is_rated).cloned().collect();
        let split = split_by(&rated, &[GroupKey::Prompt], FRACTIONS, seed)?;
        let part = |indices: &[usize]| indices.iter().map(|&index| rated[index].clone()).collect();
        Ok(Splits {
            train: part(&split.train),
            valid: part(&split.valid),
            test: part(&split.test),
        })
    }
}
