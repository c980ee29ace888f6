//! Interpretation of a classifier's logits.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::error::ConfigProblem;

/// Interpretation of a classifier's logits, with the names of transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemType {
    /// `regression`: each logit is a value.
    Regression,
    /// `single_label_classification`: the softmax of the logits is a distribution over the labels.
    SingleLabel,
    /// `multi_label_classification`: the sigmoid of each logit is the probability of its label.
    MultiLabel,
}

const EXPECTED: &str =
    "`regression`, `single_label_classification` or `multi_label_classification`";

impl ProblemType {
    const ALL: [Self; 3] = [Self::Regression, Self::SingleLabel, Self::MultiLabel];

    /// Reads `problem_type` of a `config.json`; `None` if it is missing.
    ///
    /// # Errors
    /// If it has an unknown value.
    pub(super) fn published(keys: &Value) -> Result<Option<Self>, ConfigProblem> {
        match &keys["problem_type"] {
            Value::Null => Ok(None),
            Value::String(name) => name.parse().map(Some),
            found => Err(ConfigProblem::new("problem_type", found, EXPECTED)),
        }
    }
}

impl fmt::Display for ProblemType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Regression => "regression",
            Self::SingleLabel => "single_label_classification",
            Self::MultiLabel => "multi_label_classification",
        })
    }
}

impl FromStr for ProblemType {
    type Err = ConfigProblem;

    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.to_string() == text)
            .ok_or_else(|| ConfigProblem::new("problem_type", format!("{text:?}"), EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_words_are_those_of_transformers() {
        for kind in ProblemType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let keys = json!({"problem_type": kind.to_string()});
            assert_eq!(ProblemType::published(&keys), Ok(Some(kind)));
        }
        assert_eq!(
            ProblemType::published(&json!({"problem_type": null})),
            Ok(None)
        );
        for wrong in [json!("ranking"), json!(1)] {
            let problem = ProblemType::published(&json!({"problem_type": wrong})).unwrap_err();
            assert_eq!(problem.key, "problem_type");
        }
    }
}
