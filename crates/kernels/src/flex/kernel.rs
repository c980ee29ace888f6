//! A fused block as one operation in Burn: computed on Flex, with gradients under autodiff.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, Backend, BackendTensor, Dispatch, DispatchAutodiffContext, DispatchTensor,
    DispatchTensorKind, ExtensionType, Flex, backend_extension,
};
use burn::tensor::Tensor;

use super::buffer::contiguous;

/// A block with `N` input tensors and one output tensor; `self` has its settings.
///
/// Inputs and gradients are contiguous. Gradients have the order of the inputs.
pub(crate) trait Kernel<const N: usize>: Debug + Clone + Send + Sync + 'static {
    /// State saved for the backward pass.
    type Saved: Debug + Clone + Send + 'static;

    /// The output only, if no gradient is needed.
    fn forward(self, inputs: [FlexTensor; N]) -> FlexTensor {
        self.forward_saved(inputs).0
    }

    /// The output and the state saved for the backward pass.
    fn forward_saved(self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::Saved);

    /// Gradients of the inputs, each in its input's shape; one that is not `needed` may be `None`.
    ///
    /// # Shapes
    /// - `gradient`: shape of the output
    fn backward(
        saved: Self::Saved,
        gradient: &FlexTensor,
        needed: [bool; N],
    ) -> [Option<FlexTensor>; N];
}

/// Runs a kernel on tensors of one device for which [`super::runs_on`] is true.
pub(crate) fn run<const N: usize, const D: usize>(
    kernel: impl Kernel<N>,
    inputs: [FloatTensor<Dispatch>; N],
) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::fused(kernel, Inputs(inputs.into())))
}

/// The operation that extends Burn's backends.
#[backend_extension(Flex, Autodiff)]
trait Fused: Backend {
    fn fused<K: Kernel<N>, const N: usize>(
        kernel: K,
        #[extension_type] inputs: Inputs<Self>,
    ) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn fused<K: Kernel<N>, const N: usize>(kernel: K, inputs: Inputs<Self>) -> FlexTensor {
        kernel.forward(inputs.array().map(contiguous))
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn fused<K: Kernel<N>, const N: usize>(kernel: K, inputs: Inputs<Self>) -> FloatTensor<Self> {
        let inputs: [_; N] = inputs.array();
        let nodes = inputs.each_ref().map(FloatTensor::<Self>::node);
        let tensors = inputs.map(|input| contiguous(input.into_primitive()));
        let step = Step(PhantomData::<K>);
        match step.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(ops) => {
                let (out, saved) = kernel.forward_saved(tensors);
                ops.finish(saved, out)
            }
            OpsKind::UnTracked(ops) => ops.finish(kernel.forward(tensors)),
        }
    }
}

/// The inputs of a kernel on a backend. Burn derives [`ExtensionType`] only for structs of tensors,
/// not for lists.
struct Inputs<B: Backend>(Vec<FloatTensor<B>>);

impl<B: Backend> Inputs<B> {
    fn array<const N: usize>(self) -> [FloatTensor<B>; N] {
        let mut inputs = self.0.into_iter();
        std::array::from_fn(|_| inputs.next().expect("as many inputs as the kernel has"))
    }
}

impl<B: Backend> ExtensionType<B> for Inputs<B> {
    type Target = Inputs<Dispatch>;

    fn map_to_dispatch<F>(self, map_kind: F, autodiff: DispatchAutodiffContext) -> Self::Target
    where
        F: Fn(BackendTensor<B>) -> DispatchTensorKind,
    {
        let wrap = |input| DispatchTensor {
            kind: map_kind(BackendTensor::Float(input)),
            autodiff,
        };
        Inputs(self.0.into_iter().map(wrap).collect())
    }

    fn map_from_dispatch<F>(target: Self::Target, unwrap_kind: F) -> Self
    where
        F: Fn(DispatchTensor) -> BackendTensor<B>,
    {
        let unwrap = |input| unwrap_kind(input).float();
        Self(target.0.into_iter().map(unwrap).collect())
    }

    fn routing_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn routing_float_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn autodiff_context(target: &Self::Target) -> DispatchAutodiffContext {
        let contexts = target.0.iter().map(|input| input.autodiff);
        contexts.fold(
            DispatchAutodiffContext::Disabled,
            DispatchAutodiffContext::merge,
        )
    }
}

/// The backward pass of a kernel.
#[derive(Debug)]
struct Step<K>(PhantomData<K>);

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Step<K> {
    type State = K::Saved;

    fn backward(
        self,
        ops: Ops<Self::State, N>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let needed = ops.parents.each_ref().map(Option::is_some);
        let found = K::backward(ops.state, &gradient, needed);
        for (node, found) in ops.parents.into_iter().zip(found) {
            if let (Some(node), Some(found)) = (node, found) {
                grads.register::<Flex>(node.id, found);
            }
        }
    }
}
