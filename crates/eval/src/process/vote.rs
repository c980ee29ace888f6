//! Majority and weighted votes over the answers of several responses to a prompt.

use std::collections::BTreeMap;

use super::Candidate;
use crate::metrics::{order, same};

/// The choice in a group: its mean value, and whether it was a tie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) value: f64,
    pub(super) tied: bool,
}

/// The candidates with the highest of `scores`, of which there is one for each.
pub(super) fn best(group: &[&Candidate], scores: &[f64]) -> Option<Choice> {
    let highest = scores.iter().copied().max_by(|a, b| order(*a, *b))?;
    let values: Vec<f64> = group
        .iter()
        .zip(scores)
        .filter(|(_, score)| same(**score, highest))
        .map(|(candidate, _)| candidate.value)
        .collect();
    Some(Choice {
        value: mean(&values),
        tied: values.len() > 1,
    })
}

/// The answer for which the most is said: `weights` of the candidates that give it are added up.
///
/// It is worth what its candidates are on average. Answers that tie are worth their mean. A
/// candidate without an answer agrees with no other.
pub(super) fn vote(group: &[&Candidate], weights: &[f64]) -> Option<Choice> {
    let answers = answers(group);
    let total = |candidates: &Vec<usize>| {
        let mut own: Vec<f64> = candidates.iter().map(|&k| weights[k]).collect();
        // In a fixed order, so that the same votes have the same sum whoever gives them first.
        own.sort_unstable_by(|a, b| order(*a, *b));
        own.iter().sum::<f64>()
    };
    let totals: Vec<f64> = answers.iter().map(total).collect();
    let highest = totals.iter().copied().max_by(|a, b| order(*a, *b))?;
    let values: Vec<f64> = answers
        .iter()
        .zip(&totals)
        .filter(|(_, total)| same(**total, highest))
        .map(|(candidates, _)| {
            let values: Vec<f64> = candidates.iter().map(|&k| group[k].value).collect();
            mean(&values)
        })
        .collect();
    Some(Choice {
        value: mean(&values),
        tied: values.len() > 1,
    })
}

/// The candidates that agree, by their places in the group.
fn answers(group: &[&Candidate]) -> Vec<Vec<usize>> {
    let mut agreeing: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut alone = Vec::new();
    for (place, candidate) in group.iter().enumerate() {
        match &candidate.answer {
            Some(answer) => agreeing.entry(answer).or_default().push(place),
            None => alone.push(vec![place]),
        }
    }
    agreeing.into_values().chain(alone).collect()
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(answer: Option<&str>, value: f64) -> Candidate {
        Candidate {
            scores: vec![0.5],
            value,
            answer: answer.map(str::to_owned),
        }
    }

    fn voted(group: &[Candidate], weights: &[f64]) -> Choice {
        vote(&group.iter().collect::<Vec<_>>(), weights).unwrap()
    }

    #[test]
    fn the_answer_with_the_highest_sum_wins() {
        let group = [
            candidate(Some("4"), 1.0),
            candidate(Some("5"), 0.0),
            candidate(Some("5"), 0.0),
        ];
        let plain = voted(&group, &[1.0; 3]);
        assert_eq!((plain.value, plain.tied), (0.0, false));
        let weighted = voted(&group, &[0.9, 0.3, 0.5]);
        assert_eq!((weighted.value, weighted.tied), (1.0, false));
        let tied = voted(&group, &[0.75, 0.25, 0.5]);
        assert_eq!((tied.value, tied.tied), (0.5, true));
    }

    #[test]
    fn a_response_without_an_answer_agrees_with_none() {
        let group = [
            candidate(None, 0.0),
            candidate(None, 0.0),
            candidate(Some("4"), 1.0),
            candidate(Some("4"), 1.0),
        ];
        let agreed = Choice {
            value: 1.0,
            tied: false,
        };
        assert_eq!(voted(&group, &[1.0; 4]), agreed);
        assert_eq!(
            voted(&group[..3], &[1.0; 3]),
            Choice {
                value: 1.0 / 3.0,
                tied: true
            }
        );
    }

    proptest! {
        #[test]
        fn the_order_of_responses_does_not_matter(
            votes in prop::collection::vec((0_u8..4, 0.0_f64..1.0, 0_u8..2), 1..12),
            turn in 0_usize..12,
        ) {
            let group: Vec<Candidate> = votes
                .iter()
                .map(|(answer, _, value)| {
                    candidate(Some(["a", "b", "c", "d"][usize::from(*answer)]), f64::from(*value))
                })
                .collect();
            let weights: Vec<f64> = votes.iter().map(|(_, weight, _)| *weight).collect();
            let (mut turned, mut turned_weights) = (group.clone(), weights.clone());
            let turn = turn % votes.len();
            turned.rotate_left(turn);
            turned_weights.rotate_left(turn);
            let (before, after) = (voted(&group, &weights), voted(&turned, &turned_weights));
            prop_assert!((before.value - after.value).abs() < 1e-12);
            prop_assert_eq!(before.tied, after.tied);
        }
    }
}
