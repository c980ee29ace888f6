//! All splits together, the input of the checks.

use std::collections::HashMap;
use std::hash::Hash;

use gradus_data::{Example, GroupKey, fold_text};

use super::{AuditSplit, ExampleRef};

/// Minimum number of characters of a folded response that is unlikely to occur twice by chance. Shorter ones,
/// such as `42` or `I do not know.`, do.
const LONG_RESPONSE: usize = 20;

/// Maximum number of aspects that are checked one by one and in pairs, the most rated first. If there are more,
/// they are usually ids or texts.
pub(super) const MOST_ASPECTS: usize = 256;

/// The examples of all splits in one list, with folded texts.
pub(super) struct Corpus<'a> {
    pub(super) splits: &'a [AuditSplit<'a>],
    pub(super) entries: Vec<Entry<'a>>,
    /// The distinct folded prompts, in the order of their first example.
    pub(super) prompts: Vec<String>,
    /// The aspects to check, sorted.
    aspects: Vec<&'a str>,
}

/// An example with its split and the numbers of its texts.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) split: usize,
    pub(super) example: &'a Example,
    /// Index of its prompt in [`Corpus::prompts`].
    pub(super) prompt: usize,
    /// Number of its context, if it has one.
    pub(super) context: Option<usize>,
    /// Number of its response.
    pub(super) response: usize,
    /// Number of a response that is too long to occur twice by chance, or of a short response together with its
    /// context; `None` for a short response without a context.
    pub(super) telling_response: Option<usize>,
}

/// A segment with a rating on one aspect.
#[derive(Clone, Copy)]
pub(super) struct Rated {
    /// Index in [`Corpus::entries`].
    pub(super) entry: usize,
    pub(super) segment: usize,
    pub(super) rating: f64,
}

impl<'a> Corpus<'a> {
    pub(super) fn new(splits: &'a [AuditSplit<'a>]) -> Self {
        let [mut prompts, mut contexts, mut responses] = [(); 3].map(|()| Numbers::default());
        let mut telling = Numbers::default();
        let mut entries = Vec::new();
        for (split, AuditSplit { examples, .. }) in splits.iter().enumerate() {
            for example in *examples {
                let context = GroupKey::Context
                    .of(example)
                    .map(|text| contexts.number(text));
                let folded = fold_text(&example.response);
                let is_long = is_telling(&folded);
                let response = responses.number(folded);
                let key = match context {
                    _ if is_long => Some((response, None)),
                    Some(_) => Some((response, context)),
                    None => None,
                };
                entries.push(Entry {
                    split,
                    example,
                    prompt: prompts.number(fold_text(&example.prompt)),
                    context,
                    response,
                    telling_response: key.map(|key| telling.number(key)),
                });
            }
        }
        let mut known: Vec<(String, usize)> = prompts.0.into_iter().collect();
        known.sort_unstable_by_key(|(_, number)| *number);
        let aspects = most_rated(&entries);
        Self {
            splits,
            entries,
            aspects,
            prompts: known.into_iter().map(|(text, _)| text).collect(),
        }
    }

    /// Names of the rated aspects, sorted; of very many only the most rated.
    pub(super) fn aspects(&self) -> &[&'a str] {
        &self.aspects
    }

    /// All segments rated on `aspect`, in the order of the entries.
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

    /// Reference to an example, for display.
    pub(super) fn reference(&self, entry: usize, segment: Option<usize>) -> ExampleRef {
        let Entry { split, example, .. } = self.entries[entry];
        ExampleRef {
            split: self.splits[split].name.clone(),
            id: example.id.clone(),
            segment,
        }
    }

    /// References to rated segments, for display.
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

/// Whether a folded response is too long to occur twice by chance.
pub(super) fn is_telling(folded: &str) -> bool {
    folded.chars().nth(LONG_RESPONSE - 1).is_some()
}

/// The [`MOST_ASPECTS`] aspects with the most ratings, sorted by name.
fn most_rated<'a>(entries: &[Entry<'a>]) -> Vec<&'a str> {
    let mut ratings: HashMap<&str, usize> = HashMap::new();
    for segment in entries.iter().flat_map(|entry| &entry.example.segments) {
        for aspect in segment.ratings.keys() {
            *ratings.entry(aspect).or_default() += 1;
        }
    }
    let mut aspects: Vec<(&str, usize)> = ratings.into_iter().collect();
    aspects.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then(a.cmp(b)));
    aspects.truncate(MOST_ASPECTS);
    let mut names: Vec<&str> = aspects.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

/// Numbers distinct values in the order of their first occurrence.
struct Numbers<T>(HashMap<T, usize>);

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Numbers<T> {
    fn number(&mut self, thing: T) -> usize {
        let next = self.0.len();
        *self.0.entry(thing).or_insert(next)
    }
}

/// Halfway between the lowest and the highest rating: ratings below are low, ratings above high. `None` if all
/// are equal.
pub(super) fn midpoint(rated: &[Rated]) -> Option<f64> {
    let ratings = || rated.iter().map(|rated| rated.rating);
    let low = ratings().reduce(f64::min)?;
    let high = ratings().reduce(f64::max)?;
    (low < high).then_some(low / 2.0 + high / 2.0)
}

/// The rated segments, grouped by response.
pub(super) fn by_response(rated: &[Rated]) -> impl Iterator<Item = &[Rated]> {
    rated.chunk_by(|a, b| a.entry == b.entry)
}
