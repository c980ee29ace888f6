//! A residual connection with dropout and layer norm.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Flex, TensorMetadata};

use super::{Tracked, parts};
use crate::ops::backend::NormOptions;
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::tensors::norm;
use crate::ops::flex::{Dropout, add_norm};

/// Inputs: `x`, what it is added to, γ and β.
pub(super) fn forward<C: CheckpointStrategy>(
    inputs: [Tracked; 4],
    options: NormOptions,
) -> Tracked {
    let ([x, residual, gamma, beta], nodes) = parts(inputs);
    let (norm, dropout) = (norm(&gamma, &beta, options), options.dropout);
    let [out, normalized, inverse] =
        add_norm::forward_kept(values(&x), values(&residual), &norm, dropout);
    let out = tensor(out, x.shape());
    match AddNormStep.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(ops) => {
            let kept = Kept {
                normalized: tensor(normalized, x.shape()),
                inverse: inverse.into(),
                gamma,
                dropout,
            };
            ops.finish(kept, out)
        }
        OpsKind::UnTracked(ops) => ops.finish(out),
    }
}

#[derive(Debug)]
struct AddNormStep;

#[derive(Debug, Clone)]
struct Kept {
    /// Rows of mean 0 and variance 1, before γ and β.
    normalized: FlexTensor,
    /// One over the standard deviation of every row.
    inverse: Arc<[f32]>,
    gamma: FlexTensor,
    dropout: Dropout,
}

impl Backward<Flex, 4> for AddNormStep {
    type State = Kept;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let kept = ops.state;
        let shape = kept.normalized.shape();
        let found = add_norm::backward(
            values(&kept.normalized),
            &kept.inverse,
            values(&gradient),
            values(&kept.gamma),
            kept.dropout,
        );
        let residual = tensor(found.residual, shape.clone());
        let x = found
            .x
            .map_or_else(|| residual.clone(), |x| tensor(x, shape));
        let vector = |values| tensor(values, kept.gamma.shape());
        let found = [x, residual, vector(found.gamma), vector(found.beta)];
        for (node, found) in ops.parents.into_iter().zip(found) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, found);
            }
        }
    }
}
