//! Digests that show whether two data sets have the same texts.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::text::in_hexadecimal;
use crate::{Example, fold_text};

/// A digest of the texts of a data set: equal for the same prompts, contexts and responses, regardless of order, ids,
/// segments, ratings and compression.
///
/// Texts are compared after [`fold_text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextsDigest {
    /// Number of records.
    pub records: usize,
    /// SHA-256 over the sorted digests of the records, in hexadecimal.
    pub sha256: String,
}

impl TextsDigest {
    /// The digest of `examples`.
    pub fn of(examples: &[Example]) -> Self {
        let mut digests: Vec<RecordDigest> = examples.iter().map(texts).collect();
        digests.sort_unstable();
        Self::of_parts(digests.len(), [digests])
    }

    /// The digest of records with these digests: sorted parts, each behind the one before.
    pub(super) fn of_parts(
        records: usize,
        parts: impl IntoIterator<Item = Vec<RecordDigest>>,
    ) -> Self {
        let mut hasher = Sha256::new();
        for digests in parts {
            hasher.update(digests.as_flattened());
        }
        Self {
            records,
            sha256: in_hexadecimal(&hasher.finalize()),
        }
    }
}

/// Digest of the texts of one record.
pub(super) type RecordDigest = [u8; 32];

/// A sketch of the records of a data set, which tells how many records of another data set it has.
///
/// Records are compared by their texts, as in [`TextsDigest`]. Up to [`TextsSketch::MOST`] distinct records are all
/// kept. Of more records, that number is sampled by digest, and counts are estimates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredSketch", into = "StoredSketch")]
pub struct TextsSketch {
    /// Number of distinct records.
    records: usize,
    /// The first eight bytes of the kept (lowest) digests, in ascending order.
    starts: Vec<u64>,
}

/// The number of records of a data set that a [`TextsSketch`] has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedRecords {
    /// The number; an estimate if not all records are kept.
    pub shared: usize,
    /// Number of compared records.
    pub records: usize,
    /// Whether all records are kept, so that the number is exact.
    pub exact: bool,
}

impl TextsSketch {
    /// Maximum number of kept records (512 KiB).
    pub const MOST: usize = 1 << 16;

    /// The sketch of `examples`.
    pub fn of(examples: &[Example]) -> Self {
        Self::of_starts(
            examples
                .iter()
                .map(|example| start(&texts(example)))
                .collect(),
        )
    }

    /// The sketch of records whose digests start with these numbers.
    pub(super) fn of_starts(starts: Vec<u64>) -> Self {
        Self::keeping(starts, Self::MOST)
    }

    fn keeping(mut starts: Vec<u64>, most: usize) -> Self {
        starts.sort_unstable();
        starts.dedup();
        let records = starts.len();
        starts.truncate(most);
        Self { records, starts }
    }

    /// The sketch of the records of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut starts = [&self.starts[..], &other.starts[..]].concat();
        starts.sort_unstable();
        starts.dedup();
        let common = self.starts.len() + other.starts.len() - starts.len();
        // A record that only one of the two kept counts as one that only it has: exact if both keep all.
        let records = self.records + other.records - common;
        // Of a sample, what lies behind its last digest is not known.
        for sketch in [self, other] {
            if let (Some(last), true) = (sketch.starts.last(), sketch.starts.len() < sketch.records)
            {
                starts.retain(|start| start <= last);
            }
        }
        starts.truncate(Self::MOST);
        Self { records, starts }
    }

    /// The number of `examples` whose texts are in the sketch.
    pub fn shared(&self, examples: &[Example]) -> SharedRecords {
        let exact = self.starts.len() == self.records;
        let last = self.starts.last().copied().unwrap_or_default();
        let starts = examples.iter().map(|example| start(&texts(example)));
        let looked_at: Vec<u64> = starts.filter(|start| exact || *start <= last).collect();
        let is_known = |start: &&u64| self.starts.binary_search(start).is_ok();
        let found = looked_at.iter().filter(is_known).count();
        SharedRecords {
            shared: if exact {
                found
            } else {
                // Rounded, of those that were looked at.
                let of = looked_at.len().max(1);
                (found * examples.len() + of / 2) / of
            },
            records: examples.len(),
            exact,
        }
    }
}

/// The form in files: 16 hexadecimal digits per number.
#[derive(Clone, Serialize, Deserialize)]
struct StoredSketch {
    records: usize,
    digests: String,
}

impl From<TextsSketch> for StoredSketch {
    fn from(sketch: TextsSketch) -> Self {
        let mut digests = String::with_capacity(16 * sketch.starts.len());
        for start in sketch.starts {
            // Writing to a string cannot fail.
            let _ = write!(digests, "{start:016x}");
        }
        Self {
            records: sketch.records,
            digests,
        }
    }
}

impl TryFrom<StoredSketch> for TextsSketch {
    type Error = &'static str;

    fn try_from(stored: StoredSketch) -> Result<Self, Self::Error> {
        let number = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            u64::from_str_radix(digits, 16).ok()
        };
        let digits = stored.digests.as_bytes();
        let starts: Option<Vec<u64>> = digits.chunks(16).map(number).collect();
        let starts = starts.filter(|starts| starts.is_sorted() && digits.len().is_multiple_of(16));
        let starts =
            starts.ok_or("`digests` is not an ascending list of numbers with 16 digits")?;
        if starts.len() > stored.records {
            return Err("`records` is less than the number of digests");
        }
        Ok(Self {
            records: stored.records,
            starts,
        })
    }
}

/// The first eight bytes of a digest, as a number.
pub(super) fn start(digest: &RecordDigest) -> u64 {
    (digest[..8].iter()).fold(0, |start, byte| (start << 8) | u64::from(*byte))
}

/// Digest of the texts of one record. Each text is preceded by its length, so that different records never have the
/// same input.
pub(super) fn texts(example: &Example) -> RecordDigest {
    let mut hasher = Sha256::new();
    let context = example.context.as_deref().unwrap_or_default();
    for text in [&example.prompt, context, &example.response] {
        let folded = fold_text(text);
        hasher.update((folded.len() as u64).to_le_bytes());
        hasher.update(folded);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(id: &str, prompt: &str, context: Option<&str>, response: &str) -> Example {
        Example {
            id: id.into(),
            prompt: prompt.into(),
            context: context.map(str::to_owned),
            response: response.into(),
            ..Example::default()
        }
    }

    #[test]
    fn order_and_ids_do_not_count_and_texts_do() {
        let a = example("1", "p", Some("c"), "r");
        let b = example("2", "q", None, "s");
        let digest = TextsDigest::of(&[a.clone(), b.clone()]);
        let renamed = example("9", " P", Some("c"), "r");
        assert_eq!(TextsDigest::of(&[b.clone(), renamed]), digest);
        for other in [
            vec![a.clone()],
            vec![a.clone(), a.clone()],
            vec![a.clone(), example("2", "q", Some("s"), "")],
            vec![a, example("2", "qs", None, "")],
        ] {
            assert_ne!(TextsDigest::of(&other), digest);
        }
    }

    #[test]
    fn a_sketch_tells_how_many_records_of_a_part_it_holds() {
        let named = |k: usize| example("x", &format!("p{k}"), None, "r");
        let all: Vec<Example> = (0..4000).map(named).collect();
        let mut part: Vec<Example> = all[100..137].to_vec();
        part.reverse();
        part.extend((5000..5003).map(named));
        let sketch = TextsSketch::of(&all);
        let found = sketch.shared(&part);
        assert_eq!((found.shared, found.records, found.exact), (37, 40, true));
        assert_eq!(sketch.shared(&part[37..]).shared, 0);
        let twice = [&all[..], &all[..9]].concat();
        assert_eq!(TextsSketch::of(&twice), sketch, "records count once");
        let json = serde_json::to_string(&sketch).unwrap();
        assert_eq!(serde_json::from_str::<TextsSketch>(&json).unwrap(), sketch);

        let starts = all.iter().map(|example| start(&texts(example)));
        let sample = TextsSketch::keeping(starts.collect(), 400);
        let half: Vec<Example> = (2000..6000).map(named).collect();
        let found = sample.shared(&half);
        assert!(
            !found.exact && (1600..2400).contains(&found.shared),
            "{found:?}"
        );
    }

    #[test]
    fn the_union_of_sketches_is_the_sketch_of_both() {
        let named = |k: usize| example("x", &format!("p{k}"), None, "r");
        let (first, second): (Vec<_>, Vec<_>) = (
            (0..300).map(named).collect(),
            (200..500).map(named).collect(),
        );
        let all: Vec<Example> = (0..500).map(named).collect();
        let union = TextsSketch::of(&first).union(&TextsSketch::of(&second));
        assert_eq!(union, TextsSketch::of(&all));
        let starts = |examples: &[Example]| examples.iter().map(|one| start(&texts(one))).collect();
        let sample = TextsSketch::keeping(starts(&first), 50).union(&TextsSketch::of(&second));
        let found = sample.shared(&all);
        assert!(
            !found.exact && (350..=500).contains(&found.shared),
            "{found:?}"
        );
        assert_eq!(
            sample
                .shared(&(900..990).map(named).collect::<Vec<_>>())
                .shared,
            0
        );
    }

    #[test]
    fn a_damaged_sketch_is_refused() {
        for json in [
            r#"{"records":1,"digests":"00"}"#,
            r#"{"records":1,"digests":"zzzzzzzzzzzzzzzz"}"#,
            r#"{"records":0,"digests":"0000000000000001"}"#,
            r#"{"records":2,"digests":"00000000000000020000000000000001"}"#,
        ] {
            assert!(serde_json::from_str::<TextsSketch>(json).is_err(), "{json}");
        }
    }
}
