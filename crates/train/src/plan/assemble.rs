//! Assembles what a run needs: tokenized splits and the model to train.

use burn::tensor::Device;
use gradus_data::{
    ChatTemplate, Example, SegmentTokenizer, TokenizedExample, byte_level_tokenizer,
    word_level_tokenizer,
};
use gradus_model::encoder::BertConfig;
use gradus_model::{EncoderConfig, ModelError, PretrainedEncoder, RewardModel, RewardModelConfig};

use super::init_head::init_head;
use super::{
    EncoderSource, Prepared, ScratchOptions, ScratchTokens, SplitCounts, TrainingPlan, prepare,
};
use crate::{Result, TrainError};

const TOKENIZER: &str = "tokenizer.json";

/// Tokenized splits, and a model with its initial head.
pub(crate) struct Assembled {
    pub(crate) text: SegmentTokenizer,
    pub(crate) train: Vec<TokenizedExample>,
    pub(crate) valid: Vec<TokenizedExample>,
    pub(crate) counts: SplitCounts,
    pub(crate) model: RewardModel,
    pub(crate) config: RewardModelConfig,
    pub(crate) tokenizer: Vec<u8>,
}

/// Opens the encoder, tokenizes the splits with its tokenizer, and loads or initializes the weights.
pub(crate) fn assemble(
    plan: &TrainingPlan,
    train: &[Example],
    valid: &[Example],
    device: &Device,
) -> Result<Assembled> {
    let source = OpenEncoder::open(plan, train)?;
    let Prepared {
        tokenizer: text,
        train,
        valid,
        counts,
        mean_targets,
    } = prepare(
        &source.tokenizer,
        source.chat_template.clone(),
        &plan.text,
        &plan.training,
        train,
        valid,
    )?;
    let (model, config) = source.model(plan, text.vocab_size(), &mean_targets, device)?;
    check_ids(
        &config.encoder,
        plan.text.max_length,
        text.vocab_size(),
        train.iter().chain(&valid),
    )?;
    let model = init_head(model, &config, text.config(), plan, device)?;
    Ok(Assembled {
        text,
        train,
        valid,
        counts,
        model,
        config,
        tokenizer: source.tokenizer,
    })
}

/// An encoder without weights: settings and tokenizer.
struct OpenEncoder {
    kind: EncoderKind,
    tokenizer: Vec<u8>,
    chat_template: Option<ChatTemplate>,
}

enum EncoderKind {
    Pretrained(Box<PretrainedEncoder>),
    Scratch(ScratchOptions),
}

impl OpenEncoder {
    fn open(plan: &TrainingPlan, train: &[Example]) -> Result<Self> {
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
                    tokenizer: gradus_files::read_regular(&path, gradus_files::MOST_BYTES)
                        .map_err(ModelError::from)?,
                    chat_template,
                })
            }
            EncoderSource::Scratch(options) => {
                let texts = train.iter().flat_map(|example| {
                    [
                        Some(&example.prompt),
                        example.context.as_ref(),
                        Some(&example.response),
                    ]
                });
                options.check()?;
                let tokenizer = match options.tokens {
                    ScratchTokens::Words => {
                        word_level_tokenizer(texts.flatten().map(String::as_str))?
                    }
                    ScratchTokens::Bytes => byte_level_tokenizer(),
                };
                Ok(Self {
                    kind: EncoderKind::Scratch(options.clone()),
                    tokenizer,
                    chat_template,
                })
            }
        }
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
        };
        Ok((model.with_head_bias(mean_targets), config))
    }
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
fn check_ids<'a>(
    encoder: &EncoderConfig,
    max_length: usize,
    vocab_size: usize,
    examples: impl Iterator<Item = &'a TokenizedExample>,
) -> Result<()> {
    let largest_id = u32::try_from(vocab_size)
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let types = examples.flat_map(|example| example.type_ids.iter().copied());
    encoder.check_sequence(max_length, largest_id, types.max().unwrap_or(0))?;
    Ok(())
}
