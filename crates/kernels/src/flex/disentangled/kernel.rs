//! Disentangled attention as one operation, without projections.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::{Inputs, backward, forward};
use crate::Attend;
use crate::disentangled::{Disentangled, Distances};
use crate::flex::attention::{Attended, FusedAttention, Shape, attention};
use crate::flex::buffer::{gradients_of, values};
use crate::flex::dropout::Dropout;
use crate::flex::kernel::{Kernel, run};
use crate::flex::packed::Rows;
use crate::flex::reduced::Products;

/// Disentangled attention within `rows`, with the given position tables.
pub(crate) fn disentangled(
    options: Disentangled,
    [query, key, value]: [Tensor<3>; 3],
    tables: [Option<Tensor<3>>; 2],
    distances: &Distances,
    rows: Rows,
) -> Tensor<3> {
    let Disentangled { num_heads, dropout } = options;
    let terms = tables.each_ref().map(Option::is_some);
    let [_, _, width] = query.dims();
    let scale = options.scale(width, &tables);
    let tables = match tables {
        [Some(keys), Some(queries)] => [keys, queries],
        // The missing table is not read; the other fills its place.
        [Some(table), None] | [None, Some(table)] => [table.clone(), table],
        [None, None] => {
            let plain = Attend {
                num_heads,
                num_key_value_heads: num_heads,
                dropout,
            };
            return attention(plain, query, key, value, rows);
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    let scale = scale as f32;
    let attention = FusedAttention {
        num_heads,
        num_key_value_heads: num_heads,
        scale,
        dropout: Dropout::draw(dropout, &query.device()),
        rows,
        products: Products::F32,
    };
    let kernel = FusedDisentangled {
        attention,
        terms,
        distances: distances.rows.clone(),
    };
    let [position_keys, position_queries] = tables;
    let inputs = [query, key, value, position_keys, position_queries];
    run(kernel, inputs.map(Tensor::into_dispatch))
}

/// Scores are `scale · (q · k + q · r + k · s)`, with the rows `r` of the position keys and `s` of
/// the position queries for the distance of the two tokens. Inputs: those of [`FusedAttention`],
/// then position keys and position queries, `[1, table_rows, num_heads · d_head]`.
#[derive(Debug, Clone)]
pub(crate) struct FusedDisentangled {
    pub(crate) attention: FusedAttention,
    /// Whether the scores have a position-key and a position-query term; otherwise the table is not
    /// read.
    pub(crate) terms: [bool; 2],
    /// `[2 · seq_length - 1]`: rows of both tables for the distances from query to key
    /// `seq_length - 1, .., 0, .., 1 - seq_length`.
    pub(crate) distances: Arc<[usize]>,
}

impl FusedDisentangled {
    fn inputs<'a>(&'a self, tensors: &'a [FlexTensor; 5]) -> (Shape, Inputs<'a>) {
        let [query, key, value, position_keys, position_queries] = tensors;
        let (shape, states) = self.attention.inputs([query, key, value]);
        let [has_keys, has_queries] = self.terms;
        let inputs = Inputs {
            states,
            tables: [
                has_keys.then(|| values(position_keys)),
                has_queries.then(|| values(position_queries)),
            ],
            distances: &self.distances,
        };
        (shape, inputs)
    }
}

impl Kernel<5> for FusedDisentangled {
    type Saved = (Self, [FlexTensor; 5], Attended);

    fn forward_saved(self, tensors: [FlexTensor; 5]) -> (FlexTensor, Self::Saved) {
        let (shape, inputs) = self.inputs(&tensors);
        let attended = Attended::new(forward(&inputs, &shape), tensors[0].shape());
        (attended.context.clone(), (self, tensors, attended))
    }

    fn backward(
        (kernel, tensors, attended): Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 5],
    ) -> [Option<FlexTensor>; 5] {
        let (shape, inputs) = kernel.inputs(&tensors);
        let found = backward(&inputs, &attended.outputs(gradient), &shape);
        let [query, key, value] = found.states.map(Some);
        let [position_keys, position_queries] = found.tables;
        let found = [query, key, value, position_keys, position_queries];
        gradients_of(&tensors, found)
    }
}
