//! All metrics of one set of pairs.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Absence, Metric, MseDecomposition, PairMoments, WeightedMetrics, all_finite, decompose_mse,
    finite, mean,
};
use crate::ResponsePairs;

/// Every metric over one set of pairs, those of [`Metric::all`]. One that does not exist is `None`
/// (`null` in JSON); [`MetricValues::absences`] says why.
///
/// In JSON it is one object: `count`, means and standard deviations, then the metrics by name, then the
/// rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricValues {
    /// Number of pairs of prediction and target.
    pub count: usize,
    /// Mean of the predictions.
    pub prediction_mean: Option<f64>,
    /// Standard deviation of the predictions (of the population).
    pub prediction_sd: Option<f64>,
    /// Mean of the targets.
    pub target_mean: Option<f64>,
    /// Standard deviation of the targets (of the population).
    pub target_sd: Option<f64>,
    /// The metrics.
    #[serde(flatten)]
    pub(crate) metrics: ByMetric,
    /// The target that divides negative and positive: above is positive. `None` if there is none.
    pub midpoint: Option<f64>,
    /// The mean squared error taken apart.
    pub decomposition: Option<MseDecomposition>,
    /// Why metrics are undefined; empty if none is.
    pub absences: Vec<Absence>,
}

/// Values of metrics, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ByMetric(Vec<(Metric, Option<f64>)>);

impl MetricValues {
    /// Computes every metric over `pairs`.
    pub fn compute(pairs: &ResponsePairs) -> Self {
        let metrics = Metric::all();
        let values = WeightedMetrics::of_all(pairs, &metrics);
        let (predictions, targets) = (pairs.predictions(), pairs.targets());
        Self {
            count: pairs.len(),
            prediction_mean: mean_of(predictions),
            prediction_sd: sd_of(predictions),
            target_mean: mean_of(targets),
            target_sd: sd_of(targets),
            metrics: ByMetric(metrics.into_iter().zip(values).collect()),
            midpoint: pairs.midpoint(),
            decomposition: decompose_mse(predictions, targets),
            absences: Absence::find(pairs),
        }
    }

    /// The value of one metric; `None` if it does not exist, or was not registered when these were
    /// computed.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        let mut metrics = self.metrics.0.iter();
        metrics.find(|(known, _)| *known == metric)?.1
    }

    /// The metrics, in the order in which reports show them.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> {
        self.metrics.0.iter().map(|(metric, _)| *metric)
    }

    /// Why a metric is undefined; `None` if it is defined.
    pub fn absence(&self, metric: Metric) -> Option<Absence> {
        if self.get(metric).is_some() {
            return None;
        }
        let explains = |absence: &Absence| absence.explains(metric);
        self.absences.iter().copied().find(explains)
    }

    /// The same with another value of a metric.
    #[cfg(test)]
    pub(crate) fn with(mut self, metric: Metric, value: Option<f64>) -> Self {
        self.metrics.0.retain(|(known, _)| *known != metric);
        self.metrics.0.push((metric, value));
        self
    }
}

impl Serialize for ByMetric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(metric, value)| (metric, value)))
    }
}

/// Passes over what names no metric of this program.
impl<'de> Deserialize<'de> for ByMetric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadByMetric)
    }
}

struct ReadByMetric;

impl<'de> Visitor<'de> for ReadByMetric {
    type Value = ByMetric;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metrics by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByMetric, A::Error> {
        let mut metrics = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.parse::<Metric>() {
                Ok(metric) => metrics.push((metric, map.next_value()?)),
                Err(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(ByMetric(metrics))
    }
}

fn mean_of(values: &[f64]) -> Option<f64> {
    if values.is_empty() || !all_finite(values) {
        None
    } else {
        finite(mean(values))
    }
}

fn sd_of(values: &[f64]) -> Option<f64> {
    mean_of(values)?;
    finite(PairMoments::of(values, values).variance_targets().sqrt())
}
