//! Encoders of other programs by name, in run configurations and bundles.

use burn::tensor::Device;
use gradus_parts::{OwnPart, PartConflict, PartInfo, read_settings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Encoder, EncoderConfig, EncoderSizes, TokenEncoder, checks};
use crate::error::ConfigProblem;
use crate::named::{Named, Role, Written, checked};

/// A [`TokenEncoder`] that run configurations and bundles name:
///
/// ```toml
/// [scratch]
/// tokens = "bytes"
/// encoder = { kind = "byte-convolution", width = 64 }
/// ```
///
/// [`register_encoder`] makes it known. A program that does not know it refuses a bundle that has it, and no
/// bundle with it can be exported.
pub trait NamedEncoder: TokenEncoder {
    /// What may be set, by key; `()` for nothing. Defaults are those of serde. No key is called as one of
    /// [`EncoderInput`].
    type Settings: Serialize + DeserializeOwned + 'static;

    /// Its name: lower-case letters, digits and `-`, other than those of
    /// [`EncoderConfig::MODEL_TYPES`].
    const KIND: &'static str;

    /// What it is, in a few words.
    const ABOUT: &'static str;

    /// Grows when a bundle of an older version would be misread. Default: 1.
    const VERSION: u32 = 1;

    /// Refuses settings out of range. Default: accepts all.
    ///
    /// # Errors
    /// The setting, what was found and what was expected.
    fn check(settings: &Self::Settings) -> Result<(), ConfigProblem> {
        let _ = settings;
        Ok(())
    }

    /// Width of a token's state, above 0.
    fn d_model(settings: &Self::Settings) -> usize;

    /// Whether no state depends on later tokens. Default: false.
    fn is_causal(settings: &Self::Settings) -> bool {
        let _ = settings;
        false
    }

    /// How many 32-bit values a training step keeps of a token in a sequence of `seq_length` tokens, for
    /// [estimates of memory](crate::RewardModelConfig::memory): inputs and outputs of layers, attention scores.
    /// Default: `None`, estimated from the shapes of the weights, which knows of no attention scores.
    fn values_per_token(settings: &Self::Settings, seq_length: usize) -> Option<f64> {
        let _ = (settings, seq_length);
        None
    }

    /// The module with random weights.
    fn init(settings: &Self::Settings, input: &EncoderInput, device: &Device) -> Self;
}

/// What an encoder of another program reads, and the dropout of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EncoderInput {
    /// Number of token ids; every id is smaller.
    pub vocab_size: usize,
    /// Longest sequence, in tokens.
    pub max_positions: usize,
    /// Dropout probability of hidden states, in `[0, 1)`; an encoder may have none.
    #[serde(default)]
    pub dropout: f64,
    /// Dropout probability of attention, in `[0, 1)`; an encoder may have none.
    #[serde(default)]
    pub attention_dropout: f64,
}

/// The configuration of an encoder of another program; made by [`EncoderConfig::own`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnEncoderConfig {
    #[serde(flatten)]
    input: EncoderInput,
    #[serde(flatten)]
    part: OwnPart,
}

#[derive(Clone, Copy)]
struct Calls {
    d_model: fn(Written) -> Option<usize>,
    is_causal: fn(Written) -> Option<bool>,
    values_per_token: fn(Written, usize) -> Option<Option<f64>>,
    init: fn(Written, &EncoderInput, &Device) -> Option<Encoder>,
}

static ENCODERS: Role<Calls> = Role::new("encoder", names);

fn names() -> Vec<String> {
    let own = ENCODERS.known.all().into_iter().map(|known| known.kind);
    let all = EncoderConfig::MODEL_TYPES.iter().copied().chain(own);
    all.map(|name| format!("`{name}`")).collect()
}

/// Makes an encoder known by its name, to this whole process. A second time changes nothing.
///
/// # Errors
/// If another encoder has the name, or it has other characters than lower-case letters, digits and `-`.
pub fn register_encoder<E: NamedEncoder>() -> Result<(), PartConflict> {
    let info = PartInfo::new(E::KIND, E::ABOUT).with_version(E::VERSION);
    let calls = Calls {
        d_model: |settings| Some(E::d_model(&read_settings(settings).ok()?)),
        is_causal: |settings| Some(E::is_causal(&read_settings(settings).ok()?)),
        values_per_token: |settings, seq_length| {
            Some(E::values_per_token(
                &read_settings(settings).ok()?,
                seq_length,
            ))
        },
        init: |settings, input, device| {
            let settings = read_settings(settings).ok()?;
            Some(E::init(&settings, input, device).into())
        },
    };
    let check = |settings| checked(&format!("encoder.{}", E::KIND), settings, E::check);
    let is_taken = EncoderConfig::MODEL_TYPES.contains(&E::KIND);
    ENCODERS
        .known
        .add::<E>(info, Named { check, calls }, is_taken)
}

/// The encoders of other programs that this process knows.
pub fn registered_encoders() -> Vec<PartInfo> {
    ENCODERS.known.all()
}

impl EncoderConfig {
    /// The configuration of a [`NamedEncoder`], for so many token ids and sequences of so many tokens.
    ///
    /// # Errors
    /// If this program does not know it, or its settings are wrong.
    pub fn own(
        part: &OwnPart,
        vocab_size: usize,
        max_positions: usize,
    ) -> Result<Self, ConfigProblem> {
        let input = EncoderInput {
            vocab_size,
            max_positions,
            dropout: 0.0,
            attention_dropout: 0.0,
        };
        let part = ENCODERS.resolved(part)?;
        let config = OwnEncoderConfig { input, part };
        config.check()?;
        Ok(Self::Own(config))
    }
}

impl OwnEncoderConfig {
    /// Its name.
    pub fn kind(&self) -> &str {
        &self.part.kind
    }

    pub(super) fn check(&self) -> Result<(), ConfigProblem> {
        ENCODERS.resolved(&self.part)?;
        let sizes = self.sizes();
        checks::sizes(&[
            ("vocab_size", sizes.vocab_size),
            ("d_model", sizes.d_model),
            ("max_positions", sizes.max_positions),
        ])
    }

    pub(super) fn set_dropout(&mut self, hidden: f64, attention: f64) {
        self.input.dropout = hidden;
        self.input.attention_dropout = attention;
    }

    /// What is known of its sizes.
    pub(super) fn sizes(&self) -> EncoderSizes {
        EncoderSizes {
            vocab_size: self.input.vocab_size,
            num_token_types: None,
            max_positions: self.input.max_positions,
            d_model: ENCODERS.call(&self.part, |calls, settings| (calls.d_model)(settings)),
            num_layers: 0,
            num_heads: 1,
            d_feed_forward: 0,
        }
    }

    /// See [`NamedEncoder::values_per_token`].
    pub(crate) fn values_per_token(&self, seq_length: usize) -> Option<f64> {
        ENCODERS.call(&self.part, |calls, settings| {
            (calls.values_per_token)(settings, seq_length)
        })
    }

    pub(super) fn is_causal(&self) -> bool {
        ENCODERS.call(&self.part, |calls, settings| (calls.is_causal)(settings))
    }

    pub(super) fn init(&self, device: &Device) -> Encoder {
        ENCODERS.call(&self.part, |calls, settings| {
            (calls.init)(settings, &self.input, device)
        })
    }
}
