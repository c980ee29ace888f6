//! The packed weights of a model.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::module::ParamId;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::{Packed, Products};
use crate::Precision;
use crate::flex::buffer::{contiguous, values};
use crate::flex::linear::LinearLayer;

/// Packs weights at their first use, and keeps them.
#[derive(Debug)]
pub(crate) struct Packer {
    precision: Precision,
    weights: Mutex<HashMap<ParamId, Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// What was packed. While it is held, no other tensor has its memory.
    weight: FlexTensor,
    packed: Arc<Packed>,
}

thread_local! {
    /// What packs the weights of the model that this thread computes.
    static CURRENT: RefCell<Option<Arc<Packer>>> = const { RefCell::new(None) };
}

impl Packer {
    pub(crate) fn new(precision: Precision) -> Self {
        Self {
            precision,
            weights: Mutex::default(),
        }
    }

    /// The packed weight of a layer. A weight that has changed is packed anew.
    fn packed(&self, layer: &Linear) -> Option<Arc<Packed>> {
        let weight = layer.weight.val().try_into_primitive::<Flex>().ok()?;
        let weight = contiguous(weight);
        let mut weights = self.weights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = weights.get(&layer.weight.id)
            && std::ptr::eq(values(&kept.weight), values(&weight))
        {
            return Some(kept.packed.clone());
        }
        let matrix = LinearLayer::new(&weight, None).matrix();
        let packed = match self.precision {
            Precision::F32 | Precision::F16 => return None,
            Precision::Bf16 => Arc::new(Packed::bf16(matrix)),
            Precision::Int8 => Arc::new(Packed::int8(matrix)),
        };
        let kept = Kept {
            weight,
            packed: packed.clone(),
        };
        weights.insert(layer.weight.id, kept);
        Some(packed)
    }
}

/// Calls `work`, in which layers on this thread have packed weights if there is what packs them, whatever
/// they had before: a thread that awaits the tasks of one model may begin with another's.
pub(crate) fn during<R>(packer: Option<&Arc<Packer>>, work: impl FnOnce() -> R) -> R {
    /// Restores what was there before, also after a panic.
    struct Before(Option<Arc<Packer>>);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _before = Before(CURRENT.replace(packer.cloned()));
    work()
}

/// The packed weight of a layer that is applied to `x`; `None` where products are in f32.
pub(in crate::flex) fn packed<const D: usize>(
    layer: &Linear,
    x: &Tensor<D>,
) -> Option<Arc<Packed>> {
    current(x)?.packed(layer)
}

/// How products of states, such as those of attention, are computed.
pub(in crate::flex) fn of_attention<const D: usize>(x: &Tensor<D>) -> Products {
    if current(x).is_some() && super::has_bf16() {
        Products::Bf16
    } else {
        Products::current()
    }
}

fn current<const D: usize>(x: &Tensor<D>) -> Option<Arc<Packer>> {
    CURRENT
        .with_borrow(Clone::clone)
        .filter(|_| !x.device().is_autodiff())
}
