//! Attention of so few tokens that blocks of queries are too few for the threads: tasks share the heads.
//!
//! A head is computed the same way in any task, so that values do not depend on the number of threads.

use rayon::prelude::*;

use super::{Inputs, Shape};

/// Fewest products of numbers in a task: below, waking a thread costs more than it gains.
const LEAST: usize = 1 << 17;

/// In how many groups of heads attention of `blocks` blocks of queries is computed.
pub(super) fn groups(inputs: &Inputs<'_>, shape: &Shape, blocks: usize) -> usize {
    if shape.dropout.acts() {
        // Its masks count all heads.
        return 1;
    }
    let rows = inputs.rows;
    let pairs = |row: usize| rows.queries.row(row).len() * rows.keys.row(row).len();
    let pairs: usize = (0..rows.queries.num_rows()).map(pairs).sum();
    let products = 2 * pairs * shape.width();
    rayon::current_num_threads()
        .div_ceil(blocks.max(1))
        .min(products / LEAST)
        .min(shape.num_key_value_heads)
        .max(1)
}

/// The output and the logarithms of the softmax sums, of which `forward` computes those of a group of heads.
pub(super) fn forward(
    inputs: &Inputs<'_>,
    shape: &Shape,
    groups: usize,
    forward: impl Fn(&Inputs<'_>, &Shape) -> [Vec<f32>; 2] + Sync,
) -> [Vec<f32>; 2] {
    let work = |group: usize| {
        let bound = |group: usize| group * shape.num_key_value_heads / groups;
        let (first, end) = (bound(group), bound(group + 1));
        let query = first * shape.group() * shape.d_head;
        let key = first * shape.d_head;
        let inputs = Inputs {
            query: inputs.query.from(query),
            key: inputs.key.from(key),
            value: inputs.value.from(key),
            rows: inputs.rows,
        };
        let shape = Shape {
            num_heads: (end - first) * shape.group(),
            num_key_value_heads: end - first,
            ..*shape
        };
        forward(&inputs, &shape)
    };
    let found: Vec<[Vec<f32>; 2]> = (0..groups)
        .into_par_iter()
        .with_max_len(1)
        .map(work)
        .collect();
    let queries = inputs.rows.queries.positions().len();
    [0, 1].map(|part| side_by_side(&found, part, queries))
}

/// One of the matrices of all groups, with `rows` rows each, side by side.
fn side_by_side(groups: &[[Vec<f32>; 2]], part: usize, rows: usize) -> Vec<f32> {
    let mut joined = Vec::with_capacity(groups.iter().map(|group| group[part].len()).sum());
    for row in 0..rows {
        for group in groups {
            let width = group[part].len() / rows;
            joined.extend_from_slice(&group[part][row * width..(row + 1) * width]);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reach;
    use crate::flex::attention::forward::in_blocks;
    use crate::flex::dropout::Dropout;
    use crate::flex::packed::{PackedTokens, Rows};
    use crate::flex::reduced::Products;

    fn shape(num_heads: usize, num_key_value_heads: usize) -> Shape {
        Shape {
            num_heads,
            num_key_value_heads,
            d_head: 5,
            scale: 0.3,
            dropout: Dropout::NONE,
            products: Products::F32,
        }
    }

    fn rows(tokens: &[usize]) -> Rows {
        let longest = tokens.iter().copied().max().unwrap();
        let real: Vec<bool> = tokens
            .iter()
            .flat_map(|tokens| (0..longest).map(move |token| token < *tokens))
            .collect();
        let tokens = PackedTokens::new(&real, longest);
        Rows {
            queries: tokens.clone(),
            keys: tokens,
            reach: Reach::default(),
        }
    }

    #[test]
    fn values_are_those_of_all_heads_in_one_task_to_the_bit() {
        for (heads, key_heads, groups) in [(4, 4, 2), (4, 4, 3), (6, 3, 2), (8, 2, 2), (3, 3, 3)] {
            let (shape, rows) = (shape(heads, key_heads), rows(&[7, 3]));
            let width = shape.width() + 2 * shape.shared_width();
            let values = (0..10 * width).map(|value| (value * 37 % 101) as f32 / 50.0 - 1.0);
            let states: Vec<f32> = values.collect();
            let inputs = Inputs::joined(&states, &rows, &shape);
            let expected = in_blocks(&inputs, &shape);
            let found = forward(&inputs, &shape, groups, in_blocks);
            assert!(
                found == expected,
                "{heads} heads, {key_heads} of keys, {groups} groups"
            );
        }
    }

    #[test]
    fn heads_are_shared_by_threads_that_blocks_leave_idle_where_it_pays() {
        let groups = |tokens: &[usize], key_heads: usize, threads: usize| {
            let rows = rows(tokens);
            let shape = shape(12, key_heads);
            let states = vec![0.0; 600 * 180];
            let inputs = Inputs::joined(&states, &rows, &shape);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap()
                .install(|| groups(&inputs, &shape, tokens.len()))
        };
        assert_eq!(groups(&[100], 12, 2), 2);
        assert_eq!(groups(&[100, 100], 12, 2), 1);
        assert_eq!(groups(&[100, 100], 12, 4), 2);
        assert_eq!(groups(&[100], 2, 8), 2);
        assert_eq!(groups(&[10], 12, 8), 1);
        assert_eq!(groups(&[100], 12, 1), 1);
    }
}
