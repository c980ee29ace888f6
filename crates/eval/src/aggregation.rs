//! From the scores of segments to the score of a response.

use crate::EvalError;
use crate::metrics::{all_finite, finite, is_constant};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How the values of a response's segments become one value for the response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The mean: every segment counts the same, long responses are not favoured. The default.
    #[default]
    Mean,
    /// The sum: grows with the number of segments.
    Sum,
    /// The lowest value: a response is as good as its worst segment.
    Min,
    /// The highest value.
    Max,
    /// The product, for values that are probabilities: falls with the number of segments. With
    /// negative values its sign depends on how many there are.
    Product,
    /// The value of the last segment.
    Last,
}

impl Aggregation {
    /// Every aggregation.
    pub const ALL: [Self; 6] = [
        Self::Mean,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Product,
        Self::Last,
    ];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Product => "product",
            Self::Last => "last",
        }
    }

    /// One value for all `values`, which are in the order of the segments. `None` for no values, a
    /// value that is NaN or infinite, or an overflow.
    pub fn aggregate(self, values: &[f64]) -> Option<f64> {
        let &last = values.last()?;
        if !all_finite(values) {
            return None;
        }
        finite(match self {
            // Rounding must not tell responses of equal values apart by their length.
            Self::Mean if is_constant(values) => last,
            Self::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Self::Sum => values.iter().sum(),
            Self::Min => values.iter().copied().fold(last, f64::min),
            Self::Max => values.iter().copied().fold(last, f64::max),
            Self::Product => values.iter().product(),
            Self::Last => last,
        })
    }

    /// Whether the value of a response lies on the scale of its segments, so that the midpoint of
    /// the one is the midpoint of the other.
    pub fn keeps_scale(self) -> bool {
        !matches!(self, Self::Sum | Self::Product)
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Aggregation {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self, EvalError> {
        Self::ALL
            .into_iter()
            .find(|aggregation| aggregation.name() == name)
            .ok_or_else(|| EvalError::UnknownAggregation {
                found: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_is_the_serde_name() {
        for aggregation in Aggregation::ALL {
            assert_eq!(
                aggregation.to_string().parse::<Aggregation>().unwrap(),
                aggregation
            );
            assert_eq!(
                serde_json::to_value(aggregation).unwrap(),
                aggregation.name()
            );
        }
        let error = "average".parse::<Aggregation>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown aggregation: found `average`, \
             expected one of: mean, sum, min, max, product, last"
        );
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value_whatever_it_rounds_to() {
        for count in 1..50 {
            let value = 0.916_723_4;
            let mean = Aggregation::Mean.aggregate(&vec![value; count]);
            assert_eq!(mean, Some(value), "{count}");
        }
    }

    #[test]
    fn nothing_nan_and_overflow_aggregate_to_nothing() {
        for aggregation in Aggregation::ALL {
            assert_eq!(aggregation.aggregate(&[]), None);
            assert_eq!(aggregation.aggregate(&[0.5, f64::NAN]), None);
            assert_eq!(aggregation.aggregate(&[f64::INFINITY, 0.5]), None);
        }
        assert_eq!(Aggregation::Product.aggregate(&[1e300, 1e300]), None);
    }
}
