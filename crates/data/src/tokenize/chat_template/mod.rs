//! The chat template of a tokenizer: what a model was taught to see around a prompt.

mod cost;
mod files;
mod jinja;
mod prompt;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

pub(crate) use prompt::ChatPrompt;

/// A chat template with the special tokens that it may write: all of it that is kept in a bundle.
///
/// A template is Jinja. It is given what Python's transformers gives it: `messages`, here one message
/// of the `user`, `add_generation_prompt` set, `tools` and `documents` as none, and the special
/// tokens by name. It is not given the date (`strftime_now`): a score would depend on the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatTemplate {
    /// Name of the file it comes from, such as `tokenizer_config.json`.
    pub source: String,
    /// The template.
    pub template: String,
    /// Special tokens by the names that templates know them by: `bos_token`, `eos_token`, ..
    pub tokens: BTreeMap<String, String>,
}

impl ChatTemplate {
    /// The text that a prompt becomes, up to where the response begins.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`]: the template cannot be parsed, refuses the prompt, uses what is
    /// not supported, or runs for too long.
    pub fn render(&self, prompt: &str) -> Result<String> {
        let problem = match jinja::Renderer::new(self) {
            Ok(renderer) => match renderer.render(prompt) {
                Ok(text) => return Ok(text),
                Err(problem) => problem,
            },
            Err(problem) => problem,
        };
        Err(problem.at(&self.source))
    }

    /// Tells whether the template can be used.
    ///
    /// # Errors
    /// Those of [`ChatTemplate::render`], and if the template does not write the prompt exactly once.
    pub fn check(&self) -> Result<()> {
        ChatPrompt::new(self).map(drop)
    }
}

/// What is wrong with a template, and in which of its lines.
#[derive(Debug)]
pub(crate) struct TemplateProblem {
    line: Option<usize>,
    cause: String,
}

impl TemplateProblem {
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self {
            line: None,
            cause: cause.into(),
        }
    }

    /// The same as an error about `place`.
    pub(crate) fn at(self, place: impl Into<String>) -> DataError {
        DataError::ChatTemplate {
            place: place.into(),
            line: self.line,
            cause: self.cause,
        }
    }
}
