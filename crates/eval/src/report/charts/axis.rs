//! An axis: a range that can be drawn, with round numbers or names on it.

use crate::report::number::fixed;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// Approximate number of ticks of an axis.
const TICKS: f64 = 6.0;

/// The same where the labels are long.
const LONG_TICKS: f64 = 3.0;

/// Most decimals of a label; numbers that need more are written with a power of ten.
const MOST_DECIMALS: usize = 6;

/// Most decimals of a label that is not long.
const SHORT_DECIMALS: usize = 4;

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Its label.
    pub label: String,
    /// Lowest value, finite.
    pub low: f64,
    /// Highest value, finite and above `low`.
    pub high: f64,
    /// Positions of the ticks.
    pub ticks: Vec<f64>,
    /// Names instead of numbers, one per tick.
    names: Option<Vec<String>>,
    /// Number of decimals; `None` for powers of ten.
    decimals: Option<usize>,
}

impl Axis {
    /// The axis for all `values`, with a margin at both ends. `None` without values, if one is not finite, or if the range
    /// overflows.
    pub fn over(label: &str, values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            if !value.is_finite() {
                return None;
            }
            (low, high) = (low.min(value), high.max(value));
        }
        let room = 0.04 * (high - low);
        Self::between(label, low - room, high + room)
    }

    /// The axis from `low` to `high`, widened if they are equal or almost equal. `None` if one is not finite or the range
    /// overflows.
    pub fn between(label: &str, low: f64, high: f64) -> Option<Self> {
        let least = (1e-9 * low.abs().max(high.abs())).max(1e-9);
        let (low, high) = if high - low < least {
            let around = (0.1 * low.abs()).max(0.5);
            (low - around, high + around)
        } else {
            (low, high)
        };
        if !(low < high && (high - low).is_finite() && low.is_finite()) {
            return None;
        }
        let largest = low.abs().max(high.abs());
        let mut step = round_step((high - low) / TICKS);
        if decimals(step, largest).is_none_or(|found| found > SHORT_DECIMALS) {
            step = round_step((high - low) / LONG_TICKS);
        }
        Some(Self {
            label: label.to_owned(),
            low,
            high,
            ticks: ticks(low, high, step),
            names: None,
            decimals: decimals(step, largest),
        })
    }

    /// The axis of named categories; each is the middle of a band of width 1, from 0.
    pub fn of_names(label: &str, names: Vec<String>) -> Option<Self> {
        let ticks: Vec<f64> = (0..names.len()).map(|index| index as f64 + 0.5).collect();
        (!names.is_empty()).then(|| Self {
            label: label.to_owned(),
            low: 0.0,
            high: names.len() as f64,
            ticks,
            names: Some(names),
            decimals: Some(0),
        })
    }

    /// The label of a tick.
    pub fn text(&self, tick: f64) -> String {
        let index = self
            .ticks
            .iter()
            .position(|&known| (known - tick).abs() < 1e-12);
        match (&self.names, index, self.decimals) {
            (Some(names), Some(index), _) => names[index].clone(),
            (_, _, Some(decimals)) => fixed(tick, decimals),
            _ => self.with_power(tick),
        }
    }

    /// A tick with a power of ten, with the digits that tell it from the next one: 1.407e-7, not 1.4070000000000001e-7.
    fn with_power(&self, tick: f64) -> String {
        let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).next();
        let digits = (tick.abs() / step.unwrap_or(tick.abs())).log10().ceil() + 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in 1..=15; not a number becomes 0"
        )]
        let digits = digits.clamp(1.0, 15.0) as usize;
        let rounded = format!("{tick:.digits$e}");
        rounded
            .parse()
            .map_or(rounded, |rounded: f64| format!("{rounded:e}"))
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    /// Values beyond the ends are drawn at the ends.
    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        #[expect(clippy::cast_possible_truncation, reason = "between the ends")]
        let along = (f64::from(to - from) * share).round() as i32;
        from + along
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.text(*value)
    }
}

/// The largest of 1, 2, 5, 10 times a power of ten that is about `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let share = step / power;
    power
        * [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|&round| share <= 1.2 * round)
            .unwrap_or(10.0)
}

fn ticks(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step).ceil();
    (0..20_u32)
        .map(|index| (first + f64::from(index)) * step)
        .take_while(|&tick| tick <= high)
        // So that 0.30000000000000004 is drawn at 0.3 and zero has no sign.
        .map(|tick| if tick.abs() < step * 1e-6 { 0.0 } else { tick })
        .collect()
}

fn decimals(step: f64, largest: f64) -> Option<usize> {
    let places = (-step.log10()).ceil().max(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and a float at most"
    )]
    let places = places as usize;
    (places <= MOST_DECIMALS && largest < 1e6).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.text(tick)).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let axis = Axis::between("score", -0.04, 1.04).unwrap();
        assert_eq!(texts(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let axis = Axis::over("step", [0.0, 4370.0]).unwrap();
        assert_eq!(texts(&axis), ["0", "1000", "2000", "3000", "4000"]);
    }

    #[test]
    fn ticks_close_to_each_other_are_few_and_have_their_digits_only() {
        let axis = Axis::over("MSE", [0.140_551, 0.140_702]).unwrap();
        assert_eq!(texts(&axis), ["0.14055", "0.14060", "0.14065", "0.14070"]);
        let axis = Axis::over("MSE", [0.140_551, 0.140_572]).unwrap();
        assert_eq!(texts(&axis), ["0.14056", "0.14057"]);
        let axis = Axis::over("MSE", [1.405_51e-5, 1.407_02e-5]).unwrap();
        assert_eq!(
            texts(&axis),
            ["1.4055e-5", "1.406e-5", "1.4065e-5", "1.407e-5"]
        );
        let axis = Axis::over("tokens", [0.0, 9.1e6]).unwrap();
        assert_eq!(texts(&axis), ["0e0", "5e6"]);
    }

    #[test]
    fn one_value_makes_an_axis_around_it() {
        for value in [0.0, 0.7, -3e12, 1e-300] {
            let axis = Axis::over("score", [value, value]).unwrap();
            assert!(axis.low < value && value < axis.high, "{axis:?}");
            assert!((1..=20).contains(&axis.ticks.len()), "{axis:?}");
        }
    }

    #[test]
    fn what_cannot_be_drawn_has_no_axis() {
        assert!(Axis::over("score", []).is_none());
        assert!(Axis::over("score", [0.0, f64::NAN]).is_none());
        assert!(Axis::over("score", [-1.7e308, 1.7e308]).is_none());
        assert!(Axis::of_names("part", Vec::new()).is_none());
    }
}
