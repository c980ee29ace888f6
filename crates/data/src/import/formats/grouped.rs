//! Exports with one record for each rater of a text, put together.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::import::annotated::{Annotated, Rater, Texts};
use crate::import::fields::{Record, not_allowed};
use crate::import::importer::Parsed;
use crate::import::options::ImportOptions;
use crate::records::field::Checked;
use crate::{DataError, JsonLines, Location, RecordError, Result};

/// What one record says of a text.
pub(super) struct Group {
    /// Equal in the records of one text.
    pub(super) key: String,
    /// Id of the example, if this record is the first.
    pub(super) id: String,
    pub(super) texts: Texts,
    pub(super) meta: Map<String, Value>,
    /// `None` if nobody saw the text here.
    pub(super) rater: Option<Rater>,
}

/// Reads all records, which need not follow each other, and puts those of one text together.
pub(super) fn read_groups(
    path: &Path,
    options: &ImportOptions,
    parse: impl Fn(Record, &Location) -> Checked<Group>,
) -> Result<Vec<Parsed>> {
    let mut objects = JsonLines::open_or_list(path, options.limits, &options.progress)?;
    objects.check_columns(&options.columns)?;
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut tasks: Vec<(Location, Checked<Annotated>)> = Vec::new();
    while let Some(advanced) = objects.advance() {
        let (number, location) = (objects.number(), objects.location().clone());
        let parsed = advanced.and_then(|()| {
            objects.parse_mapped(&options.columns, |fields| {
                parse(Record::new(number, fields), &location)
            })
        });
        let group = match parsed {
            Ok(group) => group,
            Err(DataError::Record { location, error }) => {
                tasks.push((location, Err(*error)));
                continue;
            }
            // Told by the caller, as of a table without a row.
            Err(DataError::NoRecords { .. }) => break,
            Err(error) => return Err(error),
        };
        if let Some(&place) = places.get(&group.key) {
            let (first, task) = &mut tasks[place];
            let line = first.line;
            if let Ok(annotated) = task
                && let Err(error) = add(annotated, group, line)
            {
                *first = objects.location().clone();
                *task = Err(error);
            }
        } else {
            places.insert(group.key, tasks.len());
            let annotated = Annotated {
                id: group.id,
                texts: group.texts,
                meta: group.meta,
                raters: group.rater.into_iter().collect(),
                replaced: 0,
            };
            tasks.push((objects.location().clone(), Ok(annotated)));
        }
    }
    options.progress.start_making(tasks.len());
    let examples = tasks.into_iter().map(|(location, task)| {
        let example = task.and_then(|task| task.finish(options, "answer"));
        options.progress.count_made();
        (location, example)
    });
    Ok(examples.collect())
}

/// Adds what another record says of a text.
fn add(task: &mut Annotated, group: Group, line: usize) -> std::result::Result<(), RecordError> {
    if task.texts != group.texts {
        let found = format!("other texts than in line {line}, which has the same task");
        return Err(not_allowed("", found, "the same ones"));
    }
    let Some(rater) = group.rater else {
        return Ok(());
    };
    let is_known = task.raters.iter().any(|known| known.name == rater.name);
    if is_known && rater.made.is_none() {
        let found = format!(
            "a second answer of `{}`, as in line {line} or behind it",
            rater.name
        );
        return Err(not_allowed("", found, "one answer of each rater to a text"));
    }
    task.add(rater);
    Ok(())
}
