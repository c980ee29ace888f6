//! Matrix products of factors in 16 bits, on devices without fused blocks.

use std::cell::Cell;

use burn::nn::Linear;
use burn::tensor::{FloatDType, Tensor, module};

/// Number format of the factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Format {
    pub(crate) dtype: FloatDType,
    /// Whether gradients pass through the products. Otherwise those on an autodiff device stay in `f32`.
    pub(crate) in_training: bool,
}

thread_local! {
    /// What this thread's products have.
    static CURRENT: Cell<Option<Format>> = const { Cell::new(None) };
}

/// Calls `work`, in which products on this thread have factors in this format, whatever they had before.
pub(crate) fn during<R>(format: Option<Format>, work: impl FnOnce() -> R) -> R {
    /// Restores what was there before, also after a panic.
    struct Before(Option<Format>);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = Before(CURRENT.replace(format));
    work()
}

/// The format of a product with `x`; `None` where it stays in `f32`.
fn current<const D: usize>(x: &Tensor<D>) -> Option<FloatDType> {
    let format = CURRENT.get()?;
    (format.in_training || !x.device().is_autodiff()).then_some(format.dtype)
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

    const SCORING: Option<Format> = Some(Format {
        dtype: FloatDType::F16,
        in_training: false,
    });
    const TRAINING: Option<Format> = Some(Format {
        dtype: FloatDType::F16,
        in_training: true,
    });

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
            let found = during(SCORING, || linear(&layer, x.clone()));
            assert_eq!(found.dtype(), x.dtype());
            let distance = distance(found, layer.forward(x.clone()));
            assert!(distance > 0.0 && distance < 0.01, "{distance}");
        }
        let found = during(SCORING, || matmul(x.clone(), x.clone().transpose()));
        let distance = distance(found, x.clone().matmul(x.transpose()));
        assert!(distance > 0.0 && distance < 0.01, "{distance}");
    }

    #[test]
    fn gradients_are_in_f32_and_only_training_rounds_on_an_autodiff_device() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(8, 4).init(&device);
        let x = Tensor::<2>::random([3, 8], Distribution::Uniform(-1.0, 1.0), &device);
        let gradient = |format| {
            let out = during(format, || linear(&layer, x.clone()));
            let gradients = out.powf_scalar(2.0).sum().backward();
            layer.weight.val().grad(&gradients).unwrap()
        };
        let exact = gradient(None);
        let rounded = gradient(TRAINING);
        assert_eq!(rounded.dtype(), exact.dtype());
        let off = distance(rounded, exact.clone());
        assert!(off > 0.0 && off < 0.05, "{off}");
        assert!(distance(gradient(SCORING), exact) == 0.0);
    }

    #[test]
    fn a_format_ends_with_its_work() {
        during(TRAINING, || {
            during(None, || assert_eq!(CURRENT.get(), None));
            assert_eq!(CURRENT.get(), TRAINING);
        });
        assert_eq!(CURRENT.get(), None);
    }
}
