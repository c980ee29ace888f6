//! Checks of configurations that all families share.

use crate::error::ConfigProblem;

/// What a size may be.
pub(crate) const SIZE: &str = "a whole number above 0";

/// What a dropout probability may be.
pub(crate) const PROBABILITY: &str = "a probability in [0, 1)";

/// What an epsilon or a standard deviation may be.
pub(crate) const POSITIVE: &str = "a number above 0";

pub(crate) fn sizes(sizes: &[(&str, usize)]) -> Result<(), ConfigProblem> {
    sizes
        .iter()
        .try_for_each(|&(key, size)| ConfigProblem::unless(size > 0, key, size, SIZE))
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
