//! How much the mean of several ratings counts.

/// The weight of a rating that is the mean of `raters` ratings, where 1 is that of a single one: `m / (1 + (m - 1) α)`,
/// with the agreement `α` of the raters, for which Krippendorff's alpha is taken. Outside 0 to 1, the nearer of both
/// counts.
///
/// It is the variance of a single rating divided by that of a mean of `m`: Kish's effective number of ratings (1965),
/// after Spearman and Brown (1910). Raters who always agree say as much as one of them, 1; raters who agree as by chance
/// say as much as their number, `m`.
pub fn rater_weight(raters: usize, alpha: f64) -> f64 {
    let raters = raters.max(1) as f64;
    raters / (1.0 + (raters - 1.0) * alpha.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_between_one_and_the_number_of_raters() {
        let of = |raters, alpha| (rater_weight(raters, alpha) * 1e6).round() / 1e6;
        assert_eq!(
            [of(0, 0.5), of(1, 0.5), of(3, 1.0), of(3, 2.0)].map(f64::to_bits),
            [1.0_f64; 4].map(f64::to_bits)
        );
        assert_eq!(
            [of(3, 0.0), of(3, -0.4)].map(f64::to_bits),
            [3.0_f64; 2].map(f64::to_bits)
        );
        assert_eq!(
            [of(2, 0.5), of(4, 0.2)].map(f64::to_bits),
            [1.333_333_f64, 2.5].map(f64::to_bits)
        );
    }

    /// True value and noise of variance 1 each, so that alpha is a half: means of one and of four ratings.
    #[test]
    fn it_is_the_ratio_of_variances() {
        let mut state = 1_u64;
        let mut draw = || {
            let mut normal = -6.0;
            for _ in 0..12 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                normal += (state >> 11) as f64 / (1_u64 << 53) as f64;
            }
            normal
        };
        let mut variance = |raters: usize| {
            let texts = 20_000;
            let squares: f64 = (0..texts)
                .map(|_| {
                    let noise: f64 = (0..raters).map(|_| draw()).sum();
                    (draw() + noise / raters as f64).powi(2)
                })
                .sum();
            squares / f64::from(texts)
        };
        let found = variance(1) / variance(4);
        assert!((found - rater_weight(4, 0.5)).abs() < 0.05, "{found}");
    }
}
