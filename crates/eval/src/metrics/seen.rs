//! What was seen so far in a walk through pairs, by level of the target.

/// Counts by level of what was seen so far.
pub(super) trait Seen {
    fn new(levels: usize) -> Self;

    fn add(&mut self, level: usize, count: u64);

    /// What was seen below `level`, and at it.
    fn below_and_at(&self, level: usize) -> (u64, u64);
}

/// The counts of at most `N * N` levels, of less than 2^32 together.
///
/// There are `N` blocks of `N` levels, and running sums over both: all sums of one are raised at once, which takes
/// fewer steps than a tree, and none that depends on the level.
pub(super) struct Blocks<const N: usize> {
    counts: [[u32; N]; N],
    /// What was seen in the blocks before each block.
    before: [u32; N],
    /// What was seen in the same block below each level.
    below: [[u32; N]; N],
}

impl<const N: usize> Blocks<N> {
    pub(super) const LEVELS: usize = N * N;
    /// For each entry all bits of those above.
    const ABOVE: [[u32; N]; N] = {
        let mut masks = [[0; N]; N];
        let mut entry = 0;
        while entry < N {
            let mut above = entry + 1;
            while above < N {
                masks[entry][above] = u32::MAX;
                above += 1;
            }
            entry += 1;
        }
        masks
    };
}

impl<const N: usize> Seen for Blocks<N> {
    fn new(_levels: usize) -> Self {
        Self {
            counts: [[0; N]; N],
            before: [0; N],
            below: [[0; N]; N],
        }
    }

    #[inline]
    fn add(&mut self, level: usize, count: u64) {
        #[expect(clippy::cast_possible_truncation, reason = "less than 2^32 together")]
        let count = count as u32;
        let (block, level) = (level / N, level % N);
        self.counts[block][level] += count;
        let after = self.before.iter_mut().zip(&Self::ABOVE[block]);
        after.for_each(|(before, mask)| *before += count & mask);
        let above = self.below[block].iter_mut().zip(&Self::ABOVE[level]);
        above.for_each(|(below, mask)| *below += count & mask);
    }

    #[inline]
    fn below_and_at(&self, level: usize) -> (u64, u64) {
        let (block, level) = (level / N, level % N);
        let below = self.before[block] + self.below[block][level];
        (below.into(), self.counts[block][level].into())
    }
}

/// The counts of any number of levels.
pub(super) struct Many {
    counts: Vec<u64>,
    tree: Fenwick,
}

impl Seen for Many {
    fn new(levels: usize) -> Self {
        Self {
            counts: vec![0; levels],
            tree: Fenwick::new(levels),
        }
    }

    fn add(&mut self, level: usize, count: u64) {
        if count > 0 {
            self.counts[level] += count;
            self.tree.add(level, count);
        }
    }

    fn below_and_at(&self, level: usize) -> (u64, u64) {
        (self.tree.below(level), self.counts[level])
    }
}

/// Counts by level with fast sums over the levels below one (Fenwick 1994).
pub(super) struct Fenwick {
    sums: Vec<u64>,
    pub(super) total: u64,
}

impl Fenwick {
    pub(super) fn new(levels: usize) -> Self {
        Self {
            sums: vec![0; levels + 1],
            total: 0,
        }
    }

    pub(super) fn add(&mut self, level: usize, count: u64) {
        self.total += count;
        let mut index = level + 1;
        while index < self.sums.len() {
            self.sums[index] += count;
            index += index & index.wrapping_neg();
        }
    }

    /// Sum over the levels from 0 up to, not including, `level`.
    pub(super) fn below(&self, level: usize) -> u64 {
        let mut sum = 0;
        let mut index = level;
        while index > 0 {
            sum += self.sums[index];
            index &= index - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<S: Seen>(levels: usize, added: &[(usize, u64)]) -> Vec<(u64, u64)> {
        let mut seen = S::new(levels);
        for &(level, count) in added {
            seen.add(level, count);
        }
        (0..levels).map(|level| seen.below_and_at(level)).collect()
    }

    proptest! {
        #[test]
        fn blocks_count_as_a_tree_does(
            added in prop::collection::vec((0..16_usize, 0..9_u64), 0..60),
            factor in 1..4_usize,
        ) {
            let added: Vec<_> = added.iter().map(|&(level, count)| (level * factor, count)).collect();
            prop_assert_eq!(found::<Blocks<8>>(64, &added), found::<Many>(64, &added));
            prop_assert_eq!(found::<Blocks<32>>(1024, &added), found::<Many>(1024, &added));
            if factor == 1 {
                prop_assert_eq!(found::<Blocks<4>>(16, &added), found::<Many>(16, &added));
            }
        }
    }
}
