//! Metrics by name.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{SegmentMetric, WeightedMetrics};
use crate::{EvalError, ResponsePairs, Result};

/// A metric: one of this crate, which are constants such as [`Metric::MSE`], or one of your own.
///
/// Two with the same name are the same. In files it is its name; metrics of your own can be read there
/// once they are [registered](Self::register).
#[derive(Clone, Copy)]
pub struct Metric(pub(super) &'static dyn SegmentMetric);

/// Metrics of other programs, in the order in which they were registered.
static REGISTERED: RwLock<Vec<Metric>> = RwLock::new(Vec::new());

impl Metric {
    /// A metric that is not registered: to compute with and to compare systems by.
    pub const fn of(metric: &'static dyn SegmentMetric) -> Self {
        Self(metric)
    }

    /// Makes a metric of your own one of [`Metric::all`], for the whole program: every evaluation and
    /// every validation in training computes it from here on, and its name is understood in files.
    ///
    /// # Errors
    /// [`EvalError::MetricName`] if the name is empty, has other characters than lower-case
    /// letters, digits and `_`, or names a metric already.
    pub fn register(metric: &'static dyn SegmentMetric) -> Result<Self> {
        let metric = Self(metric);
        let refused = |expected| EvalError::MetricName {
            found: metric.name().to_owned(),
            expected,
        };
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if metric.name().is_empty() || !metric.name().chars().all(is_word) {
            return Err(refused("lower-case letters, digits and _"));
        }
        let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = Self::BUILT_IN.iter().chain(registered.iter());
        if RESERVED.contains(&metric.name()) || known.any(|known| *known == metric) {
            return Err(refused("a name that no figure has yet"));
        }
        registered.push(metric);
        Ok(metric)
    }

    /// Every metric in the order in which reports show them: those of this crate, and then those
    /// [registered](Self::register).
    pub fn all() -> Vec<Self> {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        Self::BUILT_IN
            .iter()
            .chain(registered.iter())
            .copied()
            .collect()
    }

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        self.0.label()
    }

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        self.0.about()
    }

    /// The definition of the metric.
    pub fn definition(self) -> &'static dyn SegmentMetric {
        self.0
    }

    /// How good a value is: higher is better for every metric. Errors change their sign, and a bias
    /// counts by its size.
    pub fn goodness(self, value: f64) -> f64 {
        self.0.better().goodness(value)
    }

    /// Whether values are in rating units, or their square, so that a small one is not 0: those of
    /// errors are.
    #[cfg(feature = "scorer")]
    pub(crate) fn has_unit(self) -> bool {
        self.0.group() == super::MetricGroup::Value && self.0.better() != super::Better::Higher
    }

    /// The value over all pairs; `None` if it does not exist.
    pub fn compute(self, pairs: &ResponsePairs) -> Option<f64> {
        WeightedMetrics::of_all(pairs, &[self])[0]
    }

    /// The name of the figure that reports show: as [`label`](Self::label), except that the objective
    /// `J = -MSE` stands for the mean squared error.
    pub fn figure_name(self) -> &'static str {
        if self == Self::MSE { "J" } else { self.label() }
    }

    /// The figure that reports show for a value: the value, or `J` for the mean squared error.
    pub fn figure(self, value: f64) -> f64 {
        if self == Self::MSE { -value } else { value }
    }

    /// The place in the order of reports; those that are not of this crate come last.
    fn place(self) -> usize {
        let place = Self::BUILT_IN.iter().position(|metric| *metric == self);
        place.unwrap_or(usize::MAX)
    }
}

/// Names of other figures that stand beside metrics in files.
const RESERVED: [&str; 9] = [
    "count",
    "prediction_mean",
    "prediction_sd",
    "target_mean",
    "target_sd",
    "midpoint",
    "decomposition",
    "absences",
    "loss",
];

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Metric {}

impl Hash for Metric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Ord for Metric {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |metric: &Self| (metric.place(), metric.name());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Metric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metric({})", self.name())
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = EvalError;

    fn from_str(name: &str) -> Result<Self> {
        let all = Self::all();
        let named = all.iter().find(|metric| metric.name() == name);
        named.copied().ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|metric| metric.name()).collect();
            EvalError::UnknownMetric {
                found: name.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::WeightedPairs;

    #[test]
    fn every_name_reads_back_and_is_the_name_in_files() {
        for metric in Metric::all() {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
            let text = serde_json::to_string(&metric).unwrap();
            assert_eq!(text, format!("\"{metric}\""));
            assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), metric);
        }
        let error = "tau".parse::<Metric>().unwrap_err().to_string();
        assert!(error.contains("kendall_tau_b"), "{error}");
    }

    #[test]
    fn metrics_are_ordered_as_reports_show_them() {
        let mut metrics = Metric::BUILT_IN.to_vec();
        metrics.reverse();
        metrics.sort();
        assert_eq!(metrics, Metric::BUILT_IN);
    }

    #[test]
    fn a_name_that_cannot_be_told_apart_is_refused() {
        struct Named(&'static str);
        impl SegmentMetric for Named {
            fn name(&self) -> &str {
                self.0
            }
            fn compute(&self, _pairs: &WeightedPairs) -> Option<f64> {
                None
            }
        }
        for metric in [
            &Named("mse"),
            &Named("count"),
            &Named(""),
            &Named("My metric"),
        ] {
            let error = Metric::register(metric).unwrap_err();
            assert!(matches!(error, EvalError::MetricName { .. }), "{error}");
        }
        assert_eq!(Metric::all(), Metric::BUILT_IN);
    }
}
