//! The number format of matrix products in training.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, FloatDType};
use serde::{Deserialize, Serialize};

use crate::casts;
#[cfg(feature = "flex")]
use crate::flex;

/// Number format of the products of linear layers and attention in training, forward and backward.
/// Weights, gradients and everything else are in `f32`.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::{Device, Tensor};
/// use gradus_kernels::{TrainingPrecision, linear};
///
/// let device = Device::flex().autodiff();
/// let layer = LinearConfig::new(64, 32).init(&device);
/// let x = Tensor::<3>::ones([1, 4, 64], &device);
/// let precision = TrainingPrecision::Bf16.on(&device).expect("a device of the CPU");
/// let found = precision.during(|| linear(&layer, x.clone()));
/// let exact = linear(&layer, x);
/// assert!((found - exact).abs().max().into_scalar::<f32>() < 0.05);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrainingPrecision {
    /// 32-bit floats.
    #[default]
    F32,
    /// Factors rounded to bfloat16, 8 significant bits, with sums in `f32`. On a GPU, results are rounded, too.
    Bf16,
}

impl TrainingPrecision {
    /// The names, in order.
    pub const NAMES: [&'static str; 2] = ["f32", "bf16"];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// In which precision a device computes when it is told this one: `F32` on a CPU without AVX512-BF16.
    /// `None` for `Bf16` on another device that does not support its numbers.
    #[must_use]
    pub fn on(self, device: &Device) -> Option<Self> {
        let has_bf16 = cfg_select! {
            feature = "flex" => crate::are_fused(device) && flex::has_bf16(),
            _ => false,
        };
        let is_supported = || device.supports_dtype(FloatDType::BF16);
        self.given(crate::is_cpu(device), has_bf16, is_supported)
    }

    fn given(self, is_cpu: bool, has_bf16: bool, is_supported: impl Fn() -> bool) -> Option<Self> {
        match self {
            Self::Bf16 if is_cpu && !has_bf16 => Some(Self::F32),
            Self::Bf16 if !is_cpu && !is_supported() => None,
            precision => Some(precision),
        }
    }

    /// Calls `work`, in which layers on this thread have products in this precision, and so has the
    /// backward pass of what they compute.
    ///
    /// # Panics
    /// A layer panics if it computes in `Bf16` on a machine without such products: see [`on`](Self::on).
    pub fn during<R>(self, work: impl FnOnce() -> R) -> R {
        if self == Self::F32 {
            return work();
        }
        let work = || casts::in_training(FloatDType::BF16, work);
        cfg_select! {
            feature = "flex" => flex::in_training(flex::Products::Bf16, work),
            _ => work(),
        }
    }
}

impl fmt::Display for TrainingPrecision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for TrainingPrecision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err("expected f32 or bf16".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TrainingPrecision::{Bf16, F32};
    use super::*;

    #[test]
    fn a_cpu_without_bf16_computes_in_f32_and_other_devices_refuse() {
        for [is_cpu, has, supports] in [[true; 3], [true, false, true], [false; 3]] {
            assert_eq!(F32.given(is_cpu, has, || supports), Some(F32));
        }
        assert_eq!(Bf16.given(true, true, || false), Some(Bf16));
        assert_eq!(Bf16.given(true, false, || true), Some(F32));
        assert_eq!(Bf16.given(false, true, || false), None);
        assert_eq!(Bf16.given(false, false, || true), Some(Bf16));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in TrainingPrecision::NAMES {
            assert_eq!(name.parse::<TrainingPrecision>().unwrap().name(), name);
        }
        let error = "int8".parse::<TrainingPrecision>().unwrap_err();
        assert_eq!(error, "expected f32 or bf16");
    }
}
