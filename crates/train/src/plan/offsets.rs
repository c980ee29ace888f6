//! What is added to the scores of the model in training.

use gradus_baselines::{CrossFit, Offset, OffsetKinds};
use gradus_data::{AspectSpec, Example, RecordSet, Sample, TokenizedExample};

use super::OffsetOption;
use crate::{Result, TrainError};

/// Most records of the training split that a baseline is fitted to, and most bytes of their texts, so that data that is
/// larger than memory can be trained on. More records would hardly change its weights.
const MOST_RECORDS: usize = 1 << 16;
const MOST_BYTES: usize = 256 << 20;

/// The offset of a run.
pub(crate) enum Offsets {
    None,
    /// Fitted to the training split.
    Fitted(Box<CrossFit>),
    /// That of the bundle that the run continues: what its model has learned is beside this one.
    OfBundle(Box<Offset>),
}

impl Offsets {
    /// The offset that a run asks for: that of the bundle that it continues, or one that is fitted to the training split.
    /// A choice that was not made is none.
    pub(super) fn new<R: RecordSet + ?Sized>(
        option: &OffsetOption,
        of_bundle: Option<&Offset>,
        aspects: &[AspectSpec],
        train: &R,
    ) -> Result<Self> {
        if let Some(offset) = of_bundle {
            return Ok(Self::OfBundle(Box::new(offset.clone())));
        }
        let Some(kinds) = option.kinds() else {
            return Ok(Self::None);
        };
        let aspects: Vec<String> = aspects.iter().map(|one| one.name.clone()).collect();
        check_aspects(kinds, &aspects)?;
        let mut sample = sample();
        for example in train.records()? {
            let example = example?;
            sample.add(text(&example));
        }
        let fitted = CrossFit::fit(kinds.clone(), &aspects, &sample.finish())?;
        Ok(Self::Fitted(Box::new(fitted)))
    }

    /// Gives the segments of a tokenized example, which may be in several windows, their offsets. Those of the training split come from fits to other
    /// prompts.
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    pub(super) fn add_to(
        &self,
        items: &mut [TokenizedExample],
        example: &Example,
        split: &str,
        aspects: &[AspectSpec],
    ) {
        let predicted = match self {
            Self::None => return,
            Self::Fitted(fitted) if split == "train" => fitted.predict_in_training(example),
            Self::Fitted(fitted) => fitted.offset().predict(example),
            Self::OfBundle(offset) => offset.predict(example),
        };
        for segment in items.iter_mut().flat_map(|item| &mut item.segments) {
            let of_segment = predicted[segment.index].iter().zip(aspects);
            segment.offsets = of_segment
                .map(|(&value, aspect)| aspect.scale.difference_to_target(value) as f32)
                .collect();
        }
    }

    /// What the bundle of the run keeps.
    pub(crate) fn into_offset(self) -> Option<Offset> {
        match self {
            Self::None => None,
            Self::Fitted(fitted) => Some(fitted.into_offset()),
            Self::OfBundle(offset) => Some(*offset),
        }
    }
}

/// Refuses a table with an aspect that is not trained.
fn check_aspects(kinds: &OffsetKinds, aspects: &[String]) -> Result<()> {
    let OffsetKinds::ByAspect(table) = kinds else {
        return Ok(());
    };
    match table.keys().find(|aspect| !aspects.contains(aspect)) {
        None => Ok(()),
        Some(aspect) => Err(TrainError::Setting {
            name: "offset",
            found: format!(
                "the aspect `{aspect}` (trained are: {})",
                aspects.join(", ")
            ),
            expected: "aspects that are trained",
        }),
    }
}

/// An empty sample of the records that baselines are fitted to.
pub(super) fn sample() -> Sample {
    Sample::within(MOST_RECORDS, MOST_BYTES)
}

/// What a baseline reads of an example, and nothing else.
pub(super) fn text(example: &Example) -> Example {
    Example {
        prompt: example.prompt.clone(),
        response: example.response.clone(),
        segments: example.segments.clone(),
        ..Example::default()
    }
}
