//! What a choice is worth on responses that it did not see.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use super::choose::choose;
use super::figures::{FlagCounts, FlagFigures};
use super::sorted::Sorted;
use super::{HeldOutFigures, ThresholdOptions, cost, counts_at};
use crate::ResponsePairs;

/// Chooses on all parts of the responses but one and judges on that one, for each part. `None` where half of the
/// choices or more find no threshold, or with fewer responses than parts.
pub(super) fn held_out(
    pairs: &ResponsePairs,
    midpoint: f64,
    options: &ThresholdOptions,
) -> Option<HeldOutFigures> {
    let folds = options.folds.max(2);
    let parts = parts(pairs, folds, options.bootstrap.seed)?;
    let mut counts: Vec<FlagCounts> = Vec::new();
    let mut folds_without = 0;
    for part in 0..folds {
        let [seen, held_out] = [false, true].map(|of_part| {
            let mut selected = ResponsePairs::new();
            for ((scores, ratings), own) in pairs.responses().zip(&parts) {
                if (*own == part) == of_part {
                    selected.push_response(scores.iter().copied().zip(ratings.iter().copied()));
                }
            }
            selected
        });
        let sorted = Sorted::new(&seen, midpoint);
        match choose(&sorted, options.wish, options.bootstrap.confidence) {
            Ok(choice) => counts.extend(counts_at(&held_out, choice.threshold, midpoint)),
            Err(_) => folds_without += 1,
        }
    }
    (2 * folds_without < folds).then(|| {
        let figures = FlagFigures::of(&counts, Some(&options.bootstrap));
        HeldOutFigures {
            folds,
            folds_without,
            cost: cost(options.wish, &figures.counts),
            figures,
        }
    })
}

/// The part of each response: equal sizes, drawn by the seed.
fn parts(pairs: &ResponsePairs, folds: usize, seed: u64) -> Option<Vec<usize>> {
    let responses = pairs.num_responses();
    let mut parts: Vec<usize> = (0..responses).map(|index| index % folds).collect();
    parts.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    (responses >= folds).then_some(parts)
}
