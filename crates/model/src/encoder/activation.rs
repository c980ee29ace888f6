//! Activation names in published configurations.

use gradus_kernels::{Activation, GateActivation};

use super::hugging_face::PublishedConfig;
use crate::error::ConfigProblem;

/// An activation with a name in published configurations.
pub(crate) trait PublishedActivation: Sized {
    /// Reads the activation under a key.
    ///
    /// # Errors
    /// If the activation is not supported.
    fn from_published(
        config: &PublishedConfig,
        key: &str,
        default: &str,
    ) -> Result<Self, ConfigProblem>;

    /// The name in published configurations.
    fn published(self) -> &'static str;
}

impl PublishedActivation for Activation {
    fn from_published(
        config: &PublishedConfig,
        key: &str,
        default: &str,
    ) -> Result<Self, ConfigProblem> {
        let expected = "gelu, gelu_new, gelu_pytorch_tanh or relu";
        config.named(key, default, expected, |name| match name {
            "gelu" | "gelu_python" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast"
            | "gelu_accurate" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            _ => None,
        })
    }

    fn published(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_pytorch_tanh",
            Self::Relu => "relu",
        }
    }
}

impl PublishedActivation for GateActivation {
    fn from_published(
        config: &PublishedConfig,
        key: &str,
        default: &str,
    ) -> Result<Self, ConfigProblem> {
        let expected = "silu, swish, gelu, gelu_new or gelu_pytorch_tanh";
        config.named(key, default, expected, |name| match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu" | "gelu_python" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_fast"
            | "gelu_accurate" => Some(Self::GeluTanh),
            _ => None,
        })
    }

    fn published(self) -> &'static str {
        match self {
            Self::Silu => "silu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_pytorch_tanh",
        }
    }
}
