use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Maps a rating, in rating units, to a training target, and a score back to rating units.
///
/// | kind | target | range of the parameters |
/// |---|---|---|
/// | `identity` | `rating` | |
/// | `minmax` | `(rating - min) / (max - min)`: `min` to 0, `max` to 1 | finite, `min < max` |
/// | `standardized` | `(rating - mean) / sd` | finite, `sd > 0` |
///
/// As JSON: `{"kind":"minmax","min":0.0,"max":1.0}`. Unknown keys and parameters out of range are refused.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "RawScale", into = "RawScale")]
pub enum RatingScale {
    /// The target is the rating, unchanged.
    #[default]
    Identity,
    /// The rated range becomes 0 to 1.
    MinMax {
        /// The rating that becomes 0.
        min: f64,
        /// The rating that becomes 1.
        max: f64,
    },
    /// Targets with mean 0 and standard deviation 1.
    Standardized {
        /// Mean rating.
        mean: f64,
        /// Standard deviation of the ratings, dividing by their number.
        sd: f64,
    },
}

impl RatingScale {
    /// A scale that maps `min` to 0 and `max` to 1.
    ///
    /// # Errors
    /// [`DataError::ScaleRange`] unless both and their difference are finite and `min < max`.
    pub fn min_max(min: f64, max: f64) -> Result<Self> {
        Self::MinMax { min, max }.checked()
    }

    /// A scale that subtracts `mean` and divides by `sd`.
    ///
    /// # Errors
    /// [`DataError::ScaleSpread`] unless both are finite and `sd > 0`.
    pub fn standardized(mean: f64, sd: f64) -> Result<Self> {
        Self::Standardized { mean, sd }.checked()
    }

    /// The standardized scale with the mean and standard deviation of `ratings`.
    ///
    /// # Errors
    /// If there are no ratings, one is not finite, or all are equal.
    pub fn fit_standardized(ratings: &[f64]) -> Result<Self> {
        range_of(ratings)?;
        let (mean, sd) = mean_and_sd(ratings.iter().map(|&rating| (rating, 1)));
        Self::standardized(mean, sd)
    }

    /// The training target of a rating.
    pub fn to_target(self, rating: f64) -> f64 {
        match self {
            Self::Identity => rating,
            Self::MinMax { min, max } => (rating - min) / (max - min),
            Self::Standardized { mean, sd } => (rating - mean) / sd,
        }
    }

    /// A difference of ratings as one of targets: the map is linear.
    pub fn difference_to_target(self, difference: f64) -> f64 {
        match self {
            Self::Identity => difference,
            Self::MinMax { min, max } => difference / (max - min),
            Self::Standardized { sd, .. } => difference / sd,
        }
    }

    /// The score in rating units: the inverse of [`RatingScale::to_target`].
    pub fn to_rating(self, score: f64) -> f64 {
        match self {
            Self::Identity => score,
            Self::MinMax { min, max } => min + score * (max - min),
            Self::Standardized { mean, sd } => mean + score * sd,
        }
    }

    /// Checks the parameters, which the constructors and serde guarantee.
    ///
    /// # Errors
    /// [`DataError::ScaleRange`] or [`DataError::ScaleSpread`].
    pub fn checked(self) -> Result<Self> {
        match self {
            Self::Identity => Ok(self),
            Self::MinMax { min, max } => {
                let usable = min < max && (max - min).is_finite();
                if usable {
                    Ok(self)
                } else {
                    Err(DataError::ScaleRange { min, max })
                }
            }
            Self::Standardized { mean, sd } => {
                let usable = mean.is_finite() && sd.is_finite() && sd > 0.0;
                if usable {
                    Ok(self)
                } else {
                    Err(DataError::ScaleSpread { mean, sd })
                }
            }
        }
    }
}

/// The form in files. `Identity {}` instead of `Identity` makes serde refuse unknown keys.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum RawScale {
    Identity {},
    MinMax { min: f64, max: f64 },
    Standardized { mean: f64, sd: f64 },
}

impl TryFrom<RawScale> for RatingScale {
    type Error = DataError;

    fn try_from(raw: RawScale) -> Result<Self> {
        match raw {
            RawScale::Identity {} => Ok(Self::Identity),
            RawScale::MinMax { min, max } => Self::min_max(min, max),
            RawScale::Standardized { mean, sd } => Self::standardized(mean, sd),
        }
    }
}

impl From<RatingScale> for RawScale {
    fn from(scale: RatingScale) -> Self {
        match scale {
            RatingScale::Identity => Self::Identity {},
            RatingScale::MinMax { min, max } => Self::MinMax { min, max },
            RatingScale::Standardized { mean, sd } => Self::Standardized { mean, sd },
        }
    }
}

/// The lowest and the highest rating. They must be finite and not all equal.
fn range_of(ratings: &[f64]) -> Result<(f64, f64)> {
    let &first = ratings.first().ok_or(DataError::ScaleWithoutRatings)?;
    if let Some(&rating) = ratings.iter().find(|rating| !rating.is_finite()) {
        return Err(DataError::ScaleNotFinite { rating });
    }
    let min = ratings.iter().copied().fold(first, f64::min);
    let max = ratings.iter().copied().fold(first, f64::max);
    if min < max {
        Ok((min, max))
    } else {
        Err(DataError::ScaleConstant {
            count: ratings.len(),
            rating: first,
        })
    }
}

/// Mean and population standard deviation of finite values with frequencies.
///
/// Two passes keep a small spread precise beside a large mean; shares instead of sums prevent overflow.
pub(crate) fn mean_and_sd(values: impl Iterator<Item = (f64, u64)> + Clone) -> (f64, f64) {
    let count: u64 = values.clone().map(|(_, count)| count).sum();
    let count = count as f64;
    let mean: f64 = values
        .clone()
        .map(|(value, times)| value * (times as f64 / count))
        .sum();
    let largest = values
        .clone()
        .map(|(value, _)| (value / 2.0 - mean / 2.0).abs())
        .fold(0.0, f64::max);
    if largest == 0.0 {
        return (mean, 0.0);
    }
    // Squares relative to the largest deviation neither overflow nor underflow.
    let variance: f64 = values
        .map(|(value, times)| {
            let deviation = (value / 2.0 - mean / 2.0) / largest;
            deviation * deviation * (times as f64 / count)
        })
        .sum();
    (mean, variance.sqrt() * largest * 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identity_keeps_every_bit_of_a_rating() {
        let rating: f64 = serde_json::from_str("0.7").unwrap();
        let target = RatingScale::Identity.to_target(rating);
        assert_eq!(target.to_bits(), 0.7_f64.to_bits());
        #[expect(clippy::cast_possible_truncation)]
        let as_trained = target as f32;
        assert_eq!(as_trained.to_bits(), 0.7_f32.to_bits());
    }

    #[test]
    fn min_max_maps_the_ends_to_zero_and_one() {
        let scale = RatingScale::min_max(-1.0, 3.0).unwrap();
        assert_eq!(
            [-1.0, 1.0, 3.0].map(|rating| Some(scale.to_target(rating))),
            [Some(0.0), Some(0.5), Some(1.0)]
        );
    }

    #[test]
    fn a_difference_of_targets_moves_a_rating_by_the_difference() {
        for scale in [
            RatingScale::Identity,
            RatingScale::min_max(1.0, 5.0).unwrap(),
            RatingScale::standardized(3.0, 0.5).unwrap(),
        ] {
            let moved = scale.to_target(2.0) + scale.difference_to_target(0.75);
            let rating = scale.to_rating(moved);
            assert!((rating - 2.75).abs() < 1e-12, "{scale:?}: {rating}");
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for (min, max) in [
            (1.0, 1.0),
            (2.0, 1.0),
            (f64::NAN, 1.0),
            (0.0, f64::INFINITY),
        ] {
            assert!(RatingScale::min_max(min, max).is_err(), "{min} {max}");
        }
        assert!(
            RatingScale::min_max(f64::MIN, f64::MAX).is_err(),
            "the distance overflows"
        );
        for (mean, sd) in [
            (0.0, 0.0),
            (0.0, -1.0),
            (f64::NAN, 1.0),
            (0.0, f64::INFINITY),
        ] {
            assert!(RatingScale::standardized(mean, sd).is_err(), "{mean} {sd}");
        }
    }

    #[test]
    fn standardized_ratings_have_mean_zero_and_spread_one() {
        let ratings = [0.0, 1.0, 1.0, 2.0, 6.0];
        let scale = RatingScale::fit_standardized(&ratings).unwrap();
        let RatingScale::Standardized { mean, sd } = scale else {
            panic!("{scale:?}")
        };
        assert!((mean - 2.0).abs() < 1e-12 && (sd - 4.4_f64.sqrt()).abs() < 1e-12);
        assert!(scale.to_target(2.0).abs() < 1e-12);
    }

    #[test]
    fn a_scale_cannot_be_fitted_to_constant_no_or_infinite_ratings() {
        let error = RatingScale::fit_standardized(&[0.1, 0.1, 0.1]).unwrap_err();
        assert!(
            matches!(error, DataError::ScaleConstant { count: 3, .. }),
            "{error}"
        );
        assert!(error.hint().is_some());
        let error = RatingScale::fit_standardized(&[]).unwrap_err();
        assert!(matches!(error, DataError::ScaleWithoutRatings), "{error}");
        let error = RatingScale::fit_standardized(&[0.0, f64::NAN]).unwrap_err();
        assert!(matches!(error, DataError::ScaleNotFinite { .. }), "{error}");
    }

    #[test]
    fn extreme_ratings_have_a_finite_spread() {
        let (mean, sd) = mean_and_sd([(f64::MAX, 1), (-f64::MAX, 1)].into_iter());
        assert_eq!((mean, sd), (0.0, f64::MAX));
        let (_, sd) = mean_and_sd([(1e-300, 1), (-1e-300, 1)].into_iter());
        assert!((sd - 1e-300).abs() < 1e-312);
    }

    #[test]
    fn scales_are_written_as_tagged_maps() {
        for (scale, text) in [
            (RatingScale::Identity, r#"{"kind":"identity"}"#),
            (
                RatingScale::MinMax { min: 0.0, max: 1.0 },
                r#"{"kind":"minmax","min":0.0,"max":1.0}"#,
            ),
            (
                RatingScale::Standardized {
                    mean: 0.5,
                    sd: 0.25,
                },
                r#"{"kind":"standardized","mean":0.5,"sd":0.25}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&scale).unwrap(), text);
            assert_eq!(serde_json::from_str::<RatingScale>(text).unwrap(), scale);
        }
    }

    #[test]
    fn unknown_keys_and_bad_parameters_are_refused_on_reading() {
        for text in [
            r#"{"kind":"identity","min":0}"#,
            r#"{"kind":"minmax","min":0,"max":1,"mid":0.5}"#,
            r#"{"kind":"minmax","min":0}"#,
            r#"{"kind":"minmax","min":1,"max":0}"#,
            r#"{"kind":"log"}"#,
        ] {
            assert!(serde_json::from_str::<RatingScale>(text).is_err(), "{text}");
        }
        assert!(
            serde_json::from_str::<RatingScale>(r#"{"kind":"minmax","min":0,"max":1}"#).is_ok()
        );
    }

    fn scales() -> impl Strategy<Value = RatingScale> {
        prop_oneof![
            Just(RatingScale::Identity),
            (-100.0..100.0, 0.1..100.0).prop_map(|(min, width)| RatingScale::min_max(
                min,
                min + width
            )
            .unwrap()),
            (-100.0..100.0, 0.1..100.0)
                .prop_map(|(mean, sd)| RatingScale::standardized(mean, sd).unwrap()),
        ]
    }

    proptest! {
        #[test]
        fn target_to_rating_and_back(scale in scales(), target in -10.0..10.0) {
            let back = scale.to_target(scale.to_rating(target));
            prop_assert!((back - target).abs() <= 1e-12 * target.abs().max(1.0), "{} {}", target, back);
        }

        #[test]
        fn rating_to_target_and_back(scale in scales(), rating in -100.0..100.0) {
            let back = scale.to_rating(scale.to_target(rating));
            prop_assert!((back - rating).abs() <= 1e-12 * rating.abs().max(1.0), "{} {}", rating, back);
        }

        #[test]
        fn a_scale_survives_serde(scale in scales()) {
            let text = serde_json::to_string(&scale).unwrap();
            prop_assert_eq!(serde_json::from_str::<RatingScale>(&text).unwrap(), scale);
        }
    }
}
