//! Best of N: the response that a reward model chooses out of several to a prompt, and the answer that votes
//! on the answers of all make of it.

use super::intervals::{FieldIntervals, of_fields};
use super::vote::{Choice, best, mean, vote};
use crate::Aggregation;
use crate::bootstrap::{Bootstrap, Interval};
use serde::{Deserialize, Serialize};

/// A response to choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The scores of its segments, in order.
    pub scores: Vec<f64>,
    /// Its value: 1 for a right answer and 0 for a wrong one, or any number.
    pub value: f64,
    /// Its final answer, if it has one. Candidates with equal answers vote together.
    pub answer: Option<String>,
}

/// The mean value of choosing by score, compared with chance and the best possible choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BestOfN {
    /// Prompts with at least two usable candidates.
    pub groups: usize,
    /// Prompts omitted because they have fewer.
    pub groups_left_out: usize,
    /// Candidates omitted because they have no scores, or a score or value that is not finite.
    pub candidates_left_out: usize,
    /// Mean number of candidates.
    pub mean_size: Option<f64>,
    /// Mean value of the chosen candidates, by aggregation.
    pub selected: Vec<SelectedBy>,
    /// Mean value of a candidate drawn at random.
    pub random: Option<f64>,
    /// Mean value of the best candidate: the ceiling, and pass@n where values are 0 and 1.
    pub oracle: Option<f64>,
    /// The answers chosen by votes. `None` if no candidate has an answer.
    pub votes: Option<Votes>,
    /// Of the last two; empty until [`add_intervals`](Self::add_intervals) fills it in.
    pub intervals: FieldIntervals,
}

/// Mean value of the candidates chosen by one aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SelectedBy {
    /// The aggregation.
    pub aggregation: Aggregation,
    /// Mean value; of several candidates with the highest score, their mean counts. `None` without
    /// groups, or where an aggregate overflows.
    pub value: Option<f64>,
    /// Of `value`; `None` until [`BestOfN::add_intervals`] fills it in.
    pub interval: Option<Interval>,
    /// Groups in which several were equally good.
    pub ties: usize,
}

/// What votes choose. An answer is worth what the candidates that give it are on average; of
/// several with as many votes, the mean counts. A candidate without an answer agrees with no other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Votes {
    /// Mean value of the answer that most candidates give.
    pub majority: Option<f64>,
    /// Of `majority`; `None` until [`BestOfN::add_intervals`] fills it in.
    pub majority_interval: Option<Interval>,
    /// Groups in which several answers have the most votes.
    pub majority_ties: usize,
    /// The same where every vote weighs as much as the aggregated score of its candidate.
    pub weighted: Vec<SelectedBy>,
    /// Candidates without an answer.
    pub candidates_without_answer: usize,
    /// Candidates of which some aggregated score is below 0, so that its vote speaks against its
    /// answer.
    pub candidates_with_negative_weight: usize,
}

impl BestOfN {
    /// Chooses in each of `groups`, the candidates of one prompt each, by every aggregation.
    pub fn compute(groups: &[Vec<Candidate>]) -> Self {
        let kept = usable(groups);
        let counted = |groups: &[Vec<&Candidate>]| groups.iter().map(Vec::len).sum::<usize>();
        let all: usize = groups.iter().map(Vec::len).sum();
        let candidates_left_out = all - counted(&kept);
        let kept = large(kept);
        let choices: Vec<Choices> = kept.iter().map(|group| choices(group)).collect();
        let once = vec![1; kept.len()];
        let means = means(&choices, &once);
        let ties = |figure: usize| {
            let tied = |of: &&Choices| of[figure].is_some_and(|choice| choice.tied);
            choices.iter().filter(tied).count()
        };
        let by_aggregation = |first: usize| {
            let of_aggregation = |(k, aggregation)| SelectedBy {
                aggregation,
                value: means[first + k],
                interval: None,
                ties: ties(first + k),
            };
            let aggregations = Aggregation::ALL.into_iter().enumerate();
            aggregations.map(of_aggregation).collect()
        };
        let candidates = || kept.iter().flatten().copied();
        let votes = candidates()
            .any(|candidate| candidate.answer.is_some())
            .then(|| Votes {
                majority: means[MAJORITY],
                majority_interval: None,
                majority_ties: ties(MAJORITY),
                weighted: by_aggregation(WEIGHTED),
                candidates_without_answer: candidates().filter(|c| c.answer.is_none()).count(),
                candidates_with_negative_weight: candidates().filter(|c| weighs_less(c)).count(),
            });
        Self {
            groups: kept.len(),
            groups_left_out: groups.len() - kept.len(),
            candidates_left_out,
            mean_size: (!kept.is_empty()).then(|| counted(&kept) as f64 / kept.len() as f64),
            selected: by_aggregation(SELECTED),
            random: means[RANDOM],
            oracle: means[ORACLE],
            votes,
            intervals: FieldIntervals::new(),
        }
    }

    /// Adds intervals, resampling the `groups` that this was computed from: candidates for the
    /// same prompt stay together.
    pub fn add_intervals(&mut self, groups: &[Vec<Candidate>], bootstrap: &Bootstrap) {
        let kept = large(usable(groups));
        let choices: Vec<Choices> = kept.iter().map(|group| choices(group)).collect();
        let mut found = bootstrap.several(choices.len(), FIGURES, |counts| {
            means(&choices, counts).to_vec()
        });
        for selected in &mut self.selected {
            selected.interval = found.next().flatten();
        }
        self.intervals = of_fields(&["random", "oracle"], &mut found);
        if let Some(votes) = &mut self.votes {
            votes.majority_interval = found.next().flatten();
            for weighted in &mut votes.weighted {
                weighted.interval = found.next().flatten();
            }
        }
    }
}

// The places of the figures of a group: an aggregation each where several are chosen by.
const SELECTED: usize = 0;
const RANDOM: usize = SELECTED + Aggregation::ALL.len();
const ORACLE: usize = RANDOM + 1;
const MAJORITY: usize = ORACLE + 1;
const WEIGHTED: usize = MAJORITY + 1;
const FIGURES: usize = WEIGHTED + Aggregation::ALL.len();

/// The choice of every rule in one group.
type Choices = [Option<Choice>; FIGURES];

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

fn choices(group: &[&Candidate]) -> Choices {
    let sure = |value| Some(Choice { value, tied: false });
    let mut choices = [None; FIGURES];
    for (k, aggregation) in Aggregation::ALL.into_iter().enumerate() {
        let scores = aggregated(group, aggregation);
        choices[SELECTED + k] = scores.as_ref().and_then(|scores| best(group, scores));
        choices[WEIGHTED + k] = scores.as_ref().and_then(|scores| vote(group, scores));
    }
    let values: Vec<f64> = group.iter().map(|candidate| candidate.value).collect();
    choices[RANDOM] = sure(mean(&values));
    choices[ORACLE] = values.into_iter().reduce(f64::max).and_then(sure);
    choices[MAJORITY] = vote(group, &vec![1.0; group.len()]);
    choices
}

/// The score of every candidate; `None` if one has none.
fn aggregated(group: &[&Candidate], aggregation: Aggregation) -> Option<Vec<f64>> {
    let scores = group.iter();
    scores
        .map(|candidate| aggregation.aggregate(&candidate.scores))
        .collect()
}

/// Whether a vote of the candidate may speak against its answer.
fn weighs_less(candidate: &Candidate) -> bool {
    let scores = Aggregation::ALL.into_iter();
    let mut scores = scores.filter_map(|by| by.aggregate(&candidate.scores));
    candidate.answer.is_some() && scores.any(|score| score < 0.0)
}

/// Means over groups that count several times; `None` without groups, or where one has no value.
fn means(groups: &[Choices], counts: &[u32]) -> [Option<f64>; FIGURES] {
    let total: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    std::array::from_fn(|figure| {
        let counted = groups.iter().zip(counts).filter(|(_, count)| **count > 0);
        let sum: f64 = counted
            .map(|(group, &count)| Some(f64::from(count) * group[figure]?.value))
            .sum::<Option<f64>>()?;
        (total > 0.0).then(|| sum / total)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(scores: &[f64], value: f64) -> Candidate {
        Candidate {
            scores: scores.to_vec(),
            value,
            answer: None,
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
        let result = BestOfN::compute(&[group.clone(), group, vec![candidate(&[0.1], 1.0); 1]]);
        let mean = result.selected[0];
        assert_eq!((mean.value, mean.ties), (Some(0.5), 2));
        assert_eq!(result.votes, None);
    }

    #[test]
    fn votes_are_weighed_by_every_aggregation_beside_a_plain_majority() {
        let with = |scores: &[f64], value, answer: &str| Candidate {
            answer: Some(answer.to_owned()),
            ..candidate(scores, value)
        };
        let group = vec![
            with(&[0.9, 0.9], 1.0, "4"),
            with(&[0.4, 0.5], 0.0, "5"),
            with(&[0.4, -0.1], 0.0, "5"),
            candidate(&[0.1], 0.0),
        ];
        let groups = vec![group; 3];
        let mut result = BestOfN::compute(&groups);
        result.add_intervals(&groups, &Bootstrap::default());
        let votes = result.votes.unwrap();
        assert_eq!((votes.majority, votes.majority_ties), (Some(0.0), 0));
        let weighted: Vec<f64> = votes.weighted.iter().map(|by| by.value.unwrap()).collect();
        // Mean .9 against .6, sum 1.8 / 1.2, min .9 / .3, max .9 / .9, product .81 / .16, last .9 / .4.
        assert_eq!(weighted, [1.0, 1.0, 1.0, 0.5, 1.0, 1.0]);
        assert_eq!(
            votes.weighted.iter().map(|by| by.ties).collect::<Vec<_>>(),
            [0, 0, 0, 3, 0, 0]
        );
        assert_eq!(
            (
                votes.candidates_without_answer,
                votes.candidates_with_negative_weight
            ),
            (3, 3)
        );
        let interval = votes.weighted[3].interval.unwrap();
        assert_eq!((interval.low, interval.high), (0.5, 0.5));
        assert_eq!(votes.majority_interval.map(|found| found.high), Some(0.0));
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
