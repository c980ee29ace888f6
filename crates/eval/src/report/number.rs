//! Formats numbers for people.

use crate::Metric;

/// A metric with four decimals, fewer for large numbers; `-` if it is undefined.
pub fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), plain)
}

/// A number. Zero has no sign; very small and very large numbers are in powers of ten.
pub fn plain(value: f64) -> String {
    let size = value.abs();
    let text = if size != 0.0 && !(5e-5..1e6).contains(&size) {
        format!("{value:.2e}")
    } else {
        let decimals = match size {
            1000.0.. => 0,
            100.0.. => 1,
            10.0.. => 2,
            _ => 4,
        };
        format!("{value:.decimals$}")
    };
    with_minus(&text)
}

/// The value of a metric. A metric without a unit, such as a correlation, is shown as 0 if it rounds to 0. Errors
/// have the unit of the ratings and may be small.
pub(super) fn of_metric(metric: Metric, value: f64) -> String {
    if !metric.has_unit() && value.abs() < 5e-5 {
        return plain(0.0);
    }
    plain(value)
}

/// A number with a fixed number of decimals, for axes.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    with_minus(&format!("{value:.decimals$}"))
}

/// A count with separated thousands.
pub(super) fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun; the plural has an `s`.
pub fn counted(value: usize, word: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {word}{plural}", count(value))
}

/// A share in percent, without decimals from 10 %.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = usize::from(percent.abs() < 9.95 && percent != 0.0);
    format!("{} %", fixed(percent, decimals))
}

/// The sign as a minus, not a hyphen; none before a zero.
fn with_minus(text: &str) -> String {
    let Some(size) = text.strip_prefix('-') else {
        return text.to_owned();
    };
    if size.chars().all(|c| matches!(c, '0' | '.')) {
        return size.to_owned();
    }
    format!("\u{2212}{}", size.replace('-', "\u{2212}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_what_matters_and_zero_has_no_sign() {
        let texts = [
            -0.01593, -0.000_001, 0.0, -0.000_049, 12.345, 1234.5, 3e9, -1e-300,
        ]
        .map(plain);
        let expected = [
            "\u{2212}0.0159",
            "\u{2212}1.00e-6",
            "0.0000",
            "\u{2212}4.90e-5",
            "12.35",
            "1234",
            "3.00e9",
            "\u{2212}1.00e\u{2212}300",
        ];
        for (text, expected) in texts.iter().zip(expected) {
            assert_eq!(
                text.replace('\u{2212}', "-"),
                expected.replace('\u{2212}', "-")
            );
        }
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(figure(None), "-");
    }

    #[test]
    fn a_metric_without_a_unit_is_0_where_it_rounds_to_it() {
        for metric in [Metric::R2, Metric::PEARSON, Metric::CONCORDANCE] {
            assert_eq!(of_metric(metric, -5.27e-8), "0.0000");
            assert_eq!(of_metric(metric, 0.0123), "0.0123");
        }
        assert_eq!(of_metric(Metric::MSE, 5.27e-8), "5.27e-8");
    }

    #[test]
    fn counts_and_shares_are_read_at_a_glance() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(counted(1, "segment"), "1 segment");
        assert_eq!(counted(2000, "segment"), "2,000 segments");
        assert_eq!(
            [0.0, 0.0123, 0.5, 1.0].map(percent),
            ["0 %", "1.2 %", "50 %", "100 %"]
        );
    }
}
