//! Bootstrap intervals by field name.

use std::collections::BTreeMap;

use crate::bootstrap::Interval;

/// Intervals by the field whose value they belong to. A figure without an interval is absent.
pub type FieldIntervals = BTreeMap<String, Interval>;

/// Takes the next intervals of `found`, those of `fields`.
pub(super) fn of_fields(
    fields: &[&str],
    found: &mut impl Iterator<Item = Option<Interval>>,
) -> FieldIntervals {
    let mut intervals = FieldIntervals::new();
    for &field in fields {
        if let Some(interval) = found.next().flatten() {
            intervals.insert(field.to_owned(), interval);
        }
    }
    intervals
}

/// Mean of values that all have to exist; `None` if one does not, or without any.
pub(super) fn mean_of_all(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
