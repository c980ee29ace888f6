//! Fits a recalibration by isotonic regression.

use gradus_scores::Isotonic;

use crate::metrics::{order, same, usable};

/// Least squares among all functions that never fall, by pooling adjacent violators; equal
/// scores are averaged first. Between the fitted points it interpolates, as scikit-learn's
/// `IsotonicRegression` with clipping does. `None` for no pairs, unequal lengths, or a value
/// that is NaN or infinite.
pub(super) fn fit(scores: &[f64], ratings: &[f64]) -> Option<Isotonic> {
    if !usable(scores, ratings) {
        return None;
    }
    let points = averaged_by_score(scores, ratings);
    let fitted = pool_adjacent_violators(&points);
    let (mut scores, mut ratings) = (Vec::new(), Vec::new());
    for (index, (point, &rating)) in points.iter().zip(&fitted).enumerate() {
        // Inside a flat stretch a knot says nothing.
        let flat = |neighbor: Option<&f64>| neighbor.is_some_and(|&n| same(n, rating));
        let before = index.checked_sub(1).and_then(|index| fitted.get(index));
        if !(flat(before) && flat(fitted.get(index + 1))) {
            scores.push(point.score);
            ratings.push(rating);
        }
    }
    Isotonic::new(scores, ratings).ok()
}

/// One score, the mean of its ratings, and how many there are.
struct Point {
    score: f64,
    rating: f64,
    weight: f64,
}

fn averaged_by_score(scores: &[f64], ratings: &[f64]) -> Vec<Point> {
    let mut pairs: Vec<(f64, f64)> = scores
        .iter()
        .copied()
        .zip(ratings.iter().copied())
        .collect();
    pairs.sort_by(|a, b| order(a.0, b.0).then_with(|| order(a.1, b.1)));
    pairs
        .chunk_by(|a, b| same(a.0, b.0))
        .map(|tied| {
            let weight = tied.len() as f64;
            let rating = tied.iter().map(|pair| pair.1).sum::<f64>() / weight;
            Point {
                score: tied[0].0,
                rating,
                weight,
            }
        })
        .collect()
}

/// The fitted rating of every point: neighbors in the wrong order are replaced by their mean
/// until none is left.
fn pool_adjacent_violators(points: &[Point]) -> Vec<f64> {
    struct Block {
        rating: f64,
        weight: f64,
        points: usize,
    }
    let mut blocks: Vec<Block> = Vec::with_capacity(points.len());
    for point in points {
        let mut block = Block {
            rating: point.rating,
            weight: point.weight,
            points: 1,
        };
        while let Some(last) = blocks.pop_if(|last| last.rating >= block.rating) {
            let weight = last.weight + block.weight;
            let rating = (last.rating * last.weight + block.rating * block.weight) / weight;
            block = Block {
                rating,
                weight,
                points: last.points + block.points,
            };
        }
        blocks.push(block);
    }
    blocks
        .iter()
        .flat_map(|block| std::iter::repeat_n(block.rating, block.points))
        .collect()
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;

    #[test]
    fn violators_are_pooled_and_flat_stretches_keep_their_ends() {
        let fitted = fit(&[1.0, 2.0, 3.0, 4.0, 5.0], &[0.0, 0.6, 0.4, 0.5, 1.0]).unwrap();
        assert_eq!(fitted.scores(), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(fitted.ratings(), [0.0, 0.5, 0.5, 1.0]);
        assert_eq!(fitted.apply(1.5), 0.25);
        assert_eq!((fitted.apply(-9.0), fitted.apply(9.0)), (0.0, 1.0));
    }

    #[test]
    fn equal_scores_are_averaged() {
        let fitted = fit(&[0.3, 0.3], &[0.0, 1.0]).unwrap();
        assert_eq!(
            (fitted.scores(), fitted.ratings()),
            (&[0.3][..], &[0.5][..])
        );
        assert_eq!(fitted.apply(0.9), 0.5);
    }
}
