//! The term for responses that are rated as a whole.

use std::fmt;
use std::str::FromStr;

use burn::prelude::*;
use gradus_data::{RatingScale, SegmentBatch};
use serde::{Deserialize, Serialize};

use super::{PointwiseLoss as _, RatingLoss, SquaredError};
use crate::TrainError;

/// Settings of the term for responses rated as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseLoss {
    /// Weight relative to the loss of segments. Above 0.
    pub weight: f64,
    /// Aggregation of segment scores to the score that is compared with the response's rating.
    pub aggregation: SoftAggregation,
}

/// Aggregation of segment scores to a response score, with a gradient for every segment.
///
/// Computed in rating units, as in evaluation, over the segments left after truncation, rated or not. As text: `mean`, `sum`, `softmin:TEMPERATURE`, `product`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SoftAggregation {
    /// The mean.
    Mean,
    /// The sum.
    Sum,
    /// `Σ r_k e^(-r_k/τ) / Σ e^(-r_k/τ)`: between the minimum, which it approaches for a temperature near 0,
    /// and the mean, which it approaches for a high one. See Cheng et al. (2025), "Stop Summation: Min-Form Credit
    /// Assignment Is All Process Reward Model Needs for Reasoning",
    /// <https://arxiv.org/abs/2504.15275>.
    SoftMin {
        /// `τ`, in rating units. Above 0.
        temperature: f64,
    },
    /// The product.
    Product,
}

/// [`ResponseLoss`] with the scales of the aspects, in the order of the model's outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseTerm {
    /// Weight in the loss.
    pub weight: f64,
    /// Aggregation of segment scores.
    pub aggregation: SoftAggregation,
    /// Scale per aspect: scores are aggregated in rating units, the loss is in target units.
    pub scales: Vec<RatingScale>,
}

impl ResponseTerm {
    /// Aggregated scores minus targets, in target units.
    ///
    /// # Shapes
    /// - `scores`: `[batch_size, num_segments, num_aspects]`
    /// - returns: `[batch_size, num_aspects]`; meaningless for unrated responses
    pub(crate) fn errors(&self, scores: Tensor<3>, batch: &SegmentBatch) -> Tensor<2> {
        let device = scores.device();
        let (shift, factor): (Vec<f64>, Vec<f64>) = self
            .scales
            .iter()
            .map(|scale| {
                let zero = scale.to_rating(0.0);
                (zero, scale.to_rating(1.0) - zero)
            })
            .unzip();
        let shift = Tensor::<1>::from_data(shift.as_slice(), &device);
        let factor = Tensor::<1>::from_data(factor.as_slice(), &device);
        let ratings = scores * factor.clone().unsqueeze::<3>() + shift.clone().unsqueeze::<3>();
        let response = self
            .aggregation
            .aggregate(ratings, batch.mask_segment_pad.clone());
        (response - shift.unsqueeze::<2>()) / factor.unsqueeze::<2>()
            - batch.response_targets.clone()
    }

    /// The loss of every error. A loss that takes logits is replaced by the squared error, because an
    /// aggregated score is not a logit and need not lie in (0, 1).
    ///
    /// # Shapes
    /// - `errors`: `[batch_size, num_aspects]`
    /// - returns: the same shape
    pub(crate) fn losses(loss: &RatingLoss, errors: Tensor<2>) -> Tensor<2> {
        let errors = errors.unsqueeze_dim::<3>(1);
        let zeros = errors.zeros_like();
        let losses = if loss.takes_logits() {
            SquaredError.elementwise(errors, zeros)
        } else {
            loss.elementwise(errors, zeros)
        };
        losses.squeeze_dim(1)
    }
}

impl SoftAggregation {
    /// Added to the exponent of absent segments, so that their weight becomes exactly 0.
    const ABSENT: f32 = -1e30;

    /// One value per response and aspect. A response without segments gets 0, or 1 for the product.
    ///
    /// # Shapes
    /// - `ratings`: `[batch_size, num_segments, num_aspects]`
    /// - `absent`: `[batch_size, num_segments]`, true where there is no segment
    /// - returns: `[batch_size, num_aspects]`
    pub fn aggregate(self, ratings: Tensor<3>, absent: Tensor<2, Bool>) -> Tensor<2> {
        let [batch_size, num_segments, num_aspects] = ratings.dims();
        let shape = [batch_size, num_segments, num_aspects];
        let absent = absent.unsqueeze_dim::<3>(2).expand(shape);
        let present = absent.clone().bool_not().float();
        let aggregated = match self {
            Self::Sum => (ratings * present).sum_dim(1),
            Self::Mean => {
                let count = present.clone().sum_dim(1).clamp_min(1.0);
                (ratings * present).sum_dim(1) / count
            }
            Self::SoftMin { temperature } => {
                let exponents = ratings.clone().neg() / temperature;
                let exponents = exponents.mask_fill(absent, Self::ABSENT);
                let greatest = exponents.clone().detach().max_dim(1);
                let weights = (exponents - greatest).exp() * present;
                // The largest weight is 1. Without segments, the divisor must not be so small that its
                // square, which the gradient needs, is 0.
                let sum = weights.clone().sum_dim(1).clamp_min(1.0);
                (ratings * weights).sum_dim(1) / sum
            }
            Self::Product => {
                // Factor by factor, because logarithms cannot represent zeros and signs.
                let factors = ratings.mask_fill(absent, 1.0);
                (1..num_segments).fold(factors.clone().narrow(1, 0, 1), |product, k| {
                    product * factors.clone().narrow(1, k, 1)
                })
            }
        };
        aggregated.squeeze_dim::<2>(1)
    }

    /// The segment rating at which a response with equal segments has this rating, if it does not depend on their
    /// number. Training starts there if only responses are rated.
    pub(crate) fn starting_rating(self, response: f64) -> f64 {
        match self {
            Self::Mean | Self::SoftMin { .. } => response,
            Self::Sum => 0.0,
            Self::Product => 1.0,
        }
    }
}

impl fmt::Display for SoftAggregation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => formatter.write_str("mean"),
            Self::Sum => formatter.write_str("sum"),
            Self::SoftMin { temperature } => write!(formatter, "softmin:{temperature}"),
            Self::Product => formatter.write_str("product"),
        }
    }
}

impl FromStr for SoftAggregation {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let aggregation = match text.split_once(':') {
            None if text == "mean" => Some(Self::Mean),
            None if text == "sum" => Some(Self::Sum),
            None if text == "product" => Some(Self::Product),
            Some(("softmin", temperature)) => temperature
                .parse()
                .ok()
                .filter(|temperature: &f64| *temperature > 0.0 && temperature.is_finite())
                .map(|temperature| Self::SoftMin { temperature }),
            _ => None,
        };
        aggregation.ok_or_else(|| TrainError::Setting {
            name: "response_loss.aggregation",
            found: format!("`{text}`"),
            expected: "`mean`, `sum`, `product` or `softmin:TEMPERATURE` with a finite temperature above 0",
        })
    }
}

impl TryFrom<String> for SoftAggregation {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self, TrainError> {
        text.parse()
    }
}

impl From<SoftAggregation> for String {
    fn from(aggregation: SoftAggregation) -> Self {
        aggregation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(aggregation: SoftAggregation, values: &[f32], present: usize) -> f64 {
        let device = Device::flex();
        let ratings = Tensor::<1>::from_floats(values, &device).reshape([1, values.len(), 1]);
        let absent: Vec<bool> = (0..values.len()).map(|k| k >= present).collect();
        let absent = TensorData::new(absent, [1, values.len()]);
        let absent = Tensor::<2, Bool>::from_data(absent, &device);
        f64::from(aggregation.aggregate(ratings, absent).into_scalar::<f32>())
    }

    fn soft_min(temperature: f64) -> SoftAggregation {
        SoftAggregation::SoftMin { temperature }
    }

    #[test]
    fn absent_segments_have_no_part() {
        let values = [0.5, -0.25, 2.0, 99.0];
        for (aggregation, expected) in [
            (SoftAggregation::Mean, 0.75),
            (SoftAggregation::Sum, 2.25),
            (SoftAggregation::Product, -0.25),
            (soft_min(1e-3), -0.25),
            (soft_min(1e6), 0.75),
        ] {
            let found = aggregate(aggregation, &values, 3);
            assert!((found - expected).abs() < 1e-4, "{aggregation}: {found}");
        }
    }

    #[test]
    fn the_soft_minimum_survives_scores_far_apart_and_lies_between_minimum_and_mean() {
        let found = aggregate(soft_min(0.1), &[1e4, -1e4, 3.0], 3);
        assert!((found + 1e4).abs() < 1.0, "{found}");
        let found = aggregate(soft_min(0.5), &[0.0, 1.0], 2);
        assert!(found > 0.0 && found < 0.5, "{found}");
    }

    #[test]
    fn names_are_written_and_read_as_text() {
        for aggregation in [
            SoftAggregation::Mean,
            SoftAggregation::Sum,
            soft_min(0.25),
            SoftAggregation::Product,
        ] {
            let text = serde_json::to_string(&aggregation).unwrap();
            let back: SoftAggregation = serde_json::from_str(&text).unwrap();
            assert_eq!(back, aggregation);
        }
        for text in [
            "softmin",
            "softmin:0",
            "softmin:-1",
            "softmin:inf",
            "min",
            "",
        ] {
            assert!(text.parse::<SoftAggregation>().is_err(), "{text}");
        }
    }
}
