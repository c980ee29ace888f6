//! Matrix products whose rows are bit-identical for any number of rows.
//!
//! The rows are segments, and a segment's score and gradient must not depend on which others are
//! listed. An ordinary matrix product chooses its kernel, and thereby the order of its sums, by its
//! sizes.

use burn::tensor::Tensor;

/// Maximum terms that every kernel sums in one pass.
const TERMS: usize = 512;
/// Minimum rows for which a product and its gradients always use the same kernel.
const ROWS: usize = 65;

/// `lhs · rhs`.
///
/// # Shapes
/// - `lhs`: `[batch_size, num_rows, num_terms]`
/// - `rhs`: `[batch_size, num_terms, num_columns]`, or one for the whole batch: `[1, ..]`
/// - returns: `[batch_size, num_rows, num_columns]`
pub(crate) fn product(lhs: Tensor<3>, rhs: Tensor<3>) -> Tensor<3> {
    let [batch_size, num_rows, num_terms] = lhs.dims();
    let [_, _, num_columns] = rhs.dims();
    if num_columns == 1 {
        // Kernels for a single column sum in another order.
        return (lhs * rhs.swap_dims(1, 2)).sum_dim(2);
    }
    let lhs = if num_rows < ROWS {
        let zeros = Tensor::zeros([batch_size, ROWS - num_rows, num_terms], &lhs.device());
        Tensor::cat(vec![lhs, zeros], 1)
    } else {
        lhs
    };
    let pieces = (0..num_terms).step_by(TERMS).map(|first| {
        let count = TERMS.min(num_terms - first);
        let lhs = lhs.clone().narrow(2, first, count);
        lhs.matmul(rhs.clone().narrow(1, first, count))
    });
    let sum = pieces.reduce(|sum, piece| sum + piece);
    sum.expect("a product has at least one term")
        .narrow(1, 0, num_rows)
}

/// `x W + b`. The gradients of `W` and `b` are summed row by row over a response and then over the
/// batch, so that a row without a gradient changes nothing.
///
/// # Shapes
/// As [`narrow_layer`].
pub(crate) fn layer(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    if weight.dims()[1] == 1 {
        return narrow_layer(x, weight, bias);
    }
    let products = product(x, weight.unsqueeze());
    let [batch_size, num_rows, num_columns] = products.dims();
    let Some(bias) = bias else {
        return products;
    };
    let rows = products.reshape([batch_size * num_rows, num_columns]);
    (rows + bias.unsqueeze()).reshape([batch_size, num_rows, num_columns])
}

/// The same for few columns, summed one by one.
///
/// # Shapes
/// - `x`: `[batch_size, num_rows, num_terms]`
/// - `weight`: `[num_terms, num_columns]`
/// - `bias`: `[num_columns]`
/// - returns: `[batch_size, num_rows, num_columns]`
pub(crate) fn narrow_layer(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [batch_size, num_rows, num_terms] = x.dims();
    let [_, num_columns] = weight.dims();
    let x = x.reshape([batch_size * num_rows, 1, num_terms]);
    let products = x * weight.transpose().unsqueeze::<3>();
    let sums = products.sum_dim(2).squeeze_dim::<2>(2);
    let sums = match bias {
        Some(bias) => sums + bias.unsqueeze(),
        None => sums,
    };
    sums.reshape([batch_size, num_rows, num_columns])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tolerance};

    use super::*;

    fn random(dims: [usize; 3]) -> Tensor<3> {
        Tensor::random(dims, Distribution::Default, &Device::flex())
    }

    #[test]
    fn they_are_products() {
        for (terms, columns) in [(3, 2), (700, 5), (1030, 1)] {
            let (lhs, rhs) = (random([2, 4, terms]), random([2, terms, columns]));
            let expected = lhs.clone().matmul(rhs.clone());
            let tolerance = Tolerance::<f32>::relative(1e-5);
            let found = product(lhs.clone(), rhs.clone()).into_data();
            found.assert_approx_eq(&expected.into_data(), tolerance);
            let weight = rhs.narrow(0, 0, 1);
            let expected = lhs.clone().matmul(weight.clone()) + 0.5;
            let bias = Tensor::full([columns], 0.5, &Device::flex());
            let found = narrow_layer(lhs, weight.squeeze_dim(0), Some(bias));
            found
                .into_data()
                .assert_approx_eq(&expected.into_data(), tolerance);
        }
    }

    #[test]
    fn a_row_is_the_same_whatever_rows_there_are() {
        for (terms, columns) in [(3, 2), (40, 32), (700, 48), (1536, 384), (1030, 1)] {
            let (lhs, rhs) = (random([2, 100, terms]), random([2, terms, columns]));
            let weight: Tensor<2> = rhs.clone().narrow(0, 0, 1).squeeze_dim(0);
            let all = product(lhs.clone(), rhs.clone());
            let layer = narrow_layer(lhs.clone(), weight.clone(), None);
            for (first, count) in [(0, 1), (99, 1), (7, 2), (30, 70), (1, 99)] {
                let part = lhs.clone().narrow(1, first, count);
                let found = product(part.clone(), rhs.clone()).into_data();
                let expected = all.clone().narrow(1, first, count).into_data();
                assert_eq!(found, expected, "{terms} terms, {columns} columns");
                let found = narrow_layer(part, weight.clone(), None).into_data();
                let expected = layer.clone().narrow(1, first, count).into_data();
                assert_eq!(found, expected, "{terms} terms, {columns} columns");
            }
        }
    }
}
