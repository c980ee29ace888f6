//! Chat templates: the text around a prompt with which a model was trained.

mod cost;
mod files;
mod jinja;
mod prompt;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

pub(crate) use prompt::ChatPrompt;

/// A chat template with the special tokens that it may use. A bundle stores all of it.
///
/// A template is written in Jinja. It gets the same values as in Python's transformers: `messages` with one message of
/// the `user`, `add_generation_prompt` true, `tools` and `documents` none, and the special tokens by name. It does
/// not get the date (`strftime_now`), because scores would depend on the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatTemplate {
    /// Name of its file, such as `tokenizer_config.json`.
    pub source: String,
    /// The template.
    pub template: String,
    /// Special tokens by name: `bos_token`, `eos_token`, ..
    pub tokens: BTreeMap<String, String>,
}

impl ChatTemplate {
    /// The text of a prompt with the template, up to the start of the response.
    ///
    /// # Errors
    /// [`DataError::ChatTemplate`]: the template cannot be parsed, refuses the prompt, uses an
    /// unsupported feature, or runs for too long.
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

    /// Checks that the template can be used.
    ///
    /// # Errors
    /// Those of [`ChatTemplate::render`], and if the template does not write the prompt exactly once.
    pub fn check(&self) -> Result<()> {
        ChatPrompt::new(self).map(drop)
    }
}

/// A problem of a template, and its line.
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

    /// The problem as an error about `place`.
    pub(crate) fn at(self, place: impl Into<String>) -> DataError {
        DataError::ChatTemplate {
            place: place.into(),
            line: self.line,
            cause: self.cause,
        }
    }
}
