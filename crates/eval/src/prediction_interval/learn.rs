//! The width of an interval, from distances between scores and ratings.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use crate::ResponsePairs;
use crate::calibration::{RecalibrationKind, fit_recalibration};

/// Parts of the responses, each of which is judged by a map that was fitted to the others.
const FOLDS: usize = 10;

/// Rounding errors of sums of weights stay below this.
const ROUNDING: f64 = 1e-9;

/// The width of an interval, and what it was learned from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LearnedWidth {
    /// Distance of either end from the score.
    pub half_width: f64,
    /// Number of responses.
    pub responses: usize,
    /// Number of segments.
    pub segments: usize,
}

/// Too few responses for a coverage: any finite interval would promise too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("found {found} responses with rated and scored segments, expected at least {needed}")]
#[non_exhaustive]
pub struct TooFewResponses {
    /// How many there are.
    pub found: usize,
    /// How many it takes.
    pub needed: usize,
}

/// The half width of intervals around predictions that hold this share of the targets; see the
/// [module](super) for what it promises. `coverage` is above 0 and below 1.
///
/// # Errors
/// [`TooFewResponses`], below `1 / (1 - coverage) - 1`.
pub fn half_width(pairs: &ResponsePairs, coverage: f64) -> Result<LearnedWidth, TooFewResponses> {
    let distances = pairs.responses().map(|(predictions, targets)| {
        let pairs = predictions.iter().zip(targets);
        pairs.map(|(a, b)| (a - b).abs()).collect()
    });
    quantile(&distances.collect::<Vec<_>>(), coverage)
}

/// The same of predictions that a map recalibrates which was fitted to these very pairs: its distances from them are too
/// small. Those of each tenth of the responses are taken from a map that was fitted to the others.
///
/// # Errors
/// [`TooFewResponses`], also where there are fewer than ten.
pub fn held_out_half_width(
    raw: &ResponsePairs,
    kind: RecalibrationKind,
    coverage: f64,
) -> Result<LearnedWidth, TooFewResponses> {
    let found = raw.num_responses();
    if found < FOLDS {
        let needed = needed(coverage).max(FOLDS);
        return Err(TooFewResponses { found, needed });
    }
    let mut parts: Vec<usize> = (0..found).map(|index| index % FOLDS).collect();
    parts.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    let mut distances: Vec<Vec<f64>> = Vec::with_capacity(found);
    for part in 0..FOLDS {
        let (mut scores, mut ratings) = (Vec::new(), Vec::new());
        for ((of_scores, of_ratings), _) in others(raw, &parts, part) {
            scores.extend_from_slice(of_scores);
            ratings.extend_from_slice(of_ratings);
        }
        // Nine tenths of at least ten responses are some, and pairs are finite.
        let map = fit_recalibration(kind, &scores, &ratings);
        for ((scores, ratings), own) in raw.responses().zip(&parts) {
            if *own == part {
                let apply = |score: f64| map.as_ref().map_or(score, |map| map.apply(score));
                let pairs = scores.iter().zip(ratings);
                distances.push(pairs.map(|(s, r)| (apply(*s) - r).abs()).collect());
            }
        }
    }
    quantile(&distances, coverage)
}

type Response<'a> = ((&'a [f64], &'a [f64]), &'a usize);

fn others<'a>(
    pairs: &'a ResponsePairs,
    parts: &'a [usize],
    part: usize,
) -> impl Iterator<Item = Response<'a>> {
    let all = pairs.responses().zip(parts);
    all.filter(move |(_, own)| **own != part)
}

/// The least number of responses: the weight of the one to come must not exceed what may be missed.
fn needed(coverage: f64) -> usize {
    let needed = (1.0 / (1.0 - coverage) - 1.0 - ROUNDING).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least 1, and a float beyond usize becomes the largest"
    )]
    let needed = needed.max(1.0) as usize;
    needed
}

/// The smallest distance with enough weight up to it, where every response weighs 1, and one to come, too.
fn quantile(distances: &[Vec<f64>], coverage: f64) -> Result<LearnedWidth, TooFewResponses> {
    let (found, needed) = (distances.len(), needed(coverage));
    if found < needed {
        return Err(TooFewResponses { found, needed });
    }
    let mut weighted: Vec<(f64, f64)> = distances
        .iter()
        .flat_map(|of_response| {
            let weight = 1.0 / of_response.len() as f64;
            of_response.iter().map(move |distance| (*distance, weight))
        })
        .collect();
    weighted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = coverage * (found + 1) as f64 - ROUNDING;
    let mut weight = 0.0;
    let enough = weighted.iter().find(|(_, own)| {
        weight += own;
        weight >= wanted
    });
    // All weights together are at least what is wanted, up to rounding.
    let farthest = weighted.last().map_or(0.0, |(distance, _)| *distance);
    Ok(LearnedWidth {
        half_width: enough.map_or(farthest, |(distance, _)| *distance),
        responses: found,
        segments: weighted.len(),
    })
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Responses whose segments are scored 0 and rated so.
    fn rated(responses: &[&[f64]]) -> ResponsePairs {
        let mut pairs = ResponsePairs::new();
        for ratings in responses {
            pairs.push_response(ratings.iter().map(|rating| (0.0, *rating)));
        }
        pairs
    }

    fn width(responses: &[&[f64]], coverage: f64) -> f64 {
        half_width(&rated(responses), coverage).unwrap().half_width
    }

    #[test]
    fn a_response_counts_once_however_many_segments_it_has() {
        // Of 4 and one to come, weights up to 1, 2, 3 and 4 are 3.1, 3.6, 3.8 and 4 of 5.
        let long: &[f64] = &[1.0, -1.0, 1.0, 3.0, -4.0];
        let responses: [&[f64]; 4] = [&[1.0], &[-1.0], &[2.0, 1.0], long];
        let found: Vec<f64> = [0.5, 0.62, 0.63, 0.72, 0.75, 0.8]
            .map(|coverage| width(&responses, coverage))
            .to_vec();
        assert_eq!(found, [1.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
        let learned = half_width(&rated(&responses), 0.8).unwrap();
        assert_eq!((learned.responses, learned.segments), (4, 9));
    }

    #[test]
    fn too_few_responses_are_refused_and_just_enough_are_not() {
        for (coverage, needed) in [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99)] {
            let pairs =
                |count: usize| ResponsePairs::ungrouped((0..count).map(|i| (0.0, i as f64)));
            let found = needed - 1;
            assert_eq!(
                half_width(&pairs(found), coverage),
                Err(TooFewResponses { found, needed }),
                "{coverage}"
            );
            let width = half_width(&pairs(needed), coverage).unwrap().half_width;
            assert_eq!(width, found as f64, "the largest distance, at {coverage}");
        }
    }

    #[test]
    fn a_map_fitted_to_the_same_responses_is_judged_on_those_it_did_not_see() {
        // Scores are noise: an isotonic map follows ratings that a new one would miss.
        let pairs = |seed: u64| {
            let number = |i: u64| (i * 2_654_435_761 + seed * 40_503) % 1000;
            ResponsePairs::ungrouped((0..60).map(|i| (i as f64, number(i) as f64 / 1000.0)))
        };
        let raw = pairs(1);
        let kind = RecalibrationKind::Isotonic;
        let map = fit_recalibration(kind, raw.predictions(), raw.targets()).unwrap();
        let seen = raw.predictions().iter().map(|score| map.apply(*score));
        let seen = ResponsePairs::ungrouped(seen.zip(raw.targets().iter().copied()));
        let seen = half_width(&seen, 0.8).unwrap().half_width;
        let held_out = held_out_half_width(&raw, kind, 0.8).unwrap();
        assert!(held_out.half_width > seen, "{held_out:?} beside {seen}");
        assert_eq!(held_out.responses, 60);
        let few = ResponsePairs::ungrouped((0..9).map(|i| (0.0, f64::from(i))));
        let error = held_out_half_width(&few, kind, 0.5).unwrap_err();
        assert_eq!((error.found, error.needed), (9, 10));
    }

    proptest! {
        #[test]
        fn with_one_segment_each_it_is_the_usual_split_conformal_quantile(
            mut ratings in prop::collection::vec(-5.0..5.0_f64, 1..60), coverage in 0.02..0.98_f64
        ) {
            let pairs = ResponsePairs::ungrouped(ratings.iter().map(|rating| (0.0, *rating)));
            for rating in &mut ratings {
                *rating = rating.abs();
            }
            ratings.sort_unstable_by(f64::total_cmp);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = (coverage * (ratings.len() + 1) as f64).ceil() as usize;
            let expected = ratings.get(rank - 1).copied();
            prop_assert_eq!(half_width(&pairs, coverage).ok().map(|found| found.half_width), expected);
        }

        #[test]
        fn copies_of_a_segment_change_nothing_and_a_higher_coverage_is_not_narrower(
            ratings in prop::collection::vec(prop::collection::vec(-5.0..5.0_f64, 1..5), 4..20), copies in 1_usize..4
        ) {
            let once: Vec<&[f64]> = ratings.iter().map(Vec::as_slice).collect();
            let repeated: Vec<Vec<f64>> = ratings.iter().map(|of_response| of_response.repeat(copies)).collect();
            let repeated: Vec<&[f64]> = repeated.iter().map(Vec::as_slice).collect();
            let mut before = 0.0;
            for coverage in [0.3, 0.5, 0.75, 0.8] {
                let own = width(&once, coverage);
                prop_assert_eq!(own, width(&repeated, coverage));
                prop_assert!(own >= before);
                before = own;
            }
        }
    }
}
