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

    /// The dimension of a category, spelled as in the files (`redundency` is theirs) or properly; case,
    /// hyphens and blanks do not count.
    pub fn of_category(category: &str) -> Option<Self> {
        match canonical(category).as_str() {
            "redundency" | "redundancy" | "circular" => Some(Self::Simplicity),
            "counterfactual" | "step_contradiction" | "domain_inconsistency" | "confidence" => {
                Some(Self::Soundness)
            }
            "missing_condition" | "deception" | "multi_solutions" => Some(Self::Sensitivity),
            _ => None,
        }
    }
}

/// A category as the benchmark's files spell it: in lower case, with underscores.
pub(super) fn canonical(category: &str) -> String {
    category.trim().to_lowercase().replace(['-', ' '], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_known_however_they_are_spelled() {
        for (category, dimension) in [
            ("multi_solutions", Some(Dimension::Sensitivity)),
            ("Multi-Solutions", Some(Dimension::Sensitivity)),
            ("step contradiction", Some(Dimension::Soundness)),
            ("redundancy", Some(Dimension::Simplicity)),
            ("else", None),
        ] {
            assert_eq!(Dimension::of_category(category), dimension, "{category}");
        }
    }
}
