//! The trait of metrics.

use super::{Absence, WeightedPairs};

/// A metric of scores against ratings.
///
/// It sees every response with a weight: how often the response was drawn in a resample of the
/// bootstrap, or 1. So one definition serves the value itself, its interval, the comparison of systems,
/// slices, and early stopping.
///
/// A metric of your own takes two functions, and one more where less is better:
/// ```
/// use gradus_eval::metrics::{Better, SegmentMetric, WeightedPairs};
/// use gradus_eval::{Metric, ResponsePairs};
///
/// /// Share of segments that are scored within 0.1 of their rating.
/// struct WithinTenth;
///
/// impl SegmentMetric for WithinTenth {
///     fn name(&self) -> &'static str {
///         "within_tenth"
///     }
///
///     fn compute(&self, pairs: &WeightedPairs) -> Option<f64> {
///         let (mut near, mut all) = (0.0, 0.0);
///         for (score, rating, weight) in pairs.weighted() {
///             all += weight;
///             near += if (score - rating).abs() <= 0.1 { weight } else { 0.0 };
///         }
///         (all > 0.0).then(|| near / all)
///     }
/// }
///
/// // From here on it is among the metrics of every evaluation.
/// let metric = Metric::register(&WithinTenth)?;
/// let pairs = ResponsePairs::ungrouped([(0.95, 1.0), (0.5, 0.0)]);
/// assert_eq!(metric.compute(&pairs), Some(0.5));
/// # Ok::<(), gradus_eval::EvalError>(())
/// ```
pub trait SegmentMetric: Send + Sync {
    /// The name in files and on the command line: lower-case letters, digits and `_`.
    fn name(&self) -> &str;

    /// The value; `None` if it does not exist, and a value that is NaN or infinite counts as
    /// `None`. There is at least one pair of a weight above 0.
    fn compute(&self, pairs: &WeightedPairs) -> Option<f64>;

    /// The name for people. Default: [`name`](Self::name).
    fn label(&self) -> &str {
        self.name()
    }

    /// What it is, in a few words, as `gradus parts` lists it. Default: [`label`](Self::label).
    fn about(&self) -> &str {
        self.label()
    }

    /// Which values are better. Default: higher ones.
    fn better(&self) -> Better {
        Better::Higher
    }

    /// Its group in tables. Default: [`MetricGroup::Value`].
    fn group(&self) -> MetricGroup {
        MetricGroup::Value
    }

    /// Why it may not exist, besides [`Absence::NothingToCompare`] and [`Absence::OutOfRange`], which
    /// hold for every metric. Default: nothing.
    fn absences(&self) -> &[Absence] {
        &[]
    }
}

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Better {
    /// Higher ones.
    Higher,
    /// Lower ones, as of an error.
    Lower,
    /// Those nearer to this, as of a bias, which is best at 0.
    Nearest(f64),
}

impl Better {
    /// How good a value is: higher is better.
    pub fn goodness(self, value: f64) -> f64 {
        match self {
            Self::Higher => value,
            Self::Lower => -value,
            Self::Nearest(best) => -(value - best).abs(),
        }
    }

    /// How two values are compared: by the values, or by their distance from the best one.
    pub(crate) fn compared(self, value: f64) -> f64 {
        match self {
            Self::Higher | Self::Lower => value,
            Self::Nearest(best) => (value - best).abs(),
        }
    }
}

/// The kind of a metric; tables group metrics by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricGroup {
    /// Whether scores equal ratings.
    Value,
    /// Whether scores rise with ratings.
    Order,
    /// Whether scores tell ratings above the midpoint from those below.
    Cut,
}
