//! Attention as one operation, without projections.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape as TensorShape, Tensor};

use super::{Inputs, Outputs, Shape, backward, forward};
use crate::Attend;
use crate::flex::buffer::{gradients_of, last, tensor, values};
use crate::flex::dropout::Dropout;
use crate::flex::kernel::{Kernel, run};
use crate::flex::packed::Rows;
use crate::flex::reduced::{self, Products};

/// Attention within `rows`.
pub(crate) fn attention(
    attend: Attend,
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    rows: Rows,
) -> Tensor<3> {
    let [_, _, width] = query.dims();
    let kernel = FusedAttention::new(attend, width, &query, rows);
    let inputs = [query, key, value].map(Tensor::into_dispatch);
    run(kernel, inputs)
}

/// Inputs: queries, `[.., num_queries, num_heads · d_head]`, keys and values,
/// `[.., num_keys, num_key_value_heads · d_head]`. The output has the shape of the queries.
#[derive(Debug, Clone)]
pub(crate) struct FusedAttention {
    pub(crate) num_heads: usize,
    pub(crate) num_key_value_heads: usize,
    /// Scores are `scale · q · k`.
    pub(crate) scale: f32,
    /// Dropout on the attention probabilities.
    pub(crate) dropout: Dropout,
    /// Which keys each query attends to.
    pub(crate) rows: Rows,
    /// How products are computed.
    pub(crate) products: Products,
}

impl FusedAttention {
    /// Settings for queries of width `width` that are made of `x`; draws a dropout mask.
    pub(in crate::flex) fn new(attend: Attend, width: usize, x: &Tensor<3>, rows: Rows) -> Self {
        let d_head = width / attend.num_heads;
        #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
        let scale = (1.0 / (d_head as f64).sqrt()) as f32;
        Self {
            num_heads: attend.num_heads,
            num_key_value_heads: attend.num_key_value_heads,
            scale,
            dropout: Dropout::draw(attend.dropout, &x.device()),
            rows,
            products: reduced::of_attention(x),
        }
    }

    /// Sizes for queries of width `width`.
    pub(in crate::flex) fn shape(&self, width: usize) -> Shape {
        Shape {
            num_heads: self.num_heads,
            num_key_value_heads: self.num_key_value_heads,
            d_head: width / self.num_heads,
            scale: self.scale,
            dropout: self.dropout,
            products: self.products,
        }
    }

    /// The sizes, and queries, keys and values as slices.
    pub(in crate::flex) fn inputs<'a>(
        &'a self,
        tensors: [&'a FlexTensor; 3],
    ) -> (Shape, Inputs<'a>) {
        let shape = self.shape(last(tensors[0]));
        (shape, Inputs::new(tensors.map(values), &self.rows, &shape))
    }
}

impl Kernel<3> for FusedAttention {
    type Saved = (Self, [FlexTensor; 3], Attended);

    fn forward_saved(self, tensors: [FlexTensor; 3]) -> (FlexTensor, Self::Saved) {
        let (shape, inputs) = self.inputs(tensors.each_ref());
        let attended = Attended::new(forward(&inputs, &shape), tensors[0].shape());
        (attended.context.clone(), (self, tensors, attended))
    }

    fn backward(
        (kernel, tensors, attended): Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let (shape, inputs) = kernel.inputs(tensors.each_ref());
        let found = backward(&inputs, &attended.outputs(gradient), &shape);
        gradients_of(&tensors, found.map(Some))
    }
}

/// Result of the forward pass.
#[derive(Debug, Clone)]
pub(crate) struct Attended {
    pub(in crate::flex) context: FlexTensor,
    /// Logarithms of the softmax sums, `[num_queries, num_heads]`.
    pub(in crate::flex) log_sums: Arc<[f32]>,
}

impl Attended {
    /// From the output, in the shape of the queries, and the logarithms of the softmax sums.
    pub(in crate::flex) fn new([context, log_sums]: [Vec<f32>; 2], queries: TensorShape) -> Self {
        Self {
            context: tensor(context, queries),
            log_sums: log_sums.into(),
        }
    }

    /// Together with the gradient of the output.
    pub(in crate::flex) fn outputs<'a>(&'a self, gradient: &'a FlexTensor) -> Outputs<'a> {
        Outputs {
            context: values(&self.context),
            log_sums: &self.log_sums,
            gradient: values(gradient),
        }
    }
}
