//! Preview of `train` and `probe`, printed before the first step.

use std::collections::BTreeMap;

use gradus::data::{
    AspectSpec, ContextCounts, DatasetStats, Example, RatingStats, StatsCollector, TextsDigest,
};
use gradus::eval::audit::{AuditSplit, FindingKind, Grade, before_training};
use gradus::train::{EncodingCounts, OnPreview, Preview};

use crate::show;

/// Share of truncated ratings from which on there is a warning.
const CUT: f64 = 0.05;
/// Difference between the shares of records with a context from which on there is a warning.
const UNEVEN: f64 = 0.5;

/// Shows the plan of a run over these splits. `learned` are the aspects to train; empty: all.
pub(crate) fn shown(train: &[Example], valid: &[Example], learned: &[String]) -> OnPreview {
    let told = Told::of(train, valid, learned, &[]);
    Box::new(move |plan| told.show(plan))
}

/// The same for generated splits. There, two prompts may have the same response, but its ratings depend on the
/// prompt, so it is not reported as a repeat.
pub(crate) fn shown_generated(
    train: &[Example],
    valid: &[Example],
    learned: &[String],
) -> OnPreview {
    let told = Told::of(train, valid, learned, &[FindingKind::SharedResponses]);
    Box::new(move |plan| told.show(plan))
}

/// Properties of the splits that need no tokenizer.
struct Told {
    splits: [(&'static str, Ratings); 2],
    warnings: Vec<String>,
}

/// The ratings of a split by aspect.
struct Ratings {
    stats: DatasetStats,
    /// Records with a rating, of a segment or of the response.
    records: BTreeMap<String, usize>,
}

impl Told {
    fn of(
        train: &[Example],
        valid: &[Example],
        learned: &[String],
        expected: &[FindingKind],
    ) -> Self {
        Self {
            splits: [("train", train), ("valid", valid)]
                .map(|(name, examples)| (name, Ratings::of(examples))),
            warnings: warnings(train, valid, learned, expected),
        }
    }

    fn show(&self, plan: Preview<'_>) {
        let counts = [&plan.counts.train, &plan.counts.valid];
        show::truncation(plan.counts);
        show::status(&aspects(&plan.text.aspects, &self.splits));
        let read = usize::from(plan.text.use_context);
        let context = self.splits.iter().zip(counts).map(|((name, _), counts)| {
            let (records, with_context) = (counts.context.records, counts.context.with_context);
            format!("{} of {records} records of {name}", read * with_context)
        });
        let context: Vec<String> = context.collect();
        let there = counts[0].context.with_context;
        let remedy = match (plan.text.use_context, there) {
            (false, 1..) => format!(", though {there} of train have one: --use-context reads it"),
            _ => String::new(),
        };
        show::status(&format!("context read in {}{remedy}", context.join(", ")));
        if let Some(text) = uneven_contexts(counts.map(|counts| counts.context)) {
            show::warning(&text);
        }
        for ((name, _), counts) in self.splits.iter().zip(counts) {
            tell_of_cut(name, counts, plan.text.max_length);
        }
        for warning in &self.warnings {
            show::warning(warning);
        }
    }
}

impl Ratings {
    fn of(examples: &[Example]) -> Self {
        let mut stats = StatsCollector::new();
        let mut records = BTreeMap::new();
        for (index, example) in examples.iter().enumerate() {
            stats.add(example, index + 1);
            let segments = example.segments.iter().map(|segment| &segment.ratings);
            let mut names: Vec<&String> = segments
                .chain([&example.ratings])
                .flat_map(BTreeMap::keys)
                .collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                *records.entry(name.clone()).or_default() += 1;
            }
        }
        Self {
            stats: stats.finish(),
            records,
        }
    }
}

/// A line for each aspect and split: number and range of ratings.
fn aspects(learned: &[AspectSpec], splits: &[(&str, Ratings)]) -> String {
    let of_aspect = |AspectSpec { name, .. }: &AspectSpec| {
        let rows = splits.iter().flat_map(move |(split, ratings)| {
            let stats = &ratings.stats;
            let segments = stats.aspects.get(name).map(|found| (found, "segments"));
            let responses = stats.response_aspects.get(name);
            let responses = responses.map(|found| (found, "responses"));
            let records = ratings.records.get(name).copied().unwrap_or(0);
            let row = move |(found, of): (&RatingStats, &str)| {
                let numbers = [found.min, found.mean, found.max].map(show::brief);
                let head = [name.clone(), (*split).to_owned(), of.to_owned()];
                let counts = [found.count.to_string(), records.to_string()];
                [&head[..], &counts[..], &numbers[..]].concat()
            };
            segments.into_iter().chain(responses).map(row)
        });
        rows.collect::<Vec<_>>()
    };
    let header = [
        "aspect", "split", "rated", "ratings", "records", "lowest", "mean", "highest",
    ];
    show::table(&header, learned.iter().flat_map(of_aspect))
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

fn warnings(
    train: &[Example],
    valid: &[Example],
    learned: &[String],
    expected: &[FindingKind],
) -> Vec<String> {
    let same = TextsDigest::of(train) == TextsDigest::of(valid);
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
        let is_expected =
            expected.contains(&finding.kind) || (same && shared.contains(&finding.kind));
        if finding.grade < Grade::Note && !is_expected {
            let aspect = finding
                .aspect
                .map_or_else(String::new, |name| format!("{name}: "));
            warnings.push(format!("{aspect}{}", finding.message));
        }
    }
    warnings
}
