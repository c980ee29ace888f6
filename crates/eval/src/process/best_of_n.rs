//! Best of N: the response a reward model picks out of several for the same prompt.

use super::intervals::{FieldIntervals, of_fields};
use crate::Aggregation;
use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::{order, same};
use serde::{Deserialize, Serialize};

/// A response to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The scores of its segments, in order.
    pub scores: Vec<f64>,
    /// What it is worth: 1 for a right answer and 0 for a wrong one, or any number.
    pub value: f64,
}

/// What choosing by score gains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestOfN {
    /// Prompts with at least two usable candidates.
    pub groups: usize,
    /// Prompts left out because they have fewer.
    pub groups_left_out: usize,
    /// Candidates without scores, or with a score or value that is not finite; left out.
    pub candidates_left_out: usize,
    /// Mean number of candidates.
    pub mean_size: Option<f64>,
    /// Mean value of the chosen candidates, by aggregation.
    pub selected: Vec<SelectedBy>,
    /// Mean value of a candidate drawn at random.
    pub random: Option<f64>,
    /// Mean value of the best candidate: the ceiling.
    pub oracle: Option<f64>,
    /// Of the last two; empty until [`add_intervals`](Self::add_intervals) fills it in.
    pub intervals: FieldIntervals,
}

/// Mean value of the candidates chosen by one aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectedBy {
    /// The aggregation.
    pub aggregation: Aggregation,
    /// Mean value; of several candidates with the highest score, their mean counts. `None` without
    /// groups, or where an aggregate overflows.
    pub value: Option<f64>,
    /// Of `value`; `None` until [`BestOfN::add_intervals`] fills it in.
    pub interval: Option<Interval>,
}

impl BestOfN {
    /// Chooses in each of `groups`, the candidates of one prompt each, by every aggregation.
    pub fn compute(groups: &[Vec<Candidate>]) -> Self {
        let kept = usable(groups);
        let counted = |groups: &[Vec<&Candidate>]| groups.iter().map(Vec::len).sum::<usize>();
        let all: usize = groups.iter().map(Vec::len).sum();
        let candidates_left_out = all - counted(&kept);
        let kept = large(kept);
        let values: Vec<Values> = kept.iter().map(|group| values(group)).collect();
        let once = vec![1; kept.len()];
        let [selected @ .., random, oracle] = means(&values, &once);
        let of_aggregation = |(aggregation, value)| SelectedBy {
            aggregation,
            value,
            interval: None,
        };
        Self {
            groups: kept.len(),
            groups_left_out: groups.len() - kept.len(),
            candidates_left_out,
            mean_size: (!kept.is_empty()).then(|| counted(&kept) as f64 / kept.len() as f64),
            selected: Aggregation::ALL
                .into_iter()
                .zip(selected)
                .map(of_aggregation)
                .collect(),
            random,
            oracle,
            intervals: FieldIntervals::new(),
        }
    }

    /// Adds intervals, resampling the `groups` that this was computed from: candidates for the
    /// same prompt stay together.
    pub fn add_intervals(&mut self, groups: &[Vec<Candidate>], bootstrap: &Bootstrap) {
        let kept = large(usable(groups));
        let values: Vec<Values> = kept.iter().map(|group| values(group)).collect();
        let mut found = bootstrap.several(values.len(), FIGURES, |counts| {
            means(&values, counts).to_vec()
        });
        for selected in &mut self.selected {
            selected.interval = found.next().flatten();
        }
        self.intervals = of_fields(&["random", "oracle"], &mut found);
    }
}

/// One for each aggregation, a random choice, and the best possible.
const FIGURES: usize = Aggregation::ALL.len() + 2;

/// The figures of one group.
type Values = [Option<f64>; FIGURES];

/// The candidates of every group that can be used.
fn usable(groups: &[Vec<Candidate>]) -> Vec<Vec<&Candidate>> {
    let usable = |candidate: &&Candidate| {
        Aggregation::Last.aggregate(&candidate.scores).is_some() && candidate.value.is_finite()
    };
    groups
        .iter()
        .map(|group| group.iter().filter(usable).collect())
        .collect()
}

/// Groups with something to choose from.
fn large(groups: Vec<Vec<&Candidate>>) -> Vec<Vec<&Candidate>> {
    groups.into_iter().filter(|group| group.len() > 1).collect()
}

fn values(group: &[&Candidate]) -> Values {
    let mut values = [None; FIGURES];
    let [selected @ .., random, oracle] = &mut values;
    for (value, aggregation) in selected.iter_mut().zip(Aggregation::ALL) {
        *value = value_of_best(group, aggregation);
    }
    *random = Some(mean_value(group.iter().copied()));
    *oracle = group.iter().map(|c| c.value).reduce(f64::max);
    values
}

/// Means over groups that count several times; `None` without groups, or where one has no value.
fn means(groups: &[Values], counts: &[u32]) -> Values {
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    std::array::from_fn(|figure| {
        let counted = groups.iter().zip(counts).filter(|(_, count)| **count > 0);
        let sum: f64 = counted
            .map(|(group, &count)| Some(f64::from(count) * group[figure]?))
            .sum::<Option<f64>>()?;
        (total > 0.0).then(|| sum / total)
    })
}

/// Mean value of the candidates with the highest aggregated score.
fn value_of_best(group: &[&Candidate], aggregation: Aggregation) -> Option<f64> {
    let scores: Vec<f64> = group
        .iter()
        .map(|candidate| aggregation.aggregate(&candidate.scores))
        .collect::<Option<_>>()?;
    let best = scores.iter().copied().max_by(|a, b| order(*a, *b))?;
    let chosen = group
        .iter()
        .zip(&scores)
        .filter(|(_, score)| same(**score, best));
    Some(mean_value(chosen.map(|(candidate, _)| *candidate)))
}

fn mean_value<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> f64 {
    let values: Vec<f64> = candidates.map(|candidate| candidate.value).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(scores: &[f64], value: f64) -> Candidate {
        Candidate {
            scores: scores.to_vec(),
            value,
        }
    }

    #[test]
    fn every_aggregation_picks_its_own_best() {
        let group = vec![
            candidate(&[0.9, 0.9, 0.3], 1.0),
            candidate(&[0.5, 0.6], 2.0),
            candidate(&[0.1, 1.0], 3.0),
        ];
        let result = BestOfN::compute(&[group]);
        let picked: Vec<f64> = result.selected.iter().map(|s| s.value.unwrap()).collect();
        // Mean .7/.55/.55, sum 2.1, min .3/.5/.1, max .9/.6/1, product .243/.3/.1, last .3/.6/1.
        assert_eq!(picked, [1.0, 1.0, 2.0, 3.0, 2.0, 3.0]);
        assert_eq!((result.random, result.oracle), (Some(2.0), Some(3.0)));
    }

    #[test]
    fn tied_candidates_count_with_their_mean() {
        let group = vec![
            candidate(&[0.5], 1.0),
            candidate(&[0.5], 0.0),
            candidate(&[0.1], 0.0),
        ];
        assert_eq!(BestOfN::compute(&[group]).selected[0].value, Some(0.5));
    }

    #[test]
    fn groups_are_drawn_as_a_whole() {
        let groups: Vec<Vec<Candidate>> = (0..60)
            .map(|k| {
                let right = f64::from(k % 3);
                vec![candidate(&[0.9], right), candidate(&[0.1], 2.0 - right)]
            })
            .collect();
        let mut result = BestOfN::compute(&groups);
        result.add_intervals(&groups, &Bootstrap::default());
        for selected in &result.selected {
            let interval = selected.interval.unwrap();
            assert_eq!(Some(interval.estimate), selected.value);
            // A standard deviation of 0.82 over 60 groups: two of the mean's are 0.21.
            assert!(
                (interval.high - interval.low - 0.41).abs() < 0.06,
                "{interval:?}"
            );
        }
        // The two of a group always sum to 2, so that a random choice is worth 1 in any resample.
        let random = &result.intervals["random"];
        assert_eq!((random.low, random.high), (1.0, 1.0));
        assert!(result.intervals["oracle"].contains(result.oracle.unwrap()));
    }

    #[test]
    fn what_cannot_be_used_is_counted() {
        let groups = [
            vec![candidate(&[], 1.0), candidate(&[0.5], 1.0)],
            vec![
                candidate(&[f64::NAN], 1.0),
                candidate(&[0.2], 0.0),
                candidate(&[0.4], 1.0),
            ],
        ];
        let result = BestOfN::compute(&groups);
        assert_eq!((result.groups, result.groups_left_out), (1, 1));
        assert_eq!(
            (result.candidates_left_out, result.mean_size),
            (2, Some(2.0))
        );
        assert_eq!(BestOfN::compute(&[]).random, None);
    }
}
