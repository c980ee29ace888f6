//! Items of a benchmark in groups by name: subsets, or categories.

use std::collections::BTreeSet;

/// The groups of several items.
pub(super) struct Groups<'a> {
    /// Names in alphabetical order.
    pub(super) names: Vec<&'a str>,
    /// The number of each item's group.
    pub(super) of: Vec<usize>,
}

impl<'a> Groups<'a> {
    /// Groups items, given the name of the group of each.
    pub(super) fn new(group_of: impl Iterator<Item = &'a str> + Clone) -> Self {
        let names: BTreeSet<&str> = group_of.clone().collect();
        let names: Vec<&str> = names.into_iter().collect();
        let number = |name| names.partition_point(|known| *known < name);
        Self {
            of: group_of.map(number).collect(),
            names,
        }
    }

    /// What an item adds to its group, given the number of the item: one sum for each group.
    pub(super) fn sums<T: Clone + Default>(&self, mut add: impl FnMut(&mut T, usize)) -> Vec<T> {
        let mut sums = vec![T::default(); self.names.len()];
        for (item, &group) in self.of.iter().enumerate() {
            add(&mut sums[group], item);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_in_alphabetical_order_and_add_up_their_items() {
        let groups = Groups::new(["math", "gsm8k", "math"].into_iter());
        assert_eq!(groups.names, ["gsm8k", "math"]);
        assert_eq!(groups.of, [1, 0, 1]);
        let sums = groups.sums(|sum: &mut Vec<usize>, item| sum.push(item));
        assert_eq!(sums, [vec![1], vec![0, 2]]);
        assert!(Groups::new([].into_iter()).names.is_empty());
    }
}
