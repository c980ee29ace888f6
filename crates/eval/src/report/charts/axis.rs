//! An axis: a range that can be drawn, with round numbers or names on it.

use crate::report::number::fixed;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// Approximate number of ticks of an axis.
const TICKS: f64 = 6.0;

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
        let step = round_step((high - low) / TICKS);
        Some(Self {
            label: label.to_owned(),
            low,
            high,
            ticks: ticks(low, high, step),
            names: None,
            decimals: decimals(step, low.abs().max(high.abs())),
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
            _ => format!("{tick:e}"),
        }
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
        reason = "in 0..=4"
    )]
    (places <= 4.0 && largest < 1e6).then_some(places as usize)
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
