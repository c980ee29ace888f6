//! Train, valid and test splits that share no texts and no values of chosen `meta` keys.

mod group;

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use group::*;

use crate::{DataError, Example, Result, fold_text};

/// The shares of the splits: numbers from 0 to 1 that add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitFractions {
    /// Share of the train split.
    pub train: f64,
    /// Share of the valid split.
    pub valid: f64,
    /// Share of the test split.
    pub test: f64,
}

/// 0.8, 0.1 and 0.1.
impl Default for SplitFractions {
    fn default() -> Self {
        Self {
            train: 0.8,
            valid: 0.1,
            test: 0.1,
        }
    }
}

/// The examples of each split: indices into the list that was split, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// For training.
    pub train: Vec<usize>,
    /// For choosing the best model.
    pub valid: Vec<usize>,
    /// For published results.
    pub test: Vec<usize>,
}

/// Splits examples so that each group by any of `keys` is in one split; see [`group_examples`].
///
/// Groups are taken in an order that depends only on `seed`, each into a split that still has room for all of its
/// examples. The two splits with the smaller fractions miss their share by at most half of the smallest group that
/// did not fit; the third takes the rest.
///
/// # Errors
/// [`DataError::SplitFractions`] if the fractions do not add up to 1;
/// [`DataError::GroupKeyAbsent`] for a key that no example has; [`DataError::SplitEmpty`] if a split
/// with a fraction above 0 would be empty.
pub fn split_by(
    examples: &[Example],
    keys: &[GroupKey],
    fractions: SplitFractions,
    seed: u64,
) -> Result<Split> {
    check_fractions(fractions)?;
    split_groups(&group_examples(examples, keys)?, fractions, seed)
}

/// Splits examples, given by their prompts, so that no prompt is in two splits: [`split_by`] with
/// [`GroupKey::Prompt`].
///
/// # Errors
/// As [`split_by`].
pub fn split_by_prompt<S: AsRef<str>>(
    prompts: &[S],
    fractions: SplitFractions,
    seed: u64,
) -> Result<Split> {
    check_fractions(fractions)?;
    let mut numbers = HashMap::new();
    let group_of = |prompt: &S| {
        let next = numbers.len();
        *numbers.entry(fold_text(prompt.as_ref())).or_insert(next)
    };
    let group_of: Vec<usize> = prompts.iter().map(group_of).collect();
    split_groups(&group_of, fractions, seed)
}

/// Splits examples, given by the numbers of their groups ([`GroupCollector`]), as [`split_by`] does.
///
/// # Errors
/// As [`split_by`].
pub fn split_groups(group_of: &[usize], fractions: SplitFractions, seed: u64) -> Result<Split> {
    check_fractions(fractions)?;
    let mut groups = members(group_of);
    let num_groups = groups.len();
    groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));

    let mut split = Split::default();
    let mut parts = [
        ("test", fractions.test, &mut split.test),
        ("valid", fractions.valid, &mut split.valid),
        ("train", fractions.train, &mut split.train),
    ];
    parts.sort_by(|(_, a, _), (_, b, _)| a.total_cmp(b));
    let [smaller @ .., (_, _, largest)] = &mut parts;
    for (_, fraction, indices) in smaller {
        **indices = take_groups(&mut groups, *fraction * group_of.len() as f64);
    }
    **largest = groups.into_iter().flatten().collect();
    for (name, fraction, indices) in parts {
        if fraction > 0.0 && indices.is_empty() {
            let examples = group_of.len();
            return Err(DataError::SplitEmpty {
                name,
                fraction,
                examples,
                groups: num_groups,
            });
        }
        indices.sort_unstable();
    }
    Ok(split)
}

fn check_fractions(fractions: SplitFractions) -> Result<()> {
    let SplitFractions { train, valid, test } = fractions;
    let in_range = [train, valid, test]
        .iter()
        .all(|share| (0.0..=1.0).contains(share));
    if in_range && (train + valid + test - 1.0).abs() < 1e-9 {
        Ok(())
    } else {
        Err(DataError::SplitFractions { train, valid, test })
    }
}

/// The examples of every group, by group number.
fn members(group_of: &[usize]) -> Vec<Vec<usize>> {
    let mut groups = vec![Vec::new(); group_of.iter().max().map_or(0, |last| last + 1)];
    for (index, &group) in group_of.iter().enumerate() {
        groups[group].push(index);
    }
    groups
}

/// Removes groups with about `target` examples in total.
fn take_groups(groups: &mut Vec<Vec<usize>>, target: f64) -> Vec<usize> {
    let mut taken = Vec::new();
    groups.retain(|group| {
        let fits = (taken.len() + group.len()) as f64 <= target;
        if fits {
            taken.extend_from_slice(group);
        }
        !fits
    });
    // Every remaining group is larger than the gap, but one of them may overshoot by less than the gap.
    let gap = target - taken.len() as f64;
    let smallest = (0..groups.len()).min_by_key(|&k| groups[k].len());
    if let Some(k) = smallest
        && groups[k].len() as f64 - gap < gap
    {
        taken.extend(groups.remove(k));
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn fractions(train: f64, valid: f64, test: f64) -> SplitFractions {
        SplitFractions { train, valid, test }
    }

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("prompt {n}")).collect()
    }

    #[test]
    fn distinct_prompts_are_split_exactly() {
        let split = split_by_prompt(&numbered(200), fractions(0.8, 0.15, 0.05), 1).unwrap();
        assert_eq!(
            [split.train.len(), split.valid.len(), split.test.len()],
            [160, 30, 10]
        );
    }

    #[test]
    fn the_seed_alone_decides() {
        let prompts = numbered(50);
        let split = |seed| split_by_prompt(&prompts, SplitFractions::default(), seed).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
        assert_eq!(
            split(7).test,
            [2, 18, 25, 27, 42],
            "also from one build to the next"
        );
    }

    #[test]
    fn a_group_that_overshoots_more_than_it_fills_is_left() {
        let prompts: Vec<String> = (0..200).map(|n| format!("prompt {}", n / 10)).collect();
        let split = split_by_prompt(&prompts, fractions(0.76, 0.18, 0.06), 1).unwrap();
        assert_eq!(
            [split.train.len(), split.valid.len(), split.test.len()],
            [150, 40, 10]
        );
    }

    #[test]
    fn prompts_that_differ_in_case_blanks_or_composition_alone_stay_together() {
        let variants = |n: usize| {
            [
                format!("Caf\u{e9} {n}, why?"),
                format!("CAF\u{c9} {n}, WHY?"),
                format!(" cafe\u{301}  {n},\nwhy? "),
            ]
        };
        let prompts: Vec<String> = (0..40).flat_map(variants).collect();
        let split = split_by_prompt(&prompts, fractions(0.5, 0.25, 0.25), 3).unwrap();
        for part in [&split.train, &split.valid, &split.test] {
            for group in part.chunks(3) {
                assert_eq!(group[0] % 3, 0, "{part:?}");
                assert_eq!(group[2], group[0] + 2, "{part:?}");
            }
        }
    }

    #[test]
    fn one_rule_whether_by_prompts_or_by_examples() {
        let prompts: Vec<String> = (0..90).map(|n| format!("Prompt {}", n / 3)).collect();
        let examples: Vec<Example> = prompts
            .iter()
            .map(|prompt| Example {
                prompt: prompt.clone(),
                ..Example::default()
            })
            .collect();
        let shares = SplitFractions::default();
        assert_eq!(
            split_by_prompt(&prompts, shares, 5).unwrap(),
            split_by(&examples, &[GroupKey::Prompt], shares, 5).unwrap()
        );
    }

    #[test]
    fn a_split_with_fraction_zero_is_empty() {
        let split = split_by_prompt(&numbered(10), fractions(0.5, 0.0, 0.5), 1).unwrap();
        assert_eq!(
            [split.train.len(), split.valid.len(), split.test.len()],
            [5, 0, 5]
        );
        let split = split_by_prompt(&numbered(10), fractions(0.0, 0.0, 1.0), 1).unwrap();
        assert_eq!(split.test.len(), 10);
    }

    #[test]
    fn fractions_that_are_no_shares_are_refused() {
        for (train, valid, test) in [
            (0.8, 0.1, 0.2),
            (1.2, -0.1, -0.1),
            (f64::NAN, 0.5, 0.5),
            (0.5, 0.2, 0.2),
        ] {
            let error = split_by_prompt(&numbered(10), fractions(train, valid, test), 1);
            assert!(
                matches!(error, Err(DataError::SplitFractions { .. })),
                "{train}"
            );
        }
    }

    #[test]
    fn too_few_prompts_for_a_split_are_an_error() {
        let prompts = ["a", "a", "a", "a", "b", "b", "b", "b"];
        let error = split_by_prompt(&prompts, fractions(0.8, 0.1, 0.1), 1).unwrap_err();
        assert!(
            matches!(error, DataError::SplitEmpty { groups: 2, .. }),
            "{error}"
        );
        assert!(error.hint().is_some());
    }

    proptest! {
        #[test]
        fn splits_are_disjoint_complete_and_keep_prompts_together(
            prompts in proptest::collection::vec("[a-z]{1,2}", 20..200),
            seed in any::<u64>(),
        ) {
            let Ok(split) = split_by_prompt(&prompts, fractions(0.6, 0.2, 0.2), seed) else {
                return Ok(());
            };
            let mut all: Vec<usize> =
                [&split.train, &split.valid, &split.test].into_iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..prompts.len()).collect::<Vec<_>>());
            let texts = |indices: &[usize]| -> HashSet<String> {
                indices.iter().map(|&k| prompts[k].clone()).collect()
            };
            prop_assert!(texts(&split.train).is_disjoint(&texts(&split.valid)));
            prop_assert!(texts(&split.train).is_disjoint(&texts(&split.test)));
            prop_assert!(texts(&split.valid).is_disjoint(&texts(&split.test)));
        }

        #[test]
        fn sizes_miss_their_share_by_at_most_half_a_group(
            sizes in proptest::collection::vec(1_usize..9, 40..80),
            seed in any::<u64>(),
        ) {
            let prompts: Vec<String> = sizes
                .iter()
                .enumerate()
                .flat_map(|(n, &size)| std::iter::repeat_n(format!("prompt {n}"), size))
                .collect();
            let shares = fractions(0.7, 0.2, 0.1);
            let split = split_by_prompt(&prompts, shares, seed).unwrap();
            let largest = *sizes.iter().max().unwrap() as f64;
            let miss = |indices: &[usize], share: f64| {
                (indices.len() as f64 - share * prompts.len() as f64).abs()
            };
            prop_assert!(miss(&split.test, shares.test) <= largest / 2.0);
            prop_assert!(miss(&split.valid, shares.valid) <= largest / 2.0);
            prop_assert!(miss(&split.train, shares.train) <= largest);
        }
    }
}
