//! The result of an audit.

use gradus_data::DatasetStats;
use serde::{Deserialize, Serialize};

use super::{
    AspectPair, Endings, FeatureReach, Finding, FitReach, Grade, NumberLeak, PromptOverlap,
    RepeatedResponses, SuspiciousToken, TextOverlap, TextShape,
};

/// The measurements and findings of an audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditReport {
    /// Every split, in the order given.
    pub splits: Vec<SplitAudit>,
    /// Every rated aspect, over all splits together, sorted by name.
    pub aspects: Vec<AspectAudit>,
    /// The correlation of every two aspects.
    pub aspect_pairs: Vec<AspectPair>,
    /// The shared prompts of every two splits.
    pub prompt_overlaps: Vec<PromptOverlap>,
    /// The shared contexts of every two splits.
    #[serde(default)]
    pub context_overlaps: Vec<TextOverlap>,
    /// The shared responses of every two splits.
    #[serde(default)]
    pub response_overlaps: Vec<TextOverlap>,
    /// Responses that a split has more than once.
    pub repeated_responses: Vec<RepeatedResponses>,
    /// The findings, worst first.
    pub findings: Vec<Finding>,
}

impl AuditReport {
    /// The number of findings with a grade.
    pub fn count(&self, grade: Grade) -> usize {
        let of_grade = |finding: &&Finding| finding.grade == grade;
        self.findings.iter().filter(of_grade).count()
    }

    /// Whether there is a problem or a warning.
    pub fn is_flagged(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.grade < Grade::Note)
    }
}

/// A split: its sizes, ratings and lengths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SplitAudit {
    /// Its name.
    pub name: String,
    /// Its statistics, as in `gradus data stats`.
    pub stats: DatasetStats,
    /// How its segments cover its text.
    pub text: TextShape,
    /// Number of records in the sample that everything but sizes, ratings, rare aspects, blank segments, spans inside
    /// words and shared texts comes from; `None` if it comes from all records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<usize>,
}

/// An aspect, over all splits together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AspectAudit {
    /// Its name.
    pub aspect: String,
    /// Number of rated segments.
    pub rated: usize,
    /// The correlation of single features with the rating, without reading.
    pub features: Vec<FeatureReach>,
    /// The correlation of fitted shortcuts on held-out responses.
    pub fits: Vec<FitReach>,
    /// Counts of responses that end at their first low rating.
    pub endings: Endings,
    /// Tokens that predict the rating, most suspicious first.
    pub tokens: Vec<SuspiciousToken>,
    /// Numbers in the text that equal the rating.
    pub numbers: NumberLeak,
}
