//! What an audit knows of all records of a split of which it looks at a sample.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use gradus_data::{
    CharSpan, DatasetStats, Example, RecordFacts, StatsCollector, fold_text, parts_of_words,
};

use super::aspects::Rating;
use super::corpus::is_telling;
use super::finding::{EXAMPLES_LISTED, ExampleRef};
use super::structure::{TextShape, visible};
use super::{ScaleRange, TextOverlap};

/// Collects what [`audit_sampled`](super::audit_sampled) has to know of all records of a split: sizes, ratings, blank
/// segments, spans inside words, rare aspects, and the texts that splits share.
///
/// It keeps no text: of each record a hash of eight bytes of every distinct prompt, context, response, and of all
/// three together, besides what [`StatsCollector`] keeps. Two texts are taken for the same if their hashes are.
#[derive(Debug)]
pub struct SplitTotals {
    pub(super) name: String,
    scale: Option<ScaleRange>,
    collector: StatsCollector,
    records: usize,
    inside: usize,
    visible: usize,
    without_rating: usize,
    pub(super) blank: Mentioned,
    pub(super) blank_rated: usize,
    pub(super) in_words: Mentioned,
    /// Ratings outside the scale by aspect, with the first of them.
    pub(super) outside_scale: BTreeMap<String, (f64, Mentioned)>,
    /// Aspects of segments, and of responses.
    pub(super) aspects: [BTreeMap<String, Rating>; 2],
    texts: [HashMap<u64, u32>; 4],
    /// By earlier split and kind of text: examples with a text that it has too.
    shared: Vec<[Mentioned; 3]>,
}

/// A number of examples or segments, and the first of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Mentioned {
    pub(super) count: usize,
    pub(super) first: Vec<ExampleRef>,
}

impl Mentioned {
    fn add(&mut self, example: impl FnOnce() -> ExampleRef) {
        self.count += 1;
        if self.first.len() < EXAMPLES_LISTED {
            self.first.push(example());
        }
    }
}

/// The kinds of texts that splits may share.
#[derive(Clone, Copy)]
pub(super) enum Text {
    Prompt,
    Context,
    Response,
}

/// Index of the hashes of prompt, context and response together.
const ALL: usize = 3;

/// What [`SplitTotals`] has to know of an example; made on any thread.
#[derive(Debug)]
pub struct AuditFacts {
    stats: RecordFacts,
    /// Hashes of prompt, context, response where it is unlikely to occur twice by chance, and of all three together.
    texts: [Option<u64>; 4],
    visible: usize,
    inside: usize,
    blank: Vec<usize>,
    in_words: Vec<usize>,
}

impl AuditFacts {
    /// The facts of an example.
    pub fn of(example: &Example) -> Self {
        let prompt = fold_text(&example.prompt);
        let context = fold_text(example.context.as_deref().unwrap_or_default());
        let response = fold_text(&example.response);
        let has_context = !context.is_empty();
        let telling = is_telling(&response).then(|| hash(&["r", &response]));
        let beside = has_context.then(|| hash(&["s", &context, &response]));
        let texts = example.segment_texts();
        let counts: Vec<usize> = texts.iter().map(|text| visible(text)).collect();
        let spans: Vec<CharSpan> = example.segments.iter().map(|s| s.span).collect();
        let in_words = parts_of_words(&example.response, &spans);
        Self {
            stats: RecordFacts::of(example),
            texts: [
                Some(hash(&["p", &prompt])),
                has_context.then(|| hash(&["c", &context])),
                telling.or(beside),
                Some(hash(&["a", &prompt, &context, &response])),
            ],
            visible: if example.segments.is_empty() {
                0
            } else {
                visible(&example.response)
            },
            inside: counts.iter().sum(),
            blank: places(counts.iter().map(|&count| count == 0)),
            in_words: places(in_words),
        }
    }
}

fn places(holds: impl IntoIterator<Item = bool>) -> Vec<usize> {
    let numbered = holds.into_iter().enumerate();
    numbered
        .filter_map(|(k, holds)| holds.then_some(k))
        .collect()
}

fn hash(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

impl SplitTotals {
    /// Nothing yet of the split `name`; `scale` as in [`AuditOptions`](super::AuditOptions).
    pub fn new(name: impl Into<String>, scale: Option<ScaleRange>) -> Self {
        Self {
            name: name.into(),
            scale,
            collector: StatsCollector::new(),
            records: 0,
            inside: 0,
            visible: 0,
            without_rating: 0,
            blank: Mentioned::default(),
            blank_rated: 0,
            in_words: Mentioned::default(),
            outside_scale: BTreeMap::new(),
            aspects: [BTreeMap::new(), BTreeMap::new()],
            texts: Default::default(),
            shared: Vec::new(),
        }
    }

    /// Adds an example with its facts. `earlier` are the splits before this one, complete and always the same.
    pub fn add(&mut self, example: &Example, facts: &AuditFacts, earlier: &[Self]) {
        self.records += 1;
        self.collector.add_with(example, &facts.stats, self.records);
        self.inside += facts.inside;
        self.visible += facts.visible;
        let rated = example.segments.iter().any(|s| !s.ratings.is_empty());
        self.without_rating += usize::from(!rated);
        let name = &self.name;
        let refer = |segment| ExampleRef {
            split: name.clone(),
            id: example.id.clone(),
            segment,
        };
        for &k in &facts.blank {
            self.blank.add(|| refer(Some(k)));
            self.blank_rated += usize::from(!example.segments[k].ratings.is_empty());
        }
        for &k in &facts.in_words {
            self.in_words.add(|| refer(Some(k)));
        }
        if let Some(scale) = self.scale {
            for (k, segment) in example.segments.iter().enumerate() {
                for (aspect, &rating) in &segment.ratings {
                    if !scale.contains(rating) {
                        let found = self.outside_scale.entry(aspect.clone());
                        let (_, found) = found.or_insert((rating, Mentioned::default()));
                        found.add(|| refer(Some(k)));
                    }
                }
            }
        }
        let mut names: Vec<&String> = (example.segments.iter())
            .flat_map(|segment| segment.ratings.keys())
            .collect();
        names.sort_unstable();
        names.dedup();
        let of_response = example.ratings.keys().collect();
        for (aspects, names) in self.aspects.iter_mut().zip([names, of_response]) {
            for name in names {
                if let Some(rating) = aspects.get_mut(name) {
                    rating.records += 1;
                } else {
                    let first = refer(None);
                    aspects.insert(name.clone(), Rating { records: 1, first });
                }
            }
        }
        self.shared.resize(earlier.len(), Default::default());
        for (split, shared) in earlier.iter().zip(&mut self.shared) {
            for (kind, shared) in shared.iter_mut().enumerate() {
                let text = facts.texts[kind];
                if text.is_some_and(|text| split.texts[kind].contains_key(&text)) {
                    shared.add(|| refer(None));
                }
            }
        }
        for (texts, text) in self.texts.iter_mut().zip(facts.texts) {
            if let Some(text) = text {
                *texts.entry(text).or_default() += 1;
            }
        }
    }

    /// Name of the split.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of records.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Records with the prompt, the context and the response of an earlier one.
    pub(super) fn repeats(&self) -> usize {
        self.records - self.texts[ALL].len()
    }

    /// The statistics of all records.
    pub(super) fn stats(&self) -> DatasetStats {
        self.collector.stats()
    }

    pub(super) fn shape(&self) -> TextShape {
        let (all, inside) = (self.visible as f64, self.inside as f64);
        TextShape {
            outside_segments: (self.visible > 0).then(|| (all - inside) / all),
            blank_segments: self.blank.count,
            blank_rated: self.blank_rated,
            examples_without_rating: self.without_rating,
        }
    }

    /// The texts of a kind that `earlier`, the split with that index, has too; with the first examples that have one.
    pub(super) fn overlap(&self, earlier: &[Self], index: usize, kind: Text) -> Overlap {
        let kind = kind as usize;
        let split = &earlier[index];
        let shared = self.texts[kind].keys();
        let shared = shared.filter(|text| split.texts[kind].contains_key(text));
        let found = self.shared.get(index).map(|shared| &shared[kind]);
        Overlap {
            numbers: TextOverlap {
                earlier: split.name.clone(),
                later: self.name.clone(),
                texts: self.texts[kind].len(),
                shared: shared.count(),
                examples_with_shared: found.map_or(0, |found| found.count),
                pairs: Vec::new(),
            },
            first: found.map_or_else(Vec::new, |found| found.first.clone()),
        }
    }
}

/// Shared texts, and the first examples of the later split that have one.
pub(super) struct Overlap {
    pub(super) numbers: TextOverlap,
    pub(super) first: Vec<ExampleRef>,
}
