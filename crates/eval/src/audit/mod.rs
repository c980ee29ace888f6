//! Checks a data set for faults before training.
//!
//! [`audit`] searches one or more splits for faults that make a reward model look better than it is or let it
//! learn the wrong thing:
//!
//! - shortcuts: position, length or overlap with the prompt that predict the rating, and responses that end at
//!   their first error;
//! - prompts, contexts and responses that two splits share (prompts also nearly), and repeated responses with
//!   different ratings;
//! - ratings that are out of scale, on two scales, constant, or copied from one aspect to another or to every
//!   segment; aspects that very few records rate;
//! - the rating, or a mark of it, in the text itself;
//! - segments without text and text without a segment.
//!
//! Findings are graded and sorted, worst first ([`Finding`], [`Grade`]). Stop for a [`Grade::Problem`] or a
//! [`Grade::Warning`]; a [`Grade::Note`] is for information. Thresholds are constants beside the checks. Results
//! are deterministic for a given seed, and the time is about linear in the size of the data.
//!
//! ```
//! use gradus_data::{Location, parse_example};
//! use gradus_eval::audit::{AuditOptions, AuditSplit, Grade, audit};
//!
//! // Thirty solutions that end at their first wrong step.
//! let examples: Vec<_> = (0..30)
//!     .map(|k| {
//!         let good = (0..2 + k % 3).map(|step| format!(r#""Step {step} is right.""#));
//!         let steps: Vec<String> = good.chain([r#""This is wrong.""#.into()]).collect();
//!         let ratings: Vec<&str> = vec!["1"; steps.len() - 1].into_iter().chain(["0"]).collect();
//!         let (steps, ratings) = (steps.join(","), ratings.join(","));
//!         let line = format!(r#"{{"prompt":"Sum {k}?","segments":[{steps}],"ratings":[{ratings}]}}"#);
//!         parse_example(&line, &Location::new("data.jsonl", k + 1))
//!     })
//!     .collect::<Result<_, _>>()?;
//! let report = audit(&[AuditSplit::new("train", &examples)], &AuditOptions::default())?;
//! assert_eq!(report.findings[0].grade, Grade::Problem);
//! assert!(report.findings[0].message.contains("is last"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aspects;
mod corpus;
mod endings;
mod finding;
mod held_out;
mod mixed_scales;
mod numbers;
mod options;
mod outliers;
mod prompts;
mod ratings;
mod reach;
mod repeats;
mod report;
mod shared;
mod shingles;
mod shortcuts;
mod structure;
mod tokens;
mod totals;
mod words;

pub use endings::Endings;
pub use finding::{ExampleRef, Finding, FindingKind, Grade};
pub use held_out::{FitReach, HeldOut, How};
pub use numbers::NumberLeak;
pub use options::{AuditOptions, AuditSplit, ScaleRange};
pub use prompts::{PromptOverlap, PromptPair};
pub use ratings::AspectPair;
pub use reach::Reach;
pub use repeats::RepeatedResponses;
pub use report::{AspectAudit, AuditReport, SplitAudit};
pub use shared::{TextOverlap, TextPair};
pub use shortcuts::{Feature, FeatureReach};
pub use structure::TextShape;
pub use tokens::{SuspiciousToken, TokenSide};
pub use totals::{AuditFacts, SplitTotals};

use crate::{EvalError, Result};
use corpus::Corpus;

/// Audits `splits` together; the first one is the training split.
///
/// # Errors
/// [`EvalError::NothingToAudit`] without a split, or if a split has no example.
pub fn audit(splits: &[AuditSplit], options: &AuditOptions) -> Result<AuditReport> {
    run(splits, None, options)
}

/// Audits splits of which `samples` hold some of the records, in their order, and `totals` what there is to know of all
/// of them; both list the same splits, the first of which is the training split.
///
/// Sizes, ratings, blank segments, spans inside words, rare aspects, ratings outside the scale, repeats, and the prompts,
/// contexts and responses that splits share are those of all records. Everything else comes from the samples:
/// [`SplitAudit::sampled`] says how many records they have. Where all records are in the samples, the report is that of
/// [`audit`].
///
/// # Errors
/// As [`audit`].
pub fn audit_sampled(
    samples: &[AuditSplit],
    totals: &[SplitTotals],
    options: &AuditOptions,
) -> Result<AuditReport> {
    let sizes = samples.iter().map(|sample| sample.examples.len());
    let all = totals.iter().map(SplitTotals::records);
    let is_whole = sizes.eq(all);
    run(samples, (!is_whole).then_some(totals), options)
}

fn run(
    splits: &[AuditSplit],
    totals: Option<&[SplitTotals]>,
    options: &AuditOptions,
) -> Result<AuditReport> {
    if splits.is_empty() || splits.iter().any(|split| split.examples.is_empty()) {
        let split = splits.iter().find(|split| split.examples.is_empty());
        let name = split.map_or("data", |split| &split.name).to_owned();
        return Err(EvalError::NothingToAudit { split: name });
    }
    let corpus = Corpus::new(splits);
    let mut findings = Vec::new();
    let splits = match totals {
        Some(totals) => structure::splits_of_all(&corpus, totals, &mut findings),
        None => structure::splits(&corpus, &mut findings),
    };
    match totals {
        Some(totals) => words::of_all(totals, &mut findings),
        None => words::check(&corpus, &mut findings),
    }
    let aspects = corpus
        .aspects()
        .iter()
        .map(|aspect| audit_aspect(&corpus, aspect, options, &mut findings))
        .collect::<Result<_>>()?;
    let rare = match totals {
        Some(totals) => aspects::rare_of_all(&corpus, totals, &mut findings),
        None => aspects::rare(&corpus, &mut findings),
    };
    ratings::presence(&corpus, &rare, &mut findings);
    if let Some(totals) = totals {
        ratings::correct_for_all(totals, &splits, options.scale, &mut findings);
    }
    let aspect_pairs = ratings::aspect_pairs(&corpus, &mut findings);
    let seed = options.seed;
    let prompt_overlaps = match totals {
        Some(totals) => prompts::overlaps_of_all(&corpus, totals, seed, &mut findings),
        None => prompts::overlaps(&corpus, seed, &mut findings),
    };
    let context_overlaps = match totals {
        Some(totals) => shared::contexts_of_all(totals, &mut findings),
        None => shared::contexts(&corpus, &mut findings),
    };
    let response_overlaps = match totals {
        Some(totals) => shared::responses_of_all(totals, &mut findings),
        None => shared::responses(&corpus, &mut findings),
    };
    let repeated_responses = repeats::responses(&corpus, totals, &mut findings);
    // The sort is stable: findings of a grade stay in the order of the checks.
    findings.sort_by_key(|finding| finding.grade);
    Ok(AuditReport {
        splits,
        aspects,
        aspect_pairs,
        prompt_overlaps,
        context_overlaps,
        response_overlaps,
        repeated_responses,
        findings,
    })
}

/// The quick checks that every training runs first: ratings on two scales, training ratings that are all equal,
/// rare aspects, and prompts, contexts and responses that splits share. They check the `learned` aspects, or all
/// if it is empty. The first split is the training split. Worst first.
pub fn before_training(splits: &[AuditSplit], learned: &[String]) -> Vec<Finding> {
    let corpus = Corpus::new(splits);
    let mut findings = Vec::new();
    let mut aspects: Vec<&str> = learned.iter().map(String::as_str).collect();
    if learned.is_empty() {
        aspects = corpus.aspects().to_vec();
    }
    aspects.sort_unstable();
    for aspect in aspects {
        let rated = corpus.rated(aspect);
        if !rated.is_empty() {
            mixed_scales::check(&corpus, aspect, &rated, &mut findings);
            ratings::constant_to_learn(&corpus, aspect, rated, &mut findings);
        }
    }
    if learned.is_empty() {
        aspects::rare(&corpus, &mut findings);
    }
    prompts::same(&corpus, &mut findings);
    shared::contexts(&corpus, &mut findings);
    shared::responses(&corpus, &mut findings);
    findings.sort_by_key(|finding| finding.grade);
    findings
}

fn audit_aspect(
    corpus: &Corpus,
    aspect: &str,
    options: &AuditOptions,
    findings: &mut Vec<Finding>,
) -> Result<AspectAudit> {
    let rated = corpus.rated(aspect);
    let features = shortcuts::features(corpus, &rated);
    let fits = held_out::fits(corpus, aspect, options.seed)?;
    let endings = endings::find(corpus, &rated);
    shortcuts::judge(aspect, &features, &fits, endings.lists_end(), findings);
    endings.report(corpus, aspect, findings);
    ratings::check(corpus, aspect, &rated, options.scale, findings);
    mixed_scales::check(corpus, aspect, &rated, findings);
    let tokens = tokens::suspicious(corpus, aspect, &rated, findings);
    let numbers = numbers::find(corpus, aspect, &rated, findings);
    Ok(AspectAudit {
        aspect: aspect.to_owned(),
        rated: rated.len(),
        features,
        fits,
        endings: endings.endings,
        tokens,
        numbers,
    })
}
