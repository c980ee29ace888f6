//! Several ratings of one text by different raters.

use serde::{Deserialize, Serialize};

/// The mean of several raters' ratings. The mean of equal ratings is exactly that rating. NaN without ratings.
pub fn mean_rating(ratings: &[f64]) -> f64 {
    // Equal to the last digit, however close others may be.
    #[expect(clippy::float_cmp)]
    match ratings {
        [first, rest @ ..] if rest.iter().all(|rating| rating == first) => *first,
        _ => ratings.iter().sum::<f64>() / ratings.len() as f64,
    }
}

/// Agreement of raters. There is at least one text with two ratings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RaterAgreement {
    /// Number of texts with two or more ratings. Others do not count.
    pub texts: usize,
    /// Number of their ratings.
    pub ratings: usize,
    /// Smallest number of ratings of such a text.
    pub fewest: usize,
    /// Largest number of ratings of such a text.
    pub most: usize,
    /// Standard deviation of the ratings of one text, pooled: `sqrt(Σ (x - mean)² / Σ (m - 1))`.
    pub sd: f64,
    /// Root mean squared distance of a rating from the mean of the other ratings of its text.
    pub rmse: f64,
    /// Krippendorff's alpha for interval data: 1 for full agreement, 0 for chance. `None` if all ratings are equal.
    pub alpha: Option<f64>,
}

/// The sums from which [`RaterAgreement`] is computed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RaterSums {
    texts: usize,
    ratings: usize,
    fewest: usize,
    most: usize,
    /// `Σ (x - mean)²` over the ratings of each text, and weighted for alpha and for the distance from the others.
    squares: f64,
    pairs: f64,
    others: f64,
    /// The first rating, and sums of the differences from it, because squares of large numbers would cancel.
    shift: f64,
    sum: f64,
    sum_squares: f64,
}

impl RaterSums {
    /// Adds the ratings of one text. Fewer than two are ignored.
    pub fn add(&mut self, ratings: &[f64]) {
        if ratings.len() < 2 {
            return;
        }
        if self.texts == 0 {
            self.fewest = ratings.len();
            self.shift = ratings[0];
        }
        let count = ratings.len() as f64;
        let mean = mean_rating(ratings);
        let squares: f64 = ratings.iter().map(|rating| (rating - mean).powi(2)).sum();
        self.texts += 1;
        self.ratings += ratings.len();
        self.fewest = self.fewest.min(ratings.len());
        self.most = self.most.max(ratings.len());
        self.squares += squares;
        self.pairs += 2.0 * count * squares / (count - 1.0);
        self.others += (count / (count - 1.0)).powi(2) * squares;
        for distance in ratings.iter().map(|rating| rating - self.shift) {
            self.sum += distance;
            self.sum_squares += distance * distance;
        }
    }

    /// The agreement; `None` without a text with two ratings, or on overflow.
    pub fn agreement(&self) -> Option<RaterAgreement> {
        if self.texts == 0 {
            return None;
        }
        let count = self.ratings as f64;
        let observed = self.pairs / count;
        let spread = count * self.sum_squares - self.sum * self.sum;
        let expected = 2.0 * spread / (count * (count - 1.0));
        let alpha = 1.0 - observed / expected;
        let agreement = RaterAgreement {
            texts: self.texts,
            ratings: self.ratings,
            fewest: self.fewest,
            most: self.most,
            sd: (self.squares / (self.ratings - self.texts) as f64).sqrt(),
            rmse: (self.others / count).sqrt(),
            alpha: (expected > 0.0 && alpha.is_finite()).then_some(alpha),
        };
        (agreement.sd.is_finite() && agreement.rmse.is_finite()).then_some(agreement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(texts: &[&[f64]]) -> Option<RaterAgreement> {
        let mut sums = RaterSums::default();
        for ratings in texts {
            sums.add(ratings);
        }
        sums.agreement()
    }

    #[test]
    fn alpha_is_that_of_krippendorffs_own_example() {
        // "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve
        // units, some without a value; interval data, 0.849.
        let units: [&[f64]; 12] = [
            &[1.0, 1.0, 1.0],
            &[2.0, 2.0, 3.0, 2.0],
            &[3.0, 3.0, 3.0, 3.0],
            &[3.0, 3.0, 3.0, 3.0],
            &[2.0, 2.0, 2.0, 2.0],
            &[1.0, 2.0, 3.0, 4.0],
            &[4.0, 4.0, 4.0, 4.0],
            &[1.0, 1.0, 2.0, 1.0],
            &[2.0, 2.0, 2.0, 2.0],
            &[5.0, 5.0, 5.0],
            &[1.0, 1.0],
            &[3.0],
        ];
        let found = agreement(&units).unwrap();
        assert!((found.alpha.unwrap() - 0.849).abs() < 5e-4, "{found:?}");
        assert_eq!((found.texts, found.ratings), (11, 40));
        assert_eq!((found.fewest, found.most), (2, 4));
    }

    #[test]
    fn two_raters_of_two_texts_by_hand() {
        // Means 0.25 and 0.75; every rating is 0.25 from its mean and 0.5 from the other.
        let found = agreement(&[&[0.0, 0.5], &[0.5, 1.0]]).unwrap();
        assert!((found.sd - (0.25_f64 / 2.0).sqrt()).abs() < 1e-15);
        assert!((found.rmse - 0.5).abs() < 1e-15);
        // Observed (4 pairs of 0.25) / 4; expected over all 12 ordered pairs of 0, .5, .5, 1:
        // 2 (.25 + .25 + 1 + 0 + .25 + .25) / 12 = 1/3.
        assert!((found.alpha.unwrap() - 0.25).abs() < 1e-15, "{found:?}");
    }

    #[test]
    fn one_rater_and_equal_ratings_have_no_alpha() {
        assert_eq!(agreement(&[&[0.5], &[]]), None);
        let found = agreement(&[&[0.1, 0.1, 0.1], &[0.1, 0.1]]).unwrap();
        assert_eq!((found.alpha, found.rmse.to_bits()), (None, 0));
        assert_eq!(mean_rating(&[0.1, 0.1, 0.1]).to_bits(), 0.1_f64.to_bits());
    }

    #[test]
    fn far_from_zero_alpha_is_the_same() {
        let near = agreement(&[&[0.0, 0.5], &[0.5, 1.0]]).unwrap();
        let far = agreement(&[&[1e6, 1e6 + 0.5], &[1e6 + 0.5, 1e6 + 1.0]]).unwrap();
        assert!((near.alpha.unwrap() - far.alpha.unwrap()).abs() < 1e-9);
    }
}
