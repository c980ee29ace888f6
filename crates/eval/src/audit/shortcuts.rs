//! Correlates single features that ignore the content with the rating.

use std::collections::HashSet;

use gradus_data::Example;
use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Rated, by_response};
use super::finding::{Finding, FindingKind, Grade};
use super::held_out::{FitReach, HeldOut};
use super::reach::{Reach, TRAP};
use crate::baselines::features::{overlap, position_features, words};
use crate::baselines::{BaselineExample, BaselineSegment};
use crate::metrics::pearson;

/// Minimum correlation of the bag of words at which words predict the rating almost completely.
const NEARLY_ALL: f64 = 0.9;

/// A feature of a segment that ignores its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// `k / (n - 1)` for segment `k` of `n`; 0 for a single segment.
    RelativePosition,
    /// `k`.
    Index,
    /// 1 for the first segment.
    IsFirst,
    /// 1 for the last segment.
    IsLast,
    /// `n`.
    NumSegments,
    /// `ln(1 + characters)`.
    Length,
    /// Share of the response's characters.
    ShareOfResponse,
    /// Share of its words that occur in the prompt.
    PromptOverlap,
    /// Share of its words that occur in the context; 0 without one.
    ContextOverlap,
}

impl Feature {
    /// Every feature; the first seven in the order of
    /// [`PositionLength`](crate::baselines::PositionLength).
    pub const ALL: [Self; 9] = [
        Self::RelativePosition,
        Self::Index,
        Self::IsFirst,
        Self::IsLast,
        Self::NumSegments,
        Self::Length,
        Self::ShareOfResponse,
        Self::PromptOverlap,
        Self::ContextOverlap,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::RelativePosition => "relative position",
            Self::Index => "index",
            Self::IsFirst => "is first",
            Self::IsLast => "is last",
            Self::NumSegments => "number of segments",
            Self::Length => "length",
            Self::ShareOfResponse => "share of response",
            Self::PromptOverlap => "overlap with prompt",
            Self::ContextOverlap => "overlap with context",
        }
    }

    /// The kind of shortcut. Position is not a property of the content of a segment; length and overlap are, so they may
    /// be legitimate.
    fn kind(self) -> FindingKind {
        match self {
            Self::Length | Self::ShareOfResponse => FindingKind::LengthShortcut,
            Self::PromptOverlap | Self::ContextOverlap => FindingKind::OverlapShortcut,
            _ => FindingKind::PlaceShortcut,
        }
    }
}

/// The correlation of one feature with the ratings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FeatureReach {
    /// The feature.
    pub feature: Feature,
    /// Pearson correlation with the ratings over all splits. `None` if one side is constant.
    pub pearson: Option<f64>,
    /// The verdict on it.
    pub reach: Reach,
}

/// The correlation of every feature with the ratings.
pub(super) fn features(corpus: &Corpus, rated: &[Rated]) -> Vec<FeatureReach> {
    let ratings: Vec<f64> = rated.iter().map(|rated| rated.rating).collect();
    let mut columns = vec![Vec::with_capacity(rated.len()); Feature::ALL.len()];
    for of_response in by_response(rated) {
        let example = corpus.entries[of_response[0].entry].example;
        let rows = rows(example);
        for rated in of_response {
            for (column, value) in columns.iter_mut().zip(rows[rated.segment]) {
                column.push(value);
            }
        }
    }
    let responses = by_response(rated).count();
    Feature::ALL
        .into_iter()
        .zip(columns)
        .map(|(feature, column)| {
            let pearson = pearson(&column, &ratings);
            FeatureReach {
                feature,
                pearson,
                reach: Reach::of(pearson, ratings.len(), responses),
            }
        })
        .collect()
}

/// The features of every segment of an example, in the order of [`Feature::ALL`].
pub(super) fn rows(example: &Example) -> Vec<[f64; Feature::ALL.len()]> {
    let set = |text: &str| -> HashSet<String> { words(text).into_iter().collect() };
    let prompt = set(&example.prompt);
    let context = set(example.context.as_deref().unwrap_or_default());
    let texts = example.segment_texts().into_iter();
    let segments = texts.map(|text| BaselineSegment {
        text,
        start: 0,
        rating: None,
    });
    let example = BaselineExample {
        prompt: &example.prompt,
        response: &example.response,
        segments: segments.collect(),
    };
    position_features(&example)
        .into_iter()
        .zip(&example.segments)
        .map(|([a, b, c, d, e, f, g], segment)| {
            let words = words(segment.text);
            let [prompt, context] = [&prompt, &context].map(|set| overlap(&words, set));
            [a, b, c, d, e, f, g, prompt, context]
        })
        .collect()
}

/// One finding for each kind of shortcut that is a trap. `lists_end` says that lists of segments, but not texts, end
/// at the first error.
pub(super) fn judge(
    aspect: &str,
    features: &[FeatureReach],
    fits: &[FitReach],
    lists_end: bool,
    findings: &mut Vec<Finding>,
) {
    let size = |value: Option<f64>| value.map_or(0.0, f64::abs);
    for (kind, grade) in [
        (FindingKind::PlaceShortcut, Grade::Problem),
        (FindingKind::LengthShortcut, Grade::Warning),
        (FindingKind::OverlapShortcut, Grade::Warning),
    ] {
        let of_kind = features.iter().filter(|reach| reach.feature.kind() == kind);
        let strongest = of_kind.max_by(|a, b| size(a.pearson).total_cmp(&size(b.pearson)));
        if let Some((reach, value)) = strongest
            .filter(|reach| reach.reach == Reach::Trap)
            .and_then(|reach| Some((reach, reach.pearson?)))
        {
            let finding = if lists_end && kind == FindingKind::PlaceShortcut {
                of_list(aspect, reach.feature, value)
            } else {
                of_feature(grade, kind, aspect, reach.feature, value)
            };
            findings.push(finding);
        }
    }
    let flagged = |findings: &[Finding], kinds: &[FindingKind]| {
        let of_kind = |f: &Finding| kinds.contains(&f.kind) && f.aspect.as_deref() == Some(aspect);
        findings.iter().any(of_kind)
    };
    let trap = |held_out| {
        let fit = fits.iter().find(|fit: &&FitReach| fit.fit == held_out)?;
        let value = fit.pearson.filter(|_| fit.reach == Reach::Trap)?;
        Some((fit, value))
    };
    let parts = [FindingKind::PlaceShortcut, FindingKind::LengthShortcut];
    if let Some((fit, value)) = trap(HeldOut::PositionLength)
        && !flagged(findings, &parts)
    {
        findings.push(of_both(aspect, fit, value, lists_end));
    }
    // The bag of words includes position, length and overlap: only the rest is due to words.
    let parts = [&parts[..], &[FindingKind::OverlapShortcut]].concat();
    if let Some((fit, value)) = trap(HeldOut::BagOfWords)
        && !flagged(findings, &parts)
    {
        findings.push(of_words(aspect, fit, value));
    }
}

fn of_both(aspect: &str, fit: &FitReach, value: f64, lists_end: bool) -> Finding {
    let (grade, cause) = if lists_end {
        (Grade::Warning, LISTED)
    } else {
        let cause = "a model that sees the response gets this for free";
        (Grade::Problem, cause)
    };
    let message = format!(
        "position and length together reach Pearson {value:.2} with the rating ({}): {cause}",
        fit.described()
    );
    Finding::new(grade, FindingKind::PlaceShortcut, message)
        .about(aspect)
        .number("pearson", value)
        .number("threshold", TRAP)
}

/// Why the position predicts the rating if lists of segments end at the first error.
const LISTED: &str = "lists of segments end at the first error; no model sees the lists, but \
                      the trivial baselines do";

fn of_list(aspect: &str, feature: Feature, value: f64) -> Finding {
    let name = feature.name();
    let message = format!("`{name}` alone reaches Pearson {value:.2} with the rating: {LISTED}");
    Finding::new(Grade::Warning, FindingKind::PlaceShortcut, message)
        .about(aspect)
        .number("pearson", value)
        .number("threshold", TRAP)
}

fn of_feature(
    grade: Grade,
    kind: FindingKind,
    aspect: &str,
    feature: Feature,
    value: f64,
) -> Finding {
    let cause = match (feature, value < 0.0) {
        (Feature::IsLast, true) => {
            "records seem to end at the first error; a model that sees the \
                                    end of the response gets this for free"
        }
        (_, _) if kind == FindingKind::PlaceShortcut => {
            "a model that sees the whole response gets this for free"
        }
        _ => "a model gets this without understanding a word",
    };
    let name = feature.name();
    let message = format!("`{name}` alone reaches Pearson {value:.2} with the rating: {cause}");
    Finding::new(grade, kind, message)
        .about(aspect)
        .number("pearson", value)
        .number("threshold", TRAP)
}

fn of_words(aspect: &str, fit: &FitReach, value: f64) -> Finding {
    let (grade, meaning) = if value >= NEARLY_ALL {
        (
            Grade::Warning,
            "single words predict the rating almost completely; does the text contain a mark of the rating?",
        )
    } else {
        (
            Grade::Note,
            "not a trap, because words are meant to be read, but a baseline to beat",
        )
    };
    let message = format!(
        "the bag of words reaches Pearson {value:.2} with the rating ({}): {meaning}",
        fit.described()
    );
    Finding::new(grade, FindingKind::WordsShortcut, message)
        .about(aspect)
        .number("pearson", value)
}
