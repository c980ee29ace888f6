//! Chooses a threshold that keeps its promise.

use super::figures::FlagCounts;
use super::share::{Cluster, lower_bound};
use super::sorted::Sorted;
use super::{NoThreshold, Wish};

/// A threshold and the bound that it is promised by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) threshold: f64,
    /// Lower bound of the precision or recall that was wished for; `None` for costs.
    pub(super) bound: Option<f64>,
}

/// The threshold for a wish that is to hold with a probability of at least `confidence`.
pub(super) fn choose(sorted: &Sorted, wish: Wish, confidence: f64) -> Result<Choice, NoThreshold> {
    sorted.check()?;
    match wish {
        Wish::Precision(share) => of_precision(sorted, share, 1.0 - confidence),
        Wish::Recall(share) => of_recall(sorted, share, 1.0 - confidence),
        Wish::Cost { wrong, missed } => of_cost(sorted, wrong, missed),
    }
}

/// The highest threshold whose precision is at least `share`.
///
/// Of many thresholds the best looks better than it is. What is tested is therefore fixed by the scores alone, before any
/// rating is looked at: from each of several numbers of flags the threshold rises until the first whose lower bound
/// falls short, and the probability of error is divided among these starts (fixed sequence testing from several starts:
/// Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then Test: Calibrating Predictive Algorithms to Achieve Risk
/// Control", 2021).
fn of_precision(sorted: &Sorted, share: f64, error: f64) -> Result<Choice, NoThreshold> {
    let grid = sorted.grid();
    let starts = starts(sorted.len(), share, error);
    let error = error / starts.len() as f64;
    let bound = |place: usize| lower_bound(&flagged(sorted, place), error).unwrap_or(0.0);
    let mut chosen: Option<(usize, f64)> = None;
    for start in starts {
        let from = grid.partition_point(|&place| sorted.flagged(place) < start);
        for &place in &grid[from..] {
            let bound = bound(place);
            if bound < share {
                break;
            }
            if chosen.is_none_or(|(chosen, _)| place > chosen) {
                chosen = Some((place, bound));
            }
        }
    }
    let Some((place, bound)) = chosen else {
        let bounds = grid.iter().map(|&place| bound(place));
        let highest = bounds.fold(0.0, f64::max);
        return Err(NoThreshold::Precision {
            wish: share,
            highest,
            least_flags: least_flags(share, error),
        });
    };
    Ok(Choice {
        threshold: sorted.score(place),
        bound: Some(bound),
    })
}

/// Numbers of flags to start from: half as many again as could show the share at all, then doubled up to half of the
/// segments. They depend on no rating.
fn starts(segments: usize, share: f64, error: f64) -> Vec<usize> {
    let least = least_flags(share, error);
    let first = least + least / 2;
    let doubled = std::iter::successors(Some(first), |start| start.checked_mul(2));
    let mut starts: Vec<usize> = doubled.take_while(|&start| start <= segments / 2).collect();
    if starts.is_empty() {
        starts.push(least);
    }
    starts
}

/// The fewest independent flags that, all right, show a precision of `share`.
fn least_flags(share: f64, error: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both logarithms are negative; a share close to 1 saturates"
    )]
    let least = (error.ln() / share.ln()).ceil() as usize;
    least.max(1)
}

/// The lowest threshold whose recall is at least `share`. Recall never falls as the threshold rises, so that the first
/// threshold from above whose lower bound falls short ends the search, and nothing has to be corrected for
/// (Bates, Angelopoulos, Lei, Malik and Jordan, "Distribution-Free, Risk-Controlling Prediction Sets", 2021).
fn of_recall(sorted: &Sorted, share: f64, error: f64) -> Result<Choice, NoThreshold> {
    let mut chosen = None;
    let mut highest = 0.0_f64;
    for &place in sorted.grid().iter().rev() {
        let bound = lower_bound(&low(sorted, place), error).unwrap_or(0.0);
        highest = highest.max(bound);
        if bound < share {
            break;
        }
        chosen = Some(Choice {
            threshold: sorted.score(place),
            bound: Some(bound),
        });
    }
    chosen.ok_or(NoThreshold::Recall {
        wish: share,
        highest,
        low: sorted.counts_at(None).missed,
    })
}

/// The threshold of the least cost; of several, that with the fewest flags.
fn of_cost(sorted: &Sorted, wrong: f64, missed: f64) -> Result<Choice, NoThreshold> {
    let cost = |counts: &FlagCounts| wrong * counts.wrong as f64 + missed * counts.missed as f64;
    let none = cost(&sorted.counts_at(None));
    let mut least = (None, none);
    let mut counts = sorted.counts_at(None);
    for place in 0..sorted.places() {
        sorted.flag(place, &mut counts);
        let cost = cost(&counts);
        if cost < least.1 {
            least = (Some(place), cost);
        }
    }
    match least.0 {
        None => Err(NoThreshold::NothingCheaper),
        Some(place) if place + 1 == sorted.places() => Err(NoThreshold::AllCheaper),
        Some(place) => Ok(Choice {
            threshold: sorted.score(place),
            bound: None,
        }),
    }
}

/// The flagged segments of every response, those that are low as hits.
fn flagged(sorted: &Sorted, place: usize) -> Vec<Cluster> {
    let mut clusters = vec![Cluster::default(); sorted.responses()];
    for item in sorted.at_most(place) {
        let cluster = &mut clusters[item.response];
        cluster.items += 1;
        cluster.hits += usize::from(item.low);
    }
    clusters
}

/// The low segments of every response, those that are flagged as hits.
fn low(sorted: &Sorted, place: usize) -> Vec<Cluster> {
    let mut clusters = vec![Cluster::default(); sorted.responses()];
    let flagged = sorted.flagged(place);
    for (index, item) in sorted.items().iter().enumerate() {
        let cluster = &mut clusters[item.response];
        cluster.items += usize::from(item.low);
        cluster.hits += usize::from(item.low && index < flagged);
    }
    clusters
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;
    use crate::ResponsePairs;

    fn sorted(pairs: impl IntoIterator<Item = (f64, f64)>) -> Sorted {
        Sorted::new(&ResponsePairs::ungrouped(pairs), 0.5)
    }

    /// The lower half is low, without a mistake, each in a response of its own.
    fn perfect(segments: u32) -> Sorted {
        sorted((0..segments).map(|k| (f64::from(k), f64::from(u8::from(2 * k >= segments)))))
    }

    #[test]
    fn a_perfect_order_gives_nearly_all_that_is_low() {
        let sorted = perfect(400);
        let precise = choose(&sorted, Wish::Precision(0.8), 0.95).unwrap();
        // 200 are low; some more may be flagged until the bound falls to 0.8.
        assert!((200.0..240.0).contains(&precise.threshold), "{precise:?}");
        let complete = choose(&sorted, Wish::Recall(0.8), 0.95).unwrap();
        assert!((160.0..180.0).contains(&complete.threshold), "{complete:?}");
        assert!(complete.bound.unwrap() >= 0.8);
        let even = Wish::Cost {
            wrong: 1.0,
            missed: 1.0,
        };
        assert_eq!(choose(&sorted, even, 0.95).unwrap().threshold, 199.0);
    }

    #[test]
    fn what_no_threshold_reaches_is_refused_with_what_one_reaches() {
        // Scores that say nothing.
        let blind = sorted((0..400_u32).map(|k| (f64::from(k), f64::from(k % 2))));
        let error = choose(&blind, Wish::Precision(0.8), 0.95).unwrap_err();
        assert!(
            matches!(error, NoThreshold::Precision { highest, .. } if highest < 0.6),
            "{error}"
        );
        let costly = Wish::Cost {
            wrong: 100.0,
            missed: 1.0,
        };
        // The lowest is good, so that even one flag costs more than none.
        let backward = sorted([(0.0, 1.0), (1.0, 0.0), (2.0, 1.0)]);
        assert_eq!(
            choose(&backward, costly, 0.95),
            Err(NoThreshold::NothingCheaper)
        );
        let cheap = Wish::Cost {
            wrong: 1.0,
            missed: 100.0,
        };
        let last = sorted([(0.0, 1.0), (1.0, 1.0), (2.0, 0.0)]);
        assert_eq!(choose(&last, cheap, 0.95), Err(NoThreshold::AllCheaper));
        let few = choose(&perfect(10), Wish::Recall(0.9), 0.95).unwrap_err();
        assert!(matches!(few, NoThreshold::Recall { low: 5, .. }), "{few}");
    }

    #[test]
    fn one_sided_ratings_and_equal_scores_are_refused() {
        let wish = Wish::Recall(0.5);
        let one_sided = sorted([(0.0, 1.0), (1.0, 1.0)]);
        assert_eq!(choose(&one_sided, wish, 0.9), Err(NoThreshold::NoneLow));
        let one_sided = sorted([(0.0, 0.0), (1.0, 0.5)]);
        assert_eq!(choose(&one_sided, wish, 0.9), Err(NoThreshold::AllLow));
        let equal = sorted([(0.5, 0.0), (0.5, 1.0)]);
        assert_eq!(choose(&equal, wish, 0.9), Err(NoThreshold::OneScore));
        assert_eq!(choose(&sorted([]), wish, 0.9), Err(NoThreshold::Nothing));
    }
}
