use std::fmt;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Number of batches whose examples are sorted by length together: enough for similar lengths, but few enough for a
/// random order.
const POOL_BATCHES: usize = 50;

/// The size of a batch, which always has at least one example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BatchSize {
    /// A number of examples.
    Examples(usize),
    /// A maximum number of tokens, including padding: the number of examples times the length of the longest. A longer
    /// example gets its own batch.
    Tokens(usize),
}

impl BatchSize {
    /// Refuses a size of 0.
    ///
    /// # Errors
    /// [`DataError::BatchSize`] if it is.
    pub fn checked(self) -> Result<Self> {
        match self {
            Self::Examples(0) | Self::Tokens(0) => Err(DataError::BatchSize),
            size => Ok(size),
        }
    }

    /// Whether a batch of this number of examples, the longest with `longest` tokens, is too large.
    fn is_exceeded(self, examples: usize, longest: usize) -> bool {
        match self {
            Self::Examples(limit) => examples > limit,
            Self::Tokens(limit) => examples.saturating_mul(longest) > limit,
        }
    }
}

/// Forms the batches of an epoch instead of [`plan_batches`]: for example hard examples last, or some examples more
/// often than others.
pub trait Sampler: fmt::Debug + Send + Sync {
    /// Name with all settings. A resumed run must have the same.
    fn id(&self) -> String;

    /// The batches of an epoch in order, each with the indices of its examples. The result must depend only on the
    /// arguments, so that a run can be resumed. Empty batches are left out. An example may be in several batches or
    /// in none.
    ///
    /// - `lengths`: number of tokens of each example.
    /// - `size`: the maximum size of a batch.
    /// - `epoch`: from 0.
    fn batches(&self, lengths: &[usize], size: BatchSize, epoch: usize) -> Vec<Vec<usize>>;
}

/// Distributes examples to batches: every index of `lengths` is in exactly one batch, and no batch is empty.
///
/// - `lengths`: number of tokens of each example.
/// - `bucketing`: group examples of similar length to reduce padding, by sorting within pools of about 50 batches.
/// - `shuffle`: seed of a random order of examples and batches, which differs in each `epoch`. `None` keeps the
///   given order, except for `bucketing`.
///
/// The same arguments give the same batches on every machine.
pub fn plan_batches(
    lengths: &[usize],
    size: BatchSize,
    bucketing: bool,
    shuffle: Option<u64>,
    epoch: usize,
) -> Vec<Vec<usize>> {
    let mut random = shuffle.map(|seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(epoch as u64);
        random
    });
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    if let Some(random) = &mut random {
        order.shuffle(random);
    }
    if bucketing {
        sort_in_pools(&mut order, lengths, size);
    }
    let mut batches = cut(&order, lengths, size);
    if let Some(random) = &mut random {
        batches.shuffle(random);
    }
    batches
}

/// Sorts by length within pools of [`POOL_BATCHES`] batches; for a token budget, the sum of lengths limits a pool.
fn sort_in_pools(order: &mut [usize], lengths: &[usize], size: BatchSize) {
    let mut rest = order;
    while !rest.is_empty() {
        let pool = match size {
            BatchSize::Examples(limit) => limit.saturating_mul(POOL_BATCHES).clamp(1, rest.len()),
            BatchSize::Tokens(limit) => {
                let budget = limit.saturating_mul(POOL_BATCHES);
                let mut tokens = 0_usize;
                let within = |&&index: &&usize| {
                    tokens = tokens.saturating_add(lengths[index]);
                    tokens <= budget
                };
                rest.iter().take_while(within).count().max(1)
            }
        };
        let (sorted, behind) = rest.split_at_mut(pool);
        sorted.sort_by_key(|&index| lengths[index]);
        rest = behind;
    }
}

fn cut(order: &[usize], lengths: &[usize], size: BatchSize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut longest = 0;
    for &index in order {
        longest = longest.max(lengths[index]);
        match batches.last_mut() {
            Some(batch) if !size.is_exceeded(batch.len() + 1, longest) => batch.push(index),
            _ => {
                longest = lengths[index];
                batches.push(vec![index]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn padded_tokens(batches: &[Vec<usize>], lengths: &[usize]) -> usize {
        let padded = |batch: &Vec<usize>| {
            batch.len() * batch.iter().map(|&index| lengths[index]).max().unwrap()
        };
        batches.iter().map(padded).sum()
    }

    /// Lengths 10 to 199, without order.
    fn mixed_lengths() -> Vec<usize> {
        (0..1000).map(|index| 10 + index * 7919 % 190).collect()
    }

    #[test]
    fn without_shuffling_the_order_is_kept() {
        let plan = plan_batches(&[3, 9, 1, 4, 4], BatchSize::Examples(2), false, None, 7);
        assert_eq!(plan, [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn a_token_budget_counts_padding() {
        let plan = plan_batches(&[3, 5, 1, 4, 20, 1], BatchSize::Tokens(10), false, None, 0);
        assert_eq!(plan, [vec![0, 1], vec![2, 3], vec![4], vec![5]]);
    }

    #[test]
    fn each_epoch_has_an_order_of_its_own_that_the_seed_decides() {
        let lengths = mixed_lengths();
        let plan =
            |seed, epoch| plan_batches(&lengths, BatchSize::Tokens(2000), true, Some(seed), epoch);
        assert_eq!(plan(1, 0), plan(1, 0));
        assert_ne!(plan(1, 0), plan(1, 1));
        assert_ne!(plan(1, 0), plan(2, 0));
    }

    #[test]
    fn bucketing_saves_padding_and_leaves_the_batches_in_random_order() {
        let lengths = mixed_lengths();
        let plan =
            |bucketing| plan_batches(&lengths, BatchSize::Examples(16), bucketing, Some(3), 0);
        let tokens: usize = lengths.iter().sum();
        let padding = |bucketing| padded_tokens(&plan(bucketing), &lengths) - tokens;
        assert!(
            padding(true) * 5 < padding(false),
            "{} {}",
            padding(true),
            padding(false)
        );
        let longest = |batch: &Vec<usize>| batch.iter().map(|&index| lengths[index]).max();
        assert!(!plan(true).is_sorted_by_key(longest));
    }

    #[test]
    fn a_size_of_zero_is_refused() {
        assert!(BatchSize::Tokens(0).checked().is_err());
        assert!(BatchSize::Examples(0).checked().is_err());
        assert!(BatchSize::Examples(1).checked().is_ok());
    }

    proptest! {
        #[test]
        fn every_index_is_in_exactly_one_batch(
            lengths in prop::collection::vec(0_usize..40, 0..300),
            size in prop_oneof![(0_usize..9).prop_map(BatchSize::Examples), (0_usize..90).prop_map(BatchSize::Tokens)],
            bucketing: bool,
            shuffle: Option<u64>,
            epoch in 0_usize..3,
        ) {
            let plan = plan_batches(&lengths, size, bucketing, shuffle, epoch);
            let mut seen: Vec<usize> = plan.iter().flatten().copied().collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
            for batch in &plan {
                let longest = batch.iter().map(|&index| lengths[index]).max();
                prop_assert!(longest.is_some(), "an empty batch");
                prop_assert!(batch.len() == 1 || !size.is_exceeded(batch.len(), longest.unwrap()));
            }
        }
    }
}
