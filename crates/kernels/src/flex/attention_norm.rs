//! Self-attention block of a post-norm layer, `layer_norm(x + dropout(attention(x)))`, as one
//! operation: projections, attention of all heads, residual addition and norm. Queries, keys and
//! values share one tensor, and gradients of `x` are summed as they are computed.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::add_norm::{self, FusedAddNorm, Norm};
use super::attention::{self, FusedAttention, Inputs, Outputs, Shape};
use super::buffer::{gradients_of, last, tensor, values};
use super::dropout::Dropout;
use super::is_fused;
use super::joined;
use super::kernel::{Kernel, run};
use super::linear::{self, LinearLayer, column_sums, weight_gradient};
use super::packed::Rows;
use super::reduced::{self, Packed, Products};
use crate::{AddNorm, Attend, Projections};

/// Self-attention and the norm after it. `None` if a layer has no bias, the norm has no shift, or
/// the device has no fused blocks.
///
/// # Panics
/// If the mask has only some of the tokens as queries.
pub(crate) fn attention_norm(
    layers: Projections<'_>,
    attend: Attend,
    norm: AddNorm<'_>,
    x: &Tensor<3>,
    rows: &Rows,
) -> Option<Tensor<3>> {
    let Projections {
        query,
        key,
        value,
        output,
    } = layers;
    let weight = |layer: &Linear| layer.weight.val().into_dispatch();
    let bias = |layer: &Linear| Some(layer.bias.as_ref()?.val().into_dispatch());
    let beta = norm.norm.beta.as_ref()?;
    if !is_fused(x) {
        return None;
    }
    assert!(
        rows.queries == rows.keys,
        "the tokens of a block look at each other: its mask is not of some of them"
    );
    let inputs = [
        x.clone().into_dispatch(),
        weight(query),
        bias(query)?,
        weight(key),
        bias(key)?,
        weight(value),
        bias(value)?,
        weight(output),
        bias(output)?,
        norm.norm.gamma.val().into_dispatch(),
        beta.val().into_dispatch(),
    ];
    let [_, width] = query.weight.dims();
    // The fields draw dropout masks in the same order as the composition.
    let kernel = FusedAttentionNorm {
        packed: [query, key, value, output].map(|layer| reduced::packed(layer, x)),
        attention: FusedAttention::new(attend, width, x, rows.clone()),
        norm: FusedAddNorm::new(norm, &x.device()),
        products: Products::current(),
    };
    Some(run(kernel, inputs))
}

/// Inputs: `x`, weight and bias of query, key, value and output, γ and β.
#[derive(Debug, Clone)]
pub(crate) struct FusedAttentionNorm {
    pub(crate) attention: FusedAttention,
    pub(crate) norm: FusedAddNorm,
    /// Packed weights of query, key, value and output layer, in inference only.
    pub(crate) packed: [Option<Arc<Packed>>; 4],
    pub(crate) products: Products,
}

impl Kernel<11> for FusedAttentionNorm {
    type Saved = (Self, [FlexTensor; 11], Arc<Kept>);

    fn forward(self, inputs: [FlexTensor; 11]) -> FlexTensor {
        let packed = self.packed(&inputs);
        let (x, block) = self.block(&inputs, &packed);
        tensor(block.forward(x), inputs[0].shape())
    }

    fn forward_saved(self, inputs: [FlexTensor; 11]) -> (FlexTensor, Self::Saved) {
        let packed = self.packed(&inputs);
        let (x, block) = self.block(&inputs, &packed);
        let (out, kept) = block.forward_kept(x);
        let out = tensor(out, inputs[0].shape());
        (out, (self, inputs, Arc::new(kept)))
    }

    fn backward(
        (kernel, inputs, kept): Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; 11],
    ) -> [Option<FlexTensor>; 11] {
        let (x, block) = kernel.block(&inputs, &kernel.packed);
        let found = block.backward(x, &kept, values(gradient), needed);
        gradients_of(&inputs, found)
    }
}

impl FusedAttentionNorm {
    /// The packed weights of a forward pass.
    fn packed(&self, inputs: &[FlexTensor; 11]) -> [Option<Arc<Packed>>; 4] {
        let weights = [&inputs[1], &inputs[3], &inputs[5], &inputs[7]];
        self.products.packed(self.packed.clone(), weights)
    }

    /// The values of `x`, and the block.
    fn block<'a>(
        &'a self,
        inputs: &'a [FlexTensor; 11],
        packed: &'a [Option<Arc<Packed>>; 4],
    ) -> (&'a [f32], Block<'a>) {
        let [
            x,
            query,
            query_bias,
            key,
            key_bias,
            value,
            value_bias,
            output,
            output_bias,
            gamma,
            beta,
        ] = inputs;
        let block = Block {
            inputs: [
                LinearLayer::new(query, Some(query_bias)).packed(packed[0].as_ref()),
                LinearLayer::new(key, Some(key_bias)).packed(packed[1].as_ref()),
                LinearLayer::new(value, Some(value_bias)).packed(packed[2].as_ref()),
            ],
            output: LinearLayer::new(output, Some(output_bias)).packed(packed[3].as_ref()),
            norm: self.norm.norm(gamma, beta),
            rows: &self.attention.rows,
            shape: self.attention.shape(last(query)),
            dropout: self.norm.dropout,
            products: self.products,
        };
        (values(x), block)
    }
}

/// Layers and settings of the block.
#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    /// Query, key and value layers.
    inputs: [LinearLayer<'a>; 3],
    output: LinearLayer<'a>,
    norm: Norm<'a>,
    rows: &'a Rows,
    shape: Shape,
    /// Dropout before the residual addition.
    dropout: Dropout,
    products: Products,
}

/// State saved for the backward pass.
#[derive(Debug)]
pub(crate) struct Kept {
    attended: Attended,
    /// Normalized rows before γ and β.
    normalized: Vec<f32>,
    inverse: Vec<f32>,
}

#[derive(Debug)]
struct Attended {
    /// Queries, keys and values side by side, `[tokens, Σ width]`.
    states: Vec<f32>,
    /// Attention output before the output layer, `[tokens, num_heads · d_head]`.
    context: Vec<f32>,
    /// Logarithms of the softmax sums, `[tokens, num_heads]`.
    log_sums: Vec<f32>,
}

impl Block<'_> {
    /// The result only, for inference.
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (_, out) = self.attend(x);
        add_norm::forward(&out, x, &self.norm, self.dropout)
    }

    /// The result and the state saved for the backward pass.
    fn forward_kept(&self, x: &[f32]) -> (Vec<f32>, Kept) {
        let (attended, out) = self.attend(x);
        let [out, normalized, inverse] = add_norm::forward_kept(&out, x, &self.norm, self.dropout);
        let kept = Kept {
            attended,
            normalized,
            inverse,
        };
        (out, kept)
    }

    /// Attention and its output layer.
    fn attend(&self, x: &[f32]) -> (Attended, Vec<f32>) {
        let states = joined::forward(x, self.inputs);
        let inputs = Inputs::joined(&states, self.rows, &self.shape);
        let [context, log_sums] = attention::forward(&inputs, &self.shape);
        let out = linear::forward(&context, self.output);
        let attended = Attended {
            states,
            context,
            log_sums,
        };
        (attended, out)
    }

    /// Gradients of the `needed` inputs.
    fn backward(
        &self,
        x: &[f32],
        kept: &Kept,
        gradient: &[f32],
        needed: [bool; 11],
    ) -> [Option<Vec<f32>>; 11] {
        let norm = add_norm::backward(
            &kept.normalized,
            &kept.inverse,
            gradient,
            self.norm.gamma,
            self.dropout,
        );
        let gradient = norm.x.as_deref().unwrap_or(&norm.residual);
        let Attended { context, .. } = &kept.attended;
        let width = self.output.width;
        let [needs_x, layers @ .., needs_weight, needs_bias, _, _] = needed;
        let products = self.products;
        let output_weight =
            needs_weight.then(|| weight_gradient(context, gradient, width, products));
        let output_bias = needs_bias.then(|| column_sums(gradient, width.output));
        let (mut of_x, mut inputs) = (None, [const { [const { None }; 2] }; 3]);
        if needs_x || layers.contains(&true) {
            let [query, query_bias, key, key_bias, value, value_bias] = layers;
            let layers = [[query, query_bias], [key, key_bias], [value, value_bias]];
            let context = linear::input_gradient(gradient, self.output, products);
            let states = self.attend_backward(&kept.attended, &context);
            inputs = joined::layer_gradients(x, &states, self.inputs, products, layers);
            let of =
                || joined::input_gradient(&states, self.inputs, products, Some(&norm.residual));
            of_x = needs_x.then(of);
        }
        let [[query, query_bias], [key, key_bias], [value, value_bias]] = inputs;
        [
            of_x,
            query,
            query_bias,
            key,
            key_bias,
            value,
            value_bias,
            output_weight,
            output_bias,
            Some(norm.gamma),
            Some(norm.beta),
        ]
    }

    /// Gradients of queries, keys and values from the gradient of the attention output.
    fn attend_backward(&self, attended: &Attended, gradient: &[f32]) -> Vec<f32> {
        let inputs = Inputs::joined(&attended.states, self.rows, &self.shape);
        let outputs = Outputs {
            context: &attended.context,
            log_sums: &attended.log_sums,
            gradient,
        };
        attention::backward_joined(&inputs, &outputs, &self.shape)
    }
}
