//! Matrix products of factors in 16 bits, on devices without fused blocks.

use std::cell::Cell;
use std::thread::LocalKey;

use burn::nn::Linear;
use burn::tensor::{FloatDType, Tensor, module};

thread_local! {
    /// Number format of the factors of this thread's products in scoring.
    static SCORING: Cell<Option<FloatDType>> = const { Cell::new(None) };
    /// The same in training, where gradients pass through the products.
    static TRAINING: Cell<Option<FloatDType>> = const { Cell::new(None) };
}

/// Calls `work`, in which products on this thread have factors in this format, whatever they had before in scoring. On
/// an autodiff device they stay in `f32`.
pub(crate) fn in_scoring<R>(format: Option<FloatDType>, work: impl FnOnce() -> R) -> R {
    during(&SCORING, format, work)
}

/// Calls `work`, in which products on this thread have factors in this format, and so has the backward pass.
pub(crate) fn in_training<R>(format: FloatDType, work: impl FnOnce() -> R) -> R {
    during(&TRAINING, Some(format), work)
}

fn during<R>(
    cell: &'static LocalKey<Cell<Option<FloatDType>>>,
    format: Option<FloatDType>,
    work: impl FnOnce() -> R,
) -> R {
    /// Restores what was there before, also after a panic.
    struct Before(
        &'static LocalKey<Cell<Option<FloatDType>>>,
        Option<FloatDType>,
    );
    impl Drop for Before {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _before = Before(cell, cell.replace(format));
    work()
}

/// The format of a product with `x`; `None` where it stays in `f32`.
fn current<const D: usize>(x: &Tensor<D>) -> Option<FloatDType> {
    let scoring = SCORING.get().filter(|_| !x.device().is_autodiff());
    scoring.or_else(|| TRAINING.get())
}

/// Whether the factors of a product with `x` are rounded.
pub(crate) fn are_rounded<const D: usize>(x: &Tensor<D>) -> bool {
    current(x).is_some()
}

/// The product of two matrices, in `f32`.
pub(crate) fn matmul<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    match current(&lhs) {
        Some(dtype) => lhs
            .cast(dtype)
            .matmul(rhs.cast(dtype))
            .cast(FloatDType::F32),
        None => lhs.matmul(rhs),
    }
}

/// `x W + b`, or `x W` without a bias, in `f32`.
pub(crate) fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    let Some(dtype) = current(&x) else {
        return layer.forward(x);
    };
    let weight = layer.weight.val().cast(dtype);
    let product = module::linear(x.cast(dtype), weight, None).cast(FloatDType::F32);
    match &layer.bias {
        Some(bias) => product + bias.val().unsqueeze(),
        None => product,
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::{Device, Distribution};

    use super::*;

    const F16: FloatDType = FloatDType::F16;

    fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        (a - b).abs().max().into_scalar::<f32>()
    }

    #[test]
    fn factors_are_rounded_and_the_rest_is_not() {
        let device = Device::flex();
        let x = Tensor::<3>::random([2, 3, 8], Distribution::Uniform(-1.0, 1.0), &device);
        for layer in [
            LinearConfig::new(8, 4),
            LinearConfig::new(8, 4).with_bias(false),
        ] {
            let layer = layer.init(&device);
            let found = in_scoring(Some(F16), || linear(&layer, x.clone()));
            assert_eq!(found.dtype(), x.dtype());
            let distance = distance(found, layer.forward(x.clone()));
            assert!(distance > 0.0 && distance < 0.01, "{distance}");
        }
        let found = in_scoring(Some(F16), || matmul(x.clone(), x.clone().transpose()));
        let distance = distance(found, x.clone().matmul(x.transpose()));
        assert!(distance > 0.0 && distance < 0.01, "{distance}");
    }

    #[test]
    fn gradients_are_in_f32_and_only_training_rounds_on_an_autodiff_device() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(8, 4).init(&device);
        let x = Tensor::<2>::random([3, 8], Distribution::Uniform(-1.0, 1.0), &device);
        let gradient = |out: Tensor<2>| {
            let gradients = out.powf_scalar(2.0).sum().backward();
            layer.weight.val().grad(&gradients).unwrap()
        };
        let exact = gradient(linear(&layer, x.clone()));
        // A model that scores in f32 computes the step.
        let step = || in_scoring(None, || linear(&layer, x.clone()));
        let rounded = gradient(in_training(F16, step));
        assert_eq!(rounded.dtype(), exact.dtype());
        let off = distance(rounded, exact.clone());
        assert!(off > 0.0 && off < 0.05, "{off}");
        let scored = in_scoring(Some(F16), || linear(&layer, x.clone()));
        assert!(distance(gradient(scored), exact) == 0.0);
    }

    #[test]
    fn a_format_ends_with_its_work() {
        in_scoring(Some(F16), || {
            in_scoring(None, || assert_eq!(SCORING.get(), None));
            assert_eq!(SCORING.get(), Some(F16));
        });
        assert_eq!((SCORING.get(), TRAINING.get()), (None, None));
    }
}
