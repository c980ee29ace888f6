//! The offset of the training split, out of fold.

use std::collections::{BTreeSet, HashMap};

use gradus_data::{Example, fold_text};

use super::{AspectOffset, Offset, OffsetError, OffsetKind, OffsetKinds, by_segment};
use crate::BaselineExample;
use crate::features::fnv1a;

/// Number of folds.
const FOLDS: usize = 5;

/// An offset, and fits to four fifths of the prompts each: the offset of a training record comes from the fit that did
/// not see its prompt.
///
/// A baseline with many weights is right on the ratings that it was fitted to. A model that is trained beside those
/// predictions would learn too little, and score worse on new texts than the baseline alone.
#[derive(Clone, Debug)]
pub struct CrossFit {
    offset: Offset,
    /// By aspect; none where nothing is added.
    folds: Vec<Option<Folds>>,
}

/// The fits of an aspect.
#[derive(Clone, Debug)]
struct Folds {
    /// The fold of each prompt with a rated segment, by the prompt as [`fold_text`] makes it.
    of_prompt: HashMap<String, usize>,
    /// Of each fold, the fit to all others.
    fitted: Vec<AspectOffset>,
}

impl CrossFit {
    /// Fits the baselines to all of `examples`, and to the complement of each fold.
    ///
    /// # Errors
    /// [`OffsetError`] for an aspect that is not rated, or on one prompt only.
    pub fn fit(
        kinds: impl Into<OffsetKinds>,
        aspects: &[String],
        examples: &[Example],
    ) -> Result<Self, OffsetError> {
        let offset = Offset::fit(kinds, aspects, examples)?;
        let folds = offset.aspects.iter().map(|one| {
            let Some(kind) = one.kind() else {
                return Ok(None);
            };
            let examples = BaselineExample::of_aspect(&one.aspect, examples);
            Folds::fit(kind, &one.aspect, &examples).map(Some)
        });
        Ok(Self {
            folds: folds.collect::<Result<_, _>>()?,
            offset,
        })
    }

    /// The fit to all examples, for texts that it was not fitted to.
    pub fn offset(&self) -> &Offset {
        &self.offset
    }

    /// The same, without the others.
    pub fn into_offset(self) -> Offset {
        self.offset
    }

    /// What is added to the scores of every segment of a training record, by segment and aspect, in rating units.
    pub fn predict_in_training(&self, example: &Example) -> Vec<Vec<f64>> {
        let prompt = fold_text(&example.prompt);
        let fits = self.offset.aspects.iter().zip(&self.folds);
        let fits = fits.map(|(whole, folds)| {
            let Some(folds) = folds else { return whole };
            let fold = folds.of_prompt.get(&prompt);
            fold.map_or(whole, |&fold| &folds.fitted[fold])
        });
        by_segment(example, fits)
    }
}

impl Folds {
    fn fit(
        kind: OffsetKind,
        aspect: &str,
        examples: &[BaselineExample<'_>],
    ) -> Result<Self, OffsetError> {
        let prompts = rated_prompts(examples);
        if prompts.len() < 2 {
            return Err(OffsetError::OnePrompt {
                aspect: aspect.to_owned(),
            });
        }
        let folds = prompts.len().min(FOLDS);
        let prompts = prompts.into_iter().enumerate();
        let of_prompt: HashMap<String, usize> = prompts
            .map(|(place, (_, prompt))| (prompt, place % folds))
            .collect();
        let of_example = examples
            .iter()
            .map(|one| of_prompt.get(&fold_text(one.prompt)));
        let of_example: Vec<Option<&usize>> = of_example.collect();
        let fitted = (0..folds).map(|fold| {
            let others = examples.iter().zip(&of_example);
            let others = others.filter(|(_, of)| **of != Some(&fold));
            let others: Vec<BaselineExample<'_>> = others.map(|(one, _)| one.clone()).collect();
            AspectOffset::fit(kind, aspect, &others)
        });
        Ok(Self {
            fitted: fitted.collect::<Result<_, _>>()?,
            of_prompt,
        })
    }
}

/// The prompts with a rated segment, in an order that has nothing to do with that of the records, and does not depend
/// on it.
pub(super) fn rated_prompts(examples: &[BaselineExample<'_>]) -> BTreeSet<(u64, String)> {
    let is_rated = |example: &&BaselineExample<'_>| {
        let mut ratings = example.segments.iter().filter_map(|segment| segment.rating);
        ratings.any(f64::is_finite)
    };
    let rated = examples.iter().filter(is_rated);
    rated
        .map(|example| fold_text(example.prompt))
        .map(|prompt| (fnv1a(&[&prompt]), prompt))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offset::tests::{aspects, example};

    /// Every prompt has a word of its own in its response, and a rating that nothing predicts.
    fn noise() -> Vec<Example> {
        (0..40_u32)
            .map(|k| {
                let mut one = example(&format!("prompt {k}"), [0.0, 0.0]);
                one.response = format!("w{k:02} u{k:02}");
                for (place, segment) in one.segments.iter_mut().enumerate() {
                    let hash = fnv1a(&[&one.prompt, &place.to_string()]);
                    let bit = (hash >> 32).count_ones() % 2;
                    segment.ratings.insert("good".to_owned(), f64::from(bit));
                }
                one
            })
            .collect()
    }

    /// Covariance of offsets and ratings.
    fn covariance(examples: &[Example], predict: impl Fn(&Example) -> Vec<Vec<f64>>) -> f64 {
        let pairs = examples.iter().flat_map(|one| {
            let ratings = one.segments.iter().map(|segment| segment.ratings["good"]);
            ratings.zip(predict(one)).collect::<Vec<_>>()
        });
        let pairs: Vec<(f64, f64)> = pairs.map(|(rating, offset)| (rating, offset[0])).collect();
        let mean = |values: &dyn Fn(&(f64, f64)) -> f64| {
            pairs.iter().map(values).sum::<f64>() / pairs.len() as f64
        };
        mean(&|pair| pair.0 * pair.1) - mean(&|pair| pair.0) * mean(&|pair| pair.1)
    }

    #[test]
    fn what_a_record_was_fitted_on_does_not_come_back_in_training() {
        let examples = noise();
        let cross_fit = CrossFit::fit(OffsetKind::BagOfWords, &aspects(), &examples).unwrap();
        let in_sample = covariance(&examples, |one| cross_fit.offset().predict(one));
        let out_of_fold = covariance(&examples, |one| cross_fit.predict_in_training(one));
        assert!(in_sample > 0.0005, "{in_sample}");
        assert!(out_of_fold < in_sample / 4.0, "{out_of_fold} {in_sample}");
    }

    #[test]
    fn a_record_of_its_own_prompt_changes_nothing_and_others_do() {
        let mut examples = noise();
        let before = CrossFit::fit(OffsetKind::PositionLength, &aspects(), &examples).unwrap();
        let first = before.predict_in_training(&examples[0]);
        examples[0].segments[1]
            .ratings
            .insert("good".to_owned(), 50.0);
        let after = CrossFit::fit(OffsetKind::PositionLength, &aspects(), &examples).unwrap();
        assert_eq!(after.predict_in_training(&examples[0]), first);
        let changed = (1..examples.len()).filter(|&k| {
            after.predict_in_training(&examples[k]) != before.predict_in_training(&examples[k])
        });
        // All but those of the same fold.
        assert_eq!(changed.count(), 32);
    }

    #[test]
    fn one_prompt_is_not_enough_and_a_prompt_without_ratings_has_the_whole_fit() {
        let one = CrossFit::fit(
            OffsetKind::PositionLength,
            &aspects(),
            &[example("a", [0.0, 1.0]), example(" A ", [0.0, 1.0])],
        );
        assert!(matches!(one, Err(OffsetError::OnePrompt { .. })));
        let examples = [example("a", [0.0, 1.0]), example("b", [0.5, 1.0])];
        let cross_fit = CrossFit::fit(OffsetKind::PositionLength, &aspects(), &examples).unwrap();
        let new = example("c", [0.0, 0.0]);
        let whole = cross_fit.offset().predict(&new);
        assert_eq!(cross_fit.predict_in_training(&new), whole);
        assert_ne!(cross_fit.predict_in_training(&examples[0]), whole);
    }
}
