//! Configuration checks shared by all families.

use crate::error::ConfigProblem;

/// Expected value of a size.
pub(crate) const SIZE: &str = "a whole number above 0";

/// Maximum of any size: far above that of real models, and small enough that a product of two fits.
pub(crate) const MAX_SIZE: usize = i32::MAX as usize;

/// Maximum number of layers: far above that of real models, so that a configuration alone cannot
/// exhaust memory. Loading also compares it with the tensors in the file.
pub(crate) const MAX_LAYERS: usize = 10_000;

/// Expected value of a dropout probability.
pub(crate) const PROBABILITY: &str = "a probability in [0, 1)";

/// Expected value of an epsilon or standard deviation.
pub(crate) const POSITIVE: &str = "a number above 0";

pub(crate) fn sizes(sizes: &[(&str, usize)]) -> Result<(), ConfigProblem> {
    sizes.iter().try_for_each(|&(key, size)| {
        ConfigProblem::unless(size > 0, key, size, SIZE)?;
        at_most(key, size, MAX_SIZE)
    })
}

/// Checks that a value is at most `greatest`.
pub(crate) fn at_most(key: &str, value: usize, greatest: usize) -> Result<(), ConfigProblem> {
    let expected = format!("a whole number of at most {greatest}");
    ConfigProblem::unless(value <= greatest, key, value, expected)
}

/// Checks the number of layers.
pub(crate) fn layers(key: &str, value: usize) -> Result<(), ConfigProblem> {
    ConfigProblem::unless(value > 0, key, value, SIZE)?;
    at_most(key, value, MAX_LAYERS)
}

/// Checks that the first value is a multiple of the second, which is not zero.
pub(crate) fn multiple(
    (key, value): (&str, usize),
    (of_key, of): (&str, usize),
) -> Result<(), ConfigProblem> {
    let expected = format!("a multiple of `{of_key}` ({of})");
    ConfigProblem::unless(value.is_multiple_of(of), key, value, expected)
}

/// Checks the dropout probabilities of hidden states and attention.
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

/// Panics with the error message of [`check_sequence`](super::EncoderConfig::check_sequence).
pub(crate) fn assert_length(seq_length: usize, max_positions: usize) {
    assert!(
        seq_length <= max_positions,
        "sequence of {seq_length} tokens, the encoder has {max_positions} positions"
    );
}
