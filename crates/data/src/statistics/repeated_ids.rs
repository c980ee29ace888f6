//! Ids that are used more than once.

use super::fingerprint::{ByFingerprint, Fingerprint, fingerprint};
use crate::{REPEATED_IDS_LISTED, RepeatedId};

/// The id of a record and its fingerprint, which may be made of several records at a time.
#[derive(Debug)]
pub struct RecordId {
    id: String,
    fingerprint: Fingerprint,
}

impl RecordId {
    /// The id with its fingerprint.
    pub fn new(id: String) -> Self {
        let fingerprint = fingerprint(&id);
        Self { id, fingerprint }
    }
}

/// Finds the ids that are used more than once, record by record. It keeps a 16-byte fingerprint of each id, and its line.
#[derive(Debug, Default)]
pub struct RepeatedIds {
    lines: ByFingerprint<usize>,
    number: usize,
    listed: Vec<RepeatedId>,
}

impl RepeatedIds {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the id of the record of the given line.
    pub fn add(&mut self, id: &RecordId, line: usize) {
        self.add_with(&id.id, id.fingerprint, line);
    }

    pub(super) fn add_with(&mut self, id: &str, fingerprint: Fingerprint, line: usize) {
        let first_line = *self.lines.entry(fingerprint).or_insert(line);
        if first_line == line {
            return;
        }
        self.number += 1;
        if self.listed.len() < REPEATED_IDS_LISTED {
            self.listed.push(RepeatedId {
                id: id.to_owned(),
                first_line,
                line,
            });
        }
    }

    /// How many records have the id of an earlier one.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The first [`REPEATED_IDS_LISTED`] of them.
    pub fn listed(&self) -> &[RepeatedId] {
        &self.listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_counts_from_its_second_record_on() {
        let mut ids = RepeatedIds::new();
        for line in 1..=40 {
            ids.add(&RecordId::new((line % 15).to_string()), line);
        }
        assert_eq!(
            (ids.number(), ids.listed().len()),
            (25, REPEATED_IDS_LISTED)
        );
        assert_eq!(ids.listed()[1].to_string(), "id `2` on lines 2 and 17");
    }
}
