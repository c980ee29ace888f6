//! Ratings far from all others.

/// How many times the width of the bulk a gap has to have.
const GAP: f64 = 3.0;

/// The range of the bulk where some ratings lie far outside of it: a value splits the ratings
/// where the gap to its neighbour is more than three times as wide as the larger side, which holds at
/// least two different values. `None` where no rating lies far from the others.
///
/// This finds a `-100` for "missing" among ratings of 0 to 4, and a `70` among ratings of 0 to 1;
/// it does not find a 2 among ratings of 0 and 1.
pub(super) fn bulk(ratings: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = ratings.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut bulk = &sorted[..];
    while let Some(larger) = larger_side(bulk) {
        bulk = larger;
    }
    (bulk.len() < sorted.len()).then(|| (bulk[0], bulk[bulk.len() - 1]))
}

/// The larger side of the widest gap, where that gap is wide enough.
fn larger_side(sorted: &[f64]) -> Option<&[f64]> {
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]);
    let (at, gap) = gaps.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (below, above) = sorted.split_at(at + 1);
    let larger = if below.len() >= above.len() {
        below
    } else {
        above
    };
    let width = larger[larger.len() - 1] - larger[0];
    (width > 0.0 && gap > GAP * width).then_some(larger)
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
    fn two_values_a_constant_and_long_tails_have_no_outlier() {
        assert_eq!(bulk(&[0.0, 1.0, 1.0, 1.0]), None);
        assert_eq!(bulk(&[0.7; 9]), None);
        assert_eq!(bulk(&[]), None);
        assert_eq!(bulk(&[0.0, 0.0, -1.0, -5.0, -10.0, -25.0]), None);
    }
}
