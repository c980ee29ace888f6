//! Chooses the offset of a run, where the settings leave it to the data.

use std::borrow::Cow;
use std::fmt;

use gradus_baselines::OffsetChoice;
use gradus_data::RecordSet;

use super::offsets::{sample, text};
use super::training_ratings::{TrainingRatings, resolve_aspects};
use super::{EncoderSource, OffsetOption, SourceBundle, TrainConfig, TrainingPlan};
use crate::Result;

/// What [`choose_offset`] found: beside what a run is trained, and why, as `Display` says in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenOffset {
    offset: OffsetOption,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq)]
enum Reason {
    /// The name of the loss.
    Logits(String),
    Data(OffsetChoice),
}

impl ChosenOffset {
    /// The setting of the run: not [`OffsetOption::Auto`].
    pub fn offset(&self) -> &OffsetOption {
        &self.offset
    }
}

impl fmt::Display for ChosenOffset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Logits(loss) => write!(
                formatter,
                "none (an offset is in rating units, and the loss `{loss}` in logits)"
            ),
            Reason::Data(choice) => choice.fmt(formatter),
        }
    }
}

/// Chooses a baseline for each aspect, or none: see [`OffsetChoice::of`]. `wanted` are the aspects to train; empty: all
/// that are rated. A split of more than 65,536 records or 256 MiB of text is judged by a sample, the same for the same
/// data. The same data gives the same choice, on every device and wherever the records are kept.
///
/// # Errors
/// - [`TrainError::UnknownAspect`](crate::TrainError::UnknownAspect),
///   [`TrainError::NothingRated`](crate::TrainError::NothingRated): as training has them
/// - if records cannot be read
pub fn choose_offset<R: RecordSet + ?Sized>(
    training: &TrainConfig,
    wanted: &[String],
    train: &R,
    valid: &R,
) -> Result<ChosenOffset> {
    if training.loss.takes_logits() {
        return Ok(ChosenOffset {
            offset: OffsetOption::None,
            reason: Reason::Logits(training.loss.to_string()),
        });
    }
    let (mut ratings, mut records) = (TrainingRatings::default(), 0);
    let (mut of_train, mut of_valid) = (sample(), sample());
    for example in train.records()? {
        let example = example?;
        ratings.add(&example, training);
        records += 1;
        of_train.add(text(&example));
    }
    for example in valid.records()? {
        of_valid.add(text(&*example?));
    }
    let aspects = resolve_aspects(wanted, &ratings.known(), records)?;
    let choice = OffsetChoice::of(&aspects, &of_train.finish(), &of_valid.finish());
    Ok(ChosenOffset {
        offset: choice.kinds().into(),
        reason: Reason::Data(choice),
    })
}

impl TrainingPlan {
    /// The plan with the offset chosen, where that is left to the data.
    pub(crate) fn settled<R: RecordSet + ?Sized>(
        &self,
        train: &R,
        valid: &R,
    ) -> Result<Cow<'_, Self>> {
        if self.training.offset != OffsetOption::Auto {
            return Ok(Cow::Borrowed(self));
        }
        let offset = if let EncoderSource::Bundle(directory) = &self.encoder {
            let source = SourceBundle::open(directory)?;
            source.info().manifest.offset.clone().into()
        } else {
            let chosen = choose_offset(&self.training, &self.text.aspects, train, valid)?;
            chosen.offset
        };
        Ok(Cow::Owned(Self {
            training: self.training.with_offset(offset)?,
            ..self.clone()
        }))
    }
}

#[cfg(test)]
mod tests {
    use gradus_data::Example;

    use super::*;

    #[test]
    fn a_loss_of_logits_has_none_and_says_so_without_a_look_at_the_data() {
        let training = TrainConfig {
            loss: crate::CrossEntropy.into(),
            offset: OffsetOption::Auto,
            ..TrainConfig::default()
        };
        let nothing: &[Example] = &[];
        let chosen = choose_offset(&training, &[], nothing, nothing).unwrap();
        assert_eq!(chosen.offset(), &OffsetOption::None);
        assert!(chosen.to_string().starts_with("none (") && chosen.to_string().contains("`bce`"));
        let mse = TrainConfig::default();
        assert!(
            choose_offset(&mse, &[], nothing, nothing).is_err(),
            "nothing is rated"
        );
    }
}
