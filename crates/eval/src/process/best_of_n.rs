//! Best of N: the response a reward model picks out of several for the same prompt.

use crate::Aggregation;
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
}

/// Mean value of the candidates chosen by one aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SelectedBy {
    /// The aggregation.
    pub aggregation: Aggregation,
    /// Mean value; of several candidates with the highest score, their mean counts. `None` without
    /// groups, or where an aggregate overflows.
    pub value: Option<f64>,
}

impl BestOfN {
    /// Chooses in each of `groups`, the candidates of one prompt each, by every aggregation.
    pub fn compute(groups: &[Vec<Candidate>]) -> Self {
        let usable = |candidate: &&Candidate| {
            Aggregation::Last.aggregate(&candidate.scores).is_some() && candidate.value.is_finite()
        };
        let kept: Vec<Vec<&Candidate>> = groups
            .iter()
            .map(|group| group.iter().filter(usable).collect())
            .collect();
        let all: usize = groups.iter().map(Vec::len).sum();
        let usable: usize = kept.iter().map(Vec::len).sum();
        let kept: Vec<Vec<&Candidate>> = kept.into_iter().filter(|group| group.len() > 1).collect();
        let over_groups = |value: &dyn Fn(&[&Candidate]) -> Option<f64>| -> Option<f64> {
            let total: f64 = kept.iter().map(|group| value(group)).sum::<Option<f64>>()?;
            (!kept.is_empty()).then(|| total / kept.len() as f64)
        };
        let selected = Aggregation::ALL.map(|aggregation| SelectedBy {
            aggregation,
            value: over_groups(&|group| value_of_best(group, aggregation)),
        });
        Self {
            groups: kept.len(),
            groups_left_out: groups.len() - kept.len(),
            candidates_left_out: all - usable,
            mean_size: over_groups(&|group| Some(group.len() as f64)),
            selected: selected.to_vec(),
            random: over_groups(&|group| Some(mean_value(group.iter().copied()))),
            oracle: over_groups(&|group| group.iter().map(|c| c.value).reduce(f64::max)),
        }
    }
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
