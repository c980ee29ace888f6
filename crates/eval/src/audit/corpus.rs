//! All splits taken together, as the checks look at them.

use std::collections::{BTreeSet, HashMap};

use gradus_data::Example;

use super::{AuditSplit, ExampleRef};

/// Examples of all splits in one list, with their prompts made comparable.
pub(super) struct Corpus<'a> {
    pub(super) splits: &'a [AuditSplit<'a>],
    pub(super) entries: Vec<Entry<'a>>,
    /// The different prompts, normalised, in the order of their first example.
    pub(super) prompts: Vec<String>,
}

/// An example and where it comes from.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) split: usize,
    pub(super) example: &'a Example,
    /// Index of its prompt in [`Corpus::prompts`].
    pub(super) prompt: usize,
}

/// A segment with a rating of the aspect in question.
#[derive(Clone, Copy)]
pub(super) struct Rated {
    /// Index in [`Corpus::entries`].
    pub(super) entry: usize,
    pub(super) segment: usize,
    pub(super) rating: f64,
}

impl<'a> Corpus<'a> {
    pub(super) fn new(splits: &'a [AuditSplit<'a>]) -> Self {
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut prompts = Vec::new();
        let mut entries = Vec::new();
        for (split, AuditSplit { examples, .. }) in splits.iter().enumerate() {
            for example in *examples {
                let normalized = normalize(&example.prompt);
                let prompt = *known.entry(normalized).or_insert_with_key(|normalized| {
                    prompts.push(normalized.clone());
                    prompts.len() - 1
                });
                entries.push(Entry {
                    split,
                    example,
                    prompt,
                });
            }
        }
        Self {
            splits,
            entries,
            prompts,
        }
    }

    /// Names of the aspects that are rated anywhere, sorted.
    pub(super) fn aspects(&self) -> Vec<&'a str> {
        let segments = self.entries.iter().flat_map(|e| &e.example.segments);
        let names: BTreeSet<&str> = segments
            .flat_map(|segment| segment.ratings.keys().map(String::as_str))
            .collect();
        names.into_iter().collect()
    }

    /// All segments rated in `aspect`, in the order of the entries.
    pub(super) fn rated(&self, aspect: &str) -> Vec<Rated> {
        let of_entry = |(entry, e): (usize, &Entry<'a>)| {
            let segments = e.example.segments.iter().enumerate();
            segments
                .filter_map(|(segment, s)| {
                    let &rating = s.ratings.get(aspect)?;
                    Some(Rated {
                        entry,
                        segment,
                        rating,
                    })
                })
                .collect::<Vec<_>>()
        };
        self.entries.iter().enumerate().flat_map(of_entry).collect()
    }

    /// Name of an example, for people.
    pub(super) fn reference(&self, entry: usize, segment: Option<usize>) -> ExampleRef {
        let Entry { split, example, .. } = self.entries[entry];
        ExampleRef {
            split: self.splits[split].name.clone(),
            id: example.id.clone(),
            segment,
        }
    }

    /// Names of rated segments, for people.
    pub(super) fn references<'r>(
        &self,
        rated: impl IntoIterator<Item = &'r Rated>,
    ) -> Vec<ExampleRef> {
        rated
            .into_iter()
            .map(|rated| self.reference(rated.entry, Some(rated.segment)))
            .collect()
    }
}

/// Lower case, and one blank for any white space: prompts that differ in nothing else are the same.
fn normalize(prompt: &str) -> String {
    let words: Vec<String> = prompt.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Half way between the lowest and the highest rating: below is the low side, above the high side.
/// `None` where all are the same.
pub(super) fn midpoint(rated: &[Rated]) -> Option<f64> {
    let ratings = || rated.iter().map(|rated| rated.rating);
    let low = ratings().reduce(f64::min)?;
    let high = ratings().reduce(f64::max)?;
    (low < high).then_some(low / 2.0 + high / 2.0)
}

/// The rated segments of one response side by side.
pub(super) fn by_response(rated: &[Rated]) -> impl Iterator<Item = &[Rated]> {
    rated.chunk_by(|a, b| a.entry == b.entry)
}
