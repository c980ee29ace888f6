//! The number format of matrix products in inference.

use std::fmt;
use std::str::FromStr;
#[cfg(feature = "flex")]
use std::sync::Arc;

use burn::tensor::{Device, FloatDType};
use serde::{Deserialize, Serialize};

use crate::casts;
#[cfg(feature = "flex")]
use crate::flex;

/// Number format of the matrix products in inference. Everything else is computed in `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// Factors rounded to bfloat16, 8 significant bits, with sums in `f32`. On a device without fused blocks, results are
    /// rounded, too.
    Bf16,
    /// Factors and results rounded to 16-bit floats, 11 significant bits and values up to 65,504: for devices without fused
    /// blocks.
    F16,
    /// Layers in bytes with exact sums: every column of a weight in 255 steps of its own, every row of the
    /// other factor in 256, so that a row does not depend on the others. The products of attention are in
    /// bfloat16 where the processor has it, otherwise in `f32`.
    Int8,
}

impl Precision {
    /// The names, in order.
    pub const NAMES: [&'static str; 4] = ["f32", "bf16", "f16", "int8"];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// In which precision a device computes when it is told this one: `F32` if it has no such
    /// products. With fused blocks ([`are_fused`](crate::are_fused)) there is `int8`, and `bf16` on a processor with
    /// AVX512-BF16; another device than the processor has `bf16` and `f16` where it supports their numbers.
    #[must_use]
    pub fn on(self, device: &Device) -> Self {
        let has_bf16 = cfg_select! {
            feature = "flex" => flex::has_bf16(),
            _ => false,
        };
        let is_supported = |dtype| !crate::is_cpu(device) && device.supports_dtype(dtype);
        self.given(crate::are_fused(device), has_bf16, is_supported)
    }

    fn given(
        self,
        are_fused: bool,
        has_bf16: bool,
        is_supported: impl Fn(FloatDType) -> bool,
    ) -> Self {
        let is_there = match (self, are_fused) {
            (Self::F32, _) | (Self::Int8, true) => true,
            (Self::Bf16, true) => has_bf16,
            (Self::F16, true) | (Self::Int8, false) => false,
            (Self::Bf16, false) => is_supported(FloatDType::BF16),
            (Self::F16, false) => is_supported(FloatDType::F16),
        };
        if is_there { self } else { Self::F32 }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "f16" => Ok(Self::F16),
            "int8" => Ok(Self::Int8),
            _ => Err("expected f32, bf16, f16 or int8".to_owned()),
        }
    }
}

/// The weights of a model's linear layers for inference in a [`Precision`]: packed when a layer is first
/// used, and kept beside the model's own. Clones share them.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::{Device, Tensor};
/// use gradus_kernels::{Precision, ScoringWeights, linear};
///
/// let device = Device::flex();
/// let layer = LinearConfig::new(64, 32).init(&device);
/// let x = Tensor::<3>::ones([1, 4, 64], &device);
/// let weights = ScoringWeights::new(Precision::Bf16, &device);
/// let found = weights.during(|| linear(&layer, x.clone()));
/// let exact = linear(&layer, x);
/// assert!((found - exact).abs().max().into_scalar::<f32>() < 0.05);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ScoringWeights {
    precision: Precision,
    /// The format of products that are not fused; `None`: `f32`.
    format: Option<FloatDType>,
    /// Whether the device is known to have fused blocks, without gradients.
    #[cfg(feature = "flex")]
    is_fused: bool,
    #[cfg(feature = "flex")]
    packer: Option<Arc<flex::Packer>>,
}

impl ScoringWeights {
    /// Weights for a model on `device`, in the [precision that it has](Precision::on).
    pub fn new(precision: Precision, device: &Device) -> Self {
        let precision = precision.on(device);
        let are_fused = crate::are_fused(device);
        let format = match precision {
            Precision::Bf16 if !are_fused => Some(FloatDType::BF16),
            Precision::F16 => Some(FloatDType::F16),
            _ => None,
        };
        Self {
            precision,
            format,
            #[cfg(feature = "flex")]
            is_fused: are_fused && !device.is_autodiff(),
            #[cfg(feature = "flex")]
            packer: (are_fused && precision != Precision::F32)
                .then(|| Arc::new(flex::Packer::new(precision))),
        }
    }

    /// The precision of the products.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Calls `work`, in which layers on this thread have products in this precision. On an autodiff
    /// device they stay in `f32`.
    pub fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        let work = || casts::in_scoring(self.format, work);
        cfg_select! {
            feature = "flex" => flex::during(self.packer.as_ref(), work),
            _ => work(),
        }
    }

    /// The same for `work` on so many tokens. Little work on a device with fused blocks is done on one of
    /// the threads that compute, so that none of its blocks wakes and awaits them anew.
    #[cfg_attr(
        not(feature = "flex"),
        expect(unused_variables, reason = "no device has them")
    )]
    pub fn during_tokens<R: Send>(&self, tokens: usize, work: impl FnOnce() -> R + Send) -> R {
        #[cfg(feature = "flex")]
        if self.is_fused && tokens <= flex::FEW_TOKENS {
            return flex::among_workers(|| self.during(work));
        }
        self.during(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_does_not_have_is_computed_in_f32() {
        use Precision::{Bf16, F16, F32, Int8};
        let all = [F32, Bf16, F16, Int8];
        let given = |are_fused, has_bf16, supported: &[FloatDType]| {
            all.map(|precision| {
                precision.given(are_fused, has_bf16, |dtype| supported.contains(&dtype))
            })
        };
        let both = [FloatDType::BF16, FloatDType::F16];
        assert_eq!(given(true, true, &both), [F32, Bf16, F32, Int8]);
        assert_eq!(given(true, false, &[]), [F32, F32, F32, Int8]);
        assert_eq!(given(false, true, &[]), [F32; 4]);
        assert_eq!(
            given(false, false, &[FloatDType::F16]),
            [F32, F32, F16, F32]
        );
        assert_eq!(given(false, false, &both), [F32, Bf16, F16, F32]);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in Precision::NAMES {
            assert_eq!(name.parse::<Precision>().unwrap().name(), name);
        }
        let error = "int4".parse::<Precision>().unwrap_err();
        assert_eq!(error, "expected f32, bf16, f16 or int8");
    }
}
