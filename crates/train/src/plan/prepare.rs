//! Turns examples into tokenized splits: aspects, rating scales, tokens.

use std::collections::BTreeMap;

use gradus_data::{
    AspectSpec, ChatTemplate, ContextCounts, Example, RatingScale, SegmentTokenizer, TextConfig,
    TokenizedExample, TruncationCounts,
};

use super::training_ratings::{TrainingRatings, mean_target, resolve_aspects};
use super::{EncodingCounts, SplitCounts, TextOptions, TrainConfig};
use crate::{Result, TrainError};

/// Tokenized splits.
#[non_exhaustive]
pub struct Prepared {
    /// The tokenizer, for training and later scoring.
    pub tokenizer: SegmentTokenizer,
    /// Tokenized examples of the training split with a rating that the objective uses.
    pub train: Vec<TokenizedExample>,
    /// Those of the validation split.
    pub valid: Vec<TokenizedExample>,
    /// Counts of examples and truncations.
    pub counts: SplitCounts,
    /// Mean training target per aspect, the initial score.
    pub mean_targets: Vec<f32>,
}

/// Resolves aspects, fits rating scales on the training split and tokenizes both splits.
///
/// Ratings of responses are used only if `training` has a response loss. A response with
/// such a rating and no segments is cut by the configured segmenter. `chat_template` is the resolved option of
/// `options`, see [`TrainingPlan::chat_template`](crate::TrainingPlan::chat_template).
///
/// # Errors
/// - [`TrainError::UnknownAspect`]: a configured aspect has no rating in the training split
/// - [`TrainError::NothingRated`]: a split has no rating, or only weights of 0
/// - [`TrainError::NoContext`]: contexts are required and no record has one
/// - [`TrainError::OutsideScale`]: ratings outside the range of a min-max scale
/// - [`TrainError::TargetOutside`]: a target outside of `[0, 1]` for binary cross-entropy
/// - [`TrainError::Data`]: the tokenizer cannot be read, or a record cannot be tokenized
pub fn prepare(
    tokenizer_json: &[u8],
    chat_template: Option<ChatTemplate>,
    options: &TextOptions,
    training: &TrainConfig,
    train: &[Example],
    valid: &[Example],
) -> Result<Prepared> {
    let ratings = TrainingRatings::of(train, training);
    let aspects = resolve_aspects(&options.aspects, &ratings.known(), train.len())?;
    let specs = aspects.into_iter().map(|name| {
        let scale = options.scale.fit(ratings.of_aspect(&name))?;
        Ok(AspectSpec { name, scale })
    });
    let config = TextConfig {
        max_length: options.max_length,
        truncation: options.truncation,
        cut_segments: options.cut_segments,
        segmenter: options.segmenter.clone().resolved()?,
        aspects: specs.collect::<Result<_>>()?,
        use_context: options.use_context.resolve(train)?,
        chat_template,
        separator: None,
    };
    let mean_targets = config
        .aspects
        .iter()
        .map(|spec| mean_target(spec, &ratings, training))
        .collect();
    check_scales("train", &config.aspects, training, train)?;
    check_scales("valid", &config.aspects, training, valid)?;
    let tokenizer = SegmentTokenizer::new(tokenizer_json, config)?;
    let mut counts = SplitCounts::default();
    let split = |name, examples, counts: &mut EncodingCounts| {
        tokenize_split(name, &tokenizer, training, examples, counts)
    };
    let train = split("train", train, &mut counts.train)?;
    let valid = split("valid", valid, &mut counts.valid)?;
    Ok(Prepared {
        tokenizer,
        train,
        valid,
        counts,
        mean_targets,
    })
}

fn tokenize_split(
    split: &'static str,
    tokenizer: &SegmentTokenizer,
    training: &TrainConfig,
    examples: &[Example],
    counts: &mut EncodingCounts,
) -> Result<Vec<TokenizedExample>> {
    let mut tokenized = Vec::with_capacity(examples.len());
    let mut weight = 0.0;
    counts.context = ContextCounts::of(examples);
    for example in examples {
        if example.segments.is_empty() && example.response.trim().is_empty() {
            // Without tokens there is no score, even if the response is rated.
            counts.examples += 1;
            counts.examples_without_rating += 1;
            counts.blank_responses += 1;
            continue;
        }
        let item = tokenize(tokenizer, training, example, &mut counts.truncation)?;
        counts.examples += 1;
        counts.ratings += ratings(tokenizer, example);
        let targets = item.segments.iter().flat_map(|segment| &segment.targets);
        let rated = targets.flatten().count();
        let rated_responses = item.response_targets.iter().flatten().count();
        if rated + rated_responses == 0 || item.segments.is_empty() {
            counts.examples_without_rating += 1;
            continue;
        }
        if training.loss.takes_logits() {
            check_targets(split, tokenizer, &item)?;
        }
        let weights = item
            .segments
            .iter()
            .map(|segment| f64::from(segment.weight));
        weight += weights.sum::<f64>() + rated_responses as f64;
        counts.rated += rated;
        counts.rated_responses += rated_responses;
        counts.tokens += item.token_ids.len();
        tokenized.push(item);
    }
    if weight > 0.0 {
        return Ok(tokenized);
    }
    Err(TrainError::NothingRated {
        split,
        examples: examples.len(),
    })
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

/// Refuses ratings outside the range of a min-max scale: they are mistakes or on another scale.
fn check_scales(
    split: &'static str,
    aspects: &[AspectSpec],
    training: &TrainConfig,
    examples: &[Example],
) -> Result<()> {
    for AspectSpec { name, scale } in aspects {
        let RatingScale::MinMax { min, max } = *scale else {
            continue;
        };
        let ratings = examples.iter().flat_map(|example| {
            let of_response = training.response_loss.is_some();
            let whole = of_response.then_some(&example.ratings);
            let segments = example.segments.iter().map(|segment| &segment.ratings);
            let all = segments.chain(whole);
            all.filter_map(move |ratings| Some((&example.id, *ratings.get(name)?)))
        });
        let (mut count, mut outside, mut first) = (0, 0, None);
        for (id, rating) in ratings {
            count += 1;
            if !(min..=max).contains(&rating) {
                outside += 1;
                first.get_or_insert((id, rating));
            }
        }
        if let Some((id, rating)) = first {
            return Err(TrainError::OutsideScale {
                split,
                aspect: name.clone(),
                outside,
                ratings: count,
                low: min,
                high: max,
                id: id.clone(),
                rating,
            });
        }
    }
    Ok(())
}

/// Tokenizes an example with the targets that the objective uses.
fn tokenize(
    tokenizer: &SegmentTokenizer,
    training: &TrainConfig,
    example: &Example,
    counts: &mut TruncationCounts,
) -> Result<TokenizedExample> {
    let of_response = training.response_loss.is_some() && !example.ratings.is_empty();
    if of_response && example.segments.is_empty() {
        let mut cut = example.clone();
        tokenizer.segment_response(&mut cut)?;
        return Ok(tokenizer.tokenize(&cut, counts)?);
    }
    let mut item = tokenizer.tokenize(example, counts)?;
    if !of_response {
        item.response_targets.fill(None);
    }
    Ok(item)
}

/// Refuses targets outside `[0, 1]`.
fn check_targets(
    split: &'static str,
    tokenizer: &SegmentTokenizer,
    item: &TokenizedExample,
) -> Result<()> {
    for segment in &item.segments {
        for (target, aspect) in segment.targets.iter().zip(&tokenizer.config().aspects) {
            let outside = target.filter(|target| !(0.0..=1.0).contains(target));
            if let Some(target) = outside {
                return Err(TrainError::TargetOutside {
                    split,
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
