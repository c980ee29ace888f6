//! Residual sums after the blocks of pre-norm layers, and their gradient.

use std::borrow::Cow;

use rayon::prelude::*;

use super::dropout::{Dropout, drop_rows};
use super::math::vector_fn;
use super::rows::{MANY, per_task};

/// Replaces `[rows, width]` values by `residual + dropout(values)`.
pub(super) fn add(values: &mut [f32], residual: &[f32], width: usize, dropout: Dropout) {
    let task = per_task(values.len() / width, MANY);
    let tasks = values.par_chunks_mut(task * width);
    tasks
        .zip(residual.par_chunks(task * width))
        .enumerate()
        .for_each(|(index, (values, residual))| {
            add_rows(values, residual, width, dropout, index * task);
        });
}

vector_fn! {
    /// One task's rows of [`add`]; `first` is the index of the first row.
    pub(super) fn add_rows(
        values: &mut [f32],
        residual: &[f32],
        width: usize,
        dropout: Dropout,
        first: usize,
    ) {
        if !dropout.acts() {
            for (value, residual) in values.iter_mut().zip(residual) {
                *value += residual;
            }
            return;
        }
        let rows = values.chunks_exact_mut(width).zip(residual.chunks_exact(width));
        for (row, (values, residual)) in rows.enumerate() {
            let mask = dropout.row(first + row);
            for (column, (value, residual)) in values.iter_mut().zip(residual).enumerate() {
                *value = value.mul_add(mask.factor(column), *residual);
            }
        }
    }
}

/// The gradient of what was dropped and added, from the gradient of the sum.
pub(super) fn dropped(gradient: &[f32], width: usize, dropout: Dropout) -> Cow<'_, [f32]> {
    if dropout.acts() {
        drop_rows(gradient, width, dropout).into()
    } else {
        gradient.into()
    }
}
