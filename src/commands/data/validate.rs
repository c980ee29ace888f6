//! `gradus data validate`

use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::data::{DataError, KeyFacts, RecordId, RepeatedIds, UnreadKey, UnreadKeys};
use serde::Serialize;

use crate::failure::Usage;
use crate::progress::Reading;
use crate::{records, show};

/// Result of validating one file.
#[derive(Serialize)]
struct Validation {
    file: PathBuf,
    examples: usize,
    /// How many problems there are; of repeated ids, only the first are listed.
    invalid: usize,
    problems: Vec<String>,
    /// Unknown keys that resemble known ones.
    unread_keys: Vec<UnreadKey>,
    /// Whether reading stopped early, because the file does not contain records.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
    /// Hint of the first problem that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// After this many invalid records without a valid one, the file does not contain records.
const HOPELESS: usize = 20;
/// Hint for such a file.
const IMPORTED: &str = "`gradus data import` converts published formats to records";
/// Maximum number of problems shown per file.
const PROBLEMS_SHOWN: usize = 100;

pub(super) fn run(files: &[PathBuf], json: bool) -> Result<()> {
    let validations = files
        .iter()
        .map(|file| validate_file(file))
        .collect::<Result<Vec<_>>>()?;
    if json {
        show::json(&validations)?;
    } else {
        for Validation {
            file,
            examples,
            invalid,
            problems,
            unread_keys,
            stopped,
            hint: _,
        } in &validations
        {
            for problem in problems.iter().take(PROBLEMS_SHOWN) {
                show::line(problem)?;
            }
            let unlisted = invalid - problems.len();
            if problems.len() > PROBLEMS_SHOWN {
                let more = problems.len() - PROBLEMS_SHOWN;
                show::line(&format!("and {more} more (--json lists them)"))?;
            }
            if unlisted > 0 {
                show::line(&format!("and {unlisted} more repeated ids"))?;
            }
            for key in unread_keys {
                show::line(&format!("warning: {}: {key}", file.display()))?;
            }
            if *stopped {
                show::line(&format!(
                    "{}: stopped after {HOPELESS} invalid records and no valid one",
                    file.display()
                ))?;
            }
            let verdict = format!("{examples} valid, {invalid} invalid");
            show::line(&format!("{}: {verdict}", file.display()))?;
        }
    }
    let wrong: usize = validations
        .iter()
        .map(|validation| validation.invalid)
        .sum();
    if wrong == 0 {
        return Ok(());
    }
    let found = Usage::new(format!("{wrong} problem(s) found"));
    let hint = validations.into_iter().find_map(|file| file.hint);
    Err(match hint {
        Some(hint) => found.with_hint(hint),
        None => found,
    }
    .into())
}

fn validate_file(file: &Path) -> Result<Validation> {
    let mut reader = records::open(file)?
        .without_meta()
        .in_parallel(|example| (RecordId::new(example.id.clone()), KeyFacts::of(example)));
    let mut ids = RepeatedIds::new();
    let mut unread = UnreadKeys::new();
    let mut problems = Vec::new();
    let (mut good, mut stopped, mut hint) = (0_usize, false, None);
    let mut reading = Reading::new("records", reader.progress());
    while let Some(record) = reader.next() {
        reading.add(1);
        match record {
            Ok((id, keys)) => {
                ids.add(&id, reader.number());
                unread.add_facts(&keys);
                good += 1;
            }
            Err(error @ DataError::Record { .. }) => {
                problems.push(error.to_string());
                hint = hint.or_else(|| error.hint());
                if good == 0 && problems.len() == HOPELESS {
                    hint = hint.or_else(|| Some(IMPORTED.into()));
                    stopped = true;
                    break;
                }
            }
            // After a read error there are no further records to check.
            Err(error) => return Err(error.into()),
        }
    }
    drop(reading);
    let invalid = problems.len() + ids.number();
    problems.extend(ids.listed().iter().map(|repeated| {
        let place = reader.location_of(repeated.line);
        let first = reader.location_of(repeated.first_line);
        let first = first.beside(&place);
        format!("{place}: id `{}` is already used in {first}", repeated.id)
    }));
    Ok(Validation {
        file: file.to_path_buf(),
        examples: good,
        invalid,
        problems,
        unread_keys: unread.finish(),
        stopped,
        hint,
    })
}
