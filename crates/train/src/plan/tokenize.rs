//! Tokenizes a split, several examples at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gradus_data::{
    ContextCounts, DigestCollector, Example, RatingUse, RecordSet, SegmentTokenizer, TextsDigest,
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
    /// Collects the digest of the texts in `texts`. Gives `keep` every example with a rating that the objective uses, in order, a longer one as windows of which each has such a rating, and
    /// `progress` the number of examples that are done.
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
                let Some(Tokenized {
                    mut items,
                    truncation,
                }) = tokenized?
                else {
                    // Without tokens there is no score, even if the response is rated.
                    counts.examples_without_rating += 1;
                    counts.blank_responses += 1;
                    continue;
                };
                counts.truncation += truncation;
                counts.ratings += ratings(self.tokenizer, example);
                // Of several windows, those from which something is learned.
                items.retain(has_target);
                if items.is_empty() {
                    counts.examples_without_rating += 1;
                    continue;
                }
                if items[0].is_window {
                    counts.examples_in_windows += 1;
                    counts.windows += items.len();
                }
                for item in items {
                    let rated_responses = item.response_targets.iter().flatten().count();
                    let segments = item.segments.iter();
                    let weights = segments.map(|segment| f64::from(segment.weight));
                    weight += weights.sum::<f64>() + rated_responses as f64;
                    counts.rated += rated(&item);
                    counts.rated_responses += rated_responses;
                    counts.tokens += item.token_ids.len();
                    largest_type = item.type_ids.iter().copied().fold(largest_type, u32::max);
                    keep(item)?;
                }
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

    /// The tokens of an example, in one sequence or in windows; `None` for a blank response.
    fn one(&self, example: &Example) -> Result<Option<Tokenized>> {
        if example.segments.is_empty() && example.response.trim().is_empty() {
            return Ok(None);
        }
        let of_response = self.training.response_loss.is_some() && !example.ratings.is_empty();
        let mut example = Cow::Borrowed(example);
        if of_response && example.segments.is_empty() {
            self.tokenizer.segment_response(example.to_mut())?;
        }
        let config = self.tokenizer.config();
        let (mut items, truncation) = if self.split == "train" {
            self.tokenizer.sequences_to_learn(&example, config.stride)?
        } else {
            // As they are scored.
            self.tokenizer
                .sequences(&example, RatingUse::Require, config.stride)?
        };
        self.offsets
            .add_to(&mut items, &example, self.split, &config.aspects);
        for item in &mut items {
            if !of_response {
                item.response_targets.fill(None);
            }
            if self.training.loss.takes_logits() {
                self.check_targets(item)?;
            }
        }
        Ok(Some(Tokenized { items, truncation }))
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
    /// One, or the windows over a long response.
    items: Vec<TokenizedExample>,
    truncation: TruncationCounts,
}

/// The number of rated segment-aspect pairs.
fn rated(item: &TokenizedExample) -> usize {
    let targets = item.segments.iter().flat_map(|segment| &segment.targets);
    targets.flatten().count()
}

/// Whether the objective uses a rating of this sequence.
fn has_target(item: &TokenizedExample) -> bool {
    let of_response = item.response_targets.iter().any(Option::is_some);
    !item.segments.is_empty() && (of_response || rated(item) > 0)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gradus_data::{
        AspectSpec, CharSpan, CutSegments, DEFAULT_ASPECT, Segment, TextConfig, TokenSpan,
        word_level_tokenizer,
    };
    use proptest::prelude::*;

    use super::*;

    /// A response of segments with these numbers of words, some of them rated.
    fn example(segments: &[(usize, bool)]) -> Example {
        let mut example = Example {
            id: "a".into(),
            prompt: "one two three".into(),
            ..Example::default()
        };
        for (k, &(words, rated)) in segments.iter().enumerate() {
            let start = example.response.len();
            let word = ["four ", "five ", "six "][k % 3];
            example.response.push_str(&word.repeat(words));
            let end = example.response.len();
            let mut segment = Segment::unrated(CharSpan { start, end });
            if rated {
                segment.ratings.insert(DEFAULT_ASPECT.into(), k as f64);
            }
            example.segments.push(segment);
        }
        example
    }

    fn tokenizer(max_length: usize, stride: Option<usize>, cut: CutSegments) -> SegmentTokenizer {
        let words = word_level_tokenizer(["one two three four five six"]).unwrap();
        let config = TextConfig {
            max_length,
            stride,
            cut_segments: cut,
            aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
            ..TextConfig::default()
        };
        SegmentTokenizer::new(&words, config).unwrap()
    }

    fn learned(
        tokenizer: &SegmentTokenizer,
        example: Example,
    ) -> Result<(Vec<TokenizedExample>, EncodingCounts)> {
        let mut kept = Vec::new();
        let split = SplitTokenizer {
            split: "train",
            tokenizer,
            training: &TrainConfig::default(),
            offsets: &Offsets::None,
        };
        let keep = |item| {
            kept.push(item);
            Ok(())
        };
        let examples = [example];
        let facts = split.tokenize(&examples[..], DigestCollector::in_memory(), keep, |_| ())?;
        Ok((kept, facts.counts))
    }

    /// The input and the tokens of segments, by index; an index that occurs twice fails.
    fn places<'a>(
        sequences: impl IntoIterator<Item = &'a TokenizedExample>,
        is_wanted: impl Fn(usize) -> bool,
    ) -> BTreeMap<usize, (Vec<u32>, TokenSpan)> {
        let mut places = BTreeMap::new();
        for sequence in sequences {
            for segment in sequence.segments.iter().filter(|s| is_wanted(s.index)) {
                let place = (sequence.token_ids.clone(), segment.tokens);
                let before = places.insert(segment.index, place);
                assert!(before.is_none(), "segment {} occurs twice", segment.index);
            }
        }
        places
    }

    proptest! {
        #[test]
        fn every_rated_segment_is_learned_once_in_no_more_windows_than_it_is_scored_in(
            segments in prop::collection::vec((1_usize..12, prop::bool::weighted(0.4)), 1..20),
            max_length in 12_usize..40,
            stride in prop::option::of(1_usize..20),
            scores_cut: bool,
        ) {
            let policy = if scores_cut { CutSegments::Score } else { CutSegments::Drop };
            let tokenizer = tokenizer(max_length, stride, policy);
            let example = example(&segments);
            let is_rated = |index: usize| segments[index].1;
            let (scored, _) = tokenizer.sequences(&example, RatingUse::Ignore, stride).unwrap();
            let expected = places(&scored, is_rated);
            let Ok((kept, counts)) = learned(&tokenizer, example) else {
                prop_assert!(expected.is_empty());
                return Ok(());
            };
            let learned = places(&kept, is_rated);
            prop_assert!(learned.keys().eq(expected.keys()));
            for (learned, scored) in learned.values().zip(expected.values()) {
                // The same tokens, in a window that may be another.
                let tokens = |(ids, span): &(Vec<u32>, TokenSpan)| ids[span.start..span.end].to_vec();
                prop_assert_eq!(tokens(learned), tokens(scored));
            }
            if scored.len() == 1 {
                prop_assert_eq!(&learned, &expected);
            }
            let scored_in = scored.iter().filter(|item| item.segments.iter().any(|s| is_rated(s.index))).count();
            prop_assert!(kept.len() <= scored_in);
            prop_assert!(kept.iter().all(|item| rated(item) > 0));
            prop_assert_eq!(counts.rated, expected.len());
            prop_assert_eq!(counts.ratings, expected.len() + counts.truncation.rated_segments_dropped);
            let in_windows = if scored.len() > 1 { kept.len() } else { 0 };
            prop_assert_eq!(counts.windows, in_windows);
            prop_assert_eq!((counts.examples, counts.examples_in_windows), (1, usize::from(in_windows > 0)));
            // At least this many tokens of the response are in a window: all but the prompt and three special tokens.
            let width = max_length - 6;
            if let Some(stride) = stride && stride <= width {
                let fits = |index: &usize| segments[*index].0 + stride <= width + 1;
                let fitting = (0..segments.len()).filter(|&index| is_rated(index)).filter(fits);
                prop_assert!(fitting.into_iter().all(|index| expected.contains_key(&index)));
            }
        }
    }

    #[test]
    fn a_window_has_the_targets_of_its_own_segments() {
        let segments: Vec<(usize, bool)> = (0..20).map(|k| (4, k % 2 == 0)).collect();
        let (kept, counts) = learned(
            &tokenizer(24, Some(6), CutSegments::Drop),
            example(&segments),
        )
        .unwrap();
        assert!(kept.len() > 3, "{}", kept.len());
        assert_eq!((counts.rated, counts.windows), (10, kept.len()));
        let targets = kept.iter().flat_map(|item| &item.segments);
        for segment in targets {
            let expected = segments[segment.index].1.then_some(segment.index as f32);
            assert_eq!(segment.targets, [expected]);
        }
    }
}
