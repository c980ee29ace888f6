//! Checks of configurations that all families share.

use crate::error::ConfigProblem;

/// What a size may be.
pub(crate) const SIZE: &str = "a whole number above 0";

/// The greatest size of anything: far above those of all models, and small enough for a product of
/// two to fit.
pub(crate) const MAX_SIZE: usize = i32::MAX as usize;

/// The greatest number of layers: far above those of all models, so that a configuration alone does
/// not take memory. How many there really are is compared with the tensors of the file.
pub(crate) const MAX_LAYERS: usize = 10_000;

/// What a dropout probability may be.
pub(crate) const PROBABILITY: &str = "a probability in [0, 1)";

/// What an epsilon or a standard deviation may be.
pub(crate) const POSITIVE: &str = "a number above 0";

pub(crate) fn sizes(sizes: &[(&str, usize)]) -> Result<(), ConfigProblem> {
    sizes.iter().try_for_each(|&(key, size)| {
        ConfigProblem::unless(size > 0, key, size, SIZE)?;
        at_most(key, size, MAX_SIZE)
    })
}

/// The value may be anything up to `greatest`.
pub(crate) fn at_most(key: &str, value: usize, greatest: usize) -> Result<(), ConfigProblem> {
    let expected = format!("a whole number of at most {greatest}");
    ConfigProblem::unless(value <= greatest, key, value, expected)
}

/// The number of layers.
pub(crate) fn layers(key: &str, value: usize) -> Result<(), ConfigProblem> {
    ConfigProblem::unless(value > 0, key, value, SIZE)?;
    at_most(key, value, MAX_LAYERS)
}

/// The first value has to be a multiple of the second, which is not zero.
pub(crate) fn multiple(
    (key, value): (&str, usize),
    (of_key, of): (&str, usize),
) -> Result<(), ConfigProblem> {
    let expected = format!("a multiple of `{of_key}` ({of})");
    ConfigProblem::unless(value.is_multiple_of(of), key, value, expected)
}

/// On hidden states and on attention probabilities.
pub(crate) fn dropout(hidden: f64, attention: f64) -> Result<(), ConfigProblem> {
    let values = [("hidden_dropout", hidden), ("attention_dropout", attention)];
    values.into_iter().try_for_each(|(key, value)| {
        ConfigProblem::unless((0.0..1.0).contains(&value), key, value, PROBABILITY)
    })
}

pub(crate) fn positive(values: &[(&str, f64)]) -> Result<(), ConfigProblem> {
    values.iter().try_for_each(|&(key, value)| {
        ConfigProblem::unless(value.is_finite() && value > 0.0, key, value, POSITIVE)
    })
}

/// Panics with the words that [`check_sequence`](super::EncoderConfig::check_sequence) has as an
/// error.
pub(crate) fn assert_length(seq_length: usize, max_positions: usize) {
    assert!(
        seq_length <= max_positions,
        "sequence of {seq_length} tokens, the encoder has {max_positions} positions"
    );
}
