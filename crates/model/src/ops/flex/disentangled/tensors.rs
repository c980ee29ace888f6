//! What attention with positions reads, as tensors.

use burn::backend::flex::FlexTensor;

use super::Inputs;
use crate::ops::backend::DisentangledOptions;
use crate::ops::flex::attention::Shape;
use crate::ops::flex::buffer::{contiguous, values};
use crate::ops::flex::tensors::AttentionInputs;

/// Inputs and options.
#[derive(Debug, Clone)]
pub(in crate::ops::flex) struct DisentangledInputs {
    pub(in crate::ops::flex) states: AttentionInputs,
    pub(in crate::ops::flex) tables: [FlexTensor; 2],
    options: DisentangledOptions,
}

impl DisentangledInputs {
    /// Of query, key, value, position keys and position queries.
    pub(in crate::ops::flex) fn new(
        tensors: [FlexTensor; 5],
        options: DisentangledOptions,
    ) -> Self {
        let [query, key, value, position_key, position_query] = tensors;
        Self {
            states: AttentionInputs::new(query, key, value, options.attention.clone()),
            tables: [contiguous(position_key), contiguous(position_query)],
            options,
        }
    }

    pub(in crate::ops::flex) fn inputs(&self) -> Inputs<'_> {
        let [has_keys, has_queries] = self.options.terms;
        let [keys, queries] = &self.tables;
        Inputs {
            states: self.states.inputs(),
            tables: [
                has_keys.then(|| values(keys)),
                has_queries.then(|| values(queries)),
            ],
            distances: &self.options.distances,
        }
    }

    pub(in crate::ops::flex) fn sizes(&self) -> Shape {
        self.states.sizes()
    }
}
