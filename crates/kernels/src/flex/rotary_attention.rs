//! Self-attention block of a pre-norm layer, `x + dropout(attention(norm(x)))`, with rotary positions,
//! as one operation. Queries, keys and values share one tensor, in which heads are normalized and
//! rotated.

use std::sync::Arc;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Dispatch, TensorMetadata};
use burn::nn::Linear;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::attention::{self, FusedAttention, Inputs, Outputs, Shape};
use super::buffer::{gradients_of, last, tensor, values};
use super::dropout::Dropout;
use super::is_fused;
use super::joined;
use super::kernel::{Kernel, run};
use super::linear::{self, LinearLayer, weight_gradient};
use super::norm::{FusedNorm, Scaled};
use super::packed::Rows;
use super::reduced::{self, Packed, Products};
use super::residual;
use super::rotate::turn_in_place;
use super::rows::{MANY, by_rows, per_task, zeroed};
use crate::rotate::Turns;
use crate::{Attend, BlockNorm, PreNorm, Projections, RotaryAttention};

/// `x + dropout(attention(norm(x)))`. `None` if the output layer or only some of the others have a
/// bias, the norm has a shift, or the device has no fused blocks.
///
/// # Panics
/// If the mask has only some of the tokens as queries, or a layer has not as many heads, twice as wide as
/// the angles.
pub(crate) fn rotary_attention(
    block: RotaryAttention<'_>,
    norm: PreNorm<'_>,
    x: &Tensor<3>,
    rows: &Rows,
) -> Option<Tensor<3>> {
    let Projections {
        query,
        key,
        value,
        output,
    } = block.projections;
    if !is_fused(x) || output.bias.is_some() {
        return None;
    }
    let layers = [query, key, value, output];
    let weights = layers.map(|layer| layer.weight.val().into_dispatch());
    let mut inputs = vec![x.clone().into_dispatch()];
    inputs.extend(weights);
    let mut kind_of = |norm: BlockNorm<'_>| {
        let (kind, gamma) = FusedNorm::of(norm)?;
        inputs.push(gamma.into_dispatch());
        Some(kind)
    };
    let block_norm = match norm.norm {
        Some(norm) => Some(kind_of(norm)?),
        None => None,
    };
    let head_norms = match block.head_norms {
        Some([query, key]) => Some([
            kind_of(BlockNorm::Rms(query))?,
            kind_of(BlockNorm::Rms(key))?,
        ]),
        None => None,
    };
    let bias = |layer: &Linear| Some(layer.bias.as_ref()?.val().into_dispatch());
    let biases: Vec<_> = [query, key, value].into_iter().filter_map(bias).collect();
    let has_biases = match biases.len() {
        0 => false,
        3 => true,
        _ => return None,
    };
    inputs.extend(biases);
    assert!(
        rows.queries == rows.keys,
        "the tokens of a block look at each other: its mask is not of some of them"
    );
    let Attend {
        num_heads,
        num_key_value_heads,
        ..
    } = block.attend;
    for (layer, heads) in [
        (query, num_heads),
        (key, num_key_value_heads),
        (value, num_key_value_heads),
    ] {
        let [_, width] = layer.weight.dims();
        let d_head = 2 * block.angles.turns.pairs;
        assert_eq!(width, heads * d_head, "{heads} heads of {d_head} features");
    }
    let [_, width] = query.weight.dims();
    // The fields draw dropout masks in the same order as the composition.
    let kernel = FusedRotaryAttention {
        attention: FusedAttention::new(block.attend, width, x, rows.clone()),
        dropout: Dropout::draw(norm.dropout, &x.device()),
        norm: block_norm,
        head_norms,
        has_biases,
        turns: block.angles.turns.clone(),
        packed: layers.map(|layer| reduced::packed(layer, x)),
        products: Products::current(),
    };
    Some(run_on(kernel, inputs))
}

/// Runs the kernel on as many inputs as its options have.
fn run_on(kernel: FusedRotaryAttention, inputs: Vec<FloatTensor<Dispatch>>) -> Tensor<3> {
    fn sized<const N: usize>(
        kernel: FusedRotaryAttention,
        inputs: Vec<FloatTensor<Dispatch>>,
    ) -> Tensor<3> {
        let inputs: Result<[_; N], _> = inputs.try_into();
        run(
            kernel,
            inputs.expect("as many inputs as the caller counted"),
        )
    }
    // Five, one with a norm, two with norms of heads and three with biases: ModernBERT's first layer has
    // 5, its other layers and Llama 6, Qwen3 8 and Qwen2 9.
    match inputs.len() {
        5 => sized::<5>(kernel, inputs),
        6 => sized::<6>(kernel, inputs),
        7 => sized::<7>(kernel, inputs),
        8 => sized::<8>(kernel, inputs),
        9 => sized::<9>(kernel, inputs),
        10 => sized::<10>(kernel, inputs),
        11 => sized::<11>(kernel, inputs),
        count => unreachable!("{count} inputs"),
    }
}

/// Places of inputs.
const OUTPUT: usize = 4;
const FIRST_OPTION: usize = 5;

/// Inputs: `x`, the weights of query, key, value and output; then, as far as there are any, γ, γ of the
/// query and key heads, and the biases of query, key and value.
#[derive(Debug, Clone)]
pub(crate) struct FusedRotaryAttention {
    pub(crate) attention: FusedAttention,
    /// Dropout before the residual addition.
    pub(crate) dropout: Dropout,
    pub(crate) norm: Option<FusedNorm>,
    /// Norms of the query and of the key heads.
    pub(crate) head_norms: Option<[FusedNorm; 2]>,
    pub(crate) has_biases: bool,
    pub(crate) turns: Turns,
    /// Packed weights of query, key, value and output layer, in inference only.
    pub(crate) packed: [Option<Arc<Packed>>; 4],
    pub(crate) products: Products,
}

impl<const N: usize> Kernel<N> for FusedRotaryAttention {
    type Saved = (Self, [FlexTensor; N], Arc<Kept>);

    fn forward_saved(self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::Saved) {
        let weights = std::array::from_fn(|layer| &inputs[1 + layer]);
        let packed = self.products.packed(self.packed.clone(), weights);
        let (x, block) = self.block(&inputs, &packed);
        let (out, kept) = block.forward(x);
        let out = tensor(out, inputs[0].shape());
        (out, (self, inputs, Arc::new(kept)))
    }

    fn backward(
        (kernel, inputs, kept): Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; N],
    ) -> [Option<FlexTensor>; N] {
        let (x, block) = kernel.block(&inputs, &kernel.packed);
        let mut found = block
            .backward(x, &kept, values(gradient), &needed)
            .into_iter();
        gradients_of(&inputs, [(); N].map(|()| found.next().flatten()))
    }
}

impl FusedRotaryAttention {
    /// The values of `x`, and the block.
    fn block<'a, const N: usize>(
        &'a self,
        inputs: &'a [FlexTensor; N],
        packed: &'a [Option<Arc<Packed>>; 4],
    ) -> (&'a [f32], Block<'a>) {
        let mut rest = inputs[FIRST_OPTION..].iter();
        let mut next = || rest.next().expect("an input of each option");
        let norm = self.norm.map(|norm| norm.with(next()));
        let head_norms = self
            .head_norms
            .map(|norms| norms.map(|norm| norm.with(next())));
        let mut layer = |layer: usize| {
            let bias = (self.has_biases && layer < 3).then(&mut next);
            LinearLayer::new(&inputs[1 + layer], bias).packed(packed[layer].as_ref())
        };
        let block = Block {
            norm,
            head_norms,
            inputs: [layer(0), layer(1), layer(2)],
            output: layer(3),
            rows: &self.attention.rows,
            shape: self.attention.shape(last(&inputs[1])),
            turns: &self.turns,
            dropout: self.dropout,
            products: self.products,
        };
        (values(&inputs[0]), block)
    }
}

/// Layers and settings of the block.
#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    norm: Option<Scaled<'a>>,
    /// Norms of the query and of the key heads.
    head_norms: Option<[Scaled<'a>; 2]>,
    /// Query, key and value layers.
    inputs: [LinearLayer<'a>; 3],
    output: LinearLayer<'a>,
    rows: &'a Rows,
    shape: Shape,
    turns: &'a Turns,
    /// Dropout before the residual addition.
    dropout: Dropout,
    products: Products,
}

/// State saved for the backward pass.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Queries, keys and values side by side, rotated, `[tokens, Σ width]`.
    states: Vec<f32>,
    /// Queries and keys before the norms of heads, if there are any.
    heads: Option<[Vec<f32>; 2]>,
    /// Attention output before the output layer, `[tokens, num_heads · d_head]`.
    context: Vec<f32>,
    /// Logarithms of the softmax sums, `[tokens, num_heads]`.
    log_sums: Vec<f32>,
}

impl Block<'_> {
    /// The result and the state saved for the backward pass.
    fn forward(&self, x: &[f32]) -> (Vec<f32>, Kept) {
        let mut states = match self.norm {
            Some(norm) => joined::forward(&norm.forward(x)[0], self.inputs),
            None => joined::forward(x, self.inputs),
        };
        let heads = self.head_norms.map(|norms| {
            let heads = self.parts(&states);
            let normed = [0, 1].map(|part| {
                let [normed, _] = norms[part].forward(&heads[part]);
                normed
            });
            self.put(&mut states, &normed);
            heads
        });
        self.turn(&mut states, false);
        let inputs = Inputs::joined(&states, self.rows, &self.shape);
        let [context, log_sums] = attention::forward(&inputs, &self.shape);
        let mut out = linear::forward(&context, self.output);
        residual::add(&mut out, x, self.output.width.output, self.dropout);
        let kept = Kept {
            states,
            heads,
            context,
            log_sums,
        };
        (out, kept)
    }

    /// Gradients of the `needed` inputs.
    fn backward(
        &self,
        x: &[f32],
        kept: &Kept,
        gradient: &[f32],
        needed: &[bool],
    ) -> Vec<Option<Vec<f32>>> {
        let (width, products) = (self.output.width, self.products);
        let mut found = vec![None; needed.len()];
        let dropped = residual::dropped(gradient, width.output, self.dropout);
        let output = || weight_gradient(&kept.context, &dropped, width, products);
        found[OUTPUT] = needed[OUTPUT].then(output);
        let mut others = needed
            .iter()
            .enumerate()
            .filter(|(input, _)| *input != OUTPUT);
        if !others.any(|(_, needed)| *needed) {
            return found;
        }
        let context = linear::input_gradient(&dropped, self.output, products);
        drop(dropped);
        let (states, of_heads) = self.attend_backward(kept, &context);
        drop(context);
        let first_gamma = FIRST_OPTION + usize::from(self.norm.is_some());
        for (number, gamma) in of_heads.into_iter().flatten().enumerate() {
            found[first_gamma + number] = Some(gamma);
        }
        let first_bias = needed.len() - self.inputs.len();
        let of_layer = |layer: usize| {
            let of_bias = self.inputs[layer].bias.is_some() && needed[first_bias + layer];
            [needed[1 + layer], of_bias]
        };
        let (normed, moments) = match self.norm.map(|norm| norm.forward(x)) {
            Some([normed, moments]) => (Some(normed), moments),
            None => (None, Vec::new()),
        };
        let input = normed.as_deref().unwrap_or(x);
        let of_layers = [0, 1, 2].map(of_layer);
        let layers = joined::layer_gradients(input, &states, self.inputs, products, of_layers);
        drop(normed);
        for (layer, [weight, bias]) in layers.into_iter().enumerate() {
            found[1 + layer] = weight;
            if bias.is_some() {
                found[first_bias + layer] = bias;
            }
        }
        let of_input = |other| joined::input_gradient(&states, self.inputs, products, other);
        match self.norm {
            Some(norm) if needed[0] || needed[FIRST_OPTION] => {
                let [x, gamma] = norm.backward(x, &moments, &of_input(None), Some(gradient));
                (found[0], found[FIRST_OPTION]) = (Some(x), Some(gamma));
            }
            None if needed[0] => found[0] = Some(of_input(Some(gradient))),
            _ => {}
        }
        found
    }

    /// Gradients of queries, keys and values, side by side, before heads were normalized, and of the γ
    /// of their norms.
    fn attend_backward(&self, kept: &Kept, gradient: &[f32]) -> (Vec<f32>, Option<[Vec<f32>; 2]>) {
        let inputs = Inputs::joined(&kept.states, self.rows, &self.shape);
        let outputs = Outputs {
            context: &kept.context,
            log_sums: &kept.log_sums,
            gradient,
        };
        let mut states = attention::backward_joined(&inputs, &outputs, &self.shape);
        self.turn(&mut states, true);
        let gammas = self
            .head_norms
            .zip(kept.heads.as_ref())
            .map(|(norms, heads)| {
                let gradients = self.parts(&states);
                let found = [0, 1].map(|part| {
                    let (norm, heads) = (norms[part], &heads[part]);
                    let [_, moments] = norm.forward(heads);
                    norm.backward(heads, &moments, &gradients[part], None)
                });
                let [[query, query_gamma], [key, key_gamma]] = found;
                self.put(&mut states, &[query, key]);
                [query_gamma, key_gamma]
            });
        (states, gammas)
    }

    /// Rotates queries and keys, or rotates them `back`.
    fn turn(&self, states: &mut [f32], back: bool) {
        let [query, key, value] = self.widths();
        let sizes = [query + key, query + key + value];
        turn_in_place(
            states,
            sizes,
            self.turns,
            self.rows.queries.positions(),
            back,
        );
    }

    /// Widths of queries, keys and values.
    fn widths(&self) -> [usize; 3] {
        self.inputs.map(|layer| layer.width.output)
    }

    /// Copies of the queries and the keys.
    fn parts(&self, states: &[f32]) -> [Vec<f32>; 2] {
        let [query, key, value] = self.widths();
        let stride = query + key + value;
        let rows = states.len() / stride;
        by_rows(rows, per_task(rows, MANY), [query, key], |rows, parts| {
            let [queries, keys] = parts.map(zeroed);
            let states = states[rows.start * stride..rows.end * stride].chunks_exact(stride);
            let parts = queries
                .chunks_exact_mut(query)
                .zip(keys.chunks_exact_mut(key));
            for (state, (queries, keys)) in states.zip(parts) {
                queries.copy_from_slice(&state[..query]);
                keys.copy_from_slice(&state[query..query + key]);
            }
            [queries, keys]
        })
    }

    /// Replaces the queries and the keys.
    fn put(&self, states: &mut [f32], [queries, keys]: &[Vec<f32>; 2]) {
        let [query, key, value] = self.widths();
        let states = states.par_chunks_exact_mut(query + key + value);
        let parts = queries
            .par_chunks_exact(query)
            .zip(keys.par_chunks_exact(key));
        let tasks = states.zip(parts).with_min_len(64);
        tasks.for_each(|(state, (queries, keys))| {
            state[..query].copy_from_slice(queries);
            state[query..query + key].copy_from_slice(keys);
        });
    }
}
