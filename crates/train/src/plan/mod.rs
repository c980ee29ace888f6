//! What to train: checked settings, and what a run needs.

mod assemble;
mod chat_template;
mod config;
mod default_rate;
mod early_stopping;
mod freeze;
mod init_head;
mod model_options;
mod objective;
mod offset_choice;
mod offset_option;
mod offsets;
mod prepare;
mod scale_check;
mod scale_option;
mod schedule;
mod scratch_options;
mod source_bundle;
mod split_counts;
mod survey;
mod text_options;
mod token_cache;
mod tokenize;
mod training_ratings;

pub(crate) use assemble::{Assembled, assemble, assemble_stored};
pub use chat_template::*;
pub use config::*;
pub use default_rate::default_learning_rate;
pub use early_stopping::EarlyStopping;
pub(crate) use early_stopping::{LOSS, MSE};
pub use freeze::Freeze;
pub use model_options::{CheckedModel, ModelOptions, ParameterLimit};
pub use offset_choice::{ChosenOffset, choose_offset};
pub use offset_option::OffsetOption;
pub(crate) use prepare::tokenize_for_bundle;
pub use prepare::{Prepared, prepare};
pub use scale_option::ScaleOption;
pub use schedule::Schedule;
pub use scratch_options::{ScratchOptions, ScratchTokens};
pub use source_bundle::SourceBundle;
pub use split_counts::{EncodingCounts, SplitCounts};
pub use text_options::{ContextOption, TextOptions};
pub use token_cache::{CacheEvent, TokenCache};

use std::path::PathBuf;

use gradus_bundle::{Aggregation, BundlePlace, EncoderOrigin};
use gradus_data::ChatTemplate;
use gradus_files::is_same_file;
use gradus_model::PretrainedEncoder;

use crate::{Result, TrainError};

/// Where the encoder comes from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EncoderSource {
    /// A Hugging Face directory.
    Pretrained(PathBuf),
    /// A new encoder, with a vocabulary of the words in the training texts.
    Scratch(ScratchOptions),
    /// A bundle that is trained further: its encoder and head, in its form of input; see [`SourceBundle`].
    Bundle(PathBuf),
}

/// Everything that training needs besides data and device.
#[derive(Debug, Clone)]
pub struct TrainingPlan {
    /// Where the encoder comes from.
    pub encoder: EncoderSource,
    /// Where the directory of the encoder was downloaded from; recorded in the bundle.
    pub origin: Option<EncoderOrigin>,
    /// Settings of text and targets.
    pub text: TextOptions,
    /// Settings of the model on top of the encoder.
    pub model: CheckedModel,
    /// Settings of the optimization.
    pub training: CheckedConfig,
    /// The default aggregation of the bundle for response scores.
    pub aggregation: Aggregation,
    /// Directory for the bundle.
    pub output: PathBuf,
    /// Whether an existing bundle is replaced.
    pub overwrite: bool,
    /// Name and content of additional files for the bundle.
    pub extra_files: Vec<(String, Vec<u8>)>,
}

impl TrainingPlan {
    /// A plan with these training settings and defaults for everything else: default [`TextOptions`], a linear
    /// head, the mean as aggregation; an existing bundle is not replaced.
    pub fn new(
        encoder: EncoderSource,
        training: CheckedConfig,
        output: impl Into<PathBuf>,
    ) -> Self {
        Self {
            encoder,
            origin: None,
            text: TextOptions::default(),
            model: CheckedModel::default(),
            training,
            aggregation: Aggregation::Mean,
            output: output.into(),
            overwrite: false,
            extra_files: Vec::new(),
        }
    }

    /// A plan that continues the bundle in `source`, with its settings of text and model and its aggregation, and these
    /// training settings, such as [`SourceBundle::train_config`].
    ///
    /// # Errors
    /// [`TrainError::Setting`] for adapters of an encoder that `training` freezes.
    pub fn continuing(
        source: &SourceBundle,
        training: CheckedConfig,
        output: impl Into<PathBuf>,
    ) -> Result<Self> {
        Ok(Self {
            origin: source.info().manifest.encoder.clone(),
            text: source.text_options(),
            model: source.model_options().check(&training)?,
            aggregation: source.aggregation(),
            ..Self::new(
                EncoderSource::Bundle(source.directory().into()),
                training,
                output,
            )
        })
    }

    /// The chat template that the run will use, to show it before the run starts.
    ///
    /// # Errors
    /// Those of [`PretrainedEncoder::open`] and [`ChatTemplateOption::resolve`];
    /// [`TrainError::Setting`] for a template from a file with an encoder from scratch, whose
    /// vocabulary lacks its tokens.
    pub fn chat_template(&self) -> Result<Option<ChatTemplate>> {
        let option = &self.text.chat_template;
        match (&self.encoder, option) {
            (EncoderSource::Pretrained(directory), _) => {
                let encoder = PretrainedEncoder::open(directory)?;
                option.resolve(directory, encoder.config().is_causal())
            }
            (EncoderSource::Scratch(_), ChatTemplateOption::File(path)) => {
                Err(TrainError::Setting {
                    name: "chat_template",
                    found: format!("`{}` with an encoder from scratch", path.display()),
                    expected: "`auto` or `none`: the vocabulary has only words of the texts",
                })
            }
            (EncoderSource::Scratch(_), _) => Ok(None),
            (EncoderSource::Bundle(directory), _) => {
                let source = SourceBundle::open(directory)?;
                Ok(source.info().manifest.text.chat_template.clone())
            }
        }
    }

    /// Reserves the place of the bundle, so that an obstacle is found before any work is done.
    pub(crate) fn take_place(&self, resumes: bool) -> Result<BundlePlace> {
        if let EncoderSource::Bundle(read) = &self.encoder
            && is_same_file(read, &self.output)
        {
            return Err(TrainError::Setting {
                name: "from",
                found: format!("{}, which is the output", read.display()),
                expected: "another directory for the new bundle, so that both can be compared",
            });
        }
        let init_head = self.model.init_head.as_deref();
        if let Some(read) = init_head.filter(|read| is_same_file(read, &self.output)) {
            return Err(TrainError::Setting {
                name: "init_head",
                found: format!("{}, which is the output", read.display()),
                expected: "another bundle",
            });
        }
        Ok(BundlePlace::take(&self.output, self.overwrite || resumes)?)
    }
}
