//! What is added to the scores of the model in training.

use gradus_baselines::{CrossFit, Offset, OffsetKind};
use gradus_data::{AspectSpec, Example, RecordSet, TokenizedExample};

use crate::Result;

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
    pub(super) fn new<R: RecordSet + ?Sized>(
        kind: Option<OffsetKind>,
        of_bundle: Option<&Offset>,
        aspects: &[AspectSpec],
        train: &R,
    ) -> Result<Self> {
        match (of_bundle, kind) {
            (Some(offset), _) => Ok(Self::OfBundle(Box::new(offset.clone()))),
            (None, None) => Ok(Self::None),
            (None, Some(kind)) => {
                let aspects: Vec<String> = aspects.iter().map(|one| one.name.clone()).collect();
                let examples = texts(train)?;
                Ok(Self::Fitted(Box::new(CrossFit::fit(
                    kind, &aspects, &examples,
                )?)))
            }
        }
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

/// The examples with what a baseline reads, and nothing else in memory.
fn texts<R: RecordSet + ?Sized>(records: &R) -> Result<Vec<Example>> {
    let texts = records.records()?.map(|example| {
        let example = example?;
        Ok(Example {
            prompt: example.prompt.clone(),
            response: example.response.clone(),
            segments: example.segments.clone(),
            ..Example::default()
        })
    });
    texts.collect()
}
