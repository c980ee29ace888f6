//! Everything a run works with: encoded splits and the model that is to learn from them.

use burn::tensor::Device;
use gradus_data::{ChatTemplate, EncodedExample, Example, TextEncoder, word_level_tokenizer};
use gradus_model::encoder::BertConfig;
use gradus_model::{
    EncoderConfig, Manifest, ModelError, Pooling, PretrainedEncoder, RewardModel, RewardModelConfig,
};

use crate::run::to_value;
use crate::{
    EncoderSource, Prepared, Result, Run, ScratchOptions, SplitCounts, TrainError, chat_template,
    prepare,
};

const TOKENIZER: &str = "tokenizer.json";

/// Encoded splits, and a model with a fresh head.
pub(crate) struct Assembled {
    pub(crate) text: TextEncoder,
    pub(crate) train: Vec<EncodedExample>,
    pub(crate) valid: Vec<EncodedExample>,
    pub(crate) counts: SplitCounts,
    pub(crate) model: RewardModel,
    pub(crate) config: RewardModelConfig,
    pub(crate) tokenizer: Vec<u8>,
}

/// Opens the encoder, encodes the splits with its tokenizer, and reads or draws the weights.
pub(crate) fn assemble(
    run: &Run,
    train: &[Example],
    valid: &[Example],
    device: &Device,
) -> Result<Assembled> {
    let source = Source::open(run, train)?;
    let Prepared {
        encoder: text,
        train,
        valid,
        counts,
        mean_targets,
    } = prepare(
        &source.tokenizer,
        source.chat_template.clone(),
        &run.text,
        &run.training,
        train,
        valid,
    )?;
    let (model, config) = source.model(run, text.vocab_size(), &mean_targets, device)?;
    check_ids(
        &config.encoder,
        run.text.max_length,
        text.vocab_size(),
        train.iter().chain(&valid),
    )?;
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

/// The manifest of a bundle before anything is known of its training.
pub(crate) fn manifest(run: &Run, text: &TextEncoder, pooling: Pooling) -> Manifest {
    let aspects = text.config().aspects.iter();
    let names = aspects.map(|aspect| aspect.name.clone()).collect();
    let mut manifest = Manifest::new(names, pooling, &run.aggregation);
    manifest.encoder.clone_from(&run.origin);
    manifest.text = to_value(text.config());
    manifest
}

/// An encoder before its weights are read: settings and tokenizer.
struct Source {
    kind: SourceKind,
    tokenizer: Vec<u8>,
    chat_template: Option<ChatTemplate>,
}

enum SourceKind {
    Pretrained(Box<PretrainedEncoder>),
    Scratch(ScratchOptions),
}

impl Source {
    fn open(run: &Run, train: &[Example]) -> Result<Self> {
        let chat_template = chat_template(run)?;
        match &run.encoder {
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
                    kind: SourceKind::Pretrained(Box::new(
                        encoder.with_dropout(run.training.dropout, run.training.attention_dropout),
                    )),
                    tokenizer: fs_err::read(path).map_err(ModelError::from)?,
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
                Ok(Self {
                    kind: SourceKind::Scratch(options.clone()),
                    tokenizer: word_level_tokenizer(texts.flatten().map(String::as_str))?,
                    chat_template,
                })
            }
        }
    }

    fn model(
        &self,
        run: &Run,
        vocab_size: usize,
        mean_targets: &[f32],
        device: &Device,
    ) -> Result<(RewardModel, RewardModelConfig)> {
        // Before any weight is drawn: the head, and the whole encoder when it is new.
        device.seed(run.training.seed);
        let reward_model = |encoder: EncoderConfig| {
            let pooling = run.model.pooling.unwrap_or(encoder.default_pooling());
            RewardModelConfig {
                head: run.model.head,
                lora: run.model.lora.clone(),
                output: run.training.loss.output(),
                ..RewardModelConfig::new(encoder, pooling, mean_targets.len())
            }
        };
        let (model, config) = match &self.kind {
            SourceKind::Pretrained(pretrained) => {
                check_length(run, pretrained.config())?;
                let config = reward_model(pretrained.config().clone());
                config.check()?;
                let (encoder, _report) = pretrained.load(device)?;
                let counts = config.parameters(device);
                let drawn = counts.head.saturating_add(counts.adapters);
                run.model.max_parameters.check(drawn)?;
                (config.init_with(encoder, device), config)
            }
            SourceKind::Scratch(options) => {
                let mut bert = BertConfig::new(
                    vocab_size,
                    options.d_model,
                    options.num_layers,
                    options.num_heads,
                );
                bert.d_feed_forward = options.d_ff;
                bert.max_positions = run.text.max_length;
                bert.initializer_range = options.initializer_range;
                bert.keys_start_as_queries = options.keys_start_as_queries;
                let encoder = EncoderConfig::Bert(bert)
                    .with_dropout(run.training.dropout, run.training.attention_dropout);
                let config = reward_model(encoder);
                config.check()?;
                let drawn = config.parameters(device).total;
                run.model.max_parameters.check(drawn)?;
                (config.init(device), config)
            }
        };
        Ok((model.with_head_bias(mean_targets), config))
    }
}

fn check_length(run: &Run, encoder: &EncoderConfig) -> Result<()> {
    if run.text.max_length <= encoder.max_positions() {
        return Ok(());
    }
    Err(TrainError::MaxLength {
        found: run.text.max_length,
        positions: encoder.max_positions(),
    })
}

/// Refuses a tokenizer that makes ids the encoder has no embedding for.
fn check_ids<'a>(
    encoder: &EncoderConfig,
    max_length: usize,
    vocab_size: usize,
    examples: impl Iterator<Item = &'a EncodedExample>,
) -> Result<()> {
    let largest_id = u32::try_from(vocab_size)
        .unwrap_or(u32::MAX)
        .saturating_sub(1);
    let types = examples.flat_map(|example| example.type_ids.iter().copied());
    encoder.check_sequence(max_length, largest_id, types.max().unwrap_or(0))?;
    Ok(())
}
