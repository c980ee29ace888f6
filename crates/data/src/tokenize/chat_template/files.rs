//! Finds the chat template beside a tokenizer.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_files::MOST_SETTINGS;
use serde_json::{Map, Value};

use super::{ChatTemplate, TemplateProblem};
use crate::{DataError, Result};

/// The file with only the template. It has priority over all others.
const JINJA: &str = "chat_template.jinja";
/// The file with the names of special tokens, and often the template.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// The file with the template in older multimodal directories.
const JSON: &str = "chat_template.json";
/// The file with the names of special tokens in older directories.
const TOKENS: &str = "special_tokens_map.json";
/// The key of the template in a JSON file.
const KEY: &str = "chat_template";
/// The name of the template to use if there are several.
const DEFAULT: &str = "default";

/// Special tokens that templates can use by name.
const TOKEN_NAMES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

impl ChatTemplate {
    /// The chat template of a Hugging Face directory: `chat_template.jinja`, else the `chat_template`
    /// of `tokenizer_config.json` or of `chat_template.json`; `None` if there is none. Of several named
    /// templates, it is the one named `default`.
    ///
    /// # Errors
    /// [`DataError::Io`] if a file cannot be read, [`DataError::ChatTemplate`] if its content is wrong or the template
    /// cannot be used; see [`ChatTemplate::check`].
    pub fn from_directory(directory: &Path) -> Result<Option<Self>> {
        for name in [JINJA, TOKENIZER_CONFIG, JSON] {
            let path = directory.join(name);
            if !path.is_file() {
                continue;
            }
            if let Some(template) = read(&path)? {
                return Ok(Some(template));
            }
        }
        Ok(None)
    }

    /// The chat template in a file: the `chat_template` of a JSON file, or the whole of another file. The
    /// `tokenizer_config.json` beside it names special tokens.
    ///
    /// # Errors
    /// Those of [`ChatTemplate::from_directory`], or if a JSON file has no template.
    pub fn from_file(path: &Path) -> Result<Self> {
        read(path)?.ok_or_else(|| {
            TemplateProblem::new(format!("found no `{KEY}`, expected a template")).at(place(path))
        })
    }
}

/// The template in a file; `None` if a JSON file has none.
fn read(path: &Path) -> Result<Option<ChatTemplate>> {
    let template = if path.extension().is_some_and(|kind| kind == "json") {
        match object(path)?.remove(KEY) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => text_of(value).map_err(|problem| problem.at(place(path)))?,
        }
    } else {
        let bytes = gradus_files::read_bounded(path, MOST_SETTINGS)?;
        String::from_utf8(bytes)
            .map_err(|_| TemplateProblem::new("found text that is not UTF-8").at(place(path)))?
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let template = ChatTemplate {
        source: name.into_owned(),
        template,
        tokens: tokens(path.parent().unwrap_or(Path::new("")))?,
    };
    match template.check() {
        Ok(()) => Ok(Some(template)),
        // The whole path, where only the name is kept.
        Err(DataError::ChatTemplate { line, cause, .. }) => Err(DataError::ChatTemplate {
            place: place(path),
            line,
            cause,
        }),
        Err(other) => Err(other),
    }
}

/// A template, or the default one of `[{"name": .., "template": ..}]`.
fn text_of(value: Value) -> std::result::Result<String, TemplateProblem> {
    let unexpected = |found: &Value| {
        TemplateProblem::new(format!(
            "field `{KEY}`: found {}, expected a text, or a list of names and templates",
            crate::describe_value(found)
        ))
    };
    let named = match value {
        Value::String(text) => return Ok(text),
        Value::Array(named) => named,
        other => return Err(unexpected(&other)),
    };
    let mut names = Vec::new();
    for entry in named {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let (Some(name), Some(template)) = (text("name"), text("template")) else {
            return Err(unexpected(&entry));
        };
        if name == DEFAULT {
            return Ok(template.to_owned());
        }
        names.push(format!("`{name}`"));
    }
    Err(TemplateProblem::new(format!(
        "field `{KEY}`: found templates named {}, expected one named `{DEFAULT}`",
        names.join(", ")
    )))
}

/// The special tokens that the files of a directory name.
fn tokens(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut tokens = BTreeMap::new();
    for file in [TOKENS, TOKENIZER_CONFIG] {
        let path = directory.join(file);
        if !path.is_file() {
            continue;
        }
        let config = object(&path)?;
        for name in TOKEN_NAMES {
            let content = match config.get(name) {
                Some(Value::String(content)) => content,
                Some(Value::Object(token)) => match token.get("content") {
                    Some(Value::String(content)) => content,
                    _ => continue,
                },
                _ => continue,
            };
            tokens.insert(name.to_owned(), content.clone());
        }
    }
    Ok(tokens)
}

fn object(path: &Path) -> Result<Map<String, Value>> {
    let bytes = gradus_files::read_bounded(path, MOST_SETTINGS)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        TemplateProblem::new(format!("cannot be read as JSON: {error}")).at(place(path))
    })
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "{{ bos_token }}[{{ messages[0].content }}]";

    fn directory(files: &[(&str, Value)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, value) in files {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            fs_err::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    fn found(files: &[(&str, Value)]) -> Result<Option<ChatTemplate>> {
        ChatTemplate::from_directory(directory(files).path())
    }

    fn refused(files: &[(&str, Value)]) -> String {
        found(files).unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_its_own_wins_over_the_configuration() {
        let config = serde_json::json!({"chat_template": "{{ messages[0].content }}!",
            "bos_token": {"content": "<s>", "special": true}, "eos_token": null});
        let own = found(&[(JINJA, TEMPLATE.into()), (TOKENIZER_CONFIG, config.clone())]);
        let own = own.unwrap().unwrap();
        assert_eq!(
            (own.source.as_str(), own.render("x").unwrap().as_str()),
            (JINJA, "<s>[x]")
        );
        let configured = found(&[(TOKENIZER_CONFIG, config)]).unwrap().unwrap();
        assert_eq!(configured.render("x").unwrap(), "x!");
        assert_eq!(configured.source, TOKENIZER_CONFIG);
    }

    #[test]
    fn of_several_templates_the_default_one_is_taken() {
        let named = |name: &str| {
            serde_json::json!([{"name": "rag", "template": "{{ no }}"},
            {"name": name, "template": TEMPLATE}])
        };
        let config = |name: &str| serde_json::json!({"chat_template": named(name)});
        let template = found(&[(TOKENIZER_CONFIG, config("default"))])
            .unwrap()
            .unwrap();
        assert_eq!(template.template, TEMPLATE);
        let message = refused(&[(TOKENIZER_CONFIG, config("tools"))]);
        assert!(
            message.contains("templates named `rag`, `tools`, expected one named `default`"),
            "{message}"
        );
        let message = refused(&[(TOKENIZER_CONFIG, serde_json::json!({"chat_template": 3}))]);
        assert!(message.contains("field `chat_template`"), "{message}");
    }

    #[test]
    fn a_directory_without_a_template_has_none_and_a_file_without_one_is_refused() {
        let files = [(TOKENIZER_CONFIG, serde_json::json!({"chat_template": null}))];
        assert_eq!(found(&files).unwrap(), None);
        assert_eq!(found(&[]).unwrap(), None);
        let path = directory(&files);
        let error = ChatTemplate::from_file(&path.path().join(TOKENIZER_CONFIG)).unwrap_err();
        assert!(
            error.to_string().contains("found no `chat_template`"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_used_names_its_file() {
        let message = refused(&[(JINJA, "a\n{% if %}".into())]);
        assert!(
            message.contains("chat_template.jinja: line 2: syntax error"),
            "{message}"
        );
        let message = refused(&[(TOKENIZER_CONFIG, "{".into())]);
        assert!(
            message.contains("tokenizer_config.json: cannot be read as JSON"),
            "{message}"
        );
    }
}
