//! Which aspects of a score file are evaluated.

use std::collections::BTreeSet;
use std::path::Path;

use gradus_data::{DEFAULT_ASPECT, Example};

use super::names::Names;
use crate::{EvalError, Result};

/// The aspects that are evaluated, and where a record has their scores.
pub(super) struct Choice {
    pub(super) names: Vec<String>,
    /// Index of each aspect among the names of the file; plain numbers have index 0.
    pub(super) columns: Vec<usize>,
    /// Aspects of the file on which no example is rated.
    pub(super) left_out: Vec<String>,
}

impl Choice {
    pub(super) fn of(
        path: &Path,
        names: &Names,
        examples: &[Example],
        wanted: Option<&[String]>,
    ) -> Result<Self> {
        let refused = |found: String, expected: String| {
            Err(EvalError::ScoreAspects {
                path: path.to_owned(),
                found,
                expected,
            })
        };
        let (of_segments, of_responses) = (rated_aspects(examples), response_aspects(examples));
        let rated = owned(&of_segments.union(&of_responses).copied().collect());
        let listed = |names: &[String]| names.join(", ");
        if names.is_empty() {
            // The file has no scores: nothing is ambiguous.
            let names = wanted.map_or(rated, <[String]>::to_vec);
            return Ok(Self {
                columns: vec![0; names.len()],
                names,
                left_out: Vec::new(),
            });
        }
        let Some(known) = names.known() else {
            let one = |name: String| Self {
                names: vec![name],
                columns: vec![0],
                left_out: Vec::new(),
            };
            // Plain numbers are scores of segments, unless only responses are rated.
            let rated = if of_segments.is_empty() {
                &rated
            } else {
                &owned(&of_segments)
            };
            return match (wanted, &rated[..]) {
                (Some([name]), _) | (None, [name]) => Ok(one(name.clone())),
                (None, []) => Ok(one(DEFAULT_ASPECT.to_owned())),
                (Some(wanted), _) => refused(
                    "plain numbers".into(),
                    format!(
                        "the name of one aspect, not {}: {}",
                        wanted.len(),
                        listed(wanted)
                    ),
                ),
                (None, rated) => refused(
                    "plain numbers".into(),
                    format!("named scores, as the data is rated on {}", listed(rated)),
                ),
            };
        };
        let names: Vec<String> = match wanted {
            Some(wanted) => wanted.to_vec(),
            None if rated.is_empty() => known.to_vec(),
            None => known
                .iter()
                .filter(|n| rated.contains(n))
                .cloned()
                .collect(),
        };
        let columns: Option<Vec<usize>> = names
            .iter()
            .map(|name| known.iter().position(|known| known == name))
            .collect();
        match columns {
            Some(columns) if !columns.is_empty() => Ok(Self {
                left_out: known
                    .iter()
                    .filter(|n| !names.contains(n))
                    .cloned()
                    .collect(),
                names,
                columns,
            }),
            Some(_) => refused(
                format!("scores of {}", listed(known)),
                format!("an aspect that the data is rated on: {}", listed(&rated)),
            ),
            None => refused(
                format!("scores of {}", listed(known)),
                format!("all of {}", listed(&names)),
            ),
        }
    }
}

/// Every aspect that a segment is rated on, in alphabetical order.
fn rated_aspects(examples: &[Example]) -> BTreeSet<&String> {
    let segments = examples.iter().flat_map(|example| &example.segments);
    segments
        .flat_map(|segment| segment.ratings.keys())
        .collect()
}

/// Every aspect that a response is rated on as a whole, in alphabetical order.
fn response_aspects(examples: &[Example]) -> BTreeSet<&String> {
    let responses = examples.iter();
    responses
        .flat_map(|example| example.ratings.keys())
        .collect()
}

fn owned(names: &BTreeSet<&String>) -> Vec<String> {
    names.iter().copied().cloned().collect()
}
