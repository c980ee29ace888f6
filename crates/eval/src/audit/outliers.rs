//! Finds ratings far from all others.

/// Minimum width of a gap relative to the width of the bulk.
const GAP: f64 = 3.0;
/// Maximum share of the ratings for which this width is enough.
const FEW: f64 = 0.05;
/// Minimum width of the gap for more ratings, which must all be equal.
const WIDE_GAP: f64 = 10.0;
/// Maximum share of outliers in all cases.
const MOST: f64 = 1.0 / 3.0;

/// The range of the bulk if some ratings lie far outside of it; `None` if none do. Ratings are outliers if
/// the gap between them and the larger group is more than three times as wide as that group, which must have
/// at least two distinct values.
///
/// Bad ratings near 0 and good ones near 1 are not outliers. Therefore, if more than one in twenty ratings lie
/// beyond the gap, they count only if they are all equal and at most one in three, the gap is ten times as wide
/// as the bulk, and not all ratings are from -1 to 1.
///
/// This finds a `-100` for "missing" among ratings from 0 to 4, and a `70` among ratings from 0 to 1,
/// but not a 2 among ratings of 0 and 1.
pub(super) fn bulk(ratings: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = ratings.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut bulk = &sorted[..];
    while let Some(larger) = larger_side(bulk) {
        bulk = larger;
    }
    (bulk.len() < sorted.len()).then(|| (bulk[0], bulk[bulk.len() - 1]))
}

/// The larger group beside the widest gap, if the gap is wide enough.
fn larger_side(sorted: &[f64]) -> Option<&[f64]> {
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]);
    let (at, gap) = gaps.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (below, above) = sorted.split_at(at + 1);
    let (larger, smaller) = if below.len() >= above.len() {
        (below, above)
    } else {
        (above, below)
    };
    let width = |side: &[f64]| side[side.len() - 1] - side[0];
    let share = smaller.len() as f64 / sorted.len() as f64;
    let natural = sorted[0] >= -1.0 && sorted[sorted.len() - 1] <= 1.0;
    let is_one_value = width(smaller) <= 0.0;
    let least = if share <= FEW {
        GAP
    } else if share <= MOST && is_one_value && !natural {
        WIDE_GAP
    } else {
        return None;
    };
    let width = width(larger);
    (width > 0.0 && gap > least * width).then_some(larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_far_from_all_others_are_found_on_both_sides() {
        let mut ratings: Vec<f64> = (0..100).map(|k| f64::from(k % 5)).collect();
        assert_eq!(bulk(&ratings), None);
        ratings.extend([-100.0; 30]);
        assert_eq!(bulk(&ratings), Some((0.0, 4.0)));
        ratings.push(999.0);
        assert_eq!(bulk(&ratings), Some((0.0, 4.0)));
    }

    #[test]
    fn bad_ones_and_good_ones_are_no_outliers() {
        let bimodal = |low: &[f64], high: &[f64], share: usize| {
            let side = |values: &[f64], count| values.iter().copied().cycle().take(count).collect();
            let (mut ratings, others): (Vec<f64>, Vec<f64>) =
                (side(low, share), side(high, 100 - share));
            ratings.extend(others);
            ratings
        };
        for share in [6, 20, 30, 50, 80] {
            assert_eq!(bulk(&bimodal(&[0.0, 0.05], &[0.95, 1.0], share)), None);
            assert_eq!(bulk(&bimodal(&[0.0], &[0.99, 1.0], share)), None);
            assert_eq!(
                bulk(&bimodal(&[1.0, 2.0], &[98.0, 99.0, 100.0], share)),
                None
            );
            assert_eq!(bulk(&bimodal(&[1.0], &[4.8, 5.0], 50)), None);
        }
        assert_eq!(bulk(&bimodal(&[-100.0], &[0.0, 1.0], 30)), Some((0.0, 1.0)));
        assert_eq!(bulk(&bimodal(&[0.0], &[0.99, 1.0], 5)), Some((0.99, 1.0)));
    }

    #[test]
    fn two_values_a_constant_and_long_tails_have_no_outlier() {
        assert_eq!(bulk(&[0.0, 1.0, 1.0, 1.0]), None);
        assert_eq!(bulk(&[0.7; 9]), None);
        assert_eq!(bulk(&[]), None);
        assert_eq!(bulk(&[0.0, 0.0, -1.0, -5.0, -10.0, -25.0]), None);
    }
}
