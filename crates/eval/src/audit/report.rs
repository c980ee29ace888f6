//! The result of an audit.

use gradus_data::DatasetStats;
use serde::{Deserialize, Serialize};

use super::{
    AspectPair, Endings, FeatureReach, Finding, FitReach, Grade, NumberLeak, PromptOverlap,
    RepeatedResponses, SuspiciousToken, TextOverlap, TextShape,
};

/// The measurements and findings of an audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Every split, in the order given.
    pub splits: Vec<SplitAudit>,
    /// Every aspect that is rated anywhere, by name; over all splits together.
    pub aspects: Vec<AspectAudit>,
    /// Every two aspects, and how alike they are rated.
    pub aspect_pairs: Vec<AspectPair>,
    /// Every two splits, and the prompts they share.
    pub prompt_overlaps: Vec<PromptOverlap>,
    /// Every two splits, and the contexts they share.
    #[serde(default)]
    pub context_overlaps: Vec<TextOverlap>,
    /// Every two splits, and the responses they share.
    #[serde(default)]
    pub response_overlaps: Vec<TextOverlap>,
    /// Responses that a split holds more than once.
    pub repeated_responses: Vec<RepeatedResponses>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
}

impl AuditReport {
    /// How many findings have a grade.
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
pub struct SplitAudit {
    /// Its name.
    pub name: String,
    /// What `gradus data stats` says of it.
    pub stats: DatasetStats,
    /// How its text and its segments go together.
    pub text: TextShape,
}

/// An aspect, over all splits together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AspectAudit {
    /// Its name.
    pub aspect: String,
    /// Rated segments.
    pub rated: usize,
    /// What single features tell of the rating, without reading.
    pub features: Vec<FeatureReach>,
    /// What fitted shortcuts reach on responses they have not seen.
    pub fits: Vec<FitReach>,
    /// How many responses end at their first low rating.
    pub endings: Endings,
    /// Tokens that tell much of the rating, most suspicious first.
    pub tokens: Vec<SuspiciousToken>,
    /// Numbers in the text that equal the rating.
    pub numbers: NumberLeak,
}
