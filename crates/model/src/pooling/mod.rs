//! Pooling: token states to one vector per segment.
//!
//! A pooling is one file here that implements [`SegmentPooling`], and one line in `poolings`.

mod attention;
mod context;
mod max;
mod mean;
mod multi_attention;
mod named;
mod states;
mod token;

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Device, Tensor};
use gradus_parts::OwnPart;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use attention::AttentionPooling;
pub use context::ContextPooling;
pub use max::MaxPooling;
pub use mean::MeanPooling;
pub use multi_attention::MultiAttentionPooling;
pub use named::{NamedPooling, register_pooling, registered_poolings};
pub use states::TokenStates;
pub use token::{FirstPooling, LastPooling};

use crate::erased::{AnyModule, PartModule, module_around};
use crate::error::ConfigProblem;

/// A module that pools the states of a segment's tokens to one vector.
///
/// ```
/// use burn::module::Module;
/// use burn::nn::{Linear, LinearConfig};
/// use burn::tensor::{Device, Tensor, activation::sigmoid};
/// use gradus_model::{SegmentPooling, TokenStates};
///
/// /// The mean of a segment, each feature weighted by a gate that the prompt sets.
/// #[derive(Module, Debug)]
/// struct PromptGate {
///     gate: Linear,
/// }
///
/// impl SegmentPooling for PromptGate {
///     fn reads_prompt(&self) -> bool {
///         true
///     }
///     fn forward(&self, states: TokenStates) -> Tensor<3> {
///         let prompt = states.mean_of(states.in_prompt());
///         states.mean_of(states.in_segments()) * sigmoid(self.gate.forward(prompt))
///     }
/// }
/// ```
pub trait SegmentPooling: PartModule {
    /// Whether it looks at states of the prompt, too. Default: at those of the response only, and the
    /// last layer of the encoder computes no others.
    fn reads_prompt(&self) -> bool {
        false
    }

    /// Pools the token states of each segment. What comes out for a segment must depend neither on
    /// padding nor on the other rows and segments of the batch.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, d_output]`, finite everywhere; zeros, without a gradient,
    ///   for a segment without tokens
    fn forward(&self, states: TokenStates) -> Tensor<3>;
}

/// A [`SegmentPooling`] of any type.
#[derive(Clone)]
pub struct Pooler {
    module: AnyModule,
    calls: Calls,
}

/// The methods of the type in a [`Pooler`].
#[derive(Clone, Copy)]
struct Calls {
    reads_prompt: fn(&AnyModule) -> bool,
    forward: fn(&AnyModule, TokenStates) -> Tensor<3>,
}

module_around!(Pooler);

const ITS_TYPE: &str = "the type that it was made of";

impl<P: SegmentPooling> From<P> for Pooler {
    fn from(pooling: P) -> Self {
        Self {
            module: AnyModule::new(pooling),
            calls: Calls {
                reads_prompt: |module| module.get::<P>().expect(ITS_TYPE).reads_prompt(),
                forward: |module, states| module.get::<P>().expect(ITS_TYPE).forward(states),
            },
        }
    }
}

impl fmt::Debug for Pooler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.module.fmt(formatter)
    }
}

impl Pooler {
    /// A pooler of token states of width `d_model`.
    ///
    /// # Panics
    /// If [`Pooling::check`] fails.
    pub fn new(kind: &Pooling, d_model: usize, device: &Device) -> Self {
        kind.init(d_model, device)
    }

    /// See [`SegmentPooling::reads_prompt`].
    pub fn reads_prompt(&self) -> bool {
        (self.calls.reads_prompt)(&self.module)
    }

    /// Pools the token states of each segment; see [`SegmentPooling::forward`].
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, d_output]`
    pub fn forward(&self, states: TokenStates) -> Tensor<3> {
        (self.calls.forward)(&self.module, states)
    }

    /// The module in it, if it is of this type.
    pub fn get<P: SegmentPooling>(&self) -> Option<&P> {
        self.module.get()
    }
}

macro_rules! poolings {
    ($($(#[$mark:meta])* $kind:ident $name:literal, $about:literal => $init:expr;)+) => {
        /// The method that pools the states of a segment's tokens to one vector.
        #[derive(Debug, Clone, PartialEq, Default)]
        #[non_exhaustive]
        pub enum Pooling {
            $(
                #[doc = concat!($about, ".")]
                $(#[$mark])*
                $kind,
            )+
            /// A [`NamedPooling`] of another program.
            Own(OwnPart),
        }

        impl Pooling {
            /// All kinds, in the order help texts list them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// Its name, as files and the command line write it.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$kind => $name,)+
                    Self::Own(part) => &part.kind,
                }
            }

            /// What it is, in a few words; nothing for one of another program.
            pub fn about(&self) -> &'static str {
                match self {
                    $(Self::$kind => $about,)+
                    Self::Own(_) => "",
                }
            }

            fn init(&self, d_model: usize, device: &Device) -> Pooler {
                match self {
                    Self::Own(part) => named::init(part, d_model, device),
                    $(Self::$kind => {
                        let init: fn(usize, &Device) -> Pooler = $init;
                        init(d_model, device)
                    })+
                }
            }
        }
    };
}

poolings! {
    #[default]
    Mean "mean", "The average over the tokens" => |_, _| MeanPooling::default().into();
    Last "last", "The state of the last token" => |_, _| LastPooling::default().into();
    First "first", "The state of the first token" => |_, _| FirstPooling::default().into();
    Max "max", "The greatest value of each feature over the tokens" => |_, _| MaxPooling::default().into();
    Attention "attention", "An average whose weights are learned" =>
        |d_model, device| AttentionPooling::new(d_model, device).into();
    MultiAttention "multi-attention", "Four averages whose weights are learned, one behind the other" =>
        |d_model, device| MultiAttentionPooling::new(d_model, device).into();
    Context "context", "The averages over segment, prompt and response, and their products" =>
        |_, _| ContextPooling::default().into();
}

impl Pooling {
    /// The names that this program knows: those of [`ALL`](Self::ALL), then those that were registered.
    pub fn names() -> Vec<String> {
        let all = Self::ALL.iter().map(Self::name);
        let added = registered_poolings();
        let added = added.iter().map(|known| known.kind);
        all.chain(added).map(|name| format!("`{name}`")).collect()
    }

    /// Validates the configuration.
    ///
    /// # Errors
    /// A pooling of another program that this one does not know, or its settings.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        self.clone().resolved().map(|_| ())
    }

    /// The same with the version and all settings of a pooling of another program, as bundles have it.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn resolved(self) -> Result<Self, ConfigProblem> {
        match self {
            Self::Own(part) => named::resolved(&part).map(Self::Own),
            known => Ok(known),
        }
    }

    /// Width of a segment's vector.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn d_output(&self, d_model: usize) -> usize {
        match self {
            Self::Own(part) => named::d_output(part, d_model),
            Self::MultiAttention => MultiAttentionPooling::QUERIES * d_model,
            Self::Context => ContextPooling::WIDTH * d_model,
            _ => d_model,
        }
    }

    /// Whether a segment's vector also holds what stands behind the segment, which a decoder's must not.
    pub(crate) fn reads_what_follows(&self) -> bool {
        *self == Self::Context
    }

    /// Whether it is one of this crate with weights of its own.
    pub fn is_trained(&self) -> bool {
        matches!(self, Self::Attention | Self::MultiAttention)
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Pooling {
    type Err = ConfigProblem;

    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let known = Self::ALL.iter().find(|pooling| pooling.name() == text);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        if registered_poolings().iter().any(|known| known.kind == text) {
            return Self::Own(OwnPart::new(text)).resolved();
        }
        Err(ConfigProblem::new(
            "pooling",
            format!("`{text}`"),
            Self::names().join(", "),
        ))
    }
}

impl Serialize for Pooling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(part) => part.serialize(serializer),
            known => serializer.serialize_str(known.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Pooling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a name, or a table with a `kind`")]
        enum Written {
            Text(String),
            Table(OwnPart),
        }
        match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse().map_err(D::Error::custom),
            // Whether it is known is checked with the rest of the configuration.
            Written::Table(part) => Ok(Self::Own(part)),
        }
    }
}

#[cfg(test)]
mod tests;
