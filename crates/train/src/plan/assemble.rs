//! Assembles what a run needs: tokenized splits and the model to train.

use std::path::Path;

use burn::tensor::Device;
use gradus_baselines::Offset;
use gradus_bundle::{Bundle, SplitDigests};
use gradus_data::{
    ChatTemplate, Example, SegmentTokenizer, StoredRecords, TextConfig, TokenFile,
    TokenizedExample, byte_level_tokenizer,
};
use gradus_model::encoder::BertConfig;
use gradus_model::{EncoderConfig, ModelError, PretrainedEncoder, RewardModel, RewardModelConfig};

use super::init_head::init_head;
use super::prepare::{Resolved, SplitsFacts, TextSource, prepare_in_memory};
use super::survey::Survey;
use super::token_cache::TokenCache;
use super::{
    EncoderSource, Prepared, ScratchOptions, ScratchTokens, SourceBundle, SplitCounts, TrainingPlan,
};
use crate::{Result, TrainError};

const TOKENIZER: &str = "tokenizer.json";

/// Tokenized splits of the form `E`, and a model with its initial head.
pub(crate) struct Assembled<E> {
    pub(crate) text: SegmentTokenizer,
    pub(crate) train: E,
    pub(crate) valid: E,
    pub(crate) counts: SplitCounts,
    pub(crate) texts: SplitDigests,
    pub(crate) model: RewardModel,
    pub(crate) config: RewardModelConfig,
    pub(crate) tokenizer: Vec<u8>,
    /// The bundle that the run continues.
    pub(crate) from: Option<Box<SourceBundle>>,
    /// What is added to the scores.
    pub(crate) offset: Option<Offset>,
}

/// Opens the encoder, tokenizes the splits with its tokenizer, and loads or initializes the weights.
pub(crate) fn assemble(
    plan: &TrainingPlan,
    train: &[Example],
    valid: &[Example],
    device: &Device,
) -> Result<Assembled<Vec<TokenizedExample>>> {
    let source = OpenEncoder::open(plan)?;
    let survey = Survey::of(train, &plan.training, source.tokenizer.is_none())?;
    let resolved = Resolved::from_source(&survey, source.text(), &plan.text, &plan.training)?;
    let tokenizer = source.tokenizer.clone();
    let tokenizer = tokenizer.unwrap_or_else(|| survey.words.into_tokenizer());
    let (prepared, facts) = prepare_in_memory(
        &tokenizer,
        resolved,
        &plan.training,
        source.offset(),
        train,
        valid,
    )?;
    let Prepared {
        tokenizer: text,
        train,
        valid,
        mean_targets,
        offset,
        ..
    } = prepared;
    let splits = Splits {
        text,
        train,
        valid,
        facts,
        mean_targets,
        tokenizer,
        offset,
    };
    source.assemble(plan, splits, device)
}

/// The same for splits in files: their tokens come from the cache, which is made if it is not there.
pub(crate) fn assemble_stored(
    plan: &TrainingPlan,
    train: &StoredRecords,
    valid: &StoredRecords,
    cache: TokenCache<'_>,
    is_stopped: &dyn Fn() -> bool,
    device: &Device,
) -> Result<Assembled<TokenFile>> {
    let source = OpenEncoder::open(plan)?;
    let splits = cache.splits(plan, source.text(), [train, valid], is_stopped)?;
    source.assemble(plan, splits, device)
}

/// Tokenized splits of the form `E`.
pub(super) struct Splits<E> {
    pub(super) text: SegmentTokenizer,
    pub(super) train: E,
    pub(super) valid: E,
    pub(super) facts: SplitsFacts,
    /// Mean training target per aspect.
    pub(super) mean_targets: Vec<f32>,
    /// The tokenizer's file.
    pub(super) tokenizer: Vec<u8>,
    pub(super) offset: Option<Offset>,
}

/// An encoder without weights: settings and tokenizer.
struct OpenEncoder {
    kind: EncoderKind,
    /// `None` for the words of the training split.
    tokenizer: Option<Vec<u8>>,
    chat_template: Option<ChatTemplate>,
    /// The text settings of a run that continues a bundle.
    continued: Option<TextConfig>,
}

enum EncoderKind {
    Pretrained(Box<PretrainedEncoder>),
    Scratch(ScratchOptions),
    Bundle(Box<SourceBundle>),
}

impl OpenEncoder {
    /// What the text settings follow from.
    fn text(&self) -> TextSource<'_> {
        TextSource {
            tokenizer: self.tokenizer.as_deref(),
            chat_template: self.chat_template.as_ref(),
            continued: self.continued.as_ref(),
            offset: self.offset(),
        }
    }

    /// The offset of the bundle that the run continues, if its model was trained beside it.
    fn offset(&self) -> Option<&Offset> {
        match &self.kind {
            EncoderKind::Bundle(source) => {
                let offset = source.info().offset.as_ref();
                offset.filter(|offset| !offset.is_stacked())
            }
            _ => None,
        }
    }

    fn open(plan: &TrainingPlan) -> Result<Self> {
        if let EncoderSource::Bundle(directory) = &plan.encoder {
            return Self::open_bundle(directory, plan);
        }
        let chat_template = plan.chat_template()?;
        match &plan.encoder {
            EncoderSource::Pretrained(directory) => {
                let encoder = PretrainedEncoder::open(directory)?;
                let path = directory.join(TOKENIZER);
                if !path.is_file() {
                    let path = directory.clone();
                    return Err(ModelError::MissingFile {
                        path,
                        expected: TOKENIZER,
                    }
                    .into());
                }
                Ok(Self {
                    kind: EncoderKind::Pretrained(Box::new(
                        encoder
                            .with_dropout(plan.training.dropout, plan.training.attention_dropout),
                    )),
                    tokenizer: Some(
                        gradus_files::read_regular(&path, gradus_files::MOST_BYTES)
                            .map_err(ModelError::from)?,
                    ),
                    chat_template,
                    continued: None,
                })
            }
            EncoderSource::Scratch(options) => {
                options.check()?;
                let tokenizer = match options.tokens {
                    ScratchTokens::Words => None,
                    ScratchTokens::Bytes => Some(byte_level_tokenizer()),
                };
                Ok(Self {
                    kind: EncoderKind::Scratch(options.clone()),
                    tokenizer,
                    chat_template,
                    continued: None,
                })
            }
            EncoderSource::Bundle(directory) => Self::open_bundle(directory, plan),
        }
    }

    /// The bundle that the run continues, if its settings are the bundle's.
    fn open_bundle(directory: &Path, plan: &TrainingPlan) -> Result<Self> {
        let source = SourceBundle::open(directory)?;
        source.check(&plan.text, &plan.model, &plan.training)?;
        let text = source.text_config(&plan.text);
        Ok(Self {
            tokenizer: Some(source.info().tokenizer.clone()),
            chat_template: text.chat_template.clone(),
            continued: Some(text),
            kind: EncoderKind::Bundle(Box::new(source)),
        })
    }

    /// The model for tokenized splits.
    fn assemble<E>(
        &self,
        plan: &TrainingPlan,
        splits: Splits<E>,
        device: &Device,
    ) -> Result<Assembled<E>> {
        let Splits {
            text,
            train,
            valid,
            facts,
            mean_targets,
            tokenizer,
            offset,
        } = splits;
        let (model, config) = self.model(plan, text.vocab_size(), &mean_targets, device)?;
        check_ids(
            &config.encoder,
            plan.text.max_length,
            text.vocab_size(),
            facts.largest_type,
        )?;
        let model = init_head(model, &config, text.config(), plan, device)?;
        let from = match &self.kind {
            EncoderKind::Bundle(source) => Some(source.clone()),
            _ => None,
        };
        Ok(Assembled {
            from,
            offset,
            text,
            train,
            valid,
            counts: facts.counts,
            texts: facts.texts,
            model,
            config,
            tokenizer,
        })
    }

    fn model(
        &self,
        plan: &TrainingPlan,
        vocab_size: usize,
        mean_targets: &[f32],
        device: &Device,
    ) -> Result<(RewardModel, RewardModelConfig)> {
        // Checked before any weight is initialized: those of the head, and of an encoder from scratch.
        device.seed(plan.training.seed);
        let reward_model = |encoder: EncoderConfig| {
            let pooling = plan.model.pooling.clone();
            let pooling = pooling.unwrap_or_else(|| encoder.default_pooling());
            RewardModelConfig {
                head: plan.model.head.clone(),
                lora: plan.model.lora.clone(),
                scalar_mix: plan.model.scalar_mix,
                output: plan.training.loss.output(),
                ..RewardModelConfig::new(encoder, pooling, mean_targets.len())
            }
        };
        let (model, config) = match &self.kind {
            EncoderKind::Pretrained(pretrained) => {
                check_length(plan, pretrained.config())?;
                let config = reward_model(pretrained.config().clone());
                config.check()?;
                let (encoder, _report) = pretrained.load(device)?;
                let counts = config.parameters(device);
                let drawn = counts.head.saturating_add(counts.adapters);
                plan.model.max_parameters.check(drawn)?;
                (config.init_with(encoder, device), config)
            }
            EncoderKind::Scratch(options) => {
                let config = reward_model(scratch_encoder(plan, options, vocab_size)?);
                config.check()?;
                let drawn = config.parameters(device).total;
                plan.model.max_parameters.check(drawn)?;
                (config.init(device), config)
            }
            EncoderKind::Bundle(source) => return continued_model(plan, source, device),
        };
        Ok((model.with_head_bias(mean_targets), config))
    }
}

/// The model of the bundle, with the dropout of this run.
fn continued_model(
    plan: &TrainingPlan,
    source: &SourceBundle,
    device: &Device,
) -> Result<(RewardModel, RewardModelConfig)> {
    check_length(plan, &source.info().config.encoder)?;
    let training = &plan.training;
    let bundle = Bundle::load_changed(source.directory(), device, |config| RewardModelConfig {
        encoder: config
            .encoder
            .clone()
            .with_dropout(training.dropout, training.attention_dropout),
        ..config.clone()
    })?;
    Ok((bundle.model, bundle.config))
}

/// The encoder from scratch that a `[scratch]` table describes.
fn scratch_encoder(
    plan: &TrainingPlan,
    options: &ScratchOptions,
    vocab_size: usize,
) -> Result<EncoderConfig> {
    let max_positions = plan.text.max_length;
    let encoder = if let Some(part) = &options.encoder {
        EncoderConfig::own(part, vocab_size, max_positions).map_err(ModelError::from)?
    } else {
        let mut bert = BertConfig::new(
            vocab_size,
            options.d_model,
            options.num_layers,
            options.num_heads,
        );
        bert.d_feed_forward = options.d_ff;
        bert.max_positions = max_positions;
        bert.initializer_range = options.initializer_range;
        bert.keys_start_as_queries = options.keys_start_as_queries;
        EncoderConfig::Bert(bert)
    };
    Ok(encoder.with_dropout(plan.training.dropout, plan.training.attention_dropout))
}

fn check_length(plan: &TrainingPlan, encoder: &EncoderConfig) -> Result<()> {
    if plan.text.max_length <= encoder.max_positions() {
        return Ok(());
    }
    Err(TrainError::MaxLength {
        found: plan.text.max_length,
        positions: encoder.max_positions(),
    })
}

/// Refuses a tokenizer with ids for which the encoder has no embedding.
fn check_ids(
    encoder: &EncoderConfig,
    max_length: usize,
    vocab_size: usize,
    largest_type: u32,
) -> Result<()> {
    let largest_id = u32::try_from(vocab_size)
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    encoder.check_sequence(max_length, largest_id, largest_type)?;
    Ok(())
}
