//! Rows of a table, each as often as its id is there.

use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::TensorMetadata;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};

use super::{Tracked, parts, record};
use crate::ops::flex::buffer::{contiguous, tensor, values};
use crate::ops::flex::{self, embedding};

pub(super) fn forward<C: CheckpointStrategy>(table: Tracked, ids: Arc<[usize]>) -> Tracked {
    let ([table], nodes) = parts([table]);
    let out = flex::embed(&table, &ids);
    let [rows, _] = table.shape().dims();
    record::<C, _, _>(Step, nodes, (ids, rows), out)
}

#[derive(Debug)]
struct Step;

impl Backward<Flex, 1> for Step {
    /// The ids, and the number of the table's rows.
    type State = (Arc<[usize]>, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let (ids, rows) = ops.state;
        if let [Some(node)] = ops.parents {
            let width = flex::last(&gradient);
            let found = embedding::backward(values(&gradient), &ids, rows, width);
            grads.register::<Flex>(node.id, tensor(found, [rows, width].into()));
        }
    }
}
