//! Aggregates segment scores to a response score.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How the values of a response's segments become one value for the response.
///
/// As text, in files and on the command line: `mean`, `sum`, `min`, `max`, `product`, `last`,
/// `softmin:TEMPERATURE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Aggregation {
    /// The mean: independent of the number of segments. The default.
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
    /// `Σ v e^(-v/τ) / Σ e^(-v/τ)`: between the lowest value (small `τ`) and the mean (large `τ`), as in
    /// the response loss of training.
    SoftMin {
        /// `τ`, in rating units. Finite and above 0.
        temperature: f64,
    },
}

impl Aggregation {
    /// All aggregations without a setting.
    pub const ALL: [Self; 6] = [
        Self::Mean,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Product,
        Self::Last,
    ];

    /// The name in files and on the command line, without the setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Product => "product",
            Self::Last => "last",
            Self::SoftMin { .. } => "softmin",
        }
    }

    /// Aggregates the values of the segments, in the order of the text. `None` for no values, for a
    /// value that is NaN or infinite, and for an overflow.
    pub fn aggregate(self, values: &[f64]) -> Option<f64> {
        let &last = values.last()?;
        if !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let aggregated = match self {
            // Rounding must not tell responses of equal values apart by their length.
            Self::Mean
                if values
                    .iter()
                    .all(|value| value.partial_cmp(&last).is_some_and(Ordering::is_eq)) =>
            {
                last
            }
            Self::Mean => values.iter().sum::<f64>() / values.len() as f64,
            Self::Sum => values.iter().sum(),
            Self::Min => values.iter().copied().fold(last, f64::min),
            Self::Max => values.iter().copied().fold(last, f64::max),
            Self::Product => values.iter().product(),
            Self::Last => last,
            Self::SoftMin { temperature } => soft_min(values, temperature),
        };
        aggregated.is_finite().then_some(aggregated)
    }

    /// Whether the aggregated value has the scale of the values, and thus the same midpoint.
    pub fn keeps_scale(self) -> bool {
        !matches!(self, Self::Sum | Self::Product)
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoftMin { temperature } => write!(f, "softmin:{temperature}"),
            _ => f.pad(self.name()),
        }
    }
}

/// The soft minimum. Weights are relative to that of the lowest value, so none overflows.
fn soft_min(values: &[f64], temperature: f64) -> f64 {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let weight = |value: f64| ((lowest - value) / temperature).exp();
    let weights: f64 = values.iter().map(|&value| weight(value)).sum();
    let rest = values.iter().map(|&value| (value - lowest) * weight(value));
    lowest + rest.sum::<f64>() / weights
}

/// A text that is not the name of an aggregation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown aggregation: found `{found}`, expected one of: {known}, \
     softmin:TEMPERATURE with a finite temperature above 0"
)]
#[non_exhaustive]
pub struct UnknownAggregation {
    /// The text.
    pub found: String,
    /// The names of the aggregations without a setting, comma-separated.
    pub known: String,
}

impl FromStr for Aggregation {
    type Err = UnknownAggregation;

    fn from_str(name: &str) -> Result<Self, UnknownAggregation> {
        let setting = name.strip_prefix("softmin:");
        let temperature = setting.and_then(|text| text.parse::<f64>().ok());
        let soft_min = temperature
            .filter(|temperature| temperature.is_finite() && *temperature > 0.0)
            .map(|temperature| Self::SoftMin { temperature });
        let plain = || Self::ALL.into_iter().find(|known| known.name() == name);
        soft_min.or_else(plain).ok_or_else(|| UnknownAggregation {
            found: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl TryFrom<String> for Aggregation {
    type Error = UnknownAggregation;

    fn try_from(text: String) -> Result<Self, UnknownAggregation> {
        text.parse()
    }
}

impl From<Aggregation> for String {
    fn from(aggregation: Aggregation) -> Self {
        aggregation.to_string()
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
             expected one of: mean, sum, min, max, product, last, \
             softmin:TEMPERATURE with a finite temperature above 0"
        );
    }

    #[test]
    fn the_soft_minimum_lies_between_the_lowest_and_the_mean() {
        let of = |temperature, values: &[f64]| {
            Aggregation::SoftMin { temperature }
                .aggregate(values)
                .unwrap()
        };
        // (0 + e^-2) / (1 + e^-2)
        let expected = (-2.0_f64).exp() / (1.0 + (-2.0_f64).exp());
        assert!((of(0.5, &[1.0, 0.0]) - expected).abs() < 1e-15);
        assert!((of(1e-3, &[0.3, -0.25, 2.0]) + 0.25).abs() < 1e-9);
        assert!((of(1e9, &[0.5, -0.25, 2.0]) - 0.75).abs() < 1e-6);
        assert!((of(0.1, &[1e6, -1e6]) + 1e6).abs() < 1e-6);
        assert_eq!(of(0.1, &[0.7, 0.7, 0.7]).to_bits(), 0.7_f64.to_bits());
        let read: Aggregation = "softmin:0.25".parse().unwrap();
        assert_eq!(read, Aggregation::SoftMin { temperature: 0.25 });
        let json = serde_json::to_string(&read).unwrap();
        assert_eq!(json, "\"softmin:0.25\"");
        assert_eq!(serde_json::from_str::<Aggregation>(&json).unwrap(), read);
        for wrong in [
            "softmin",
            "softmin:0",
            "softmin:-1",
            "softmin:inf",
            "softmin:x",
        ] {
            assert!(wrong.parse::<Aggregation>().is_err(), "{wrong}");
        }
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
