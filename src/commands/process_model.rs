//! `gradus import` of process reward models: their heads and separators.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use gradus::data::{DEFAULT_ASPECT, DataError, FoundToken, Segmenter, Separator, find_token};
use gradus::model::{
    EncoderConfig, ImportedModel, ProblemType, ProcessHead, architecture, has_two_labels,
    import_process_model,
};
use gradus_files::{MOST_BYTES, read_regular};
use serde_json::Value;

use crate::cli::ImportArgs;
use crate::failure::Usage;
use crate::show;

/// The separator of Qwen's process reward models.
const QWEN_SEPARATOR: &str = "<extra_0>";
/// Default maximum length for models with separators, in tokens, because solutions are long.
pub(super) const MAX_LENGTH: usize = 4096;

/// Imports the model if it is a process reward model rather than a classifier; also returns the meaning of its
/// scores, in words.
pub(super) fn import(
    args: &ImportArgs,
    directory: &Path,
    device: &Device,
) -> Result<Option<(ImportedModel, String)>> {
    if args.base.is_some() {
        return Ok(None);
    }
    let architecture = architecture(directory)?.unwrap_or_default();
    let named = args.positive_token.is_some();
    let head = if architecture.ends_with("ForProcessRewardModel") && !named {
        ProcessHead::Layers
    } else if architecture.ends_with("ForPrmModel") && !named {
        ProcessHead::Value
    } else if architecture.ends_with("ForCausalLM") || named {
        tokens(args, directory, &architecture)?
    } else if args.separator.is_some() && has_two_labels(directory)? {
        ProcessHead::Labels
    } else {
        return Ok(None);
    };
    let meaning = match (head, &args.positive_token) {
        (ProcessHead::Tokens { .. }, Some(token)) => {
            format!("scores: P(`{token}`) in the softmax of the logits of the two tokens")
        }
        (ProcessHead::Value, _) => "scores: the sigmoid of the value head".to_owned(),
        _ => "scores: the probability of the second of two labels, a right segment".to_owned(),
    };
    let found = import_process_model(directory, head, device)?;
    let imported = ImportedModel {
        config: found.config,
        model: found.model,
        labels: vec![DEFAULT_ASPECT.to_owned()],
        problem_type: ProblemType::SingleLabel,
        report: found.report,
        export: Value::Null,
    };
    Ok(Some((imported, meaning)))
}

/// Refuses a bidirectional encoder.
pub(super) fn refuse_both_sides(encoder: &EncoderConfig) -> Result<()> {
    if encoder.is_causal() {
        return Ok(());
    }
    Err(Usage::new(format!(
        "--separator: found a bidirectional encoder ({}), expected a decoder: at a separator, a \
         bidirectional encoder also sees later segments",
        encoder.model_type()
    ))
    .into())
}

/// Whether the separator settings, not a chat template, write the text around the prompt.
pub(super) fn lays_out_the_prompt(separator: &Separator) -> bool {
    let Separator {
        before_prompt,
        before_response,
        apart,
        ..
    } = separator;
    *apart || !before_prompt.is_empty() || !before_response.is_empty()
}

fn tokens(args: &ImportArgs, directory: &Path, architecture: &str) -> Result<ProcessHead> {
    let (Some(positive), Some(negative)) = (&args.positive_token, &args.negative_token) else {
        return Err(Usage::new(format!(
            "{}: found the language model {architecture}, expected the two tokens that rate a segment as \
             correct or wrong",
            directory.display()
        ))
        .with_hint("set --positive-token and --negative-token, such as + and -")
        .into());
    };
    let bytes = read_regular(&directory.join("tokenizer.json"), MOST_BYTES)?;
    let find = |name: &str| -> Result<usize> {
        let FoundToken { id, spaced } = find_token(&bytes, name)?;
        let besides = spaced.map(|(name, id)| format!("; the vocabulary also has `{name}` ({id})"));
        show::status(&format!(
            "token `{name}`: {id}{}",
            besides.unwrap_or_default()
        ));
        Ok(usize::try_from(id)?)
    };
    let (positive, negative) = (find(positive)?, find(negative)?);
    if positive == negative {
        return Err(Usage::new(
            "--positive-token and --negative-token: found the same token, expected two different ones",
        )
        .into());
    }
    Ok(ProcessHead::Tokens { positive, negative })
}

/// The separator after every segment: from the flags, or the architecture's known one.
pub(super) fn separator(args: &ImportArgs, directory: &Path) -> Result<Option<Separator>> {
    let architecture = architecture(directory)?.unwrap_or_default();
    let text = match &args.separator {
        Some(text) => unescaped("--separator", text)?,
        None if architecture.ends_with("ForProcessRewardModel") => {
            check_known_separator(directory)?;
            QWEN_SEPARATOR.to_owned()
        }
        None if is_process(&architecture) => {
            return Err(Usage::new(format!(
                "{}: found {architecture} and no --separator, expected the text after every segment",
                directory.display()
            ))
            .with_hint("docs/importing-models.md lists the separators of published models")
            .into());
        }
        None => return Ok(None),
    };
    let written = |flag: &str, text: &Option<String>| match text {
        Some(text) => unescaped(flag, text),
        None => Ok(String::new()),
    };
    Ok(Some(Separator {
        text,
        between: written("--between", &args.between)?,
        before_prompt: written("--before-prompt", &args.before_prompt)?,
        before_response: written("--before-response", &args.before_response)?,
        apart: args.tokenize_apart,
    }))
}

/// Refuses a tokenizer without the separator that models of this class score.
fn check_known_separator(directory: &Path) -> Result<()> {
    let path = directory.join("tokenizer.json");
    let found = find_token(&read_regular(&path, MOST_BYTES)?, QWEN_SEPARATOR);
    // Any other fault of the file is told where it is loaded.
    if let Err(DataError::TokenUnknown { .. }) = found {
        return Err(Usage::new(format!(
            "{}: found no token `{QWEN_SEPARATOR}`, at which models of this class score a segment",
            path.display()
        ))
        .with_hint("name the text that this model has behind every segment with --separator")
        .into());
    }
    Ok(())
}

fn is_process(architecture: &str) -> bool {
    ["ForCausalLM", "ForPrmModel"]
        .into_iter()
        .any(|kind| architecture.ends_with(kind))
}

/// The segmenter for responses without segments; `None` keeps the default.
pub(super) fn segmenter(args: &ImportArgs, separator: Option<&Separator>) -> Option<Segmenter> {
    let of_steps = separator.map(|_| Segmenter::Line);
    args.segmenter.clone().or(of_steps)
}

/// Replaces the escapes `\n`, `\t`, `\r` and `\\` in a text from the command line.
fn unescaped(flag: &str, text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            other => {
                let found = other.map_or_else(String::new, String::from);
                return Err(Usage::new(format!(
                    "{flag}: found `\\{found}`, expected \\n, \\t, \\r, or \\\\ for a backslash"
                ))
                .into());
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_what_a_shell_cannot_write() {
        let read = |text: &str| unescaped("--separator", text).ok();
        assert_eq!(read(r" ки\n\t\\n"), Some(" ки\n\t\\n".to_owned()));
        assert_eq!(read(r"\boxed"), None);
        assert_eq!(read("\\"), None);
    }
}
