//! What one pass over the training split tells: ratings, contexts, and the words of its texts.

use gradus_data::{ContextCounts, RecordSet, WordCounts};

use super::TrainConfig;
use super::training_ratings::TrainingRatings;
use crate::Result;

/// Properties of the training split on which the settings of its tokens depend. It holds the numbers of the ratings,
/// and no text.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) context: ContextCounts,
    pub(super) ratings: TrainingRatings,
    /// If they were asked for.
    pub(super) words: WordCounts,
}

impl Survey {
    pub(super) fn of<R: RecordSet + ?Sized>(
        records: &R,
        training: &TrainConfig,
        counts_words: bool,
    ) -> Result<Self> {
        let mut survey = Self::default();
        for example in records.records()? {
            let example = example?;
            survey.context += ContextCounts::of(std::slice::from_ref(&*example));
            survey.ratings.add(&example, training);
            if counts_words {
                let texts = [&example.prompt, &example.response];
                for text in texts.into_iter().chain(&example.context) {
                    survey.words.add(text)?;
                }
            }
        }
        Ok(survey)
    }
}
