//! States a comparison as a sentence.

use super::{CompareOptions, Comparison, Verdict};

/// The verdict as a sentence; `tests` is the number of comparisons in the correction.
pub(super) fn sentence(comparison: &Comparison, options: &CompareOptions, tests: usize) -> String {
    let Comparison {
        a,
        b,
        value_a,
        value_b,
        ..
    } = comparison;
    match comparison.verdict {
        Verdict::First => {
            let numbers = numbers(comparison, options, tests, false);
            format!("`{a}` is better than `{b}`: {numbers}.")
        }
        Verdict::Second => {
            let numbers = numbers(comparison, options, tests, true);
            format!("`{b}` is better than `{a}`: {numbers}.")
        }
        Verdict::CannotTell => {
            let numbers = numbers(comparison, options, tests, false);
            format!("`{a}` and `{b}` cannot be told apart: {numbers}.")
        }
        Verdict::NotComparable => {
            let metric = options.metric.label();
            let reason = match (value_a, value_b) {
                (Some(_), Some(_)) => "there are too few responses to resample".to_owned(),
                (None, None) => format!("{metric} does not exist for either"),
                (None, _) => format!("{metric} does not exist for `{a}`"),
                (_, None) => format!("{metric} does not exist for `{b}`"),
            };
            format!("`{a}` and `{b}` cannot be compared: {reason}.")
        }
    }
}

/// Values, difference, interval and p, seen from the first system or from the second.
fn numbers(
    comparison: &Comparison,
    options: &CompareOptions,
    tests: usize,
    from_second: bool,
) -> String {
    let (Some(a), Some(b), Some(interval), Some(p)) = (
        comparison.value_a,
        comparison.value_b,
        comparison.difference,
        comparison.adjusted_p,
    ) else {
        return String::from("no numbers");
    };
    let (ours, theirs, difference, low, high) = if from_second {
        (b, a, -interval.estimate, -interval.high, -interval.low)
    } else {
        (a, b, interval.estimate, interval.low, interval.high)
    };
    let correction = if tests > 1 {
        format!(", corrected for {tests} comparisons")
    } else {
        String::new()
    };
    format!(
        "{metric} {ours} against {theirs}, difference {difference} \
         ({percent}% interval {low} to {high}, p = {p}{correction})",
        metric = options.metric.label(),
        ours = number(ours),
        theirs = number(theirs),
        difference = number(difference),
        percent = number(100.0 * interval.confidence),
        low = number(low),
        high = number(high),
        p = number(p),
    )
}

/// Formats with three significant digits: 0.123, 12.3, 0.00123.
fn number(value: f64) -> String {
    // The number of decimals that leaves three digits; for 0, whose logarithm is infinite, nine.
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 9.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in 0..=9"
    )]
    let decimals = decimals as usize;
    let text = format!("{value:.decimals$}");
    let shortened = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if shortened == "-0" {
        "0".into()
    } else {
        shortened.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let cases = [
            (0.123_456, "0.123"),
            (-12.345, "-12.3"),
            (95.0, "95"),
            (0.001_234, "0.00123"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(123_456.0), "123456");
        assert_eq!(number(-0.0), "0");
    }
}
