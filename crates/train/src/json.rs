//! Settings and logs as JSON.

use serde::Serialize;

/// The settings and logs of this crate are plain data, which JSON always holds.
pub(crate) fn to_value(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
