use std::collections::HashMap;

use serde_json::Value;

use crate::import::fields::{Record, not_allowed, position_member, text_member};
use crate::import::importer::Parser;
use crate::import::marks::{Mark, MarkReader, Marked, marked_segments};
use crate::import::options::ImportOptions;
use crate::records::FirstPlaces;
use crate::records::field::{Checked, list, missing};
use crate::{DataError, Example, JsonLines, ReadProgress, Result};

pub(super) const FAITHFULNESS: &str = "faithfulness";

pub(in crate::import) fn prepare(
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Parser> {
    notes.push(options.mark_rule.note());
    let prompts = Prompts::read(options)?;
    let options = options.clone();
    Ok(Box::new(move |record| parse(record, &prompts, &options)))
}

/// The prompts of `source_info.jsonl` by `source_id`, each with its task.
struct Prompts(HashMap<String, (String, Option<String>)>);

impl Prompts {
    fn read(options: &ImportOptions) -> Result<Self> {
        let path = options.sources.as_deref().ok_or(DataError::SourcesNeeded)?;
        let mut prompts = HashMap::new();
        let mut places = FirstPlaces::default();
        let mut objects = JsonLines::open_or_list(path, options.limits, &ReadProgress::default())?;
        while let Some(advanced) = objects.advance() {
            advanced?;
            let number = objects.number();
            let (source, prompt) = objects.parse(|fields| prompt(Record::new(number, fields)))?;
            places.add(&source, objects.location())?;
            prompts.insert(source, prompt);
        }
        Ok(Self(prompts))
    }
}

fn prompt(mut record: Record) -> Checked<(String, (String, Option<String>))> {
    let source = record.name("source_id")?;
    let task = match record.get("task_type") {
        Some(_) => Some(record.text("task_type")?),
        None => None,
    };
    let prompt = record.text("prompt")?;
    record.rest()?;
    Ok((source, (prompt, task)))
}

fn parse(mut record: Record, prompts: &Prompts, options: &ImportOptions) -> Checked<Example> {
    let id = record.name("id")?;
    let source = record.name("source_id")?;
    let Some((prompt, task)) = prompts.0.get(&source) else {
        let expected = "a source_id of the file of sources";
        return Err(not_allowed("source_id", format!("`{source}`"), expected));
    };
    let response = record.text("response")?;
    let labels = record
        .get("labels")
        .cloned()
        .ok_or_else(|| missing("labels", "a list"))?;
    let marks = marks(&list(labels, "labels")?, &response, options)?;
    let segments = marked_segments(&response, &marks, options, FAITHFULNESS, "response")?;
    let mut meta = record.rest()?;
    meta.insert("source_id".into(), source.into());
    if let Some(task) = task {
        meta.insert("task_type".into(), task.clone().into());
    }
    Ok(Example {
        id,
        prompt: prompt.clone(),
        response,
        segments,
        meta,
        ..Example::default()
    })
}

/// Marks with `start`, `end`, `text` and `label_type`.
pub(super) fn marks(
    labels: &[Value],
    response: &str,
    options: &ImportOptions,
) -> Checked<Vec<Mark>> {
    let reader = MarkReader::new(response, options);
    let labels = labels.iter().enumerate();
    labels
        .map(|(k, label)| {
            let field = format!("labels[{k}]");
            let marked = Marked {
                start: position_member(label, &field, "start")?,
                end: position_member(label, &field, "end")?,
                text: Some(text_member(label, &field, "text")?),
            };
            let span = reader.span(marked, &field)?;
            let kind = text_member(label, &field, "label_type")?;
            let rating = options.rate(kind, 0.0, || format!("{field}.label_type"))?;
            Ok(Mark { span, rating })
        })
        .collect()
}
