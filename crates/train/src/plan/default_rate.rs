//! The learning rate of a run that sets none.

use gradus_model::PretrainedEncoder;

use super::{EncoderSource, ScratchOptions, SourceBundle};
use crate::Result;

/// Rate of models of other programs, and of their encoders from scratch.
pub(super) const OF_OWN: f64 = 5e-5;

/// The peak learning rate of an encoder with states of width `d_model`, where a run sets none: 1e-4 up to a width of
/// 384 (MiniLM), 5e-5 from 768 (BERT-base) on, and in between in inverse proportion to the width, in whole millionths.
pub fn default_learning_rate(d_model: usize) -> f64 {
    let millionths = (38_400 / d_model.max(1)).clamp(50, 100);
    millionths as f64 / 1e6
}

impl EncoderSource {
    /// The peak learning rate of its encoder, where a run sets none: [`default_learning_rate`] of the encoder's width,
    /// 5e-5 for an encoder of another program from scratch, and for a bundle that of [`SourceBundle::train_config`].
    ///
    /// # Errors
    /// [`TrainError::Model`](crate::TrainError::Model) if the settings of the encoder or the bundle cannot be read.
    pub fn learning_rate(&self) -> Result<f64> {
        let d_model = match self {
            Self::Pretrained(directory) => PretrainedEncoder::open(directory)?.config().d_model(),
            Self::Scratch(ScratchOptions {
                encoder: Some(_), ..
            }) => return Ok(OF_OWN),
            Self::Scratch(options) => options.d_model,
            Self::Bundle(directory) => return Ok(SourceBundle::open(directory)?.learning_rate()),
        };
        Ok(default_learning_rate(d_model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_encoders_learn_faster() {
        let rates = [0, 32, 384, 512, 768, 4096].map(default_learning_rate);
        let expected = [1e-4, 1e-4, 1e-4, 7.5e-5, 5e-5, 5e-5];
        assert_eq!(rates.map(f64::to_bits), expected.map(f64::to_bits));
    }
}
