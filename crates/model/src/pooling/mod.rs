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
mod tests {
    use burn::module::Module;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::activation::sigmoid;
    use burn::tensor::{Bool, Device, Distribution, Int, TensorData, Tolerance};
    use proptest::prelude::*;

    use super::*;

    /// Two rows of four tokens with two features.
    fn hidden(device: &Device) -> Tensor<3> {
        Tensor::from_data(
            [
                [[1.0, 8.0], [3.0, 6.0], [5.0, -1.0], [7.0, 0.5]],
                [[-1.0, -2.0], [-3.0, -4.0], [9.0, 9.0], [9.0, 9.0]],
            ],
            device,
        )
    }

    fn pool(pooling: &Pooling, hidden: Tensor<3>, spans: Tensor<3, Int>) -> Tensor<3> {
        let [_, _, d_model] = hidden.dims();
        let device = hidden.device();
        let query: Vec<f32> = (0..d_model).map(|k| 0.3 - 0.5 * k as f32).collect();
        let query = Tensor::<1>::from_floats(query.as_slice(), &device);
        let queries = |query: Tensor<1>| {
            let scaled = |by: f64| query.clone() * by;
            Tensor::stack(vec![scaled(0.1), scaled(-0.2), scaled(0.3), scaled(0.0)], 0)
        };
        let pooler = match pooling {
            Pooling::Attention => AttentionPooling::with_query(query).into(),
            Pooling::MultiAttention => MultiAttentionPooling::with_queries(queries(query)).into(),
            kind => Pooler::new(kind, d_model, &device),
        };
        pooler.forward(TokenStates::of_responses(hidden, spans))
    }

    #[test]
    fn attention_is_a_softmax_over_the_segment_and_the_mean_at_birth() {
        let device = Device::flex();
        let weight = |h: [f64; 2]| ((0.3 * h[0] - 0.2 * h[1]) / 2f64.sqrt()).exp();
        let (first, second) = (weight([3.0, 6.0]), weight([5.0, -1.0]));
        let expected = (3.0 * first + 5.0 * second) / (first + second);
        let pooled = pool(&Pooling::Attention, hidden(&device), spans(&device));
        let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
        assert!((f64::from(pooled[0]) - expected).abs() < 1e-5, "{pooled:?}");
        let newborn = |kind| {
            let pooler = Pooler::new(&kind, 2, &device);
            let states = TokenStates::of_responses(hidden(&device), spans(&device));
            pooler.forward(states).into_data()
        };
        newborn(Pooling::Attention)
            .assert_approx_eq::<f32>(&newborn(Pooling::Mean), Tolerance::absolute(1e-6));
    }

    #[test]
    fn attention_survives_scores_that_are_far_apart() {
        let device = Device::flex();
        let hidden = hidden(&device) * 1e5;
        let pooled = pool(&Pooling::Attention, hidden, spans(&device));
        let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
        assert!(pooled.iter().all(|value| value.is_finite()), "{pooled:?}");
    }

    #[test]
    fn several_queries_give_an_average_each() {
        let device = Device::flex();
        let mean = |weight: fn(f64) -> f64| {
            // Products of the two states of the first segment with the query (0.3, -0.2).
            let (first, second) = (weight(0.3 * 3.0 - 0.2 * 6.0), weight(0.3 * 5.0 + 0.2));
            (3.0 * first + 5.0 * second) / (first + second)
        };
        let pooled = pool(&Pooling::MultiAttention, hidden(&device), spans(&device));
        assert_eq!(pooled.dims(), [2, 2, 8]);
        let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
        let expected = [
            mean(|product| (0.1 * product).exp()),
            mean(|product| (-0.2 * product).exp()),
            mean(|product| (0.3 * product).exp()),
            4.0,
        ];
        for (query, expected) in expected.into_iter().enumerate() {
            let found = f64::from(pooled[2 * query]);
            assert!((found - expected).abs() < 1e-5, "{query}: {found}");
        }
        let newborn = MultiAttentionPooling::new(64, &device);
        let spread = newborn.queries().var(1).sqrt().into_data();
        for spread in spread.iter::<f32>() {
            assert!((0.01..0.03).contains(&spread), "{spread}");
        }
    }

    #[test]
    fn context_is_the_segment_beside_prompt_and_response() {
        let device = Device::flex();
        let states = TokenStates {
            hidden: hidden(&device),
            segment_spans: Tensor::from_data([[[2, 3], [0, 0]], [[1, 2], [0, 0]]], &device),
            type_ids: Tensor::from_data([[0, 0, 1, 1], [1, 1, 0, 0]], &device),
            mask_pad: Tensor::from_data([[false; 4], [false, false, true, true]], &device),
        };
        let pooled = Pooler::new(&Pooling::Context, 2, &device).forward(states);
        let expected = TensorData::from([
            // Segment, prompt, response, segment · prompt, segment · response.
            [
                [5.0, -1.0, 2.0, 7.0, 6.0, -0.25, 10.0, -7.0, 30.0, 0.25],
                [0.0; 10],
            ],
            // No prompt.
            [
                [-3.0, -4.0, 0.0, 0.0, -2.0, -3.0, 0.0, 0.0, 6.0, 12.0],
                [0.0; 10],
            ],
        ]);
        let tolerance = Tolerance::<f32>::absolute(1e-5);
        pooled.into_data().assert_approx_eq(&expected, tolerance);
    }

    fn spans(device: &Device) -> Tensor<3, Int> {
        Tensor::from_data([[[1, 3], [3, 4]], [[0, 2], [0, 0]]], device)
    }

    #[test]
    fn each_kind_pools_the_tokens_of_the_segment_only() {
        let device = Device::flex();
        for (pooling, expected) in [
            (
                Pooling::Mean,
                [[[4.0, 2.5], [7.0, 0.5]], [[-2.0, -3.0], [0.0, 0.0]]],
            ),
            (
                Pooling::Last,
                [[[5.0, -1.0], [7.0, 0.5]], [[-3.0, -4.0], [0.0, 0.0]]],
            ),
            (
                Pooling::First,
                [[[3.0, 6.0], [7.0, 0.5]], [[-1.0, -2.0], [0.0, 0.0]]],
            ),
            (
                Pooling::Max,
                [[[5.0, 6.0], [7.0, 0.5]], [[-1.0, -2.0], [0.0, 0.0]]],
            ),
        ] {
            let pooled = pool(&pooling, hidden(&device), spans(&device)).into_data();
            pooled.assert_approx_eq::<f32>(&TensorData::from(expected), Tolerance::absolute(1e-6));
        }
    }

    /// The gradient of a fixed weighted sum of the pooled states, weights 1, 2, 3, ..
    fn objective(pooling: &Pooling, hidden: Tensor<3>, spans: Tensor<3, Int>) -> Tensor<1> {
        let pooled = pool(pooling, hidden, spans);
        let shape = pooled.dims();
        let num_weights = i64::try_from(shape.iter().product::<usize>()).unwrap();
        let weights = Tensor::<1, Int>::arange(1..num_weights + 1, &pooled.device());
        (pooled * weights.float().reshape(shape)).sum()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let plain = Device::flex();
        let autodiff = plain.clone().autodiff();
        let values: Vec<f32> = hidden(&plain).into_data().try_into_vec().unwrap();
        for pooling in Pooling::ALL {
            // Sums and maxima alone are piecewise linear functions of the states.
            let (step, tolerance) = match pooling {
                Pooling::Attention => (0.02, 0.05),
                Pooling::MultiAttention => (0.02, 0.2),
                Pooling::Context => (0.25, 0.05),
                _ => (0.25, 1e-3),
            };
            let input = hidden(&autodiff).require_grad();
            let gradients = objective(pooling, input.clone(), spans(&autodiff)).backward();
            let gradient: Vec<f32> = input
                .grad(&gradients)
                .unwrap()
                .into_data()
                .try_into_vec()
                .unwrap();
            for index in 0..values.len() {
                let shifted = |by: f32| {
                    let mut values = values.clone();
                    values[index] += by;
                    let hidden = Tensor::from_data(TensorData::new(values, [2, 4, 2]), &plain);
                    objective(pooling, hidden, spans(&plain)).into_scalar::<f32>()
                };
                let difference = (shifted(step) - shifted(-step)) / (2.0 * step);
                assert!(
                    (gradient[index] - difference).abs() < tolerance,
                    "{pooling:?}, value {index}: gradient {}, difference {difference}",
                    gradient[index]
                );
            }
        }
    }

    #[test]
    fn a_batch_of_absent_segments_pools_to_zeros_with_a_zero_gradient() {
        let device = Device::flex().autodiff();
        for pooling in Pooling::ALL {
            let input = hidden(&device).require_grad();
            let pooled = pool(pooling, input.clone(), Tensor::zeros([2, 3, 2], &device));
            let gradients = pooled.clone().square().sum().backward();
            let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
            assert_eq!(pooled, vec![0.0; 6 * pooling.d_output(2)], "{pooling:?}");
            let gradient: Vec<f32> = input
                .grad(&gradients)
                .unwrap()
                .into_data()
                .try_into_vec()
                .unwrap();
            assert_eq!(gradient, [0.0; 16], "{pooling:?}");
        }
    }

    /// The mean, gated by the prompt.
    #[derive(Module, Debug)]
    struct PromptGate {
        gate: Linear,
    }

    impl SegmentPooling for PromptGate {
        fn reads_prompt(&self) -> bool {
            true
        }
        fn forward(&self, states: TokenStates) -> Tensor<3> {
            let prompt = states.mean_of(states.in_prompt());
            states.mean_of(states.in_segments()) * sigmoid(self.gate.forward(prompt))
        }
    }

    #[test]
    fn a_pooling_of_another_program_sees_prompt_and_padding() {
        let device = Device::flex();
        let pooler = Pooler::from(PromptGate {
            gate: LinearConfig::new(2, 2).init(&device),
        });
        assert!(pooler.reads_prompt() && !Pooler::new(&Pooling::Mean, 2, &device).reads_prompt());
        assert!(pooler.get::<PromptGate>().is_some() && pooler.get::<MeanPooling>().is_none());
        let pool = |hidden: Tensor<3>| {
            let type_ids = Tensor::<2, Int>::from_data([[0, 1, 1, 1], [1, 1, 0, 0]], &device);
            let padding = [[false; 4], [false, false, true, true]];
            pooler.forward(TokenStates {
                mask_pad: Tensor::<2, Bool>::from_data(padding, &device),
                segment_spans: spans(&device),
                type_ids,
                hidden,
            })
        };
        let changed = |row: usize, token: usize| {
            let mark = Tensor::<3>::ones([1, 1, 2], &device);
            let moved = hidden(&device).slice_assign([row..row + 1, token..token + 1, 0..2], mark);
            let (before, after) = (pool(hidden(&device)), pool(moved));
            let difference = (before - after).abs().sum_dim(2).sum_dim(1);
            difference.into_data().iter::<f32>().collect::<Vec<_>>()
        };
        let is_zero = |value: f32| value.abs() < f32::MIN_POSITIVE;
        // A token of the prompt moves the segments of its own response.
        let prompt = changed(0, 0);
        assert!(!is_zero(prompt[0]) && is_zero(prompt[1]));
        // Padding moves nothing, though its type is that of the prompt.
        assert!(changed(1, 3).into_iter().all(is_zero));
    }

    #[test]
    fn names_are_lowercase_words() {
        let names = serde_json::to_string(Pooling::ALL).unwrap();
        let expected = r#"["mean","last","first","max","attention","multi-attention","context"]"#;
        assert_eq!(names, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn tokens_outside_of_a_segment_do_not_matter(
            start in 0_i32..5, length in 1_i32..5, padding in 0_i32..4,
        ) {
            let device = Device::flex();
            let inside = Tensor::<3>::random([1, length, 3], Distribution::Default, &device);
            let before = Tensor::random([1, start, 3], Distribution::Default, &device);
            let after = Tensor::random([1, padding, 3], Distribution::Default, &device);
            for pooling in Pooling::ALL.iter().filter(|pooling| **pooling != Pooling::Context) {
                let alone = Tensor::from_data([[[0, length]]], &device);
                let alone = pool(pooling, inside.clone(), alone);
                let mut parts = vec![inside.clone()];
                if start > 0 { parts.insert(0, before.clone()); }
                if padding > 0 { parts.push(after.clone()); }
                let within = Tensor::from_data([[[start, start + length]]], &device);
                let within = pool(pooling, Tensor::cat(parts, 1), within);
                within.into_data().assert_approx_eq::<f32>(
                    &alone.into_data(), Tolerance::absolute(1e-6));
            }
        }
    }
}
