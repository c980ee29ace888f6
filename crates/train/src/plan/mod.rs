//! What to train, checked, and everything that a run works with.

mod assemble;
mod chat_template;
mod config;
mod early_stopping;
mod freeze;
mod init_head;
mod objective;
mod options;
mod prepare;
mod schedule;

pub(crate) use assemble::{Assembled, assemble};
pub use chat_template::*;
pub use config::*;
pub use early_stopping::EarlyStopping;
pub(crate) use early_stopping::{LOSS, MSE};
pub use freeze::Freeze;
pub use options::*;
pub use prepare::*;
pub use schedule::Schedule;

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
    /// A new one, with a word-level vocabulary of the training texts.
    Scratch(ScratchOptions),
}

/// Everything training needs besides its data and device.
#[derive(Debug, Clone)]
pub struct TrainingPlan {
    /// Where the encoder comes from.
    pub encoder: EncoderSource,
    /// Where the encoder's directory was fetched from; only noted in the bundle.
    pub origin: Option<EncoderOrigin>,
    /// How records are read.
    pub text: TextOptions,
    /// The model on top of the encoder.
    pub model: CheckedModel,
    /// Optimization.
    pub training: CheckedConfig,
    /// The aggregation that the bundle proposes for response scores.
    pub aggregation: Aggregation,
    /// Directory for the bundle.
    pub output: PathBuf,
    /// Whether a bundle that is there already is replaced.
    pub overwrite: bool,
    /// Further files for the bundle: name and content.
    pub extra_files: Vec<(String, Vec<u8>)>,
}

impl TrainingPlan {
    /// A run with these settings of training and the defaults of everything else: texts as
    /// [`TextOptions`] has them, a linear head, the mean of segment scores as the response's, no bundle
    /// overwritten.
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

    /// The chat template that the run will take, for people to be told before it begins.
    ///
    /// # Errors
    /// Those of [`PretrainedEncoder::open`] and [`ChatTemplateOption::resolve`];
    /// [`TrainError::Setting`] for the template of a file beside an encoder from scratch, whose
    /// vocabulary does not know it.
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
                    found: format!("`{}` beside an encoder from scratch", path.display()),
                    expected: "`auto` or `none`: its vocabulary is that of the texts",
                })
            }
            (EncoderSource::Scratch(_), _) => Ok(None),
        }
    }

    /// Takes the place of the bundle, so that what stands in its way is known before any work is
    /// done.
    pub(crate) fn take_place(&self, resumes: bool) -> Result<BundlePlace> {
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
