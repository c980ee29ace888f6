//! Preview of `train` and `probe`, printed before the first step.

use std::collections::BTreeMap;

use gradus::data::{AspectSpec, ContextCounts, Example, TextsDigest};
use gradus::eval::audit::{AuditSplit, Finding, FindingKind, Grade, before_training};
use gradus::train::{EncodingCounts, OnPreview, Preview};
use serde::{Deserialize, Serialize};

use crate::show;

/// Share of truncated ratings from which on there is a warning.
const CUT: f64 = 0.05;
/// Difference between the shares of records with a context from which on there is a warning.
const UNEVEN: f64 = 0.5;

/// Shows the plan of a run over these splits. `learned` are the aspects to train; empty: all.
pub(crate) fn shown(train: &[Example], valid: &[Example], learned: &[String]) -> OnPreview {
    Told::of(train, valid, learned, &[]).shown()
}

/// The same for generated splits. There, two prompts may have the same response, but its ratings depend on the
/// prompt, so it is not reported as a repeat.
pub(crate) fn shown_generated(
    train: &[Example],
    valid: &[Example],
    learned: &[String],
) -> OnPreview {
    Told::of(train, valid, learned, &[FindingKind::SharedResponses]).shown()
}

/// Properties of the splits that need no tokenizer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    /// Of train and valid.
    splits: [Ratings; 2],
    warnings: Vec<String>,
}

/// Names of the splits.
pub(super) const SPLITS: [&str; 2] = ["train", "valid"];

/// The ratings of a split by aspect.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ratings {
    segments: BTreeMap<String, Range>,
    responses: BTreeMap<String, Range>,
    /// Records with a rating, of a segment or of the response.
    records: BTreeMap<String, usize>,
}

/// Number and range of ratings.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Range {
    count: usize,
    min: f64,
    mean: f64,
    max: f64,
}

impl Told {
    pub(crate) fn new(splits: [Ratings; 2], warnings: Vec<String>) -> Self {
        Self { splits, warnings }
    }

    /// The ratings of train and valid.
    pub(crate) fn ratings(&self) -> &[Ratings; 2] {
        &self.splits
    }

    /// What these splits tell, except the findings that are `expected`.
    pub(crate) fn of(
        train: &[Example],
        valid: &[Example],
        learned: &[String],
        expected: &[FindingKind],
    ) -> Self {
        let same = TextsDigest::of(train) == TextsDigest::of(valid);
        let is_expected = |finding: &Finding| expected.contains(&finding.kind);
        Self {
            splits: [train, valid].map(Ratings::of),
            warnings: warnings(train, valid, learned, same, &is_expected),
        }
    }

    /// Shows the plan of a run.
    pub(crate) fn shown(self) -> OnPreview {
        Box::new(move |plan| self.show(plan, false))
    }

    /// Shows the plan of a run that continues a bundle.
    pub(crate) fn shown_of_continued(self) -> OnPreview {
        Box::new(move |plan| {
            self.tell_of_aspects(&plan.text.aspects);
            self.show(plan, true);
        })
    }

    /// Says which aspects of the bundle the new data does not rate, and which of its ratings the bundle has no aspect for.
    fn tell_of_aspects(&self, own: &[AspectSpec]) {
        let [train, _] = &self.splits;
        for AspectSpec { name, .. } in own {
            if !train.records.contains_key(name) {
                show::warning(&format!(
                    "{name}: not rated in the training split; its scores change all the same, with the encoder, and \
                     nothing holds them to ratings"
                ));
            }
        }
        for name in train.records.keys() {
            if !own.iter().any(|spec| spec.name == *name) {
                show::warning(&format!(
                    "{name}: its ratings are not learned, because the bundle that is continued has no such aspect"
                ));
            }
        }
    }

    fn show(&self, plan: Preview<'_>, is_continued: bool) {
        let counts = [&plan.counts.train, &plan.counts.valid];
        show::truncation(plan.counts);
        let learned = plan.text.aspects.iter().map(|spec| spec.name.as_str());
        let rows = aspects(learned, &self.splits);
        show::status(&show::table(&ASPECTS, rows.into_iter()));
        let read = usize::from(plan.text.use_context);
        let context = SPLITS.iter().zip(counts).map(|(name, counts)| {
            let (records, with_context) = (counts.context.records, counts.context.with_context);
            format!("{} of {records} records of {name}", read * with_context)
        });
        let context: Vec<String> = context.collect();
        let there = counts[0].context.with_context;
        let remedy = match (plan.text.use_context, there) {
            (false, 1..) if is_continued => {
                format!(", though {there} of train have one: the bundle reads none")
            }
            (false, 1..) => format!(", though {there} of train have one: --use-context reads it"),
            _ => String::new(),
        };
        show::status(&format!("context read in {}{remedy}", context.join(", ")));
        if let Some(text) = uneven_contexts(counts.map(|counts| counts.context)) {
            show::warning(&text);
        }
        for (name, counts) in SPLITS.iter().zip(counts) {
            tell_of_cut(name, counts, plan.text.max_length);
        }
        for warning in &self.warnings {
            show::warning(warning);
        }
    }
}

impl Ratings {
    pub(crate) fn of(examples: &[Example]) -> Self {
        let mut ratings = Self::default();
        for example in examples {
            ratings.add(example);
        }
        ratings
    }

    /// Adds the ratings of an example.
    pub(crate) fn add(&mut self, example: &Example) {
        for segment in &example.segments {
            add_all(&mut self.segments, &segment.ratings);
        }
        add_all(&mut self.responses, &example.ratings);
        let segments = example.segments.iter().map(|segment| &segment.ratings);
        let mut names: Vec<&String> = segments
            .chain([&example.ratings])
            .flat_map(BTreeMap::keys)
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            match self.records.get_mut(name) {
                Some(records) => *records += 1,
                None => {
                    self.records.insert(name.clone(), 1);
                }
            }
        }
    }

    /// Whether the ratings of segments on an aspect are not all equal.
    pub(crate) fn varies(&self, aspect: &str) -> bool {
        let range = self.segments.get(aspect);
        range.is_some_and(|range| range.min < range.max)
    }
}

fn add_all(ranges: &mut BTreeMap<String, Range>, ratings: &BTreeMap<String, f64>) {
    for (name, &rating) in ratings {
        match ranges.get_mut(name) {
            Some(range) => range.add(rating),
            None => {
                ranges.insert(name.clone(), Range::one(rating));
            }
        }
    }
}

impl Range {
    fn one(rating: f64) -> Self {
        Self {
            count: 1,
            min: rating,
            mean: rating,
            max: rating,
        }
    }

    fn add(&mut self, rating: f64) {
        self.count += 1;
        self.min = self.min.min(rating);
        self.max = self.max.max(rating);
        self.mean += (rating - self.mean) / self.count as f64;
    }
}

/// Columns of [`aspects`].
pub(super) const ASPECTS: [&str; 8] = [
    "aspect", "split", "rated", "ratings", "records", "lowest", "mean", "highest",
];

/// A row for each of the `learned` aspects and each split: number and range of ratings.
pub(super) fn aspects<'a>(
    learned: impl Iterator<Item = &'a str>,
    splits: &[Ratings; 2],
) -> Vec<Vec<String>> {
    let of_aspect = |name: &'a str| {
        let rows = SPLITS.iter().zip(splits).flat_map(move |(split, ratings)| {
            let segments = ratings.segments.get(name).map(|found| (found, "segments"));
            let responses = ratings.responses.get(name);
            let responses = responses.map(|found| (found, "responses"));
            let records = ratings.records.get(name).copied().unwrap_or(0);
            let row = move |(found, of): (&Range, &str)| {
                let numbers = [found.min, found.mean, found.max].map(show::brief);
                let head = [name.to_owned(), (*split).to_owned(), of.to_owned()];
                let counts = [found.count.to_string(), records.to_string()];
                [&head[..], &counts[..], &numbers[..]].concat()
            };
            segments.into_iter().chain(responses).map(row)
        });
        rows.collect::<Vec<_>>()
    };
    learned.flat_map(of_aspect).collect()
}

/// A warning if one split has no contexts, or far fewer than the other.
fn uneven_contexts([train, valid]: [ContextCounts; 2]) -> Option<String> {
    let [of_train, of_valid] = [train, valid].map(ContextCounts::share);
    let one_has_none = (train.with_context == 0) != (valid.with_context == 0);
    let is_empty = train.records == 0 || valid.records == 0;
    if is_empty || !(one_has_none || (of_train - of_valid).abs() > UNEVEN) {
        return None;
    }
    Some(format!(
        "{train} of train have a context, and {valid} of valid: the validation judges a model on other \
         input than it learns from; the key is `context`"
    ))
}

/// Prints truncation counts, as a warning if they are large.
fn tell_of_cut(split: &str, counts: &EncodingCounts, max_length: usize) {
    let lost = counts.ratings.saturating_sub(counts.rated);
    if lost == 0 {
        return;
    }
    let share = lost as f64 / counts.ratings as f64;
    let text = format!(
        "{lost} of {} ratings of {split} ({:.1} %) lie behind what {max_length} tokens hold and are \
         not used",
        counts.ratings,
        100.0 * share,
    );
    if share < CUT {
        show::status(&text);
    } else {
        show::warning(&format!(
            "{text}: raise --max-length, or shorten contexts and prompts"
        ));
    }
}

/// What the audit of both splits finds, except what `is_expected`. `same`: whether both have the same texts.
pub(crate) fn warnings(
    train: &[Example],
    valid: &[Example],
    learned: &[String],
    same: bool,
    is_expected: &dyn Fn(&Finding) -> bool,
) -> Vec<String> {
    let splits = [
        AuditSplit::new("train", train),
        AuditSplit::new("valid", valid),
    ];
    let mut warnings = Vec::new();
    if same {
        warnings.push(
            "train and valid hold the same texts: the best validation is the best memory; \
             `gradus data split` parts a file"
                .to_owned(),
        );
    }
    let shared = [
        FindingKind::SharedPrompts,
        FindingKind::SharedResponses,
        FindingKind::SharedContexts,
    ];
    for finding in before_training(&splits, learned) {
        let is_expected = is_expected(&finding) || (same && shared.contains(&finding.kind));
        if finding.grade < Grade::Note && !is_expected {
            let aspect = finding
                .aspect
                .map_or_else(String::new, |name| format!("{name}: "));
            warnings.push(format!("{aspect}{}", finding.message));
        }
    }
    warnings
}
