//! Which responses to rate next: those on whose scores models disagree, and that are unlike each other.
//!
//! Responses are picked one after the other, each time the one with the largest product of
//!
//! - its **spread**: how far the scores of its segments lie apart between models that differ in their seed or data
//!   (query by committee, Seung et al. 1992), in standard deviations of the scores;
//! - its **distance** to the nearest response that is rated or picked already, between their mean segment states
//!   (the greedy k-center of Sener & Savarese 2018, <https://arxiv.org/abs/1708.00489>).
//!
//! With one model every spread is 1, and distance alone decides.

use std::cmp::Ordering;

use crate::ScoredResponse;

/// A response that might be rated.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The mean state of its segments, of length 1; see [`Scorer::mean_states`](crate::Scorer::mean_states).
    pub state: Vec<f32>,
    /// How far models disagree on it, 0 or more; see [`spreads`].
    pub spread: f64,
}

/// A response that was picked.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Suggestion {
    /// Its place among the candidates, from 0.
    pub index: usize,
    /// Its spread.
    pub spread: f64,
    /// Its distance to the nearest response that was rated or picked before it, from 0 to 2; `None` for the first
    /// where none is rated.
    pub distance: Option<f64>,
}

/// Picks `count` candidates in the order in which they should be rated, given the states of responses that are rated.
///
/// There are fewer if all others are equal to one that is rated or picked, or have a spread of 0. Without rated
/// responses, the first is the one with the largest spread; of equal ones the most typical, whose state is the nearest
/// to the mean.
pub fn suggest(candidates: &[Candidate], rated: &[Vec<f32>], count: usize) -> Vec<Suggestion> {
    let mut nearest: Vec<f64> = candidates
        .iter()
        .map(|candidate| {
            let distances = rated.iter().map(|state| distance(&candidate.state, state));
            distances.fold(f64::INFINITY, f64::min)
        })
        .collect();
    let mut picked = Vec::new();
    if rated.is_empty() && count > 0 {
        picked.extend(first(candidates));
        approach(&mut nearest, candidates, picked.last());
    }
    while picked.len() < count {
        let gain = |index: &usize| candidates[*index].spread * nearest[*index];
        // Of equal ones the first.
        let best = (0..candidates.len())
            .rev()
            .max_by(|one, other| gain(one).total_cmp(&gain(other)));
        let Some(index) = best.filter(|index| gain(index) > EQUAL) else {
            break;
        };
        picked.push(Suggestion {
            index,
            spread: candidates[index].spread,
            distance: Some(nearest[index]),
        });
        approach(&mut nearest, candidates, picked.last());
    }
    picked
}

/// States of the same text in other batches differ by less.
const EQUAL: f64 = 1e-4;

/// The one to begin with, where none is rated.
fn first(candidates: &[Candidate]) -> Option<Suggestion> {
    let width = candidates.first()?.state.len();
    let mut mean = vec![0.0; width];
    for candidate in candidates {
        for (sum, value) in mean.iter_mut().zip(&candidate.state) {
            *sum += f64::from(*value);
        }
    }
    let typical = |candidate: &Candidate| -> f64 {
        let products = candidate.state.iter().zip(&mean);
        products.map(|(value, mean)| f64::from(*value) * mean).sum()
    };
    let order = |one: &Candidate, other: &Candidate| -> Ordering {
        let spread = one.spread.total_cmp(&other.spread);
        spread.then_with(|| typical(one).total_cmp(&typical(other)))
    };
    // Of equal ones the first.
    let (index, candidate) = candidates
        .iter()
        .enumerate()
        .rev()
        .max_by(|(_, one), (_, other)| order(one, other))?;
    (candidate.spread > 0.0).then_some(Suggestion {
        index,
        spread: candidate.spread,
        distance: None,
    })
}

/// Takes note of the response that was picked last.
fn approach(nearest: &mut [f64], candidates: &[Candidate], picked: Option<&Suggestion>) {
    let Some(picked) = picked else { return };
    let state = &candidates[picked.index].state;
    for (nearest, candidate) in nearest.iter_mut().zip(candidates) {
        *nearest = nearest.min(distance(&candidate.state, state));
    }
    nearest[picked.index] = 0.0;
}

fn distance(one: &[f32], other: &[f32]) -> f64 {
    let squares = one.iter().zip(other).map(|(a, b)| (a - b) * (a - b));
    f64::from(squares.sum::<f32>()).sqrt()
}

/// The spread of each response, given its scores by every model on the same aspects: the root of the mean, over
/// segments and aspects, of the variance between models divided by that of all scores of the aspect. 1 with a single
/// model.
///
/// `None` for a response of which no segment has a score from every model.
pub fn spreads(models: &[Vec<ScoredResponse>]) -> Vec<Option<f64>> {
    let scores = |model: usize, example: usize, segment: usize| {
        let scores = models[model][example].segments[segment].scores.as_deref()?;
        scores
            .iter()
            .all(|score| score.is_finite())
            .then_some(scores)
    };
    let examples = models.first().map_or(0, Vec::len);
    let segments = |example: usize| models[0][example].segments.len();
    let aspects = (0..examples)
        .flat_map(|example| (0..segments(example)).filter_map(move |at| scores(0, example, at)))
        .next()
        .map_or(0, <[f64]>::len);
    // Of each aspect: all scores, and for each response the variances of its segments.
    let mut all = vec![Moments::default(); aspects];
    let mut between = vec![vec![Moments::default(); aspects]; examples];
    for (example, between) in between.iter_mut().enumerate() {
        for segment in 0..segments(example) {
            let of: Option<Vec<&[f64]>> = (0..models.len())
                .map(|model| scores(model, example, segment))
                .collect();
            let Some(of) = of else { continue };
            for aspect in 0..aspects {
                let mut one = Moments::default();
                for scores in &of {
                    one.add(scores[aspect]);
                    all[aspect].add(scores[aspect]);
                }
                between[aspect].add(one.variance().unwrap_or(0.0));
            }
        }
    }
    let spread = |between: &Vec<Moments>| {
        let mut shares = Moments::default();
        for (between, all) in between.iter().zip(&all) {
            shares.add(match all.variance() {
                Some(all) if all > 0.0 => between.mean()? / all,
                _ => 0.0,
            });
        }
        let spread = shares.mean()?.sqrt();
        Some(if models.len() == 1 { 1.0 } else { spread })
    };
    between.iter().map(spread).collect()
}

/// Mean and variance of numbers as they come (Welford 1962).
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then_some(self.mean)
    }

    /// That of a sample.
    fn variance(&self) -> Option<f64> {
        (self.count > 1.0).then(|| self.squares / (self.count - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoredSegment;

    fn scores(segments: &[Option<f64>]) -> ScoredResponse {
        let segment = |score: &Option<f64>| ScoredSegment {
            scores: score.map(|score| vec![score, 7.0]),
            ..ScoredSegment::default()
        };
        ScoredResponse {
            segments: segments.iter().map(segment).collect(),
            ..ScoredResponse::default()
        }
    }

    fn at(angle: f32, spread: f64) -> Candidate {
        Candidate {
            state: vec![angle.cos(), angle.sin()],
            spread,
        }
    }

    fn indices(suggestions: &[Suggestion]) -> Vec<usize> {
        suggestions.iter().map(|one| one.index).collect()
    }

    #[test]
    fn a_spread_is_the_disagreement_in_deviations_of_all_scores() {
        let models = [
            vec![scores(&[Some(0.0), None]), scores(&[Some(1.0), Some(2.0)])],
            vec![scores(&[Some(2.0), None]), scores(&[Some(1.0), Some(2.0)])],
            vec![scores(&[Some(1.0), None]), scores(&[Some(1.0), None])],
        ];
        let found = spreads(&models);
        // Scores of all models: 0, 2, 1, 1, 1, 1, whose variance is 0.4; the second aspect has none and counts as one
        // on which all agree.
        let expected = (1.0_f64 / 0.4 / 2.0).sqrt();
        assert!((found[0].unwrap() - expected).abs() < 1e-12, "{found:?}");
        assert_eq!(found[1], Some(0.0));
        assert_eq!(spreads(&models[..1]), [Some(1.0), Some(1.0)]);
        assert_eq!(spreads(&[vec![scores(&[None])]]), [None]);
    }

    #[test]
    fn the_next_is_far_from_what_is_rated_and_picked() {
        let candidates = [at(0.1, 1.0), at(1.0, 1.0), at(3.0, 1.0), at(2.9, 1.0)];
        let found = suggest(&candidates, &[vec![1.0, 0.0]], 4);
        assert_eq!(indices(&found), [2, 1, 0, 3]);
        let distances: Vec<f64> = found.iter().map(|one| one.distance.unwrap()).collect();
        assert!((distances[0] - 2.0 * 1.5_f64.sin()).abs() < 1e-6);
        assert!(distances.is_sorted_by(|one, next| one >= next));
    }

    #[test]
    fn disagreement_outweighs_distance_where_it_is_large() {
        let candidates = [at(0.5, 9.0), at(3.0, 1.0), at(2.0, 0.0)];
        let found = suggest(&candidates, &[vec![1.0, 0.0]], 3);
        assert_eq!(indices(&found), [0, 1], "a spread of 0 is never picked");
    }

    #[test]
    fn without_ratings_the_most_typical_comes_first_and_equal_ones_once() {
        let candidates = [at(0.0, 1.0), at(0.6, 1.0), at(0.7, 1.0), at(0.6, 1.0)];
        let found = suggest(&candidates, &[], 9);
        assert_eq!(indices(&found), [1, 0, 2]);
        assert_eq!(found[0].distance, None);
        assert_eq!(suggest(&candidates, &[], 0), []);
        assert_eq!(suggest(&[], &[], 3), []);
    }
}
