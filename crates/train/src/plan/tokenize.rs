//! Tokenizes a split, several examples at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gradus_data::{
    ContextCounts, DigestCollector, Example, RecordSet, SegmentTokenizer, TextsDigest,
    TokenizedExample, TruncationCounts,
};
use rayon::prelude::*;

use super::offsets::Offsets;
use super::{EncodingCounts, TrainConfig};
use crate::{Result, TrainError};

/// Examples that are tokenized together.
const CHUNK: usize = 256;

/// Tokenizes the examples of a split, with the targets that the objective uses.
pub(super) struct SplitTokenizer<'a> {
    /// `train` or `valid`.
    pub(super) split: &'static str,
    pub(super) tokenizer: &'a SegmentTokenizer,
    pub(super) training: &'a TrainConfig,
    pub(super) offsets: &'a Offsets,
}

/// What is known of a split behind its last example.
pub(super) struct SplitFacts {
    pub(super) counts: EncodingCounts,
    pub(super) texts: TextsDigest,
    /// The largest type id of its tokens.
    pub(super) largest_type: u32,
}

impl SplitTokenizer<'_> {
    /// Collects the digest of the texts in `texts`. Gives `keep` every example with a rating that the objective uses, in order, and `progress` the number of
    /// examples that are done.
    pub(super) fn tokenize<R: RecordSet + ?Sized>(
        &self,
        records: &R,
        mut texts: DigestCollector,
        mut keep: impl FnMut(TokenizedExample) -> Result<()>,
        mut progress: impl FnMut(usize),
    ) -> Result<SplitFacts> {
        let mut counts = EncodingCounts::default();
        let (mut weight, mut largest_type) = (0.0, 0);
        let mut records = records.records()?;
        loop {
            let chunk = records.by_ref().take(CHUNK);
            let chunk: Vec<Cow<'_, Example>> = chunk.collect::<gradus_data::Result<_>>()?;
            if chunk.is_empty() {
                break;
            }
            let tokenized: Vec<_> = chunk.par_iter().map(|example| self.one(example)).collect();
            for (example, tokenized) in chunk.iter().zip(tokenized) {
                counts.context += ContextCounts::of(std::slice::from_ref(&**example));
                counts.examples += 1;
                texts.add(example)?;
                let Some(Tokenized { item, truncation }) = tokenized? else {
                    // Without tokens there is no score, even if the response is rated.
                    counts.examples_without_rating += 1;
                    counts.blank_responses += 1;
                    continue;
                };
                counts.truncation += truncation;
                counts.ratings += ratings(self.tokenizer, example);
                let targets = item.segments.iter().flat_map(|segment| &segment.targets);
                let rated = targets.flatten().count();
                let rated_responses = item.response_targets.iter().flatten().count();
                if rated + rated_responses == 0 || item.segments.is_empty() {
                    counts.examples_without_rating += 1;
                    continue;
                }
                let segments = item.segments.iter();
                let weights = segments.map(|segment| f64::from(segment.weight));
                weight += weights.sum::<f64>() + rated_responses as f64;
                counts.rated += rated;
                counts.rated_responses += rated_responses;
                counts.tokens += item.token_ids.len();
                largest_type = item.type_ids.iter().copied().fold(largest_type, u32::max);
                keep(item)?;
            }
            progress(counts.examples);
        }
        if weight > 0.0 {
            return Ok(SplitFacts {
                counts,
                texts: texts.finish()?,
                largest_type,
            });
        }
        Err(TrainError::NothingRated {
            split: self.split,
            examples: counts.examples,
        })
    }

    /// The tokens of an example; `None` for a blank response.
    fn one(&self, example: &Example) -> Result<Option<Tokenized>> {
        if example.segments.is_empty() && example.response.trim().is_empty() {
            return Ok(None);
        }
        let mut truncation = TruncationCounts::default();
        let of_response = self.training.response_loss.is_some() && !example.ratings.is_empty();
        let mut example = Cow::Borrowed(example);
        if of_response && example.segments.is_empty() {
            self.tokenizer.segment_response(example.to_mut())?;
        }
        let mut item = self.tokenizer.tokenize(&example, &mut truncation)?;
        let aspects = &self.tokenizer.config().aspects;
        self.offsets
            .add_to(&mut item, &example, self.split, aspects);
        if !of_response {
            item.response_targets.fill(None);
        }
        if self.training.loss.takes_logits() {
            self.check_targets(&item)?;
        }
        Ok(Some(Tokenized { item, truncation }))
    }

    /// Refuses targets outside `[0, 1]`.
    fn check_targets(&self, item: &TokenizedExample) -> Result<()> {
        for segment in &item.segments {
            let aspects = &self.tokenizer.config().aspects;
            for (target, aspect) in segment.targets.iter().zip(aspects) {
                let outside = target.filter(|target| !(0.0..=1.0).contains(target));
                if let Some(target) = outside {
                    return Err(TrainError::TargetOutside {
                        split: self.split,
                        id: item.id.clone(),
                        segment: segment.index,
                        aspect: aspect.name.clone(),
                        target,
                    });
                }
            }
        }
        Ok(())
    }
}

struct Tokenized {
    item: TokenizedExample,
    truncation: TruncationCounts,
}

/// Ratings of an example's segments on the trained aspects.
fn ratings(tokenizer: &SegmentTokenizer, example: &Example) -> usize {
    let aspects = &tokenizer.config().aspects;
    let of_segment = |ratings: &BTreeMap<String, f64>| {
        let rated = aspects.iter().filter(|a| ratings.contains_key(&a.name));
        rated.count()
    };
    let segments = example.segments.iter();
    segments.map(|segment| of_segment(&segment.ratings)).sum()
}
