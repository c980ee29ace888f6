//! Turns examples into tokenized splits: aspects, rating scales, tokens.

use gradus_baselines::Offset;
use gradus_bundle::{Bundle, SplitDigests};
use gradus_data::{
    AspectSpec, ChatTemplate, DigestCollector, Example, RecordSet, SegmentTokenizer, TextConfig,
    TokenizedExample,
};

use super::offsets::Offsets;
use super::scale_check::check_scales;
use super::survey::Survey;
use super::tokenize::{SplitFacts, SplitTokenizer};
use super::training_ratings::{mean_target, resolve_aspects};
use super::{SplitCounts, TextOptions, TrainConfig};
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
    /// What the segments of both splits have as offsets, if `training` asks for one.
    pub offset: Option<Offset>,
}

/// Resolves aspects, fits rating scales on the training split and tokenizes both splits.
///
/// The offset of `training` is fitted to `train`, and whoever trains on the tokens keeps it with the model;
/// [`OffsetOption::Auto`](crate::OffsetOption::Auto) is none here. Ratings of responses are used only if `training` has a response loss. A response with
/// such a rating and no segments is cut by the configured segmenter. `chat_template` is the resolved option of
/// `options`, see [`TrainingPlan::chat_template`](crate::TrainingPlan::chat_template).
///
/// # Errors
/// - [`TrainError::UnknownAspect`](crate::TrainError::UnknownAspect): a configured aspect has no rating in the
///   training split
/// - [`TrainError::NothingRated`](crate::TrainError::NothingRated): a split has no rating, or only weights of 0
/// - [`TrainError::NoContext`](crate::TrainError::NoContext): contexts are required and no record has one
/// - [`TrainError::OutsideScale`](crate::TrainError::OutsideScale): ratings outside the range of a min-max scale
/// - [`TrainError::TargetOutside`](crate::TrainError::TargetOutside): a target outside of `[0, 1]` for binary
///   cross-entropy
/// - [`TrainError::Offset`](crate::TrainError::Offset): an aspect has too few ratings for an offset
/// - [`TrainError::Data`](crate::TrainError::Data): the tokenizer cannot be read, or a record cannot be tokenized
pub fn prepare(
    tokenizer_json: &[u8],
    chat_template: Option<ChatTemplate>,
    options: &TextOptions,
    training: &TrainConfig,
    train: &[Example],
    valid: &[Example],
) -> Result<Prepared> {
    let survey = Survey::of(train, training, false)?;
    let resolved = Resolved::of(&survey, chat_template, options, training)?;
    let (prepared, _) = prepare_in_memory(tokenizer_json, resolved, training, None, train, valid)?;
    Ok(prepared)
}

/// Tokenizes both splits into memory.
pub(super) fn prepare_in_memory(
    tokenizer_json: &[u8],
    resolved: Resolved,
    training: &TrainConfig,
    of_bundle: Option<&Offset>,
    train: &[Example],
    valid: &[Example],
) -> Result<(Prepared, SplitsFacts)> {
    let Resolved {
        config,
        mean_targets,
    } = resolved;
    check_both_scales(&config.aspects, training, train, valid)?;
    let offsets = Offsets::new(&training.offset, of_bundle, &config.aspects, train)?;
    let tokenizer = SegmentTokenizer::new(tokenizer_json, config)?;
    let split = |split, examples: &[Example]| -> Result<(Vec<TokenizedExample>, SplitFacts)> {
        let mut kept = Vec::with_capacity(examples.len());
        let tokenizer = SplitTokenizer {
            split,
            tokenizer: &tokenizer,
            training,
            offsets: &offsets,
        };
        let keep = |item| {
            kept.push(item);
            Ok(())
        };
        let facts = tokenizer.tokenize(examples, DigestCollector::in_memory(), keep, |_| ())?;
        Ok((kept, facts))
    };
    let (train, of_train) = split("train", train)?;
    let (valid, of_valid) = split("valid", valid)?;
    let facts = SplitsFacts::of(of_train, of_valid);
    let prepared = Prepared {
        tokenizer,
        train,
        valid,
        counts: facts.counts.clone(),
        mean_targets,
        offset: offsets.into_offset(),
    };
    Ok((prepared, facts))
}

/// The splits as the tokenizer and the text settings of a bundle have them.
pub(crate) fn tokenize_for_bundle(
    bundle: &Bundle,
    training: &TrainConfig,
    train: &[Example],
    valid: &[Example],
) -> Result<(Prepared, SplitsFacts)> {
    let resolved = Resolved {
        config: bundle.manifest.text.clone(),
        mean_targets: Vec::new(),
    };
    prepare_in_memory(
        &bundle.tokenizer,
        resolved,
        training,
        bundle.offset.as_ref().filter(|offset| !offset.is_stacked()),
        train,
        valid,
    )
}

/// What is known of both splits when they are tokenized.
pub(crate) struct SplitsFacts {
    pub(crate) counts: SplitCounts,
    pub(crate) texts: SplitDigests,
    /// The largest type id of a token.
    pub(super) largest_type: u32,
}

impl SplitsFacts {
    pub(super) fn of(train: SplitFacts, valid: SplitFacts) -> Self {
        Self {
            counts: SplitCounts {
                train: train.counts,
                valid: valid.counts,
            },
            texts: SplitDigests {
                train: train.texts,
                valid: valid.texts,
            },
            largest_type: train.largest_type.max(valid.largest_type),
        }
    }
}

/// Settings of the tokens, resolved for a training split.
pub(super) struct Resolved {
    pub(super) config: TextConfig,
    pub(super) mean_targets: Vec<f32>,
}

/// Where the text settings of a run come from, besides its options.
#[derive(Clone, Copy, Default)]
pub(super) struct TextSource<'a> {
    /// The file of the tokenizer; `None` for one with the words of the training split.
    pub(super) tokenizer: Option<&'a [u8]>,
    pub(super) chat_template: Option<&'a ChatTemplate>,
    /// All of them, for a run that continues a bundle.
    pub(super) continued: Option<&'a TextConfig>,
    /// The offset of the bundle that is continued.
    pub(super) offset: Option<&'a Offset>,
}

impl Resolved {
    /// The settings of a new model, or those of the bundle that is continued.
    pub(super) fn from_source(
        survey: &Survey,
        source: TextSource<'_>,
        options: &TextOptions,
        training: &TrainConfig,
    ) -> Result<Self> {
        match source.continued {
            None => Self::of(survey, source.chat_template.cloned(), options, training),
            Some(config) => Self::continuing(survey, config, options, training),
        }
    }

    /// The settings of the bundle, if the training split fits them.
    fn continuing(
        survey: &Survey,
        config: &TextConfig,
        options: &TextOptions,
        training: &TrainConfig,
    ) -> Result<Self> {
        check_stride(config.stride, training)?;
        let known = survey.ratings.known();
        let first = config.aspects.first().map(|aspect| aspect.name.clone());
        if let Some(aspect) = first.filter(|_| !known.is_empty())
            && !config.aspects.iter().any(|spec| known.contains(&spec.name))
        {
            let known = known.into_iter().cloned().collect();
            return Err(TrainError::UnknownAspect { aspect, known });
        }
        options.use_context.resolve_for(survey.context)?;
        Ok(Self {
            config: config.clone(),
            // The head is the bundle's, and starts from nothing else.
            mean_targets: vec![0.0; config.aspects.len()],
        })
    }

    pub(super) fn of(
        survey: &Survey,
        chat_template: Option<ChatTemplate>,
        options: &TextOptions,
        training: &TrainConfig,
    ) -> Result<Self> {
        let Survey {
            context, ratings, ..
        } = survey;
        let aspects = resolve_aspects(&options.aspects, &ratings.known(), context.records)?;
        let specs = aspects.into_iter().map(|name| {
            let scale = options.scale.fit(ratings.of_aspect(&name))?;
            Ok(AspectSpec { name, scale })
        });
        let config = TextConfig {
            max_length: options.max_length,
            truncation: options.truncation,
            cut_segments: options.cut_segments,
            stride: check_stride(
                options.stride.of_new(
                    options.max_length,
                    options.truncation,
                    training.response_loss.is_some(),
                ),
                training,
            )?,
            segmenter: options.segmenter.clone().resolved()?,
            aspects: specs.collect::<Result<_>>()?,
            use_context: options.use_context.resolve_for(*context)?,
            chat_template,
            separator: None,
        };
        let mean_targets = config
            .aspects
            .iter()
            .map(|spec| mean_target(spec, ratings, training))
            .collect();
        Ok(Self {
            config,
            mean_targets,
        })
    }
}

/// The step of windows over long responses, which a response loss cannot have: the segments of a response are in several
/// windows then.
fn check_stride(stride: Option<usize>, training: &TrainConfig) -> Result<Option<usize>> {
    match stride {
        Some(step) if training.response_loss.is_some() => Err(TrainError::Setting {
            name: "stride",
            found: format!("{step} with a response loss"),
            expected: "`none`: the score of a response is computed from all its segments, which windows part",
        }),
        stride => Ok(stride),
    }
}

/// Refuses ratings of both splits outside the scales of the aspects.
pub(super) fn check_both_scales<R: RecordSet + ?Sized>(
    aspects: &[AspectSpec],
    training: &TrainConfig,
    train: &R,
    valid: &R,
) -> Result<()> {
    check_scales("train", aspects, training, train)?;
    check_scales("valid", aspects, training, valid)
}
