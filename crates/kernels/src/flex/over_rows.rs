//! `xᵀ g`, a sum over many rows, divided into tasks for all cores.

use super::gemm::{Matrix, gemm_new};
use super::linear::{Width, add_values};
use super::rows::{MANY, by_parts, by_rows, per_task};
use super::unpacked;

/// `xᵀ g`, a sum over the rows: `[rows, input]` and `[rows, output]` to `[input, output]`.
pub(super) fn product_over_rows(x: Matrix<'_>, gradient: Matrix<'_>) -> Vec<f32> {
    let [input, output] = [x.num_columns(), gradient.num_columns()];
    let Shares { groups, parts } = Shares::new(x.num_rows(), input);
    let (size, part) = (x.num_rows().div_ceil(groups), input.div_ceil(parts));
    let range = |index: usize, size: usize, end: usize| {
        let start = (index * size).min(end);
        (start, size.min(end - start))
    };
    let lengths: Vec<[usize; 1]> = (0..groups * parts)
        .map(|task| [range(task % parts, part, input).1 * output])
        .collect();
    let [sums] = by_parts(&lengths, |task, [out]| {
        let (first, count) = range(task / parts, size, x.num_rows());
        let (x, gradient) = (x.rows(first, count), gradient.rows(first, count));
        let (first, count) = range(task % parts, part, input);
        let x = x.columns(first, count).transposed();
        let width = Width {
            input: x.num_columns(),
            output,
        };
        if unpacked::applies(count, width) {
            return [unpacked::product(out, x, gradient)];
        }
        [gemm_new(out, 1.0, x, gradient)]
    });
    if groups == 1 {
        return sums;
    }
    let task = per_task(input, MANY);
    let [out] = by_rows(input, task, [output], |rows, [out]| {
        let mut groups = sums
            .chunks_exact(input * output)
            .map(|sums| &sums[rows.start * output..rows.end * output]);
        let out = out.write_copy_of_slice(groups.next().unwrap_or_default());
        for sums in groups {
            add_values(out, sums);
        }
        [out]
    });
    out
}

/// How a product over rows is divided: groups of rows, whose products are summed in order, and
/// parts of the result's rows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    groups: usize,
    parts: usize,
}

impl Shares {
    /// Minimum number of tasks, if there is enough work.
    const TASKS: usize = 8;

    /// Tasks with few rows, or with a small part of the result, spend their time on packing their
    /// inputs; many groups need memory for as many results. Wide results have more parts, for as many
    /// cores; these change no sum.
    fn new(rows: usize, input: usize) -> Self {
        const ROWS: usize = 512;
        const PART: usize = 384;
        const WIDE_PART: usize = 192;
        const LEAST_PART: usize = 32;
        let few = (input / PART).clamp(1, Self::TASKS);
        let groups = (rows / ROWS).clamp(1, Self::TASKS.div_ceil(few));
        let parts = Self::TASKS
            .div_ceil(groups)
            .min(input.div_ceil(LEAST_PART))
            .max(input / WIDE_PART)
            .max(1);
        Self { groups, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gradient_of_a_weight_is_a_sum_over_all_rows_however_they_are_shared_out() {
        for (rows, input, output) in [(0, 3, 2), (1, 40, 3), (700, 33, 2), (1100, 900, 1)] {
            let value = |index: usize| (index % 7) as f32 - 2.0;
            let x: Vec<f32> = (0..rows * input).map(value).collect();
            let gradient: Vec<f32> = (0..rows * output).map(|index| value(3 * index)).collect();
            let matrix = |values, columns| Matrix::new(values, rows, columns);
            let found = product_over_rows(matrix(&x, input), matrix(&gradient, output));
            let expected: Vec<f32> = (0..input * output)
                .map(|index| {
                    let (column, row) = (index / output, index % output);
                    let pairs = x.iter().skip(column).step_by(input);
                    let pairs = pairs.zip(gradient.iter().skip(row).step_by(output));
                    pairs.map(|(x, gradient)| x * gradient).sum()
                })
                .collect();
            assert_eq!(found, expected, "{rows} rows of {input} and {output}");
        }
    }

    #[test]
    fn tasks_are_at_least_eight_where_there_is_enough_to_do() {
        let shares = |rows, input| {
            let Shares { groups, parts } = Shares::new(rows, input);
            (groups, parts)
        };
        assert_eq!(shares(4096, 384), (8, 2));
        assert_eq!(shares(4096, 1536), (2, 8));
        assert_eq!(shares(1024, 3072), (1, 16));
        assert_eq!(shares(1024, 896), (2, 4));
        assert_eq!(shares(100, 384), (1, 8));
        assert_eq!(shares(100, 40), (1, 2));
        assert_eq!(shares(0, 1), (1, 1));
    }
}
