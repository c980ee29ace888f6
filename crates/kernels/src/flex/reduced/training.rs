//! Products in training: weights are packed in every pass, because they change in every step.

use std::cell::Cell;
use std::sync::Arc;

use burn::backend::flex::FlexTensor;

use super::{Packed, Panels};
use crate::flex::linear::LinearLayer;

/// The number format of a block's products in training; in the backward pass it is that of the
/// forward pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Products {
    #[default]
    F32,
    Bf16,
}

thread_local! {
    /// What this thread's layers have in training.
    static CURRENT: Cell<Products> = const { Cell::new(Products::F32) };
}

/// Calls `work`, in which blocks on this thread have these products.
pub(crate) fn in_training<R>(products: Products, work: impl FnOnce() -> R) -> R {
    /// Restores what was there before, also after a panic.
    struct Before(Products);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = Before(CURRENT.replace(products));
    work()
}

impl Products {
    /// Those of the blocks that this thread creates.
    pub(in crate::flex) fn current() -> Self {
        CURRENT.get()
    }

    pub(in crate::flex) fn are_bf16(self) -> bool {
        self == Self::Bf16
    }

    /// Weights, `[input, output]`, packed for this pass; what is packed for scoring stays.
    pub(in crate::flex) fn packed<const N: usize>(
        self,
        for_scoring: [Option<Arc<Packed>>; N],
        weights: [&FlexTensor; N],
    ) -> [Option<Arc<Packed>>; N] {
        match self {
            Self::F32 => for_scoring,
            Self::Bf16 => weights.map(|weight| {
                let matrix = LinearLayer::new(weight, None).matrix();
                Some(Arc::new(Packed::Bf16(Panels::bf16_in_tasks(matrix))))
            }),
        }
    }
}
