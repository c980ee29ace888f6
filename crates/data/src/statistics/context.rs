//! Counts of records with a context, and warnings about unread or missing contexts.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::Example;

/// Maximum additional share of records without a context, compared with training.
const MISSING: f64 = 0.01;

/// Numbers of records and of records with a context.
///
/// Displayed as `371 of 463 records`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContextCounts {
    /// Number of records.
    pub records: usize,
    /// Number of records with a context that is not blank.
    pub with_context: usize,
}

impl ContextCounts {
    /// Counts `examples`.
    pub fn of(examples: &[Example]) -> Self {
        Self {
            records: examples.len(),
            with_context: examples.iter().filter(|e| e.has_context()).count(),
        }
    }

    /// A warning if the model does not read contexts that the records have, or if records lack contexts that the
    /// model was trained with.
    ///
    /// `reads` says whether the model reads contexts, and `trained` has the counts of its training split; by default,
    /// all records had one.
    pub fn mismatch(self, reads: bool, trained: Option<Self>) -> Option<String> {
        let Self {
            records,
            with_context,
        } = self;
        let before = trained.map_or(1.0, Self::share);
        if reads && records > 0 && self.share() < before - MISSING {
            let trained = trained.map_or_else(String::new, |all| format!(", in {all}"));
            return Some(format!(
                "context read in {self}: the model was trained to read one after the prompt\
                 {trained}, so scores without it are unreliable; the key is `context`"
            ));
        }
        (!reads && with_context > 0).then(|| {
            format!(
                "context read in 0 of {records} records, though {with_context} have one: the model \
                 was trained without"
            )
        })
    }

    /// Share of the records with a context; 0 without records.
    pub fn share(self) -> f64 {
        self.with_context as f64 / self.records.max(1) as f64
    }
}

impl fmt::Display for ContextCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} records", self.with_context, self.records)
    }
}

impl AddAssign for ContextCounts {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.with_context += other.with_context;
    }
}

impl Example {
    /// Whether an example has a context that is not blank.
    pub fn has_context(&self) -> bool {
        let context = self.context.as_deref();
        context.is_some_and(|context| !context.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(contexts: &[Option<&str>]) -> ContextCounts {
        let example = |context: Option<&str>| Example {
            context: context.map(str::to_owned),
            ..Example::default()
        };
        ContextCounts::of(&contexts.iter().copied().map(example).collect::<Vec<_>>())
    }

    #[test]
    fn blank_contexts_are_none() {
        let counts = counts(&[Some("c"), Some(" \n"), Some(""), None]);
        assert_eq!(counts.to_string(), "1 of 4 records");
    }

    #[test]
    fn what_is_read_and_not_there_or_there_and_not_read_is_said_with_its_count() {
        let all = counts(&[Some("c"); 3]);
        let some = counts(&[Some("c"), None, None]);
        let none = counts(&[None; 3]);
        assert_eq!(all.mismatch(true, None), None);
        assert_eq!(none.mismatch(false, None), None);
        // As many as in training, or more.
        assert_eq!(some.mismatch(true, Some(some)), None);
        assert_eq!(all.mismatch(true, Some(some)), None);
        for (counts, reads, trained, said) in [
            (some, true, None, "context read in 1 of 3 records"),
            (none, true, None, "context read in 0 of 3 records"),
            (none, true, Some(some), "in 1 of 3 records, so"),
            (
                some,
                false,
                None,
                "context read in 0 of 3 records, though 1 have",
            ),
            (
                all,
                false,
                None,
                "context read in 0 of 3 records, though 3 have",
            ),
        ] {
            let message = counts.mismatch(reads, trained).unwrap();
            assert!(message.contains(said), "{message}");
        }
    }
}
