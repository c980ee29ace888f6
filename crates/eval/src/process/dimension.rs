//! The dimensions of PRMBench.

use serde::{Deserialize, Serialize};

/// The dimensions that PRMBench sorts its categories into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// No redundant and no circular steps.
    Simplicity,
    /// Steps that hold.
    Soundness,
    /// Attention to what is missing or misleading.
    Sensitivity,
}

impl Dimension {
    pub(super) const ALL: [Self; 3] = [Self::Simplicity, Self::Soundness, Self::Sensitivity];

    /// How many categories of the benchmark it has.
    pub fn categories(self) -> usize {
        match self {
            Self::Simplicity => 2,
            Self::Soundness => 4,
            Self::Sensitivity => 3,
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simplicity => "simplicity",
            Self::Soundness => "soundness",
            Self::Sensitivity => "sensitivity",
        }
    }

    /// The dimension of a category, spelled as in the files (`redundency` is theirs) or properly.
    pub fn of_category(category: &str) -> Option<Self> {
        match category {
            "redundency" | "redundancy" | "circular" => Some(Self::Simplicity),
            "counterfactual" | "step_contradiction" | "domain_inconsistency" | "confidence" => {
                Some(Self::Soundness)
            }
            "missing_condition" | "deception" | "multi_solutions" => Some(Self::Sensitivity),
            _ => None,
        }
    }
}
