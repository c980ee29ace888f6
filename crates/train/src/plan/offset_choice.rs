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
    NewEncoder,
    /// The name of the loss.
    Logits(String),
    Data(OffsetChoice),
}

impl ChosenOffset {
    /// The choice for an encoder from scratch: none, whatever the data. What a baseline knows is what a new encoder learns
    /// first, and builds the rest on; beside the baseline it learns that later, or not at all.
    pub fn of_new_encoder() -> Self {
        Self {
            offset: OffsetOption::None,
            reason: Reason::NewEncoder,
        }
    }

    /// The setting of the run: not [`OffsetOption::Auto`].
    pub fn offset(&self) -> &OffsetOption {
        &self.offset
    }
}

impl fmt::Display for ChosenOffset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::NewEncoder => formatter.write_str(
                "none (an encoder from scratch learns less beside a baseline than alone)",
            ),
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
    /// The plan with the learning rate of its encoder, where it has none, and with the offset chosen, where that is left
    /// to the data.
    pub(crate) fn settled<R: RecordSet + ?Sized>(
        &self,
        train: &R,
        valid: &R,
    ) -> Result<Cow<'_, Self>> {
        if self.training.learning_rate.is_none() {
            let rate = self.encoder.learning_rate()?;
            let plan = Self {
                training: self.training.with_default_rate(rate)?,
                ..self.clone()
            };
            return Ok(Cow::Owned(plan.settled(train, valid)?.into_owned()));
        }
        if self.training.offset != OffsetOption::Auto {
            return Ok(Cow::Borrowed(self));
        }
        let offset = match &self.encoder {
            EncoderSource::Bundle(directory) => {
                let source = SourceBundle::open(directory)?;
                source.info().manifest.trained_offset().cloned().into()
            }
            EncoderSource::Scratch(_) => ChosenOffset::of_new_encoder().offset,
            EncoderSource::Pretrained(_) => {
                choose_offset(&self.training, &self.text.aspects, train, valid)?.offset
            }
        };
        Ok(Cow::Owned(Self {
            training: self.training.with_offset(offset)?,
            ..self.clone()
        }))
    }
}

#[cfg(test)]
mod tests {
    use gradus_baselines::OffsetKind;
    use gradus_data::{CharSpan, Example, Segment};

    use super::*;
    use crate::ScratchOptions;

    fn auto() -> TrainConfig {
        TrainConfig {
            offset: OffsetOption::Auto,
            learning_rate: Some(1e-3),
            ..TrainConfig::default()
        }
    }

    /// Responses of two segments, of which the last is rated low, with noise that nothing predicts.
    fn examples() -> Vec<Example> {
        let noise = |k: usize, start: usize| ((7 * k + start) % 5) as f64 / 5.0;
        let one = |k: usize| Example {
            prompt: format!("prompt {k}"),
            response: "one one".into(),
            segments: [(0, 1.0), (4, 0.0)]
                .map(|(start, rating)| Segment {
                    ratings: [("good".to_owned(), rating + noise(k, start))].into(),
                    ..Segment::unrated(CharSpan::new(start, start + 3))
                })
                .to_vec(),
            ..Example::default()
        };
        (0..20).map(one).collect()
    }

    #[test]
    fn a_loss_of_logits_has_none_and_says_so_without_a_look_at_the_data() {
        let training = TrainConfig {
            loss: crate::CrossEntropy.into(),
            ..auto()
        };
        let nothing: &[Example] = &[];
        let chosen = choose_offset(&training, &[], nothing, nothing).unwrap();
        assert_eq!(chosen.offset(), &OffsetOption::None);
        assert!(chosen.to_string().starts_with("none (") && chosen.to_string().contains("`bce`"));
        let mse = choose_offset(&auto(), &[], nothing, nothing);
        assert!(mse.is_err(), "nothing is rated");
    }

    #[test]
    fn a_plan_is_settled_by_the_data_for_a_pretrained_encoder_and_is_none_from_scratch() {
        let data = examples();
        let settled = |encoder, training: TrainConfig| {
            let plan = TrainingPlan::new(encoder, training.check().unwrap(), "out");
            let settled = plan.settled(&data[..], &data[..]).unwrap();
            settled.training.offset.clone()
        };
        let pretrained = || EncoderSource::Pretrained("anywhere".into());
        let scratch = || EncoderSource::Scratch(ScratchOptions::default());
        let position = OffsetOption::from(OffsetKind::PositionLength);
        assert_eq!(settled(pretrained(), auto()), position);
        assert_eq!(settled(scratch(), auto()), OffsetOption::None);
        // What is asked for is not chosen.
        let asked = TrainConfig {
            offset: OffsetKind::BagOfWords.into(),
            ..auto()
        };
        let words = OffsetOption::from(OffsetKind::BagOfWords);
        assert_eq!(settled(scratch(), asked.clone()), words);
        assert_eq!(settled(pretrained(), asked), words);
    }
}
